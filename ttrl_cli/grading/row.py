"""Calls in a row: many inputs for one candidate, in order, as many at once as cores are free."""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator

from ttrl_cli.grading.clock import Clock
from ttrl_cli.sandbox.calls import Outcome
from ttrl_cli.sandbox.cores import Cores
from ttrl_cli.sandbox.given import Input

_SPARE_SECONDS = 0.01


class Row:
    """Calls a candidate with each of some inputs.

    The thread that asks for the outcomes waits for a core and calls; others help it whenever cores
    are free and nobody waits for them. The outcomes do not depend on how many help.

    Args:
        call: Calls the candidate with one input.
        inputs: The inputs; each is taken when its turn comes.
        stop: Decides by an outcome whether it is the last one; no input after it counts.
    """

    def __init__(
        self,
        call: Callable[[Input], Outcome],
        inputs: Iterable[Input],
        stop: Callable[[Outcome], bool] | None,
    ) -> None:
        self._call = call
        self._inputs: Iterator[tuple[int, Input]] = enumerate(inputs)
        self._stop = stop
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._found: dict[int, Outcome] = {}
        self._looked_at = 0
        self._stopped = False
        self._failure: BaseException | None = None

    def run(self, cores: Cores, count: int, clock: Clock, helpers: int) -> list[Outcome]:
        """Call with all inputs; return the outcomes in the order of the inputs.

        Args:
            cores: Held while a call runs.
            count: How many cores a call holds.
            clock: Stands still while a core is waited for and nothing runs.
            helpers: Most threads that help.

        Raises:
            BaseException: What a call, the inputs or `stop` raised first; `outcomes` then has
                what came before.
        """
        threads = [
            threading.Thread(target=self._help, args=(cores, count), daemon=True)
            for _ in range(helpers)
        ]
        for thread in threads:
            thread.start()
        try:
            while not self._ended.is_set():
                with contextlib.ExitStack() as held:
                    with clock.waiting():
                        held.enter_context(cores.taken(count))
                    self._take_one()
        finally:
            self._ended.set()
            for thread in threads:
                thread.join()
        if self._failure is not None and not self._stopped:
            raise self._failure  # what went wrong behind the last outcome that counts does not
        return self.outcomes()

    def outcomes(self) -> list[Outcome]:
        """Return the outcomes of the first inputs, up to the last one that counts."""
        return [self._found[index] for index in range(self._looked_at)]

    def _help(self, cores: Cores, count: int) -> None:
        while not self._ended.is_set():
            with cores.spare(count) as free:
                if free:
                    self._take_one()
            if not free:
                self._ended.wait(_SPARE_SECONDS)

    def _take_one(self) -> None:
        """Call with the next input; note its outcome, or what went wrong."""
        try:
            with self._lock:
                if self._ended.is_set():
                    return
                taken = next(self._inputs, None)
            if taken is None:
                self._ended.set()
                return
            index, value = taken
            outcome = self._call(value)
            with self._lock:
                self._found[index] = outcome
                self._look()
        except BaseException as error:  # noqa: BLE001 - raised in the thread that asked
            self._failure = self._failure or error
            self._ended.set()

    def _look(self) -> None:
        """Count the outcomes that are next in order; end where `stop` says so."""
        while not self._stopped and self._looked_at in self._found:
            outcome = self._found[self._looked_at]
            self._looked_at += 1
            if self._stop is not None and self._stop(outcome):
                self._stopped = True
                self._ended.set()
