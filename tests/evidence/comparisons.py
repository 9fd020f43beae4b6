"""The page's comparisons of arms: of all problems, together, and the ablations of one. Pure."""

from collections.abc import Sequence

from tests.evidence import roots
from tests.evidence.plan import Arm
from tests.evidence.records import Record
from tests.evidence.tables import Part, say_p, table
from ttrl_cli.figures import number
from ttrl_cli.report.few_runs import (
    Outcome,
    Pair,
    holm,
    permutation_test,
    spread,
    stratified_test,
)
from ttrl_cli.report.measures import MEASURES, Measure

TOGETHER = """\
### All problems together

Runs are ranked within their problem, and the ranks of the learning runs are added up over the
problems (Wilcoxon's test, stratified; exact). The share is that of the pairs of runs, one of each
arm, in which the learning one is better; equal ones count half.
"""


def comparison(parts: Sequence[Part]) -> str:
    """Every problem's arms: plots, a table per measure, and all problems together."""
    text = ["## Does learning help?\n", _arms(parts[0].subject.arms)]
    for part in parts:
        title, figure = part.subject.title, part.subject.figure
        text += [f"### {part.subject.name}: {title}\n", _problem(part)]
        if part.arms(part.subject.arms):
            text.append(f"![{title}: curves of each arm](evidence/{figure})\n")
    for measure in MEASURES:
        rows = _Rows(measure)
        for part in parts:
            rows.add(part, part.arms(part.subject.arms))
        text.append(rows.table())
    return "\n".join([*text, _together(parts)])


def _problem(part: Part) -> str:
    """Which way is better, where it starts, what is known, and what its roots are."""
    experiment = part.experiment
    better = "Lower" if experiment.direction == "minimize" else "Higher"
    seeds = {record.seed_score for record in experiment.records}
    starts = " and ".join(number(seed) for seed in seeds if seed is not None)
    known = experiment.best_known
    text = f"{better} is better. The best seed has {starts}"
    text += f"; the best score known is {number(known)}. " if known is not None else ". "
    return text + roots.of_problem(part)


def _arms(arms: Sequence[Arm]) -> str:
    return "".join(f"- **{arm.name}**: {arm.words}\n" for arm in arms)


class _Rows:
    """The rows of one measure's table: arms, the first of each problem against the others."""

    def __init__(self, measure: Measure) -> None:
        self._measure = measure
        self._rows: list[list[str]] = []
        self._outcomes: list[Outcome | None] = []

    def add(self, part: Part, arms: Sequence[Arm]) -> None:
        """Add a problem's arms."""
        for arm in arms:
            values = self._measure.values(part.experiment, arm.name)
            self._rows.append([part.subject.name, arm.name, *_spread_cells(self._measure, values)])
            self._outcomes.append(self._held_against(part, arm))

    def _held_against(self, part: Part, arm: Arm) -> Outcome | None:
        ours, theirs = (
            self._measure.signed(part.experiment, name) for name in (part.first.name, arm.name)
        )
        return None if arm == part.first or not ours else permutation_test(ours, theirs)

    def table(self, *, one_problem: bool = False) -> str:
        """The table, with its heading and what p can be."""
        tested = [outcome for outcome in self._outcomes if outcome is not None]
        corrected = iter(holm([outcome.p for outcome in tested]))
        rows = []
        for row, outcome in zip(self._rows, self._outcomes, strict=True):
            cells = ["", "", ""]
            if outcome is not None:
                gain = self._measure.say_difference(outcome.effect)
                cells = [gain, say_p(outcome.p), say_p(next(corrected))]
            rows.append([*row, *cells])
        heads = ["problem", "arm", "runs", "median", "smallest to largest", "mean (95%)"]
        heads += ["learning is better by", "p", "Holm"]
        shown = slice(1 if one_problem else 0, None)
        body = table(heads[shown], [row[shown] for row in rows])
        return "\n".join([f"### {self._measure.title}\n", body, *_least(tested)])


def _spread_cells(measure: Measure, values: Sequence[float]) -> list[str]:
    it = spread(values)
    low, high = (measure.say(end) for end in it.interval)
    return [
        str(it.n),
        measure.say(it.median),
        f"{measure.say(it.low)} to {measure.say(it.high)}",
        f"{measure.say(it.mean)} ({low} to {high})",
    ]


