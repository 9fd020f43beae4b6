"""The three ways to isolate programs, strongest first."""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from ttrl_cli.errors import SetupError
from ttrl_cli.sandbox.base import Backend, Property, SandboxSpec
from ttrl_cli.sandbox.mounts import FILES, INSIDE, PACKAGE, actions, ask_interpreter, kept

_LIMITS_ONLY = frozenset(
    {
        Property.WALL_TIME,
        Property.CPU_TIME,
        Property.MEMORY,
        Property.OPEN_FILES,
        Property.OUTPUT,
        Property.DATA_ONLY,
        Property.ENVIRONMENT,
    }
)


class Namespaces:
    """Linux namespaces, entered by ourselves. Nothing to install, no privilege needed."""

    name = "namespaces"
    isolated = True
    claims = frozenset(Property)

    def command(self, server: Sequence[str], spec: SandboxSpec) -> list[str]:
        """Return the command: enter all namespaces, build the view and start the fork server."""
        return _enter([*server], view=actions(spec))


class Bwrap:
    """bubblewrap makes the namespaces and the view; inside, all is as with `Namespaces`."""

    name = "bwrap"
    isolated = True
    claims = frozenset(Property)

    def command(self, server: Sequence[str], spec: SandboxSpec) -> list[str]:
        """Return the command: enter a user namespace of ours and run bubblewrap in it.

        Root's candidates run as `nobody`, which bubblewrap's own user map does not contain.

        Raises:
            SetupError: If bubblewrap is not installed.
        """
        program = shutil.which("bwrap")
        if program is None:
            msg = "bubblewrap is not installed (there is no bwrap on the PATH)"
            raise SetupError(msg)
        apart = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
        words = [program, *apart, "--unshare-cgroup-try", "--die-with-parent", "--cap-add", "ALL"]
        built = actions(spec)
        made: set[str] = set()
        for action in built:
            words += _parents(action[-1], made) + _in_bwrap_words(*action)
        for action in built:
            words += ["--remount-ro", action[1]] if action[0] == "hide" else []
        words += ["--proc", "/proc", "--remount-ro", "/", "--chdir", INSIDE]
        return _enter([*words, "--", *server], view=None)


class Process:
    """Limits only: the program runs as the user, and sees what the user sees."""

    name = "process"
    isolated = False
    claims = _LIMITS_ONLY

    def command(self, server: Sequence[str], spec: SandboxSpec) -> list[str]:
        """Return the fork server's own command line."""
        del spec
        return [*server]


BACKENDS: dict[str, Backend] = {
    backend.name: backend for backend in (Bwrap(), Namespaces(), Process())
}
"""All backends by name, in the order in which `auto` tries them."""


def server_command(backend: Backend, spec: SandboxSpec, control: int) -> list[str]:
    """Return the whole command that starts a fork server; it must run in the folder of `PACKAGE`.

    Args:
        backend: The backend.
        spec: What candidates find in the sandbox.
        control: The descriptor of the fork server's control socket.

    Raises:
        SetupError: If something that is needed is missing.
    """
    # numpy and scipy load most of their parts at first use
    usual = ("numpy", "numpy.random", "numpy.linalg", "numpy.fft", "scipy")
    optional = [[name, False] for name in usual]
    configuration = {
        "control": control,
        "isolated": backend.isolated,
        "parent": None if backend.isolated else os.getpid(),
        "kept": kept(spec),
        "files": _files(backend, spec),
        "imports": optional + [[name, True] for name in spec.imports],
    }
    python = ask_interpreter(spec.python).executable
    server = [python, "-s", "-m", f"{PACKAGE.name}.fork_server", json.dumps(configuration)]
    return backend.command(server, spec)


def _files(backend: Backend, spec: SandboxSpec) -> str | None:
    """Return the folder in which the fork server finds the files that candidates are shown."""
    if spec.files is None:
        return None
    return FILES if backend.isolated else str(spec.files)


def _enter(command: list[str], *, view: list[list[str]] | None) -> list[str]:
    configuration = {"command": command, "parent": os.getpid(), "view": view, "folder": INSIDE}
    python = ask_interpreter(None).executable
    return [python, "-s", "-m", f"{PACKAGE.name}.namespaces", json.dumps(configuration)]


def _parents(path: str, made: set[str]) -> list[str]:
    """Return bubblewrap's words that make a path's missing parent folders.

    Folders that bubblewrap makes by itself can be entered only by root.
    """
    parents = [str(parent) for parent in reversed(Path(path).parents)][1:]
    new = [parent for parent in parents if parent not in made]
    made.update(new)
    return [word for parent in new for word in ("--dir", parent)]


def _in_bwrap_words(action: str, *paths: str) -> list[str]:
    match action:
        case "show":
            return ["--ro-bind", *paths]
        case "hide":
            return ["--tmpfs", *paths]
        case "link":
            return ["--symlink", *paths]
        case "device":
            return ["--dev-bind", *paths, *paths]
    return ["--dir", *paths]
