"""Small problems, replay files and ways to run the command, for tests of whole runs."""

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import psutil
import yaml
from typer.testing import CliRunner

from tests._fork_server import ROOT, SCRIPT, Forked, can_fork
from ttrl_cli.cli.main import app
from ttrl_cli.errors import TtrlError
from ttrl_cli.grading.start_method import end_server, fork_servers

T = TypeVar("T")

NUMBER = """
from ttrl_cli import Invalid

def verify(text):
    try:
        return int(text)
    except ValueError:
        raise Invalid("not a whole number") from None

def score(number):
    return number
"""
# two texts never score alike, so that each group teaches, whichever tokens a random model draws
DISTINCT = """
from zlib import crc32

def verify(text):
    return text

def score(text):
    return 1 + crc32(text.encode()) / 2**32
"""
PATIENCE = 600.0
"""Seconds after which a test gives up: much more than a busy machine needs."""


def write_problem(folder: Path, verify: str = NUMBER, *, seed: str = "1", **keys: Any) -> Path:
    """Write a problem: maximise the whole number in a text, unless the keys say otherwise.

    A key that is None is left out.
    """
    raw = {
        "name": "number",
        "statement": "Name a large number.",
        "direction": "maximize",
        "solution": {"kind": "text"},
        "verifier": "verify.py:verify",
        "score": "verify.py:score",
        "seeds": ["seed.txt"],
        "limits": {"seconds": 5, "memory_mb": 1024},
        "run": {"groups": 2, "group_size": 2, "steps": 2, "workers": 1, "threads": 1},
    }
    kept = {key: value for key, value in (raw | keys).items() if value is not None}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "problem.yaml").write_text(yaml.safe_dump(kept))
    (folder / "verify.py").write_text(verify)
    (folder / "seed.txt").write_text(seed)
    return folder


def write_lines(path: Path, lines: Iterable[object]) -> Path:
    """Write JSON lines; in a replay file, a bare string stands for a line with this text."""
    records = [{"text": line} if isinstance(line, str) else line for line in lines]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def read_lines(path: Path) -> list[Any]:
    """Read JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as one JSON object."""
        return json.loads(self.out)


def ttrl(*arguments: object) -> Done:
    """Run a command in this process; a user's error counts as `main` would count it."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    error = result.exception
    if isinstance(error, TtrlError):
        return Done(code=error.exit_code, out=result.stdout, err=result.stderr + str(error))
    if error is not None and not isinstance(error, SystemExit):
        raise error
    return Done(code=result.exit_code, out=result.stdout, err=result.stderr)


def solve(problem: Path, out: Path, replay: Iterable[object], *options: object) -> Done:
    """Run `ttrl solve --json` on scripted completions, in this process."""
    file = write_lines(out.with_suffix(".replay"), replay)
    return ttrl("solve", problem, "--out", out, "--sampler", f"replay:{file}", "--json", *options)


def digest(run: Path) -> str:
    """The digest of a run, as `ttrl show --digest` prints it."""
    done = ttrl("show", run, "--digest")
    assert done.code == 0, done.err
    return done.out.strip()


def spawn(
    *arguments: object, cwd: Path | None = None, stdin: Path | None = None, **environment: str
) -> subprocess.Popen[bytes]:
    """Start the `ttrl` command as a process of its own, forked where that makes no difference."""
    return _start([SCRIPT, *arguments], cwd=cwd, stdin=stdin, **environment)


def spawn_module(name: str, *arguments: object, **environment: str) -> subprocess.Popen[bytes]:
    """Start a module of these tests as a process of its own, in the same way."""
    return _start([sys.executable, "-m", name, *arguments], cwd=ROOT, **environment)


def _start(
    words: Sequence[object], *, cwd: Path | None, stdin: Path | None = None, **environment: str
) -> subprocess.Popen[bytes]:
    env = os.environ | {"HF_HUB_OFFLINE": "1"} | environment
    start = Forked if can_fork(env) else subprocess.Popen
    with (stdin or Path(os.devnull)).open("rb") as fed:
        return start(
            [str(word) for word in words],
            stdin=fed,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=env,
        )


def wait(process: subprocess.Popen[bytes], *, timeout: float = PATIENCE) -> Done:
    """Wait for a started command."""
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise
    return Done(code=process.returncode, out=out.decode(), err=err.decode())


def command(*arguments: object, cwd: Path | None = None, **environment: str) -> Done:
    """Run the installed `ttrl` command to its end."""
    return wait(spawn(*arguments, cwd=cwd, **environment))


def one_sentence(done: Done) -> str:
    """What a command said at its end, which must be one line of an error of the environment."""
    assert done.code == 3, done
    assert "Traceback" not in done.err
    return done.err.strip().splitlines()[-1]


def followers() -> list[psutil.Process]:
    """Processes that follow another one, started from this process."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # some end while they are looked at
            if child.cmdline()[-2:] == ["-m", "ttrl_cli"]:
                found.append(child)
    return found


def until(met: Callable[[], T], seconds: float = PATIENCE) -> T:
    """Wait for something to be so; return it."""
    ends = time.monotonic() + seconds
    while not (found := met()):
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.05)
    return found


def end_fork_servers() -> None:
    """End what workers are forked from in this process; the next is one that preloads anew.

    Where another file's tests have started it, it lacks what comparisons need, and each worker that
    takes the place of a killed one imports that for seconds.
    """
    for server in fork_servers():
        end_server(server)


def command_line(process: psutil.Process) -> str:
    """Return a process's command line; empty if it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def flags(options: Mapping[str, object]) -> list[Any]:
    """Return options as words of a command line: {"max_tokens": 3} as --max-tokens 3."""
    return [
        part for key, value in options.items() for part in (f"--{key.replace('_', '-')}", value)
    ]


def load_module(path: Path, name: str) -> ModuleType:
    """Import a Python file under a name."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def nested(depth: int) -> list[Any]:
    """Return a list in a list, and so on."""
    data: list[Any] = []
    for _ in range(depth):
        data = [data]
    return data


def kill_the_other(run: Path, process: subprocess.Popen[bytes]) -> Done:
    """Kill what follows a run of two processes, after its first step; it must end in words."""
    try:
        until(lambda: (run / "metrics.jsonl").exists() and read_lines(run / "metrics.jsonl"))
        (other,) = followers()
        other.kill()
        done = wait(process)
    finally:
        process.kill()  # it would go on for thousands of steps
    assert "a process of this run has ended" in done.err
    assert "Traceback" not in done.err
    return done
