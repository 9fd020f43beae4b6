"""The self-check: it finds what a backend does not do, and `auto` acts on it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests._helpers import ttrl, write_lines, write_problem
from ttrl_cli.errors import SetupError
from ttrl_cli.sandbox import backends, choose
from ttrl_cli.sandbox.backends import BACKENDS, Process
from ttrl_cli.sandbox.base import Property, SandboxSpec
from ttrl_cli.sandbox.choose import check_backend
from ttrl_cli.sandbox.outcome import last_line
from ttrl_cli.sandbox.self_check import QUICK


class Boaster(Process):
    """Limits only, and claims everything."""

    name = "boaster"
    claims = frozenset(Property)


class Broken(Process):
    """Does not start."""

    name = "broken"

    def command(self, server: list[str], spec: SandboxSpec) -> list[str]:
        """A command that says why and ends."""
        del server, spec
        return [sys.executable, "-c", "import sys; sys.exit('no such luck')"]


def test_false_claims_are_found() -> None:
    """A backend without isolation that claims it is caught, property by property."""
    checked = check_backend(Boaster())
    # of three the probes are too weak: without isolation stronger ones get through; and the
    # system calls are not looked at where there is no filter of them
    lucky = {Property.PROCESSES, Property.NO_LEFTOVERS, Property.DISK, Property.SYSTEM_CALLS}
    assert set(checked.broken) | lucky == frozenset(Property) - Process.claims | lucky
    assert "reached this machine by TCP" in checked.broken[Property.NETWORK]
    assert not checked.works


def test_a_leak_of_the_environment_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox that passes our variables on is caught by the probe of the environment."""
    monkeypatch.setattr("ttrl_cli.sandbox.session.environment", lambda _: dict(os.environ))
    checked = check_backend(BACKENDS["namespaces"], [Property.ENVIRONMENT])
    assert checked.broken == {Property.ENVIRONMENT: "found a variable of ours"}


@pytest.mark.parametrize(
    ("text", "last"),
    [("", ""), ("\n \n", ""), ("one", "one"), ("Traceback:\nno luck\n", "no luck")],
)
def test_the_last_line_of_what_went_wrong(text: str, last: str) -> None:
    """An attack or a start that fails is reported by the last line, even where there is none."""
    assert last_line(text) == last


def test_auto_takes_the_first_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    """Auto passes over backends that do not start or break a claim, and says why it fell back."""
    known = {b.name: b for b in (Broken(), Boaster(), Process())}
    monkeypatch.setattr(choose, "BACKENDS", known)
    name, warning = choose.choose("auto")
    assert name == "process"
    assert "they can read and change whatever you can" in warning
    assert "broken: the sandbox broken does not start: no such luck" in warning
    assert "boaster: private files: " in warning


def test_auto_isolates_where_it_can() -> None:
    """Here auto takes a backend that isolates, without a warning."""
    name, warning = choose.choose("auto")
    assert BACKENDS[name].isolated
    assert warning == ""


def test_a_backend_that_was_asked_for_must_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A named backend that does not work is an error, never replaced by another."""
    monkeypatch.setattr(backends.shutil, "which", lambda _: None)
    with pytest.raises(SetupError, match=r"--sandbox bwrap: bubblewrap is not installed"):
        choose.choose("bwrap")


ONE = """
from ttrl_cli import Invalid

def verify(data):
    if type(data) is not int or data != 1:
        raise Invalid("expected 1")
    return data

def score(data):
    return data
"""


def test_process_is_taken_with_a_warning(tmp_path: Path) -> None:
    """A run with --sandbox process says on stderr what that means, even with --quiet."""
    folder = write_problem(
        tmp_path / "p",
        ONE,
        seed="def run():\n    return 1\n",
        solution={"kind": "program"},
    )
    done = ttrl("check", folder, "--sandbox", "process")
    assert done.code == 0, done.out
    assert "warning: programs run with limits only" in done.err
    assert ttrl("check", folder).err == ""


def test_a_run_that_programs_could_read_is_refused(tmp_path: Path) -> None:
    """A run directory inside the interpreter's folder is refused before anything is made."""
    folder = write_problem(
        tmp_path / "p",
        "def verify(x):\n  return x\ndef score(x):\n  return x\n",
        seed="def run():\n    return 1\n",
        solution={"kind": "program"},
    )
    replay = write_lines(tmp_path / "replay", ["```python\ndef run():\n    return 2\n```"])
    out = Path(sys.prefix) / "ttrl-test-run"
    done = ttrl("solve", folder, "--out", out, "--sampler", f"replay:{replay}")
    assert done.code == 2
    assert f"{out} lies in {Path(sys.prefix).resolve()}, which programs can read" in done.err
    assert not out.exists()


def test_a_deleted_folder_is_an_error_of_the_user(tmp_path: Path) -> None:
    """A command started in a folder that is gone says so, without a traceback."""
    gone = tmp_path / "gone"
    gone.mkdir()
    program = Path(sys.executable).with_name("ttrl")
    command = f'cd "{gone}" && rmdir "{gone}" && "{program}" check x'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: the current folder has been deleted; change to another\n"


def test_the_doctor_says_what_is_covered() -> None:
    """`ttrl doctor --json` attacks every backend; here what each claims holds, and no more."""
    done = subprocess.run(
        [Path(sys.executable).with_name("ttrl"), "doctor", "--json"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    found = {sandbox["name"]: sandbox for sandbox in report["sandboxes"]}
    assert set(found) == set(BACKENDS)
    for name, sandbox in found.items():
        assert sandbox["broken"] == {}
        here = not sandbox["why_not"]
        assert set(sandbox["covered"]) == (BACKENDS[name].claims if here else set())
    assert "network" not in found["process"]["covered"]
    assert BACKENDS[report["chosen"]].isolated


def test_quick_probes_cover_isolation() -> None:
    """What auto checks is what `process` does not claim and a moment is enough for."""
    assert not set(QUICK) & Process.claims
