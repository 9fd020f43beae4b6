"""How far the step under way has come; may be asked from another thread at any time."""

import time
from typing import Protocol, runtime_checkable

from ttrl_cli.grading.base import Grader
from ttrl_cli.records import Completion, Phase, StepProgress
from ttrl_cli.sampler.base import Sampler


@runtime_checkable
class Counting(Protocol):
    """A sampler that counts the tokens of a step as it draws them."""

    drawn: int


class StepCounter:
    """Counts what a step has done; a call returns the counts.

    Args:
        sampler: Draws its samples.
        grader: Grades them.
    """

    def __init__(self, sampler: Sampler, grader: Grader) -> None:
        self._sampler = sampler
        self._grader = grader
        self.begin(0, total=0, longest=0)

    def begin(self, step: int, *, total: int, longest: int) -> None:
        """Reset all counts for a step that begins.

        Args:
            step: The step.
            total: Samples that the step will have.
            longest: Most tokens that a sample can have.
        """
        self._step, self._total, self._longest = step, total, longest
        self._done = self._tokens = self._ungraded = 0
        self._phase: Phase = "sampling"
        self._began = time.monotonic()
        self._sampled: float | None = None

    def finished(self, completion: Completion) -> None:
        """Count a finished completion.

        One that is empty because its prompt left no room is never graded, and counts as graded.
        """
        self._done += 1
        self._tokens += len(completion.token_ids_T)
        self._ungraded += completion.overflow is not None

    def known(self) -> None:
        """Count a finished completion whose verdict is known from an earlier session."""
        self._ungraded += 1

    def enter(self, phase: Phase) -> None:
        """Enter the phase after sampling (grading), or after grading (learning)."""
        self._sampled = self._sampled or time.monotonic()
        self._phase = phase

    def __call__(self) -> StepProgress:
        """Return how far the step has come."""
        graded = self._done if self._phase == "learning" else self._grader.graded + self._ungraded
        # what is not finished yet counts where the sampler knows of it
        drawn = 0
        if self._phase == "sampling" and isinstance(self._sampler, Counting):
            drawn = self._sampler.drawn
        tokens = max(self._tokens, drawn)
        unsampled = (self._total - self._done) * self._longest - (tokens - self._tokens)
        return StepProgress(
            step=self._step,
            phase=self._phase,
            done=self._done,
            total=self._total,
            graded=graded,
            tokens=tokens,
            unsampled=max(0, unsampled),
            seconds=(self._sampled or time.monotonic()) - self._began,
        )
