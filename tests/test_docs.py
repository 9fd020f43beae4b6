"""Documentation that cannot drift from the code."""

import ast
import contextlib
import importlib
import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests._helpers import DISTINCT, load_module, ttrl

ROOT = Path(__file__).parent.parent
BENCHMARKS = ROOT / "tests" / "benchmarks"


def _constants(script: str) -> dict[str, Any]:
    """The literal constants of a benchmark script, by name; it is not imported."""
    found = {}
    for node in ast.parse((BENCHMARKS / script).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            with contextlib.suppress(ValueError):
                found[node.targets[0].id] = ast.literal_eval(node.value)
    return found


@pytest.mark.parametrize("page", ["benchmarks.md", "cli.md", "problem.md", "prompt-file.md"])
def test_generated_pages_are_current(page: str) -> None:
    """Each generated page is what `make docs` would write."""
    generate = load_module(ROOT / "docs" / "generate.py", "generate")
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == generate.PAGES[page]()


def test_every_benchmark_is_run() -> None:
    """Each script of tests/benchmarks is one that `make bench` runs, or stays out for a reason."""
    names = _constants("run.py")
    scripts = {path.name for path in BENCHMARKS.glob("*.py")}
    expected = {*names["SCRIPTS"], *names["APART"], "run.py", "_figures.py"}
    assert scripts == expected
    assert all(names["APART"].values())


def test_every_figure_has_its_script() -> None:
    """Each figure of benchmarks.json names a script that `make bench` runs, and where it ran."""
    figures = json.loads((ROOT / "docs" / "benchmarks.json").read_text(encoding="utf-8"))
    scripts = {f"python tests/benchmarks/{script}" for script in _constants("run.py")["SCRIPTS"]}
    assert {figure["command"] for figure in figures.values()} <= scripts
    assert all(figure["machine"] and figure["date"] for figure in figures.values())


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """tests/benchmarks/run.py, which finds what it imports as a script does."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("run")


@pytest.fixture
def figure(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Make a figure in milliseconds."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    what = {"name": "a", "what": "", "against": "", "unit": "ms"}
    return partial(importlib.import_module("_figures").Figure, **what)


@pytest.mark.parametrize(
    ("ours", "lower", "target", "met"),
    [
        (2.0, True, "3x", True),
        (2.1, True, "3x", False),
        (18.0, False, "3x", True),
        (17.9, False, "3x", False),
        (50.0, True, "50 ms", True),
        (50.1, True, "50 ms", False),
        (49.9, False, "50 ms", False),
        (1.0, True, "", None),
    ],
)
def test_a_target_is_a_bound(
    figure: Callable[..., Any], ours: float, lower: bool, target: str, met: bool | None
) -> None:
    """A ratio is to be at least its target (here to 6 ms), a figure on the right side of it."""
    assert figure(ours=ours, alternative=6.0, lower=lower, target=target).met is met


def test_a_target_in_another_unit_is_refused(figure: Callable[..., Any]) -> None:
    """A target that cannot be compared ends its script, rather than counting as met or missed."""
    seconds = figure(ours=1.0, alternative=None, lower=True, target="1 s")
    with pytest.raises(ValueError, match="a: the target '1 s' is no ratio, nor in ms"):
        _ = seconds.met


def test_figures_of_a_script_replace_its_old_ones(harness: ModuleType) -> None:
    """A script's old figures go, others stay, and a name belongs to one script."""
    ours, other = harness.SCRIPTS[:2]
    known = {
        name: {"command": f"python tests/benchmarks/{script}", "ours": 1.0}
        for name, script in [("a", ours), ("b", ours), ("c", other), ("d", "gone.py")]
    }
    new = {"b": {**known["b"], "ours": 2.0}}
    assert harness.merged(known, new, ours) == {"b": new["b"], "c": known["c"]}
    with pytest.raises(ValueError, match=f"another script has a figure called c: .*{other}"):
        harness.merged(known, {"c": new["b"]}, ours)


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
    (tmp_path / "verify.py").write_text(DISTINCT)
    out = tmp_path / "run"
    done = ttrl("solve", tmp_path, "--out", out, "--model", tiny_model)
    assert done.code == 0, done.err
    (line,) = (out / "metrics.jsonl").read_text().splitlines()
    keys = set(json.loads(line))
    assert "train/kl_base" in keys
    assert keys <= set(explained)
