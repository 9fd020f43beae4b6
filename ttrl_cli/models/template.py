"""How a conversation becomes the text of a prompt: by a model's chat template, or a plain one.

A base model has no chat template. It is asked in plain text, which it goes on with:

    SYSTEM

    Question: what was asked
    Solution: what was answered

    Question: what is asked
    Solution:

Some templates refuse a system message, or leave it out; its text then goes before the user's first
message. Whatever else a template refuses is the user's to know before any weights are loaded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jinja2

from ttrl_cli.errors import UsageError, first_line
from ttrl_cli.records import Message

PLAIN_MARK = "Question:"
"""What a user's turn begins with in the plain template."""
PLAIN = (
    "{% for m in messages %}"
    "{% if m['role'] == 'user' %}{{ 'Question: ' + (m['content'] | trim) + '\\n' }}"
    "{% elif m['role'] == 'assistant' %}{{ 'Solution: ' + (m['content'] | trim) + '\\n\\n' }}"
    "{% else %}{{ (m['content'] | trim) + '\\n\\n' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}Solution:{% endif %}"
)
"""The plain template, as Jinja."""
_ERRORS = (
    jinja2.TemplateError,
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""What Jinja raises, and what the filters and operators of a template raise."""
_TOLD, _ASKED = "4711", "4712"
"""Digits that are found again in what a template makes of them, whatever it does to letters."""
_SYSTEM, _USER = f"Be brief ({_TOLD}).", f"What is 1 + 1 ({_ASKED})?"
"""Texts to try a template with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A chat template, and how it must be used.

    Attributes:
        tokenizer: The tokenizer that has it.
        model: The model's name or folder, for messages.
        thinking: What it is told of thinking, if anything; templates that do not know the word
            `enable_thinking` take no notice.
        plain: Whether it is the plain one.
        system_first: Whether the text of a system message goes before the user's first message.
    """

    tokenizer: Any
    model: str
    thinking: bool | None = None
    plain: bool = False
    system_first: bool = False

    def text(self, messages: Sequence[Message]) -> str:
        """Lay out a conversation as text, ready for an answer.

        Raises:
            UsageError: If the template refuses it.
        """
        try:
            return self._rendered(self._arranged(messages))
        except _ERRORS as error:
            roles = ", ".join(message.role for message in messages)
            msg = (
                f"the chat template of model {self.model} fails on a conversation of {roles}: "
                f"{first_line(error)}"
            )
            raise UsageError(msg) from error

    def note(self, messages: Sequence[Message]) -> str:
        """Say what is unusual about the layout of a conversation; return "" if nothing is."""
        if self.plain:
            return (
                f"model {self.model} has no chat template: it is asked in plain text, "
                '"Question: ..." and "Solution: ..." (docs/scaling.md)'
            )
        if self.system_first and any(message.role == "system" for message in messages):
            return (
                f"the chat template of model {self.model} takes no system message: its text goes "
                "before the user's first message"
            )
        return ""

    def _arranged(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Move the text of system messages before the first message, if the template needs that."""
        if not self.system_first:
            return messages
        system = [message.content for message in messages if message.role == "system"]
        others = [message for message in messages if message.role != "system"]
        if not system or not others:
            return messages
        first = replace(others[0], content="\n\n".join([*system, others[0].content]))
        return [first, *others[1:]]

    def _rendered(self, messages: Sequence[Message]) -> str:
        turns = [{"role": m.role, "content": m.content} for m in messages]
        told = {} if self.thinking is None else {"enable_thinking": self.thinking}
        text = self.tokenizer.apply_chat_template(
            turns, add_generation_prompt=True, tokenize=False, **told
        )
        return str(text)


def template_of(tokenizer: Any, model: str, thinking: bool | None = None) -> Template:
    """Find out what a tokenizer's template accepts; without one, use the plain template.

    Raises:
        UsageError: If the template refuses a single question, or leaves it out.
    """
    if not tokenizer.chat_template:
        # a model that learned to see a first token is shown it
        tokenizer.chat_template = _first_token(tokenizer) + PLAIN
        return Template(tokenizer=tokenizer, model=model, plain=True)
    if isinstance(tokenizer.chat_template, str):
        tokenizer.chat_template = tokenizer.chat_template.removeprefix("\ufeff")
    template = Template(tokenizer=tokenizer, model=model, thinking=thinking)
    user = Message(role="user", content=_USER)
    if _ASKED not in template.text([user]):
        msg = f"the chat template of model {model} leaves out what the user asks"
        raise UsageError(msg)
    return replace(template, system_first=not _takes_system(template, user))


def _takes_system(template: Template, user: Message) -> bool:
    """Decide whether the template accepts a system message and includes its text."""
    try:
        return _TOLD in template.text([Message(role="system", content=_SYSTEM), user])
    except UsageError:
        return False


def _first_token(tokenizer: Any) -> str:
    """Return the token that the plain template begins with; empty if the tokenizer adds none."""
    ids = tokenizer("a")["input_ids"]
    first = tokenizer.bos_token_id
    return "{{ bos_token }}" if first is not None and ids[:1] == [first] else ""
