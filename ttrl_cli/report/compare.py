"""Comparing runs of one problem: arms, and what each measure says of them. Pure.

Runs whose options are equal, but for the seed, are one arm. The first arm is held against each of
the others: exact permutation tests over the runs, with Holm's correction within a measure.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from ttrl_cli.config import SolveConfig, VoteConfig
from ttrl_cli.errors import UsageError
from ttrl_cli.records import Json
from ttrl_cli.report.experiment import Experiment, Record, kept
from ttrl_cli.report.few_runs import Outcome, Spread, holm, permutation_test, spread
from ttrl_cli.report.measures import (
    GAINS,
    HELD_OUT,
    LABELLED,
    MEASURES,
    VOTE_MEASURES,
    Measure,
    curve,
)

AXES: Mapping[str, str] = {
    "samples": "sample/completions",
    "tokens": "sample/tokens",
    "seconds": "time/step",
}
"""What a best score may be held against, and the metric of a step that adds up to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmOfRuns:
    """Runs that differ in their seed alone.

    Attributes:
        label: Its name, or what sets it apart from the others.
        options: The options in which arms differ, with its values.
        records: Its runs.
    """

    label: str
    options: Mapping[str, Json]
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One arm's values of a measure.

    Attributes:
        label: The arm.
        values: One per run.
        spread: Of these.
        outcome: The first arm against this one, more being better; None of the first.
        holm: Its p, corrected for the comparisons of the measure; None of the first.
    """

    label: str
    values: tuple[float, ...]
    spread: Spread
    outcome: Outcome | None
    holm: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a comparison of runs found.

    Attributes:
        experiment: All runs, each with its arm's label.
        arms: The arms, in the order in which they were first given.
        tables: Rows by measure, in the arms' order.
        notes: What runs ought to have in common, and have not.
    """

    experiment: Experiment
    arms: tuple[ArmOfRuns, ...]
    tables: tuple[tuple[Measure, tuple[Row, ...]], ...]
    notes: tuple[str, ...]


def together(named: Sequence[tuple[str, Experiment]]) -> Experiment:
    """Join experiments on one problem.

    Args:
        named: Where each was read from, and what it holds.

    Raises:
        UsageError: If they are about different problems, or there is no run.
    """
    (name, first), *others = named
    for other_name, other in others:
        for what in ("problem", "direction", "unverified"):
            ours, theirs = getattr(first, what), getattr(other, what)
            if ours != theirs:
                msg = (
                    f"{name} has {what} {ours} and {other_name} {theirs}: "
                    "runs of different problems cannot be compared"
                )
                raise UsageError(msg)
    records = tuple(record for _, each in named for record in each.records)
    empty = [place for place, each in named if not all(map(_measurable, each.records))]
    if empty or not records:
        msg = f"{(empty or [name])[0]}: there is nothing to compare yet; no step or pass is done"
        raise UsageError(msg)
    return replace(first, records=records)


def _measurable(record: Record) -> bool:
    return bool(record.steps) or bool(record.figures.get("before"))


def arms_of(experiment: Experiment) -> tuple[ArmOfRuns, ...]:
    """Group runs by their options, the seed aside; an option that a run lacks has its default."""
    solved = experiment.direction is not None
    defaults = kept(SolveConfig() if solved else VoteConfig())
    configs = [_comparable({**defaults, **record.config}) for record in experiment.records]
    keys = sorted({key for config in configs for key in config} - {"seed"})
    differing = [k for k in keys if len({repr(config.get(k)) for config in configs}) > 1]
    groups: dict[str, list[int]] = {}
    for index, config in enumerate(configs):
        groups.setdefault(repr([config.get(k) for k in differing]), []).append(index)
    arms = []
    for members in groups.values():
        options = {k: configs[members[0]].get(k) for k in differing}
        records = [experiment.records[index] for index in members]
        label = _label(records, options)
        named = tuple(replace(record, arm=label) for record in records)
        arms.append(ArmOfRuns(label=label, options=options, records=named))
    return tuple(arms)


def _comparable(config: Mapping[str, Json]) -> dict[str, Json]:
    """Leave out which file of scripted completions a run had: it is to the run what a seed is."""
    sampler = str(config.get("sampler"))
    return {**config, "sampler": sampler.partition(":")[0] if sampler[:7] == "replay:" else sampler}


def _label(records: Sequence[Record], options: Mapping[str, Json]) -> str:
    names = {record.arm for record in records}
    if len(names) == 1 and names != {""}:
        return names.pop()
    return ", ".join(f"{key} {_said(value)}" for key, value in options.items()) or "all runs"


def _said(value: Json) -> str:
    if value is None:
        return "none"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else f"{value}"


