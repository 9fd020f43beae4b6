"""The file system that candidates see: system, interpreter, and nothing else.

A view is a list of actions, carried out in order by `inside/namespaces.py` or put into bubblewrap's
words by `backends.py`:

    ["show", SOURCE, TARGET]    a file or folder, read-only
    ["hide", PATH]              an empty folder in its place
    ["link", TEXT, TARGET]      a symbolic link
    ["device", PATH]            a harmless device
    ["folder", PATH]            an empty folder, for the mounts of each candidate
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ttrl_cli.errors import SetupError
from ttrl_cli.sandbox.base import SandboxSpec
from ttrl_cli.sandbox.inside.attempt import PRIVATE, SHARED_MEMORY

INSIDE = "/run/ttrl"
"""Where the fork server's own modules are shown."""
PACKAGE = Path(__file__).with_name("inside")
FILES = f"{INSIDE}/files"
"""Where the files that the problem shows to candidates are."""
_OWN = (PRIVATE, SHARED_MEMORY)  # what each candidate gets an empty one of
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
_ESSENTIAL = ("/usr/bin", "/usr/lib", "/usr/lib64", "/usr/sbin", "/usr/local/bin")
_SETTINGS = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime")
# not /dev/zero: mapped, it is memory shared without a file, which inside/seccomp.py refuses
_DEVICES = ("/dev/null", "/dev/full", "/dev/random", "/dev/urandom")
_CORES = "/sys/devices/system/cpu"  # where the C library counts them
_ASK = (
    "import json, sys; sys.version_info < (3, 9) and sys.exit();"
    "print(json.dumps([sys.executable, sys.prefix, sys.base_prefix, sys.exec_prefix]))"
)

Action = list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A Python interpreter.

    Attributes:
        executable: Its path, past wrappers that start it.
        folders: Where its files are.
    """

    executable: str
    folders: tuple[str, ...]


@cache
def ask_interpreter(python: str | None) -> Interpreter:
    """Ask an interpreter for its path and its folders; None is the one that runs this.

    Raises:
        SetupError: If it does not say, or is older than Python 3.9.
    """
    if python is None:
        found = [sys.executable, sys.prefix, sys.base_prefix, sys.exec_prefix]
    else:
        ask = [python, "-s", "-c", _ASK]
        try:
            done = subprocess.run(ask, capture_output=True, text=True, check=False, timeout=60)
            found = json.loads(done.stdout)
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            msg = f"{python} is not a Python interpreter, 3.9 or newer: {error}"
            raise SetupError(msg) from error
    executable, *prefixes = found
    # a virtual environment's interpreter is a link into another folder
    places = dict.fromkeys([*prefixes, str(Path(executable).resolve().parent)])
    return Interpreter(executable=executable, folders=tuple(places))


def private_folders() -> list[Path]:
    """Return the user's home and the current folder, where they exist."""
    found: list[Path] = []
    for find in (Path.home, Path.cwd):
        with contextlib.suppress(RuntimeError, FileNotFoundError):  # nobody's home; deleted
            found.append(find())
    return found


def actions(spec: SandboxSpec) -> list[Action]:
    """Return the actions that build the view of candidates, given their sandbox's spec.

    Links in sources and in hidden folders are resolved; targets keep the names that programs use.

    Raises:
        SetupError: If the interpreter cannot be asked where it lives.
    """
    hidden = [os.path.realpath(path) for path in spec.hidden]
    needed = [_Show(os.path.realpath(path), path) for path in _folders(spec)]
    links, system = _system()
    covered = _hide(hidden, system, sparing=_ESSENTIAL)
    own = [
        show
        for show in needed
        if not any(_lies_in(show.target, other.target) for other in system)
        or any(_lies_in(show.target, path) for path in covered)
    ]
    also = _hide(hidden, own, sparing=[show.source for show in needed])
    settings = [f"/etc/{name}" for name in _SETTINGS] + [_CORES]
    last = [_Show(os.path.realpath(path), path) for path in settings if Path(path).exists()]
    last.append(_Show(os.path.realpath(PACKAGE), f"{INSIDE}/{PACKAGE.name}"))
    if spec.files is not None:
        last.append(_Show(os.path.realpath(spec.files), FILES))
    streams = enumerate(("stdin", "stdout", "stderr"))
    links += [["link", f"/proc/self/fd/{number}", f"/dev/{name}"] for number, name in streams]
    return [
        *links,
        ["link", "/proc/self/fd", "/dev/fd"],
        *(["show", *show] for show in system),
        *(["hide", path] for path in covered),
        *(["show", *show] for show in own),
        *(["hide", path] for path in also),
        *(["show", *show] for show in last),
        *(["device", path] for path in _DEVICES),
        *(["folder", path] for path in (*_OWN, "/proc")),
    ]


def shown_folders(python: str | None) -> list[str]:
    """Return the folders that candidates of an interpreter see, by their real paths.

    Raises:
        SetupError: If the interpreter cannot be asked where it lives.
    """
    built = actions(SandboxSpec(python=python))
    return [paths[0] for action, *paths in built if action == "show" and Path(paths[0]).is_dir()]


def shown_in(path: Path, spec: SandboxSpec) -> str | None:
    """Return the folder in which candidates would see a path; None if they would not see it.

    The path need not exist.
    """
    real = os.path.realpath(path)
    shown: str | None = None
    for action, *paths in actions(spec):
        if action == "show" and _lies_in(real, paths[0]):
            shown = paths[0]
            inside = paths[1] + real.removeprefix(paths[0])
        elif action == "hide" and shown is not None and _lies_in(inside, paths[0]):
            shown = None
    return shown


def kept(spec: SandboxSpec) -> list[str]:
    """Return the interpreter's folders below /tmp and /dev/shm, which each candidate gets empty."""
    folders = _folders(spec)
    return [path for path in folders if any(_lies_in(path, private) for private in _OWN)]


class _Show(NamedTuple):
    source: str
    target: str


def _folders(spec: SandboxSpec) -> tuple[str, ...]:
    return ask_interpreter(spec.python).folders


def _system() -> tuple[list[Action], list[_Show]]:
    """Return the system's links and folders; on most systems some folders are links to others."""
    links: list[Action] = []
    shown: list[_Show] = []
    for path in _SYSTEM:
        if os.path.islink(path):  # noqa: PTH114 - of text, as all of this
            links.append(["link", os.readlink(path), path])  # noqa: PTH115 - as above
        elif Path(path).is_dir():
            shown.append(_Show(os.path.realpath(path), path))
    return links, shown


def _hide(hidden: Sequence[str], shown: Sequence[_Show], *, sparing: Sequence[str]) -> list[str]:
    """Return where hidden folders appear inside shown ones, except those that hold needed files.

    A folder in a hidden one is left out: it is hidden with that, and there is nothing to cover.
    """
    found = dict.fromkeys(
        show.target + path.removeprefix(show.source)
        for path in hidden
        for show in shown
        if _lies_in(path, show.source) and path != show.source and Path(path).is_dir()
        if not any(_lies_in(spared, path) for spared in sparing)
    )
    return [
        path for path in found if not found.keys() & {str(above) for above in Path(path).parents}
    ]


def _lies_in(path: str, folder: str) -> bool:
    return Path(path).is_relative_to(folder)
