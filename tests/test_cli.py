"""The commands as a user runs them: exit codes, messages, and nothing left behind."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests._helpers import (
    NUMBER,
    PATIENCE,
    SCRIPT,
    Done,
    command,
    read_lines,
    solve,
    ttrl,
    write_lines,
    write_problem,
)
from tests.conftest import make_tiny_model
from ttrl_cli import __version__

COMMANDS = ("solve", "vote", "resume", "show", "best", "check", "model")
HEAVY = ("torch", "transformers", "peft", "trl", "accelerate", "scipy", "numpy", "sympy")


# -- what must be light ----------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--help"], ["solve", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]):
    """Help and version import no model or number library."""
    code = (
        "import sys\n"
        "from ttrl_cli.cli.main import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert end.code in (0, None), end.code\n"
        f"print(*(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == ""
    assert done.stdout


def test_help_names_every_command():
    """Every command stands in the help, and so do the exit codes."""
    done = command("--help")
    assert done.code == 0
    assert all(name in done.out for name in COMMANDS)
    assert "130 interrupted and resumable" in " ".join(done.out.replace("│", " ").split())


def test_version():
    """The version is that of the package."""
    assert command("--version").out == f"ttrl {__version__}\n"


def test_model_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The list says which models are here, and how to get those that are not."""
    monkeypatch.setenv("TTRL_CACHE", str(tmp_path))
    text = ttrl("model", "list")
    assert text.code == 0
    assert "not here; ttrl model pull smollm2-135m" in text.out
    said = ttrl("model", "list", "--json").json
    assert (said["name"], said["pulled"]) == ("smollm2-135m", False)
    assert said["path"].startswith(str(tmp_path))
    (tmp_path / "models" / "smollm2-135m").mkdir(parents=True)
    assert ttrl("model", "list", "--json").json["pulled"] is True


