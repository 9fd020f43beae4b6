"""Reads pairs of answers out of other projects' test files. Nothing of theirs is imported or run.

A test file is parsed with `ast`, and what a form of test says of two answers is looked for: rows of
`parametrize`, assertions on a call with two answers, a call with a completion and a label whose
result is asserted, lists of completions and labels. What is no literal is passed over.
"""

import ast
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Literal: TypeAlias = object
"""What `ast.literal_eval` makes of an expression."""
Found: TypeAlias = Iterator[tuple[Literal, Literal, Literal]]
"""Two answers and what says whether they are the same: true, or a reward above 0."""
Reader: TypeAlias = Callable[[str], Found]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers, and whether a suite takes them for the same."""

    first: str
    second: str
    same: bool


@dataclass(frozen=True, slots=True)
class Suite:
    """Where a project's pairs are.

    Attributes:
        name: As the table has it, and its folder.
        url: The public repository.
        files: Patterns of files, relative to the folder, with what reads them.
    """

    name: str
    url: str
    files: Mapping[str, Reader]


def pairs_of(suite: Suite, folder: Path) -> list[Pair]:
    """A suite's pairs in the order of its files, each once; none if its files are not there."""
    found: dict[tuple[str, str], Pair] = {}
    for pattern, read in suite.files.items():
        for path in sorted(folder.rglob(pattern)):
            for a, b, verdict in read(path.read_text(encoding="utf-8")):
                pair = _pair(a, b, verdict)
                if pair is not None:
                    found.setdefault((pair.first, pair.second), pair)
    return list(found.values())


def rows(*columns: str, tests: Sequence[str] = ()) -> Reader:
    """Read parametrized tests: rows with two answers, and a verdict.

    Args:
        *columns: Names of the columns with the first answer, the second and the verdict.
        tests: The tests to read; all that have such columns by default.
    """

    def read(source: str) -> Found:
        for function, names, row in _rows(source):
            if (not tests or function.name in tests) and set(columns) <= set(names):
                first, second, verdict = (row[names.index(column)] for column in columns)
                yield first, second, verdict

    return read


def rows_of(first: str, second: str, tests: Mapping[str, bool]) -> Reader:
    """Read parametrized tests that say by their name whether their answers are the same."""

    def read(source: str) -> Found:
        for function, names, row in _rows(source):
            if function.name in tests and {first, second} <= set(names):
                yield row[names.index(first)], row[names.index(second)], tests[function.name]

    return read


def row_pairs(column: str, tests: Mapping[str, bool]) -> Reader:
    """Read parametrized tests whose column is a pair of answers."""

    def read(source: str) -> Found:
        for function, names, row in _rows(source):
            if function.name in tests and column in names:
                value = row[names.index(column)]
                if isinstance(value, tuple) and len(value) == 2:
                    yield *value, tests[function.name]

    return read


def assertions(source: str) -> Found:
    """Read `self.assertTrue(same(a, b))`, and assertFalse, where a and b are known by then."""
    for function in _functions(source):
        yield from _asserted(function.body, {})


def calls(first: str, second: str) -> Reader:
    """Read `reward = f(first=..., second=...)`, of which the next `assert reward == 1.0` tells."""

    def read(source: str) -> Found:
        for function in _functions(source):
            made: dict[str, tuple[Literal, Literal]] = {}
            for statement in function.body:
                if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
                    given = {k.arg: _value(k.value, {}) for k in statement.value.keywords}
                    if {first, second} <= given.keys():
                        made[_name(statement)] = (given[first], given[second])
                compared = _compared(statement)
                if compared is not None and isinstance(compared[0], ast.Name):
                    answers = made.get(compared[0].id)
                    if answers is not None:
                        yield *answers, compared[1]

    return read


def lists(completions: Sequence[str], labels: Sequence[str], rewards: str = "rewards") -> Reader:
    """Read lists of completions (as chats) and labels; `assert rewards[0] == 1.0` tells of one.

    Args:
        completions: Names that a list of completions has.
        labels: Names that a list of labels has.
        rewards: The name of the rewards.
    """

    def read(source: str) -> Found:
        for function in _functions(source):
            known: dict[str, Literal] = {}
            for statement in function.body:
                _learn(statement, known)
                compared = _compared(statement)
                if compared is None or not isinstance(compared[0], ast.Subscript):
                    continue
                of, place = compared[0].value, _value(compared[0].slice, {})
                given = next((known[n] for n in completions if n in known), None)
                right = next((known[n] for n in labels if n in known), None)
                if isinstance(of, ast.Name) and of.id == rewards:
                    yield _at(given, place), _at(right, place), compared[1]

    return read


