"""The status of a run: what it is, how far it has come, and what it has used."""

from dataclasses import asdict, dataclass
from typing import Literal

from ttrl_cli.records import Json, Kind

Phase = Literal["running", "interrupted", "done", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What a run has used so far: steps committed, samples, tokens, seconds of wall time.

    `too_long` counts the prompts, of questions or of parents, that left no room in the model's
    context, each as often as it was asked.
    """

    steps: int = 0
    samples: int = 0
    valid: int = 0
    tokens: int = 0
    seconds: float = 0.0
    too_long: int = 0

    def as_json(self) -> dict[str, Json]:
        """Return the totals as files hold them; `too_long` only if a prompt was too long."""
        fields = asdict(self)
        return fields if self.too_long else {k: fields[k] for k in fields if k != "too_long"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """status.json: what a run is, where it started from, and how far it has come."""

    kind: Kind
    name: str
    phase: Phase
    totals: Totals
    stopped_by: str = ""
    seed_score: float | None = None
    start_from: str | None = None
