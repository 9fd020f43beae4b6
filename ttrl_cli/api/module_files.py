"""The files of a user's modules: one that a function is defined in, and those that it imports.

What any process of this interpreter can import is left out: the standard library, installed
packages, and ttrl itself.
"""

import ast
import importlib.util
import site
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath

MOST_FILES = 200
"""More files than that belong into a package that is installed."""
_OURS = "ttrl_cli"


class ModuleFiles:
    """Collects the files of modules, by their path from the folder that they are imported from.

    Attributes:
        contents: The files so far.
    """

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self._sources: dict[str, Path] = {}

    def add(self, module: str, file: Path) -> str:
        """Add a module's file and, as far as they lie beside it, all that it imports.

        Args:
            module: Its full name; empty for a script.
            file: Its file.

        Returns:
            The file's path, from the folder that modules are imported from.

        Raises:
            ValueError: If a file cannot be read, two have the same path, or there are too many.
        """
        root, path = _placed(module, file)
        self._collect(root, path)
        return str(path)

    def add_imported(self, module: str) -> bool:
        """Add a module that is imported by its full name; return whether it is the user's own.

        Raises:
            ValueError: As `add` does.
        """
        top = module.partition(".")[0]
        file = None if _is_reserved(top) else _origin(top)
        if file is None or is_installed(file):
            return False
        root, path = _placed(top, file)
        self._collect(root, path)
        for found in _existing(root, module):
            self._collect(root, found)
        return True

    def put(self, path: str, content: bytes) -> None:
        """Add a file that is not a module, or is made.

        Raises:
            ValueError: If there is another of that path.
        """
        if self.contents.setdefault(path, content) != content:
            msg = f"needs two different files of the name {path}; rename one"
            raise ValueError(msg)

    def _collect(self, root: Path, path: PurePosixPath) -> None:
        """Add a file, the packages that it lies in, and what they import from the same folder."""
        waiting = [path]
        while waiting:
            path = waiting.pop()
            if self._sources.get(str(path)) == root:
                continue
            self._sources[str(path)] = root
            content = _read(root / path)
            self.put(str(path), content)
            if len(self.contents) > MOST_FILES:
                msg = f"imports more than {MOST_FILES} files below {root}; install them instead"
                raise ValueError(msg)
            packages = [parent / "__init__.py" for parent in path.parents if parent.name]
            waiting += [package for package in packages if (root / package).is_file()]
            for name in imported_names(content, path.parent.parts):
                waiting += [] if _is_reserved(name.partition(".")[0]) else _existing(root, name)


def imported_names(source: bytes | str, package: tuple[str, ...] = ()) -> list[str]:
    """Return the full names of all modules that a source may import, wherever it does.

    Args:
        source: Python; one with an error in it imports nothing.
        package: The parts of the package that it lies in, for relative imports.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []  # the problem's own check says so, with the line
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level <= len(package) + 1:
            kept = package[: len(package) + 1 - node.level] if node.level else ()
            base = [*kept, *([node.module] if node.module else [])]
            names += [".".join([*base, alias.name]) for alias in node.names]
            names += [".".join(base)] if base else []
    return names


def is_installed(file: Path) -> bool:
    """Decide whether any process of this interpreter can import a module's file by its name."""
    if any(part in ("site-packages", "dist-packages") for part in file.parts):
        return True
    folder = file.parent
    return any(folder.is_relative_to(place) for place in _installed_places()) and not (
        folder.is_relative_to(Path.cwd())
    )


@cache
def _installed_places() -> tuple[Path, ...]:
    """Return where the standard library is, and packages that are installed as they are edited."""
    found = [Path(sysconfig.get_path(key)) for key in ("stdlib", "platstdlib")]
    for folder in [*site.getsitepackages(), site.getusersitepackages()]:
        for listing in sorted(Path(folder).glob("*.pth")):
            lines = listing.read_text(encoding="utf-8", errors="replace").splitlines()
            found += [Path(line) for line in lines if Path(line).is_absolute()]
    return tuple(found)


def _is_reserved(top: str) -> bool:
    return top == _OURS or top in sys.stdlib_module_names


def _origin(top: str) -> Path | None:
    """Return the file of a module that is imported or could be; None if it has none."""
    loaded = getattr(sys.modules.get(top), "__file__", None)
    if loaded is None and top not in sys.modules:
        spec = importlib.util.find_spec(top)
        loaded = None if spec is None or not spec.has_location else spec.origin
    file = None if loaded is None else Path(loaded)
    return file if file is not None and file.suffix == ".py" else None


def _placed(module: str, file: Path) -> tuple[Path, PurePosixPath]:
    """Return the folder that a module is imported from, and its file's path from there."""
    parts = module.split(".") if module else []
    tail = [*parts, file.name] if file.stem == "__init__" else [*parts[:-1], file.name]
    fits = file.stem in (*parts[-1:], "__init__") and list(file.parts[-len(tail) :]) == tail
    if not fits:
        tail = [file.name]
    return file.parents[len(tail) - 1], PurePosixPath(*tail)


def _existing(root: Path, name: str) -> Iterator[PurePosixPath]:
    """Yield the files below a folder of a module and the packages around it."""
    path = PurePosixPath()
    for part in name.split("."):
        path /= part
        for candidate in (path.with_name(f"{part}.py"), path / "__init__.py"):
            if (root / candidate).is_file():
                yield candidate


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        msg = f"{file} cannot be read: {error.strerror}"
        raise ValueError(msg) from error
