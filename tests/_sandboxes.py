"""A plug-in of pytest: the sandboxes that attacks are run on, and which attack is run on which.

    @attack(Property.NETWORK)
    def test_...(sandbox: Sandbox) -> None:

runs on each backend that claims the property. `--sandboxes` points the suite at other backends:

    pytest tests/attacks tests/test_sandbox.py --sandboxes my_package.sandbox:MyBackend

Attacks use canaries of our own only.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

import pytest

from ttrl_cli.problem import Limits
from ttrl_cli.sandbox.backends import BACKENDS
from ttrl_cli.sandbox.base import Backend, Program, ProgramResult, Property, SandboxSpec
from ttrl_cli.sandbox.mounts import kept
from ttrl_cli.sandbox.session import Sandbox

LIMITS = Limits(seconds=60, memory_mb=512, cpus=1, output_mb=1, disk_mb=16, processes=24)

# what a candidate finds in a fresh /tmp: its own source, and the way to an interpreter below /tmp
_WAYS = {Path(path).parts[2] for path in kept(SandboxSpec()) if path.startswith("/tmp/")}
EMPTY = sorted({"candidate.py", *_WAYS})


def attack(*properties: Property, lacking: Property | None = None) -> pytest.MarkDecorator:
    """Run a test on every backend that claims these properties; it names what it attacks.

    The test asks for `sandbox`, a warm one that others use, too, or for `backend`, of which it
    starts sandboxes by itself.

    Args:
        properties: What the test attacks.
        lacking: A property that a backend must not claim for the attack to make sense.
    """
    return pytest.mark.attacks(*properties, lacking=lacking)


def run(
    sandbox: Sandbox, source: str, *, limits: Limits = LIMITS, **arguments: object
) -> ProgramResult:
    """Run a program whose entry is `run`."""
    return sandbox.run(Program(source=source, arguments=dict(arguments)), limits)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that points the suite at other backends."""
    parser.addoption(
        "--sandboxes",
        metavar="NAME[,NAME]",
        default=",".join(BACKENDS),
        help="attack these backends only: one of ttrl's by its name, another as module:Class",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a backend that there is not, before anything is collected."""
    chosen(config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run an attack on all chosen backends that claim what it attacks."""
    mark = metafunc.definition.get_closest_marker("attacks")
    if mark is None:
        return
    names = [
        name
        for name, backend in chosen(metafunc.config).items()
        if backend.claims.issuperset(mark.args) and mark.kwargs.get("lacking") not in backend.claims
    ]
    fixture = "sandbox" if "sandbox" in metafunc.fixturenames else "backend"
    metafunc.parametrize(fixture, names, indirect=True)


def chosen(config: pytest.Config) -> Mapping[str, Backend]:
    """Return the backends that the command line names, by name.

    Raises:
        UsageError: If there is none of a name.
    """
    found = [_backend(word) for word in config.getoption("sandboxes").split(",")]
    return {backend.name: backend for backend in found}


def _backend(word: str) -> Backend:
    module, _, name = word.partition(":")
    if name:
        made: Backend = getattr(import_module(module), name)()
        return made
    if word not in BACKENDS:
        msg = f"--sandboxes: no {word!r} among {', '.join(BACKENDS)}; others are module:Class"
        raise pytest.UsageError(msg)
    return BACKENDS[word]


class Opened:
    """One warm sandbox per backend, started when a test first asks for it."""

    def __init__(self, stack: ExitStack, backends: Mapping[str, Backend]) -> None:
        self._stack = stack
        self._backends = backends
        self._opened: dict[str, Sandbox] = {}

    def backend(self, name: str) -> Backend:
        """Return a backend; skip the test if what it needs is not installed."""
        if name == "bwrap" and shutil.which("bwrap") is None:
            pytest.skip("bubblewrap is not installed")
        return self._backends[name]

    def get(self, name: str) -> Sandbox:
        """Return the warm sandbox of a backend."""
        backend = self.backend(name)
        if name not in self._opened:
            spec = SandboxSpec(hidden=(Path.home(), Path.cwd()))
            sandbox = Sandbox(backend, spec)
            self._opened[name] = self._stack.enter_context(sandbox)
        return self._opened[name]


@pytest.fixture(scope="session")
def sandboxes(pytestconfig: pytest.Config) -> Iterator[Opened]:
    """All sandboxes that were opened; closed at the end of the session."""
    with ExitStack() as stack:
        yield Opened(stack, {**BACKENDS, **chosen(pytestconfig)})


@pytest.fixture
def sandbox(request: pytest.FixtureRequest, sandboxes: Opened) -> Sandbox:
    """The sandbox of the backend that an attack is run on."""
    return sandboxes.get(request.param)


@pytest.fixture
def backend(request: pytest.FixtureRequest, sandboxes: Opened) -> Backend:
    """The backend that an attack is run on."""
    return sandboxes.backend(request.param)
