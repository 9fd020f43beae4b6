"""Programs of our own that try to get out, run for real on each backend that claims a wall.

A program returns what it gained by name, and must have gained nothing. Where that is harmless the
same program runs without a sandbox first and must gain there: an attack that cannot succeed proves
nothing. Canaries are files, sockets and processes that the test makes.
"""

import ctypes
import errno
import json
import os
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from tests._sandboxes import EMPTY, attack, run
from ttrl_cli.records import Status
from ttrl_cli.sandbox.backends import BACKENDS
from ttrl_cli.sandbox.base import Property, SandboxSpec
from ttrl_cli.sandbox.session import Sandbox

TOOLS = """
import ctypes, errno, fcntl, json, mmap, os, resource, signal, socket, stat, struct, subprocess
import sys, tempfile, time

SECRET = "canary-"
ARM = os.uname().machine == "aarch64"
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long

def call(number, *arguments):
    "A system call by its number, or by those of x86_64 and aarch64."
    number = number[ARM] if isinstance(number, tuple) else number
    longs = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = libc.syscall(ctypes.c_long(number), *longs)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result

def c_call(name, *arguments):
    "A function of the C library that returns a negative number on failure."
    result = getattr(libc, name)(*arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result

def error_of(function, *arguments):
    "The error number of a call; 0 where it succeeds."
    try:
        function(*arguments)
    except OSError as error:
        return error.errno
    return 0

def command(*words):
    "What a program prints; it fails as system calls do."
    done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise OSError(done.returncode, done.stderr)
    return done.stdout

def gains(tries):
    "What each of these functions gave, but for those that were refused."
    found = {}
    for name, function in tries.items():
        try:
            found[name] = repr(function())[:200]
        except OSError:
            pass
    return found

def read(path):
    with open(path, errors="replace") as file:
        return file.read(1000)

def write(path, mode="w"):
    with open(path, mode) as file:
        return file.write(b"x" if "b" in mode else "x")
"""


def inside(sandbox: Sandbox, source: str, **arguments: object):
    """The data of a program that must have come to its end."""
    result = run(sandbox, TOOLS + source, **arguments)
    assert result.status is Status.OK, f"{result.reason}\n{result.output}"
    return result.data


def outside(source: str, **arguments: object):
    """The data of the same program without a sandbox."""
    call = f"\nprint(json.dumps(run(**json.loads({json.dumps(arguments)!r}))))"
    command = [sys.executable, "-I", "-S", "-c", TOOLS + source + call]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@contextmanager
def own_sandbox(sandbox: Sandbox, spec: SandboxSpec) -> Iterator[Sandbox]:
    """A sandbox of the same backend with another spec."""
    with Sandbox(BACKENDS[sandbox._backend.name], spec) as own:
        yield own


@pytest.fixture
def at_home() -> Iterator[Path]:
    """A canary in a fresh folder below the home directory."""
    with tempfile.TemporaryDirectory(dir=Path.home()) as folder:
        path = Path(folder, "canary.txt")
        path.write_text("canary-home")
        yield path


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder in the system's temporary one; the names of sockets may not be long."""
    with tempfile.TemporaryDirectory(prefix="ttrl-") as folder:
        yield Path(folder)


def make_interpreter(folder: Path) -> Path:
    """A virtual environment, which is two files; returns its interpreter."""
    real = Path(sys.executable).resolve()
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(real)
    (folder / "pyvenv.cfg").write_text(f"home = {real.parent}\n")
    return python


@pytest.fixture
def victim() -> Iterator[subprocess.Popen]:
    """A process of ours that sleeps."""
    with subprocess.Popen(["/bin/sleep", "60"], env={"CANARY": "canary-process"}) as process:
        yield process
        process.kill()


# ---------------------------------------------------------------------------------------------
# private files

FIND = """
def run(path):
    folder, name = os.path.split(path)
    def listed(where):
        if name not in os.listdir(where):
            raise FileNotFoundError(name)
    def linked():
        link = tempfile.mktemp(dir="/tmp")
        os.symlink(path, link)
        try:
            return read(link)
        finally:
            os.unlink(link)
    def entered():
        here = os.open(".", os.O_RDONLY)
        try:
            os.chdir(folder)
            return read(name)
        finally:
            os.fchdir(here)
            os.close(here)
    def by_descriptor():
        descriptor = os.open(folder, os.O_PATH)
        try:
            os.close(os.open(name, os.O_RDONLY, dir_fd=descriptor))
        finally:
            os.close(descriptor)
    return gains({
        "read": lambda: read(path),
        "stat": lambda: os.stat(path),
        "path only": lambda: os.close(os.open(path, os.O_PATH)),
        "list": lambda: listed(folder),
        "relative": lambda: read(os.path.join(*[".."] * 20, path[1:])),
        "own root": lambda: read("/proc/self/root" + path),
        "root of its thread": lambda: read(f"/proc/thread-self/root{path}"),
        "folder of a process": lambda: read("/proc/self/cwd/" + "../" * 20 + path),
        "symbolic link": linked,
        "enter": entered,
        "descriptor": by_descriptor,
        "another program": lambda: command("cat", path),
        "watch": lambda: os.close(watch(path)),
    })

def watch(path):
    descriptor = libc.inotify_init1(os.O_CLOEXEC)
    try:
        c_call("inotify_add_watch", descriptor, path.encode(), 0xFFF)
        return os.dup(descriptor)
    finally:
        os.close(descriptor)
"""
WAYS_TO_FIND = 13


