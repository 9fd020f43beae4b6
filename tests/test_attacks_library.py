"""Attacks on the installed problem library: verifiers, seeds and all must not exist for candidates.

The library lies among the interpreter's packages, which candidates may read. Each attack is seen to
find it where nothing hides it: outside of a sandbox, and on the backend `process`.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests._helpers import read_lines, write_lines, write_problem
from tests._installed import install, installed, library_of
from ttrl_cli.grading.grader import ProblemGrader
from ttrl_cli.problem import load_problem
from ttrl_cli.records import Status
from ttrl_cli.sandbox.backends import BACKENDS
from ttrl_cli.sandbox.base import Property, SandboxSpec
from ttrl_cli.sandbox.mounts import actions

HIDING = [name for name, one in BACKENDS.items() if Property.FILES_HIDDEN in one.claims]
OTHERS = [name for name in BACKENDS if name not in HIDING]

# what is known of the library's files, by whichever way they can be reached
ATTACK = """
import importlib, os, sys, sysconfig

NAMES = ("problem.yaml", "verify.py", "statement.md", "one_digit_add.jsonl")
NAMES += ("verify.cpython-%d%d.pyc" % sys.version_info[:2],)
OURS = ("ttrl_cli/cli", "ttrl_cli/templates")  # no problem's


def folders():
    paths = [*sys.path, *sysconfig.get_paths().values(), sys.prefix, sys.base_prefix]
    paths += [os.path.realpath(path) for path in paths]
    paths += ["/proc/self/root" + path for path in paths]
    for path in dict.fromkeys(paths):
        yield os.path.join(path, "ttrl_cli", "problems")
        yield os.path.join(path, "ttrl_cli", "sandbox", "..", "problems")
    for path in (sys.prefix, "/proc/self/cwd", "/proc/1/root" + sys.prefix):
        yield path
    try:
        yield importlib.import_module("ttrl_cli.library").folder()
    except Exception:
        pass


def files():
    seen = set()
    for top in folders():
        for place, inside, names in os.walk(top):
            if os.path.realpath(place) in seen:
                inside.clear()
                continue
            seen.add(os.path.realpath(place))
            for name in names:
                if name in NAMES and not any(part in place for part in OURS):
                    yield os.path.join(place, name)


def read():
    found = []
    for path in files():
        try:
            with open(path, "rb") as file:
                found.append(path + ": " + str(len(file.read())) + " bytes")
        except OSError:
            pass
    return found


def run():
    found = read()
    if found:
        raise RuntimeError("read " + str(len(found)) + " files such as " + found[0])
    return [1.0] * 8
"""


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that every user may enter: candidates of root are nobody."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def python(place: Path) -> Path:
    """The interpreter of an installation."""
    return install(place / "venv")


@pytest.fixture(params=HIDING)
def backend(request: pytest.FixtureRequest) -> str:
    """The name of each backend that hides files and is here."""
    name: str = request.param
    if name == "bwrap" and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    return name


def own_problem(folder: Path, **keys: object) -> Path:
    """A problem of a user's own, whose programs return a list of numbers."""
    verify = "def verify(data): return data\n\ndef score(data): return sum(data)\n"
    more = {"solution": {"kind": "program"}, "limits": {"seconds": 60, "memory_mb": 1024}}
    return write_problem(folder, verify, seed="def run(): return [1.0]", **{**more, **keys})


def verified(python: Path, place: Path, backend: str) -> str:
    """What becomes of the attack as a solution of a problem of the library, called by name."""
    attack = place / "attack.py"
    attack.write_text(ATTACK)
    options = ("--sandbox", backend, "--limits", "seconds=60,memory_mb=1024")
    return installed(python, "verify", "ac1", attack, *options, cwd=place).out


