"""The command without its start: forked from a process that has imported what commands import.

A command that loads a model imports for seconds, several times as long as most tests compute.
Everything else is as in a process that was executed: a pid, arguments, an environment, a folder and
files of its own. Variables that are read while something is imported need a real start, but for
PYTHONPATH. Modules that are run as a script, `python -m tests.NAME`, are forked as well.

    python -m tests._fork_server SOCKET     serves the test process that holds the other end
"""

import atexit
import functools
import importlib
import json
import os
import runpy
import selectors
import signal
import site
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

SCRIPT = Path(sys.executable).with_name("ttrl")
ROOT = Path(__file__).parents[1]
READ_AT_IMPORT = (
    "ATEN_",
    "BNB_",
    "HF_",
    "KMP_",
    "MKL_",
    "OMP_",
    "OPENBLAS_",
    "TMP",
    "TORCH",
)
IMPORTED = (
    *("ttrl_cli.cli.main", "ttrl_cli.api.solving", "ttrl_cli.api.voting"),
    *("ttrl_cli.learner.lora", "ttrl_cli.sampler.transformers"),
)
"""What commands import that sample and train."""
MOST = 1 << 18
"""Bytes of a request: more than arguments and an environment have."""


class Forked(subprocess.Popen[bytes]):
    """A command that the fork server has started; the server is its parent and reaps it."""

    def _execute_child(self, args: Any, *rest: Any) -> None:
        """Ask the server for a process, in place of fork and exec."""
        cwd, environment = rest[4], rest[5]
        (fed, feeds, reads, out, errs, err) = rest[9:15]
        self._told, said = os.pipe()
        request = {"args": args, "cwd": str(cwd or Path.cwd()), "environment": dict(environment)}
        socket.send_fds(_server(), [json.dumps(request).encode()], [fed, out, err, said])
        made = [its for its, ours in ((fed, feeds), (out, reads), (err, errs)) if ours != -1]
        for end in (*made, said):
            os.close(end)
        self.pid = int.from_bytes(os.read(self._told, 8))
        self._child_created = True

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        if self.returncode is None:
            self._take(os.WNOHANG)
        return self.returncode

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        """Return what `os.waitpid` would; the server has called it."""
        self._take(wait_flags)
        if self.returncode is None:
            return 0, 0
        code = self.returncode
        return self.pid, -code if code < 0 else code << 8

    def _take(self, wait_flags: int) -> None:
        """Take the exit code from the server once it is there."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._told, selectors.EVENT_READ)
            if not selector.select(0 if wait_flags & os.WNOHANG else None):
                return
        self.returncode = int.from_bytes(os.read(self._told, 8), signed=True)
        os.close(self._told)


def can_fork(environment: Mapping[str, str]) -> bool:
    """Decide whether a forked command would see all of an environment, and inherits no signal."""
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_DFL:  # as under nohup
        return False
    changed = {key for key, _ in set(environment.items()) ^ set(_at_start().items())}
    changed.discard("PYTHONPATH")
    return not any(key.startswith((*READ_AT_IMPORT, "PYTHON")) for key in changed)


@functools.cache
def _at_start() -> dict[str, str]:
    """Return the environment that the server imports with."""
    return os.environ | {"HF_HUB_OFFLINE": "1"}


@functools.cache
def _server() -> socket.socket:
    """Start the server of this test process; it ends when this end is closed."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, its):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST)
    words = [sys.executable, "-m", "tests._fork_server", str(its.fileno())]
    process = subprocess.Popen(words, cwd=ROOT, env=_at_start(), pass_fds=[its.fileno()])
    its.close()
    atexit.register(process.wait)
    atexit.register(ours.close)  # runs first
    return ours


def _serve(requests: socket.socket) -> tuple[list[str], dict[str, str]]:
    """Fork a child per request and report how each ends; return in a child, with what it is to do.

    Exits when the other end is closed.
    """
    with selectors.DefaultSelector() as selector:
        selector.register(requests, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not requests:
                    _report(*key.data)
                    selector.unregister(key.fileobj)
                    os.close(key.fd)
                    continue
                data, fds, *_ = socket.recv_fds(requests, MOST, 4)
                if not data:
                    sys.exit()
                *streams, said = fds
                pid = os.fork()
                if not pid:
                    _close_server(selector, said)
                    return _take_over(streams, json.loads(data))
                os.write(said, pid.to_bytes(8))
                selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, said))
                for stream in streams:
                    os.close(stream)


def _close_server(selector: selectors.BaseSelector, said: int) -> None:
    """Close in a child what the server keeps for each; its socket is closed by its owner."""
    for key in selector.get_map().values():
        if key.data:  # of another child
            os.close(key.fd)
            os.close(key.data[1])
    os.close(said)


def _report(pid: int, said: int) -> None:
    """Tell how a child ended."""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.write(said, code.to_bytes(8, signed=True))
    os.close(said)


def _take_over(streams: list[int], request: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
    """Take a command's streams and folder."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["cwd"])
    return request["args"], request["environment"]


def _run(arguments: list[str], environment: dict[str, str]) -> NoReturn:
    """Be the command, as the installed script is, or another module."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _take_path(os.environ.get("PYTHONPATH", ""), environment.get("PYTHONPATH", ""))
    os.environ.clear()
    os.environ.update(environment)
    if arguments[1:2] == ["-m"]:
        name, sys.argv = arguments[2], arguments[2:]
        runpy.run_module(name, run_name="__main__", alter_sys=True)
        sys.exit()
    from ttrl_cli.cli.main import main

    script = ModuleType("__main__")
    script.__file__ = arguments[0]
    sys.modules["__main__"] = script
    sys.argv = arguments
    main()
    sys.exit()


def _take_path(before: str, after: str) -> None:
    """Look for modules where PYTHONPATH now says, and run its sitecustomize, as a start does."""
    if after == before:
        return
    old, new = before.split(os.pathsep), list(filter(None, after.split(os.pathsep)))
    sys.path[:] = [*new, *(folder for folder in sys.path if folder not in old)]
    importlib.invalidate_caches()
    sys.modules.pop("sitecustomize", None)
    site.execsitecustomize()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the tests
    for module in IMPORTED:
        importlib.import_module(module)
    with socket.socket(fileno=int(sys.argv[1])) as served:
        todo = _serve(served)
    _run(*todo)
