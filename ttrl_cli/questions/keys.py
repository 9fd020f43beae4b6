"""Under which keys a record may hold its label: our own, and those of the usual benchmark files."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache

from ttrl_cli.questions.literals import literal, shown
from ttrl_cli.records import Json

LABEL_KEYS = ("answer", "answerkey")
"""Keys that hold the label; at most one of them may be given."""
_OTHER_KEYS = (
    "finalanswer", "groundtruth", "groundtruthanswer", "gt", "gtanswer", "goldanswer", "gold",
    "goldlabel", "correctanswer", "bestanswer", "expectedanswer", "expected", "referenceanswer",
    "reference", "targetanswer", "target", "label", "answers", "solution",
)  # fmt: skip
"""Keys that hold it where none of the others is given, the most trusted first."""
_TRUSTED, _LEAST = "rewardmodel", "extrainfo"
"""Objects of verl's files that hold it, too: before and behind the keys of the record itself."""


@lru_cache(maxsize=4096)
def fold(key: str) -> str:
    """Normalise a key for comparison: drop case, underscores, hyphens and spaces."""
    return key.casefold().replace("_", "").replace("-", "").replace(" ", "")


def other_label(record: Mapping[str, Json]) -> tuple[str, Json] | None:
    """Return key and value of a label that is not called `answer`; None without one.

    What is null, blank or an empty list does not count.

    Raises:
        ValueError: If the value is a list of several answers; the message names the key.
    """
    places = (
        _within(record, _TRUSTED, (*LABEL_KEYS, *_OTHER_KEYS)),
        _first(record, _OTHER_KEYS),
        _within(record, _LEAST, (*LABEL_KEYS, *_OTHER_KEYS)),
    )
    found = next(filter(None, places), None)
    return None if found is None else (found[0], _single(found[0], _decoded(found[1])))


def _first(record: Mapping[str, Json], names: Sequence[str]) -> tuple[str, Json] | None:
    given = {fold(key): key for key, value in record.items() if value not in (None, [], {})}
    keys = (given[name] for name in names if name in given)
    return next(((key, record[key]) for key in keys if str(record[key]).strip()), None)


def _within(record: Mapping[str, Json], name: str, names: Sequence[str]) -> tuple[str, Json] | None:
    """Return the label in an object of a record, its key as reward_model.ground_truth."""
    outer = next((key for key in record if fold(key) == name), "")
    inner = record.get(outer)
    found = _first(inner, names) if isinstance(inner, dict) else None
    return found and (f"{outer}.{found[0]}", found[1])


def _decoded(value: Json) -> Json:
    """Return the list that a text holds as JSON, ["34"]; any other value as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith('["'):
        return value
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return found if all(isinstance(one, str) for one in found) else value


def _single(key: str, value: Json) -> Json:
    """Return the one value of a list, or of SQuAD's {"text": [...]}; any other value as it is.

    Raises:
        ValueError: If the list holds several values; the message names the key.
    """
    if isinstance(value, dict) and "text" in value:
        value = value["text"]
    if not isinstance(value, list) or not value:
        return value
    several = list(dict.fromkeys(literal(key, one) for one in value))
    if len(several) > 1:
        msg = f"{key}: expected one answer (got {shown(value)}); write several as one text"
        raise ValueError(msg)
    return value[0]
