"""Plug-ins: what other packages add, found by name and imported only when the name is asked for.

A package declares an entry point in the group of its kind, "module:attribute", or for problems the
package that holds them:

    [project.entry-points."ttrl.objectives"]
    median = "ttrl_median.objective:median"

    [project.entry-points."ttrl.problems"]
    primes = "ttrl_median.problems"

A name has one meaning: a plug-in that is called like a built-in, and two packages that declare one
name, are refused when the name is asked for. docs/plugins.md says what each kind must be.
"""

import importlib
import inspect
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from ttrl_cli.errors import SetupError, SignalExit, TtrlError, UsageError, first_line

Kind = Literal["objective", "problems", "sampler", "sandbox"]
GROUPS: Mapping[Kind, str] = {
    "objective": "ttrl.objectives",
    "problems": "ttrl.problems",
    "sampler": "ttrl.samplers",
    "sandbox": "ttrl.sandboxes",
}
"""The entry-point group of each kind."""
_PROBLEM_FILE = "problem.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """What one entry point declares.

    Attributes:
        kind: What it adds.
        name: What it is called on the command line.
        value: Where it is: "module:attribute", or a package.
        package: The distribution that declares it.
        version: The version of that.
    """

    kind: Kind
    name: str
    value: str
    package: str
    version: str

    def __str__(self) -> str:
        return f"the {self.kind} {self.name!r} of {self.package} {self.version}"

    def as_json(self) -> dict[str, str]:
        """Return what provenance.json says of it."""
        return {
            "kind": self.kind,
            "name": self.name,
            "package": self.package,
            "version": self.version,
        }


def declared(kind: Kind) -> tuple[Plugin, ...]:
    """Return the plug-ins of a kind, by name; nothing is imported."""
    return _declared(kind, tuple(sys.path))


def find(kind: Kind, name: str, builtin: Collection[str], *, where: str) -> Plugin | None:
    """Return the plug-in of a name; None if the name is built in.

    Args:
        kind: What is asked for.
        name: Its name.
        builtin: The names of this kind that are built in.
        where: What asks for it, such as "--objective", for the message.

    Raises:
        UsageError: If there is none of this name; the message lists those that there are.
        SetupError: If the name has more than one meaning.
    """
    named = [plugin for plugin in declared(kind) if plugin.name == name]
    packages = " and ".join(f"{plugin.package} {plugin.version}" for plugin in named)
    if named and name in builtin:
        msg = f"{where}: {kind} {name!r} is built in, and {packages} declares one; uninstall that"
        raise SetupError(msg)
    if len(named) > 1:
        msg = f"{where}: {kind} {name!r} is declared by {packages}; uninstall all but one"
        raise SetupError(msg)
    if not named and name not in builtin:
        known = sorted({*builtin, *(plugin.name for plugin in declared(kind))})
        msg = f"{where}: unknown {kind} {name!r}; known: {', '.join(known)}"
        raise UsageError(msg)
    return named[0] if named else None


def load(plugin: Plugin) -> Any:
    """Import a plug-in, and return what its entry point names.

    Raises:
        SetupError: If it cannot be imported, whatever its code raises, or has no such attribute.
    """
    module, attribute = _split(plugin)
    with blamed(plugin, f"importing {module}"):
        found = importlib.import_module(module)
    for part in attribute.split("."):
        if not hasattr(found, part):
            msg = f"{plugin}: {module} has no {attribute!r}"
            raise SetupError(msg)
        found = getattr(found, part)
    return found


def require_call(
    plugin: Plugin, what: str, function: Any, *arguments: str, keywords: Collection[str] = ()
) -> None:
    """Refuse what cannot be called with these arguments.

    Args:
        plugin: What it belongs to.
        what: What it is called in the message.
        function: What is to be called.
        arguments: The names of positional arguments.
        keywords: Those of keyword arguments.

    Raises:
        SetupError: If it cannot be called so.
    """
    taken = f"({', '.join([*arguments, *(f'{name}=' for name in keywords)])})"
    if not callable(function):
        msg = f"{plugin}: {what} must be called with {taken}, and is of type {_type(function)}"
        raise SetupError(msg)
    try:
        inspect.signature(function).bind(*arguments, **dict.fromkeys(keywords))
    except TypeError as error:
        msg = f"{plugin}: {what} must take {taken}: {first_line(error)}"
        raise SetupError(msg) from error
    except ValueError:  # what is written in C may not tell its signature
        return


@contextmanager
def blamed(
    plugin: Plugin, doing: str, *, passing: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Turn what the code of a plug-in raises into an error that names it; errors of ours pass.

    Args:
        plugin: Whose code is run.
        doing: What is done with it, in words.
        passing: What else passes.

    Raises:
        SetupError: If the block raises anything else.
    """
    ours: tuple[type[BaseException], ...] = (TtrlError, SignalExit, *passing)
    try:
        yield
    except ours:
        raise
    except (Exception, SystemExit) as error:
        msg = f"{plugin}: {doing} raised {type(error).__name__}: {first_line(error)}"
        raise SetupError(msg) from error


