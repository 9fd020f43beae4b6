"""A command run by root as an ordinary user, who can enter all the folders that it needs.

The interpreter may live below a folder that only root may enter, such as /root. In a mount
namespace of the command's own, such a folder is covered by an empty one, and what is needed is
bound back in.
"""

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from shutil import ignore_patterns

from ttrl_cli.sandbox.inside import kernel

USER = 65534
_IF_MAIN = 'if __name__ == "__main__":\n    main()\n'
_REPOSITORY = Path(__file__).resolve().parents[1]


def run_as_ordinary_user(
    command: Sequence[str], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a command as `nobody`, in the repository, with a home and temporary folder of its own.

    Args:
        command: What to run; the first word is a path.
        environment: Variables to set beside PATH, HOME and TMPDIR.
    """
    # the home lies apart: /tmp is covered for candidates, and an interpreter at home must not be
    home, temporary = Path(tempfile.mkdtemp(dir="/var/tmp")), Path(tempfile.mkdtemp(dir="/tmp"))
    staging = tempfile.mkdtemp(dir="/tmp")
    try:
        for folder in (home, temporary):
            os.chown(folder, USER, USER)
        full = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(temporary)}
        configuration = [list(command), {**full, **environment}, staging]
        return subprocess.run(
            [sys.executable, "-m", "tests._ordinary_user", json.dumps(configuration)],
            cwd=_REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    finally:
        for folder in (home, temporary, staging):
            shutil.rmtree(folder)


def own_python(folder: Path) -> Path:
    """Make a virtual environment whose files the ordinary user owns, the interpreter's too.

    Candidates find numpy, scipy and pytest in it; tests find all packages that we have.

    Args:
        folder: Where to make it; every user may enter it.

    Returns:
        The interpreter; `ttrl` lies beside it.
    """
    real = Path(sys.executable).resolve()
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    python, packages = folder / "bin" / "python", folder / "lib" / version / "site-packages"
    for each in (python.parent, packages):
        each.mkdir(parents=True)
    shutil.copy2(real, python)
    (folder / "pyvenv.cfg").write_text(f"home = {real.parent}\n")
    ours = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "ours.pth").write_text("\n".join([str(_REPOSITORY), *ours]) + "\n")
    for name in ("numpy", "scipy", "pytest"):
        for part in (Path(find(name)).parent, Path(find(name)).parent.with_name(f"{name}.libs")):
            if part.exists():
                shutil.copytree(part, packages / part.name, ignore=ignore_patterns("tests"))
    ttrl = python.with_name("ttrl")
    ttrl.write_text(f"#!{python}\nfrom ttrl_cli.cli.main import main\n\n" + _IF_MAIN)
    ttrl.chmod(0o755)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, USER, USER)
    return python


def find(name: str) -> str:
    """Where a package's own file is."""
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return spec.origin


def needed() -> list[Path]:
    """Where the interpreter and the repository are."""
    places = [sys.prefix, sys.base_prefix, sys.exec_prefix, Path(sys.executable).resolve().parent]
    paths = [Path(place).resolve() for place in places] + [_REPOSITORY]
    return [path for path in dict.fromkeys(paths) if not _holds(paths, path)]


def _holds(folders: Sequence[Path], path: Path) -> bool:
    """Whether one of these folders lies around the path."""
    return any(folder != path and path.is_relative_to(folder) for folder in folders)


def closed_above(path: Path) -> Path | None:
    """The topmost folder above a path that others may not enter."""
    for folder in reversed(path.parents):
        if not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    return None


def open_ways(staging: str) -> None:
    """Make all that is needed reachable, in this process and those below it alone."""
    covered: dict[Path, list[tuple[str, Path]]] = {}
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tmpfs", staging, "tmpfs")
    for number, path in enumerate(needed()):
        folder = closed_above(path)
        if folder is not None:
            saved = Path(staging, str(number))
            saved.mkdir()
            kernel.mount(str(path), str(saved), flags=kernel.MS_BIND | kernel.MS_REC)
            covered.setdefault(folder, []).append((str(saved), path))
    for folder, inside in covered.items():
        kernel.mount("tmpfs", str(folder), "tmpfs", data="mode=755")
        for saved_path, path in inside:
            path.mkdir(parents=True)
            kernel.mount(saved_path, str(path), flags=kernel.MS_BIND | kernel.MS_REC)
    kernel.unmount(staging)


def main() -> None:
    """Become the user and execute what the configuration on the command line says."""
    command, environment, staging = json.loads(sys.argv[1])
    open_ways(staging)
    os.chdir(_REPOSITORY)
    os.umask(0o022)
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)
    os.execve(command[0], command, environment)


if __name__ == "__main__":
    main()
