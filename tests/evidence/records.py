"""The raw figures of runs: from run directories to docs/evidence/PROBLEM.json and back.

A file holds one line per run. Columns of `steps` are named as in docs/metrics.md. What all runs of
a file have in common of their configuration stands once, in `config`.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tests.evidence.plan import Run, Subject
from ttrl_cli.config import RunConfig
from ttrl_cli.problem import PROBLEM_FILE, load_problem
from ttrl_cli.questions import load_prompt
from ttrl_cli.records import Json
from ttrl_cli.rundir import RunDir, files

METRICS = (
    "solve/best_score",
    "solve/valid",
    "solve/distinct",
    "solve/step_best_score",
    "solve/step_mean_score",
    "grade/failed",
    "sample/completions",
    "sample/tokens",
    "time/step",
    "train/kl_base",
    "train/ratio_mean",
    "train/ratio_max",
    "train/entropy",
    "train/grad_norm",
)
SCORES = frozenset(key for key in METRICS if key.endswith("_score"))
FIGURES = ("before", "training", "after")
PACKAGES = ("torch", "transformers", "peft", "numpy")
# what a run's results do not hang on
_MACHINE = frozenset({"workers", "keep_checkpoints"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One finished run.

    Attributes:
        arm: Its arm.
        seed: Its seed.
        config: Its resolved options, but for those that change nothing.
        files: Digest of the problem's files, or of the questions and how they were asked.
        made: When, and by what: commits, versions, cores.
        totals: steps, samples, valid, tokens, seconds.
        seed_score: The best seed's score; None of a vote.
        steps: A column per metric, an entry per step; empty of a vote.
        figures: summary.json's passes and training; empty of a solve run.
    """

    arm: str
    seed: int
    config: Mapping[str, Json]
    files: str
    made: Mapping[str, Json]
    totals: Mapping[str, float]
    seed_score: float | None
    steps: Mapping[str, Sequence[float | None]]
    figures: Mapping[str, Json]

    def column(self, key: str) -> list[float]:
        """A metric that every step has."""
        return [float(value) for value in self.steps[key] if value is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """All there is of one problem.

    Attributes:
        problem: Its name.
        direction: minimize or maximize; None of a vote.
        best_known: The best score that the problem names.
        records: In the order of arms and seeds.
    """

    problem: str
    direction: str | None
    best_known: float | None
    records: tuple[Record, ...]

    def of(self, arm: str) -> list[Record]:
        """The runs of one arm."""
        return [record for record in self.records if record.arm == arm]


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


def kept(config: RunConfig) -> dict[str, Json]:
    """The options that a run's results hang on."""
    every = config.model_dump(mode="json", exclude_none=True)
    return {key: value for key, value in every.items() if key not in _MACHINE}


def differing(config: Mapping[str, Json], run: Run) -> dict[str, tuple[Json, Json]]:
    """Options of a run that are not as planned: key -> (made, planned).

    An option that was unknown when the run was made had its default.
    """
    wanted = planned(run)
    pairs = {key: (config.get(key, value), value) for key, value in wanted.items()}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def read_run(folder: Path, run: Run) -> Record:
    """The figures of a finished run directory."""
    made = RunDir.open(folder)
    solved = run.subject.kind == "solve"
    totals = asdict(made.status.totals)
    return Record(
        arm=run.arm.name,
        seed=run.seed,
        config=kept(made.config),
        files=_digest_of_run(folder, solved=solved),
        made=_made(folder),
        totals={**totals, "seconds": round(totals["seconds"], 1)},
        seed_score=made.status.seed_score,
        steps=_columns(list(made.lines("metrics.jsonl"))) if solved else {},
        figures={} if solved else _figures(folder),
    )


def log_of(folder: Path) -> Path:
    """Where the talk of a run goes, and the commits that it was made by."""
    return folder.with_name(f"{folder.name}.log")


def _columns(lines: Sequence[Mapping[str, Json]]) -> dict[str, list[float | None]]:
    """The metrics by step; one that no step has is left out."""
    columns = {key: [_short(key, line.get(key)) for line in lines] for key in METRICS}
    return {
        key: column for key, column in columns.items() if any(value is not None for value in column)
    }


def _short(key: str, value: float | None) -> float | None:
    if value is None:
        return None
    return float(f"{value:.10g}" if key in SCORES else f"{value:.5g}")


def _figures(folder: Path) -> dict[str, Json]:
    """The passes of a vote; one that did not learn has only the one before."""
    summary: dict[str, Json] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    if "training" in summary:
        return {key: summary[key] for key in FIGURES}
    left_out = {"schema_version", "name", "asked", "bad"}
    return {"before": {key: value for key, value in summary.items() if key not in left_out}}


def _made(folder: Path) -> dict[str, Json]:
    about = files.read_checked(folder / files.PROVENANCE_FILE)
    log = log_of(folder)
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    commits = [line.split()[2] for line in lines if line.startswith("# commit ")]
    return {
        "commits": list(dict.fromkeys(commits)),
        "started": about["started"],
        "cpus": about["cpus"],
        "python": about["python"],
        "packages": {name: about["packages"][name] for name in PACKAGES},
    }


def _digest_of_run(folder: Path, *, solved: bool) -> str:
    if solved:
        return _digest_of_problem(folder / "problem")
    asked = load_prompt(folder / "prompt.yaml").model_dump_json(exclude={"run"})
    return _sha(asked.encode(), (folder / "questions.jsonl").read_bytes())


def _digest_of_problem(folder: Path) -> str:
    """Of what a run on it hangs on: its files, and problem.yaml but for what only informs."""
    informs = {"run", "best_known", "best_known_source"}
    spec = load_problem(folder).spec.model_dump_json(exclude=informs, exclude_defaults=True)
    ignored = {PROBLEM_FILE, "README.md"}
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ignored and "__pycache__" not in path.parts
    ]
    return _sha(spec.encode(), *(path.read_bytes() for path in found))


