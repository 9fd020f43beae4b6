"""The only printer. stdout is the result, stderr is the talk.

On a terminal a run is watched live; in a pipe each step is one plain line, and so is how far it is
every 30 s. No control character of
what is printed reaches a terminal, wherever it comes from: see `escapes`.
"""

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Self

from rich.console import Console as RichConsole
from rich.console import Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from ttrl_cli.errors import SetupError
from ttrl_cli.escapes import dumps, visible
from ttrl_cli.figures import with_error
from ttrl_cli.heartbeat import Heartbeat, duration
from ttrl_cli.records import Json, StepProgress, Watch

_ROWS_SHOWN = 12


class Console:
    """Prints results to stdout and everything else to stderr.

    Args:
        quiet: Say nothing but errors and warnings.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.err = RichConsole(stderr=True, highlight=False, soft_wrap=True)
        self.out = RichConsole(highlight=False)

    def result(self, text: str) -> None:
        """Print a result; drop the rest of it once the reader has closed the pipe.

        Raises:
            SetupError: If it cannot be written: the disk is full, or standard output was closed.
        """
        _write(lambda: sys.stdout.write(_encodable(_ended(visible(text)))))

    def result_json(self, value: Mapping[str, Json]) -> None:
        """Print a result as one line of JSON.

        Raises:
            SetupError: As `result` does.
        """
        _write(lambda: sys.stdout.write(dumps(value) + "\n"))

    def result_exact(self, data: bytes) -> None:
        """Print the bytes unchanged, ended by a line end; on a terminal print as `result` does.

        Raises:
            SetupError: As `result` does.
        """
        if sys.stdout is not None and sys.stdout.isatty():
            self.result(data.decode("utf-8", "replace"))
        else:
            ended = data if data.endswith(b"\n") else data + b"\n"
            _write(lambda: sys.stdout.buffer.write(ended))

    def say(self, text: str) -> None:
        """Print a message to stderr, unless `quiet` is set."""
        if not self.quiet:
            self.err.print(Text(visible(text)))

    @contextmanager
    def stage(self, text: str, size: int | None) -> Iterator[Callable[[int], None]]:
        """Show a bar while the block works; where there is no terminal, print a line.

        Args:
            text: What the block does.
            size: How many bytes of it there are; None if that is not what it works on.

        Yields:
            A function that is told how many bytes are done.
        """
        if self.quiet or not self.err.is_terminal:
            self.say(text)
            yield lambda _: None
            return
        counted = [] if size is None else [DownloadColumn()]
        columns = [TextColumn("{task.description}"), BarColumn(24), *counted, TimeElapsedColumn()]
        with Progress(*columns, console=self.err) as progress:
            bar = progress.add_task(visible(text), total=size)
            yield lambda done: progress.update(bar, completed=min(done, size or done))
            progress.update(bar, total=size or 1, completed=size or 1)

    def warn(self, text: str) -> None:
        """Print a warning to stderr, even if `quiet` is set."""
        self.err.print(Text.assemble(("warning: ", "bold yellow"), visible(text)))

    def error(self, text: str) -> None:
        """Print an error to stderr, even if `quiet` is set."""
        self.err.print(Text.assemble(("error: ", "bold red"), visible(text)))


def _ended(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"


def _encodable(text: str) -> str:
    """Escape what standard output's encoding cannot hold, as standard error always does."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _write(write: Callable[[], object]) -> None:
    """Write to standard output; drop what is left once the reader has closed the pipe.

    Raises:
        SetupError: If it cannot be written.
    """
    if sys.stdout is None:
        msg = "the result cannot be written: standard output is closed"
        raise SetupError(msg)
    try:
        write()
        sys.stdout.flush()
    except OSError as error:
        # what is left in the buffer would raise again when the interpreter ends
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        if not isinstance(error, BrokenPipeError):
            msg = f"the result cannot be written: {error.strerror}"
            raise SetupError(msg) from error


