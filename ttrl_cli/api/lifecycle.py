"""The life of a run: its folder, its phase in status.json, its end and how to resume it."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ttrl_cli.errors import (
    OF_THE_SYSTEM,
    OF_WRITING,
    InterruptedRunError,
    RunExistsError,
    SetupError,
    SignalExit,
    UnwritableError,
    first_line,
)
from ttrl_cli.loop.budget import Budget
from ttrl_cli.records import Watch
from ttrl_cli.rundir import RunDir


def new_folder(out: Path | None, name: str) -> Path:
    """Return the path of a new run directory: `out`, or runs/NAME-K with the lowest free K.

    Raises:
        RunExistsError: If `out` exists.
    """
    if out is not None:
        if out.exists():
            raise RunExistsError(out)
        return out
    number = 1
    # a link that leads nowhere takes its number as well
    while os.path.lexists(folder := Path("runs") / f"{name}-{number}"):
        number += 1
    return folder


def create_run(out: Path | None, name: str, create: Callable[[Path], RunDir]) -> RunDir:
    """Make a run directory; try the next K if another process makes runs/NAME-K first.

    Args:
        out: See `new_folder`.
        name: See `new_folder`.
        create: Makes a run directory, or raises RunExistsError.

    Raises:
        RunExistsError: If `out` exists.
    """
    while True:
        try:
            return create(new_folder(out, name))
        except RunExistsError:
            if out is not None:
                raise


@contextmanager
def phases(run: RunDir) -> Iterator[None]:
    """Set the run's phase in status.json, also when the block ends by an exception.

    Raises:
        InterruptedRunError: If the block ends by a KeyboardInterrupt or a signal; the message says
            how to go on.
    """
    run.set_phase("running")
    try:
        yield
    except KeyboardInterrupt:
        raise InterruptedRunError(_stopped(run)) from None
    except SignalExit as end:
        raise InterruptedRunError(_stopped(run), end.exit_code) from None
    except BaseException as error:
        run.note_end("failed", stopped_by=first_line(error))
        raise


def _stopped(run: RunDir) -> str:
    """Note that a run was interrupted within a step; return a message on how to go on."""
    run.note_end("interrupted", stopped_by="interrupt")
    steps = run.status.totals.steps
    return f"stopped at once, after step {steps}; go on with: ttrl resume {run.path}"


@contextmanager
def holding(run: RunDir) -> Iterator[None]:
    """Lock a run for the block; if the system refuses a file that it needs, say how to go on.

    Raises:
        UsageError: If another process has locked the run.
        SetupError: If a file is refused.
    """
    try:
        with run.lock(), _failure_noted(run):
            yield
    except OSError as error:
        what = _refused(run, error)
        if not what:
            raise
        msg = f"{what}; go on with: ttrl resume {run.path}"
        raise SetupError(msg) from error


@contextmanager
def _failure_noted(run: RunDir) -> Iterator[None]:
    """Note in the run's status what the system refused, if the block ends by an OSError."""
    try:
        yield
    except OSError as error:
        what = _refused(run, error)
        if what:
            run.note_end("failed", stopped_by=what)
        raise


def _refused(run: RunDir, error: OSError) -> str:
    """Describe what the system refused; return an empty text for any other error.

    An error counts if the run directory is gone, a file cannot be written, the disk fails, there
    are too many open files, or the error is about a file of the run.
    """
    if not run.path.exists():
        return f"{run.path} is gone: it was moved or deleted during the run; put it back"
    if isinstance(error, UnwritableError):
        return str(error)
    file = error.filename if isinstance(error.filename, str) else str(run.path)
    of_the_run = Path(file).absolute().is_relative_to(run.path.absolute())
    why = error.strerror or first_line(error)
    if error.errno in OF_WRITING:
        return str(UnwritableError(file, why))
    if error.errno in OF_THE_SYSTEM or (of_the_run and error.filename):
        return f"{file}: {why}"
    return ""


def finish(run: RunDir, reason: str) -> None:
    """Set the final phase of a run, and note why its loop ended."""
    run.set_phase("interrupted" if reason == "interrupt" else "done", stopped_by=reason)


def finished(run: RunDir, steps: int) -> bool:
    """Decide whether a run is done and its budget is spent."""
    budget = Budget(run.config, run.status.totals, started=time.monotonic())
    return run.status.phase == "done" and bool(budget.closed_by(run.status.totals, steps))


def watch(
    run: RunDir,
    steps: int,
    best_known: float | None = None,
    stages: Mapping[str, int] | None = None,
) -> Watch:
    """Describe a run for the reporter."""
    return Watch(
        name=run.status.name,
        path=str(run.path),
        steps=steps,
        seconds=run.config.seconds,
        best_known=best_known,
        stages=stages or {},
    )
