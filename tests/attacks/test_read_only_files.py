"""A program must not write anywhere but in its own folder."""

import errno
import os
import sys
import sysconfig
from pathlib import Path

import pytest

from tests._sandboxes import EMPTY, attack
from tests.attacks._programs import inside, outside
from tests.attacks.programs import read_only_files
from tests.attacks.programs.read_only_files import change, create
from ttrl_cli.sandbox.base import Property
from ttrl_cli.sandbox.session import Sandbox

CHANGES_POSSIBLE = {"append", "change", "truncate", "reopen", "symbolic link", "mode"}
CHANGES_POSSIBLE |= {"mode by descriptor", "owner", "time", "time by descriptor", "rename"}
DEVICES = [Path("/dev/null"), Path("/dev/full"), Path("/dev/random"), Path("/dev/urandom")]


@attack(Property.FILES_READ_ONLY)
def test_nothing_can_be_made_outside(sandbox: Sandbox, tmp_path: Path) -> None:
    """No file, folder, link, FIFO or socket can be made anywhere but in its own folder."""
    folders = ["/", "/usr", "/usr/lib", sys.prefix, sys.base_prefix, str(Path.home()), "/sys"]
    folders += [sysconfig.get_path("purelib"), "/etc", "/run", "/run/ttrl", "/run/ttrl/inside"]
    folders += ["/dev", "/dev/fd", "/proc", "/proc/self", "/proc/sys/kernel", "/proc/1/root"]
    folders += ["/sys/devices/system/cpu", "/proc/self/root/usr", "/tmp/.."]
    if not Path.cwd().is_relative_to("/tmp"):  # else a folder of that name is its own
        folders.append(str(Path.cwd()))
    assert len(outside(create, folders=[str(tmp_path)])) >= 5
    assert inside(sandbox, create, folders=folders) == {}


@attack(Property.FILES_READ_ONLY)
def test_its_own_folders_can_be_written(sandbox: Sandbox) -> None:
    """The same attempts succeed in /tmp, and in /dev/shm, which is the same folder."""
    assert len(inside(sandbox, create, folders=["/tmp"])) >= 5
    assert len(inside(sandbox, create, folders=["/dev/shm"])) >= 5


def state(path: Path) -> tuple[int, ...]:
    """Return what changes with a file."""
    info = path.stat()
    return (info.st_ino, info.st_mode, info.st_nlink, info.st_size, info.st_mtime_ns)


@attack(Property.FILES_READ_ONLY)
@pytest.mark.parametrize(
    "path",
    [
        os.path.realpath(sys.executable),
        os.__file__,
        pytest.__file__,
        os.path.realpath("/usr/bin/env"),
    ],
)
def test_no_file_that_is_shown_can_be_changed(sandbox: Sandbox, path: str, tmp_path: Path) -> None:
    """Contents, names, links, modes, times and owners of shown files stay as they are."""
    canary = tmp_path / "canary"
    canary.write_text("canary")
    assert outside(change, path=str(canary)).keys() >= CHANGES_POSSIBLE
    before = state(Path(path))
    assert inside(sandbox, change, path=path) == {}
    assert state(Path(path)) == before


@attack(Property.FILES_READ_ONLY)
def test_the_sandbox_itself_cannot_be_changed(sandbox: Sandbox) -> None:
    """The modules that the next candidate is started by can be changed in no way."""
    found = inside(sandbox, read_only_files.change_modules, folder="/run/ttrl/inside")
    assert len(found) > 5
    assert not any(found)


@attack(Property.FILES_READ_ONLY)
def test_devices_cannot_be_changed(sandbox: Sandbox) -> None:
    """Devices can be written to, but keep their mode, owner, times, name and links."""
    allowed = {"append", "change", "reopen", "symbolic link", "map"}
    before = [(p.stat().st_mode, p.stat().st_mtime_ns) for p in DEVICES]
    gained = [inside(sandbox, change, path=str(path)).keys() - allowed for path in DEVICES]
    assert gained == [set()] * len(DEVICES)
    assert [(p.stat().st_mode, p.stat().st_mtime_ns) for p in DEVICES] == before


@attack(Property.FILES_READ_ONLY)
def test_no_setting_of_the_kernel_can_be_written(sandbox: Sandbox) -> None:
    """No file of /proc or /sys opens for writing, not even those of the program itself."""
    seen, found = inside(sandbox, read_only_files.open_settings)
    assert seen > 500
    assert found == []


@attack(Property.FILES_READ_ONLY)
def test_the_worst_settings_cannot_be_written(sandbox: Sandbox) -> None:
    """Where core dumps go, who is killed first, and the keyboard's panic button stay."""
    worst = read_only_files.open_the_worst_settings
    assert "/proc/self/oom_score_adj" in outside(worst)
    assert inside(sandbox, worst) == {}


@attack(Property.FILES_READ_ONLY)
def test_nothing_is_left_for_the_next_candidate(sandbox: Sandbox) -> None:
    """Files that one candidate leaves behind are not there for the next one."""
    assert len(inside(sandbox, read_only_files.leave_files)) == 4 + len(EMPTY)
    assert inside(sandbox, read_only_files.list_own_folders) == [EMPTY, EMPTY]


@attack(Property.FILES_READ_ONLY)
def test_no_memory_is_shared_with_the_next_candidate(sandbox: Sandbox) -> None:
    """A program has no writable memory in common with the process it was forked from."""
    assert inside(sandbox, read_only_files.shared_memory) == []


@attack(Property.FILES_READ_ONLY)
def test_nothing_can_be_mounted(sandbox: Sandbox) -> None:
    """No mount can be made, removed, moved, or made writable, by the old calls or the new."""
    assert inside(sandbox, read_only_files.mount_everything) == {}


@attack(Property.FILES_READ_ONLY)
def test_the_interpreter_stays_as_it_is(sandbox: Sandbox) -> None:
    """A program can neither add to the interpreter's folders nor change what is there."""
    errors = inside(sandbox, read_only_files.change_the_interpreter)
    assert len(errors) >= 27
    # a binary that is being executed is busy, before anything else is looked at
    assert set(errors) <= {errno.EROFS, errno.EACCES, errno.EPERM, errno.ETXTBSY}
    assert errors.count(errno.ETXTBSY) <= 1
