"""problem.yaml: what is refused, with file and key, and what a checked problem says."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests._helpers import NUMBER, write_problem
from ttrl_cli.errors import ProblemError
from ttrl_cli.problem import Command, load_problem

PROBLEMS = Path(__file__).parents[1] / "problems"

BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    # name: (keys of problem.yaml, the key named, words of the reason)
    "unknown key": ({"colour": "red"}, "colour", "unknown key"),
    "unknown nested key": ({"limits": {"hours": 1}}, "limits.hours", "unknown key"),
    "unknown key in run": ({"run": {"gruops": 2}}, "run.gruops", "unknown key"),
    "run out of bounds": ({"run": {"groups": 0}}, "run.groups", "greater than or equal to 1"),
    "missing key": ({"direction": None}, "direction", "is missing"),
    "missing nested key": ({"solution": {}}, "solution.kind", "is missing"),
    "missing score": ({"score": None}, "score", "is missing"),
    "wrong direction": ({"direction": "up"}, "direction", "'minimize' or 'maximize'"),
    "wrong kind": ({"solution": {"kind": "poem"}}, "solution.kind", "got 'poem'"),
    "bad name": ({"name": "../x"}, "name", "pattern"),
    "reference without function": ({"verifier": "verify.py"}, "verifier", "FILE.py:FUNCTION"),
    "reference to no Python": ({"score": "score.sh:f"}, "score", "FILE.py:FUNCTION"),
    "no such verifier file": ({"verifier": "no.py:verify"}, "verifier", "no such file"),
    "no such function": ({"score": "verify.py:value"}, "score", "no function 'value'"),
    "no such statement": ({"statement": "no.md"}, "statement", "no such file"),
    "no such seed": ({"seeds": ["seed.txt", "no.txt"]}, "seeds[1]", "no such file"),
    "seed is a folder": ({"seeds": ["."]}, "seeds[0]", "cannot be read"),
    "no seeds": ({"seeds": []}, "seeds", "at least 1 item"),
    "no such template": ({"prompt": {"template": "no.md"}}, "prompt.template", "no such file"),
    "statement outside": ({"statement": "../s.md"}, "statement", "outside the problem's folder"),
    "seed outside": ({"seeds": ["/etc/hostname"]}, "seeds[0]", "outside the problem's folder"),
    "verifier outside": ({"verifier": "../v.py:f"}, "verifier", "outside the problem's folder"),
    "best_known is not a number": ({"best_known": float("nan")}, "best_known", "finite"),
    "best_known is infinite": ({"best_known": float("inf")}, "best_known", "finite"),
    "endless limit": ({"limits": {"seconds": float("inf")}}, "limits.seconds", "finite"),
    "score beside a command": ({"verifier": {"command": ["true"]}}, "score", "gives the score"),
    "empty command": ({"verifier": {"command": []}}, "verifier.command", "at least 1 item"),
    "misspelt command": ({"verifier": {"comand": ["x"]}}, "verifier.command", "is missing"),
    "verifier is a number": ({"verifier": 5}, "verifier", "valid string"),
    "unknown transform": ({"reward": {"transform": "log"}}, "reward.transform", "'reciprocal'"),
    "GPUs": ({"limits": {"gpus": 1}}, "limits.gpus", "less than or equal to 0"),
}
BAD_CODE = {
    "no argument": ("def verify():\n  return 1\n", "must take one argument"),
    "two arguments": ("def verify(a, b):\n  return 1\n", "must take one argument"),
    "keyword only": ("def verify(a, *, b):\n  return 1\n", "must take one argument"),
    "syntax error": ("def verify(a):\n  return (\n", "verify.py:2: '(' was never closed"),
    "null byte": ("def verify(a):\n  return 1\n\0", "null bytes"),
    "not there": ("def verifier(a):\n  return 1\n", "has no function 'verify'"),
}
BAD_FILES = {
    "a list": (b"- name\n- statement\n", "expected a mapping"),
    "empty": (b"", "expected a mapping"),
    "a key twice": (
        b"name: a\ndirection: minimize\ndirection: maximize\n",
        "is not YAML: the key 'direction' comes twice (line 3)",
    ),
    "a date that is none": (b"direction: 2024-13-45\n", "is not YAML"),
    "not YAML": (b"name: [unclosed\n", "is not YAML"),
    "not UTF-8": (b"name: caf\xe9\n", "cannot be read"),
}


def refusal(path: Path) -> str:
    """The message that refuses a problem."""
    with pytest.raises(ProblemError) as caught:
        load_problem(path)
    assert caught.value.exit_code == 2
    return str(caught.value)


@pytest.mark.parametrize("case", BAD)
def test_bad_key(tmp_path: Path, case: str):
    """A bad value is refused with the file, the dotted key and the reason."""
    keys, key, why = BAD[case]
    write_problem(tmp_path, **keys)
    message = refusal(tmp_path)
    assert message.startswith(f"{tmp_path / 'problem.yaml'}: {key}: ")
    assert why in message


@pytest.mark.parametrize("case", BAD_CODE)
def test_bad_function(tmp_path: Path, case: str):
    """A verifier that is not a function of one argument is refused without being imported."""
    code, why = BAD_CODE[case]
    write_problem(tmp_path, f"{code}\ndef score(x):\n  return 1\n")
    message = refusal(tmp_path)
    assert message.startswith(f"{tmp_path / 'problem.yaml'}: verifier: ")
    assert why in message


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_file(tmp_path: Path, case: str):
    """A file that is no YAML mapping is refused by its name."""
    content, why = BAD_FILES[case]
    write_problem(tmp_path)
    (tmp_path / "problem.yaml").write_bytes(content)
    message = refusal(tmp_path)
    assert message.startswith(f"{tmp_path / 'problem.yaml'}: {why}")


def test_missing_file(tmp_path: Path):
    """A missing problem.yaml is named, by the file or by its folder."""
    for path in (tmp_path, tmp_path / "problem.yaml"):
        assert refusal(path).startswith(f"{tmp_path / 'problem.yaml'}: no such file")


def test_other_name(tmp_path: Path):
    """A file that is not named as YAML is refused."""
    write_problem(tmp_path)
    (tmp_path / "problem.yaml").rename(tmp_path / "problem.yml")
    assert "must be named problem.yaml" in refusal(tmp_path / "problem.yml")


def test_variant(tmp_path: Path):
    """Another YAML file beside problem.yaml is a problem that shares its files, by its own name."""
    write_problem(tmp_path, name="large")
    variant = write_problem(tmp_path / "other", name="small", statement="Name a small number.")
    (variant / "problem.yaml").rename(tmp_path / "small.yaml")
    small = load_problem(tmp_path / "small.yaml")
    assert (small.spec.name, small.statement) == ("small", "Name a small number.")
    assert (small.folder, small.file) == (tmp_path, tmp_path / "small.yaml")
    assert (load_problem(tmp_path).file, load_problem(tmp_path).spec.name) == (
        tmp_path / "problem.yaml",
        "large",
    )
    (tmp_path / "small.yaml").write_text("name: small\n")
    assert refusal(tmp_path / "small.yaml").startswith(f"{tmp_path / 'small.yaml'}: ")


def test_symlink_out_of_the_folder(tmp_path: Path):
    """A seed that is a link to a file elsewhere is refused."""
    write_problem(tmp_path / "p")
    (tmp_path / "secret").write_text("5")
    (tmp_path / "p" / "seed.txt").unlink()
    (tmp_path / "p" / "seed.txt").symlink_to("../secret")
    assert "seeds[0]: seed.txt lies outside" in refusal(tmp_path / "p")


def test_seed_not_utf8(tmp_path: Path):
    """A seed that is not UTF-8 is refused by its place and name."""
    write_problem(tmp_path)
    (tmp_path / "seed.txt").write_bytes(b"\xff\xfe1")
    message = refusal(tmp_path)
    assert "seeds[0]" in message
    assert "seed.txt cannot be read" in message


def test_loading_runs_no_code(tmp_path: Path):
    """A verifier that would raise on import is not imported by loading the problem."""
    write_problem(tmp_path, f"raise SystemExit(9)\n{NUMBER}")
    assert load_problem(tmp_path).spec.name == "number"


def test_folder_or_file(tmp_path: Path):
    """The folder and the file load the same problem."""
    write_problem(tmp_path)
    assert load_problem(tmp_path) == load_problem(tmp_path / "problem.yaml")


def test_defaults(tmp_path: Path):
    """What a problem leaves out has the documented defaults."""
    write_problem(tmp_path, limits=None, run=None)
    problem = load_problem(tmp_path)
    spec = problem.spec
    assert spec.limits.model_dump() == {
        "seconds": 600.0,
        "memory_mb": 4096,
        "cpus": 1,
        "output_mb": 16.0,
        "disk_mb": 256.0,
        "processes": 256,
        "compile_seconds": 30.0,
        "gpus": 0,
        "repeats": 1,
    }
    assert (spec.solution.language, spec.solution.entry) == ("python", "run")
    assert (spec.best_known, spec.certify, spec.render, spec.run) == (None, None, None, {})
    assert (spec.environment.python, spec.environment.imports) == (None, [])
    assert (problem.template, spec.prompt.system) == (None, None)
    assert [(s.name, s.text) for s in problem.seeds] == [("seed.txt", "1")]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Inline, one line.", "Inline, one line."),
        ("Inline,\nends in see.md", "Inline,\nends in see.md"),
        ("said.md", "From the file."),
    ],
)
def test_statement(tmp_path: Path, value: str, text: str):
    """A statement is a file's text where one line names a .md or .txt file, else itself."""
    write_problem(tmp_path, statement=value)
    (tmp_path / "said.md").write_text("\nFrom the file.\n\n")
    assert load_problem(tmp_path).statement == text


