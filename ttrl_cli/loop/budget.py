"""When a run ends: steps, samples, tokens, seconds, a good score, no better one, or a request."""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Literal

from ttrl_cli.config import RunConfig, SolveConfig
from ttrl_cli.records import Prompt
from ttrl_cli.rundir import Totals

Closed = Literal["", "interrupt", "steps", "samples", "tokens", "seconds", "until", "patience"]
"""What closed a budget; empty while it is open."""


def settled_by(
    config: SolveConfig, steps: int, found: int, score: float, signed: Callable[[float], float]
) -> Closed:
    """Return which bound on the best score ends a search; empty while none does.

    Args:
        config: The bounds.
        steps: Steps taken.
        found: The step that found the best solution; 0 for a seed.
        score: Its score.
        signed: Turns a score's sign so that higher is better.
    """
    if config.until is not None and signed(score) >= signed(config.until):
        return "until"
    if config.patience is not None and steps - found >= config.patience:
        return "patience"
    return ""


class Budget:
    """What may still be spent.

    `reserved` is set aside for what comes after the stage under way: as long as it is, the bounds
    are lower by it. Seconds are checked while sampling too: at the deadline, unfinished completions
    are dropped and what is finished is graded, learned from and kept. Samples are an exact bound.
    Tokens are checked between steps and whenever a completion is finished.

    Args:
        config: The bounds.
        used: What earlier sessions of the run have used.
        started: time.monotonic() at the start of this session.
    """

    def __init__(self, config: RunConfig, used: Totals, *, started: float) -> None:
        self._config = config
        self._started = started - used.seconds
        self._tokens = used.tokens
        self.reserved = Totals()
        self.interrupted = False

    @property
    def seconds(self) -> float:
        """Wall time of the run so far, earlier sessions included."""
        return time.monotonic() - self._started

    def closed_by(self, used: Totals, steps: int) -> Closed:
        """Return why no further step may start; empty while one may.

        Args:
            used: The totals of the last commit.
            steps: The bound on steps, which a task may set itself.
        """
        config, kept = self._config, self.reserved
        reasons: dict[Closed, bool] = {
            "interrupt": self.interrupted,
            "steps": used.steps >= steps,
            "samples": _spent(config.samples, used.samples + kept.samples),
            "tokens": _spent(config.tokens, used.tokens + kept.tokens),
            "seconds": _spent(config.seconds, self.seconds + kept.seconds),
        }
        return next((reason for reason, holds in reasons.items() if holds), "")

    def trim(self, prompts_P: Sequence[Prompt], used: Totals) -> list[Prompt]:
        """Cut the prompts down to the samples that are left, dropping the last ones first."""
        if self._config.samples is None:
            return list(prompts_P)
        left = self._config.samples - self.reserved.samples - used.samples
        trimmed = []
        for prompt in prompts_P:
            if left > 0:
                trimmed.append(replace(prompt, n=min(prompt.n, left)))
            left -= prompt.n
        return trimmed

    def count(self, tokens: int) -> None:
        """Count the tokens of a finished completion."""
        self._tokens += tokens

    def spent(self) -> bool:
        """Decide whether sampling must end within a step, because seconds or tokens ran out."""
        out_of_seconds = _spent(self._config.seconds, self.seconds + self.reserved.seconds)
        return out_of_seconds or _spent(self._config.tokens, self._tokens + self.reserved.tokens)


def _spent(bound: float | None, used: float) -> bool:
    return bound is not None and used >= bound


@contextmanager
def graceful_stop(budget: Budget) -> Iterator[None]:
    """Handle Ctrl-C and SIGTERM inside a `with` block.

    The first signal asks the run to finish and save the step. The second raises KeyboardInterrupt,
    which ends the run at its last commit.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        if budget.interrupted:
            raise KeyboardInterrupt(signal.Signals(number).name)
        budget.interrupted = True

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
