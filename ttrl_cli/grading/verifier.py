"""The problem's own code, run on data: verify -> score -> render -> verdict.

It runs in a grading worker that never executes a candidate. Data that the problem's functions choke
on are the candidate's (status INVALID), as are `Invalid` and a score that is not finite: the seeds
have shown that the functions work, and a candidate must not gain by making them raise. What the
system lacks (OSError, MemoryError) and whatever a verifier command does but answer is not the
candidate's (status FAILED): masked out, never a reward or penalty.
"""

import contextlib
from collections.abc import Mapping
from typing import Any

from ttrl_cli.bounds import certificate
from ttrl_cli.bounds.certificate import Certificate
from ttrl_cli.errors import Invalid
from ttrl_cli.escapes import brief, encodable
from ttrl_cli.grading.command import CommandVerifier, check_command
from ttrl_cli.grading.functions import (
    BrokenProblemError,
    MeasureError,
    NotDataError,
    UnkeptDataError,
    load_functions,
)
from ttrl_cli.grading.parse import Malformed, parse_json
from ttrl_cli.grading.returned import differs, is_verdict, may_be_verdict
from ttrl_cli.grading.scores import ScoreResult, as_mapping, checked_score, exact_bound, finite
from ttrl_cli.problem import Command, Problem
from ttrl_cli.records import Json, Status, Verdict
from ttrl_cli.sandbox.inside.program import UnsendableError, plain

REASON_CHARS = 2000
MOST_SCORE = 1e150
"""Scores and rewards beyond this are refused: sums and spans of them would overflow."""


