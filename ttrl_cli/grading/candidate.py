"""The candidate that a problem's `measure` is given: it runs in the sandbox when it is called.

Each call is a fresh process; a C++ program is compiled once. Calls hold physical cores while they
run (`sandbox/cores.py`). Once measure has returned, calls are refused.
"""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from typing import Any, TypeAlias

from pydantic import ValidationError

from ttrl_cli.errors import SetupError
from ttrl_cli.grading.clock import Clock
from ttrl_cli.grading.row import Row
from ttrl_cli.grading.slots import Slots, UnderWay
from ttrl_cli.problem import Limits
from ttrl_cli.records import Status
from ttrl_cli.sandbox.calls import Outcome, ended
from ttrl_cli.sandbox.cores import Cores
from ttrl_cli.sandbox.given import Input
from ttrl_cli.sandbox.session import Sandbox
from ttrl_cli.yaml_input import first_error

Caller: TypeAlias = Callable[[Sandbox, Input, Limits], Outcome]
"""Calls a program in a sandbox."""


class LateCallError(RuntimeError):
    """A candidate was called after measure had returned."""


class Measuring:
    """Measuring one solution: what all candidates of one trial share.

    Args:
        seconds: Most that all calls together may take; measure.seconds.
        limits: The limits of one call.
        cores: Held while a call runs.
        noted: Called when a candidate is called too late.

    Attributes:
        clock: The time used up so far.
        outcomes: Of all calls; those of a row in the order of its inputs. Only the last is whole.
        failure: What the sandbox raised, if it failed: nothing that was measured then counts.
        late: Whether a candidate was called too late.
    """

    def __init__(
        self,
        seconds: float,
        limits: Limits,
        cores: Cores,
        noted: Callable[[], None] = lambda: None,
    ) -> None:
        self.clock = Clock()
        self.limits = limits
        self.cores = cores
        self.outcomes: list[Outcome] = []
        self.failure: Exception | None = None
        self.late = False
        self._seconds = seconds
        self._noted = noted
        self._changed = threading.Condition()
        self._closed = False
        self._under_way = 0

    def left(self) -> float:
        """Return the seconds that calls may still take."""
        return self._seconds - self.clock.used()

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        """Count a call, or a row of calls, as under way in the block.

        Raises:
            LateCallError: If measure has returned.
        """
        with self._changed:
            if self._closed:
                self.late = True
                self._noted()
                msg = "the candidate was called after measure had returned"
                raise LateCallError(msg)
            self._under_way += 1
        try:
            yield
        except (OSError, SetupError) as error:  # the sandbox's; the problem's code may catch it
            self.failure = self.failure or error
            raise
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def close(self) -> None:
        """Refuse calls from now on; wait for those that are under way, which are too late."""
        with self._changed:
            self._closed = True
            self.late = self.late or self._under_way > 0
            while self._under_way:
                self._changed.wait()

    def note(self, outcomes: Sequence[Outcome]) -> None:
        """Keep outcomes for people: of all but the last, no data and the ends of their output.

        What a call gives back is chosen by the candidate, `limits.output_mb` of it, and there may
        be as many calls as measure likes.
        """
        self.outcomes[-1:] = map(ended, self.outcomes[-1:])
        self.outcomes += [*map(ended, outcomes[:-1]), *outcomes[-1:]]

    def said(self) -> str:
        """Say how the calls ended; empty if there was none."""
        if not self.outcomes:
            return ""
        counted = Counter(outcome.status for outcome in self.outcomes)
        calls = "call" if len(self.outcomes) == 1 else "calls"
        ends = ", ".join(f"{count} {status}" for status, count in counted.items())
        return f" (after {len(self.outcomes)} {calls}: {ends})"


class Candidate:
    """A candidate program, to be called with inputs; or a solution of another kind.

    Args:
        text: The solution's text.
        data: The solution's data, of the kind json; None of other kinds.
        caller: Calls the program; None where the solution is no program.
        slots: Where it runs.
        measuring: What is measured.

    Attributes:
        text: As given.
        data: As given.
    """

    def __init__(
        self, text: str, data: Any, caller: Caller | None, slots: Slots, measuring: Measuring
    ) -> None:
        self.text = text
        self.data = data
        self._caller = caller
        self._slots = slots
        self._measuring = measuring

    def run(
        self, input: Input = None, *, seconds: float | None = None, memory_mb: int | None = None
    ) -> Outcome:
        """Call the program once, in a fresh process.

        Args:
            input: Text for stdin, or a dict of keyword arguments: JSON values and numpy arrays.
            seconds: Most time for this call; limits.seconds by default.
            memory_mb: Most memory for this call; limits.memory_mb by default.

        Raises:
            LateCallError: If measure has returned.
            SandboxError: If the sandbox failed twice; nothing that was measured then counts.
            TypeError: If the input is of another kind, or the solution is no program.
            ValueError: If a limit is out of its bounds.
        """
        return self.map([input], seconds=seconds, memory_mb=memory_mb)[0]

    def map(
        self,
        inputs: Iterable[Input],
        *,
        seconds: float | None = None,
        memory_mb: int | None = None,
        stop: Callable[[Outcome], bool] | None = None,
    ) -> list[Outcome]:
        """Call the program with each input; return the outcomes in the order of the inputs.

        Args:
            inputs: What `run` takes, each time.
            seconds: As for `run`.
            memory_mb: As for `run`.
            stop: Ends the row at the first outcome, in order, for which it is true.

        Raises:
            LateCallError: If measure has returned.
            SandboxError: If the sandbox failed twice; nothing that was measured then counts.
            TypeError: If an input is of another kind, or the solution is no program.
        """
        measuring, bounds = self._measuring, self._bounds(seconds, memory_mb)
        under_way = UnderWay()
        row = Row(lambda value: self._call(value, bounds, under_way), inputs, stop, under_way.end)
        most = len(inputs) if isinstance(inputs, Sized) else self._slots.most
        fitting = len(measuring.cores) // min(bounds.cpus, len(measuring.cores))
        helpers = max(0, min(self._slots.most, fitting, most) - 1)
        with measuring.call():
            try:
                row.run(measuring.cores, bounds.cpus, measuring.clock, helpers)
            finally:
                measuring.note(row.outcomes())
        return row.outcomes()

    def _bounds(self, seconds: float | None, memory_mb: int | None) -> Limits:
        given = {"seconds": seconds, "memory_mb": memory_mb}
        changed = {key: value for key, value in given.items() if value is not None}
        try:
            return Limits.model_validate({**self._measuring.limits.model_dump(), **changed})
        except ValidationError as error:
            key, why = first_error(error)
            msg = f"{key}={changed.get(key)!r}: {why}"
            raise ValueError(msg) from None

    def _call(self, value: Input, bounds: Limits, under_way: UnderWay) -> Outcome:
        """Call the program once, in whatever time is left for measuring."""
        if self._caller is None:
            msg = "the solution is no program: make one of it by trial.program"
            raise TypeError(msg)
        left = self._measuring.left()
        if left <= 0:
            why = "no time was left for this call (measure.seconds)"
            return Outcome(status=Status.TIMEOUT.value, reason=why)
        if left < bounds.seconds:
            bounds = bounds.model_copy(update={"seconds": left})
        clock = self._measuring.clock
        with self._slots.taken() as sandbox:
            with clock.waiting():
                sandbox.start()
            with clock.running(), under_way.call(sandbox):
                return self._caller(sandbox, value, bounds)