def test_command_verifier(tmp_path: Path):
    """A verifier may be a command, which gives the score itself."""
    write_problem(tmp_path, verifier={"command": ["./verify.sh", "-x"]}, score=None)
    assert load_problem(tmp_path).spec.verifier == Command(command=["./verify.sh", "-x"])


@pytest.mark.parametrize(
    "code",
    [
        "def verify(x, y=1, *rest, z=2):\n  return x\n",
        "def verify(*data):\n  return data\n",
        "class verify:\n  def __init__(self, x):\n    pass\n",
        "verify = len\n",
        "from math import sqrt as verify\n",
    ],
)
def test_functions_accepted(tmp_path: Path, code: str):
    """Whatever can be called with the data alone is a verifier."""
    write_problem(tmp_path, f"{code}\ndef score(x):\n  return 1\n")
    assert load_problem(tmp_path).spec.verifier == "verify.py:verify"


@pytest.mark.parametrize(
    ("direction", "transform", "score", "reward"),
    [
        ("maximize", None, 4.0, 4.0),
        ("minimize", None, 4.0, -4.0),
        ("minimize", "identity", 4.0, 4.0),
        ("maximize", "negate", -0.5, 0.5),
        ("minimize", "reciprocal", 4.0, 0.25),
        ("minimize", "reciprocal", 0.4, 2.5),
    ],
)
def test_reward(tmp_path: Path, direction: str, transform: str | None, score: float, reward: float):
    """The reward is the score by the transform, and by direction where none is named."""
    write_problem(tmp_path, direction=direction, reward={"transform": transform})
    assert load_problem(tmp_path).reward(score) == pytest.approx(reward, rel=1e-12)


