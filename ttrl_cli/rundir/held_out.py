"""Held-out figures of a run: of its best solution, and a log of all that were ever made.

Whoever sees such a figure and goes on with the run has used the trials for choosing. The log,
held_out.jsonl, therefore says at which steps figures were made; nothing is ever taken out of it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from ttrl_cli.errors import UsageError
from ttrl_cli.records import Json, Verdict
from ttrl_cli.rundir import files

HELD_OUT_FILE = "held_out.json"
HELD_OUT_LOG = "held_out.jsonl"


_LEFT_OUT: dict[str, tuple[Json, ...]] = {"error": (None,), "per_trial": ([],), "metrics": ({},)}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """A run's best solution on held-out trials: held_out.json, and a line of held_out.jsonl.

    Attributes:
        id: The attempt that found the solution, or "seed.K".
        step: How many steps the run had when it was measured.
        trial: Which trial of the split held-out.
        status: How grading it there ended; "ok" is valid.
        score: In the problem's own units; None unless valid.
        error: One standard error of the score; None where the problem states none.
        per_trial: The figures that the score is the mean of; empty where they are not given.
        metrics: Further metrics that the problem's score returned.
        reason: Why it is not valid; empty if it is.
        seconds: Wall time of measuring and verifying.
    """

    id: str
    step: int
    trial: int
    status: str
    score: float | None = None
    error: float | None = None
    per_trial: tuple[float, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    seconds: float

    @classmethod
    def of(cls, verdict: Verdict, *, id_: str, step: int, trial: int) -> Self:
        """Make the record of a verdict."""
        return cls(
            id=id_,
            step=step,
            trial=trial,
            status=verdict.status.value,
            score=verdict.score,
            error=verdict.error,
            per_trial=verdict.per_trial,
            metrics=dict(verdict.metrics),
            reason=verdict.reason,
            seconds=round(verdict.seconds, 6),
        )

    @classmethod
    def read(cls, fields: Mapping[str, Json], path: Path) -> Self:
        """Read the record from what held_out.json holds.

        Raises:
            UsageError: If a key is missing or unknown.
        """
        try:
            return cls(**{**fields, "per_trial": tuple(fields.get("per_trial", ()))})
        except TypeError as error:
            msg = f"{path} is damaged: {error}"
            raise UsageError(msg) from error

    def as_json(self) -> dict[str, Json]:
        """Return the fields that files and --json have; error, figures and metrics if there are."""
        fields = {**asdict(self), "per_trial": list(self.per_trial)}
        return {key: value for key, value in fields.items() if value not in _LEFT_OUT.get(key, ())}


def note_held_out(run: Path, record: Mapping[str, Json]) -> None:
    """Add a record to the log, which is replaced as a whole: a crash leaves it as it was.

    Args:
        run: The run directory.
        record: A HeldOut, or what else was seen of held-out trials; `step` is when.

    Raises:
        UnwritableError: If it cannot be written; then the figures ought not to be shown.
    """
    files.write_lines(run / HELD_OUT_LOG, [*_records(run), record])


def steps_seen(run: Path) -> tuple[int, ...]:
    """Return after which steps of a run held-out figures were made; 0 is those it began with.

    Raises:
        UsageError: If the log is damaged.
    """
    try:
        return tuple(sorted({record["step"] for record in _records(run)}))
    except (KeyError, TypeError) as error:
        msg = f"{run / HELD_OUT_LOG} is damaged: {error!r}"
        raise UsageError(msg) from error


def _records(run: Path) -> list[dict[str, Json]]:
    path = run / HELD_OUT_LOG
    return list(files.read_lines(path, path.stat().st_size)) if path.exists() else []