def records(first: str, second: str, verdict: str, same: str) -> Reader:
    """Read a JSON list of records whose verdict is one text where the answers are the same."""

    def read(source: str) -> Found:
        for record in json.loads(source):
            yield record[first], record[second], record[verdict] == same

    return read


def _pair(a: Literal, b: Literal, verdict: Literal) -> Pair | None:
    """A pair as texts; None if it is about something else than two answers."""
    answers = (a, b)
    if verdict is None or not all(isinstance(x, str | int | float) and x != "" for x in answers):
        return None
    same = verdict > 0 if isinstance(verdict, int | float) else bool(verdict)
    return Pair(str(a), str(b), same)


def _functions(source: str) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and "test" in node.name:
            yield node


def _rows(source: str) -> Iterator[tuple[ast.FunctionDef, list[str], list[Literal]]]:
    """The rows of parametrized tests, with the names of their columns."""
    for function in _functions(source):
        for decorator in function.decorator_list:
            if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Attribute):
                continue
            if decorator.func.attr == "parametrize":
                names = _names(decorator.args[0])
                listed = decorator.args[1]
                given = listed.elts if isinstance(listed, ast.List | ast.Tuple) else []
            elif decorator.func.attr == "named_parameters":
                names = ["", *(argument.arg for argument in function.args.args[1:])]
                given = decorator.args
            else:
                continue
            for row in given:
                cells = row.elts if isinstance(row, ast.Tuple) and len(names) > 1 else [row]
                if len(cells) == len(names):
                    yield function, names, [_value(cell, {}) for cell in cells]


def _names(node: ast.expr) -> list[str]:
    value = _value(node, {})
    if isinstance(value, str):
        return [name.strip() for name in value.split(",")]
    return [str(name) for name in value] if isinstance(value, list | tuple) else []


def _asserted(body: Sequence[ast.stmt], known: dict[str, Literal]) -> Found:
    for statement in body:
        _learn(statement, known)
        if isinstance(statement, ast.For):
            yield from _looped(statement, known)
        call = statement.value if isinstance(statement, ast.Expr) else None
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        inner = call.args[0] if call.args else None
        told = {"assertTrue": True, "assertFalse": False}.get(call.func.attr)
        if told is not None and isinstance(inner, ast.Call) and len(inner.args) >= 2:
            first, second = (_value(argument, known) for argument in inner.args[:2])
            yield first, second, told


def _looped(loop: ast.For, known: dict[str, Literal]) -> Found:
    """What the body of `for a, b in pairs` asserts of each."""
    values = _value(loop.iter, known)
    if not isinstance(loop.target, ast.Tuple) or not isinstance(values, list):
        return
    names = [target.id for target in loop.target.elts if isinstance(target, ast.Name)]
    for value in values:
        yield from _asserted(loop.body, known | dict(zip(names, value, strict=False)))


def _learn(statement: ast.stmt, known: dict[str, Literal]) -> None:
    """Note the value of an assignment of a literal."""
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        known[_name(statement)] = _value(statement.value, known)


def _name(statement: ast.Assign) -> str:
    target = statement.targets[0]
    return target.id if isinstance(target, ast.Name) else ""


def _compared(statement: ast.stmt) -> tuple[ast.expr, Literal] | None:
    """The left side and the value of `assert left == value`."""
    test = statement.test if isinstance(statement, ast.Assert) else None
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Eq | ast.Is):
        return test.left, _value(test.comparators[0], {})
    return None


def _at(values: Literal, place: Literal) -> Literal:
    """An element of a list; of a chat its last text."""
    if not isinstance(values, list) or not isinstance(place, int) or place >= len(values):
        return None
    value = values[place]
    return value[-1].get("content") if isinstance(value, list) else value


def _value(node: ast.expr, known: Mapping[str, Literal]) -> Literal:
    """The value of a literal or of a known name; None for whatever else."""
    if isinstance(node, ast.Name):
        return known.get(node.id)
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None
