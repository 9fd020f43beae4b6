"""Calls in a row: many inputs for one candidate, in order, as many at once as cores are free."""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager

from ttrl_cli.grading.clock import Clock
from ttrl_cli.sandbox.calls import Outcome
from ttrl_cli.sandbox.cores import Cores
from ttrl_cli.sandbox.given import Input

_SPARE_SECONDS = 0.01


class Row:
    """Calls a candidate with each of some inputs.

    The thread that asks for the outcomes waits for a core and calls; others help it whenever cores
    are free and nobody waits for them. The outcomes do not depend on how many help. The problem's
    code (the inputs, `stop`) runs while its thread holds no core: it may call candidates itself.

    Args:
        call: Calls the candidate with one input.
        inputs: The inputs; one is taken ahead, by one thread at a time.
        stop: Decides by an outcome whether it is the last one; no input after it counts.
        abandon: Ends the calls that are under way when `stop` has said so.
    """

    def __init__(
        self,
        call: Callable[[Input], Outcome],
        inputs: Iterable[Input],
        stop: Callable[[Outcome], bool] | None,
        abandon: Callable[[], None] = lambda: None,
    ) -> None:
        self._call = call
        self._inputs: Iterator[tuple[int, Input]] = enumerate(inputs)
        self._ready: deque[tuple[int, Input]] = deque()
        self._stop = stop
        self._abandon = abandon
        self._taking, self._looking = threading.Lock(), threading.Lock()
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
            threading.Thread(target=self._work, args=(lambda: cores.spare(count),), daemon=True)
            for _ in range(helpers)
        ]
        for thread in threads:
            thread.start()
        try:
            self._work(lambda: _waited_for(cores, count, clock))
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

    def _work(self, hold: Callable[[], AbstractContextManager[bool]]) -> None:
        """Call with one input after another; note outcomes, or what went wrong.

        Args:
            hold: Holds the cores of a call for a block; yields False if they are not free.
        """
        try:
            while not self._ended.is_set():
                self._take_ahead()
                with hold() as free:
                    called = free and self._call_next()
                if called:
                    self._look()
                elif not free:
                    self._ended.wait(_SPARE_SECONDS)
        except BaseException as error:  # noqa: BLE001 - raised in the thread that asked
            self._failure = self._failure or error
            self._ended.set()

    def _take_ahead(self) -> None:
        """See to it that an input is ready; end if there is none."""
        with self._taking:
            if self._ready or self._ended.is_set():
                return
            taken = next(self._inputs, None)
            if taken is None:
                self._ended.set()
            else:
                self._ready.append(taken)

    def _call_next(self) -> bool:
        """Call with the input that is ready; return whether there was one."""
        if self._ended.is_set():
            return False
        try:
            index, value = self._ready.popleft()
        except IndexError:  # another thread was first
            return False
        self._found[index] = self._call(value)
        return True

    def _look(self) -> None:
        """Count the outcomes that are next in order; end where `stop` says so."""
        with self._looking:
            while not self._stopped and self._looked_at in self._found:
                outcome = self._found[self._looked_at]
                self._looked_at += 1
                if self._stop is not None and self._stop(outcome):
                    self._stopped = True
                    self._ended.set()
                    self._abandon()


@contextlib.contextmanager
def _waited_for(cores: Cores, count: int, clock: Clock) -> Iterator[bool]:
    """Hold so many cores for the block; the clock stands still while they are waited for."""
    with contextlib.ExitStack() as held:
        with clock.waiting():
            held.enter_context(cores.taken(count))
        yield True
