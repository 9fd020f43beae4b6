"""Files of ours must not exist for a program, whatever way it takes to them."""

import ctypes
import os
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests._sandboxes import attack
from tests.attacks._programs import attempt, inside, outside
from tests.attacks.programs import hidden_files
from tests.attacks.programs.hidden_files import find
from ttrl_cli.records import Status
from ttrl_cli.sandbox.base import Backend, Property, SandboxSpec
from ttrl_cli.sandbox.session import Sandbox

WAYS_TO_FIND = 13
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def at_home() -> Iterator[Path]:
    """A canary in a fresh folder below the home directory."""
    with tempfile.TemporaryDirectory(dir=Path.home()) as folder:
        path = Path(folder, "canary.txt")
        path.write_text("canary-home")
        yield path


def make_interpreter(folder: Path) -> Path:
    """Make a virtual environment, which is two files; return its interpreter."""
    real = Path(sys.executable).resolve()
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(real)
    (folder / "pyvenv.cfg").write_text(f"home = {real.parent}\n")
    return python


@attack(Property.FILES_HIDDEN)
def test_a_file_at_home_does_not_exist(sandbox: Sandbox, at_home: Path) -> None:
    """A file below the home directory can be read, listed or stat'ed in no way."""
    assert len(outside(find, path=str(at_home))) == WAYS_TO_FIND
    assert inside(sandbox, find, path=str(at_home)) == {}


@attack(Property.FILES_HIDDEN)
def test_a_file_of_the_current_directory_does_not_exist(sandbox: Sandbox) -> None:
    """A file in the folder that ttrl was started in can be found in no way."""
    assert len(outside(find, path=__file__)) == WAYS_TO_FIND
    assert inside(sandbox, find, path=__file__) == {}


@attack(Property.FILES_HIDDEN)
def test_a_temporary_file_does_not_exist(sandbox: Sandbox) -> None:
    """A file in the system's temporary folder can be found in no way."""
    with tempfile.TemporaryDirectory(prefix="ttrl-") as folder:
        path = Path(folder, "canary.txt")
        path.write_text("canary-temporary")
        assert len(outside(find, path=str(path))) == WAYS_TO_FIND
        assert inside(sandbox, find, path=str(path)) == {}


@attack(Property.FILES_HIDDEN)
def test_a_run_folder_does_not_exist(backend: Backend, at_home: Path) -> None:
    """A run's folder, hidden by name, can be found in no way."""
    path = at_home.parent / "runs" / "one" / "canary.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("canary-run")
    assert len(outside(find, path=str(path))) == WAYS_TO_FIND
    with Sandbox(backend, SandboxSpec(hidden=(path.parents[1],))) as sandbox:
        assert inside(sandbox, find, path=str(path)) == {}


@attack(Property.FILES_HIDDEN)
def test_keys_beside_an_interpreter_do_not_exist(backend: Backend, at_home: Path) -> None:
    """With an interpreter in a home directory, the .ssh beside it is still not there."""
    home = at_home.parent
    key = home / ".ssh" / "canary"
    key.parent.mkdir()
    key.write_text("canary-key")
    python = make_interpreter(home / "venv")
    assert len(outside(find, path=str(key))) == WAYS_TO_FIND
    with Sandbox(backend, SandboxSpec(python=str(python), hidden=(home,))) as sandbox:
        assert inside(sandbox, hidden_files.prefix) == str(home / "venv")
        assert inside(sandbox, find, path=str(key)) == {}
        assert inside(sandbox, hidden_files.list_folder, path=str(home)) == ["venv"]


@attack(Property.FILES_HIDDEN)
@pytest.mark.parametrize("alias", ["hidden", "shown"])
def test_a_second_name_of_a_folder_shows_nothing(
    backend: Backend, at_home: Path, alias: str
) -> None:
    """A folder inside the interpreter's is hidden when either is named by a symbolic link."""
    home = at_home.parent
    python = make_interpreter(home / "venv")
    private = home / "venv" / "private"
    private.mkdir()
    (private / "canary").write_text("canary-private")
    (home / "link").symlink_to(home / "venv")
    hidden = home / "link" / "private" if alias == "hidden" else private
    used = home / "link" / "bin" / "python" if alias == "shown" else python
    with Sandbox(backend, SandboxSpec(python=str(used), hidden=(hidden,))) as sandbox:
        for folder in (private, home / "link" / "private"):
            assert inside(sandbox, find, path=str(folder / "canary")) == {}