class RunView:
    """Shows a run's progress; the loop's `Reporter`. A context manager.

    Args:
        console: Where to print.
        started: time.monotonic() when the command began.
        clock: Tells the time, in seconds.
    """

    def __init__(
        self,
        console: Console,
        *,
        started: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.started = started
        self._console = console
        self._watch = Watch(name="", path="", steps=0, seconds=None, best_known=None)
        self._pace = _Pace()
        self._rows: deque[dict[str, str]] = deque(maxlen=_ROWS_SHOWN)
        self._note = Text("loading", style="dim")
        self._progress = Progress(
            TextColumn("step {task.fields[step]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("samples"),
            TimeElapsedColumn(),
            console=console.err,
            get_time=clock,
        )
        self._bar = self._progress.add_task("", total=None, step=1, visible=False)
        self._live: Live | None = None
        self.heartbeat: Heartbeat | None = None
        if not console.err.is_terminal and not console.quiet:
            self.heartbeat = Heartbeat(console.say, clock=clock)
        if console.err.is_terminal and not console.quiet:
            self._live = Live(self.picture(), console=console.err, refresh_per_second=4)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        if self.heartbeat is not None:
            self.heartbeat.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.heartbeat is not None:
            self.heartbeat.stop()
        if self._live is not None:
            self._progress.update(self._bar, visible=False)
            self._note = Text("")
            self._live.update(self.picture(), refresh=True)
            self._live.stop()

    def began(self, watch: Watch) -> None:
        """Print the run's name and folder, what it may take, and its warning if there is one."""
        self._watch = watch
        self._pace = _Pace()
        self._console.say(f"{watch.name} in {watch.path}{_forecast(watch)}")
        if watch.warning:
            self.warned(watch.warning)
        if watch.unverified:
            self._console.say("scores are unverified: the evaluator runs each program by itself")

    def warned(self, text: str) -> None:
        """Print a warning."""
        self._console.warn(text)

    def step_began(self, stage: str, look: Callable[[], StepProgress]) -> None:
        """Start the heartbeat of a step; `look` returns how far the step has come."""
        if self.heartbeat is not None:
            head = "  ".join(f"{k} {v}" for k, v in _head(look().step, self._watch, stage).items())
            self.heartbeat.begin(head, look, self._pace.mean(stage))

    def sampled(self, step: int, done: int, total: int) -> None:
        """Show that `done` of a step's `total` completions are finished."""
        if self._live is not None:
            if done == 1:
                self._progress.reset(self._bar, step=step, visible=True)
            self._note = Text("sampling" if done < total else "grading and learning", style="dim")
            self._progress.update(self._bar, completed=done, total=total, visible=True)
            self._live.update(self.picture())

    def step_done(self, metrics: Mapping[str, float], stage: str) -> None:
        """Print or show the figures of a step that was committed."""
        if self.heartbeat is not None:
            self.heartbeat.end()
        self._pace.count(stage, metrics["time/step"])
        row = _row(metrics, self._watch, stage, self._pace)
        if self._live is None:
            self._console.say("  ".join(f"{key} {value}" for key, value in row.items()))
            return
        self._rows.append(row)
        self._live.update(self.picture())

    def picture(self) -> Group:
        """Return what a terminal shows: the last steps, the step under way, and what it is at."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for key in self._rows[-1] if self._rows else ():
            table.add_column(key, justify="right", no_wrap=True)
        for row in self._rows:
            table.add_row(*row.values())
        return Group(table, self._progress, self._note)


class _Pace:
    """How long the steps of each stage take."""

    def __init__(self) -> None:
        self.done: dict[str, int] = {}
        self._seconds: dict[str, float] = {}

    def count(self, stage: str, seconds: float) -> None:
        """Count a step of a stage, and add its time."""
        self.done[stage] = self.done.get(stage, 0) + 1
        self._seconds[stage] = self._seconds.get(stage, 0.0) + seconds

    def left(self, planned: Mapping[str, int], stage: str) -> float:
        """Return the seconds that are still needed.

        A step of a stage that has not begun is taken to last as long as the mean step so far.

        Args:
            planned: Steps that were planned for each stage when this session began, in order.
            stage: The stage under way; the stages before it are over, whatever was planned.
        """
        mean = sum(self._seconds.values()) / sum(self.done.values())
        names = list(planned)
        return sum(
            max(0, planned[name] - self.done.get(name, 0)) * self._mean(name, mean)
            for name in names[names.index(stage) :]
        )

    def mean(self, stage: str) -> float | None:
        """Return the mean seconds of a stage's steps; None if there were none."""
        return self._seconds[stage] / self.done[stage] if stage in self.done else None

    def _mean(self, stage: str, default: float) -> float:
        mean = self.mean(stage)
        return default if mean is None else mean


def _forecast(watch: Watch) -> str:
    """Say how long a run may take; nothing if it is short or not known."""
    minutes = round((watch.expected or 0) / 60)
    if not minutes:
        return ""
    hours = round(minutes / 60)
    most = f"{hours} hours" if hours > 2 else f"{minutes} minutes" if minutes > 1 else "a minute"
    return f": may take {most} on this machine"


def _head(step: int, watch: Watch, stage: str) -> dict[str, str]:
    """Return the step's number, and its stage if there are several, as text."""
    row = {"step": f"{step}/{watch.steps}" if watch.steps else str(step)}
    if len(watch.stages) > 1:
        row["stage"] = stage
    return row


def _row(metrics: Mapping[str, float], watch: Watch, stage: str, pace: _Pace) -> dict[str, str]:
    """Return the figures of one step as text, in the order they are shown."""
    row = _head(int(metrics["step"]), watch, stage)
    if "solve/best_score" in metrics:
        best = metrics["solve/best_score"]
        error = metrics.get("solve/best_error")
        shown = f"{best:.7g}" if error is None else with_error(best, error)
        row["best, unverified" if watch.unverified else "best"] = shown
        if watch.best_known is not None:
            row["gap"] = f"{abs(best - watch.best_known):.3g}"
        row["valid"] = f"{metrics['solve/valid']:.0%}"
        row["distinct"] = f"{metrics['solve/distinct']:.0%}"
    if "vote/share" in metrics:
        row["share"] = f"{metrics['vote/share']:.0%}"
        row["entropy"] = f"{metrics['vote/entropy']:.2f}"
        row["parsed"] = f"{metrics['vote/parsed']:.0%}"
    row["tok/s"] = f"{metrics['sample/tokens_per_second']:.0f}"
    if "train/kl_base" in metrics:
        row["kl"] = f"{metrics['train/kl_base']:.3f}"
    row["step time"] = duration(metrics["time/step"])
    left = _seconds_left(metrics, watch, stage, pace)
    if left is not None:
        row["left"] = duration(left)
    return row


def _seconds_left(
    metrics: Mapping[str, float], watch: Watch, stage: str, pace: _Pace
) -> float | None:
    """Return the seconds that the bounds on steps and seconds leave; None without bounds."""
    bounds = []
    if watch.stages:
        bounds.append(pace.left(watch.stages, stage))
    elif watch.steps:
        done = pace.done[stage]
        bounds.append(pace.left({stage: done + watch.steps - int(metrics["step"])}, stage))
    if watch.seconds is not None:
        bounds.append(watch.seconds - metrics["total/seconds"])
    return max(0.0, min(bounds)) if bounds else None
