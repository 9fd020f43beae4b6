"""What a text answers, without the rule that found it."""

from collections.abc import Mapping

from ttrl_cli.answers.extract import extract


def answer(text: str, choices: Mapping[str, str] | None = None) -> str | None:
    """Return the answer that a text gives."""
    found = extract(text, choices=choices)
    return found.answer if found else None
