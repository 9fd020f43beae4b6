"""Documentation that cannot drift from the code."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent


def _generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["cli.md", "problem.md", "prompt-file.md"])
def test_generated_pages_are_current(page: str) -> None:
    """Each generated page is what `make docs` would write."""
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == _generate().pages()[page]


ANY_TEXT = """\
name: any-text
statement: Write anything.
direction: maximize
solution: {kind: text}
verifier: verify.py:verify
score: verify.py:score
seeds: [seed.txt]
run: {groups: 2, group_size: 4, steps: 1, max_tokens: 8, kl: 0.1, dtype: float32, lora_rank: 4}
"""


def test_every_metric_is_explained_once(tmp_path: Path, tiny_model: Path) -> None:
    """Each key that a learning run writes to metrics.jsonl has exactly one line in metrics.md."""
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)
    assert len(explained) == len(set(explained))
    (tmp_path / "problem.yaml").write_text(ANY_TEXT)
    (tmp_path / "seed.txt").write_text("a")
    (tmp_path / "verify.py").write_text("verify = str\nscore = len\n")
    out = tmp_path / "run"
    command = [sys.executable, "-m", "ttrl_cli", "solve", str(tmp_path), "--out", str(out)]
    subprocess.run([*command, "--model", str(tiny_model)], check=True, capture_output=True)
    (line,) = (out / "metrics.jsonl").read_text().splitlines()
    keys = set(json.loads(line))
    assert "train/kl_base" in keys
    assert keys <= set(explained)