def test_outside_the_attack_reads_the_library(python: Path, place: Path) -> None:
    """Run as an ordinary program, it reads the verifiers, statements and questions."""
    script = place / "outside.py"
    script.write_text(ATTACK + "\nprint('\\n'.join(read()))\n")
    said = subprocess.run([python, script], capture_output=True, text=True, check=True).stdout
    library = library_of(python)
    for name in ("ac1/verify.py", "ac2/problem.yaml", "arithmetic/one_digit_add.jsonl"):
        assert f"{library / name}: {(library / name).stat().st_size} bytes" in said


@pytest.mark.parametrize("other", OTHERS)
def test_where_files_are_not_hidden_the_attack_reads_it(
    python: Path, place: Path, other: str
) -> None:
    """On the backend `process`, which claims no such thing, the same program succeeds."""
    assert "RuntimeError: read " in verified(python, place, other)


def test_the_installed_library_is_hidden(python: Path, place: Path, backend: str) -> None:
    """A program for a problem of the library, called by name, finds no file of any problem."""
    assert verified(python, place, backend).splitlines()[0] == "valid"


def test_it_is_hidden_from_other_problems_and_on_resume(
    python: Path, place: Path, backend: str
) -> None:
    """A program for a user's own problem finds none either, in the first session and the next."""
    here = place / backend
    here.mkdir()
    problem = own_problem(here / "own")
    replay = write_lines(here / "replay.jsonl", [f"```python\n{ATTACK}```"])
    options = ("--sampler", f"replay:{replay}", "--sandbox", backend, "--steps", 1, "--out", "run")
    first = installed(python, "solve", problem.name, *options, cwd=here)
    assert first.code == 0, first.err
    # resumed from a folder that is not hidden for being the current one
    second = installed(python, "resume", here / "run", "--steps", 2, cwd=place)
    assert second.code == 0, second.err
    verdicts = [line["verdict"] for line in read_lines(here / "run" / "attempts.jsonl")]
    assert [verdict["status"] for verdict in verdicts] == ["ok"] * 8, verdicts


def test_the_library_of_the_problems_interpreter_is_hidden(
    python: Path, tmp_path: Path, backend: str
) -> None:
    """An `environment.python` with a ttrl of its own shows no library, whichever ttrl grades."""
    problem = load_problem(own_problem(tmp_path / "own", environment={"python": str(python)}))
    with ProblemGrader(problem, workers=1, sandbox=backend) as grader:
        verdict = grader.grade_solution(ATTACK)
    assert (verdict.status, verdict.reason) == (Status.OK, "")


def test_a_folder_in_a_hidden_one_is_hidden_with_it(python: Path) -> None:
    """A problem of the library and the library are covered once: the rest is no longer there."""
    library = library_of(python)
    hidden = [library / "ac1", library, library / "ac1", library / "sidon_100"]
    built = actions(SandboxSpec(python=str(python), hidden=hidden))
    assert [paths for action, *paths in built if action == "hide"] == [[str(library)]]


def test_the_folder_that_a_run_copied_is_hidden_on_resume(
    python: Path, place: Path, backend: str
) -> None:
    """A problem that lies among the interpreter's packages stays hidden when its run goes on."""
    here = place / f"{backend}-among-packages"
    here.mkdir()
    problem = own_problem(library_of(python).parent.with_name(f"own_{backend}"))
    # in the first session the program does nothing, so that only the second one tells
    lines = ["```python\ndef run(): return [2.0]\n```"] * 4 + [f"```python\n{ATTACK}```"] * 4
    replay = write_lines(here / "replay.jsonl", lines)
    options = ("--sampler", f"replay:{replay}", "--sandbox", backend, "--steps", 1, "--out", "run")
    first = installed(python, "solve", problem, *options, cwd=here)
    second = installed(python, "resume", here / "run", "--steps", 2, cwd=here)
    shutil.rmtree(problem)  # the attack on another backend would find it
    assert (first.code, second.code) == (0, 0), first.err + second.err
    verdicts = [line["verdict"] for line in read_lines(here / "run" / "attempts.jsonl")]
    assert [verdict["status"] for verdict in verdicts] == ["ok"] * 8, verdicts
