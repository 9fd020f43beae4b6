"""The log of a shortlist: shortlist/NAME.jsonl of a run, one line per measurement.

Its first line says how solutions are measured; figures that were made otherwise do not go with it.
A measurement is written when it is done, so that one that was stopped goes on where it was.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import filelock

from ttrl_cli.errors import UnwritableError, UsageError
from ttrl_cli.records import Json, Status, Verdict
from ttrl_cli.rundir import files

FOLDER = "shortlist"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A solution on a trial: a line of the log.

    Attributes:
        id: The solution's id.
        trial: Which trial of the shortlist, from 0.
        status: How grading it there ended; "ok" is valid.
        score: In the problem's own units; None unless valid.
        error: One standard error of the score; None where the problem states none.
        per_trial: The figures that the score is the mean of; empty where they are not given.
        reason: Why it is not valid; empty if it is.
        seconds: Wall time of measuring and verifying.
    """

    id: str
    trial: int
    status: str
    score: float | None = None
    error: float | None = None
    per_trial: tuple[float, ...] = ()
    reason: str = ""
    seconds: float

    @classmethod
    def of(cls, verdict: Verdict, *, id_: str, trial: int) -> Self:
        """Make the record of a verdict."""
        return cls(
            id=id_,
            trial=trial,
            status=verdict.status.value,
            score=verdict.score,
            error=verdict.error,
            per_trial=verdict.per_trial,
            reason=verdict.reason,
            seconds=round(verdict.seconds, 6),
        )

    @property
    def valid(self) -> bool:
        """True when the solution was verified and scored."""
        return self.status == Status.OK.value


class ShortlistLog:
    """Reads and appends to the log of a shortlist. Use `opened`.

    Args:
        path: The file.

    Attributes:
        path: As given.
        done: The measurements in it, by (id, trial).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done: dict[tuple[str, int], Measurement] = {}

    @classmethod
    @contextmanager
    def opened(cls, run: Path, name: str, made_by: Mapping[str, Json]) -> Iterator[Self]:
        """Open a log, or begin it; hold it for the block.

        Args:
            run: The run directory.
            name: The shortlist's name.
            made_by: How its solutions are measured.

        Raises:
            UsageError: If the name is none, the log is damaged or was made in another way, or
                another process is at it.
            UnwritableError: If it cannot be written.
        """
        if not _NAME.fullmatch(name):
            msg = f"--name {name}: expected letters, digits, dots, dashes and underscores"
            raise UsageError(msg)
        log = cls(run / FOLDER / f"{name}.jsonl")
        with files.writing(log.path):
            log.path.parent.mkdir(exist_ok=True)
        lock = filelock.FileLock(log.path.with_suffix(".lock"), timeout=0)
        try:
            with files.writing(log.path):
                lock.acquire()
        except UnwritableError as error:
            if not isinstance(error.__cause__, filelock.Timeout):
                raise
            msg = f"{log.path}: another process is measuring this shortlist"
            raise UsageError(msg) from None
        try:
            log._begin(made_by)
            yield log
        finally:
            lock.release()

    def append(self, found: Measurement) -> None:
        """Write a measurement, at once.

        Raises:
            UnwritableError: If it cannot be written.
        """
        files.append_lines(self.path, [{"event": "measured", **asdict(found)}])
        self.done[found.id, found.trial] = found

    def _begin(self, made_by: Mapping[str, Json]) -> None:
        begun = {"event": "begun", **made_by}
        if not self.path.exists():
            files.write_lines(self.path, [begun])
            return
        _cut_half_a_line(self.path)
        head, *lines = files.read_lines(self.path, self.path.stat().st_size)
        head.pop("schema_version", None)
        if head != begun:
            keys = sorted(key for key in {*head, *begun} if head.get(key) != begun.get(key))
            differs = ", ".join(f"{key} {head.get(key)!r}, not {begun.get(key)!r}" for key in keys)
            msg = f"{self.path} was measured with {differs}; choose another --name"
            raise UsageError(msg)
        for line in lines:
            found = self._read(line)
            self.done[found.id, found.trial] = found

    def _read(self, line: dict[str, Json]) -> Measurement:
        fields = {k: v for k, v in line.items() if k not in ("schema_version", "event")}
        try:
            return Measurement(**{**fields, "per_trial": tuple(fields["per_trial"])})
        except (KeyError, TypeError) as error:
            msg = f"{self.path} is damaged: {error!r}"
            raise UsageError(msg) from error


def _cut_half_a_line(path: Path) -> None:
    """Cut off what a process that was killed had half written."""
    written = path.read_bytes()
    whole = written.rfind(b"\n") + 1
    if whole < len(written):
        files.truncate(path, whole)
