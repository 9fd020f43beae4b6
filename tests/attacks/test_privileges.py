"""A program must have no privilege, and gain none."""

import os
import threading
import time
import uuid

import psutil
import pytest

from tests._sandboxes import attack
from tests.attacks._programs import inside
from tests.attacks.programs import privileges
from ttrl_cli.sandbox.base import Property
from ttrl_cli.sandbox.session import Sandbox


@attack(Property.PRIVILEGES)
def test_it_has_no_capability(sandbox: Sandbox) -> None:
    """All five sets of capabilities are empty, and can grow by nothing that is executed."""
    found = inside(sandbox, privileges.privileges)
    assert {name: int(found[name], 16) for name in found if name.startswith("Cap")} == {
        "CapInh": 0,
        "CapPrm": 0,
        "CapEff": 0,
        "CapBnd": 0,
        "CapAmb": 0,
    }
    assert found["NoNewPrivs"] == "1"


@attack(Property.PRIVILEGES)
def test_it_is_not_root_outside(sandbox: Sandbox) -> None:
    """Seen from outside, its process is nobody's where we are root, and else our own."""
    marker = uuid.uuid4().hex[:15]
    seen: list[tuple[int, ...]] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set() and not seen:
            for process in psutil.process_iter():
                try:
                    if process.name() == marker:
                        seen.append((*process.uids(), *process.gids()))
                except psutil.Error:
                    continue
            time.sleep(0.02)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        inside(sandbox, privileges.be_seen, name=marker)
    finally:
        ended.set()
        watcher.join()
    uid, gid = (65534, 65534) if os.getuid() == 0 else (os.getuid(), os.getgid())
    assert seen[0] == (uid,) * 3 + (gid,) * 3


@attack(Property.PRIVILEGES)
def test_no_other_id_can_be_taken(sandbox: Sandbox) -> None:
    """No call that changes user or group changes anything."""
    before, after = inside(sandbox, privileges.take_ids)
    assert before == after


@attack(Property.PRIVILEGES)
def test_no_capability_can_be_regained(sandbox: Sandbox) -> None:
    """Neither capset, nor ambient sets, nor the process's switches bring one back."""
    assert inside(sandbox, privileges.regain_capabilities) == [{}, "0" * 16, "1"]


@attack(Property.PRIVILEGES)
def test_setuid_programs_give_nothing(sandbox: Sandbox) -> None:
    """Programs that run as root outside run as the candidate, and nothing can become one."""
    assert inside(sandbox, privileges.run_as_root) == [{}, True, []]


@attack(Property.PRIVILEGES)
def test_no_device_can_be_made_or_opened(sandbox: Sandbox) -> None:
    """Disks, memory and the kernel's log are not there, and cannot be made."""
    gained, devices = inside(sandbox, privileges.make_and_open_devices)
    assert gained == {}
    harmless = ["null", "full", "random", "urandom"]
    assert devices == sorted([*harmless, "stdin", "stdout", "stderr", "fd", "shm"])


@attack(Property.PRIVILEGES)
def test_no_whiteout_can_be_made(sandbox: Sandbox) -> None:
    """The one device that takes no capability to make: Landlock alone refuses it."""
    sandbox.start()
    if not any(name.startswith("Landlock") for name in sandbox.protections):
        pytest.skip("this kernel has no Landlock")
    assert inside(sandbox, privileges.make_a_whiteout) == {}


@attack(Property.PRIVILEGES)
def test_no_namespace_can_be_made_or_entered(sandbox: Sandbox) -> None:
    """No kind of namespace, by no call and no program, is to be had."""
    gained, tried = inside(sandbox, privileges.make_and_enter_namespaces)
    assert tried > 30
    assert gained == {}


@attack(Property.PRIVILEGES)
def test_clocks_and_names_of_the_machine_stay(sandbox: Sandbox) -> None:
    """The clock cannot be set or bent, the host not renamed, restarted or swapped."""
    assert inside(sandbox, privileges.change_clocks_and_names) == {}


@attack(Property.PRIVILEGES)
def test_no_limit_can_be_raised(sandbox: Sandbox) -> None:
    """Hard limits, priorities and the scheduler's kinds go down, and never up."""
    gained, finite = inside(sandbox, privileges.raise_limits)
    assert gained == {}
    wanted = ("AS", "CORE", "CPU", "FSIZE", "NOFILE", "NPROC")
    assert {f"RLIMIT_{name}" for name in wanted} <= set(finite)
