"""Records of runs that are compared: read from run directories, or from docs/evidence/*.json.

A file holds one line per run. Columns of `steps` are named as in docs/metrics.md. What all runs of
a file have in common of their configuration stands once, in `config`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ttrl_cli.config import RunConfig
from ttrl_cli.errors import UsageError
from ttrl_cli.loop.archive_log import line_digest
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
_SHORT = 12
"""Characters of a digest that tell the roots of runs from each other."""
# what a run's results do not hang on
_MACHINE = frozenset({"workers", "keep_checkpoints", "report_to"})


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
        roots: What tells each root from others, in order; empty of a vote, and where not noted.
        secret: Digest of what its trials were drawn from; empty where it has none, or not noted.
        held_out: The best solution's score on held-out trials; None where there is none.
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
    roots: Sequence[str] = ()
    secret: str = ""
    held_out: float | None = None

    def column(self, key: str) -> list[float]:
        """Return the values of a metric that every step has."""
        return [float(value) for value in self.steps[key] if value is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """All there is of one problem.

    Attributes:
        problem: Its name.
        direction: minimize or maximize; None of a vote.
        best_known: The best score that the problem names.
        records: In the order of arms and seeds.
        unverified: Whether the scores are what the solutions' own processes said.
    """

    problem: str
    direction: str | None
    best_known: float | None
    records: tuple[Record, ...]
    unverified: bool = False

    def of(self, arm: str) -> list[Record]:
        """Return the runs of one arm."""
        return [record for record in self.records if record.arm == arm]


def kept(config: RunConfig) -> dict[str, Json]:
    """Return the options that a run's results hang on."""
    every = config.model_dump(mode="json", exclude_none=True)
    return {key: value for key, value in every.items() if key not in _MACHINE}


def read_record(run: RunDir, *, arm: str = "", commits: Sequence[str] = ()) -> Record:
    """Read the figures of a run directory, as of its last commit.

    Args:
        run: The run.
        arm: Its arm, where it has a name.
        commits: The commits that it was made by, where they are known.

    Raises:
        UsageError: If a file of the run is missing or damaged.
    """
    solved = run.status.kind == "solve"
    totals = asdict(run.status.totals)
    held_out = run.best.held_out()
    return Record(
        arm=arm,
        seed=run.config.seed,
        config={**kept(run.config), **(_settings(run) if solved else {})},
        files=_digest_of_run(run.path, solved=solved),
        made=_made(run, commits),
        totals={**totals, "seconds": round(totals["seconds"], 1)},
        seed_score=run.status.seed_score,
        steps=_columns(list(run.lines("metrics.jsonl"))) if solved else {},
        figures={} if solved else _figures(run),
        roots=_roots(run) if solved else [],
        secret=run.secret_digest(),
        held_out=None if held_out is None else held_out.score,
    )


def read_experiment(path: Path) -> Experiment:
    """Read what is at a path: a run directory, or a file of records such as docs/evidence has.

    Raises:
        UsageError: If it is neither, or damaged.
    """
    if path.is_dir():
        run = RunDir.open(path)
        spec = run.problem().spec if run.status.kind == "solve" else None
        return Experiment(
            problem=run.status.name,
            direction=spec.direction if spec else None,
            best_known=spec.best_known if spec else None,
            records=(read_record(run),),
            unverified=spec is not None and spec.evaluator is not None,
        )
    files.read_checked(path)
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except (KeyError, TypeError, AttributeError) as error:
        msg = f"{path}: is neither a run directory nor a file of records: {error!r}"
        raise UsageError(msg) from error


def _columns(lines: Sequence[Mapping[str, Json]]) -> dict[str, list[float | None]]:
    """Return the metrics by step; one that no step has is left out."""
    columns = {key: [_short(key, line.get(key)) for line in lines] for key in METRICS}
    return {
        key: column for key, column in columns.items() if any(value is not None for value in column)
    }


def _settings(run: RunDir) -> dict[str, Json]:
    """Return the values of the problem's settings, which set runs apart as options do."""
    return {f"set {name}": value for name, value in run.problem().settings.items()}


def _roots(run: RunDir) -> list[str]:
    """Return the beginning of each root's digest; nothing before the first commit."""
    first = next(run.lines("archive.jsonl"), None)
    return [] if first is None else [line_digest(state)[:_SHORT] for state in first["states"]]


def _short(key: str, value: float | None) -> float | None:
    if value is None:
        return None
    return float(f"{value:.10g}" if key in SCORES else f"{value:.5g}")


def _figures(run: RunDir) -> dict[str, Json]:
    """Return the passes of a vote; one that did not learn has only the one before."""
    path = run.path / "summary.json"
    if not path.exists():
        return {}
    summary = files.read_checked(path)
    if "training" in summary:
        return {key: summary[key] for key in FIGURES}
    left_out = {"name", "asked", "bad"}
    return {"before": {key: value for key, value in summary.items() if key not in left_out}}


def _made(run: RunDir, commits: Sequence[str]) -> dict[str, Json]:
    about = run.provenance()
    packages = about.get("packages") or {}
    return {
        "commits": list(dict.fromkeys(commits)),
        "started": about.get("started"),
        "cpus": about.get("cpus"),
        "python": about.get("python"),
        "packages": {name: packages.get(name) for name in PACKAGES},
    }


def _digest_of_run(folder: Path, *, solved: bool) -> str:
    if solved:
        return digest_of_problem(folder / "problem")
    asked = load_prompt(folder / "prompt.yaml").model_dump_json(exclude={"run"})
    return _sha(asked.encode(), (folder / "questions.jsonl").read_bytes())


def digest_of_problem(folder: Path) -> str:
    """Hash what a run hangs on: the files, and problem.yaml but for what only informs."""
    informs = {"run", "best_known", "best_known_source", "held_out"}
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


def to_json(experiment: Experiment) -> str:
    """Write the text of a problem's file: a line per run."""
    shared = _shared([record.config for record in experiment.records])
    lines = [json.dumps(_line(record, shared)) for record in experiment.records]
    head = {
        "schema_version": files.SCHEMA_VERSION,
        "problem": experiment.problem,
        "direction": experiment.direction,
        "best_known": experiment.best_known,
        **({"unverified": True} if experiment.unverified else {}),
        "config": shared,
    }
    text = json.dumps(head, indent=1).removesuffix("\n}")
    return text + ',\n "runs": [\n  ' + ",\n  ".join(lines) + "\n ]\n}\n"


def _line(record: Record, shared: Mapping[str, Json]) -> dict[str, Json]:
    """Return what a run's line holds: what it shares stands above, what it lacks nowhere."""
    fields = asdict(replace(record, config=_without(record.config, shared)))
    absent = [key for key in ("held_out", "roots") if fields[key] in (None, [], ())]
    return {key: value for key, value in fields.items() if key not in absent}


def from_json(text: str) -> Experiment:
    """Read the text of a problem's file."""
    raw: dict[str, Any] = json.loads(text)
    return Experiment(
        problem=raw["problem"],
        direction=raw["direction"],
        best_known=raw["best_known"],
        unverified=raw.get("unverified", False),
        records=tuple(
            Record(**{**line, "config": {**raw["config"], **line["config"]}})
            for line in raw["runs"]
        ),
    )


def _shared(configs: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
    """Return the options that all have, with equal values."""
    first = configs[0] if configs else {}
    return {
        key: value
        for key, value in first.items()
        if all(key in config and config[key] == value for config in configs)
    }


def _without(config: Mapping[str, Json], shared: Mapping[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in config.items() if key not in shared}