# -- bad input -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """A command line with something wrong, and what must come of it.

    The command runs in a folder with a good problem `p`, a replay file `r` and a finished run
    `old`; `spoil` is told of the folder first.
    """

    arguments: str
    code: int
    says: tuple[str, ...]
    spoil: Callable[[Path], object] = lambda folder: folder


def verifier(text: str) -> Callable[[Path], object]:
    """Write another verify.py."""
    return lambda folder: (folder / "p" / "verify.py").write_text(text)


def key(**keys: object) -> Callable[[Path], object]:
    """Write another problem.yaml."""
    return lambda folder: write_problem(folder / "p", **keys)  # type: ignore[arg-type]


def schema(file: str) -> Callable[[Path], object]:
    """Have a file come from a newer ttrl."""

    def change(folder: Path) -> None:
        path = folder / "old" / file
        path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 99}))

    return change


def broken_template(folder: Path) -> None:
    """Make a model whose chat template is no Jinja."""
    make_tiny_model(folder / "broken", chat_template="{% for m in messages %}")


SOLVE = "solve p --out new --sampler replay:r"
CASES = {
    "no problem": Bad(
        arguments="solve nowhere --out new",
        code=2,
        says=("nowhere", "neither a path nor a problem"),
    ),
    "no YAML": Bad(
        arguments=SOLVE,
        code=2,
        says=("p/problem.yaml: is not YAML", "line 2"),
        spoil=lambda folder: (folder / "p" / "problem.yaml").write_text("a: [\n"),
    ),
    "unknown key": Bad(
        arguments=SOLVE, code=2, says=("p/problem.yaml: colour: unknown key",), spoil=key(colour=1)
    ),
    "unknown run key": Bad(
        arguments=SOLVE,
        code=2,
        says=("p/problem.yaml: run.gruops: unknown key",),
        spoil=key(run={"gruops": 1}),
    ),
    "wrong direction": Bad(
        arguments=SOLVE,
        code=2,
        says=("p/problem.yaml: direction: ", "got 'up'"),
        spoil=key(direction="up"),
    ),
    "no function": Bad(
        arguments=SOLVE,
        code=2,
        says=("p/problem.yaml: verifier: ", "verify.py has no function 'verify'"),
        spoil=verifier("def score(x):\n  return 1\n"),
    ),
    "import fails": Bad(
        arguments=SOLVE,
        code=2,
        says=("p/problem.yaml: verifier: importing ", "ModuleNotFoundError", "nowhere"),
        spoil=verifier(f"import nowhere\n{NUMBER}"),
    ),
    "verifier raises on a seed": Bad(
        arguments=SOLVE,
        code=2,
        says=("p/problem.yaml: seeds[0]: seed.txt", "verifier raised ZeroDivisionError"),
        spoil=verifier("def verify(x):\n  return 1 / 0\ndef score(x):\n  return 1\n"),
    ),
    "no valid seed": Bad(
        arguments=SOLVE,
        code=2,
        says=("p/problem.yaml: seeds[0]: seed.txt is not a valid solution", "not a whole number"),
        spoil=key(seed="one"),
    ),
    "seed with an infinite score": Bad(
        arguments="check p",
        code=2,
        says=("seeds[0]: seed.txt", "score is not finite"),
        spoil=verifier("def verify(x):\n  return x\ndef score(x):\n  return float('inf')\n"),
    ),
    "missing package": Bad(
        arguments="check p",
        code=3,
        says=("p/problem.yaml: environment.imports[0]", "cannot import nowhere"),
        spoil=key(environment={"imports": ["nowhere"]}),
    ),
    "no folder of a model": Bad(
        arguments="solve p --out new --model ./nowhere",
        code=3,
        says=("--model ./nowhere: no such folder",),
    ),
    "model not pulled": Bad(
        arguments="solve p --out new", code=3, says=("run: ttrl model pull smollm2-135m",)
    ),
    "model not on the hub": Bad(
        arguments="solve p --out new --model no/where",
        code=3,
        says=("model 'no/where'", "smollm2-135m"),
    ),
    "broken chat template": Bad(
        arguments="solve p --out new --model ./broken",
        code=2,
        says=("the chat template of model ", "/broken fails on a conversation of user: "),
        spoil=broken_template,
    ),
    "unknown model": Bad(
        arguments="model pull gpt", code=2, says=("unknown model 'gpt'", "known: smollm2-135m")
    ),
    "existing out": Bad(
        arguments="solve p --out old --sampler replay:r",
        code=2,
        says=("old exists already, and runs are never overwritten; choose another --out",),
    ),
    "out below a file": Bad(
        arguments="solve p --out r/new --sampler replay:r", code=2, says=("r/new cannot be made",)
    ),
    "newer run": Bad(
        arguments="resume old",
        code=2,
        says=("old/status.json has schema version 99", "use a newer ttrl"),
        spoil=schema("status.json"),
    ),
    "newer configuration": Bad(
        arguments="solve p --out new --sampler replay:r --from old",
        code=2,
        says=("old/config.json has schema version 99",),
        spoil=schema("config.json"),
    ),
    "no run": Bad(arguments="show p", code=2, says=("p is not a run directory",)),
    "no run to best": Bad(arguments="best nowhere", code=2, says=("nowhere is not a run",)),
    "no run to start from": Bad(
        arguments=f"{SOLVE} --from p", code=2, says=("p is not a run directory",)
    ),
    "unknown sampler": Bad(
        arguments="solve p --out new --sampler dice",
        code=2,
        says=("--sampler dice: unknown sampler 'dice'", "replay, transformers"),
    ),
    "replay of no file": Bad(
        arguments="solve p --out new --sampler replay:nowhere",
        code=2,
        says=("--sampler replay:/", "/nowhere: cannot be read"),
    ),
    "replay nested too deeply": Bad(
        arguments=SOLVE,
        code=2,
        says=("r:1: ", "expected {"),
        spoil=lambda folder: (folder / "r").write_text("[" * 100_000 + "\n"),
    ),
    "replay without a name": Bad(
        arguments="solve p --out new --sampler replay:", code=2, says=("replay:FILE needs a file",)
    ),
    "replay with a bad line": Bad(
        arguments=SOLVE,
        code=2,
        says=("r:2: ", "expected {"),
        spoil=lambda folder: (folder / "r").write_text('{"text": "1"}\n{"txt": "2"}\n'),
    ),
    "out of bounds": Bad(
        arguments=f"{SOLVE} --group-size 1",
        code=2,
        says=("--group-size: Input should be greater than or equal to 2 (got 1)",),
    ),
    "temperature": Bad(arguments=f"{SOLVE} --temperature 0", code=2, says=("--temperature: ",)),
    "not a number": Bad(arguments=f"{SOLVE} --lr nan", code=2, says=("--lr: ", "got nan")),
    "unknown search": Bad(
        arguments=f"{SOLVE} --search dfs", code=2, says=("--search: ", "'best-of-n'")
    ),
    "unknown objective": Bad(
        arguments=f"{SOLVE} --objective ppo", code=2, says=("--objective: ", "'ppo'", "entropic,")
    ),
    "bounds of a resume": Bad(
        arguments="resume old --samples 0", code=2, says=("--samples: ", "got 0")
    ),
    "unknown option": Bad(arguments="solve p --colour red", code=2, says=("--colour",)),
    "unknown command": Bad(arguments="sovle p", code=2, says=("sovle",)),
    "no questions": Bad(
        arguments="vote nowhere.jsonl --out new", code=2, says=("nowhere.jsonl: cannot be read",)
    ),
}
OFFLINE = "model not on the hub"  # what says so is read when a process starts
AS_A_PROCESS = ("no problem", "verifier raises on a seed", "unknown option", OFFLINE)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the good problem."""
    folder = tmp_path_factory.mktemp("old")
    assert solve(write_problem(folder / "p"), folder / "old", ["5"], "--steps", 1).code == 0
    return folder / "old"


