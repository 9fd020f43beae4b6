"""A program must see, read and touch no process but its own."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests._sandboxes import attack, run
from tests.attacks._programs import attempt, inside, outside, still_works
from tests.attacks.programs import processes
from ttrl_cli.records import Status
from ttrl_cli.sandbox.base import Property
from ttrl_cli.sandbox.session import Sandbox

Victim = subprocess.Popen[bytes]
SECRET = "canary-process"


@pytest.fixture
def victim() -> Iterator[Victim]:
    """A process of ours that sleeps."""
    with subprocess.Popen(["/bin/sleep", "60"], env={"CANARY": SECRET}) as process:
        yield process
        process.kill()


@attack(Property.PROCESSES_HIDDEN)
def test_it_lists_no_process_but_its_own(sandbox: Sandbox) -> None:
    """/proc lists the program, which is process 1 and has no parent, and its children."""
    assert inside(sandbox, processes.list_processes) == [1, 0, [1]]


@attack(Property.PROCESSES_HIDDEN)
def test_a_programs_numbers_are_its_own(sandbox: Sandbox) -> None:
    """A program is process 1, has no parent, and sees nobody beside itself."""
    assert inside(sandbox, processes.list_alone) == [1, 0, [1]]


@attack(Property.PROCESSES_HIDDEN)
def test_other_processes_cannot_be_touched(sandbox: Sandbox, victim: Victim) -> None:
    """By their number others can be seen, read, traced, limited, signalled and killed not."""
    pids = [pid for pid in (victim.pid, os.getpid(), os.getppid()) if pid != 1]
    assert inside(sandbox, processes.meddle, pids=pids) == {}
    assert victim.poll() is None
    gained = outside(processes.meddle, pids=[victim.pid])
    easy = ("folder", "environment", "command", "status", "cores", "group", "signal", "kill")
    assert gained.keys() >= {f"{name} {victim.pid}" for name in easy}
    assert SECRET in gained[f"environment {victim.pid}"]
    assert victim.wait() == -9


@attack(Property.PROCESSES_HIDDEN)
def test_a_child_cannot_touch_others_either(sandbox: Sandbox, victim: Victim) -> None:
    """A daemon in a session of its own, run from a program, has the same walls."""
    assert inside(sandbox, processes.meddle_as_daemon, pids=[victim.pid]) == {}
    assert victim.poll() is None


@attack(Property.PROCESSES_HIDDEN)
def test_killing_everything_kills_nobody_else(sandbox: Sandbox, victim: Victim) -> None:
    """A signal to all processes ends none but the program's own children."""
    assert inside(sandbox, processes.kill_everything) == -9
    assert victim.poll() is None
    assert run(sandbox, "def run(): return 1").data == 1


@attack(Property.PROCESSES_HIDDEN)
@pytest.mark.parametrize("target", [None, 1, 2, -1, 0], ids=["parent", "1", "2", "-1", "0"])
def test_killing_reaches_nobody_else(sandbox: Sandbox, victim: Victim, target: int | None) -> None:
    """A program that kills its parent, process 1 or everybody ends nobody but itself."""
    result = attempt(sandbox, processes.kill, target=target)
    assert victim.poll() is None
    assert (result.status, result.data) == (Status.OK, "alive")
    still_works(sandbox)


@attack(Property.PROCESSES_HIDDEN)
def test_nobody_can_be_traced(sandbox: Sandbox) -> None:
    """Attaching to the parent, to process 1 and to every number in sight is refused."""
    assert inside(sandbox, processes.trace) == [0, -1]
    still_works(sandbox)


@attack(Property.PROCESSES_HIDDEN)
def test_every_namespace_is_its_own(sandbox: Sandbox) -> None:
    """User, process, mount, network, IPC, host name and cgroup namespaces are not ours."""
    names = ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"]
    found = inside(sandbox, processes.namespaces, names=names)
    ours = {name: str(Path(f"/proc/self/ns/{name}").readlink()) for name in names}
    assert [name for name in names if found[name] == ours[name]] == []


@attack(Property.ENVIRONMENT, Property.PROCESSES_HIDDEN)
def test_secrets_of_other_processes_are_out_of_reach(sandbox: Sandbox, victim: Victim) -> None:
    """The environment of a process of ours is in no file that a program can read."""
    found = inside(sandbox, processes.environments)
    assert victim.poll() is None
    assert found
    assert not any(SECRET in text for text in found)
