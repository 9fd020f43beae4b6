"""What the text of a program says about itself, without running it.

The text is a model's and may be hostile: sources that are long are not parsed, and all that is
parsed of one completion is bounded, so that neither time nor memory grows with the completion
(Python's parser takes about a kilobyte per character at worst, and stops at deep nesting).
"""

import ast
import builtins
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from textwrap import dedent

MAX_PARSED = 100_000
"""Longest source that is parsed, in characters."""
MAX_PARSED_TOGETHER = 400_000
"""Most that is parsed for one completion, in characters."""
_MOST_CUTS = 8  # lines at which a text is tried to end
_GIVEN = frozenset(dir(builtins)) | {"__file__", "__name__", "__doc__"}
_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
_MAIN = re.compile(r"^(?:[^\n\"/]|/(?!/))*?\bmain[ \t]*\(", re.MULTILINE)
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*+"?')
_BEGINS = re.compile(
    r"\s*(?:#\s*(?:include|define|pragma)|//|/\*|using\b|import\b|int\b|namespace\b)"
)
_INCLUDE = re.compile(r"^[ \t]*(?:#[ \t]*include|import)\b", re.MULTILINE)


class Binding(IntEnum):
    """How a module binds a name, judged by its text; a larger value is a better definition."""

    CONSTANT = 0
    """A value, a loop's variable, and whatever else."""
    IMPORT = 1
    """Something of another module's: what an example of use begins with."""
    STUB = 2
    """A function without a body."""
    RESULT = 3
    """What a call returned, which may be a function."""
    CALLABLE = 4
    """A function, a class, or another name of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A Python program that parses.

    Attributes:
        text: Its text, without a common indent or spaces that do not break, if it needed that.
        defines: Names that it binds as a module, and to what at best.
        lacks: Names that it uses and nowhere binds; all names where it imports `*` are bound.
    """

    text: str
    defines: Mapping[str, Binding]
    lacks: frozenset[str]


class SourceReader:
    """Parses the programs of one completion, within a budget.

    Args:
        entry: The function that a solution defines.
    """

    def __init__(self, entry: str) -> None:
        self._entry = entry
        self._word = re.compile(rf"\b{re.escape(entry)}\b")
        self._left = MAX_PARSED_TOGETHER
        self._known: dict[str, Source | None] = {}

    def solution(self, text: str) -> Source | None:
        """Parse a program that defines the entry; return None for any other text."""
        found = self.read(text) if self._word.search(text) else None
        return found if found is not None and self._entry in found.defines else None

    def beginning(self, text: str) -> Source | None:
        """Parse the longest beginning of a text that is a solution, without the prose behind it.

        The parser names the line that is no program: what stands before that is tried next, unless
        the line is indented, for then a statement was cut off.
        """
        lines = text.split("\n")
        for _ in range(_MOST_CUTS):
            if found := self.solution("\n".join(lines).rstrip()):
                return found
            if not self._word.search(text := "\n".join(lines)):
                return None
            end = self._first_fault(text)
            if not 0 < end < len(lines) or lines[end][:1].isspace():
                return None
            lines = lines[:end]
        return None

    def parsed(self, lines: list[str]) -> int:
        """Return how many lines, from the first, parse as a program; see `beginning`."""
        for _ in range(_MOST_CUTS):
            end = self._first_fault("\n".join(lines))
            if end < 0:
                return len(lines)
            if not end or lines[end][:1].isspace():
                return 0
            lines = lines[:end]
        return 0

    def _first_fault(self, text: str) -> int:
        """Return how many lines stand before the one that does not parse; -1 if all of it does.

        Return 0 as well for what exceeds the budget.
        """
        if len(text) > min(MAX_PARSED, self._left):
            return 0
        self._left -= len(text)
        try:
            tree_of(text)
        except SyntaxError as error:
            return max((error.lineno or 1) - 1, 0)
        except (ValueError, RecursionError, MemoryError):
            return 0
        return -1

    def read(self, text: str) -> Source | None:
        """Parse a program; return None if it does not parse or exceeds the budget."""
        if text not in self._known:
            sources = map(self._parse, _variants(text))
            self._known[text] = next((source for source in sources if source is not None), None)
        return self._known[text]

    def _parse(self, text: str) -> Source | None:
        if len(text) > min(MAX_PARSED, self._left):
            return None
        self._left -= len(text)
        try:
            tree = tree_of(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        return _facts(text, tree)


def tree_of(text: str) -> ast.Module:
    """Parse a program; raise what `ast.parse` raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an invalid escape is the program's business
        return ast.parse(text)


def _variants(text: str) -> list[str]:
    """Return a program as it is, then with plain spaces for no-break spaces, then dedented."""
    plain = text.replace("\u00a0", " ")
    return list(dict.fromkeys([text, plain, dedent(plain)]))


def _facts(text: str, tree: ast.Module) -> Source:
    bound: set[str] = set()
    used: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        else:
            bound.update(_bound_by(node))
    lacks = frozenset() if "*" in bound else used - bound - _GIVEN
    return Source(text=text, defines=_defined(tree), lacks=frozenset(lacks))


def _defined(tree: ast.Module) -> dict[str, Binding]:
    """Return the names that a module binds in any branch, each with its best binding."""
    names: dict[str, Binding] = {}
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        for name, binding in _bindings(node):
            names[name] = max(binding, names.get(name, binding))
        if not isinstance(node, _FUNCTION | ast.ClassDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
    return names


def _bindings(node: ast.AST) -> Iterator[tuple[str, Binding]]:
    """Yield the names that a node itself binds, each with its kind of binding."""
    if isinstance(node, _FUNCTION | ast.ClassDef):
        yield node.name, Binding.STUB if _is_stub(node) else Binding.CALLABLE
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from ((name, Binding.IMPORT) for name in _bound_by(node))
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        yield from ((name, _value_of(node.value)) for name in names)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id, Binding.CONSTANT
    else:
        yield from ((name, Binding.CONSTANT) for name in _bound_by(node))


def _value_of(value: ast.expr) -> Binding:
    """Return the kind of binding that an assignment of this value makes."""
    if isinstance(value, ast.Lambda | ast.Name | ast.Attribute):
        return Binding.CALLABLE
    return Binding.RESULT if isinstance(value, ast.Call) else Binding.CONSTANT


def _is_stub(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """Decide whether a function or a class is a stub: none of its statements does anything."""
    return all(map(_does_nothing, node.body))


def _does_nothing(statement: ast.stmt) -> bool:
    """Decide whether a statement is pass, a constant, return None or raise NotImplementedError."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    if isinstance(statement, ast.Return):
        value = statement.value
        return value is None or (isinstance(value, ast.Constant) and value.value is None)
    if isinstance(statement, ast.Raise):
        raised = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
        return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
    return isinstance(statement, ast.Pass)


def _bound_by(node: ast.AST) -> list[str]:
    """Return the names that a node other than a plain name binds."""
    if isinstance(node, _FUNCTION | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.arg):
        return [node.arg]
    if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        return [node.name]
    return []


def has_main(text: str) -> bool:
    """Decide whether a C++ program has a function main."""
    return _MAIN.search(text) is not None


def includes(text: str) -> bool:
    """Decide whether a C++ program includes a header."""
    return _INCLUDE.search(text) is not None


def is_bare_cpp(text: str) -> bool:
    """Decide whether a text is only a C++ program, by its beginning and its end."""
    return has_main(text) and _BEGINS.match(text) is not None and text.rstrip().endswith("}")


def without_strings(text: str) -> str:
    """Empty the string literals of a C++ text; leave raw ones as they are."""
    return _STRING.sub('""', text)
