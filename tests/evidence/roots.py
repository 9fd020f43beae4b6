"""What the page says of the roots that runs began from: equal across arms, different within one."""

from collections.abc import Sequence

from tests.evidence.records import Record
from tests.evidence.tables import Part
from ttrl_cli.problem import load_problem
from ttrl_cli.report.compare import other_roots
from ttrl_cli.report.experiment import digest_of_problem

HOW = """\
Runs of one seed begin from the same roots, whatever their arm: a root hangs on the problem's seeds,
the run's seed and its own number alone. Each program that takes `seed` is run with another one for
each of its roots; runs from before that was so are marked where roots repeat.
"""


def of_problem(part: Part) -> str:
    """Say how many roots the runs of a problem have, and how many of them are different."""
    noted = [record for record in part.experiment.records if record.roots]
    older = [record for record in part.experiment.records if not record.roots]
    said = [_noted(noted)] if noted else []
    said += [_older(part, older)] if older else []
    return " ".join(said) + "\n"


def _noted(records: Sequence[Record]) -> str:
    counts = sorted({(len(record.roots), len(set(record.roots))) for record in records})
    what = " or ".join(
        f"{count} roots, {different} of them different" for count, different in counts
    )
    others = other_roots(records)
    if others:
        seeds = ", ".join(str(seed) for seed in others)
        return f"Runs have {what}. **Runs of one seed began from different roots: seed {seeds}.**"
    return f"Runs have {what}, and the same in all runs of one seed."


def _older(part: Part, records: Sequence[Record]) -> str:
    """Say what the problem's files say of runs that did not note their roots.

    Then each seed was graded once, and its state repeated until there was one root per group.
    """
    source = part.subject.source
    if {record.files for record in records} != {digest_of_problem(source)}:
        return "Older runs did not note their roots, and the problem's files were others than now."
    seeds = len(load_problem(source).seeds)
    counts = sorted({max(seeds, record.config["groups"]) for record in records})
    if counts == [seeds]:
        return f"Its runs have {seeds} roots, the problem's {seeds} seeds: the same in every run."
    many = " or ".join(str(count) for count in counts)
    return f"**Older runs have repeated roots:** {many}, of which {seeds} are different."
