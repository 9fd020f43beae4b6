"""ttrl installed as its wheel installs it: in a virtual environment, with the library inside.

The files go where pyproject.toml says that the wheel has them, and nothing is built; that a real
wheel has the same files is a test of its own (tests/test_wheel.py).
"""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from tests._helpers import PATIENCE, Done

REPOSITORY = Path(__file__).resolve().parents[1]
_CACHES = shutil.ignore_patterns("__pycache__")


def install(folder: Path) -> Path:
    """Make a virtual environment with ttrl in it; return its interpreter.

    What ttrl depends on is found where this interpreter finds it, which candidates do not see.
    """
    real = Path(sys.executable).resolve()
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    python, packages = folder / "bin" / "python", folder / "lib" / version / "site-packages"
    for each in (python.parent, packages):
        each.mkdir(parents=True)
    python.symlink_to(real)
    (folder / "pyvenv.cfg").write_text(f"home = {real.parent}\n")
    others = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "others.pth").write_text("\n".join(others) + "\n")
    unpack(packages)
    return python


def unpack(packages: Path) -> None:
    """Put the files of the wheel into a folder."""
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = settings["tool"]["hatch"]["build"]["targets"]["wheel"]
    for name in wheel["only-include"]:
        target = packages / wheel["sources"].get(name, name)
        shutil.copytree(REPOSITORY / name, target, ignore=_CACHES)


def files_below(folder: Path) -> set[str]:
    """The files of a folder, by their path from there; caches are left out."""
    files = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    return {str(file) for file in files if "__pycache__" not in file.parts}


def library_of(python: Path) -> Path:
    """The problem library of an installation."""
    (found,) = python.parents[1].glob("lib/python*/site-packages/ttrl_cli/problems")
    return found


def installed(python: Path, *arguments: object, cwd: Path) -> Done:
    """Run the ttrl of an installation; nothing of this repository is on its path."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [python, "-m", "ttrl_cli", *(str(argument) for argument in arguments)],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        cwd=cwd,
        env=environment | {"HF_HUB_OFFLINE": "1"},
        timeout=PATIENCE,
        check=False,
    )
    return Done(code=done.returncode, out=done.stdout, err=done.stderr)
