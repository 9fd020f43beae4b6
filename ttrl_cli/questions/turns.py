"""A question that is given as a conversation: one user turn, and a system turn before it."""

from collections.abc import Mapping, Sequence

from ttrl_cli.questions.literals import shown
from ttrl_cli.records import Json

_SYSTEM = ("system", "developer")


def is_conversation(value: Json) -> bool:
    """Decide whether a value is a list of turns, each with a role."""
    return isinstance(value, list) and bool(value) and all(map(_has_role, value))


def read_turns(key: str, turns: Sequence[Mapping[str, Json]]) -> tuple[str | None, str]:
    """Read the system message, if there is one, and the question.

    Raises:
        ValueError: If there are other turns, or one is not text; the message names the key.
    """
    roles = [turn["role"] for turn in turns]
    if roles[-1:] != ["user"] or len(roles) > 2 or not set(roles[:-1]) <= set(_SYSTEM):
        msg = f"{key}: expected one user turn, with a system turn before it or none (got {roles}); "
        msg += "earlier turns of a conversation stand in the prompt file, as examples"
        raise ValueError(msg)
    texts = [_text(key, turn) for turn in turns]
    return (texts[0] if len(texts) == 2 else None), texts[-1]


def _has_role(turn: Json) -> bool:
    return isinstance(turn, dict) and isinstance(turn.get("role"), str)


def _text(key: str, turn: Mapping[str, Json]) -> str:
    """Return the text of a turn: its content, or the content's only part.

    Raises:
        ValueError: If it is not text, or blank; the message names the key.
    """
    content = turn.get("content")
    if isinstance(content, list) and len(content) == 1 and isinstance(content[0], dict):
        content = content[0].get("text")
    if isinstance(content, str) and content.strip():
        return content
    expected = "expected the question as one string that is not blank, as the content of a turn"
    msg = f"{key}: {expected} (got {shown(turn)})"
    raise ValueError(msg)