@attack(Property.FILES_HIDDEN)
def test_a_hidden_folder_inside_a_shown_one_is_empty(backend: Backend) -> None:
    """A folder of the interpreter's that is to be hidden is there, and has nothing in it."""
    folder = Path(sysconfig.get_path("purelib"), "pytest")
    assert outside(hidden_files.look_into, path=str(folder))[1] != []
    with Sandbox(backend, SandboxSpec(hidden=(folder,))) as sandbox:
        assert inside(sandbox, hidden_files.look_into, path=str(folder)) == [True, []]
        assert inside(sandbox, find, path=str(folder / "__init__.py")) == {}


@attack(Property.FILES_HIDDEN)
def test_a_hidden_folder_of_the_system_is_empty(backend: Backend) -> None:
    """A home below /usr, say: it is there, has nothing in it, and takes nothing."""
    folder = "/usr/share"
    with Sandbox(backend, SandboxSpec(hidden=(Path(folder),))) as sandbox:
        assert inside(sandbox, hidden_files.list_and_write, path=folder) == [[], {}]


@attack(Property.FILES_HIDDEN)
def test_folders_above_the_interpreter_hold_nothing_else(sandbox: Sandbox, at_home: Path) -> None:
    """Folders that exist only to reach the interpreter list nothing but the way to it."""
    above = [*at_home.parents, *Path(__file__).parents]
    above += [*Path(sys.prefix).parents, *Path(sys.base_prefix).parents]
    folders = sorted({str(path) for path in above} - {"/", "/tmp"})  # which is its own
    assert str(at_home) in outside(hidden_files.beside_the_way, folders=folders)
    assert inside(sandbox, hidden_files.beside_the_way, folders=folders) == []


@attack(Property.FILES_HIDDEN)
def test_root_holds_what_it_needs(sandbox: Sandbox) -> None:
    """The settings of the machine, its state, its other devices and its logs are not there."""
    assert len(outside(hidden_files.of_the_machine)) > 3
    assert inside(sandbox, hidden_files.of_the_machine) == []


@attack(Property.FILES_HIDDEN)
def test_no_file_is_found_by_its_handle(sandbox: Sandbox, at_home: Path) -> None:
    """A file's handle, with which root leaves a container, opens nothing."""
    assert inside(sandbox, hidden_files.open_by_handle, handle=handle_of(at_home)) == {}


def handle_of(path: Path) -> tuple[int, str] | None:
    """Return type and bytes of a file's handle; None where its file system has none."""
    libc = ctypes.CDLL(None, use_errno=True)
    number = 264 if os.uname().machine == "aarch64" else 303
    handle = ctypes.create_string_buffer(8 + 128)
    handle[0] = 128
    mount = ctypes.c_int()
    given = (ctypes.c_int(-100), str(path).encode(), handle, ctypes.byref(mount), ctypes.c_int(0))
    if libc.syscall(ctypes.c_long(number), *given) < 0:
        return None
    size = int.from_bytes(handle.raw[:4], sys.byteorder)
    return int.from_bytes(handle.raw[4:8], sys.byteorder), handle.raw[8 : 8 + size].hex()


@attack(Property.FILES_HIDDEN)
def test_no_descriptor_leads_out(sandbox: Sandbox) -> None:
    """Five descriptors are open: stdin, which is empty, three pipes, and the listing's own."""
    opened, standard, ways = inside(sandbox, hidden_files.open_descriptors)
    assert opened == ["/dev/null", "pipe", "pipe", "pipe", "the listing"]
    assert standard == ["/dev/null", "pipe", "pipe"]
    assert ways == {}


@attack(Property.FILES_HIDDEN)
def test_nothing_inherited_names_our_folders(sandbox: Sandbox) -> None:
    """argv, the main module and what can be imported are the program's own."""
    argv, folder, words, elsewhere, ours = inside(sandbox, hidden_files.inherited)
    assert (argv, folder, elsewhere, ours) == (["candidate.py"], "/tmp", [], False)
    names = [str(REPOSITORY / name) for name in ("tests", "ttrl_cli", "problems")]
    assert [word for word in words if any(name in word for name in names)] == []


@attack(Property.ENVIRONMENT)
def test_no_variable_names_another_folder(sandbox: Sandbox) -> None:
    """PWD, where it is set, is the folder that the program is in, as HOME and TMPDIR are."""
    assert inside(sandbox, hidden_files.folders_of_variables) == [True] * 4


@attack(Property.FILES_HIDDEN)
def test_nothing_of_the_repository_can_be_imported(sandbox: Sandbox) -> None:
    """Modules beside the tests cannot be imported, although the folder may be on the path."""
    result = attempt(sandbox, hidden_files.import_of_the_repository)
    assert result.status is Status.ERROR
    assert "No module named 'tests" in result.reason
