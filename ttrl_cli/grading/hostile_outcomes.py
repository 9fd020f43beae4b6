"""Outcomes that a candidate's calls may have: what `ttrl check` lets `measure` and score meet.

They must come through by `Invalid` or by a score, never by another exception, which a run could
only take for the candidate's fault; and they must not score better than an honest solution.
"""

from dataclasses import dataclass

from ttrl_cli.grading.candidate import Candidate, Measuring
from ttrl_cli.grading.slots import Slots, UnderWay
from ttrl_cli.problem import Limits
from ttrl_cli.records import Json, Status
from ttrl_cli.sandbox.calls import Outcome
from ttrl_cli.sandbox.given import Input

_MOST_CHARACTERS = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Hostile:
    """An outcome that every call of a candidate has.

    Attributes:
        name: What it is, in words.
        outcome: The outcome.
    """

    name: str
    outcome: Outcome


class HostileCandidate(Candidate):
    """A candidate whose calls all end in one way, without a program being run.

    Args:
        text: The solution's text.
        outcome: How they end.
        slots: As for `Candidate`.
        measuring: As for `Candidate`.
    """

    def __init__(self, text: str, outcome: Outcome, slots: Slots, measuring: Measuring) -> None:
        super().__init__(text, outcome.data, None, slots, measuring)
        self._outcome = outcome

    def _call(self, value: Input, bounds: Limits, under_way: UnderWay) -> Outcome:
        """Return the outcome, whatever the input."""
        del value, bounds, under_way
        return self._outcome


def hostile(limits: Limits) -> list[Hostile]:
    """Make all hostile outcomes of a problem with these limits."""
    return [
        Hostile(name=f"every call {name}", outcome=outcome)
        for name, outcome in (_failed(limits) | _odd(limits)).items()
    ]


def _failed(limits: Limits) -> dict[str, Outcome]:
    late = 1.01 * limits.seconds
    return {
        "is missing: it ends without an answer": Outcome(
            status=Status.ERROR.value, reason="ended without an answer (exit status 1)"
        ),
        "is late": Outcome(
            status=Status.TIMEOUT.value, output="1\n", seconds=late, reason="took too long"
        ),
        "is late, and killed": Outcome(
            status=Status.TIMEOUT.value, seconds=2 * limits.seconds, reason="still running"
        ),
        "takes too much memory": Outcome(status=Status.MEMORY.value, reason="used too much"),
        "prints too much": Outcome(
            status=Status.OUTPUT.value, output="1\n" * 1000, reason="printed too much"
        ),
        "answers what cannot be read": Outcome(
            status=Status.MALFORMED.value, reason="the answer has no valid header"
        ),
    }


def _odd(limits: Limits) -> dict[str, Outcome]:
    most = min(_MOST_CHARACTERS, int(limits.output_mb * _MOST_CHARACTERS))
    said: dict[str, tuple[str, Json]] = {
        "answers nothing": ("", None),
        "answers blanks": (" \n\t\n ", {}),
        "is huge": ("9 " * (most // 2), [1e308] * 10_000),
        "answers one long number": ("9" * 5000, 10**400),
        "answers NaN": ("nan\ninf\n-inf\n", "NaN"),
        "answers no text": ("\0\x1b[2J\ufffd\ufffd\x7f", "\0"),
        "answers words": ("The answer is obvious.\n", "The answer is obvious."),
        "answers numbers that are negative": ("-1 -1\n-1\n", [-1, -1.0]),
        "answers nested lists": ("[[[[[]]]]]", [[[[[]]]]]),
        "claims a score": ('{"score": 1e9, "valid": true}\n', {"score": 1e9, "valid": True}),
    }
    return {
        name: Outcome(status=Status.OK.value, output=output, data=data, seconds=0.001)
        for name, (output, data) in said.items()
    }
