"""The source of functions that were typed into a session: a notebook's cells, or a plain script.

A session has no file that could be imported: a notebook has none at all, and a script would do
all its work again. So a function's own text is taken, with the imports, functions and constants of
the session that it uses. Whatever else it uses is refused by name.
"""

import ast
import builtins
import inspect
import linecache
import math
import symtable
import sys
import textwrap
from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any

from ttrl_cli.api.module_files import ModuleFiles, imported_names

_OF_MODULES = frozenset({"__name__", "__file__", "__doc__", "__spec__", "__package__"})
_MOST_CHARACTERS = 1_000_000
_MOST_NESTED = 30
_FUTURE = "from __future__ import annotations"
_ELSEWHERE = "put it into a file and import it"


class SessionSource:
    """Collects the source of a session's functions, and of what they use, for one file.

    Args:
        names: The session's global names.
        files: Takes the files of modules that are used and not installed.
    """

    def __init__(self, names: Mapping[str, Any], files: ModuleFiles) -> None:
        self._names = names
        self._files = files
        self._taken: set[str] = set()
        self._imports: list[str] = []
        self._parts: list[str] = []
        self._future = False

    def add(self, function: FunctionType) -> None:
        """Add a function of the session, and what it uses.

        Raises:
            ValueError: If its source is not to be had, or it uses what cannot be handed over.
        """
        self._taken.add(function.__name__)
        self._add_function(function.__name__, function)

    def text(self) -> str:
        """Return the file's text: imports, then each part behind those that it uses."""
        future = [_FUTURE] if self._future else []
        head = "\n".join([*future, *dict.fromkeys(self._imports)])
        return "\n\n\n".join(filter(None, [head, *self._parts])) + "\n"

    def _add_function(self, name: str, function: Any) -> None:
        plain = inspect.unwrap(function)
        self._future |= bool(plain.__code__.co_flags & _annotations_flag())
        text = _source(name, plain)
        for module in imported_names(text):
            self._files.add_imported(module)
        for used in _used_names(text, plain):
            self._need(used, name, text)
        self._parts.append(text)

    def _need(self, name: str, user: str, text: str) -> None:
        """Add what a function uses by a global name."""
        if name in self._taken or name in _OF_MODULES:
            return
        if name not in self._names:
            if hasattr(builtins, name):
                return
            msg = f"{user} uses {name}, which is not defined here"
            raise ValueError(msg)
        self._taken.add(name)
        value = self._names[name]
        if isinstance(value, ModuleType):
            self._add_module(name, value, text)
        elif _is_own(value, self._names):
            self._add_function(name, value)
        else:
            self._add_value(name, value, user)

    def _add_module(self, name: str, module: ModuleType, text: str) -> None:
        full = module.__name__
        self._files.add_imported(full)
        for chain in _dotted(text, name):
            inner = f"{full}.{chain}"
            if inner in sys.modules:
                self._files.add_imported(inner)
                self._imports.append(f"import {inner}")
        self._imports.append(f"import {full}" + (f" as {name}" if name != full else ""))

    def _add_value(self, name: str, value: Any, user: str) -> None:
        origin = _importable(name, value)
        if origin is not None:
            module, attribute = origin
            self._files.add_imported(module)
            self._imports.append(f"from {module} import {attribute} as {name}")
            return
        constant = literal(value)
        if constant is None:
            msg = (
                f"{user} uses {name}, {_article(value)}; of a session, imports, functions and "
                f"plain constants can be handed over: {_ELSEWHERE}"
            )
            raise ValueError(msg)
        if len(constant) > _MOST_CHARACTERS:
            msg = f"{user} uses {name}, a constant too large to be source; read it from a file"
            raise ValueError(msg)
        self._parts.append(f"{name} = {constant}")


def literal(value: Any, depth: int = 0) -> str | None:
    """Return an expression for a constant of Python's own plain types; None for anything else."""
    kind = type(value)
    if value is None or kind in (bool, str, bytes, range):
        return repr(value)
    if kind is int:
        return repr(value) if abs(value) < 2**4096 else hex(value)
    if kind is float:
        return repr(value) if math.isfinite(value) else f"float({str(value)!r})"
    if depth > _MOST_NESTED or kind not in (list, tuple, set, frozenset, dict):
        return None
    parts = [literal(part, depth + 1) for part in _parts(value)]
    if None in parts:
        return None
    return _container(kind, [part for part in parts if part is not None])


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for pair in value.items():
            yield from pair
    elif isinstance(value, set | frozenset):
        yield from sorted(value, key=repr)  # the text must not depend on the process
    else:
        yield from value


