"""From a run directory to a summary and a digest."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ttrl_cli.loop.solve import load_archive
from ttrl_cli.records import Json
from ttrl_cli.rundir import RunDir
from ttrl_cli.rundir.held_out import HeldOut, steps_seen

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The best solution of a run.

    Attributes:
        id: The attempt that found it, or "seed.K".
        step: The step that found it, 0 for a seed.
        score: In the problem's own units.
        error: One standard error of it; None where the problem states none.
        certified: The bound that its certificate proves, rounded outwards; None without one.
        path: The solution file.
        held_out: What held-out trials say of it; None if it was not measured on any.
        unverified: Whether the score is what the solution's own process said.
    """

    id: str
    step: int
    score: float
    certified: float | None
    path: str
    error: float | None = None
    held_out: HeldOut | None = None
    unverified: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What `ttrl solve` and `ttrl show` print; the fields of --json, in order.

    Attributes:
        run: The run directory.
        status: running, interrupted, done or failed.
        problem: The problem's name.
        best: The best solution; None before any.
        seed_score: The best seed's score.
        best_known: The best score the problem names.
        samples: Attempts committed.
        steps: Steps committed.
        seconds: Wall time of the run.
        stopped_by: What ended it: steps, samples, tokens, seconds, until, patience or
            interrupt.
        valid: Attempts that were valid.
        tokens: Tokens sampled.
        too_long: Prompts that left no room in the model's context, as often as they were asked.
        held_out_seen: Steps after which held-out scores were made, before the run went on; 0 is
            what the run that it starts from had made.
    """

    run: str
    status: str
    problem: str
    best: Best | None
    seed_score: float | None
    best_known: float | None
    samples: int
    steps: int
    seconds: float
    stopped_by: str
    valid: int
    tokens: int
    too_long: int
    held_out_seen: tuple[int, ...] = ()

    @property
    def unverified(self) -> bool:
        """Whether its scores are what the solutions' own processes said."""
        return self.best is not None and self.best.unverified

    @property
    def went_on(self) -> str:
        """Say that the run went on after held-out scores had been made; "" if it did not."""
        seen = self.held_out_seen
        if not seen:
            return ""
        steps = [str(step) for step in seen if step]
        places = ["in the run that it starts from"] if len(steps) < len(seen) else []
        if steps:
            places.append(f"after step {' and '.join(steps)}")
        return f"seen {' and '.join(places)}, before the run went on"

    def as_json(self) -> dict[str, Json]:
        """Return the fields that --json prints; some of them only where there is something to say.

        These are the best score's error, that it is unverified, and what held-out trials say.
        """
        fields = asdict(self)
        if not self.held_out_seen:
            del fields["held_out_seen"]
        best = self.best
        if best is not None:
            told = {
                "error": best.error,
                "held_out": None if best.held_out is None else best.held_out.as_json(),
                "unverified": best.unverified or None,
            }
            fields["best"] |= told
            for key in [key for key, value in told.items() if value is None]:
                del fields["best"][key]
        return fields


def summarise(run: RunDir, best_known: float | None) -> Summary:
    """Summarise a run as it stands on disk."""
    found = run.best.verdict()
    best = None
    if found is not None:
        path = run.best.folder / found["solution"]
        best = Best(
            id=found["id"],
            step=found["step"],
            score=found["score"],
            certified=_certified(run),
            path=str(path),
            error=found.get("error"),
            held_out=run.best.held_out(),
            unverified=found.get("unverified", False),
        )
    status = run.status
    return Summary(
        run=str(run.path),
        # a process that was killed could not say so itself
        status="interrupted" if status.phase == "running" and not run.held() else status.phase,
        problem=status.name,
        best=best,
        seed_score=status.seed_score,
        best_known=best_known,
        samples=status.totals.samples,
        steps=status.totals.steps,
        seconds=round(status.totals.seconds, 3),
        stopped_by=status.stopped_by,
        valid=status.totals.valid,
        tokens=status.totals.tokens,
        too_long=status.totals.too_long,
        held_out_seen=tuple(s for s in steps_seen(run.path) if s < status.totals.steps),
    )


def _certified(run: RunDir) -> float | None:
    value = (run.best.certificate() or {}).get("value")
    return value if isinstance(value, float) else None


def digest(run: RunDir) -> str:
    """Hash attempts and archive or votes by SHA-256, without timings, reasons or paths.

    Two runs with the same problem, configuration and thread count have the same digest on the CPU
    for text and json solutions, however often they were killed and resumed. Settings that were
    given are a part of the configuration.
    """
    sha = hashlib.sha256()
    for line in _digested(run):
        sha.update(line.encode("utf-8") + b"\n")
    return sha.hexdigest()


def _digested(run: RunDir) -> "Iterator[str]":
    if given := run.settings():
        yield json.dumps({"settings": given}, sort_keys=True)
    for attempt in run.lines("attempts.jsonl"):
        verdict = attempt["verdict"]
        graded = {key: verdict[key] for key in ("status", "score", "reward")}
        yield json.dumps({**attempt, "verdict": graded}, sort_keys=True)
    if run.status.kind == "solve":
        yield from load_archive(run).digest_lines()
    else:
        for line in run.lines("votes.jsonl"):
            if line["event"] != "cut_off":  # why answers were not joined: a reason
                yield json.dumps(line, sort_keys=True)
