"""One record of a file of questions, checked."""

import json
import string
from collections.abc import Mapping
from dataclasses import dataclass, field

from ttrl_cli.records import Json

TEXT_KEYS = ("question", "prompt", "problem")
"""The keys under which a record may hold its question."""

LETTERS = string.ascii_uppercase
"""Names of choices."""

_MOST_DIGITS = 4300  # of an integer that Python turns into text without being asked twice
_EXPECTED = 'expected an object such as {"question": "1 + 1?", "id": "a", "answer": "2"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One record of the file.

    Attributes:
        question: What is asked; not blank.
        id: Unique within the file; a record without one has its line's number (JSON lines) or its
            place (an array), from 1.
        answer: The label, for diagnosis only and never read by training; the letter, where there
            are choices. None without a label.
        choices: Capital letter -> text, in the order of the file; empty for a free-form question.
        extra: The record's other keys and values.
    """

    question: str
    id: str
    answer: str | None = None
    choices: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Json] = field(default_factory=dict)


def read_question(record: bytes, *, default_id: str) -> Question:
    """The question of one record.

    Args:
        record: JSON, in UTF-8.
        default_id: The id of a record without one.

    Raises:
        ValueError: Saying what is wrong and what was expected.
    """
    value = _object(record)
    key = _text_key(value)
    choices = _choices(value.get("choices"))
    used = (key, "id", "answer", "choices")
    return Question(
        question=_text(key, value[key]),
        id=_id(value.get("id")) or default_id,
        answer=_label(value.get("answer"), choices),
        choices=choices,
        extra={other: kept for other, kept in value.items() if other not in used},
    )


class _Decimal(float):
    """A number with a point or an exponent that knows how it was written."""

    __slots__ = ("literal",)
    literal: str

    def __new__(cls, literal: str) -> "_Decimal":
        self = super().__new__(cls, literal)
        if self in (float("inf"), float("-inf")):
            msg = f"the number {literal[:40]} is too large"
            raise ValueError(msg)
        self.literal = literal
        return self


def _integer(literal: str) -> int:
    if len(literal) > _MOST_DIGITS:
        msg = f"a number of {len(literal)} digits is too long; expected {_MOST_DIGITS} at most"
        raise ValueError(msg)
    return int(literal)


def _constant(name: str) -> Json:
    msg = f"{name} is not a JSON value"
    raise ValueError(msg)


def _unique_keys(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    twice = _first_twice([key for key, _ in pairs])
    if twice is not None:
        msg = f"the key {twice!r} comes twice"  # which also shows half of a surrogate pair
        raise ValueError(msg)
    return dict(pairs)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique_keys,
    parse_float=_Decimal,
    parse_int=_integer,
    parse_constant=_constant,
)


def _object(record: bytes) -> dict[str, Json]:
    try:
        value = _DECODER.decode(record.decode())
        # a half of a surrogate pair is no character: no tokenizer takes it, no file can hold it
        if b"\\ud" in record.lower():
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        msg = f"is not UTF-8: {error.reason} (byte {error.start + 1})"
        raise ValueError(msg) from error
    except UnicodeEncodeError as error:
        msg = r"half of a surrogate pair (\ud800 to \udfff) is not a character"
        raise ValueError(msg) from error
    except json.JSONDecodeError as error:
        msg = f"{error.msg} (column {error.colno}); {_EXPECTED} on one line"
        raise ValueError(msg) from error
    except RecursionError as error:
        msg = f"brackets nested too deep; {_EXPECTED}"
        raise ValueError(msg) from error
    if not isinstance(value, dict):
        msg = f"{_EXPECTED} (got {_shown(value)})"
        raise ValueError(msg)
    return value


def _text_key(value: Mapping[str, Json]) -> str:
    given = [key for key in TEXT_KEYS if value.get(key) is not None]
    if len(given) == 1:
        return given[0]
    if given:
        msg = f"{' and '.join(given)} are both given; expected one of them, to be the question"
    else:
        keys = _shown(list(value))
        msg = f"holds no question; expected the key question, prompt or problem (got {keys})"
    raise ValueError(msg)


def _text(key: str, value: Json) -> str:
    if isinstance(value, str) and value.strip():
        return value
    msg = f"{key}: expected the question as one string that is not blank (got {_shown(value)})"
    if isinstance(value, list):
        msg += "; earlier turns of a conversation stand in the prompt file, as examples"
    raise ValueError(msg)


def _id(value: Json) -> str:
    """The id as text; empty where there is none."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return ""
    if isinstance(value, str) or type(value) is int:
        return str(value)
    msg = f"id: expected a string or an integer (got {_shown(value)})"
    raise ValueError(msg)


def _label(value: Json, choices: Mapping[str, str]) -> str | None:
    """The label; the letter, where there are choices. A blank one is none."""
    label = None if value is None else _literal("answer", value)
    if label is None or not label.strip():
        return None
    if not choices:
        return label
    wanted = label.strip()
    letter = wanted.strip("(). ").upper()  # as in "(B)" and "B."
    meant = [k for k, text in choices.items() if k == letter or wanted == text.strip()]
    if len(meant) == 1:
        return meant[0]
    why = "is the letter of one choice and the text of another" if meant else "is no choice"
    msg = f"answer: {_shown(label)} {why}; expected a letter ({', '.join(choices)}) or a text"
    raise ValueError(msg)


def _choices(value: Json) -> dict[str, str]:
    """Capital letter -> text, of a list of texts or a mapping of letters to texts."""
    if value is None:
        return {}
    if not isinstance(value, list | dict) or not 2 <= len(value) <= len(LETTERS):
        msg = "choices: expected 2 to 26 texts, in a list or in an object under single letters"
        msg += f" (got {_shown(value)})"
        raise ValueError(msg)
    named = value if isinstance(value, dict) else dict(zip(LETTERS, value, strict=False))
    letters = [_letter(key) for key in named]
    texts = [_literal("choices", text) for text in named.values()]
    for what, several in (("letter", letters), ("text", [text.strip() for text in texts])):
        twice = _first_twice(several)
        if twice is not None:
            msg = f"choices: the {what} {_shown(twice)} comes twice"
            raise ValueError(msg)
    if not all(text.strip() for text in texts):
        msg = "choices: expected texts that are not blank"
        raise ValueError(msg)
    return dict(zip(letters, texts, strict=True))


def _letter(key: str) -> str:
    if len(key) == 1 and key in string.ascii_letters:
        return key.upper()
    msg = f"choices: expected single letters, A to Z (got {_shown(key)})"
    raise ValueError(msg)


def _literal(key: str, value: Json) -> str:
    """A string, or a number as it was written."""
    if isinstance(value, _Decimal):
        return value.literal
    if isinstance(value, str) or type(value) is int:
        return str(value)
    msg = f"{key}: expected text or a number (got {_shown(value)})"
    raise ValueError(msg)


def _first_twice(several: list[str]) -> str | None:
    """The first that an earlier one equals; None where all differ."""
    if len(set(several)) == len(several):
        return None
    return next(one for place, one in enumerate(several) if one in several[:place])


def _shown(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:37]}..."
