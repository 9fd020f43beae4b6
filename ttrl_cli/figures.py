"""Numbers as text, for prompts, tables and reports."""

from math import floor, log10

_PLACES = 10
"""Most decimal places, or zeros, of a value that is written beside its error."""


def number(value: float) -> str:
    """Format a score for prompts and reports, with ten significant digits at most."""
    return f"{value:.10g}"


def shown_score(value: float, error: float | None = None, *, unverified: bool = False) -> str:
    """Format a score for people: with its error if it has one, and marked if nobody verified it.

    Args:
        value: The score.
        error: One standard error of it; None for none.
        unverified: Whether it is what the solution's own process said.
    """
    return with_error(value, error) + marked(unverified=unverified)


def marked(*, unverified: bool) -> str:
    """Return what stands behind scores that nobody verified, and behind the names of such."""
    return " unverified" if unverified else ""


def with_error(value: float, error: float | None) -> str:
    """Format a value and its standard error: the error with two digits, the value to that place.

    Args:
        value: The value.
        error: One standard error of it, in the same units, finite and at least 0; None for none.

    Returns:
        Such as "567.1 +- 3.2"; the value alone without an error.
    """
    if error is None:
        return number(value)
    if not error:
        return f"{number(value)} +- 0"
    # rounded first: two digits of 0.0999 are 0.10
    place = floor(log10(float(f"{error:.1e}"))) - 1
    if not -_PLACES <= place <= _PLACES:
        return f"{number(value)} +- {error:.1e}"
    digits = max(0, -place)
    # adding 0 makes a 0 of -0
    return f"{round(value, -place) + 0.0:.{digits}f} +- {round(error, -place):.{digits}f}"