@pytest.mark.parametrize("score", [0.0, -1.0])
def test_reciprocal_needs_positive_scores(tmp_path: Path, score: float):
    """The reciprocal of a score that is not above 0 is refused with the key to change."""
    write_problem(tmp_path, reward={"transform": "reciprocal"})
    with pytest.raises(ValueError, match=r"reward\.transform is reciprocal"):
        load_problem(tmp_path).reward(score)


@pytest.mark.parametrize(("direction", "signed"), [("maximize", 3.0), ("minimize", -3.0)])
def test_direction(tmp_path: Path, direction: str, signed: float):
    """The signed score is higher for the better solution; equal scores are not better."""
    write_problem(tmp_path, direction=direction)
    problem = load_problem(tmp_path)
    assert problem.signed(3.0) == signed
    assert problem.better(3.0, 2.0) is (direction == "maximize")
    assert problem.better(2.0, 3.0) is (direction == "minimize")
    assert not problem.better(3.0, 3.0)


@pytest.mark.parametrize(
    "file", sorted(PROBLEMS.glob("*/problem.yaml")), ids=lambda file: file.parent.name
)
def test_shipped_problem(file: Path):
    """Every problem that ships loads, and is called what its folder is called."""
    problem = load_problem(file)
    assert problem.spec.name.replace("-", "_") == file.parent.name.replace("-", "_")
    assert yaml.safe_load(file.read_text())["direction"] == problem.spec.direction
