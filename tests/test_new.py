"""`ttrl new`: templates that work as they are, and verifiers that nothing gets past."""

import json
import math
import re
import shlex
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests._helpers import command, load_module, nested, read_lines, ttrl
from ttrl_cli import Invalid
from ttrl_cli.api.scaffolding import KINDS, PLACEHOLDER, template
from ttrl_cli.problem import Solution, load_problem

PAGE = Path(__file__).parent.parent / "docs" / "writing-a-problem.md"
BEST = math.sqrt(2) / 2
CROSS = [[0.5, 0.5], [0.2, 0.5], [0.8, 0.5], [0.5, 0.2], [0.5, 0.8]]
CORNERS = [[0, 0], [0, 1], [1, 0], [1, 1], [0.5, 0.5]]
COMMON = ["README.md", "problem.yaml", "replay.jsonl"]
SEEDS = {
    "program": ["seeds/climb.py", "seeds/row.py"],
    "json": ["seeds/cross.json", "seeds/row.json"],
    "text": ["seeds/cross.txt", "seeds/row.txt"],
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def verifier(kind: str, folder: Path) -> ModuleType:
    """The verify.py of a template, imported."""
    file = folder / f"verify_{kind}.py"
    file.write_text(template(kind)["verify.py"])
    return load_module(file, file.stem)


# -- what is made ----------------------------------------------------------------------------


def test_every_kind_of_solution_has_a_template():
    """The kinds are those of problem.yaml."""
    assert sorted(KINDS) == sorted(Solution.model_fields["kind"].annotation.__args__)


@pytest.mark.parametrize("kind", KINDS)
def test_solves_at_once(here: Path, kind: str):
    """A new problem passes its check, and its replay file finds what is better than the seeds."""
    assert ttrl("new", "spread", "--kind", kind).code == 0
    checked = ttrl("check", "spread", "--json")
    assert checked.code == 0, checked.err
    done = ttrl("solve", "spread", "--sampler", "replay:spread/replay.jsonl", "--json")
    assert done.code == 0, done.err
    summary = done.json
    assert max(seed["score"] for seed in checked.json["seeds"]) == summary["seed_score"]
    assert summary["seed_score"] + 0.2 < summary["best"]["score"] < BEST
    assert 0 < summary["valid"] < summary["samples"] == 16
    # the script is as long as the run of the template
    assert len(read_lines(here / "spread" / "replay.jsonl")) == 16


@pytest.mark.usefixtures("here")
def test_scores_by_hand():
    """The seeds' closest points are 0.3 and 0.25 apart, and the script's best 0.45 sqrt(2)."""
    for kind in ("json", "text"):
        ttrl("new", kind, "--kind", kind)
        seeds = ttrl("check", kind, "--json").json["seeds"]
        assert [seed["score"] for seed in seeds] == pytest.approx([0.3, 0.25], rel=1e-12)
        done = ttrl("solve", kind, "--sampler", f"replay:{kind}/replay.jsonl", "--json")
        assert done.json["best"]["score"] == pytest.approx(0.45 * math.sqrt(2), rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_files_and_name(here: Path, kind: str):
    """The folder has the files that are listed, and the name stands where the template has none."""
    done = ttrl("new", "deep/er/1.0", "--kind", kind, "--json")
    listed = sorted([*COMMON, *SEEDS[kind], "statement.md", "verify.py"])
    assert done.json == {"folder": "deep/er/1.0", "kind": kind, "files": listed}
    folder = here / "deep" / "er" / "1.0"
    found = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    assert found == listed
    assert not any(PLACEHOLDER in (folder / name).read_text() for name in found)
    assert load_problem(folder).spec.name == "1.0"  # a number, if YAML had its way
    assert "ttrl check 1.0" in (folder / "README.md").read_text()


@pytest.mark.usefixtures("here")
def test_prints_commands_that_work():
    """What it prints can be pasted, whatever the folder is called; program is the default."""
    made = command("new", "my problems/spread")
    assert (made.code, made.err) == (0, "")
    first, *commands = made.out.splitlines()
    assert first == "my problems/spread: a problem of kind program, 7 files"
    assert commands == [
        "  ttrl check 'my problems/spread'",
        "  ttrl solve 'my problems/spread' --sampler 'replay:my problems/spread/replay.jsonl'",
        "  ttrl solve 'my problems/spread'",
    ]
    for line in commands[:2]:
        assert ttrl(*shlex.split(line)[1:]).code == 0


def test_a_problem_with_inputs(here: Path):
    """It passes its check, and its script has ways to fail and to be better than the seeds."""
    made = ttrl("new", "tour", "--with-inputs", "--json")
    assert made.code == 0, made.err
    seeds = ["seeds/by_column.py", "seeds/in_order.py"]
    assert made.json["files"] == sorted(
        [*COMMON, *seeds, "measure.py", "statement.md", "verify.py"]
    )
    checked = ttrl("check", "tour", "--json")
    assert checked.code == 0, checked.err
    assert (checked.json["findings"], checked.json["differs"]) == ([], "")
    done = ttrl("solve", "tour", "--sampler", "replay:tour/replay.jsonl", "--json")
    assert done.code == 0, done.err
    summary = done.json
    assert summary["best"]["score"] < 0.6 * summary["seed_score"]
    assert 0 < summary["valid"] < summary["samples"] == 16
    attempts = read_lines(here / summary["run"] / "attempts.jsonl")
    reasons = {attempt["verdict"]["reason"] for attempt in attempts}
    wanted = {"case 1: timeout", "case 1: error", "case 1: no order of all points"}
    assert wanted <= reasons


@pytest.mark.parametrize(
    "others", [["--kind", "json"], ["--kind", "text"], ["--from", "sidon_100"]], ids=" ".join
)
def test_inputs_go_with_programs(here: Path, others: list[str]):
    """A solution that is not run has no inputs, and a copy has what its problem has."""
    done = ttrl("new", "x", "--with-inputs", *others)
    assert done.code == 2
    assert "--with-inputs: " in done.err
    assert list(here.iterdir()) == []


# -- what is refused -------------------------------------------------------------------------


def test_what_exists_is_left_alone(here: Path):
    """A folder, even an empty one, a file or a dangling link of that name ends it, untouched."""
    (here / "folder").mkdir()
    (here / "file").write_text("mine")
    (here / "link").symlink_to("nowhere")
    for name in ("folder", "file", "link"):
        done = ttrl("new", name)
        assert done.code == 2
        assert f"{name} exists already" in done.err
        assert done.out == ""
    assert list((here / "folder").iterdir()) == []
    assert (here / "file").read_text() == "mine"
    assert not (here / "nowhere").exists()


@pytest.mark.parametrize("name", ["", ".", "..", "-x", ".x", "a b", "x/ü", "a" * 65, "x\n", "a/.."])
def test_bad_names(here: Path, name: str):
    """A name that problem.yaml would refuse is refused before anything is made."""
    done = ttrl("new", "--", name)
    assert done.code == 2
    assert "cannot be a problem's name" in done.err
    assert list(here.iterdir()) == []


def test_bad_kind_and_bad_place(here: Path):
    """An unknown kind is answered by the known ones; a folder cannot lie below a file."""
    done = ttrl("new", "x", "--kind", "yaml")
    assert done.code == 2
    assert "--kind yaml: unknown kind 'yaml'; choose one of program, json, text" in done.err
    assert list(here.iterdir()) == []
    (here / "file").write_text("")
    done = ttrl("new", "file/x")
    assert done.code == 2
    assert "file/x cannot be made: Not a directory" in done.err


# -- the verifiers ---------------------------------------------------------------------------


class Odd(list):  # type: ignore[type-arg]
    """A list that nobody can go through."""

    def __iter__(self):
        msg = "no"
        raise RuntimeError(msg)


def with_value(value: object) -> list[Any]:
    """Good points but for one number."""
    return [*CROSS[:4], [0.5, value]]


HUGE = 10**5000  # too long to be printed: str() raises
VALUES = [
    True, False, None, "0.5", b"0.5", math.nan, math.inf, -math.inf, 1 + 2**-52, -5e-324, HUGE,
    -HUGE, 0.5j, [], [0.5], {}, nested(10_000), np.float64(0.5), np.array(0.5), object(),
]  # fmt: skip
DATA = [
    *(with_value(value) for value in VALUES), *VALUES,
    [], CROSS[:4], [*CROSS, [0, 0]], [*CROSS[:4], []], [*CROSS[:4], [0.5]], [*CROSS[:4], [0, 0, 0]],
    [*CROSS[:4], {"x": 0.5, "y": 0.8}], [*CROSS[:4], "01"], [*CROSS[:4], (0.5, 0.8)],
    {"points": CROSS, "score": 2}, {"value": 2, "valid": True}, dict(enumerate(CROSS)),
    tuple(CROSS), set(range(5)), "01234", range(5), np.array(CROSS), np.array(CROSS, dtype=object),
    np.array(CROSS, dtype=complex), Odd(CROSS), [*CROSS[:4], Odd([0.5, 0.8])], list,
    [[CROSS]], [CROSS] * 5,
]  # fmt: skip
ROWS = ["0 0", "0 1", "1 0", "1 1"]
WORDS = [
    "", "x", "0.5", "0.5 0.5 0.5", "0.5,0.5", "0.5 nan", "0.5 inf", "0.5 -0.5", "0.5 +0.5",
    "0.5 -0", "0.5 1.000000001", "0.5 1e0", "0.5 1e-1", "0.5 0x1", "0.5 1_0", "0.5 .", "0.5 0.",
    "0.5 00.5", "0.5 0.1234567890", "0.5 ٠.٥", "0.5 ½", "0.5 1j", "0.5 True", "0.5 1/2",
    "[0.5, 0.5]", "0.5 " + "9" * 100_000, "0.5 \ud800", "0.5 0.5 score", "score 2",
]  # fmt: skip
TEXTS = [
    *("\n".join([*ROWS, word]) for word in WORDS), *DATA,
    "\n".join(ROWS), "\n".join([*ROWS, "0.5 0.5", "score 2"]), "\n" * 1_000_000, " ".join(ROWS),
    "I would put the points on a circle.", json.dumps(CROSS), "\x00",
]  # fmt: skip


def refusals(verify: Callable[[Any], object], attacks: list[Any]) -> list[str]:
    """The reasons for which each of the attacks is refused; anything else is raised."""
    reasons = []
    for place, attack in enumerate(attacks):
        with pytest.raises(Invalid) as caught:
            pytest.fail(f"attack {place} got past: {verify(attack)!r:.80}")
        reasons.append(str(caught.value))
    return reasons


@pytest.mark.parametrize(("kind", "attacks"), [("json", DATA), ("program", DATA), ("text", TEXTS)])
def test_hostile_input_is_invalid_and_nothing_else(tmp_path: Path, kind: str, attacks: list[Any]):
    """Whatever is no solution is refused by Invalid, with a short reason, the same each time."""
    module = verifier(kind, tmp_path)
    first = refusals(module.verify, attacks)
    assert first == refusals(module.verify, attacks)
    assert all(0 < len(reason) < 100 for reason in first)


@pytest.mark.parametrize("kind", KINDS)
def test_the_best_solution(tmp_path: Path, kind: str):
    """Corners and centre have the best score there is; verifying twice changes nothing."""
    module = verifier(kind, tmp_path)
    data = CORNERS if kind != "text" else "\n".join([*ROWS, "", ".5 0.500000000  "])
    before = json.dumps(data)
    points = module.verify(data)
    assert points == CORNERS
    assert {type(value) for point in points for value in point} == {float}
    assert module.score(points) == module.score(module.verify(data)) == pytest.approx(BEST)
    assert json.dumps(data) == before


@pytest.mark.parametrize("kind", KINDS)
def test_coinciding_points_are_worth_nothing(tmp_path: Path, kind: str):
    """Two points in one place are allowed, and score 0."""
    module = verifier(kind, tmp_path)
    data = [[0, 0]] * 5 if kind != "text" else "\n".join(["0 0"] * 5)
    assert module.score(module.verify(data)) == 0


# -- what is shipped, and what is said about it ----------------------------------------------


def test_templates_are_package_data():
    """The templates lie in the package, and compiled files beside them are not taken for theirs."""
    root = files("ttrl_cli") / "templates"
    assert {item.name for item in root.iterdir()} == {"common", "inputs", *KINDS}
    for kind in KINDS:
        assert {"verify.py", *COMMON, *SEEDS[kind]} <= set(template(kind))
        assert not any(name.endswith(".pyc") for name in template(kind))


def _page_commands() -> list[list[str]]:
    blocks = re.findall(
        r"^```(?:console|sh)\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE
    )
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("ttrl ")]


def _needs_model(arguments: list[str]) -> bool:
    scripted = any(word.startswith("replay:") for word in arguments)
    return arguments[0] in ("solve", "resume", "vote", "model") and not scripted


def test_commands_of_the_page(here: Path):
    """What docs/writing-a-problem.md tells a newcomer to type works as written, in its order."""
    commands = [words for words in _page_commands() if not _needs_model(words)]
    assert [words[0] for words in commands][:4] == ["new", "check", "solve", "best"]
    for words in commands:
        done = ttrl(*words)
        assert done.code == 0, (words, done.err)
    assert {folder.name for folder in here.iterdir()} >= {"spread", "spread-program", "spread-text"}
