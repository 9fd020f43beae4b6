"""What every table of the page needs: its problem, a table in Markdown, how p is written. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.evidence.plan import Arm, Subject
from tests.evidence.records import Experiment

Row = Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A problem of the plan with its figures."""

    subject: Subject
    experiment: Experiment

    @property
    def first(self) -> Arm:
        """The arm that the others are held against."""
        return self.subject.arms[0]

    @property
    def ablated(self) -> bool:
        """True where an ablation was run."""
        return any(self.experiment.of(arm.name) for arm in self.subject.ablations)

    def arms(self, arms: Sequence[Arm]) -> list[Arm]:
        """Those of which there are runs."""
        return [arm for arm in arms if self.experiment.of(arm.name)]


def say_p(value: float) -> str:
    """A p, to two digits."""
    return f"{value:.2g}"


def table(heads: Row, rows: Sequence[Row]) -> str:
    """A table in Markdown, with a line break at its end."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"
