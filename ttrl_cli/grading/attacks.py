"""Hostile data for verifiers: what `ttrl check` tries on them.

A verifier is to refuse what it does not accept by `Invalid`, never by another exception, which a
run could only take for the candidate's fault; it must not let through what is not finite, believe a
claim, or change its mind. Most of these data can come from candidates. What cannot (complex
numbers, arrays of objects, what is not finite) is tried as well: it is stopped before it reaches a
verifier in a run, and by nothing where one is called from a script.
"""

import copy
import json
import math
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ttrl_cli.errors import Invalid
from ttrl_cli.grading.functions import BrokenProblemError, NotDataError, UnkeptDataError
from ttrl_cli.grading.verifier import Checker
from ttrl_cli.records import Json, Verdict

CLAIM = 1e9
_HUGE = 10**400
_LONGEST = 10**3999
"""It can be written as JSON; its square cannot."""
_LEVELS = 60
_NUMBERS = {
    "NaN": math.nan,
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "negative zero": -0.0,
    "-1": -1,
    "1e308": 1e308,
    "-1e308": -1e308,
    "1e-320": 1e-320,
    "an integer of 400 digits": _HUGE,
    "an integer of 4,000 digits": _LONGEST,
    "true": True,
    "text": "1",
    "null": None,
    "a list": [1.0],
    "an object": {"value": 1.0},
    "a complex number": complex(1, 1),
}
_BARE = {
    "an empty list": [],
    "an empty object": {},
    "an empty list in a list": [[]],
    "empty text": "",
    "a list of nulls": [None, None],
    "a claim alone": {"score": CLAIM, "valid": True},
    "an array of objects": np.array([None, {}, "x", [1]], dtype=object),
    "an array of complex numbers": np.array([1 + 1j, 2 - 1j]),
    "an array without dimensions": np.array(0.5),
    "lists of different lengths": [[1.0], [1.0, 2.0], 3.0],
}
_NOT_FINITE = "accepts data that are not finite"
_WRAPPERS = ("data", "solution", "sequence", "circles", "construction")
_TEXTS = {
    "nothing": "",
    "blanks": " \n\t ",
    "a null byte": "\0",
    "NaN": "nan NaN",
    "infinity": "inf -inf Infinity",
    "1e308": "1e308 -1e308",
    "1e-320": "1e-320",
    "negative zero": "-0 -0.0",
    "a number of 5,000 digits": "9" * 5000,
    "100,000 numbers": "10 " * 100_000,
    "a long word": "a" * 100_000,
    "blanks without end": " " * 100_000 + "x",
    "digits of other scripts": "٣٤ １２ ५६",
    "brackets": "[" * 5000,
    "an object that claims": json.dumps({"score": CLAIM, "valid": True}),
    "words": "The best solution is obvious.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """Data to try on a verifier.

    Attributes:
        name: What they are, in words.
        data: The data.
        finite: Whether all numbers in them are; others must be refused.
        score: What they must score if they are accepted; None where that is open.
    """

    name: str
    data: Any
    finite: bool = True
    score: float | None = None


def attacks(honest: Json, score: float | None, *, text: bool, strict_json: bool) -> list[Attack]:
    """Make all attacks from an honest solution.

    Args:
        honest: An honest solution's text, or data for the verifier.
        score: The score of the honest data; None if the verifier refuses them, as it may refuse
            data that it has verified before.
        text: Whether solutions are texts.
        strict_json: Leave out data that JSON cannot hold: for a verifier that is a command.
    """
    itself = Attack(name="an honest solution", data=honest, score=score)
    if text:
        return [itself, *_on_text(str(honest))]
    found: Iterable[Attack] = (itself, *_bare(), *_spoilt(honest), *_claims(honest, score))
    return [attack for attack in found if not strict_json or _fits_json(attack.data)]


def finding(checker: Checker, attack: Attack, known: Json = None) -> str:
    """Try one attack on the verifier; return what is wrong with the verifier, or an empty text.

    Args:
        checker: Calls the verifier.
        attack: What to try on it.
        known: What it returned for an honest solution; None if unknown.
    """
    with warnings.catch_warnings():  # a verifier may warn of overflows; what counts is its verdict
        warnings.simplefilter("ignore")
        try:
            tried = (copy.deepcopy(attack.data) for _ in range(2))
            first, second = [_outcome(checker, data, known) for data in tried]
        except UnkeptDataError as error:
            return str(error) if attack.finite else _NOT_FINITE
        except NotDataError as error:
            return str(error)
        except BrokenProblemError as error:
            return f"crashes instead of raising Invalid: {error}"
    if first is None or second is None:
        return "" if first is second else "refuses it once and accepts it once"
    if not attack.finite:
        return _NOT_FINITE
    if _key(first) != _key(second):
        return f"gives another value on a second call: {first.score}, then {second.score}"
    if attack.score is not None and first.valid and first.score != attack.score:
        return f"lets a claim change the score from {attack.score} to {first.score}"
    return ""


def _outcome(checker: Checker, data: Any, known: Json) -> Verdict | None:
    """Return the verdict on data; None if the verifier refuses them."""
    try:
        return checker.verdict(data, known)
    except Invalid:
        return None


def _key(verdict: Verdict) -> tuple[object, ...]:
    return verdict.status, verdict.score, json.dumps(verdict.data, sort_keys=True)


def _bare() -> Iterator[Attack]:
    for name, value in _NUMBERS.items():
        yield _attack(f"{name} alone", value)
    for name, value in _BARE.items():
        yield _attack(name, value)
    deep: list[Any] = []
    for _ in range(_LEVELS):
        deep = [deep]
    yield Attack(name=f"lists nested {_LEVELS} levels deep", data=deep)


def _spoilt(honest: Json) -> Iterator[Attack]:
    """Yield attacks with something wrong in the honest data."""
    for name, value in _NUMBERS.items():
        for where, one in (("its first number", True), ("every number", False)):
            spoilt, count = _replaced(honest, value, most=1 if one else None)
            if count:
                yield _attack(f"{name} for {where}", spoilt)
    yield _attack("the data in a list", [honest])
    if isinstance(honest, list) and honest:
        yield _attack("one element too few", honest[:-1])
        yield _attack("one element too many", [*honest, honest[-1]])
        yield _attack("each element in a list", [[element] for element in honest])
        yield _attack("all elements in one row", _numbers(honest))
        yield _attack("the data as an array of objects", _as_objects(honest))
        yield _attack("the data as text", json.dumps(honest))
    if isinstance(honest, dict):
        for key in honest:
            without = {name: value for name, value in honest.items() if name != key}
            yield _attack(f"without the key {key}", without)


def _claims(honest: Json, score: float | None) -> Iterator[Attack]:
    """Yield attacks that add claims about the score to the honest data."""
    claims = {"score": CLAIM, "value": CLAIM, "bound": CLAIM, "valid": True, "metrics": {}}
    if isinstance(honest, dict):
        yield Attack(name="claims beside the data", data={**claims, **honest}, score=score)
    for key in _WRAPPERS:
        wrapped = {key: honest, **claims}
        yield Attack(name=f"claims beside the data as {key}", data=wrapped, score=score)
    yield Attack(name="the data and a claim in a list", data=[honest, CLAIM], score=score)


def _on_text(honest: str) -> Iterator[Attack]:
    for name, text in _TEXTS.items():
        yield Attack(name=name, data=text)
    for name in ("nan", "inf", "-1", "1e308", "9" * 400, "-0.0", "1e-320", "0x10", "1,5", "1_0"):
        spoilt, count = re.subn(r"\d+(?:\.\d+)?", name, honest, count=1)
        if count:
            yield Attack(name=f"{name:.20} for its first number", data=spoilt)
    yield Attack(name="the solution cut short", data=honest[: len(honest) // 2])
    yield Attack(name="the solution twice", data=f"{honest}\n{honest}")
    yield Attack(name="the solution after a claim", data=f"score = {CLAIM}\n{honest}")
    yield Attack(name="the solution with a null byte", data=f"{honest}\0")


def _attack(name: str, data: Any) -> Attack:
    return Attack(name=name, data=data, finite=_all_finite(data))


def _all_finite(data: Any) -> bool:
    return all(math.isfinite(leaf) for leaf in _leaves(data) if isinstance(leaf, float))


def _leaves(data: Any) -> Iterator[Any]:
    if isinstance(data, dict):
        data = list(data.values())
    if not isinstance(data, list):
        yield data
        return
    for element in data:
        yield from _leaves(element)


def _numbers(data: Any) -> list[Any]:
    return [leaf for leaf in _leaves(data) if _is_number(leaf)]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _replaced(data: Any, value: Any, *, most: int | None) -> tuple[Any, int]:
    """Replace numbers in data, the first `most` or all; return the data and the number replaced."""
    if _is_number(data) and most != 0:
        return value, 1
    if not isinstance(data, list | dict):
        return data, 0
    done, found = 0, []
    for element in data.values() if isinstance(data, dict) else data:
        new, count = _replaced(element, value, most=None if most is None else most - done)
        found.append(new)
        done += count
    return (dict(zip(data, found, strict=True)) if isinstance(data, dict) else found), done


def _as_objects(honest: list[Any]) -> Any:
    array = np.empty(len(honest), dtype=object)
    array[:] = honest if not isinstance(honest[0], list) else [tuple(row) for row in honest]
    return array


def _fits_json(data: Any) -> bool:
    try:
        json.dumps(data, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True
