"""Import the functions a problem.yaml names, from their files, and call them where those are."""

import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from ttrl_cli.errors import ProblemError
from ttrl_cli.grading.folders import package_of
from ttrl_cli.problem import MEASURE_TAKES, Problem, split_reference, takes
from ttrl_cli.settings import Value

Function: TypeAlias = Callable[..., Any]
_KEYS = ("verifier", "score", "certify", "render")
_ARGUMENTS = {"measure": MEASURE_TAKES}
_OURS = "ttrl_cli"


class BrokenProblemError(Exception):
    """The problem's own code did not do what it must; the text is the verdict's reason."""


class UnkeptDataError(BrokenProblemError):
    """A verifier accepted data and returned data that are not plain or not finite."""


class NotDataError(BrokenProblemError):
    """A verifier returned a verdict instead of data."""


class MeasureError(BrokenProblemError):
    """The problem's `measure` did not do what it must."""


class Home:
    """A problem's folder, as its own code finds it.

    Args:
        folder: The problem's folder.
        files: Its Python files that a problem.yaml names, as paths from there.
    """

    def __init__(self, folder: Path, files: Sequence[str]) -> None:
        self._folder = folder
        parents = [str((folder / file).parent) for file in files]
        self._places = list(dict.fromkeys([*parents, str(folder)]))
        self._names = _importable(self._places)
        self._own: dict[str, ModuleType] = {}
        self._added: list[str] = []  # places that its code has put on the path

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Make the folder the working directory and the first place to import from.

        Modules that the problem imports from it by their bare names are private to this problem:
        another problem may have files of the same names.

        Raises:
            BrokenProblemError: If the folder no longer exists.
        """
        before, path = frozenset(sys.modules), list(sys.path)
        here = os.open(".", getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY)
        try:
            self.settle()
            hidden = self._take_names()
            sys.path[:0] = [*self._added, *self._places]
            try:
                yield
            finally:
                known = {*path, *self._places}
                self._added = [place for place in sys.path if place not in known]
                sys.path[:] = path
                self._give_names_back(before, hidden)
        finally:
            os.fchdir(here)
            os.close(here)

    def settle(self) -> None:
        """Make the folder the working directory again; the problem's code may have changed it.

        Raises:
            BrokenProblemError: If the folder no longer exists.
        """
        try:
            os.chdir(self._folder)
        except OSError as error:
            msg = f"{self._folder} cannot be entered: {error.strerror}"
            raise BrokenProblemError(msg) from error

    def _take_names(self) -> dict[str, ModuleType]:
        """Put the problem's own modules into sys.modules; return the modules that they hide."""
        hidden: dict[str, ModuleType] = {}
        if any(name in sys.modules for name in self._names):
            hidden = {n: m for n, m in sys.modules.items() if _top(n) in self._names}
        for name in hidden:
            del sys.modules[name]
        sys.modules.update(self._own)
        return hidden

    def _give_names_back(self, before: frozenset[str], hidden: dict[str, ModuleType]) -> None:
        """Take the problem's own modules, new ones included, out again; restore those they hid."""
        fresh = [name for name in sys.modules if name not in before or name in hidden]
        self._own |= {name: sys.modules[name] for name in fresh if self._holds(name)}
        for name in self._own:
            sys.modules.pop(name, None)
        sys.modules.update(hidden)

    def _holds(self, name: str) -> bool:
        """Decide whether a module was imported from the folder by its bare name."""
        spec = getattr(sys.modules.get(_top(name)), "__spec__", None)
        if spec is None or _top(name) == _OURS:
            return False
        inside = list(spec.submodule_search_locations or [])
        place = Path(inside[0] if inside else str(spec.origin)).parent
        return str(place) in self._places


def _top(name: str) -> str:
    return name.partition(".")[0]