@pytest.fixture
def desk(tmp_path: Path, old: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a bad command runs in."""
    write_problem(tmp_path / "p")
    write_lines(tmp_path / "r", ["5"])
    subprocess.run(["cp", "-a", old, tmp_path / "old"], check=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TTRL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.mark.parametrize(
    ("case", "run"),
    [
        *(pytest.param(name, ttrl, id=name) for name in CASES if name != OFFLINE),
        *(pytest.param(name, command, id=f"{name}, as a process") for name in AS_A_PROCESS),
    ],
)
def test_bad_input(desk: Path, case: str, run: Callable[..., Done]):
    """A mistake ends with its code and a message of what and where, and leaves nothing behind."""
    bad = CASES[case]
    bad.spoil(desk)
    before = {path: path.read_bytes() for path in desk.rglob("*") if path.is_file()}
    done = run(*bad.arguments.split())
    assert done.code == bad.code, done.err
    for words in bad.says:
        assert words in done.err
    assert not any(line.startswith("Traceback") for line in done.err.splitlines())
    assert done.out == ""
    after = {path: path.read_bytes() for path in desk.rglob("*") if path.is_file()}
    changed = {str(p.relative_to(desk)) for p in after if after[p] != before.get(p)}
    # importing a verifier may leave its bytecode, taking a lock the lock's empty file
    assert {p for p in changed if "__pycache__" not in p and not p.endswith("/lock")} == set()
    assert not (desk / "new").exists()


# -- what commands print ---------------------------------------------------------------------


def test_result_on_stdout_and_talk_on_stderr(desk: Path):
    """Stdout has the result alone, and --quiet silences the talk, not the result."""
    done = command("solve", "p", "--out", "new", "--sampler", "replay:r", "--steps", 1)
    assert done.code == 0
    assert done.out.startswith("number: done, new\n  best score   5  (step 1, 1.0.0)\n")
    assert done.err.startswith("number in new\nstep 1/1  best 5")
    quiet = ttrl("resume", "new", "--steps", 2, "--quiet")
    assert quiet.err == ""
    assert "2 steps" in quiet.out
    assert len(read_lines(desk / "new" / "metrics.jsonl")) == 2


def test_default_run_directory(desk: Path):
    """Without --out, runs are numbered in runs/, after the problem."""
    for number in (1, 2):
        done = ttrl("solve", "p", "--sampler", "replay:r", "--steps", 1, "--json")
        assert done.json["run"] == f"runs/number-{number}"
    assert (desk / "runs" / "number-2" / "status.json").exists()


def test_run_inside_the_problem_folder(desk: Path, monkeypatch: pytest.MonkeyPatch):
    """A run made in the problem's own folder does not become a part of the problem."""
    monkeypatch.chdir(desk / "p")
    for name in ("one", "two"):
        done = ttrl("solve", ".", "--out", name, "--sampler", "replay:../r", "--steps", 1)
        assert done.code == 0, done.err
    assert not (desk / "p" / "two" / "problem" / "one").exists()
    assert ttrl("resume", "two", "--steps", 2).code == 0


def test_output_into_a_closed_pipe(old: Path):
    """A reader that closes the pipe early is no reason for a traceback."""
    read, write = os.pipe()
    os.close(read)
    with subprocess.Popen([SCRIPT, "best", old], stdout=write, stderr=subprocess.PIPE) as process:
        os.close(write)
        _, err = process.communicate(timeout=PATIENCE)
    assert b"Traceback" not in err


@pytest.mark.parametrize(("target", "why"), [(">/dev/full", "No space left"), (">&-", "closed")])
def test_output_that_cannot_be_written(old: Path, target: str, why: str):
    """A full disk or a closed standard output is the environment's fault: exit code 3."""
    line = f'"{SCRIPT}" best "{old}" {target}'
    done = subprocess.run(
        ["sh", "-c", line], check=False, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 3
    assert why in done.stderr
    assert "Traceback" not in done.stderr
