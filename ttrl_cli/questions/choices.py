"""The choices of a question, in the forms of the usual benchmark files."""

import json
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ttrl_cli.questions.literals import first_twice, literal, shown
from ttrl_cli.records import Json

LETTERS = string.ascii_uppercase
"""Names of choices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The choices of a question; of a free-form question there are none.

    Attributes:
        texts: Capital letter -> text, in the order of the file.
        names: What the file itself calls a choice -> its letter, where it is no letter: "1" -> A.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


NO_CHOICES = Choices()


def read_choices(key: str, value: Json) -> Choices:
    """Read choices: a list of texts, an object of letters, or names beside texts.

    Args:
        key: The key that holds them, for messages.
        value: ["red", "blue"], {"A": "red", "B": "blue"}, {"label": ["A", "B"], "text": ["red",
            "blue"]} or [{"label": "A", "text": "red"}, ...]; as a cell of a table, any of these
            in JSON.

    Raises:
        ValueError: If it is none of these or two choices are alike; the message names the key.
    """
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        value = _cell(key, value)
    if value is None or value == []:
        return NO_CHOICES
    names, texts = _named(key, value)
    if not 2 <= len(texts) <= len(LETTERS) or len(names) != len(texts):
        raise ValueError(_expected(key, value))
    written = [literal(key, text) for text in texts]
    _check_distinct(key, "text", [text.strip() for text in written])
    if not all(text.strip() for text in written):
        msg = f"{key}: expected texts that are not blank"
        raise ValueError(msg)
    if names and all(name.isdecimal() for name in names):
        letters = list(LETTERS[: len(names)])
        _check_distinct(key, "name", names)
        lettered = dict(zip(names, letters, strict=True))
        return Choices(texts=dict(zip(letters, written, strict=True)), names=lettered)
    letters = [_letter(key, name) for name in names]
    _check_distinct(key, "letter", letters)
    return Choices(texts=dict(zip(letters, written, strict=True)))


def lettered_columns(record: Mapping[str, Json]) -> dict[str, Json]:
    """Return a record's keys A, B, C... if it holds its choices under them; else an empty dict."""
    found: dict[str, Json] = {}
    for letter in LETTERS:
        if record.get(letter) is None:
            break
        found[letter] = record[letter]
    return found if len(found) >= 2 else {}


def _named(key: str, value: Json) -> tuple[list[str], list[Json]]:
    """Return the names and the texts of choices; if their numbers differ, the file is wrong."""
    if isinstance(value, dict) and {"label", "text"} == value.keys():
        names, texts = value["label"], value["text"]
        if isinstance(names, list) and isinstance(texts, list):
            return [literal(key, name) for name in names], texts
    elif isinstance(value, dict):
        return list(value), list(value.values())
    elif isinstance(value, list) and all(_is_named(choice) for choice in value):
        names = [literal(key, choice["label"]) for choice in value]
        return names, [choice["text"] for choice in value]
    elif isinstance(value, list):
        return list(LETTERS[: len(value)]), value
    raise ValueError(_expected(key, value))


def _is_named(choice: Json) -> bool:
    return isinstance(choice, dict) and choice.keys() == {"label", "text"}


def _cell(key: str, text: str) -> Json:
    try:
        return json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError) as error:
        msg = f"{key}: expected a JSON list of 2 to 26 texts in the cell (got {shown(text)})"
        raise ValueError(msg) from error


def _expected(key: str, value: Json) -> str:
    expected = "expected 2 to 26 texts, in a list or in an object under single letters"
    return f"{key}: {expected} (got {shown(value)})"


def _check_distinct(key: str, what: str, several: Sequence[str]) -> None:
    twice = first_twice(list(several))
    if twice is not None:
        msg = f"{key}: the {what} {shown(twice)} comes twice"
        raise ValueError(msg)


def _letter(key: str, name: str) -> str:
    if len(name) == 1 and name in string.ascii_letters:
        return name.upper()
    msg = f"{key}: expected single letters, A to Z (got {shown(name)})"
    raise ValueError(msg)