def _least(tested: Sequence[Outcome]) -> list[str]:
    """What p can be at the least, with so many runs."""
    if not tested:
        return []
    least = min(outcome.smallest for outcome in tested)
    after = min(1.0, least * len(tested))
    return [
        f"With so many runs no p can be below {say_p(least)}, and none below {say_p(after)} after "
        f"Holm's correction for {len(tested)} comparisons.\n"
    ]


def _together(parts: Sequence[Part]) -> str:
    """One test over all problems per measure and arm."""
    first, *others = parts[0].subject.arms
    rows, outcomes = [], []
    for measure in MEASURES:
        for arm in others:
            pairs = _pairs(parts, measure, first, arm)
            if pairs:
                outcomes.append(stratified_test(pairs))
                rows.append([measure.title, arm.name, str(len(pairs))])
    if not outcomes:
        return ""
    corrected = holm([outcome.p for outcome in outcomes])
    cells = [
        [*row, f"{outcome.effect:.0%}", say_p(outcome.p), say_p(p)]
        for row, outcome, p in zip(rows, outcomes, corrected, strict=True)
    ]
    heads = ["measure", "learning against", "problems", "learning is better in", "p", "Holm"]
    return "\n".join([TOGETHER, table(heads, cells), *_least(outcomes)])


def _pairs(parts: Sequence[Part], measure: Measure, first: Arm, arm: Arm) -> list[Pair]:
    """The values of both arms on each problem that has runs of both."""
    signed = [
        (measure.signed(part.experiment, first.name), measure.signed(part.experiment, arm.name))
        for part in parts
    ]
    return [(ours, theirs) for ours, theirs in signed if ours and theirs]


def costs(parts: Sequence[Part]) -> str:
    """Samples, validity and time of every arm."""
    rows = []
    for part in parts:
        every = part.arms([*part.subject.arms, *part.subject.ablations])
        rows += [_cost_row(part.subject.name, arm, part.experiment.of(arm.name)) for arm in every]
    heads = ["problem", "arm", "steps", "samples", "tokens"]
    heads += ["valid, first step", "valid, last third", "minutes"]
    text = (
        "### What the runs took\n\nMedians over runs. Minutes are wall time of one thread, other "
        "runs beside it.\n\n"
    )
    return text + table(heads, rows)


def _cost_row(problem: str, arm: Arm, records: Sequence[Record]) -> list[str]:
    def median(key: str) -> float:
        return spread([record.totals[key] for record in records]).median

    third = -(-len(records[0].steps["solve/valid"]) // 3)
    first = spread([record.column("solve/valid")[0] for record in records]).median
    last = [sum(record.column("solve/valid")[-third:]) / third for record in records]
    return [
        problem,
        arm.name,
        f"{median('steps'):g}",
        f"{median('samples'):g}",
        f"{median('tokens'):,.0f}",
        f"{first:.0%}",
        f"{spread(last).median:.0%}",
        f"{median('seconds') / 60:.1f}",
    ]


def ablations(part: Part) -> str:
    """The ablations of one problem: a plot, and a table per measure."""
    arms = [part.first, *part.subject.ablations]
    title = part.subject.title
    text = [f"## Ablations: {title}\n", _learned_with(part), _arms(part.subject.ablations)]
    text.append(f"![{title}: curves of each ablation](evidence/{part.subject.ablation_figure})\n")
    for measure in MEASURES:
        rows = _Rows(measure)
        rows.add(part, part.arms(arms))
        text.append(rows.table(one_problem=True))
    return "\n".join(text)


def _learned_with(part: Part) -> str:
    """The options of the first arm that the ablations change."""
    records = part.experiment.of(part.first.name)
    if not records:
        return ""
    config = records[0].config
    keys = {key for arm in part.subject.ablations for key in arm.options}
    said = ", ".join(f"{key} {config[key]}" for key in sorted(keys) if key != "beta")
    return f"Each differs from **{part.first.name}** ({said}) in one thing.\n"
