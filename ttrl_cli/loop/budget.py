"""When a run ends: steps, samples, tokens, seconds, or a request to stop."""

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType

from ttrl_cli.config import RunConfig
from ttrl_cli.records import Prompt
from ttrl_cli.rundir import Totals


class Budget:
    """What may still be spent.

    Seconds are checked while sampling too: at the deadline, unfinished completions are dropped and
    what is finished is graded, learned from and kept. Samples are an exact bound. Tokens are
    checked between steps and whenever a completion is finished.

    Args:
        config: The bounds.
        used: What earlier sessions of the run have used.
        started: time.monotonic() at the start of this session.
    """

    def __init__(self, config: RunConfig, used: Totals, *, started: float) -> None:
        self._config = config
        self._started = started - used.seconds
        self._tokens = used.tokens
        self.interrupted = False

    @property
    def seconds(self) -> float:
        """Wall time of the run so far, earlier sessions included."""
        return time.monotonic() - self._started

    def closed_by(self, used: Totals, steps: int) -> str:
        """Why no further step may start; empty while one may.

        Args:
            used: What has been committed.
            steps: The bound on steps, which a task may set itself.
        """
        config = self._config
        reasons = {
            "interrupt": self.interrupted,
            "steps": used.steps >= steps,
            "samples": config.samples is not None and used.samples >= config.samples,
            "tokens": config.tokens is not None and used.tokens >= config.tokens,
            "seconds": config.seconds is not None and self.seconds >= config.seconds,
        }
        return next((reason for reason, holds in reasons.items() if holds), "")

    def trim(self, prompts_P: Sequence[Prompt], used: Totals) -> list[Prompt]:
        """The prompts cut down, last ones first, to the samples that are left."""
        if self._config.samples is None:
            return list(prompts_P)
        left = self._config.samples - used.samples
        trimmed = []
        for prompt in prompts_P:
            if left > 0:
                trimmed.append(replace(prompt, n=min(prompt.n, left)))
            left -= prompt.n
        return trimmed

    def count(self, tokens: int) -> None:
        """Note the tokens of a finished completion."""
        self._tokens += tokens

    def spent(self) -> bool:
        """True once sampling must end within a step: out of seconds or tokens."""
        config = self._config
        if config.seconds is not None and self.seconds >= config.seconds:
            return True
        return config.tokens is not None and self._tokens >= config.tokens


@contextmanager
def graceful_stop(budget: Budget) -> Iterator[None]:
    """First Ctrl-C or SIGTERM: finish and save the step. Second: stop now, at the last commit."""

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
