"""How the questions of a file are asked."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
import jinja2.sandbox
from pydantic import ValidationError

from ttrl_cli.errors import UsageError
from ttrl_cli.problem import Example
from ttrl_cli.questions.choices import LETTERS
from ttrl_cli.questions.record import Question
from ttrl_cli.reading import read_user_text
from ttrl_cli.records import Message
from ttrl_cli.yaml_input import Section, first_error, parse_yaml

_ASK = 'End with one line "Answer: ..." that holds the final answer.'
_ASK_LETTER = 'End with one line "Answer: ..." that holds the letter of your choice.'


class VotePrompt(Section):
    """How the questions of a file are asked: the YAML beside it."""

    system: str | None = None
    """A system message, also in place of one that a question brings along as a turn of its own."""
    examples: tuple[Example, ...] = ()
    """Worked examples ({user, assistant}), shown as earlier turns, word for word: they do not pass
    through the template. Without a template of its own, the question then follows them without a
    request for a form, which is theirs to show."""
    template: str | None = None
    """The user message, as Jinja text with the variables question and choices (letter -> text,
    empty for a free-form question)."""
    run: Mapping[str, Any] = {}
    """Run options this file prefers; the command line may override each."""


DEFAULT_PROMPT = VotePrompt()
"""The prompt of a file that has none beside it."""


def load_prompt(path: Path) -> VotePrompt:
    """Read a prompt file.

    Raises:
        UsageError: If it cannot be read, is not YAML, or has an unknown key or a value of another
            type, or if its template does not render or leaves the question out. The message names
            the file and the key.
    """
    try:
        prompt = VotePrompt.model_validate(_yaml_mapping(path))
    except ValidationError as error:
        key, why = first_error(error)
        msg = f"{path}: {key}: {why}"
        raise UsageError(msg) from error
    # every letter, so that a template for five choices renders as well
    letters = {letter: f"choice {letter}" for letter in LETTERS}
    dummies = [Question(question=text, id="", choices=letters) for text in ("one", "two")]
    try:
        one, two = (_messages(dummy, prompt) for dummy in dummies)
        "".join(message.content for message in one).encode()  # halves of surrogate pairs raise
    except ValueError as error:
        msg = f"{path}: {error}"
        raise UsageError(msg) from error
    if one == two:
        msg = f"{path}: template: leaves the question out; expected {{{{ question }}}} in it"
        raise UsageError(msg)
    return prompt


def question_messages(
    question: Question, prompt: VotePrompt = DEFAULT_PROMPT
) -> tuple[Message, ...]:
    """Return the conversation that asks one question.

    Raises:
        UsageError: If the prompt's template does not render for this question.
    """
    try:
        return _messages(question, prompt)
    except ValueError as error:
        msg = f"question {question.id!r}: {error}"
        raise UsageError(msg) from error


def _yaml_mapping(path: Path) -> dict[Any, Any]:
    try:
        text = read_user_text(path)
    except (OSError, ValueError) as error:
        msg = f"{path}: cannot be read: {error}"
        raise UsageError(msg) from error
    try:
        raw = parse_yaml(text)
    except ValueError as error:
        msg = f"{path}: is not YAML: {error}"
        raise UsageError(msg) from error
    if not isinstance(raw, dict):
        msg = f"{path}: expected a mapping of keys such as system, examples, template"
        raise UsageError(msg)
    return raw


def _messages(question: Question, prompt: VotePrompt) -> tuple[Message, ...]:
    messages = []
    system = question.system if prompt.system is None else prompt.system
    if system is not None:
        messages.append(Message(role="system", content=system))
    for example in prompt.examples:
        messages.append(Message(role="user", content=example.user))
        messages.append(Message(role="assistant", content=example.assistant))
    if prompt.template is None:
        text = _plain_text(question, ask=not prompt.examples)
    else:
        text = _rendered(prompt.template, question)
    return (*messages, Message(role="user", content=text))


def _rendered(template: str, question: Question) -> str:
    """Render a template into the user message; raise ValueError if that fails."""
    variables = {"question": question.question.strip(), "choices": question.choices}
    try:
        return _compiled(template).render(variables).strip()
    except _TEMPLATE_ERRORS as error:
        msg = f"template: {error}"
        raise ValueError(msg) from error


def _plain_text(question: Question, *, ask: bool) -> str:
    """Return the question and its choices; if `ask`, add a request for the answer's format."""
    parts = [question.question.strip()]
    if question.choices:
        parts.append("\n".join(f"{letter}) {text}" for letter, text in question.choices.items()))
    if ask:
        parts.append(_ASK_LETTER if question.choices else _ASK)
    return "\n\n".join(parts)


# what Jinja raises, and what the filters and operators of a template raise
_TEMPLATE_ERRORS = (
    jinja2.TemplateError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    RecursionError,
)


@lru_cache(maxsize=8)
def _compiled(template: str) -> jinja2.Template:
    environment = jinja2.sandbox.SandboxedEnvironment(undefined=jinja2.StrictUndefined)
    return environment.from_string(template)
