"""Tell data that a verifier returned from a verdict in their place.

What `verify` returns is the data, and data may be any JSON value. A verifier that answers whether
the data are valid (`False`, `(False, "too long")`, `{"ok": False}`, `"too long"`) would make them
valid by that. Some values say so by themselves. Others may be data as well: a text or 0 is a
verdict only where the same verifier is known to return something else, and where the data that it
was given hold no such value. What is a part of those data is never a verdict. A verdict is small:
of large values little is looked at, and the data are searched at the speed of C.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ttrl_cli.records import Json
from ttrl_cli.sandbox.inside.program import SCALARS, holds_scalars

_JUDGEMENTS = {
    *("ok", "okay", "valid", "isvalid", "success", "successful", "passed", "pass", "correct"),
    *("iscorrect", "accepted", "accept", "feasible", "isfeasible", "verified", "verdict"),
    *("status", "result"),
}
"""Keys whose value says whether the data are valid."""
_REMARKS = {
    *("reason", "reasons", "message", "messages", "msg", "why", "error", "errors", "err"),
    *("warning", "warnings", "info", "detail", "details", "explanation", "feedback"),
    *("comment", "comments", "note", "notes"),
}
_MOST_PARTS = 8
"""A longer sequence is no verdict."""
_MOST_KEYS = 64
"""Nor is a mapping with more keys."""
_BESIDE = {"score", "value", "metrics", "data", "solution", "code"}
"""Keys that verdicts have beside these."""
_WORDS = {
    *("ok", "okay", "valid", "invalid", "success", "failure", "passed", "failed", "pass", "fail"),
    *("accepted", "rejected", "correct", "incorrect", "error", "wrong", "feasible", "infeasible"),
}
"""Words that a verdict begins with."""
_ANSWERS = _WORDS | {"true", "false", "yes", "no"}
"""Words that are a verdict as a whole, where the data are not a text themselves."""
_FIRST_WORD = re.compile(r"\W*([^\W_]+)")
_WORDING = re.compile(r"\b[^\W\d_]{3,}\W+(?:\w+\W+)*?[^\W\d_]{3,}\b")
"""Two words: one alone may be what spells a number."""


def is_verdict(returned: object, given: Json) -> bool:
    """Decide whether a value can only be a verdict, whatever else the verifier returns.

    Args:
        returned: What the verifier returned.
        given: The data that it was given.
    """
    if returned is given:
        return False
    if isinstance(returned, str):
        return _is_answer(returned, given)
    if isinstance(returned, tuple):
        small = 2 <= len(returned) <= _MOST_PARTS
        return small and (_judges_first(returned, given) or _remarks_last(returned, given))
    if isinstance(returned, Mapping):
        return len(returned) <= _MOST_KEYS and _judges_by_key(returned, given)
    return _is_truth(returned) or isinstance(returned, BaseException)


def differs(returned: object, given: Json, known: Json) -> bool:
    """Decide whether a value is a verdict, by comparing it with data that the verifier returned.

    Args:
        returned: What the verifier returned.
        given: The data that it was given.
        known: Data that the verifier has returned for a valid solution.
    """
    return known is not None and _is_other_form(returned, known) and _brings(returned, given)


def may_be_verdict(returned: object, given: Json) -> bool:
    """Decide whether `differs` could hold for some known data, which are costly to get."""
    forms: list[Json] = [[0], {"": 0}, 0.5, "0"]
    other = any(_is_other_form(returned, known) for known in forms)
    return other and _brings(returned, given)


def _is_other_form(returned: object, known: Json) -> bool:
    """Decide whether a value has the form of a verdict, while the known data have another."""
    if isinstance(returned, str):
        return not isinstance(known, str) or _brings_words(returned, known)
    if _is_number(returned):
        return returned in (-1, 0, 1) and isinstance(known, list | dict)
    if isinstance(returned, tuple | list):
        small = 2 <= len(returned) <= _MOST_PARTS and _is_flag(returned[0])
        return small and not (isinstance(known, list) and any(_texts(known)))
    if isinstance(returned, Mapping) and len(returned) <= _MOST_KEYS:
        before = known.keys() if isinstance(known, dict) else None
        as_before = before is not None and (not returned or not before.isdisjoint(returned))
        return not as_before and {*map(_plain_key, returned)} <= _JUDGEMENTS | _REMARKS
    return False


def _brings(returned: object, given: Json) -> bool:
    """Decide whether a value, or a text in a sequence, is no part of the given data."""
    if returned is given:
        return False
    parts: Iterable[object] = [returned]
    if isinstance(returned, tuple | list):
        parts = [part for part in returned[1:] if isinstance(part, str)]
    return any(not _holds(given, part) for part in parts)


def _is_truth(value: object) -> bool:
    truth = isinstance(value, bool | np.bool_)
    if isinstance(value, np.ndarray):
        truth = value.ndim == 0 and value.dtype == np.bool_
    return truth or value is None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _is_flag(value: object) -> bool:
    return _is_truth(value) or (_is_number(value) and value in (-1, 0, 1))


def _is_answer(text: str, given: Json) -> bool:
    """Decide whether a text is an answer such as "ok", or begins as one: "invalid: too long"."""
    found = _FIRST_WORD.match(text)
    word = "" if found is None else found[1].casefold()
    whole = word in _ANSWERS and text.strip(" .!").casefold() == word
    answers = word in _WORDS or (whole and not isinstance(given, str))
    return answers and not _holds(given, word)


def _judges_first(returned: tuple[Any, ...], given: Json) -> bool:
    """Decide whether a tuple is a truth value, followed by a remark or by the data."""
    first, *rest = returned
    said = [part for part in rest if isinstance(part, str)]
    if not _is_truth(first):
        return _is_flag(first) and any(_is_answer(part, given) for part in said)
    if any(part is given for part in rest):
        return True
    if _holds(given, first):
        return any(not _holds(given, part) for part in said)
    return bool(said) or (len(rest) == 1 and (rest[0] is None or _is_container(rest[0])))


def _remarks_last(returned: tuple[Any, ...], given: Json) -> bool:
    """Decide whether a tuple is the given data, unchanged, and a remark: (data, "ok")."""
    if len(returned) != 2 or returned[0] is not given:
        return False
    last = returned[1]
    return _is_truth(last) or last == "" or (isinstance(last, str) and _is_answer(last, given))


def _judges_by_key(returned: Mapping[Any, Any], given: Json) -> bool:
    """Decide whether a mapping judges the data, by a key that the data do not have."""
    held = given if isinstance(given, Mapping) else {}
    judged = {
        _plain_key(key): bool(value) if _is_truth(value) else value
        for key, value in returned.items()
        if _plain_key(key) in _JUDGEMENTS and key not in held and _judges(value)
    }
    if not judged:
        return False
    keys = {_plain_key(key) for key in returned}
    if keys <= _JUDGEMENTS | _REMARKS | _BESIDE:
        return True
    refuses = any(judged.get(key, True) is False for key in ("ok", "valid", "isvalid"))
    return refuses or ("valid" in judged and not isinstance(given, Mapping))


def _judges(value: object) -> bool:
    word = isinstance(value, str) and value.casefold() in _ANSWERS
    return (_is_truth(value) and value is not None) or word


def _plain_key(key: object) -> str:
    return re.sub(r"[^a-z]", "", str(key).casefold())


def _is_container(value: object) -> bool:
    return isinstance(value, list | tuple | Mapping | np.ndarray)


def _brings_words(returned: str, known: str) -> bool:
    """Decide whether a text contains words, while the known data are a text without words."""
    return bool(known and _WORDING.search(returned) and not _WORDING.search(known))


def _holds(given: Json, part: object) -> bool:
    """Decide whether a text, number or truth value occurs somewhere in data."""
    if isinstance(part, str):
        folded = part.strip().casefold()
        return bool(folded) and folded in "".join(_texts(given)).casefold()
    if _is_truth(part):
        return any(type(leaf) is bool and leaf == part for one in _leaves(given) for leaf in one)
    if not _is_number(part):
        return False
    number: Any = part.item() if isinstance(part, np.number) else part
    same = (
        leaf == number and not isinstance(leaf, bool)
        for leaves in _leaves(given)
        if number in leaves
        for leaf in leaves
    )
    if any(same):
        return True
    if isinstance(number, int) and not holds_scalars([number]):  # too long to be written
        return False
    return any(str(part) in text for text in _texts(given))


def _texts(data: Json) -> Iterator[str]:
    for leaves in _leaves(data):
        if str in map(type, leaves):
            yield from (leaf for leaf in leaves if isinstance(leaf, str))


def _leaves(data: Json) -> Iterator[Sequence[Any]]:
    """Yield all keys and all values in data that are not containers, those of a list together."""
    waiting = [data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            waiting += [*value.values(), *value]
        elif not isinstance(value, list | tuple):
            yield (value,)
        elif set(map(type, value)) <= SCALARS:
            yield value
        else:
            waiting += reversed(value)
