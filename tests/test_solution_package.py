"""`ttrl export RUN --solution DIR`: a folder that others can check with one command."""

import json
import re
import shlex
from pathlib import Path

import pytest

from tests._helpers import Done, solve, spawn, ttrl, wait, write_problem

SUM = """
from ttrl_cli import Invalid

def verify(data):
    if not isinstance(data, list):
        raise Invalid("not a list")
    return sorted(data)

def score(data):
    return sum(data)

def certify(data):
    return float(sum(data))
"""


def commands(folder: Path) -> list[str]:
    """The commands that a package's README gives."""
    blocks = re.findall(r"```sh\n(.*?)\n```", (folder / "README.md").read_text(), re.DOTALL)
    return [block.strip() for block in blocks]


def run_there(folder: Path, command: str) -> Done:
    """Run a command of a README in the package's folder, as its reader would."""
    program, *words = shlex.split(command)
    assert program == "ttrl"
    return wait(spawn(*words, cwd=folder))


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search over lists of numbers, with a certificate; its best is [2, 9], from [1, 7]."""
    folder = tmp_path_factory.mktemp("numbers")
    problem = write_problem(
        folder / "problem",
        SUM,
        seed="[1]",
        name="sum",
        solution={"kind": "json"},
        certify="verify.py:certify",
        best_known=20,
        best_known_source="a guess",
    )
    replay = ["[1, 7]", "[]", "[3]", "no", "[9, 2]", "[4]", "[5]", "[6]"]
    assert solve(problem, folder / "run", replay).code == 0
    return folder / "run"


def test_the_readmes_commands_check_the_package(numbers: Path, tmp_path: Path) -> None:
    """Both are run in the folder, far from the run: the data are valid, the certificate holds."""
    done = ttrl("export", numbers, "--solution", tmp_path / "package")
    assert (done.code, done.out.strip()) == (0, str(tmp_path / "package"))
    check, certified = commands(tmp_path / "package")
    assert check == "ttrl verify problem data.json"
    assert certified == "ttrl verify problem --certificate certificate.json"
    found = run_there(tmp_path / "package", check)
    assert found.code == 0, found.err
    assert re.search(r"^  score +11 ", found.out, re.MULTILINE)
    assert run_there(tmp_path / "package", certified).code == 0


def test_a_changed_solution_does_not_pass(numbers: Path, tmp_path: Path) -> None:
    """The command says what the data are worth, whatever the README claims."""
    ttrl("export", numbers, "--solution", tmp_path / "package")
    (tmp_path / "package" / "data.json").write_text('"eleven"')
    found = run_there(tmp_path / "package", commands(tmp_path / "package")[0])
    assert found.code == 4


def test_it_says_how_the_solution_came_about(numbers: Path, tmp_path: Path) -> None:
    """The lineage goes from the seed to the best, each with the prompt it was asked by."""
    ttrl("export", numbers, "--solution", tmp_path / "package")
    lineage = json.loads((tmp_path / "package" / "lineage.json").read_text())["solutions"]
    assert [one["score"] for one in lineage] == [1, 8, 11]
    assert [one["parent"] for one in lineage] == [None, lineage[0]["id"], lineage[1]["id"]]
    assert lineage[0]["prompt"] is None
    (turn,) = lineage[2]["prompt"]
    assert "[1, 7]" in turn["content"]
    assert "Its score: 1 -> 8" in turn["content"]
    readme = (tmp_path / "package" / "README.md").read_text()
    assert "| best known | 20 (a guess) |" in readme
    assert f"| {lineage[2]['id']} | 2 | 11 |" in readme
    assert "none: the completions were scripted" in readme


def test_it_has_all_and_nothing_else(numbers: Path, tmp_path: Path) -> None:
    """Each file of the README is there, and no adapter, lock or half-written folder."""
    ttrl("export", numbers, "--solution", tmp_path / "package")
    assert {path.name for path in (tmp_path / "package").iterdir()} == {
        *("README.md", "certificate.json", "config.json", "data.json", "lineage.json"),
        *("problem", "provenance.json", "solution.json", "verdict.json"),
    }
    assert [path.name for path in tmp_path.iterdir()] == ["package"]


def test_a_text_is_checked_as_it_is(tmp_path: Path) -> None:
    """Its verifier takes the text, and might not take the data that it made of it."""
    problem = write_problem(tmp_path / "problem")
    solve(problem, tmp_path / "run", ["3"] * 8)
    assert ttrl("export", tmp_path / "run", "--solution", tmp_path / "package").code == 0
    (check,) = commands(tmp_path / "package")
    assert check == "ttrl verify problem solution.txt"
    assert run_there(tmp_path / "package", check).code == 0


def test_a_verifier_that_takes_no_data_of_its_own(tmp_path: Path) -> None:
    """What `verify` returns need not be what it takes: the solution itself is checked then."""
    judge = """
from ttrl_cli import Invalid

def verify(data):
    if not isinstance(data, list):
        raise Invalid("not a list")
    return {"numbers": data}

def score(data):
    return sum(data["numbers"])
"""
    problem = write_problem(tmp_path / "problem", judge, seed="[1]", solution={"kind": "json"})
    solve(problem, tmp_path / "run", ["[2]"] * 8)
    assert ttrl("export", tmp_path / "run", "--solution", tmp_path / "package").code == 0
    (check,) = commands(tmp_path / "package")
    assert check == "ttrl verify problem solution.json"
    assert run_there(tmp_path / "package", check).code == 0


def test_a_solution_that_no_longer_holds(tmp_path: Path) -> None:
    """If the verifier refuses it, nothing is written and the exit code is 4."""
    problem = write_problem(tmp_path / "problem")
    solve(problem, tmp_path / "run", ["3"] * 8)
    (tmp_path / "run" / "best" / "solution.txt").write_text("three")
    done = ttrl("export", tmp_path / "run", "--solution", tmp_path / "package")
    assert done.code == 4
    assert "no longer accepts the best solution: not a whole number" in done.err
    assert not (tmp_path / "package").exists()


@pytest.mark.parametrize("name", ["package", "taken"])
def test_nothing_is_overwritten(numbers: Path, tmp_path: Path, name: str) -> None:
    """A folder that exists is refused and stays as it is; one that does not is made."""
    (tmp_path / "taken").mkdir()
    done = ttrl("export", numbers, "--solution", tmp_path / name)
    assert done.code == (2 if name == "taken" else 0)
    assert not list((tmp_path / "taken").iterdir())


def test_no_run_of_solve(tmp_path: Path) -> None:
    """What is no run ends with code 2."""
    done = ttrl("export", tmp_path, "--solution", tmp_path / "package")
    assert done.code == 2
    assert "is not a run directory" in done.err


def test_a_package_of_the_seed_is_called_one(tmp_path: Path):
    """Where no attempt was better than the seed, that is said beside the package."""
    run = tmp_path / "run"
    solve(write_problem(tmp_path / "p"), run, ["x"] * 8)
    done = ttrl("export", run, tmp_path / "package", "--solution")
    assert done.code == 0
    assert "no attempt was better than what the run began with" in done.err
