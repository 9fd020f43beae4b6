"""A reviewer's package: a run's best solution with all that is needed to check it."""

import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import jinja2

from ttrl_cli.api.verifying import verify
from ttrl_cli.bounds import certificate as certificates
from ttrl_cli.errors import NoSolutionError, UsageError
from ttrl_cli.figures import number, shown_score
from ttrl_cli.problem import Problem
from ttrl_cli.prompts import solve_messages
from ttrl_cli.records import Json, State
from ttrl_cli.report.page.lineage import read_states
from ttrl_cli.rundir import RunDir, files
from ttrl_cli.sampler.registry import is_replay
from ttrl_cli.settings import shown

_KEPT = ("config.json", files.PROVENANCE_FILE)
_OF_BEST = ("data.json", "verdict.json", "certificate.json", "held_out.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Check:
    """The command that checks the package, and the score that it was seen to give.

    Attributes:
        file: What it verifies.
        score: The score that it gave.
    """

    file: str
    score: float


def export_solution(path: Path, folder: Path) -> Path:
    """Write a run's best solution as a folder that others can check with one command.

    The command is run first: a package that does not hold is not written.

    Args:
        path: The run directory.
        folder: The folder to make.

    Returns:
        The folder.

    Raises:
        UsageError: If it is no run of `ttrl solve`, or the folder exists or cannot be made.
        NoSolutionError: If the run has no valid solution, or its verifier no longer accepts it.
        SetupError: If a file cannot be written, or the machine lacks what the verifier needs.
    """
    run = RunDir.open(path)
    run.require_search()
    found = run.best.verdict()
    if found is None:
        msg = f"{path} has no valid solution yet"
        raise NoSolutionError(msg)
    problem = run.problem()
    check = _checked(run, problem, found["solution"])
    temporary = _made(folder)
    try:
        _copy(run, temporary, found["solution"])
        lineage = _lineage(read_states(run), problem, found["id"])
        files.write_json(temporary / "lineage.json", {"solutions": lineage})
        readme = _readme(run, problem, found, check, lineage)
        files.write_text(temporary / "README.md", readme)
        with files.writing(folder):
            temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return folder


def _made(folder: Path) -> Path:
    """Make the folder that takes the package's name when it is complete."""
    if folder.exists() or folder.is_symlink():
        msg = f"{folder} exists already; choose another folder"
        raise UsageError(msg)
    temporary = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
    except OSError as error:
        msg = f"{folder} cannot be made: {error.strerror}"
        raise UsageError(msg) from error
    return temporary


def _checked(run: RunDir, problem: Problem, solution: str) -> _Check:
    """Find the file that the verifier accepts: the data, or else the solution that gave them.

    Data are tried first: to check them no program has to be run. A verifier of texts, an evaluator
    and a `measure` take the solution itself.
    """
    spec = problem.spec
    whole = spec.solution.kind == "text" or spec.evaluator is not None or spec.measure is not None
    names = [solution] if whole else ["data.json", solution]
    why = ""
    for name in names:
        text = (run.best.folder / name).read_bytes()
        given = dict(problem.given)
        verdict = verify(run.path / "problem", text, name=name, settings=given).verdict
        if verdict.score is not None:
            return _Check(file=name, score=verdict.score)
        why = why or verdict.reason
    msg = f"{run.path}: the verifier no longer accepts the best solution: {why}"
    raise NoSolutionError(msg)


def _copy(run: RunDir, folder: Path, solution: str) -> None:
    with files.writing(folder):
        for name in (solution, *_OF_BEST):
            if (run.best.folder / name).exists():
                shutil.copyfile(run.best.folder / name, folder / name)
        for name in _KEPT:
            shutil.copyfile(run.path / name, folder / name)
        shutil.copytree(run.path / "problem", folder / "problem")


def _lineage(states: Mapping[str, State], problem: Problem, best: str) -> list[dict[str, Json]]:
    """Return the solutions from the seed to the best; of an uncommitted step there are none."""
    path: list[State] = []
    at: str | None = best
    while at is not None and at in states:
        path.append(states[at])
        at = states[at].parent
    path.reverse()
    lineage = []
    for index, state in enumerate(path):
        lineage.append(
            {
                "id": state.id,
                "parent": state.parent,
                "step": state.step,
                "score": state.score,
                "solution": state.solution,
                "output": state.output,
                "feedback": state.feedback,
                "prompt": None if index == 0 else _prompt(problem, path, index),
            }
        )
    return lineage


def _prompt(problem: Problem, path: Sequence[State], index: int) -> Json:
    """Return the conversation that asked for a solution of the path, as the run asked it."""
    before = path[index - 2].score if index > 1 else None
    messages = solve_messages(problem, path[index - 1], before)
    return [{"role": message.role, "content": message.content} for message in messages]


def _readme(
    run: RunDir,
    problem: Problem,
    found: Mapping[str, Json],
    check: _Check,
    lineage: Sequence[Mapping[str, Json]],
) -> str:
    spec = problem.spec
    certificate = run.best.certificate() or {}
    origin = run.provenance()
    unverified = spec.evaluator is not None
    of_seed = found["step"] == 0 or str(found["id"]).startswith("seed.")
    template = resources.files(__package__) / "solution_package.md"
    variables = {
        "name": spec.name,
        "score": shown_score(found["score"], found.get("error"), unverified=unverified),
        "direction": spec.direction,
        "best_known": None if spec.best_known is None else number(spec.best_known),
        "best_known_source": spec.best_known_source,
        "claim": certificate.get("claim"),
        "found": f"{found['id']}, {'a seed' if of_seed else 'in step ' + str(found['step'])}",
        "model": _model(run),
        "started": origin.get("started"),
        "version": origin.get("ttrl"),
        "command": f"ttrl verify problem {check.file}{_options(problem)}",
        "again": f"ttrl verify problem {found['solution']}{_options(problem)}",
        "checked": "data" if check.file == "data.json" else "solution",
        "checked_score": shown_score(check.score, unverified=unverified),
        "unverified": unverified,
        "measured": spec.measure is not None,
        "certificate_command": _certificate_command(certificate, problem),
        "program": spec.solution.kind == "program",
        "solution": found["solution"],
        "lineage": [
            {**one, "score": shown_score(one["score"], unverified=unverified)} for one in lineage
        ],
        "held_out": (run.best.folder / "held_out.json").exists(),
    }
    text = template.read_text(encoding="utf-8")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(text).render(variables)


def _options(problem: Problem) -> str:
    """Return the options that give the problem the settings that the run had."""
    given = [f"{name}={shown(value)}" for name, value in problem.given.items()]
    return "".join(f" --set {shlex.quote(one)}" for one in given)


def _model(run: RunDir) -> str:
    if is_replay(run.config.sampler):
        return "none: the completions were scripted"
    return run.config.model or "the embedded one"


def _certificate_command(certificate: Mapping[str, Json], problem: Problem) -> str:
    if not certificate:
        return ""
    if certificate.get("kind") != certificates.OF_PROBLEM:
        return "ttrl verify --certificate certificate.json"
    return f"ttrl verify problem --certificate certificate.json{_options(problem)}"
