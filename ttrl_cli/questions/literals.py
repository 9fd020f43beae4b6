"""JSON whose numbers know how they were written, and words for values in messages."""

import json

from ttrl_cli.records import Json

_MOST_DIGITS = 4300  # of an integer that Python turns into text without being asked twice
_EXPECTED = 'expected an object such as {"question": "1 + 1?", "id": "a", "answer": "2"}'

_PYTHON_TO_JSON = (
    "python -c 'import ast, json, sys; [print(json.dumps(ast.literal_eval(line))) "
    "for line in sys.stdin]' < FILE > Q.jsonl"
)


class NotUtf8Error(ValueError):
    """A record's bytes are not UTF-8."""


class Decimal(float):
    """A number with a point or an exponent that knows how it was written."""

    __slots__ = ("literal",)
    literal: str

    def __new__(cls, literal: str) -> "Decimal":
        """Make it from its text; raise ValueError if it is too large for a float."""
        self = super().__new__(cls, literal)
        if self in (float("inf"), float("-inf")):
            msg = f"the number {literal[:40]} is too large"
            raise ValueError(msg)
        self.literal = literal
        return self


def decode(record: bytes) -> dict[str, Json]:
    """Decode a record: a JSON object in UTF-8.

    Raises:
        NotUtf8Error: If it is not UTF-8.
        ValueError: If it is not a JSON object; the message says what was expected.
    """
    try:
        value = _DECODER.decode(record.decode())
        # a half of a surrogate pair is no character: no tokenizer takes it, no file can hold it
        if b"\\ud" in record.lower():
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        msg = f"is not UTF-8: {error.reason} (byte {error.start + 1})"
        raise NotUtf8Error(msg) from error
    except UnicodeEncodeError as error:
        msg = r"half of a surrogate pair (\ud800 to \udfff) is not a character"
        raise ValueError(msg) from error
    except json.JSONDecodeError as error:
        msg = f"{error.msg} (column {error.colno}); {_EXPECTED} on one line{_other_form(record)}"
        raise ValueError(msg) from error
    except RecursionError as error:
        msg = f"brackets nested too deep; {_EXPECTED}"
        raise ValueError(msg) from error
    if not isinstance(value, dict):
        msg = f"{_EXPECTED} (got {shown(value)})"
        raise ValueError(msg)
    return value


def _other_form(record: bytes) -> str:
    """Describe what a line that is not JSON looks like; say how to convert the file."""
    text = record.lstrip()
    if text.startswith(b"{'"):
        return f"; it looks like Python: {_PYTHON_TO_JSON}"
    if text[:1] in (b"{", b"["):
        return ""
    return "; lines of text become questions by: jq -cR '{question: .}' FILE > Q.jsonl"


def literal(key: str, value: Json) -> str:
    """Return a string as it is, or a number as it was written.

    Raises:
        ValueError: If it is neither; the message names the key.
    """
    if isinstance(value, Decimal):
        return value.literal
    if isinstance(value, str) or type(value) is int:
        return str(value)
    msg = f"{key}: expected text or a number (got {shown(value)})"
    raise ValueError(msg)


def shown(value: Json) -> str:
    """Return a value as messages quote it: JSON, cut after 40 characters."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:37]}..."


def first_twice(several: list[str]) -> str | None:
    """Return the first text that equals an earlier one; None if all differ."""
    if len(set(several)) == len(several):
        return None
    return next(one for place, one in enumerate(several) if one in several[:place])


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        msg = f"a number of {len(digits)} digits is too long; expected {_MOST_DIGITS} at most"
        raise ValueError(msg)
    return int(digits)


def _constant(name: str) -> Json:
    msg = f"{name} is not a JSON value"
    raise ValueError(msg)


def _unique_keys(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    twice = first_twice([key for key, _ in pairs])
    if twice is not None:
        msg = f"the key {twice!r} comes twice"  # which also shows half of a surrogate pair
        raise ValueError(msg)
    return dict(pairs)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique_keys,
    parse_float=Decimal,
    parse_int=_integer,
    parse_constant=_constant,
)