def _sha(*parts: bytes) -> str:
    sha = hashlib.sha256()
    for part in parts:
        sha.update(len(part).to_bytes(8, "big") + part)
    return sha.hexdigest()[:16]


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


def to_json(experiment: Experiment) -> str:
    """The text of a problem's file: a line per run."""
    shared = _shared([record.config for record in experiment.records])
    lines = [
        json.dumps(asdict(replace(record, config=_without(record.config, shared))))
        for record in experiment.records
    ]
    head = {
        "schema_version": files.SCHEMA_VERSION,
        "problem": experiment.problem,
        "direction": experiment.direction,
        "best_known": experiment.best_known,
        "config": shared,
    }
    text = json.dumps(head, indent=1).removesuffix("\n}")
    return text + ',\n "runs": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n"


def from_json(text: str) -> Experiment:
    """A problem's file, read."""
    raw: dict[str, Any] = json.loads(text)
    return Experiment(
        problem=raw["problem"],
        direction=raw["direction"],
        best_known=raw["best_known"],
        records=tuple(
            Record(**{**line, "config": {**raw["config"], **line["config"]}})
            for line in raw["runs"]
        ),
    )


def load(folder: Path, plan: Sequence[Subject]) -> Iterator[Experiment]:
    """The experiments whose files there are, in the plan's order."""
    for subject in plan:
        path = file_of(folder, subject)
        if path.exists():
            yield from_json(path.read_text(encoding="utf-8"))


def file_of(folder: Path, subject: Subject) -> Path:
    """Where the figures of a problem are."""
    return folder / f"{subject.name}.json"


def _shared(configs: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
    """The options that all have, with equal values."""
    first = configs[0] if configs else {}
    return {
        key: value
        for key, value in first.items()
        if all(key in config and config[key] == value for config in configs)
    }


def _without(config: Mapping[str, Json], shared: Mapping[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in config.items() if key not in shared}
