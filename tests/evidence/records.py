"""The raw figures of runs: from run directories to docs/evidence/PROBLEM.json and back.

A file holds one line per run. Columns of `steps` are named as in docs/metrics.md. What all runs of
a file have in common of their configuration stands once, in `config`.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.evidence.plan import Run, Subject
from ttrl_cli.problem import load_problem
from ttrl_cli.records import Json
from ttrl_cli.report.experiment import (
    Experiment,
    Record,
    from_json,
    kept,
    read_record,
    to_json,
)
from ttrl_cli.rundir import RunDir

__all__ = ["Experiment", "Record", "from_json", "kept", "to_json"]


def planned(run: Run) -> dict[str, Json]:
    """What a run's configuration must say to be a run of the plan.

    What is `auto` is settled by the machine. Steps and learning of a vote follow from the number of
    questions, unless they are given.
    """
    config = run.config()
    wanted = {key: value for key, value in kept(config).items() if value != "auto"}
    if run.subject.kind == "solve":
        return wanted
    open_ = {"train"} if "steps" in config.model_fields_set else {"train", "steps"}
    return {key: value for key, value in wanted.items() if key not in open_}


def differing(config: Mapping[str, Json], run: Run) -> dict[str, tuple[Json, Json]]:
    """Options of a run that are not as planned: key -> (made, planned).

    An option that was unknown when the run was made had its default.
    """
    wanted = planned(run)
    pairs = {key: (config.get(key, value), value) for key, value in wanted.items()}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def read_run(folder: Path, run: Run) -> Record:
    """The figures of a finished run directory."""
    log = log_of(folder)
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    commits = [line.split()[2] for line in lines if line.startswith("# commit ")]
    return read_record(RunDir.open(folder), arm=run.arm.name, commits=commits)


def log_of(folder: Path) -> Path:
    """Where the talk of a run goes, and the commits that it was made by."""
    return folder.with_name(f"{folder.name}.log")


def gather(
    subject: Subject, planned_runs: Sequence[Run], found: Mapping[str, Path], old: Experiment | None
) -> Experiment:
    """What there is of a problem: finished run directories, and what the file had before.

    Args:
        subject: The problem.
        planned_runs: All runs of the plan on it, in the order of the file.
        found: The folders of the finished ones on this machine, by the run's name.
        old: The file as it was; runs that are not as planned any more are left out.
    """
    records = []
    for run in planned_runs:
        record = read_run(found[run.name], run) if run.name in found else recorded(old, run)
        if record is not None:
            records.append(record)
    spec = load_problem(subject.source).spec if subject.kind == "solve" else None
    return Experiment(
        problem=subject.name,
        direction=spec.direction if spec else None,
        best_known=spec.best_known if spec else None,
        records=tuple(records),
    )


def recorded(experiment: Experiment | None, run: Run) -> Record | None:
    """The record of a run that was made as planned, here or elsewhere."""
    records = experiment.of(run.arm.name) if experiment else []
    ours = [record for record in records if record.seed == run.seed]
    return next((record for record in ours if not differing(record.config, run)), None)


def load(folder: Path, plan: Sequence[Subject]) -> Iterator[Experiment]:
    """The experiments whose files there are, in the plan's order."""
    for subject in plan:
        path = file_of(folder, subject)
        if path.exists():
            yield from_json(path.read_text(encoding="utf-8"))


def file_of(folder: Path, subject: Subject) -> Path:
    """Where the figures of a problem are."""
    return folder / f"{subject.name}.json"