def _importable(places: Sequence[str]) -> frozenset[str]:
    """Return the bare names of modules and packages in folders, except standard library names."""
    files = {path.stem for place in places for path in Path(place).glob("*.py")}
    packages = {path.parent.name for place in places for path in Path(place).glob("*/__init__.py")}
    own = {name for name in files | packages if not name.startswith("__")}
    return frozenset(own - sys.stdlib_module_names - {_OURS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Functions:
    """The functions of a problem's own code.

    Attributes:
        by_key: Functions by the key of problem.yaml that names them.
        home: Where they are to be called.
    """

    by_key: Mapping[str, Function]
    home: Home


def load_functions(problem: Problem) -> Functions:
    """Import the functions that problem.yaml names; return them by key.

    Keys without a function are left out. A file is imported once even if several keys name it, and
    imported again if it was imported before.

    Raises:
        ProblemError: If a file cannot be imported, or a function does not take its arguments.
    """
    named = {key: getattr(problem.spec, key) for key in _KEYS}
    if problem.spec.measuring is not None:
        named["measure"] = problem.spec.measuring.function
    references = {key: split_reference(r) for key, r in named.items() if isinstance(r, str)}
    home = Home(problem.folder, [file for file, _ in references.values()])
    package = package_of(problem.folder)
    for name in [name for name in sys.modules if f"{name}.".startswith(f"{package}.")]:
        del sys.modules[name]
    functions: dict[str, Function] = {}
    with home.entered():
        for key, (file, attribute) in references.items():
            function = _function(problem, key, _import(problem, key, file), attribute)
            functions[key] = _told(function, problem.settings)
    return Functions(by_key=functions, home=home)


def _import(problem: Problem, key: str, file: str) -> ModuleType:
    path = problem.folder / file
    try:
        return _module(problem.folder, path)
    except BaseException as error:  # the problem's code may raise anything, SystemExit too
        if isinstance(error, KeyboardInterrupt):
            raise
        why = f"importing {path} raised {type(error).__name__}: {error}"
        raise ProblemError(problem.file, key, why) from error


def _module(folder: Path, path: Path) -> ModuleType:
    """Import a file as a module of the folder's package."""
    package = package_of(folder)
    parts = Path(os.path.normpath(path)).relative_to(folder).with_suffix("").parts
    if not any("." in part for part in parts):
        return importlib.import_module(".".join([package, *parts]))
    # names of modules have no dots in them: this one goes by a name that no import comes to
    name = f"{package}.{'_'.join(parts).replace('.', '_')}"
    if name not in sys.modules:
        importlib.import_module(package)
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def _function(problem: Problem, key: str, module: ModuleType, name: str) -> Function:
    function: Any = getattr(module, name, None)
    why = ""
    if not callable(function):
        why = f"{module.__file__} has no function {name!r}"
    elif not _accepts(function, arguments := _ARGUMENTS.get(key, ("the data",)), problem.settings):
        why = f"{name} in {module.__file__} {takes(arguments)}"
    elif inspect.iscoroutinefunction(function):
        why = f"{name} in {module.__file__} must not be async: it is called, and nobody awaits it"
    if why:
        raise ProblemError(problem.file, key, why)
    checked: Function = function
    return checked


def _told(function: Function, settings: Mapping[str, Value]) -> Function:
    """Return a function that tells the problem's function the settings, if it names them.

    It gets a copy each time, as it may change it.
    """
    if not (settings and _names_settings(function)):
        return function
    return lambda *given: function(*given, settings=dict(settings))


def _names_settings(function: Function) -> bool:
    """Decide whether a function has a parameter `settings`, behind that for the data."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:  # a function written in C may not tell its signature
        return False
    keyword = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return any(p.name == "settings" and p.kind in keyword for p in parameters[1:])


def _accepts(function: Function, arguments: Sequence[str], settings: Mapping[str, Value]) -> bool:
    """Decide whether a function can be called with its arguments, and told the settings."""
    told = {"settings": None} if settings and _names_settings(function) else {}
    try:
        inspect.signature(function).bind(*arguments, **told)
    except TypeError:
        return False
    except ValueError:  # a function written in C may not tell its signature
        return True
    return True