class TestPrivateFiles:
    @attack(Property.FILES_HIDDEN)
    def test_a_file_at_home_does_not_exist(self, sandbox: Sandbox, at_home: Path) -> None:
        """A file below the home directory can be read, listed or stat'ed in no way."""
        assert len(outside(FIND, path=str(at_home))) == WAYS_TO_FIND
        assert inside(sandbox, FIND, path=str(at_home)) == {}

    @attack(Property.FILES_HIDDEN)
    def test_a_file_of_the_current_directory_does_not_exist(self, sandbox: Sandbox) -> None:
        """A file in the folder that ttrl was started in can be found in no way."""
        assert len(outside(FIND, path=__file__)) == WAYS_TO_FIND
        assert inside(sandbox, FIND, path=__file__) == {}

    @attack(Property.FILES_HIDDEN)
    def test_a_temporary_file_does_not_exist(self, sandbox: Sandbox, short_folder: Path) -> None:
        """A file in the system's temporary folder can be found in no way."""
        path = short_folder / "canary.txt"
        path.write_text("canary-temporary")
        assert len(outside(FIND, path=str(path))) == WAYS_TO_FIND
        assert inside(sandbox, FIND, path=str(path)) == {}

    @attack(Property.FILES_HIDDEN)
    def test_a_run_folder_does_not_exist(self, sandbox: Sandbox, at_home: Path) -> None:
        """A run's folder, hidden by name, can be found in no way."""
        path = at_home.parent / "runs" / "one" / "canary.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text("canary-run")
        assert len(outside(FIND, path=str(path))) == WAYS_TO_FIND
        with own_sandbox(sandbox, SandboxSpec(hidden=(path.parents[1],))) as own:
            assert inside(own, FIND, path=str(path)) == {}

    @attack(Property.FILES_HIDDEN)
    def test_keys_beside_an_interpreter_do_not_exist(self, sandbox: Sandbox, at_home: Path) -> None:
        """With an interpreter in a home directory, the .ssh beside it is still not there."""
        home = at_home.parent
        key = home / ".ssh" / "canary"
        key.parent.mkdir()
        key.write_text("canary-key")
        python = make_interpreter(home / "venv")
        assert len(outside(FIND, path=str(key))) == WAYS_TO_FIND
        with own_sandbox(sandbox, SandboxSpec(python=str(python), hidden=(home,))) as own:
            assert inside(own, "def run(): return sys.prefix") == str(home / "venv")
            assert inside(own, FIND, path=str(key)) == {}
            assert inside(own, f"def run(): return os.listdir({str(home)!r})") == ["venv"]

    @attack(Property.FILES_HIDDEN)
    @pytest.mark.parametrize("alias", ["hidden", "shown"])
    def test_a_second_name_of_a_folder_shows_nothing(
        self, sandbox: Sandbox, at_home: Path, alias: str
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
        with own_sandbox(sandbox, SandboxSpec(python=str(used), hidden=(hidden,))) as own:
            for folder in (private, home / "link" / "private"):
                assert inside(own, FIND, path=str(folder / "canary")) == {}

    @attack(Property.FILES_HIDDEN)
    def test_a_hidden_folder_inside_a_shown_one_is_empty(self, sandbox: Sandbox) -> None:
        """A folder of the interpreter's that is to be hidden is there, and has nothing in it."""
        folder = Path(sysconfig.get_path("purelib"), "pytest")
        source = "def run(path): return [os.path.isdir(path), os.listdir(path)]"
        assert outside(source, path=str(folder))[1] != []
        with own_sandbox(sandbox, SandboxSpec(hidden=(folder,))) as own:
            assert inside(own, source, path=str(folder)) == [True, []]
            assert inside(own, FIND, path=str(folder / "__init__.py")) == {}

    @attack(Property.FILES_HIDDEN)
    def test_a_hidden_folder_of_the_system_is_empty(self, sandbox: Sandbox) -> None:
        """A home below /usr, say: it is there, has nothing in it, and takes nothing."""
        folder = "/usr/share"
        source = """
def run(path):
    return [os.listdir(path), gains({"write": lambda: open(path + "/mine", "w").close()})]
"""
        with own_sandbox(sandbox, SandboxSpec(hidden=(Path(folder),))) as own:
            assert inside(own, source, path=folder) == [[], {}]

    @attack(Property.FILES_HIDDEN)
    def test_folders_above_the_interpreter_hold_nothing_else(
        self, sandbox: Sandbox, at_home: Path
    ) -> None:
        """Folders that exist only to reach the interpreter list nothing but the way to it."""
        source = """
def run(folders):
    shown = [sys.prefix, sys.base_prefix, "/usr", "/sys/devices/system/cpu"]
    extra = []
    for folder in folders:
        if os.path.isdir(folder):
            paths = [os.path.join(folder, name) for name in os.listdir(folder)]
            extra += [p for p in paths if not any((s + "/").startswith(p + "/") for s in shown)]
    return extra
"""
        above = [*at_home.parents, *Path(__file__).parents]
        above += [*Path(sys.prefix).parents, *Path(sys.base_prefix).parents]
        folders = sorted({str(path) for path in above} - {"/", "/tmp"})  # which is its own
        assert str(at_home) in outside(source, folders=folders)
        assert inside(sandbox, source, folders=folders) == []

    @attack(Property.FILES_HIDDEN)
    def test_root_holds_what_it_needs(self, sandbox: Sandbox) -> None:
        """The settings of the machine, its state, its other devices and its logs are not there."""
        source = """
def run():
    paths = ["/etc/passwd", "/etc/shadow", "/etc/hosts", "/etc/machine-id", "/etc/resolv.conf"]
    paths += ["/var", "/boot", "/home", "/opt", "/srv", "/mnt", "/media", "/sys/class", "/sys/fs"]
    paths += ["/dev/pts", "/dev/tty", "/dev/mqueue", "/dev/fuse", "/dev/kvm", "/dev/net/tun"]
    paths += ["/run/user", "/run/dbus", "/run/docker.sock", "/run/systemd"]
    shown = [sys.prefix, sys.base_prefix]
    return [p for p in paths if os.path.lexists(p) and not any(s.startswith(p) for s in shown)]
"""
        assert len(outside(source)) > 3
        assert inside(sandbox, source) == []

    @attack(Property.FILES_HIDDEN)
    def test_no_file_is_found_by_its_handle(self, sandbox: Sandbox, at_home: Path) -> None:
        """A file's handle, with which root leaves a container, opens nothing."""
        source = """
def run(handle, path):
    def opened(kind, value, top):
        where = os.open(top, os.O_RDONLY)
        try:
            structure = struct.pack("=Ii", len(value), kind) + value
            return os.close(call((304, 265), where, structure, os.O_RDONLY))
        finally:
            os.close(where)
    root = struct.pack("=II", 2, 0)  # the root folder of an ext4 file system
    tries = {}
    for top in ("/", "/usr", "/tmp", sys.prefix):
        tries["root by " + top] = lambda top=top: opened(1, root, top)
        if handle:
            kind, value = handle[0], bytes.fromhex(handle[1])
            tries["canary by " + top] = lambda top=top: opened(kind, value, top)
    tries["make"] = lambda: call((303, 264), -100, b"/usr", bytes(8), bytes(8), 0)
    return gains(tries)
"""
        assert inside(sandbox, source, handle=handle_of(at_home), path=str(at_home)) == {}

    @attack(Property.FILES_HIDDEN)
    def test_no_descriptor_leads_out(self, sandbox: Sandbox) -> None:
        """Five descriptors are open: stdin, which is empty, three pipes, and the listing's own."""
        source = """
def run():
    links, ways = {}, {}
    for name in os.listdir("/proc/self/fd"):
        try:
            links[name] = os.readlink("/proc/self/fd/" + name).split(":")[0]
        except FileNotFoundError:
            links[name] = "the listing"
            continue
        ways[name + " is a folder"] = lambda number=int(name): os.fchdir(number)
        ways[name + " has a parent"] = lambda number=int(name): os.stat("..", dir_fd=number)
    return [sorted(links.values()), [links[n] for n in "012"], gains(ways)]
"""
        opened, standard, ways = inside(sandbox, source)
        assert opened == ["/dev/null", "pipe", "pipe", "pipe", "the listing"]
        assert standard == ["/dev/null", "pipe", "pipe"]
        assert ways == {}

    @attack(Property.FILES_HIDDEN)
    def test_nothing_inherited_names_our_folders(self, sandbox: Sandbox) -> None:
        """argv, the main module and what can be imported are the program's own."""
        source = """
def run():
    own = [os.getcwd(), sys.prefix, sys.base_prefix]
    words = [*sys.argv, *sys.orig_argv[1:], repr(sys._xoptions), read("/proc/self/cmdline")]
    words += [repr(vars(sys.modules["__main__"])), read("/proc/self/environ")]
    # a folder above the interpreter's may be there, with nothing else in it
    there = [path + "/" for path in sys.path if os.path.exists(path)]
    near = lambda path: any((o + "/").startswith(path) or path.startswith(o) for o in own)
    elsewhere = [path for path in there if not near(path)]
    return [sys.argv, os.getcwd(), words, elsewhere, "" in sys.path or "/run/ttrl" in sys.path]
"""
        argv, folder, words, elsewhere, ours = inside(sandbox, source)
        assert (argv, folder, elsewhere, ours) == (["candidate.py"], "/tmp", [], False)
        repository = Path(__file__).parents[1]
        names = [str(repository / name) for name in ("tests", "ttrl_cli", "problems")]
        assert [word for word in words if any(name in word for name in names)] == []

    @attack(Property.ENVIRONMENT)
    def test_no_variable_names_another_folder(self, sandbox: Sandbox) -> None:
        """PWD, where it is set, is the folder that the program is in, as HOME and TMPDIR are."""
        source = """
def run():
    here = os.getcwd()
    return [os.environ.get(name, here) == here for name in ("HOME", "TMPDIR", "PWD", "OLDPWD")]
"""
        assert inside(sandbox, source) == [True] * 4

    @attack(Property.FILES_HIDDEN)
    def test_nothing_of_the_repository_can_be_imported(self, sandbox: Sandbox) -> None:
        """Modules beside the tests cannot be imported, although the folder may be on the path."""
        source = "import tests._sandboxes\ndef run(): return 1"
        result = run(sandbox, source)
        assert result.status is Status.ERROR
        assert "No module named 'tests" in result.reason


def handle_of(path: Path) -> tuple[int, str] | None:
    """Type and bytes of a file's handle; None where its file system has none."""
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


# ---------------------------------------------------------------------------------------------
# writing outside

CREATE = """
def run(folders):
    def bound(path):
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
    tries = {}
    for folder in folders:
        new = os.path.join(folder, "ttrl-attack-")
        tries["file in " + folder] = lambda new=new: write(new + "file")
        tries["folder in " + folder] = lambda new=new: os.mkdir(new + "folder")
        tries["link in " + folder] = lambda new=new: os.symlink("/", new + "link")
        tries["fifo in " + folder] = lambda new=new: os.mkfifo(new + "fifo")
        tries["socket in " + folder] = lambda new=new: bound(new + "socket")
        tries["nameless in " + folder] = lambda folder=folder: os.close(
            os.open(folder, os.O_TMPFILE | os.O_WRONLY)
        )
    return gains(tries)
"""
CHANGE = """
def run(path):
    other, taken = (tempfile.mktemp(dir=os.getcwd()) for _ in range(2))
    write(other)
    def mapped():
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 1, prot=3) as shared:
            shared[0] = 0
    def opened_again():
        with open(path, "rb") as file:
            write(f"/proc/self/fd/{file.fileno()}", "ab")
    def through_a_link():
        os.symlink(path, taken + ".link")
        write(taken + ".link", "ab")
    def mode_by_descriptor():
        with open(path, "rb") as file:
            os.fchmod(file.fileno(), 0o777)
    def time_by_descriptor():
        with open(path, "rb") as file:
            os.utime(file.fileno())
    return gains({
        "append": lambda: write(path, "ab"),
        "change": lambda: write(path, "r+b"),
        "truncate": lambda: os.truncate(path, 1),
        "reopen": opened_again,
        "symbolic link": through_a_link,
        "mode": lambda: os.chmod(path, 0o777),
        "mode by descriptor": mode_by_descriptor,
        "owner": lambda: os.chown(path, os.getuid(), os.getgid()),
        "time": lambda: os.utime(path),
        "time by descriptor": time_by_descriptor,
        "attribute": lambda: os.setxattr(path, "user.ttrl", b"x"),
        "hard link": lambda: os.link(path, taken + ".hard"),
        "rename": lambda: os.rename(path, path + ".ttrl"),
        "take": lambda: os.rename(path + ".ttrl", taken),
        "take at once": lambda: os.rename(path, taken),
        "map": mapped,
        "replace": lambda: os.replace(other, path),
        "remove": lambda: os.unlink(path),
    })
"""
CHANGES_POSSIBLE = {"append", "change", "truncate", "reopen", "symbolic link", "mode"}
CHANGES_POSSIBLE |= {"mode by descriptor", "owner", "time", "time by descriptor", "rename"}
CHANGES_POSSIBLE |= {"replace", "remove"}


def state(path: Path) -> tuple[int, ...]:
    """What changes with a file."""
    info = path.stat()
    return (info.st_ino, info.st_mode, info.st_nlink, info.st_size, info.st_mtime_ns)


class TestWritingOutside:
    @attack(Property.FILES_READ_ONLY)
    def test_nothing_can_be_made_outside(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """No file, folder, link, FIFO or socket can be made anywhere but in its own folder."""
        folders = ["/", "/usr", "/usr/lib", sys.prefix, sys.base_prefix, str(Path.home()), "/sys"]
        folders += [sysconfig.get_path("purelib"), "/etc", "/run", "/run/ttrl", "/run/ttrl/inside"]
        folders += ["/dev", "/dev/fd", "/proc", "/proc/self", "/proc/sys/kernel", "/proc/1/root"]
        folders += ["/sys/devices/system/cpu", "/proc/self/root/usr", "/tmp/.."]
        if not Path.cwd().is_relative_to("/tmp"):  # else a folder of that name is its own
            folders.append(str(Path.cwd()))
        assert len(outside(CREATE, folders=[str(tmp_path)])) >= 5
        assert inside(sandbox, CREATE, folders=folders) == {}

    @attack(Property.FILES_READ_ONLY)
    def test_its_own_folders_can_be_written(self, sandbox: Sandbox) -> None:
        """The same attempts succeed in /tmp, and in /dev/shm, which is the same folder."""
        assert len(inside(sandbox, CREATE, folders=["/tmp"])) >= 5
        assert len(inside(sandbox, CREATE, folders=["/dev/shm"])) >= 5

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
    def test_no_file_that_is_shown_can_be_changed(
        self, sandbox: Sandbox, path: str, tmp_path: Path
    ) -> None:
        """Contents, names, links, modes, times and owners of shown files stay as they are."""
        canary = tmp_path / "canary"
        canary.write_text("canary")
        assert outside(CHANGE, path=str(canary)).keys() >= CHANGES_POSSIBLE - {"replace", "remove"}
        before = state(Path(path))
        assert inside(sandbox, CHANGE, path=path) == {}
        assert state(Path(path)) == before

    @attack(Property.FILES_READ_ONLY)
    def test_the_sandbox_itself_cannot_be_changed(self, sandbox: Sandbox) -> None:
        """The modules that the next candidate is started by can be changed in no way."""
        source = CHANGE.replace("def run(path)", "def change(path)") + (
            "def run(folder): return [change(os.path.join(folder, name)) for name in "
            "os.listdir(folder) if name.endswith('.py')]"
        )
        found = inside(sandbox, source, folder="/run/ttrl/inside")
        assert len(found) > 5
        assert not any(found)

    @attack(Property.FILES_READ_ONLY)
    def test_devices_cannot_be_changed(self, sandbox: Sandbox) -> None:
        """Devices can be written to, but keep their mode, owner, times, name and links."""
        allowed = {"append", "change", "reopen", "symbolic link", "map"}
        before = [(p.stat().st_mode, p.stat().st_mtime_ns) for p in DEVICES]
        gained = [inside(sandbox, CHANGE, path=str(path)).keys() - allowed for path in DEVICES]
        assert gained == [set()] * len(DEVICES)
        assert [(p.stat().st_mode, p.stat().st_mtime_ns) for p in DEVICES] == before

    @attack(Property.FILES_READ_ONLY)
    def test_no_setting_of_the_kernel_can_be_written(self, sandbox: Sandbox) -> None:
        """No file of /proc or /sys opens for writing, not even those of the program itself."""
        source = """
def run():
    found, seen = [], 0
    for top in ("/proc/self", "/proc/sys", "/proc", "/sys/devices/system/cpu", "/proc/1"):
        for folder, folders, names in os.walk(top):
            if folder == "/proc":
                folders.clear()
            folders[:] = [n for n in folders if n not in ("fd", "fdinfo", "root", "cwd", "task")]
            for name in names:
                path = os.path.join(folder, name)
                if os.path.islink(path):
                    continue
                seen += 1
                try:
                    os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
                    found.append(path)
                except OSError:
                    pass
    return [seen, found]
"""
        seen, found = inside(sandbox, source)
        assert seen > 500
        assert found == []

    @attack(Property.FILES_READ_ONLY)
    def test_the_worst_settings_cannot_be_written(self, sandbox: Sandbox) -> None:
        """Where core dumps go, who is killed first, and the keyboard's panic button stay."""
        source = """
def run():
    paths = ["/proc/self/oom_score_adj", "/proc/self/mem", "/proc/self/uid_map", "/proc/self/comm"]
    paths += ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sysrq-trigger"]
    paths += ["/proc/sys/kernel/hostname", "/proc/self/attr/current", "/proc/self/loginuid"]
    paths += ["/proc/self/coredump_filter", "/proc/self/timerslack_ns", "/proc/self/setgroups"]
    return gains({path: lambda path=path: os.close(os.open(path, os.O_WRONLY)) for path in paths})
"""
        assert "/proc/self/oom_score_adj" in outside(source)
        assert inside(sandbox, source) == {}

    @attack(Property.FILES_READ_ONLY)
    def test_nothing_is_left_for_the_next_candidate(self, sandbox: Sandbox) -> None:
        """Files that one candidate leaves behind are not there for the next one."""
        leave = """
def run():
    os.makedirs("/tmp/deep/er")
    for path in ("/tmp/candidate.pth", "/tmp/deep/er/x", "/dev/shm/y", "/tmp/sitecustomize.py"):
        write(path)
    return sorted(os.listdir("/dev/shm"))
"""
        look = 'def run(): return [sorted(os.listdir("/tmp")), sorted(os.listdir("/dev/shm"))]'
        assert len(inside(sandbox, leave)) == 4 + len(EMPTY)
        assert inside(sandbox, look) == [EMPTY, EMPTY]

    @attack(Property.FILES_READ_ONLY)
    def test_no_memory_is_shared_with_the_next_candidate(self, sandbox: Sandbox) -> None:
        """A program has no writable memory in common with the process it was forked from."""
        source = """
def run():
    with open("/proc/self/maps") as file:
        return [line for line in file if line.split()[1].endswith("s") and "w" in line.split()[1]]
"""
        assert inside(sandbox, source) == []

    @attack(Property.FILES_READ_ONLY)
    def test_nothing_can_be_mounted(self, sandbox: Sandbox) -> None:
        """No mount can be made, removed, moved, or made writable, by the old calls or the new."""
        source = """
def run():
    REMOUNT, BIND, MOVE = 32, 4096, 8192
    def mount(source, target, kind, flags):
        return c_call("mount", source, target, kind, ctypes.c_ulong(flags), None)
    tries = {}
    for place in (b"/", b"/usr", sys.prefix.encode(), b"/proc", b"/run/ttrl/inside", b"/tmp"):
        name = place.decode()
        writable = struct.pack("=QQQQ", 0, 1, 0, 0)  # take MOUNT_ATTR_RDONLY away
        tries |= {
            "remount " + name: lambda p=place: mount(None, p, None, REMOUNT | BIND),
            "remount all of " + name: lambda p=place: mount(None, p, None, REMOUNT),
            "cover " + name: lambda p=place: mount(b"tmpfs", p, b"tmpfs", 0),
            "bind " + name: lambda p=place: mount(p, b"/tmp", None, BIND),
            "move " + name: lambda p=place: mount(p, b"/tmp", None, MOVE),
            "unmount " + name: lambda p=place: c_call("umount2", p, 2),
            "attributes of " + name: lambda p=place: call(442, -100, p, 0, writable, 32),
            "copy " + name: lambda p=place: call(428, -100, p, 1),
            "pick " + name: lambda p=place: call(433, -100, p, 0),
        }
    tries["new root"] = lambda: call((155, 41), b"/tmp", b"/tmp")
    tries["new file system"] = lambda: call(430, b"tmpfs", 0)
    tries["chroot"] = lambda: os.chroot("/tmp")
    tries["program"] = lambda: command("mount", "-t", "tmpfs", "none", "/tmp")
    return gains(tries)
"""
        assert inside(sandbox, source) == {}


DEVICES = [Path("/dev/null"), Path("/dev/full"), Path("/dev/random"), Path("/dev/urandom")]


# ---------------------------------------------------------------------------------------------
# network

REACH = """
def run(port, family, address):
    def stream():
        with socket.socket(family, socket.SOCK_STREAM) as s:
            s.settimeout(1)
            s.connect((address, port))
    def datagram():
        with socket.socket(family, socket.SOCK_DGRAM) as s:
            return s.sendto(b"canary", (address, port))
    def fast_open():
        with socket.socket(family, socket.SOCK_STREAM) as s:
            return s.sendto(b"canary", socket.MSG_FASTOPEN, (address, port))
    def listed():
        with open("/proc/net/tcp" + "6" * (family == socket.AF_INET6)) as file:
            if f":{port:04X} " not in file.read():
                raise OSError
    return gains({"stream": stream, "datagram": datagram, "open": fast_open, "listed": listed})
"""
REACH_BY_NAME = """
def run(names):
    def connected(kind, name):
        with socket.socket(socket.AF_UNIX, kind) as s:
            s.connect(name)
    def listed(name):
        if name not in read("/proc/net/unix"):
            raise OSError
    tries = {}
    for name in names:
        address = chr(0) + name[1:] if name.startswith("@") else name
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            tries[f"{name} {kind}"] = lambda kind=kind, a=address: connected(kind, a)
    return gains(tries)
"""


class TestNetwork:
    @attack(Property.NETWORK)
    @pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
    def test_servers_of_this_machine_are_out_of_reach(self, sandbox: Sandbox, address: str) -> None:
        """A server on the machine's own address gets no connection and no datagram."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family) as server, socket.socket(family, socket.SOCK_DGRAM) as other:
            server.bind((address, 0))
            port = server.getsockname()[1]
            other.bind((address, port))
            server.listen()
            for listener in (server, other):
                listener.setblocking(False)
            where = {"port": port, "family": int(family), "address": address}
            assert outside(REACH, **where).keys() >= {"stream", "datagram", "listed"}
            server.accept()[0].close()
            assert other.recv(9) == b"canary"
            while True:  # those of the fast open, if the kernel has it
                try:
                    server.accept()[0].close()
                except BlockingIOError:
                    break
            assert inside(sandbox, REACH, **where) == {}
            with pytest.raises(BlockingIOError):
                server.accept()
            with pytest.raises(BlockingIOError):
                other.recv(9)

    @attack(Property.NETWORK)
    def test_unix_sockets_of_others_are_out_of_reach(
        self, sandbox: Sandbox, short_folder: Path, at_home: Path
    ) -> None:
        """Servers with a path, below temporary folder or home, or an abstract name, get nothing."""
        paths = [str(short_folder / "canary"), str(at_home.with_name("canary"))]
        names = [*paths, f"@ttrl-canary-{uuid.uuid4().hex}"]
        with ExitStack() as stack:
            for name in names:
                server = stack.enter_context(socket.socket(socket.AF_UNIX))
                server.bind("\0" + name[1:] if name.startswith("@") else name)
                server.listen()
            assert outside(REACH_BY_NAME, names=names).keys() == {f"{name} 1" for name in names}
            assert inside(sandbox, REACH_BY_NAME, names=names) == {}

    @attack(Property.NETWORK)
    def test_names_do_not_resolve(self, sandbox: Sandbox) -> None:
        """No name server is asked, and no file of names read."""
        source = """
def run():
    names = ["example.com", "localhost", socket.gethostname()]
    return gains({name: lambda name=name: socket.getaddrinfo(name, 80) for name in names})
"""
        assert inside(sandbox, source) == {}

    @attack(Property.NETWORK)
    def test_sockets_of_no_other_family_can_be_made(self, sandbox: Sandbox) -> None:
        """Of all address families and kinds of sockets, only the Unix family's can be made."""
        source = """
def run():
    found = set()
    for family in [*range(64), 0x100000001, 0x100000002, -1]:
        for kind in range(1, 8):
            for number in ((41, 198), (53, 199)):
                pair = (ctypes.c_int * 2)()
                if not error_of(call, number, family, kind, 0, pair):
                    found.add(family)
    return sorted(found)
"""
        # the kernel, as the filter, knows the low half of the first argument only
        assert inside(sandbox, source) == [socket.AF_UNIX, 0x1_0000_0001]

    @attack(Property.NETWORK)
    def test_special_sockets_cannot_be_made(self, sandbox: Sandbox) -> None:
        """Raw packets, netlink, virtual machine sockets and the kernel's ciphers are refused."""
        source = """
def run():
    kinds = {
        "ping": (2, socket.SOCK_DGRAM, 1), "raw ICMP": (2, socket.SOCK_RAW, 1),
        "raw IPv6": (10, socket.SOCK_RAW, 58), "netlink": (16, socket.SOCK_RAW, 0),
        "packet": (17, socket.SOCK_RAW, 768), "vsock": (40, socket.SOCK_STREAM, 0),
        "algorithm": (38, socket.SOCK_SEQPACKET, 0), "bluetooth": (31, socket.SOCK_RAW, 1),
        "CAN": (29, socket.SOCK_RAW, 1), "XDP": (44, socket.SOCK_RAW, 0),
    }
    return {name: error_of(socket.socket, *kind) for name, kind in kinds.items()}
"""
        assert set(inside(sandbox, source).values()) == {1}  # EPERM

    @attack(Property.NETWORK)
    def test_it_cannot_even_talk_to_itself_by_address(self, sandbox: Sandbox) -> None:
        """A server of its own on the loopback address cannot be made, let alone reached."""
        source = """
def run():
    def talk():
        with socket.create_server(("127.0.0.1", 0)) as server:
            with socket.create_connection(server.getsockname()):
                return "connected"
    return gains({"talk": talk, "server": lambda: socket.create_server(("", 0)).close()})
"""
        assert outside(source).keys() == {"talk", "server"}
        assert inside(sandbox, source) == {}

    @attack(Property.NETWORK)
    def test_its_own_processes_may_talk(self, sandbox: Sandbox) -> None:
        """Socket pairs and Unix sockets in its own folder work, as multiprocessing needs them."""
        source = """
import multiprocessing.connection
def run():
    left, right = socket.socketpair()
    left.sendall(b"pair")
    with multiprocessing.connection.Listener("/tmp/own", "AF_UNIX") as listener:
        if os.fork() == 0:
            with multiprocessing.connection.Client("/tmp/own", "AF_UNIX") as client:
                client.send("path")
            os._exit(0)
        with listener.accept() as connection:
            heard = connection.recv()
        os.wait()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return [right.recv(9).decode(), heard, pool.map(abs, [-1, -2])]
"""
        assert inside(sandbox, source) == ["pair", "path", [1, 2]]


# ---------------------------------------------------------------------------------------------
# other processes

MEDDLE = """
def run(pids):
    tries = {}
    for pid in pids:
        def see(what, pid=pid):
            return read(f"/proc/{pid}/{what}")
        def memory(pid=pid):
            os.close(os.open(f"/proc/{pid}/mem", os.O_RDONLY))
        def handle(pid=pid):
            os.close(call(434, pid, 0))
        def descriptor(pid=pid):
            process = call(434, pid, 0)
            os.close(call(438, process, 0, 0))
        def signal_by_handle(pid=pid):
            return call(424, call(434, pid, 0), 0, 0, 0)
        def attach(pid=pid):
            call((101, 117), 16, pid, 0, 0)
            os.waitpid(pid, 0x40000000)
            call((101, 117), 17, pid, 0, 0)
        def peek(pid=pid):
            block = ctypes.create_string_buffer(8)
            local = struct.pack("=QQ", ctypes.addressof(block), 8)
            return call((310, 270), pid, local, 1, local, 1, 0)
        tries |= {
            f"folder {pid}": lambda pid=pid: os.stat(f"/proc/{pid}"),
            f"environment {pid}": lambda see=see: see("environ"),
            f"command {pid}": lambda see=see: see("cmdline"),
            f"status {pid}": lambda see=see: see("status"),
            f"maps {pid}": lambda see=see: see("maps"),
            f"root {pid}": lambda pid=pid: os.listdir(f"/proc/{pid}/root/"),
            f"open {pid}": lambda pid=pid: os.listdir(f"/proc/{pid}/fd"),
            f"memory {pid}": memory,
            f"handle {pid}": handle,
            f"descriptor {pid}": descriptor,
            f"signal by handle {pid}": signal_by_handle,
            f"attach {pid}": attach,
            f"peek {pid}": peek,
            f"group {pid}": lambda pid=pid: os.getpgid(pid),
            f"session {pid}": lambda pid=pid: os.getsid(pid),
            f"cores {pid}": lambda pid=pid: os.sched_getaffinity(pid),
            f"scheduler {pid}": lambda pid=pid: os.sched_getscheduler(pid),
            f"priority {pid}": lambda pid=pid: os.setpriority(os.PRIO_PROCESS, pid, 19),
            f"limits {pid}": lambda pid=pid: resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0)),
            f"signal {pid}": lambda pid=pid: os.kill(pid, 0),
            f"kill its group {pid}": lambda pid=pid: os.kill(-pid, 9),
            f"kill {pid}": lambda pid=pid: os.kill(pid, 9),
        }
    return gains(tries)
"""


class TestOtherProcesses:
    @attack(Property.PROCESSES_HIDDEN)
    def test_it_lists_no_process_but_its_own(self, sandbox: Sandbox) -> None:
        """/proc lists the program, which is process 1 and has no parent, and its children."""
        source = """
def run():
    with subprocess.Popen(["sleep", "9"]) as child:
        listed = {int(name) for name in os.listdir("/proc") if name.isdigit()}
        child.kill()
    return [os.getpid(), os.getppid(), sorted(listed - {child.pid})]
"""
        assert inside(sandbox, source) == [1, 0, [1]]

    @attack(Property.PROCESSES_HIDDEN)
    def test_other_processes_cannot_be_touched(
        self, sandbox: Sandbox, victim: subprocess.Popen
    ) -> None:
        """By their number others can be seen, read, traced, limited, signalled and killed not."""
        pids = [pid for pid in (victim.pid, os.getpid(), os.getppid()) if pid != 1]
        assert inside(sandbox, MEDDLE, pids=pids) == {}
        assert victim.poll() is None
        gained = outside(MEDDLE, pids=[victim.pid])
        easy = ("folder", "environment", "command", "status", "cores", "group", "signal", "kill")
        assert gained.keys() >= {f"{name} {victim.pid}" for name in easy}
        assert "canary-process" in gained[f"environment {victim.pid}"]
        assert victim.wait() == -9

    @attack(Property.PROCESSES_HIDDEN)
    def test_killing_everything_kills_nobody_else(
        self, sandbox: Sandbox, victim: subprocess.Popen
    ) -> None:
        """A signal to all processes ends none but the program's own children."""
        source = """
def run():
    child = subprocess.Popen(["sleep", "9"])
    os.kill(-1, signal.SIGKILL)
    return child.wait()
"""
        assert inside(sandbox, source) == -9
        assert victim.poll() is None
        assert inside(sandbox, "def run(): return 1") == 1

    @attack(Property.PROCESSES_HIDDEN)
    def test_a_child_cannot_touch_others_either(
        self, sandbox: Sandbox, victim: subprocess.Popen
    ) -> None:
        """A daemon in a session of its own, run from a program, has the same walls."""
        source = (
            f"SOURCE = {TOOLS + MEDDLE!r}\n"
            "def run(pids):\n"
            "    end = f'print(json.dumps(run({pids})))'\n"
            "    words = ['setsid', sys.executable, '-I', '-S', '-c', SOURCE + end]\n"
            "    return json.loads(command(*words))\n"
        )
        assert inside(sandbox, source, pids=[victim.pid]) == {}
        assert victim.poll() is None

    @attack(Property.PROCESSES_HIDDEN)
    def test_every_namespace_is_its_own(self, sandbox: Sandbox) -> None:
        """User, process, mount, network, IPC, host name and cgroup namespaces are not ours."""
        source = 'def run(): return {n: os.readlink("/proc/self/ns/" + n) for n in NAMES}'
        names = ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"]
        found = inside(sandbox, f"NAMES = {names}\n{source}")
        ours = {name: str(Path(f"/proc/self/ns/{name}").readlink()) for name in names}
        assert [name for name in names if found[name] == ours[name]] == []


# ---------------------------------------------------------------------------------------------
# privileges

STATUS = """
def status(path="/proc/self/status"):
    with open(path) as file:
        pairs = [line.partition(":") for line in file]
    return {name: value.strip() for name, _, value in pairs}
def privileges():
    now = status()
    names = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "Uid", "Gid", "NoNewPrivs")
    return {name: now[name] for name in names}
"""


class TestPrivileges:
    @attack(Property.PRIVILEGES)
    def test_it_has_no_capability(self, sandbox: Sandbox) -> None:
        """All five sets of capabilities are empty, and can grow by nothing that is executed."""
        found = inside(sandbox, STATUS + "def run(): return privileges()")
        assert {name: int(found[name], 16) for name in found if name.startswith("Cap")} == {
            "CapInh": 0,
            "CapPrm": 0,
            "CapEff": 0,
            "CapBnd": 0,
            "CapAmb": 0,
        }
        assert found["NoNewPrivs"] == "1"

    @attack(Property.PRIVILEGES)
    def test_it_is_not_root_outside(self, sandbox: Sandbox) -> None:
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
        source = f"def run():\n libc.prctl(15, {marker.encode()!r})\n time.sleep(0.4)"
        try:
            inside(sandbox, source)
        finally:
            ended.set()
            watcher.join()
        uid, gid = (65534, 65534) if os.getuid() == 0 else (os.getuid(), os.getgid())
        assert seen[0] == (uid,) * 3 + (gid,) * 3

    @attack(Property.PRIVILEGES)
    def test_no_other_id_can_be_taken(self, sandbox: Sandbox) -> None:
        """No call that changes user or group changes anything."""
        source = (
            STATUS
            + """
def run():
    before = privileges()
    for number in (0, 1, 1000, 65534):
        for name in ("setuid", "seteuid", "setgid", "setegid"):
            error_of(getattr(os, name), number)
        error_of(os.setresuid, number, number, number)
        error_of(os.setresgid, number, number, number)
        error_of(os.setgroups, [number])
        error_of(call, (122, 151), number)  # setfsuid
        error_of(call, (123, 152), number)  # setfsgid
    return [before, privileges()]
"""
        )
        before, after = inside(sandbox, source)
        assert before == after

    @attack(Property.PRIVILEGES)
    def test_no_capability_can_be_regained(self, sandbox: Sandbox) -> None:
        """Neither capset, nor ambient sets, nor the process's switches bring one back."""
        source = (
            STATUS
            + """
def run():
    everything = struct.pack("=6I", *[0xFFFFFFFF] * 6)
    tries = {
        "capset": lambda: c_call("capset", struct.pack("=Ii", 0x20080522, 0), everything),
        "ambient": lambda: c_call("prctl", 47, 2, 21, 0, 0),
        "keep": lambda: c_call("prctl", 28, 0x3F, 0, 0, 0),
        "privileges": lambda: c_call("prctl", 38, 0, 0, 0, 0),
    }
    return [gains(tries), privileges()["CapEff"], privileges()["NoNewPrivs"]]
"""
        )
        assert inside(sandbox, source) == [{}, "0" * 16, "1"]

    @attack(Property.PRIVILEGES)
    def test_setuid_programs_give_nothing(self, sandbox: Sandbox) -> None:
        """Programs that run as root outside run as the candidate, and nothing can become one."""
        source = """
def run():
    own = "/tmp/own"
    command("cp", os.path.realpath("/usr/bin/id"), own)
    os.chmod(own, 0o6755)
    as_caller = command("id", "-u"), command("id", "-g")
    tries = {
        "su": lambda: command("su", "root", "-c", "id"),
        "sudo": lambda: command("sudo", "-n", "id"),
        "mount": lambda: command("mount", "-t", "tmpfs", "none", "/tmp"),
        "umount": lambda: command("umount", "/proc"),
        "newgrp": lambda: command("newgrp", "root"),
        "passwd": lambda: command("passwd", "-d", "root"),
        "pkexec": lambda: command("pkexec", "id"),
        "chsh": lambda: command("chsh", "-s", "/bin/sh", "root"),
    }
    gained = gains(tries)
    gained.pop("newgrp", None)  # it starts a shell, with no other group
    shown = []
    with open("/proc/self/mountinfo") as file:
        for line in file:
            if "nosuid" not in line.split()[5].split(","):
                shown.append(line)
    return [gained, (command(own, "-u"), command(own, "-g")) == as_caller, shown]
"""
        assert inside(sandbox, source) == [{}, True, []]

    @attack(Property.PRIVILEGES)
    def test_no_device_can_be_made_or_opened(self, sandbox: Sandbox) -> None:
        """Disks, memory and the kernel's log are not there, and cannot be made."""
        source = """
def run():
    numbers = {"memory": (1, 1), "port": (1, 4), "log": (1, 11), "fuse": (10, 229)}
    disks = {"vda": (254, 0), "sda": (8, 0), "loop": (7, 0), "nvme": (259, 0), "null": (1, 3)}
    tries = {}
    for kinds, kind in ((numbers, stat.S_IFCHR), (disks, stat.S_IFBLK)):
        for name, (major, minor) in kinds.items():
            tries["make " + name] = lambda n=name, k=kind, d=os.makedev(major, minor): os.mknod(
                "/tmp/" + n, k | 0o600, d
            )
    for name in ("vda", "sda", "mem", "kmsg", "port", "fuse", "kvm", "loop0", "nvme0n1", "ptmx",
                 "tty", "console", "hpet", "rtc0", "vsock", "nvidia0", "nvidiactl"):
        tries["open " + name] = lambda n=name: os.close(os.open("/dev/" + n, os.O_RDONLY))
    return [gains(tries), sorted(os.listdir("/dev"))]
"""
        gained, devices = inside(sandbox, source)
        assert gained == {}
        harmless = ["null", "full", "random", "urandom"]
        assert devices == sorted([*harmless, "stdin", "stdout", "stderr", "fd", "shm"])

    @attack(Property.PRIVILEGES)
    def test_no_whiteout_can_be_made(self, sandbox: Sandbox) -> None:
        """The one device that takes no capability to make: Landlock alone refuses it."""
        sandbox.start()
        if not any(name.startswith("Landlock") for name in sandbox.protections):
            pytest.skip("this kernel has no Landlock")
        source = """
def run():
    return gains({"whiteout": lambda: os.mknod("/tmp/whiteout", stat.S_IFCHR | 0o600, 0)})
"""
        assert inside(sandbox, source) == {}

    @attack(Property.PRIVILEGES)
    def test_no_namespace_can_be_made_or_entered(self, sandbox: Sandbox) -> None:
        """No kind of namespace, by no call and no program, is to be had."""
        source = """
def run():
    kinds = {"time": 0x80, "mount": 0x20000, "cgroup": 0x2000000, "UTS": 0x4000000,
             "IPC": 0x8000000, "user": 0x10000000, "process": 0x20000000, "network": 0x40000000}
    def cloned(flags):
        child = call((56, 220), flags | signal.SIGCHLD, 0, 0, 0, 0)
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
    def cloned_anew(flags):
        arguments = struct.pack("=8Q", flags, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
        child = call(435, arguments, len(arguments))
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
    def entered(name):
        descriptor = os.open("/proc/self/ns/" + name, os.O_RDONLY)
        try:
            return call((308, 268), descriptor, 0)
        finally:
            os.close(descriptor)
    tries = {"program": lambda: command("unshare", "-r", "true")}
    for name, flag in kinds.items():
        tries["unshare " + name] = lambda flag=flag: call((272, 97), flag)
        if name != "time":  # for clone, the same bits are a signal
            tries["clone " + name] = lambda flag=flag: cloned(flag)
        tries["clone3 " + name] = lambda flag=flag: cloned_anew(flag)
    for name in os.listdir("/proc/self/ns"):
        tries["enter " + name] = lambda name=name: entered(name)
        tries["owner of " + name] = lambda name=name: owner(name)
    found = gains(tries)
    return [found, len(tries)]

def owner(name):
    # NS_GET_USERNS and NS_GET_PARENT open namespaces that lie around this one
    with open("/proc/self/ns/" + name) as file:
        os.close(fcntl.ioctl(file, 0xB702))
"""
        gained, tried = inside(sandbox, source)
        assert tried > 30
        assert gained == {}

    @attack(Property.PRIVILEGES)
    def test_clocks_and_names_of_the_machine_stay(self, sandbox: Sandbox) -> None:
        """The clock cannot be set or bent, the host not renamed, restarted or swapped."""
        source = """
def run():
    now = time.time()
    moment = struct.pack("=qq", int(now), 0)
    return gains({
        "clock": lambda: time.clock_settime(time.CLOCK_REALTIME, now),
        "day": lambda: call((164, 170), moment, 0),
        "adjust": lambda: call((159, 171), struct.pack("=Q", 0x4000) + bytes(248)),
        "adjust a clock": lambda: call((305, 266), 0, struct.pack("=Q", 0x4000) + bytes(248)),
        "host": lambda: socket.sethostname("attacked"),
        "domain": lambda: call((171, 162), b"attacked", 8),
        "restart": lambda: call((169, 142), 0, 0, 0, 0),
        "hang up": lambda: call((153, 58)),
        "alarm": lambda: alarm(),
    })

def alarm():
    timer = ctypes.c_int()
    return call((222, 107), 9, 0, ctypes.byref(timer))  # one on CLOCK_BOOTTIME_ALARM wakes machines
"""
        assert inside(sandbox, source) == {}

    @attack(Property.PRIVILEGES)
    def test_no_limit_can_be_raised(self, sandbox: Sandbox) -> None:
        """Hard limits, priorities and the scheduler's kinds go down, and never up."""
        source = """
def raise_limit(number, value):
    try:
        resource.setrlimit(number, value)
    except ValueError as error:  # Python's word for EPERM
        raise PermissionError from error

def run():
    tries, finite = {}, []
    for name in dir(resource):
        if name.startswith("RLIMIT_"):
            number = getattr(resource, name)
            soft, hard = resource.getrlimit(number)
            if hard != resource.RLIM_INFINITY:
                finite.append(name)
                tries[name] = lambda n=number, h=hard: raise_limit(n, (h, h + 1))
                tries[name + " off"] = lambda n=number: raise_limit(n, (-1, -1))
    tries |= {
        "nice": lambda: os.nice(-1),
        "priority": lambda: os.setpriority(os.PRIO_PROCESS, 0, -20),
        "FIFO": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
        "round robin": lambda: os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1)),
        "deadline": lambda: call((314, 274), 0, struct.pack("=IIQiIQQQ", 48, 6, 0, 0, 0,
                                                           10**6, 10**7, 10**7), 0),
        "disk": lambda: call((251, 30), 1, 0, 1 << 13),
    }
    return [gains(tries), finite]
"""
        gained, finite = inside(sandbox, source)
        assert gained == {}
        wanted = ("AS", "CORE", "CPU", "FSIZE", "NOFILE", "NPROC")
        assert {f"RLIMIT_{name}" for name in wanted} <= set(finite)


# ---------------------------------------------------------------------------------------------
# system calls

REFUSED = {  # of unistd.h: x86_64, aarch64
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "vmsplice": (278, 75),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "personality": (135, 92),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "mount": (165, 40),
    "umount2": (166, 39),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "syslog": (103, 116),
    "fanotify_init": (300, 262),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "acct": (163, 89),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    "clock_settime": (227, 112),
    "settimeofday": (164, 170),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "vhangup": (153, 58),
}
REFUSED_ON_X86 = {"iopl": 172, "ioperm": 173, "modify_ldt": 154, "uselib": 134, "_sysctl": 156}
X86 = os.uname().machine == "x86_64"
NEEDS_X86 = pytest.mark.skipif(not X86, reason="machine code of x86_64")

CODE = """
def execute(code):
    page = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=7)
    page.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return ctypes.CFUNCTYPE(ctypes.c_int)(address)()
"""


class TestSystemCalls:
    @attack(Property.SYSTEM_CALLS)
    def test_no_thread_has_open_files_of_its_own(self, sandbox: Sandbox) -> None:
        """A thread that does not share its program's descriptors cannot be made."""
        source = """
def run():
    libc = ctypes.CDLL(None, use_errno=True)
    number = {"x86_64": 56, "aarch64": 220}[platform.machine()]
    made = libc.syscall(ctypes.c_long(number), ctypes.c_ulong(0x10900), None, None, None, None)
    return [made, ctypes.get_errno()]
"""
        result = run(sandbox, "import ctypes, platform\n" + source)
        assert result.data == [-1, errno.EPERM]

    @attack(Property.SYSTEM_CALLS)
    def test_rare_calls_are_refused(self, sandbox: Sandbox) -> None:
        """Every call of the list is refused as such, whatever it is given."""
        source = """
def run(numbers):
    return {name: error_of(call, number, 0, 0, 0, 0, 0, 0) for name, number in numbers.items()}
"""
        numbers = {name: pair[not X86] for name, pair in REFUSED.items()}
        numbers |= REFUSED_ON_X86 if X86 else {}
        errors = inside(sandbox, source, numbers=numbers)
        assert {name: error for name, error in errors.items() if error != 1} == {}  # EPERM
        assert errors.keys() == numbers.keys()

    @attack(Property.SYSTEM_CALLS)
    def test_new_calls_do_not_exist(self, sandbox: Sandbox) -> None:
        """Calls that are newer than the list, and clone3, end as if the kernel had none such."""
        source = "def run(numbers): return [error_of(call, n, 0, 0, 0, 0) for n in numbers]"
        numbers = [435, *range(463, 600), 1000, 65536, 0x3FFFFFFF]
        assert set(inside(sandbox, source, numbers=numbers)) == {38}  # ENOSYS

    @attack(Property.SYSTEM_CALLS)
    def test_landlock_stays(self, sandbox: Sandbox) -> None:
        """A program may restrict itself further: the call is the kernel's to answer."""
        source = "def run(): return error_of(call, 444, 0, 0, 1)"
        assert inside(sandbox, source) in (0, 38, 95)  # ENOSYS, EOPNOTSUPP

    @attack(Property.SYSTEM_CALLS)
    def test_the_second_set_of_numbers_is_refused(self, sandbox: Sandbox) -> None:
        """The numbers of the x32 ABI, under which filters are often forgotten, do nothing."""
        source = """
def run():
    numbers = [bit + n for n in range(600) for bit in (1 << 30, 1 << 31)]
    return [error_of(call, number, 0, 0, 0) for number in numbers]
"""
        assert set(inside(sandbox, source)) == {1 if X86 else 38}

    @NEEDS_X86
    @attack(Property.SYSTEM_CALLS)
    @pytest.mark.parametrize("number", [20, 359, 102, 21, 101], ids=str)
    def test_calls_of_32_bit_are_refused(self, sandbox: Sandbox, number: int) -> None:
        """The gate int 0x80 reaches none of the 32-bit calls, not even getpid, or is fatal."""
        source = (
            CODE
            + f"""
def run(): # mov ebx, 2; mov ecx, 1; xor edx, edx; mov eax, NUMBER; int 0x80
    start = bytes.fromhex("53bb02000000b90100000031d2b8") + struct.pack("=I", {number})
    return execute(start + bytes.fromhex("cd805bc3"))
"""
        )
        result = run(sandbox, TOOLS + source)
        if result.status is Status.OK:
            assert result.data == -1  # EPERM, the kernel's way
        else:
            assert "SIGSEGV" in result.reason

    @NEEDS_X86
    @attack(Property.SYSTEM_CALLS)
    def test_machine_code_meets_the_same_walls(self, sandbox: Sandbox) -> None:
        """Calls made by instructions of its own are refused like those of the C library."""
        source = (
            CODE
            + """
def run(): # mov edi, FAMILY; mov esi, 1; xor edx, edx; mov eax, 41; syscall; ret
    end = bytes.fromhex("be0100000031d2b8290000000f05c3")
    sockets = [execute(b"\\xbf" + struct.pack("=I", family) + end) for family in (1, 2, 16)]
    return [sockets[0] > 2, sockets[1:]]
"""
        )
        assert inside(sandbox, source) == [True, [-1, -1]]

    @attack(Property.SYSTEM_CALLS)
    def test_a_c_library_of_its_own_gains_nothing(self, sandbox: Sandbox) -> None:
        """A copy of the C library loads from the program's folder, and is refused the same."""
        source = """
import shutil
def run():
    with open("/proc/self/maps") as file:
        path = next(line.split()[-1] for line in file if "/libc.so" in line or "/libc-" in line)
    shutil.copy(path, "/tmp/own-libc.so")
    own = ctypes.CDLL("/tmp/own-libc.so", use_errno=True)
    calls = {
        "socket": own.socket(2, 1, 0), "unshare": own.unshare(0x10000000),
        "mount": own.mount(b"none", b"/tmp", b"tmpfs", ctypes.c_ulong(0), None),
        "ptrace": own.ptrace(16, 1, 0, 0), "chroot": own.chroot(b"/tmp"),
    }
    return [own.getpid(), {name: result for name, result in calls.items() if result != -1}]
"""
        assert inside(sandbox, source) == [1, {}]

    @attack(Property.SYSTEM_CALLS)
    def test_the_filter_cannot_be_loosened(self, sandbox: Sandbox) -> None:
        """Neither switching it off nor a filter of its own that allows everything helps."""
        source = """
def run():
    allow = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 0x7FFF0000))
    program = ctypes.create_string_buffer(struct.pack("@HP", 1, ctypes.addressof(allow)))
    off = error_of(c_call, "prctl", 22, 0, 0, 0, 0)
    more = error_of(c_call, "prctl", 22, 2, program, 0, 0)
    return [off != 0, more, error_of(socket.socket), error_of(call, (101, 117), 0, 0, 0, 0)]
"""
        assert inside(sandbox, source) == [True, 0, 1, 1]

    @attack(Property.SYSTEM_CALLS)
    def test_threads_and_children_have_the_same_walls(self, sandbox: Sandbox) -> None:
        """A thread, a fork and another program are refused what their parent is."""
        source = """
import threading
def run():
    errors = []
    def attempt():
        errors.append(error_of(socket.socket))
        errors.append(error_of(call, (165, 40), 0, 0, 0, 0, 0))
    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, bytes([error_of(socket.socket)]))
        os._exit(0)
    os.wait()
    words = [sys.executable, "-I", "-S", "-c", "import socket; socket.socket()"]
    other = subprocess.run(words, capture_output=True, text=True).stderr
    return [errors, os.read(reader, 1)[0], "PermissionError" in other]
"""
        assert inside(sandbox, source) == [[1, 1], 1, True]

    @attack(Property.SYSTEM_CALLS)
    def test_nothing_can_be_typed_into_a_terminal(self, sandbox: Sandbox) -> None:
        """The requests that type into a terminal are refused, with stray high bits, too."""
        source = """
def run():
    requests = [0x5412, 0x541C, 0x5412 | 1 << 32, 0x541C | 0xABCD << 32]
    return [error_of(call, (16, 29), 0, request, b"x") for request in requests]
"""
        assert inside(sandbox, source) == [1, 1, 1, 1]