def compare(experiment: Experiment) -> Comparison:
    """Compare the arms of an experiment by every measure that all its runs have."""
    arms = arms_of(experiment)
    records = tuple(record for arm in arms for record in arm.records)
    named = replace(experiment, records=records)
    tables = tuple(
        (measure, _rows(measure, named, some))
        for measure in measures_of(named)
        if (some := _with(measure, arms))
    )
    return Comparison(experiment=named, arms=arms, tables=tables, notes=tuple(_notes(named)))


def _with(measure: Measure, arms: Sequence[ArmOfRuns]) -> list[ArmOfRuns]:
    """Return the arms that have a measure: a gain needs a pass after training."""
    if measure is HELD_OUT:
        return [arm for arm in arms if all(it.held_out is not None for it in arm.records)]
    return [
        arm
        for arm in arms
        if measure not in GAINS or all(record.figures.get("after") for record in arm.records)
    ]


def measures_of(experiment: Experiment) -> Sequence[Measure]:
    """Return the measures of a search, or those of a vote; without labels, fewer of them."""
    if experiment.direction is not None:
        best, *others = MEASURES
        return best, HELD_OUT, *others
    passes = [p for r in experiment.records for p in (r.figures.get("after"), r.figures["before"])]
    labelled = all(figures["pass@1"] is not None for figures in passes if figures)
    return [m for m in VOTE_MEASURES if labelled or m not in LABELLED]


def _rows(measure: Measure, experiment: Experiment, arms: Sequence[ArmOfRuns]) -> tuple[Row, ...]:
    first, *others = arms
    ours = measure.signed(experiment, first.label)
    outcomes = [permutation_test(ours, measure.signed(experiment, it.label)) for it in others]
    corrected = holm([outcome.p for outcome in outcomes])
    tested: list[tuple[Outcome | None, float | None]] = [
        (None, None),
        *zip(outcomes, corrected, strict=True),
    ]
    return tuple(
        Row(
            label=arm.label,
            values=(values := tuple(measure.values(experiment, arm.label))),
            spread=spread(values),
            outcome=outcome,
            holm=p,
        )
        for arm, (outcome, p) in zip(arms, tested, strict=True)
    )


def _notes(experiment: Experiment) -> list[str]:
    records, notes = experiment.records, []
    if len({record.files for record in records}) > 1:
        notes.append("the runs' copies of the problem differ")
    if len({record.secret for record in records if record.secret}) > 1:
        notes.append(
            "the runs were measured on trials of different secrets, so that their scores differ by "
            "luck, too: give --secret-file to runs that are compared"
        )
    if seeds := other_roots(records):
        said = ", ".join(str(seed) for seed in seeds)
        notes.append(f"runs of one seed began from different roots: seed {said}")
    groups = Counter((record.arm, record.seed) for record in records)
    if again := sorted({str(seed) for (_, seed), count in groups.items() if count > 1}):
        notes.append(
            f"several runs of one arm have the same seed ({', '.join(again)}): where all else is "
            "equal they are one run, and p is too small"
        )
    samples = sorted({record.totals["samples"] for record in records})
    if len(samples) > 1:
        notes.append(f"the runs have unequal samples, from {samples[0]:g} to {samples[-1]:g}")
    return notes


def other_roots(records: Sequence[Record]) -> list[int]:
    """Return the seeds whose runs began from different roots, as far as both have roots."""
    first: dict[int, Sequence[str]] = {}
    found = set()
    for record in records:
        if record.roots:
            pairs = zip(first.setdefault(record.seed, record.roots), record.roots, strict=False)
            if any(ours != theirs for ours, theirs in pairs):
                found.add(record.seed)
    return sorted(found)


def best_over(record: Record, axis: str) -> list[tuple[float, float]]:
    """Return (spent, best score so far) at the start of a search and after each step.

    Args:
        record: The run.
        axis: samples, tokens or seconds; seconds are those of the steps.
    """
    spent = [0.0, *accumulate(record.column(AXES[axis]))]
    return list(zip(spent, curve(record), strict=True))


def best_at(record: Record, axis: str, spent: float) -> float:
    """Return the best score that a search had when so much was spent."""
    points = best_over(record, axis)
    return points[max(bisect_right([x for x, _ in points], spent) - 1, 0)][1]


def common(experiment: Experiment, axis: str) -> float:
    """Return what every search of an experiment has spent at the least."""
    return min(best_over(record, axis)[-1][0] for record in experiment.records)


def median_curve(arm: ArmOfRuns, axis: str, *, points: int = 200) -> list[tuple[float, float]]:
    """Return the median over an arm's runs of the best score, up to where the first one ends."""
    end = min(best_over(record, axis)[-1][0] for record in arm.records)
    xs = [end * index / points for index in range(points + 1)]
    return [(x, spread([best_at(r, axis, x) for r in arm.records]).median) for x in xs]