def problem_folders(builtin: Collection[str] = ()) -> dict[str, Path]:
    """Return the folders of the problems that packages bring, by name; nothing is imported.

    An entry point that names a folder with a problem.yaml is one problem, of the entry point's
    name. Of one that names a folder of such folders, each is a problem: "primes:twins" is the
    folder twins in the package of the entry point `primes`.

    Args:
        builtin: Names that are taken.

    Raises:
        SetupError: If a plug-in has no folder, or no problem in it, or its name is taken.
    """
    found: dict[str, Path] = {}
    for name in dict.fromkeys(plugin.name for plugin in declared("problems")):
        plugin = find("problems", name, builtin, where="problems")
        assert plugin is not None
        found |= _problems(plugin)
    return found


def problem_places() -> list[Path]:
    """Return the folders in which packages bring problems, which no candidate is to read."""
    return [place for plugin in declared("problems") for place in _places(plugin)]


def problem_plugin(folder: Path) -> Plugin | None:
    """Return the plug-in that brings a problem's folder; None if none does."""
    real = folder.resolve()
    return next(
        (
            plugin
            for plugin in declared("problems")
            for place in _places(plugin)
            if real.is_relative_to(place.resolve())
        ),
        None,
    )


@cache
def _declared(kind: Kind, path: tuple[str, ...]) -> tuple[Plugin, ...]:
    del path  # where packages are looked for; another path has other plug-ins
    found = [_plugin(kind, entry) for entry in entry_points(group=GROUPS[kind])]
    return tuple(sorted(found, key=lambda plugin: (plugin.name, plugin.package)))


def _plugin(kind: Kind, entry: EntryPoint) -> Plugin:
    assert entry.dist is not None  # it was found in one
    package, version = entry.dist.name, entry.dist.version
    return Plugin(kind=kind, name=entry.name, value=entry.value, package=package, version=version)


def _split(plugin: Plugin) -> tuple[str, str]:
    """Split "module:attribute".

    Raises:
        SetupError: If the entry point is of another form.
    """
    module, _, attribute = plugin.value.partition("[")[0].strip().partition(":")
    module, attribute = module.strip(), attribute.strip()
    if not all(part.isidentifier() for part in [*module.split("."), *attribute.split(".")]):
        msg = f"{plugin}: its entry point must be 'module:attribute' (got {plugin.value!r})"
        raise SetupError(msg)
    return module, attribute


def _type(value: object) -> str:
    return type(value).__name__


def _problems(plugin: Plugin) -> dict[str, Path]:
    """Return the problems of one plug-in.

    Raises:
        SetupError: If it has none.
    """
    for place in _places(plugin):
        if (place / _PROBLEM_FILE).is_file():
            return {plugin.name: place}
        inside = sorted(file.parent for file in place.glob(f"*/{_PROBLEM_FILE}"))
        if inside:
            return {f"{plugin.name}:{folder.name}": folder for folder in inside}
    msg = f"{plugin}: there is no {_PROBLEM_FILE} in {plugin.value}, nor in a folder of it"
    raise SetupError(msg)


def _places(plugin: Plugin) -> list[Path]:
    """Return the folders that a plug-in of problems may mean; none if its package is not there.

    The packages above it are folders: importing them to ask where it is would run their code.
    """
    top, *inside = plugin.value.split(".")
    spec = find_spec(top) if top.isidentifier() else None
    above = [] if spec is None else spec.submodule_search_locations or []
    return [Path(folder, *inside) for folder in above if Path(folder, *inside).is_dir()]
