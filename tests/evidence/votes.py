"""The page's part on votes: what learning from them did to each set of questions. Pure."""

from collections.abc import Mapping, Sequence

from tests.evidence.plan import VOTE_FIGURE
from tests.evidence.records import Record
from tests.evidence.tables import Part, table
from ttrl_cli.records import Json
from ttrl_cli.report.few_runs import spread


def votes(parts: Sequence[Part]) -> str:
    """Every run's accuracy before and after, what they gained, and the untrained model's."""
    text = [
        "## Voting: does it learn?\n",
        f"![Accuracy before and after](evidence/{VOTE_FIGURE})\n",
    ]
    text.append(
        "Labels are read after the run, for these figures. Intervals: 95%, bootstrap over the "
        "questions.\n"
    )
    text.append(_trained(parts))
    text.append("Points gained, over the runs of a set:\n")
    text.append(_gains(parts))
    text.append("The untrained model on the same questions, at other temperatures:\n")
    text.append(_untrained(parts))
    return "\n".join(text)


def _trained(parts: Sequence[Part]) -> str:
    heads = ["set", "seed", "pass@1", "points", "maj@n", "points", "majority ratio"]
    heads += ["reward accuracy", "minutes"]
    rows = [
        _trained_row(part.subject.name, record)
        for part in parts
        for record in part.experiment.of(part.first.name)
    ]
    return table(heads, rows)


def _trained_row(name: str, record: Record) -> list[str]:
    before, training, after = (record.figures[key] for key in ("before", "training", "after"))
    return [
        name,
        str(record.seed),
        f"{_share(before, 'pass@1')} -> {_share(after, 'pass@1')}",
        f"{_gain(record, 'pass@1'):+.1f}",
        f"{before['maj@n']:.0%} -> {after['maj@n']:.0%}",
        f"{_gain(record, 'maj@n'):+.1f}",
        f"{before['majority_ratio']:.0%} -> {after['majority_ratio']:.0%}",
        f"{training['reward_accuracy']:.0%}",
        f"{record.totals['seconds'] / 60:.1f}",
    ]


def _gains(parts: Sequence[Part]) -> str:
    rows = []
    for part in parts:
        records = part.experiment.of(part.first.name)
        for key in ("pass@1", "maj@n") if records else ():
            it = spread([_gain(record, key) for record in records])
            ends = f"{it.low:+.1f} to {it.high:+.1f}"
            rows.append([part.subject.name, key, str(it.n), f"{it.median:+.1f}", ends])
    return table(["set", "", "runs", "median", "smallest to largest"], rows)


def _gain(record: Record, key: str) -> float:
    """Points that a share rose by."""
    gain = record.figures["after"][key] - record.figures["before"][key]
    return 100 * float(gain)


def _untrained(parts: Sequence[Part]) -> str:
    rows = []
    for part in parts:
        for arm in part.subject.arms[1:]:
            for record in part.experiment.of(arm.name):
                figures = record.figures["before"]
                cells = [_share(figures, key) for key in ("pass@1", "maj@n")]
                rows.append([part.subject.name, f"{record.config['temperature']:g}", *cells])
    return table(["set", "temperature", "pass@1", "maj@n"], rows)


def _share(figures: Mapping[str, Json], key: str) -> str:
    low, high = figures[f"{key}_interval"]
    return f"{figures[key]:.1%} ({low:.0%} to {high:.0%})"
