"""Whether two scores differ by more than their errors explain."""

import math

from ttrl_cli.records import Verdict

STANDARD_ERRORS = 4.0
"""Standard errors of a difference beyond which it is no chance: of two honest measurements one in
sixteen thousand differs so far."""


def differ(first: Verdict, second: Verdict) -> bool:
    """Decide whether two verdicts' scores differ; without errors any difference is one.

    Verdicts without errors and with equal scores differ, too: something else about them does.
    """
    if first.error is None or second.error is None:
        return True
    if first.score is None or second.score is None:
        return first.score != second.score
    error = math.hypot(first.error, second.error)
    return abs(first.score - second.score) > STANDARD_ERRORS * error
