"""The files that a problem shows to its programs, as copies that nobody writes to.

One copy serves all workers of a run, and all calls: the sandbox shows its folder read-only, and a
program finds links to it in its own.
"""

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ttrl_cli.errors import ProblemError
from ttrl_cli.problem import Problem


def shown_files(problem: Problem) -> Path | None:
    """Return the folder of the copies; None if the problem shows no files.

    Raises:
        ProblemError: If one of them can no longer be read.
    """
    names = problem.shown_files
    if not names:
        return None
    contents: dict[str, bytes] = {}
    for index, name in enumerate(names):
        try:
            contents[name] = (problem.folder / name).read_bytes()
        except OSError as error:
            why = f"{problem.folder / name} cannot be read: {error.strerror}"
            file = problem.file
            raise ProblemError(file, f"solution.files[{index}]", why) from error
    place = Path(tempfile.gettempdir()) / "shown"
    copies = place / _digest(contents)
    if not copies.exists():
        place.mkdir(exist_ok=True)
        # another worker may be making the same
        with tempfile.TemporaryDirectory(dir=place) as temporary:
            made = Path(temporary) / "files"
            _write(made, contents)
            try:
                made.rename(copies)
            except OSError:
                if not copies.exists():
                    raise
    return copies


def _digest(contents: Mapping[str, bytes]) -> str:
    found = hashlib.sha256()
    for name, content in sorted(contents.items()):
        for part in (name.encode("utf-8", "surrogateescape"), content):
            found.update(len(part).to_bytes(8, "big") + part)
    return found.hexdigest()


def _write(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write the files; whoever a program runs as can read them, and nobody is to write."""
    folder.mkdir()
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o444)
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
