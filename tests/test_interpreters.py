"""Programs on the problem's own interpreter, wherever it lives, and what is shown of it."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests._sandboxes import run
from ttrl_cli.errors import SetupError
from ttrl_cli.sandbox.backends import BACKENDS
from ttrl_cli.sandbox.base import MissingModuleError, Property, SandboxSpec
from ttrl_cli.sandbox.mounts import actions
from ttrl_cli.sandbox.session import Sandbox

ISOLATED = [name for name, backend in BACKENDS.items() if backend.isolated]
WHO = "import sys\ndef run(): return list(sys.version_info[:2])"


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """The name of each backend that is here."""
    name: str = request.param
    if name == "bwrap" and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    return name


@pytest.fixture(params=["/tmp", "/var/tmp"])
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder where each candidate has one of its own, and another."""
    with tempfile.TemporaryDirectory(dir=request.param) as name:
        Path(name).chmod(0o755)
        yield Path(name)


def others() -> list[str]:
    """Interpreters of other versions on this machine."""
    places = [Path("/usr/bin"), Path("/usr/local/bin")]
    places += sorted(Path("~/.pyenv/versions").expanduser().glob("*/bin"))
    names = [place / f"python3.{minor}" for minor in range(9, 16) for place in places]
    found = {path.name: str(path) for path in names if path.exists()}
    return list(found.values()) or [sys.executable]


@pytest.mark.parametrize("python", others())
def test_other_versions_run_programs(backend: str, python: str) -> None:
    """Any Python from 3.9 on will do, with or without numpy."""
    with Sandbox(BACKENDS[backend], SandboxSpec(python=python)) as sandbox:
        result = run(sandbox, WHO)
    said = subprocess.check_output([python, "-c", "import sys; print(sys.version_info[:2])"])
    assert result.reason == ""
    assert str(tuple(result.data)) == said.decode().strip()


def test_an_environment_of_its_own_is_found(backend: str, folder: Path) -> None:
    """A virtual environment's own packages are there, and imported beforehand if it says so."""
    place = folder / "venv"
    subprocess.check_call([sys.executable, "-m", "venv", "--without-pip", str(place)])
    packages = next(place.glob("lib/python*/site-packages"))
    (packages / "own.py").write_text("print('imported')\nVALUE = 7\n")
    (packages / "late.py").write_text("VALUE = 8\n")
    spec = SandboxSpec(python=str(place / "bin" / "python"), imports=("own",))
    with Sandbox(BACKENDS[backend], spec) as sandbox:
        source = (
            "import sys\nthere = 'own' in sys.modules\nimport own, late, subprocess\n"
            "def run():\n"
            "    out = subprocess.check_output([sys.executable, '-c', 'import late; print(1)'])\n"
            "    return [there, own.VALUE, late.VALUE, sys.prefix, int(out)]"
        )
        result = run(sandbox, source)
    assert result.reason == ""
    assert result.data == [True, 7, 8, str(place), 1]
    assert result.output == ""  # what an import prints is nobody's output


def test_a_module_that_is_missing_is_named(backend: str) -> None:
    """Where one of the imports is not there, the sandbox does not start, and says which."""
    spec = SandboxSpec(imports=("json", "no_such_module"))
    with (
        Sandbox(BACKENDS[backend], spec) as sandbox,
        pytest.raises(MissingModuleError, match="cannot import no_such_module") as caught,
    ):
        sandbox.start()
    assert caught.value.module == "no_such_module"


def test_what_is_no_interpreter_is_refused(backend: str) -> None:
    """A program that is no Python is an error of the environment that names it."""
    with (
        Sandbox(BACKENDS[backend], SandboxSpec(python="/bin/true")) as sandbox,
        pytest.raises(SetupError, match=r"/bin/true is not a Python interpreter, 3\.9 or newer"),
    ):
        sandbox.start()


def test_the_view_holds_system_and_interpreter_alone() -> None:
    """Nothing is shown but the system's folders, the interpreter's, and our own half."""
    shown = [action[2] for action in actions(SandboxSpec()) if action[0] == "show"]
    allowed = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store"]
    allowed += ["/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives"]
    allowed += ["/etc/localtime", "/sys/devices/system/cpu", "/run/ttrl/inside"]
    allowed += [sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parent)]
    assert set(shown) <= set(allowed)


@pytest.mark.parametrize("name", ISOLATED)
def test_isolation_is_claimed_in_full(name: str) -> None:
    """The two backends that isolate claim every property there is."""
    assert BACKENDS[name].claims == frozenset(Property)


def test_the_page_says_what_each_backend_claims() -> None:
    """The table of docs/sandbox.md has each property with its meaning and every claim."""
    page = (Path(__file__).parents[1] / "docs" / "sandbox.md").read_text(encoding="utf-8")
    for name in Property:
        cells = ["yes" if name in backend.claims else "no" for backend in BACKENDS.values()]
        assert f"| {name.value} | {' | '.join(cells)} | {name.means} |" in page