def _container(kind: type, parts: list[str]) -> str:
    inside = ", ".join(parts)
    if kind is dict:
        pairs = zip(parts[::2], parts[1::2], strict=True)
        return "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"
    if kind is tuple:
        return f"({inside},)" if parts else "()"
    return f"[{inside}]" if kind is list else f"{kind.__name__}([{inside}])"


def _source(name: str, function: FunctionType) -> str:
    """Return the text of a function, which must be what it was made from.

    Raises:
        ValueError: If there is no text, or it is another one by now.
    """
    try:
        text = textwrap.dedent(inspect.getsource(function)).rstrip()
        (node,) = ast.parse(text).body
    except (OSError, SyntaxError, ValueError, TypeError):
        msg = f"the source of {name} cannot be found here; {_ELSEWHERE}"
        raise ValueError(msg) from None
    if not isinstance(node, ast.FunctionDef) or node.name != name or not _same(text, function):
        msg = f"the source of {name} has changed since it was defined; define it again"
        raise ValueError(msg)
    return text


def _same(text: str, function: FunctionType) -> bool:
    """Decide whether a text compiles to the code of a function.

    A notebook compiles each statement by itself and a script is compiled as a whole, where the code
    of a method's call may depend on an import.
    """
    code = function.__code__
    whole = "".join(linecache.getlines(code.co_filename))
    flags = code.co_flags & _annotations_flag()
    return any(_holds(unit, code, flags) for unit in (text, whole))


def _holds(source: str, code: CodeType, flags: int) -> bool:
    try:
        compiled = compile(source, code.co_filename, "exec", flags, dont_inherit=True)
    except SyntaxError:
        return False  # a cell that awaits at its top level
    made = [part for part in compiled.co_consts if isinstance(part, CodeType)]
    return any(_shape(one) == _shape(code) for one in made)


def _shape(code: CodeType) -> tuple[Any, ...]:
    return (
        code.co_name,
        code.co_code,
        code.co_names,
        code.co_varnames,
        *map(_constant_shape, code.co_consts),
    )


def _constant_shape(constant: Any) -> Any:
    if isinstance(constant, CodeType):
        return _shape(constant)
    # equal sets may be written in another order, equal numbers may be of other types
    return constant if isinstance(constant, frozenset) else repr(constant)


def _annotations_flag() -> int:
    import __future__

    return __future__.annotations.compiler_flag


def _used_names(text: str, function: FunctionType) -> list[str]:
    """Return the global names that a function's text reads, in alphabetical order."""
    lazy = function.__code__.co_flags & _annotations_flag()
    table = symtable.symtable(f"{_FUTURE}\n{text}" if lazy else text, function.__name__, "exec")
    return sorted(_global_reads(table))


def _global_reads(table: symtable.SymbolTable) -> set[str]:
    found = {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
    return found.union(*(_global_reads(inner) for inner in table.get_children()))


def _is_own(value: Any, names: Mapping[str, Any]) -> bool:
    """Decide whether a value is a function of the session, decorated or not."""
    plain = inspect.unwrap(value) if callable(value) else value
    return isinstance(plain, FunctionType) and plain.__globals__ is names


def _importable(name: str, value: Any) -> tuple[str, str] | None:
    """Return the module and name from which a value can be imported; None if there are none."""
    of_type = type(value).__module__.partition(".")[0]
    for module in (getattr(value, "__module__", None), of_type):
        for attribute in (getattr(value, "__qualname__", name), name):
            home = sys.modules.get(module) if isinstance(module, str) else None
            if module != "__main__" and getattr(home, str(attribute), None) is value:
                return str(module), str(attribute)
    return None


def _dotted(text: str, name: str) -> list[str]:
    """Return the chains of attributes that a text reads of a name, shorter ones first."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        chain: list[str] = []
        inner: ast.AST = node
        while isinstance(inner, ast.Attribute):
            chain.insert(0, inner.attr)
            inner = inner.value
        if chain and isinstance(inner, ast.Name) and inner.id == name:
            found.add(".".join(chain))
    return sorted(found, key=lambda one: (one.count("."), one))


def _article(value: Any) -> str:
    if isinstance(value, type):
        return "a class of this session"
    name = type(value).__name__
    return f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"
