"""Sandboxes of every backend for the attack suite, and how an attack says what it attacks.

    @attack(Property.NETWORK)
    def test_...(sandbox: Sandbox) -> None:

runs on each backend that claims the property. Attacks use canaries of our own only.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest

from ttrl_cli.problem import Limits
from ttrl_cli.sandbox.backends import BACKENDS
from ttrl_cli.sandbox.base import Program, ProgramResult, Property, SandboxSpec
from ttrl_cli.sandbox.mounts import kept
from ttrl_cli.sandbox.session import Sandbox

Test = TypeVar("Test", bound=Callable[..., Any])

LIMITS = Limits(seconds=5, memory_mb=512, cpus=1, output_mb=1, disk_mb=16, processes=24)
SHORT = LIMITS.model_copy(update={"seconds": 0.3})

# what a candidate finds in a fresh /tmp: its own source, and the way to an interpreter below /tmp
_WAYS = {Path(path).parts[2] for path in kept(SandboxSpec()) if path.startswith("/tmp/")}
EMPTY = sorted({"candidate.py", *_WAYS})


def attack(*properties: Property) -> Callable[[Test], Test]:
    """Run a test on every backend that claims these properties; it names what it attacks."""
    names = [name for name, backend in BACKENDS.items() if backend.claims.issuperset(properties)]

    def marked(test: Test) -> Test:
        of_the_sandbox = pytest.mark.attacks(*properties)
        return of_the_sandbox(pytest.mark.parametrize("sandbox", names, indirect=True)(test))

    return marked


def run(
    sandbox: Sandbox, source: str, *, limits: Limits = LIMITS, **arguments: object
) -> ProgramResult:
    """Run a program whose entry is `run`."""
    return sandbox.run(Program(source=source, arguments=dict(arguments)), limits)


class Opened:
    """One warm sandbox per backend, started when a test first asks for it."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._opened: dict[str, Sandbox] = {}

    def get(self, name: str) -> Sandbox:
        """The sandbox of a backend."""
        if name == "bwrap" and shutil.which("bwrap") is None:
            pytest.skip("bubblewrap is not installed")
        if name not in self._opened:
            spec = SandboxSpec(hidden=(Path.home(), Path.cwd()))
            sandbox = Sandbox(BACKENDS[name], spec)
            self._opened[name] = self._stack.enter_context(sandbox)
        return self._opened[name]


@pytest.fixture(scope="session")
def sandboxes() -> Iterator[Opened]:
    """All sandboxes that were opened; closed at the end of the session."""
    with ExitStack() as stack:
        yield Opened(stack)


@pytest.fixture
def sandbox(request: pytest.FixtureRequest, sandboxes: Opened) -> Sandbox:
    """The sandbox of the backend that an attack is run on."""
    return sandboxes.get(request.param)
