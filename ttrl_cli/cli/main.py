"""The `ttrl` command."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ttrl_cli import __version__, environ, process_group
from ttrl_cli.cli import (
    best,
    check,
    compare,
    doctor,
    export,
    ls,
    measure,
    model,
    new,
    problems,
    report,
    resume,
    show,
    solve,
    verify,
    vote,
)
from ttrl_cli.cli.visible_streams import show_control_characters, show_traceback
from ttrl_cli.errors import OF_THE_SYSTEM, SignalExit, TtrlError, first_line
from ttrl_cli.escapes import visible

_ParsingError: Any = typer.BadParameter.__base__
"""What Typer raises for a command line that it cannot read; its message quotes that line."""


class _Commands(TyperGroup):
    """The commands; a message about a command line shows its control characters."""

    def make_context(self, *args: Any, **extra: Any) -> Any:
        with _visible_message():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: Any) -> Any:
        with _visible_message():
            return super().invoke(ctx)


@contextmanager
def _visible_message() -> Iterator[None]:
    try:
        yield
    except _ParsingError as error:
        error.message = visible(error.message)
        raise


app = typer.Typer(
    cls=_Commands,
    name="ttrl",
    help="Make a language model better at the one problem in front of it, and get the best "
    "verified solution back.",
    epilog="Exit codes: 0 done, 1 internal error, 2 usage or problem file, 3 environment, "
    "4 finished without a valid solution, 130 interrupted and resumable, 143 and 129 ended by "
    "SIGTERM and SIGHUP.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("solve")(solve.solve)
app.command("vote")(vote.vote)
app.command("resume")(resume.resume)
app.command("show")(show.show)
app.command("ls")(ls.ls)
app.command("compare")(compare.compare)
app.command("report")(report.report)
app.command("best")(best.best)
app.command("verify")(verify.verify)
app.command("measure")(measure.measure)
app.command("check")(check.check)
app.command("problems")(problems.problems)
app.command("new")(new.new)
app.command("doctor")(doctor.doctor)
app.command("export")(export.export)
app.add_typer(model.app, name="model")


def _version(value: bool) -> None:
    if value:
        sys.stdout.write(f"ttrl {__version__}\n")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of ttrl itself."""
    del version


def main() -> None:
    """Run the command; report a user's error as a message, with the error's exit code."""
    show_control_characters()
    try:
        Path.cwd()
    except FileNotFoundError:
        _error("the current folder has been deleted; change to another")
        sys.exit(2)
    environ.let_waiting_threads_sleep()
    try:
        if _follows():
            _follow()
        else:
            _end_in_order()
            app()
    except TtrlError as error:
        _error(str(error))
        sys.exit(error.exit_code)
    except RuntimeError as error:
        if not _out_of_memory(error):
            raise
        said = first_line(error).partition(".")[0]
        _error(f"{said}; run `ttrl doctor --model MODEL` to see what fits")
        sys.exit(3)
    except OSError as error:
        if error.errno not in OF_THE_SYSTEM:
            raise
        place = f"{error.filename}: " if error.filename else ""
        _error(f"{place}{error.strerror}")
        sys.exit(3)
    except KeyboardInterrupt:
        _error("interrupted")
        sys.exit(130)
    finally:
        sys.excepthook = show_traceback  # in place of Typer's


_SHARED = ("solve", "vote", "resume")
"""The commands whose work several processes may share."""


def _follows() -> bool:
    """Decide whether this process follows process 0 of a command that several processes share.

    Raises:
        SetupError: If it was launched with others, and variables to reach them are missing.
    """
    words = sys.argv[1:]
    command = next((word for word in words if not word.startswith("-")), "")
    # --version before the command, and --help anywhere, are answered by any process
    alone = "--help" in words or words[:1] == ["--version"]
    if alone or not (command in _SHARED or process_group.started_here()):
        return False
    process_group.require_launched()
    return process_group.rank() > 0


def _end_in_order() -> None:
    """Make SIGTERM and SIGHUP end the command as Ctrl-C does, so that everything is cleaned up.

    The exit code is 128 plus the signal, as in shells. During a run, SIGTERM ends it after its step
    (loop/budget.py), and SIGHUP ends it at once, at its last commit.
    """
    numbers = [signal.SIGTERM, signal.SIGHUP]
    # nohup has SIGHUP ignored, and means it
    numbers = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    ending = False

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal ending
        del frame
        # A second one must not break off the clearing up, which takes moments; process groups get
        # two of them (a closed terminal's, then a shell's). Ctrl-C and SIGKILL end what hangs.
        if not ending:
            ending = True
            raise SignalExit(number)

    for number in numbers:
        signal.signal(number, end)


def _out_of_memory(error: RuntimeError) -> bool:
    """Decide whether the error says that a device ran out of memory; without torch, none does."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(error, torch.OutOfMemoryError)


def _follow() -> None:
    """Share the work of the command that process 0 runs; this process's arguments do not matter."""
    from ttrl_cli.api.follower import follow

    follow()


def _error(message: str) -> None:
    from ttrl_cli.console import Console

    with suppress(OSError):  # of a terminal that was closed; the exit code is heard
        Console().error(message)
