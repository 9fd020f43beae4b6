"""From what another tool's evaluator said of a program to its verdict.

The evaluator ran the program in its own process, in the sandbox: its words are no better than the
program's own. The score is therefore marked unverified, and never certified.
"""

import contextlib
import math
from collections.abc import Mapping
from dataclasses import replace

from ttrl_cli.errors import Invalid
from ttrl_cli.escapes import encodable
from ttrl_cli.grading.scores import ScoreResult
from ttrl_cli.grading.verifier import Checker, cut
from ttrl_cli.records import Json, Status, Verdict
from ttrl_cli.sandbox.base import ProgramResult
from ttrl_cli.sandbox.inside.evaluate import UNLOADABLE

SCORE = "combined_score"
_FEEDBACK_CHARS = 4000
_PARTS = ("numbers", "words", "artifacts")
_MALFORMED = "what the evaluator returned is not well formed"


def verdict_of(checker: Checker, text: str, result: ProgramResult) -> Verdict:
    """Return the verdict on an evaluated program.

    Args:
        checker: Turns scores into rewards.
        text: The program, which are its data as well: there are no others.
        result: How evaluating it ended, with what the evaluator said as its data.
    """
    if result.status is not Status.OK:
        reason = encodable(result.reason)
        blame = "verifier.evaluate" if reason.startswith(UNLOADABLE) else ""
        return Verdict(status=result.status, reason=reason, unverified=True, blame=blame)
    try:
        numbers, words, artifacts = _parts(result.data)
        value = _score(numbers, words)
    except Invalid as refusal:
        return Verdict(status=Status.INVALID, reason=cut(str(refusal)), unverified=True)
    said = [f"{name}: {text}" for name, text in {**words, **artifacts}.items() if text.strip()]
    scored = ScoreResult(
        data=text,
        value=value,
        metrics={encodable(name): one for name, one in numbers.items() if name != SCORE},
        feedback=encodable("\n".join(said))[:_FEEDBACK_CHARS],
        shown="",
    )
    return replace(checker.rewarded(scored), unverified=True)


def _parts(said: Json) -> tuple[dict[str, float], dict[str, str], dict[str, str]]:
    """Return the numbers, words and artifacts of an answer, which the program may have forged.

    Raises:
        Invalid: If it is of another form.
    """
    parts: list[Json] = [said.get(part) for part in _PARTS] if isinstance(said, dict) else []
    if not all(isinstance(part, dict) for part in parts) or len(parts) != len(_PARTS):
        raise Invalid(_MALFORMED)
    numbers, words, artifacts = parts
    if not all(isinstance(one, str) for part in (words, artifacts) for one in part.values()):
        raise Invalid(_MALFORMED)
    return {key: _finite(one) for key, one in numbers.items()}, words, artifacts


def _score(numbers: Mapping[str, float], words: Mapping[str, str]) -> float:
    """Return combined_score, or without it the mean of all numbers.

    Raises:
        Invalid: If there is no number.
    """
    if SCORE in words:
        msg = f"the evaluator's combined_score is no finite number: {words[SCORE]}"
        raise Invalid(msg)
    if SCORE in numbers:
        return numbers[SCORE]
    if not numbers:
        said = "".join(f"; {name}: {text}" for name, text in words.items())
        msg = f"the evaluator returned no number{said}"
        raise Invalid(msg)
    return math.fsum(one / len(numbers) for one in numbers.values())


def _finite(number: Json) -> float:
    if isinstance(number, int | float) and not isinstance(number, bool):
        with contextlib.suppress(OverflowError):  # of an integer that was forged
            return float(number)
    raise Invalid(_MALFORMED)
