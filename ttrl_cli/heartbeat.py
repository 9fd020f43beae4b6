"""Progress lines within a step, where there is no terminal."""

import threading
import time
from collections.abc import Callable

from ttrl_cli.records import StepProgress

INTERVAL = 30.0
"""Seconds without another line after which one is said."""
_LOOK = 1.0
"""Seconds between two looks at the clock."""


class Heartbeat:
    """Says how far a step has come, every 30 s, in a thread between `start` and `stop`.

    Args:
        say: Prints a line; called from a thread of its own.
        clock: Tells the time, in seconds.
    """

    def __init__(
        self, say: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._say = say
        self._clock = clock
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._look: Callable[[], StepProgress] | None = None
        self._head = ""
        self._usual: float | None = None
        self._began = self._said = 0.0

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; no line is printed after that."""
        self.end()
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def begin(self, head: str, look: Callable[[], StepProgress], usual: float | None) -> None:
        """Begin to report on a step.

        Args:
            head: The beginning of each of its lines.
            look: Returns how far the step has come; called from the thread.
            usual: Mean seconds of such steps so far; None if there were none.
        """
        with self._lock:
            self._head, self._look, self._usual = head, look, usual
            self._began = self._said = self._clock()

    def end(self) -> None:
        """Stop reporting on the step, which is over."""
        with self._lock:
            self._look = None

    def beat(self) -> None:
        """Print a line, if one is due."""
        with self._lock:
            now = self._clock()
            if self._look is None or now - self._said < INTERVAL:
                return
            self._said = now
            self._say(f"{self._head}  {line(self._look(), now - self._began, self._usual)}")

    def _run(self) -> None:
        while not self._over.wait(_LOOK):
            self.beat()


def line(progress: StepProgress, elapsed: float, usual: float | None) -> str:
    """Describe how far a step has come, in one line.

    Args:
        progress: How far the step has come.
        elapsed: Seconds since it began.
        usual: Mean seconds of such steps so far; None if there were none.
    """
    rate = progress.tokens / progress.seconds if progress.seconds > 0 else 0.0
    left = _left(progress, rate, elapsed, usual)
    row = {
        progress.phase: f"{progress.done}/{progress.total} samples",
        "graded": str(progress.graded),
        "tok/s": f"{rate:.0f}",
        "left": "?" if left is None else duration(left),
    }
    return "  ".join(f"{key} {value}" for key, value in row.items())


def _left(progress: StepProgress, rate: float, elapsed: float, usual: float | None) -> float | None:
    """Estimate the seconds that the step still takes; return None if nothing is known.

    The step is taken to last as long as earlier ones did. If that is unknown or has passed, the
    estimate continues the rate of its samples so far; in the sampling phase it is at most the time
    that samples of the greatest length would take.
    """
    if usual is not None and usual > elapsed:
        return usual - elapsed
    known = {"sampling": progress.done, "grading": progress.graded}.get(progress.phase, 0)
    estimates = [elapsed * (progress.total - known) / known] if known else []
    if progress.phase == "sampling" and rate:
        estimates.append(progress.unsampled / rate)
    return min(estimates, default=None)


def duration(seconds: float) -> str:
    """Format a time for people: 7s, 3m05s, 2h10m."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"
