from measure import CASES, POINTS, SIDE

from ttrl_cli import Invalid

LONGEST = POINTS * 2 * SIDE


def verify(data):
    """One length for each case; a program that fails on one of them is no solution."""
    if type(data) is not list:
        raise Invalid("expected a list of figures")
    for number, figures in enumerate(data, start=1):
        if type(figures) is not dict or type(figures.get("length")) is not float:
            why = figures.get("wrong") if type(figures) is dict else "no figures"
            raise Invalid(f"case {number}: {why!s:.80}")
        if not 0 < figures["length"] < LONGEST:
            raise Invalid(f"case {number}: no length")
    if len(data) != CASES:
        raise Invalid(f"expected the figures of {CASES} cases")
    return [figures["length"] for figures in data]


def score(lengths):
    return {
        "value": sum(lengths) / len(lengths),
        "metrics": {"longest": max(lengths)},
        "feedback": f"The ways are {min(lengths):.0f} to {max(lengths):.0f} long.",
    }
