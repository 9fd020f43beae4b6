"""One record of a file of questions, checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ttrl_cli.questions.choices import NO_CHOICES, Choices, lettered_columns, read_choices
from ttrl_cli.questions.keys import LABEL_KEYS, fold, other_label
from ttrl_cli.questions.labels import agreed, read_index, read_label
from ttrl_cli.questions.literals import decode, shown
from ttrl_cli.questions.turns import is_conversation, read_turns
from ttrl_cli.records import Json

TEXT_KEYS = ("question", "prompt", "problem")
"""The keys under which a record may hold its question."""

_TURNS_KEY = "messages"
_CHOICE_KEYS = ("choices", "options")
_INDEX_KEYS = ("answerindex", "answeridx", "correctindex")
_BY_ID = "jq -c 'to_entries[] | {id: .key} + .value' FILE > Q.jsonl"
_TO_RECORDS = (
    "jq -c '. as $t | $t.{key} | keys_unsorted[] as $i | $t | map_values(.[$i])' FILE > Q.jsonl"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One record of the file.

    Attributes:
        question: What is asked; not blank.
        id: Unique within the file; a record without one has its line's number (JSON lines) or its
            place (an array, a Parquet file), from 1.
        answer: The label, for diagnosis only and never read by training; the letter, where there
            are choices. None without a label.
        choices: Capital letter -> text, in the order of the file; empty for a free-form question.
        system: The system turn of a question that was given as a conversation.
        extra: The record's other keys and values.
    """

    question: str
    id: str
    answer: str | None = None
    choices: Mapping[str, str] = field(default_factory=dict)
    system: str | None = None
    extra: Mapping[str, Json] = field(default_factory=dict)


def read_question(
    record: bytes | Mapping[str, Json], *, default_id: str, typed: bool = True
) -> Question:
    """Read one record into a question.

    Args:
        record: A JSON object in UTF-8, or its keys and values.
        default_id: The id of a record without one.
        typed: False for a row of a table in which everything is text.

    Raises:
        ValueError: If the record is bad; the message says what is wrong and what was expected.
    """
    value = decode(record) if isinstance(record, bytes) else dict(record)
    own = _Keys(value)
    key = _text_key(own)
    system, text = _asked(key, value[key])
    choices, used = _choices(own)
    label_key, index_key = own.one(LABEL_KEYS), own.one(_INDEX_KEYS)
    answer = _answer(value, label_key, index_key, choices, typed=typed)
    id_key = own.one(("id",))
    used |= {key, id_key, label_key, index_key if choices.texts else None}
    used |= {k for k in value if value[k] is None and fold(k) in ("id", "answer", "choices")}
    return Question(
        question=text,
        id=_id(None if id_key is None else value[id_key]) or default_id,
        answer=answer,
        choices=choices.texts,
        system=system,
        extra={other: kept for other, kept in value.items() if other not in used},
    )


class _Keys:
    """A record's own keys for ours, whatever their case; keys without a value do not count."""

    def __init__(self, value: Mapping[str, Json]) -> None:
        self.value = value
        self._known: dict[str, list[str]] = {}
        for key in value:
            if value[key] is not None:
                self._known.setdefault(fold(key), []).append(key)

    def all(self, names: tuple[str, ...]) -> list[str]:
        """Return the record's keys that match these names."""
        return [key for name in names for key in self._known.get(name, ())]

    def one(self, names: tuple[str, ...]) -> str | None:
        """Return the one key that matches these names, None if none does; raise if several do."""
        given = self.all(names)
        if len(given) > 1:
            msg = f"{' and '.join(given)} are both given; expected one of them"
            raise ValueError(msg)
        return given[0] if given else None


def _text_key(own: _Keys) -> str:
    given = own.all(TEXT_KEYS) or own.all((_TURNS_KEY,))
    if len(given) == 1:
        return given[0]
    if given:
        msg = f"{' and '.join(given)} are both given; expected one of them, to be the question"
    else:
        keys = shown(list(own.value))
        msg = f"holds no question; expected the key question, prompt or problem (got {keys})"
        if own.value and all(isinstance(one, dict) for one in own.value.values()):
            msg += f"; one object of records by id becomes a line for each by: {_BY_ID}"
    raise ValueError(msg)


def _asked(key: str, value: Json) -> tuple[str | None, str]:
    """Return the system message, if there is one, and the question."""
    if isinstance(value, str) and value.strip():
        return None, value
    if is_conversation(value):
        return read_turns(key, value)
    msg = f"{key}: expected the question as one string that is not blank (got {shown(value)})"
    if isinstance(value, list | dict) and value and fold(key) in TEXT_KEYS:
        msg += "; one object of whole columns becomes a line for each question by: "
        msg += _TO_RECORDS.format(key=key)
    raise ValueError(msg)


def _choices(own: _Keys) -> tuple[Choices, set[str | None]]:
    """Read the choices; return them and the keys that held them."""
    key = own.one(_CHOICE_KEYS)
    if key is not None:
        return read_choices(key, own.value[key]), {key}
    columns = lettered_columns(own.value)
    if columns:
        return read_choices("choices", columns), set(columns)
    return NO_CHOICES, set()


def _answer(
    value: Mapping[str, Json],
    label_key: str | None,
    index_key: str | None,
    choices: Choices,
    *,
    typed: bool,
) -> str | None:
    """Read the label, from its key, from the key of an index, or from both if both are given."""
    if index_key is not None and choices.texts:
        if label_key is None:
            return read_index(index_key, value[index_key], choices)
        label, index = (label_key, value[label_key]), (index_key, value[index_key])
        return agreed(label, index, choices)
    if label_key is not None:
        own = read_label(label_key, value[label_key], choices, typed=typed)
        if own is not None:
            return own
    if index_key is not None:
        msg = f"{index_key}: is a place among choices, and there are none"
        raise ValueError(msg)
    other = other_label(value)
    return None if other is None else _read_other(*other, choices, typed=typed)


def _read_other(key: str, value: Json, choices: Choices, *, typed: bool) -> str | None:
    """Read the label under a key that may be meant for something else.

    Raises:
        ValueError: If it cannot be read; the message says that a question needs no label.
    """
    try:
        return read_label(key, value, choices, typed=typed)
    except ValueError as error:
        msg = f"{error}; a question needs no label: without this key it has none"
        raise ValueError(msg) from error


def _id(value: Json) -> str:
    """Return the id as text; empty if there is none."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return ""
    if isinstance(value, str) or type(value) is int:
        return str(value)
    msg = f"id: expected a string or an integer (got {shown(value)})"
    raise ValueError(msg)
