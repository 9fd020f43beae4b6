"""A file of questions: JSON lines with `question`, optional `id` and optional `answer`."""

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ttrl_cli.errors import UsageError
from ttrl_cli.records import Message


class Question(BaseModel):
    """One line of the file. `answer` is a label: for diagnosis only, never read by training."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)

    question: str
    id: str = ""
    answer: str | None = None


def load_questions(path: Path) -> tuple[Question, ...]:
    """Read a file of questions; a missing id becomes the line's number.

    Raises:
        UsageError: Naming file and line, if a line is malformed, an id comes twice, or none is
            there.
    """
    try:
        # not splitlines, which also breaks lines at characters that JSON strings may hold
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path}: cannot be read: {error}"
        raise UsageError(msg) from error
    found: dict[str, Question] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        question = _parse(line, f"{path}:{number}", default_id=str(number))
        if question.id in found:
            msg = f"{path}:{number}: the id {question.id!r} comes twice"
            raise UsageError(msg)
        found[question.id] = question
    if not found:
        msg = f"{path}: no questions in it"
        raise UsageError(msg)
    return tuple(found.values())


def question_messages(question: Question) -> tuple[Message, ...]:
    """The conversation that asks one question."""
    ask = f'{question.question}\n\nEnd with one line "Answer: ..." that holds the final answer.'
    return (Message(role="user", content=ask),)


def _parse(line: str, where: str, *, default_id: str) -> Question:
    try:
        question = Question.model_validate(json.loads(line))
    except ValidationError as error:
        raise _bad_line(where, error.errors()[0]["msg"]) from error
    except json.JSONDecodeError as error:
        raise _bad_line(where, error.msg) from error
    except (ValueError, RecursionError) as error:  # numbers too long, brackets too deep
        raise _bad_line(where, str(error)) from error
    return question if question.id else question.model_copy(update={"id": default_id})


def _bad_line(where: str, why: str) -> UsageError:
    msg = f'{where}: {why}; expected {{"question": ..., "id": ..., "answer": ...}}'
    return UsageError(msg)
