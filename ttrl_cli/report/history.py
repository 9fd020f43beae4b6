"""The history of a solve run: its steps, its attempts, and what came from what.

Read from the committed part of a run directory, whatever its state: under way, killed, empty or
written by an older release. Texts and data of solutions are not kept in memory: `read_texts` reads
those that are wanted.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ttrl_cli.loop.archive_log import logged_states
from ttrl_cli.records import Json
from ttrl_cli.rundir import RunDir


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """One committed step.

    Attributes:
        step: Its number, from 1.
        stage: before, train or after; empty in a search.
        samples: Attempts of the run up to its end.
        tokens: Tokens sampled up to its end.
        seconds: Wall time of the run up to its end.
        metrics: Its line of metrics.jsonl; docs/metrics.md explains the keys.
    """

    step: int
    stage: str
    samples: int
    tokens: int
    seconds: float
    metrics: Mapping[str, Json]

    def get(self, key: str) -> float | None:
        """Return a metric; None where the step has none or it was not finite."""
        return self.metrics.get(key)


TIMES_OF_THE_BEST = 3
"""How often a solution that became the best was measured, where scores have errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """One attempt without its text.

    Attributes:
        number: Its place among all samples of the run, from 1.
        parent: The state that it was asked to improve.
        status: How grading it ended; "ok" is valid.
        score: In the problem's own units; None unless valid.
        reward: What learning saw; None without one.
        reason: Why it is not valid; empty if it is.
        rule: The rule that found its solution; empty in runs that did not note it.
        seconds: Wall time of running and verifying.
        tokens: Sampled tokens.
        advantage: Its group's; None if nothing was to be learned from it.
        error: One standard error of the score; None where the problem states none.
        measured: How often it was measured: three times if it became the best, where scores have
            errors.
    """

    number: int
    id: str
    step: int
    group: int
    index: int
    parent: str
    status: str
    score: float | None
    reward: float | None
    reason: str
    rule: str
    seconds: float
    tokens: int
    advantage: float | None
    error: float | None = None
    measured: int = 1

    @property
    def valid(self) -> bool:
        """True when the solution was verified and scored."""
        return self.status == "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A place in the tree of what came from what: a seed, or an attempt.

    Attributes:
        parent: Id of the node it came from; None for a seed.
        step: The step that found it, 0 for a seed; of a warm start's earlier run, that run's.
        score: None for an attempt that is not valid.
        kept: Whether the archive ever held it.
        number: Place among the samples of this run, from 1; None for those that are not of it.
    """

    id: str
    parent: str | None
    step: int
    score: float | None
    kept: bool
    number: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Scores as of the end of a step; the first point is the start, with the best seed's score.

    Attributes:
        step: The step, 0 at the start.
        best: Best score so far, seeds included; None before there is any.
        step_best: Best score among the step's valid attempts; None without any.
        step_mean: Mean score of these.
    """

    step: int
    samples: int
    tokens: int
    seconds: float
    best: float | None
    step_best: float | None
    step_mean: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What is committed of a solve run.

    Attributes:
        steps: In order.
        attempts: In order; `attempts[i].number` is i + 1.
        nodes: Seeds and attempts, and those of the run of a warm start, by id.
        points: Scores over samples, tokens and seconds: the start, then a point per step.
    """

    steps: tuple[StepRow, ...]
    attempts: tuple[AttemptRow, ...]
    nodes: Mapping[str, Node]
    points: tuple[Point, ...]

    def lineage(self, id_: str) -> tuple[Node, ...]:
        """Return a node and its ancestors, up to the seed; empty if nothing has the id."""
        found: dict[str, Node] = {}
        at: str | None = id_
        while at is not None and at not in found and (node := self.nodes.get(at)) is not None:
            found[at] = node
            at = node.parent
        return tuple(found.values())

    def children(self) -> Mapping[str, tuple[str, ...]]:
        """Return the ids of each node's children, in the order in which they were sampled."""
        found: dict[str, list[str]] = {}
        for node in self.nodes.values():
            if node.parent is not None:
                found.setdefault(node.parent, []).append(node.id)
        return {id_: tuple(ids) for id_, ids in found.items()}

    def records(self, direction: str) -> tuple[AttemptRow, ...]:
        """Return the attempts that were better than all before them, seeds included.

        Where scores have errors, these are the attempts that were confirmed as the best; a later
        one may then have the lower score, for scores are measured apart from such decisions.

        Args:
            direction: minimize or maximize.
        """
        if any(attempt.measured > 1 for attempt in self.attempts):
            return tuple(a for a in self.attempts if a.valid and a.measured == TIMES_OF_THE_BEST)
        sign = -1 if direction == "minimize" else 1
        seeds = [node.score for node in self.nodes.values() if node.number is None]
        best = max((sign * score for score in seeds if score is not None), default=None)
        found = []
        for attempt in self.attempts:
            if attempt.score is not None and (best is None or sign * attempt.score > best):
                best = sign * attempt.score
                found.append(attempt)
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The texts of a solution that the archive kept.

    Attributes:
        solution: The solution itself.
        shown: How prompts show it.
        output: The end of what its program printed.
        feedback: What the score said about it.
    """

    solution: str
    shown: str
    output: str
    feedback: str


def read_history(run: RunDir) -> History:
    """Read the history of a solve run as of its last commit.

    Raises:
        UsageError: If a file of the run is missing or damaged.
    """
    lengths = run.lengths()
    return history(
        run.status.seed_score,
        metrics=run.lines("metrics.jsonl", lengths),
        attempts=run.lines("attempts.jsonl", lengths),
        archive=run.lines("archive.jsonl", lengths),
    )


def read_steps(run: RunDir) -> tuple[StepRow, ...]:
    """Read the steps of a run of either kind, as of its last commit.

    Raises:
        UsageError: If metrics.jsonl is missing or damaged.
    """
    return step_rows(run.lines("metrics.jsonl"))


def read_texts(run: RunDir, wanted: Collection[str] | None = None) -> dict[str, Texts]:
    """Read the texts of the states of the archive by id, evicted ones included.

    Args:
        run: A solve run.
        wanted: Ids; by default all.

    Raises:
        UsageError: If the log is missing or damaged.
    """
    return {
        state["id"]: Texts(
            solution=state["solution"],
            shown=state["shown"],
            output=state["output"],
            feedback=state["feedback"],
        )
        for state in logged_states(run.lines("archive.jsonl"))
        if wanted is None or state["id"] in wanted
    }


def history(
    seed_score: float | None,
    *,
    metrics: Iterable[Mapping[str, Json]],
    attempts: Iterable[Mapping[str, Json]],
    archive: Iterable[Mapping[str, Json]],
) -> History:
    """Make the history from a run's records.

    Args:
        seed_score: The best seed's score; None before it is known.
        metrics: The lines of metrics.jsonl.
        attempts: The lines of attempts.jsonl.
        archive: The lines of archive.jsonl.
    """
    steps = step_rows(metrics)
    tried = tuple(_attempt(number, line) for number, line in enumerate(attempts, start=1))
    numbers = {attempt.id: attempt.number for attempt in tried}
    nodes = {
        state["id"]: _kept_node(state, numbers.get(state["id"])) for state in logged_states(archive)
    }
    for attempt in tried:
        nodes.setdefault(attempt.id, _attempt_node(attempt))
    return History(steps=steps, attempts=tried, nodes=nodes, points=points(steps, seed_score))


def step_rows(metrics: Iterable[Mapping[str, Json]]) -> tuple[StepRow, ...]:
    """Make a row of each line of metrics.jsonl."""
    return tuple(
        StepRow(
            step=int(line["step"]),
            stage=line.get("stage", ""),
            samples=int(line["total/samples"]),
            tokens=int(line["total/tokens"]),
            seconds=float(line["total/seconds"]),
            metrics=line,
        )
        for line in metrics
    )


def points(steps: Sequence[StepRow], seed_score: float | None) -> tuple[Point, ...]:
    """Return the scores at the start and after each step."""
    start = Point(
        step=0,
        samples=0,
        tokens=0,
        seconds=0.0,
        best=seed_score,
        step_best=None,
        step_mean=None,
    )
    return (start, *(_point(step) for step in steps))


def _point(step: StepRow) -> Point:
    return Point(
        step=step.step,
        samples=step.samples,
        tokens=step.tokens,
        seconds=step.seconds,
        best=step.get("solve/best_score"),
        step_best=step.get("solve/step_best_score"),
        step_mean=step.get("solve/step_mean_score"),
    )


def _attempt(number: int, line: Mapping[str, Json]) -> AttemptRow:
    verdict = line["verdict"]
    return AttemptRow(
        number=number,
        id=line["id"],
        step=line["step"],
        group=line["group"],
        index=line["index"],
        parent=line["parent"],
        status=verdict["status"],
        score=verdict["score"],
        reward=verdict["reward"],
        reason=verdict["reason"],
        rule=verdict.get("rule", ""),
        seconds=verdict["seconds"],
        tokens=line["tokens"],
        advantage=line["advantage"],
        error=verdict.get("error"),
        measured=1 + len(verdict.get("again", ())),
    )


def _kept_node(state: Mapping[str, Json], number: int | None) -> Node:
    return Node(
        id=state["id"],
        parent=state["parent"],
        step=state["step"],
        score=state["score"],
        kept=True,
        number=number,
    )


def _attempt_node(attempt: AttemptRow) -> Node:
    return Node(
        id=attempt.id,
        parent=attempt.parent,
        step=attempt.step,
        score=attempt.score,
        kept=False,
        number=attempt.number,
    )
