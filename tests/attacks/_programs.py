"""Programs of the folder `programs`, run in a sandbox and outside of one.

A program is a function of a file there. What is run is the whole file, with those that it imports
from the same folder written into it, and the function is its entry. Nothing is run by importing.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tests._sandboxes import LIMITS, run
from tests.attacks.programs import forgery
from ttrl_cli.problem import Limits
from ttrl_cli.records import Status
from ttrl_cli.sandbox.base import Program, ProgramResult
from ttrl_cli.sandbox.session import Sandbox

Hostile = Callable[..., object]
_FOLDER = Path(__file__).parent / "programs"
_IMPORT = re.compile(
    r"^from tests\.attacks\.programs\.(\w+) import (?:\([^)]*\)|[^(\n]*)\n", re.MULTILINE
)


def source_of(program: Hostile) -> str:
    """Return the text of the file that a program is in."""
    return _text(Path(program.__code__.co_filename).stem)


@cache
def _text(name: str) -> str:
    text = (_FOLDER / f"{name}.py").read_text(encoding="utf-8")
    return _IMPORT.sub(lambda found: _text(found[1]), text)


def attempt(
    sandbox: Sandbox, program: Hostile, *, limits: Limits = LIMITS, **arguments: Any
) -> ProgramResult:
    """Run a program in a sandbox."""
    entry = program.__name__
    return sandbox.run(Program(source=source_of(program), entry=entry, arguments=arguments), limits)


def forged(sandbox: Sandbox, frame: bytes) -> ProgramResult:
    """Run a program that writes a frame in place of an answer."""
    return attempt(sandbox, forgery.forge, frame=frame.decode("latin-1"))


def inside(sandbox: Sandbox, program: Hostile, *, limits: Limits = LIMITS, **arguments: Any) -> Any:
    """Return the data of a program, which must come to its end."""
    result = attempt(sandbox, program, limits=limits, **arguments)
    assert (result.status, result.reason) == (Status.OK, ""), result.output
    return result.data


def outside(program: Hostile, **arguments: Any) -> Any:
    """Return the data of the same program without a sandbox."""
    call = f"{program.__name__}(**json.loads({json.dumps(arguments)!r}))"
    source = f"{source_of(program)}\nimport json\nprint(json.dumps({call}))"
    command = [sys.executable, "-I", "-S", "-c", source]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def still_works(sandbox: Sandbox) -> None:
    """Fail unless the next program of this sandbox runs as if nothing had been."""
    result = run(sandbox, "def run(): return ['fine', 1.5]")
    assert (result.status, result.data, result.reason) == (Status.OK, ["fine", 1.5], "")
