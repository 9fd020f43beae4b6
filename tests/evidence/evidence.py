"""What there is of a plan, what is still to be made, and the page of it."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from tests.evidence import page, plots, records
from tests.evidence.plan import Run, Subject, runs
from tests.evidence.runs import TO_DO, Standing, State, standing
from ttrl_cli.rundir import files

FINDINGS = "findings.md"


class Evidence:
    """A plan, where its runs are, and where the page goes.

    Args:
        plan: What is run.
        out: Holds the runs.
        docs: Holds evidence.md and evidence/.

    Attributes:
        runs: Every run of the plan, in the order in which they are made.
    """

    def __init__(self, plan: Sequence[Subject], out: Path, docs: Path) -> None:
        self.plan = plan
        self.runs = runs(plan)
        self.out = out
        self.docs = docs
        self._page = docs / "evidence.md"
        self._folder = docs / "evidence"

    def standings(self) -> dict[str, Standing]:
        """How each run's folder stands."""
        return {run.name: standing(self.out / run.name, run) for run in self.runs}

    def recorded(self) -> set[str]:
        """Runs whose figures are in docs/evidence already, as planned."""
        known = {it.problem: it for it in records.load(self._folder, self.plan)}
        return {run.name for run in self.runs if records.recorded(known.get(run.subject.name), run)}

    def to_do(self, only: str, *, anew: bool) -> list[Run]:
        """Runs that are to be made.

        Args:
            only: A pattern for their names.
            anew: Make those, too, that are recorded but not here.
        """
        states, known = self.standings(), set() if anew else self.recorded()
        return [
            run
            for run in self.runs
            if matches(run, only)
            and states[run.name].state in TO_DO
            and (run.name not in known or states[run.name].state is not State.MISSING)
        ]

    def report(self) -> None:
        """Write the figures, the plots and the page from what there is."""
        found = {
            name: self.out / name for name, it in self.standings().items() if it.state is State.DONE
        }
        self._folder.mkdir(parents=True, exist_ok=True)
        old = {it.problem: it for it in records.load(self._folder, self.plan)}
        for subject in self.plan:
            self._write(subject, found, old.get(subject.name))
        experiments = list(records.load(self._folder, self.plan))
        plots.draw(self.plan, experiments, self._folder)
        self._page.write_text(self.text(), encoding="utf-8")

    def text(self) -> str:
        """The page, from docs/evidence alone."""
        findings = (self._folder / FINDINGS).read_text(encoding="utf-8")
        return page.page(self.plan, list(records.load(self._folder, self.plan)), findings)

    def _write(
        self, subject: Subject, found: Mapping[str, Path], old: records.Experiment | None
    ) -> None:
        ours = [run for run in self._by_arm() if run.subject is subject]
        experiment = records.gather(subject, ours, found, old)
        path = records.file_of(self._folder, subject)
        if experiment.records or path.exists():
            temporary = path.with_suffix(".tmp")
            temporary.write_text(records.to_json(experiment), encoding="utf-8")
            files.sync(temporary)
            temporary.replace(path)

    def _by_arm(self) -> list[Run]:
        """The runs by arm and seed, as they stand in the files."""
        arms = [arm.name for subject in self.plan for arm in (*subject.arms, *subject.ablations)]
        return sorted(self.runs, key=lambda run: (arms.index(run.arm.name), run.seed))


def matches(run: Run, only: str) -> bool:
    """True if a pattern is found in a run's name: erdos, */learning/*, kl-0.1/0."""
    return fnmatchcase(run.name, f"*{only}*")
