"""What math-verify says of two texts. Workers call it, and they do not import the main script."""

import importlib
import logging

_MARKS = ("$", r"\boxed", r"\(", r"\[")


def import_math_verify() -> None:
    """Prepare a worker."""
    importlib.import_module("math_verify")


def by_math_verify(first: str, second: str) -> tuple[bool, bool]:
    """Return what math-verify says of two texts, and whether it says so both ways."""
    from math_verify import parse, verify

    logging.disable(logging.ERROR)
    a, b = parse(_marked(first)), parse(_marked(second))
    plain = bool(verify(a, b))
    return plain, plain and bool(verify(b, a))


def _marked(text: str) -> str:
    return text if any(mark in text for mark in _MARKS) else f"${text}$"
