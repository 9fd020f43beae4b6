"""How processes start: a launcher's variables, and runs that start at once."""

from pathlib import Path

import pytest

from tests._helpers import (
    command,
    one_sentence,
    spawn,
    ttrl,
    wait,
    write_lines,
    write_problem,
)
from ttrl_cli import __version__
from ttrl_cli.rundir import RunDir

LAUNCHED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


@pytest.mark.parametrize("rank", ["1", "x", "-1", ""])
@pytest.mark.parametrize("arguments", [["--version"], ["model", "list"], ["solve", "--help"]])
def test_other_commands_do_not_follow(arguments: list[str], rank: str):
    """What no other process can be followed in takes no notice of RANK, whatever it is."""
    done = command(*arguments, RANK=rank)
    assert done.code == 0, done.err
    if arguments == ["--version"]:
        assert done.out == f"ttrl {__version__}\n"


@pytest.mark.parametrize("name", ["solve", "vote", "resume"])
def test_missing_variables_are_named(tmp_path: Path, name: str):
    """A process of several that was not told enough says which variables are missing."""
    said = one_sentence(command(name, tmp_path, RANK="1"))
    for variable in LAUNCHED[1:]:
        assert variable in said
    assert "RANK is 1" in said


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"RANK": "x"}, "RANK is 'x' in the environment"),
        ({"RANK": "-1"}, "RANK is '-1'"),
        ({"RANK": "1.0"}, "RANK is '1.0'"),
        ({"RANK": "\u0661"}, "RANK is '\u0661'"),
        ({"WORLD_SIZE": "many"}, "WORLD_SIZE is 'many'"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE is '0'"),
        ({"WORLD_SIZE": "2"}, "WORLD_SIZE is 2, and RANK, LOCAL_RANK, MASTER_ADDR"),
        ({"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_PORT": "1"}, "MASTER_ADDR is"),
        (dict(zip(LAUNCHED, ("2", "2", "0", "localhost", "29500"), strict=True)), "RANK is 2"),
        (dict(zip(LAUNCHED, ("1", "2", "x", "localhost", "29500"), strict=True)), "LOCAL_RANK is"),
        (dict(zip(LAUNCHED, ("1", "2", "1", "localhost", "port"), strict=True)), "MASTER_PORT is"),
        (dict(zip(LAUNCHED, ("1", "2", "1", "localhost", "70000"), strict=True)), "no port"),
    ],
)
def test_malformed_variables_are_refused(tmp_path: Path, given: dict[str, str], says: str):
    """A variable that cannot be, alone or beside another, is named with its value."""
    assert says in one_sentence(command("solve", tmp_path, **given))


def test_one_process_of_one_is_no_other(tmp_path: Path):
    """A launcher of a single process changes nothing, and neither do empty variables."""
    problem, replay = write_problem(tmp_path / "p"), write_lines(tmp_path / "r", ["5"])
    for number, given in enumerate(({"RANK": "0", "WORLD_SIZE": "1"}, {"RANK": ""})):
        out = tmp_path / f"run{number}"
        done = command(
            "solve", problem, "--out", out, "--sampler", f"replay:{replay}", "--steps", 1, **given
        )
        assert done.code == 0, done.err


# -- runs that start at once -----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["solve", "vote"])
def test_runs_that_start_at_once(tmp_path: Path, kind: str):
    """Three runs without --out that start together each take a number of their own."""
    write_problem(tmp_path / "number")
    write_lines(tmp_path / "number.jsonl", [{"question": "1 + 1?"}])
    write_lines(tmp_path / "r", ["5", "Answer: 2"])
    arguments = {
        "solve": ["solve", "number", "--steps", 1],
        "vote": ["vote", "number.jsonl", "--n", 2],
    }[kind]
    started = [spawn(*arguments, "--sampler", "replay:r", cwd=tmp_path) for _ in range(3)]
    done = [wait(process) for process in started]
    assert [each.code for each in done] == [0, 0, 0], [each.err for each in done]
    runs = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert runs == ["number-1", "number-2", "number-3"]
    phases = [RunDir.open(tmp_path / "runs" / name).status.phase for name in runs]
    assert phases == ["done"] * 3


def test_a_number_that_is_taken_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Files and links that lead nowhere take numbers as well."""
    monkeypatch.chdir(tmp_path)
    write_problem(tmp_path / "p")
    write_lines(tmp_path / "r", ["5"])
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "number-1").write_text("")
    (tmp_path / "runs" / "number-2").symlink_to("nowhere")
    done = ttrl("solve", "p", "--sampler", "replay:r", "--steps", 1, "--json")
    assert done.json["run"] == "runs/number-3"
