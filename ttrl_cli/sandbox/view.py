"""The file system that candidates see: system, interpreter, and nothing else.

A view is a list of actions, carried out in order by `inside/enter.py` or put into bubblewrap's
words by `backends.py`:

    ["show", SOURCE, TARGET]    a file or folder, read-only
    ["hide", PATH]              an empty folder in its place
    ["link", TEXT, TARGET]      a symbolic link
    ["device", PATH]            a harmless device
    ["folder", PATH]            an empty folder, for the mounts of each candidate
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ttrl_cli.errors import SetupError
from ttrl_cli.sandbox.base import Surroundings

INSIDE = "/run/ttrl"
"""Where the warm parent's own modules are shown."""
PACKAGE = Path(__file__).with_name("inside")
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
_SETTINGS = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_CORES = "/sys/devices/system/cpu"  # where the C library counts them
_ASK = (
    "import json, sys;"
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
def interpreter(python: str | None) -> Interpreter:
    """Ask an interpreter where it lives; None is the one that runs this.

    Raises:
        SetupError: If it does not say, or is older than Python 3.9.
    """
    if python is None:
        found = [sys.executable, sys.prefix, sys.base_prefix, sys.exec_prefix]
    else:
        ask = [python, "-s", "-c", f"import sys; sys.exit(sys.version_info < (3, 9));{_ASK}"]
        ask[-1] = f"import sys; sys.version_info < (3, 9) and sys.exit(3); {_ASK}"
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


def actions(surroundings: Surroundings) -> list[Action]:
    """What to build for candidates with these surroundings.

    Raises:
        SetupError: If the interpreter cannot be asked where it lives.
    """
    folders = interpreter(surroundings.python).folders
    hidden = [str(path) for path in surroundings.hidden]
    shown: list[str] = []
    result: list[Action] = []
    for path in _SYSTEM:
        if os.path.islink(path):  # noqa: PTH114 - of text, as all of this
            result.append(["link", os.readlink(path), path])  # noqa: PTH115 - as above
        elif Path(path).is_dir():
            result.append(["show", path, path])
            shown.append(path)
    result += _hide(hidden, shown, sparing=())
    covered = [action[1] for action in result if action[0] == "hide"]
    own = [path for path in folders if not _lies_in(path, shown) or _lies_in(path, covered)]
    result += [["show", path, path] for path in own]
    result += _hide(hidden, own, sparing=folders)
    settings = [f"/etc/{name}" for name in _SETTINGS] + [_CORES]
    # a link is shown as what it points to
    result += [["show", os.path.realpath(path), path] for path in settings if Path(path).exists()]
    result += [["device", path] for path in _DEVICES]
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        result.append(["link", f"/proc/self/fd/{number}", f"/dev/{name}"])
    result.append(["link", "/proc/self/fd", "/dev/fd"])
    result += [["folder", path] for path in ("/tmp", "/dev/shm", "/proc")]
    return [*result, ["show", str(PACKAGE), f"{INSIDE}/{PACKAGE.name}"]]


def _hide(hidden: Sequence[str], shown: Sequence[str], *, sparing: Sequence[str]) -> list[Action]:
    """Cover hidden folders inside shown ones, but for those that hold what must be seen."""
    return [
        ["hide", path]
        for path in hidden
        if _lies_in(path, shown) and path not in shown and Path(path).is_dir()
        if not any(_lies_in(spared, [path]) for spared in sparing)
    ]


def _lies_in(path: str, folders: Sequence[str]) -> bool:
    return any(Path(path).is_relative_to(folder) for folder in folders)
