"""Making runs with the `ttrl` command, some side by side; what is done is never done again.

A run's folder is ROOT/PROBLEM/ARM/SEED; what it says goes to SEED.log beside it, with the commit
that each session was made by. A run that was stopped at any moment is resumed. Nothing is deleted:
a folder that was cut off before its run began is renamed.
"""

import shlex
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from types import FrameType

from tests.evidence import records
from tests.evidence.plan import ROOT, Run
from ttrl_cli.errors import NoSolutionError, SetupError, UsageError
from ttrl_cli.rundir import RunDir

TTRL = Path(sys.executable).with_name("ttrl")
# a run in which no attempt was valid is a result
_RESULTS = frozenset({0, NoSolutionError.exit_code})
# what is wrong there is wrong for all runs
_HOPELESS = frozenset({UsageError.exit_code, SetupError.exit_code})
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOK_EVERY = 0.2  # seconds


class State(Enum):
    """How a run's folder stands."""

    DONE = "done"
    MISSING = "missing"
    CUT_OFF = "cut off before it began"
    STOPPED = "stopped"
    SHORT = "done, with fewer steps than planned"
    HELD = "another process is working on it"
    OTHER = "made with other options"
    UNREADABLE = "unreadable"


TO_DO = frozenset({State.MISSING, State.CUT_OFF, State.STOPPED, State.SHORT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a run stands.

    Attributes:
        state: Its folder's state.
        note: What is to be known of it: steps taken, or what differs.
    """

    state: State
    note: str = ""


def standing(folder: Path, run: Run) -> Standing:
    """Look at a run's folder."""
    if not folder.exists():
        return Standing(state=State.MISSING)
    if not (folder / "status.json").exists():
        return Standing(state=State.CUT_OFF)
    try:
        made = RunDir.open(folder)
    except UsageError as error:
        return Standing(state=State.UNREADABLE, note=str(error))
    differing = records.differing(records.kept(made.config), run)
    short = _fewer_steps(run, differing)
    if differing and not short:
        said = [f"{key} {ours!r}, planned {wanted!r}" for key, (ours, wanted) in differing.items()]
        return Standing(state=State.OTHER, note="; ".join(said))
    if made.held():
        return Standing(state=State.HELD)
    done = State.SHORT if short else State.DONE
    note = f"{made.status.totals.steps} steps"
    return Standing(state=done if made.status.phase == "done" else State.STOPPED, note=note)


def _fewer_steps(run: Run, differing: dict[str, tuple[object, object]]) -> bool:
    """True where more steps are all that is missing, and can be added: at a constant rate."""
    if set(differing) != {"steps"} or run.config().schedule != "constant":
        return False
    made, wanted = differing["steps"]
    return isinstance(made, int) and isinstance(wanted, int) and made < wanted


def command(folder: Path, run: Run) -> list[str]:
    """What makes a run, or goes on with it."""
    quiet = [str(folder), "--quiet"]
    if not folder.exists():
        kind, source = run.subject.kind, str(run.subject.source)
        return [str(TTRL), kind, source, *run.arguments(), "--out", *quiet]
    more = ["--steps", str(run.config().steps)] if run.subject.kind == "solve" else []
    return [str(TTRL), "resume", *quiet, *more]


def set_aside(folder: Path) -> Path:
    """Rename a folder that was cut off before its run began."""
    number = 1
    while (aside := folder.with_name(f"{folder.name}.cut-off-{number}")).exists():
        number += 1
    return folder.rename(aside)


class Crew:
    """Makes runs, some side by side.

    The first Ctrl-C (or SIGTERM, SIGHUP) is passed on, and every run under way finishes and saves
    its step; the second stops them at once.

    Args:
        folder: Holds the runs.
        jobs: Most runs at a time.
        say: Told what happens.
    """

    def __init__(self, folder: Path, jobs: int, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._jobs = jobs
        self._say = say
        self._working: dict[Run, subprocess.Popen[bytes]] = {}
        self._told: dict[Run, int] = {}
        self._stops = 0
        self.hopeless = False
        self.failed: list[Run] = []

    @property
    def stopped(self) -> bool:
        """True once a stop was asked for."""
        return self._stops > 0

    def work(self, todo: Sequence[Run]) -> None:
        """Make runs, in order, until all have ended or a stop was asked for."""
        waiting = deque(todo)
        with self._signals():
            while self._working or (waiting and not self._closed()):
                while waiting and not self._closed() and len(self._working) < self._jobs:
                    self._start(waiting.popleft())
                self._pass_on()
                time.sleep(_LOOK_EVERY)
                for run in [run for run, it in self._working.items() if it.poll() is not None]:
                    self._ended(run, self._working.pop(run).returncode)

    def _closed(self) -> bool:
        return self.stopped or self.hopeless

    def _start(self, run: Run) -> None:
        folder = self._folder / run.name
        state = standing(folder, run).state
        if state not in TO_DO:  # somebody else was there first
            self._say(f"{run.name}: {state.value}")
            return
        if state is State.CUT_OFF:
            set_aside(folder)
        self._say(f"{run.name}: {'goes on' if folder.exists() else 'begins'}")
        self._working[run] = _spawn(command(folder, run), records.log_of(folder))
        self._told[run] = 0

    def _pass_on(self) -> None:
        for run, process in self._working.items():
            if self._told[run] < self._stops:  # one at a time: two at once would be taken for one
                process.send_signal(signal.SIGINT)
                self._told[run] += 1

    def _ended(self, run: Run, code: int) -> None:
        folder = self._folder / run.name
        if code in _RESULTS:
            self._say(f"{run.name}: {standing(folder, run).state.value}")
        elif self.stopped:
            self._say(f"{run.name}: stopped; the next time it goes on")
        else:
            log = records.log_of(folder)
            self.failed.append(run)
            self.hopeless = self.hopeless or code in _HOPELESS
            self._say(f"{run.name}: failed with exit code {code}: {_last_line(log)} ({log})")

    @contextmanager
    def _signals(self) -> Iterator[None]:
        # what nohup ignores stays ignored
        ours = [n for n in _STOPS if n is signal.SIGINT or signal.getsignal(n) != signal.SIG_IGN]
        before = {number: signal.signal(number, self._stop) for number in ours}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._stops += 1
        if self._stops == 1:
            self._say("finishing the steps under way; once more stops at once")


def _spawn(words: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a command; what it says goes to the log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as said:
        said.write(f"# commit {_commit()} {_now()} {shlex.join(words)}\n")
        said.flush()
        # a group of its own: Ctrl-C comes to us alone, and is passed on once
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            process_group=0,
        )


def _commit() -> str:
    """The commit that is checked out, with -dirty where files differ from it."""
    words = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    try:
        said = subprocess.run(words, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return said.stdout.strip()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "")