class Checker:
    """Verifies and scores data by the problem's own code.

    Args:
        problem: The problem; its Python files are imported here.

    Raises:
        ProblemError: If one of its files cannot be imported or lacks a function.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        loaded = load_functions(problem)
        self._functions, self._home = loaded.by_key, loaded.home
        self._seeds: list[Json] | None = None
        self._command: CommandVerifier | None = None
        if isinstance(problem.spec.verifier, Command):
            check_command(problem, problem.spec.verifier.command, "verifier.command")
            self._command = CommandVerifier(problem, problem.spec.verifier)
        measure = problem.spec.measuring
        if measure is not None and measure.command is not None:
            check_command(problem, measure.command, "measure.command", problem.measured_in)

    def judge(self, data: Json, known: Json = None) -> Verdict:
        """Verify and score data; return a verdict also for refused data and for broken code.

        The problem's code may change the data.

        Args:
            data: The data.
            known: Data that the verifier has returned for the parent; None if unknown.
        """
        try:
            return self.verdict(data, known)
        except Invalid as refusal:
            return Verdict(status=Status.INVALID, reason=cut(str(refusal) or "invalid"))
        except BrokenProblemError as error:
            return refusal_of(error, ours=self._command is not None)

    def verdict(self, data: Json, known: Json = None) -> Verdict:
        """Verify and score data.

        Args:
            data: The data.
            known: As for `judge`.

        Raises:
            Invalid: If the problem's code refuses the data.
            BrokenProblemError: If the problem's code fails or breaks its contract.
        """
        with self._home.entered():
            scored = self._scored(data, known)
        return self.rewarded(scored)

    def measure(self, candidate: object, trial: object) -> Json:
        """Let the problem's `measure` drive a candidate; return the data, as plain JSON values.

        Raises:
            Invalid: If it refuses the candidate.
            MeasureError: If it raises anything else, or returns no plain data.
        """
        try:
            with self._home.entered():
                data = _plain(self._call("measure", candidate, trial), "measure")
        except BrokenProblemError as error:
            raise MeasureError(str(error)) from error.__cause__
        if data is None:
            msg = "measure returned None and no data: does it end without `return`?"
            raise MeasureError(msg)
        return data

    def certify(self, data: Json, text: str) -> Certificate:
        """Certify a bound that verified data prove; check certificates of known kinds again.

        Args:
            data: Verified data as they are kept: plain JSON values.
            text: The solution, which a problem of texts reads the data from.

        Raises:
            Invalid: If the problem's `certify` refuses the data, or its certificate does not hold.
            BrokenProblemError: If there is no `certify`, or it fails or breaks its contract.
        """
        if "certify" not in self._functions:
            msg = "the problem has no certify"
            raise BrokenProblemError(msg)
        with self._home.entered():
            found = self._call("certify", data)
        if isinstance(found, Certificate):
            return certificate.check(found.document())
        spec = self.problem.spec
        made = certificate.of_problem(
            spec.name,
            exact_bound(found),
            upper=spec.direction == "minimize",
            construction={"text": text} if spec.solution.kind == "text" else {"data": data},
        )
        try:
            made.document()
        except (OverflowError, ValueError):
            msg = "certify returned a bound that is too large to be written"
            raise BrokenProblemError(msg) from None
        return made

    def certify_again(self, construction: Mapping[str, Json]) -> Certificate:
        """Verify a problem's own construction, and certify it again.

        Raises:
            Invalid: If the construction does not hold a valid solution.
            BrokenProblemError: If the problem's code fails or breaks its contract.
        """
        key = "text" if self.problem.spec.solution.kind == "text" else "data"
        if construction.keys() != {"problem", key}:
            msg = f"its construction must have the keys problem and {key}, and no other"
            raise Invalid(msg)
        solution = construction[key]
        verdict = self.verdict(solution)
        if not verdict.valid:
            raise Invalid(verdict.reason)
        # data were verified when they were kept; what verifying makes of them now may be rounded
        return self.certify(verdict.data if key == "text" else solution, str(solution))

    def _scored(self, data: Json, known: Json) -> ScoreResult:
        if self._command is not None:
            answer = self._command.ask(data)
            shown = self._render(answer["data"])
            return checked_score(answer["data"], answer, shown)
        verified = self._call("verifier", data)
        self._require_data(verified, data, known)
        # the copy is taken before the score sees the data, and could change them
        kept = _plain(verified, "verifier")
        scored = self._call("score", verified)
        return checked_score(kept, as_mapping(scored), self._render(verified))

    def _call(self, key: str, *given: object) -> Any:
        """Call one of the problem's functions, in the problem's folder."""
        self._home.settle()
        try:
            return self._functions[key](*given)
        except Invalid:
            raise
        except BaseException as error:  # the problem's code may raise anything, SystemExit too
            msg = f"{key} raised {type(error).__name__}: {error}"
            raise BrokenProblemError(msg) from error

    def _require_data(self, verified: object, given: Json, known: Json) -> None:
        """Refuse a verdict that the verifier returned in place of verified data."""
        if not (is_verdict(verified, given) or self._is_new(verified, given, known)):
            return
        msg = (
            f"verifier returned {brief(verified)} and not data: verify returns the data that it "
            "has verified, and raises Invalid for what it refuses"
        )
        raise NotDataError(msg)

    def _is_new(self, verified: object, given: Json, known: Json) -> bool:
        """Decide whether a value is a verdict, by data that the verifier has returned before."""
        if not may_be_verdict(verified, given):
            return False
        before = self._of_seeds() if known is None else [known, *self._of_seeds()]
        return bool(before) and all(differs(verified, given, other) for other in before)

    def _of_seeds(self) -> list[Json]:
        """Return the verifier's data for the seeds; nothing where the seeds make the data."""
        if self._seeds is None:
            self._seeds = []
            kind = self.problem.spec.solution.kind
            makes = kind == "program" or self.problem.spec.measure is not None
            for seed in () if makes else self.problem.seeds:
                with contextlib.suppress(Malformed, Invalid, BrokenProblemError):
                    data = parse_json(seed.text) if kind == "json" else seed.text
                    verified = self._call("verifier", data)
                    if not is_verdict(verified, data):
                        self._seeds.append(_plain(verified, "verifier"))
        return self._seeds

    def _render(self, verified: object) -> str:
        if "render" not in self._functions:
            return ""
        shown = self._call("render", verified)
        if isinstance(shown, str):
            return encodable(shown)
        msg = f"render must return text (got {type(shown).__name__})"
        raise BrokenProblemError(msg)

    def rewarded(self, scored: ScoreResult) -> Verdict:
        """Return the verdict on data that were verified and scored; a score may be no good."""
        score = finite(scored.value)
        if score is None:
            return Verdict(status=Status.INVALID, reason="score is not finite")
        if abs(score) > MOST_SCORE:
            return Verdict(status=Status.INVALID, reason=f"score {score:g} is out of range")
        try:
            reward = self.problem.reward(score)
        except ValueError as error:
            return Verdict(status=Status.INVALID, reason=cut(str(error)))
        if abs(reward) > MOST_SCORE:
            return Verdict(status=Status.INVALID, reason=f"reward {reward:g} is out of range")
        reward_error = self.problem.reward_error(score, scored.error or 0.0)
        largest = max(scored.error or 0.0, reward_error, *map(abs, scored.per_trial), 0.0)
        if not largest <= MOST_SCORE:
            return Verdict(status=Status.INVALID, reason=f"error or trial {largest:g} out of range")
        return Verdict(
            status=Status.OK,
            score=score,
            reward=reward,
            error=scored.error,
            reward_error=reward_error,
            per_trial=scored.per_trial,
            data=scored.data,
            shown=scored.shown,
            feedback=scored.feedback,
            metrics=scored.metrics,
        )


def refusal_of(error: BrokenProblemError, *, ours: bool = False) -> Verdict:
    """Return the verdict on data, or a candidate, that the problem's code chokes on.

    Args:
        error: What went wrong.
        ours: Whether it is a failure of ours, whatever raised it.
    """
    ours = ours or isinstance(error.__cause__, OSError | MemoryError)
    status = Status.FAILED if ours else Status.INVALID
    blame = "measure" if isinstance(error, MeasureError) else ""
    return Verdict(status=status, reason=cut(str(error)), blame=blame)


def _plain(returned: object, key: str) -> Json:
    try:
        return plain(returned)
    except UnsendableError as error:
        msg = f"{key} returned what cannot be kept: {error}"
    except RecursionError:
        msg = f"{key} returned data nested too deeply"
    raise UnkeptDataError(msg)


def cut(reason: str) -> str:
    """Cut a reason to REASON_CHARS, and make it encodable."""
    return encodable(reason)[:REASON_CHARS]
