"""What `import ttrl_cli` offers a notebook or a script: solve, vote, resume, votes and verify.

They take what is at hand, a `Problem` or a list of questions, beside the files that the command
line takes; they do what the commands do, and leave the same run directories. Progress goes to
standard error. docs/python.md is their page.
"""

import difflib
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from ttrl_cli import environ
from ttrl_cli.api import solving, verifying, voting
from ttrl_cli.api.python_problem import Problem, arguments_named, json_text
from ttrl_cli.api.verifying import Verification
from ttrl_cli.config import RunConfig, SolveConfig, VoteConfig
from ttrl_cli.console import Console, RunView
from ttrl_cli.errors import UsageError
from ttrl_cli.grading import folders
from ttrl_cli.problem import Seed
from ttrl_cli.records import Json
from ttrl_cli.report import Summary
from ttrl_cli.rundir import RunDir

Option: TypeAlias = str | int | float | bool | Path | None
"""The value of an option; None means that it is not given."""
Question: TypeAlias = str | Mapping[str, Json]
"""What is asked, or a record as files of questions hold them: question, id, answer, choices."""


def solve(
    problem: Problem | Path | str,
    *,
    out: Path | str | None = None,
    start_from: Path | str | None = None,
    start: Sequence[Path | str | Json] = (),
    quiet: bool = False,
    settings: Mapping[str, Json] | None = None,
    **options: Option,
) -> Summary:
    """Search and learn on one problem.

    Args:
        problem: A problem made in Python, or the path of a problem.yaml or of its folder.
        out: The run directory to make; by default runs/NAME-K with the next free K.
        start_from: A run to take archive and adapter from.
        start: Solutions of one's own to start from, beside the seeds: paths of files, or data.
        quiet: Show no progress.
        settings: Values of the problem's settings, by name.
        options: Those of `ttrl solve`, by their keys in problem.yaml, such as group_size=16.

    Raises:
        UsageError: If the problem, an option or the run directory is wrong.
        SetupError: If the model cannot be loaded.
        InterruptedRunError: If a second Ctrl-C stopped the run at its last commit.
    """
    chosen = _chosen(SolveConfig, "solve", options)
    own = _own_solutions(start)
    with _view(quiet) as view, _folder_of(problem) as folder:
        return solving.solve(
            folder,
            options=chosen,
            out=_path(out),
            reporter=view,
            start_from=_path(start_from),
            started=view.started,
            names=_names(SolveConfig),
            settings=settings,
            start=own,
        )


def vote(
    questions: Sequence[Question] | Path | str,
    *,
    name: str = "questions",
    prompt: Path | str | None = None,
    system: str | None = None,
    skip_bad: bool = False,
    out: Path | str | None = None,
    quiet: bool = False,
    **options: Option,
) -> Summary:
    """Vote on questions and learn from the votes; `votes` returns the answers.

    Args:
        questions: A list of texts or records, or the path of a file of questions.
        name: A short name for a list, which is in that of the run directory.
        prompt: The prompt's YAML file.
        system: A system message that replaces the prompt's.
        skip_bad: Go on without the records that are bad.
        out: The run directory to make; by default runs/NAME-K with the next free K.
        quiet: Show no progress.
        options: Those of `ttrl vote`, by their keys in prompt files, such as group_size=16.

    Raises:
        UsageError: If the questions, the prompt, an option or the run directory is wrong.
        SetupError: If the model cannot be loaded.
        InterruptedRunError: If a second Ctrl-C stopped the run at its last commit.
    """
    chosen = _chosen(VoteConfig, "vote", options)
    source = _source(questions)
    if not name or "/" in name:
        msg = f"name: expected a name for a folder (got {name!r})"
        raise UsageError(msg)
    with _view(quiet) as view:
        return voting.vote(
            source,
            options=chosen,
            out=_path(out),
            reporter=view,
            prompt=_path(prompt),
            system=system,
            skip_bad=skip_bad,
            started=view.started,
            name=name,
            names=_names(VoteConfig),
        )


def resume(
    run: Summary | Path | str,
    *,
    quiet: bool = False,
    steps: int | None = None,
    samples: int | None = None,
    tokens: int | None = None,
    seconds: float | None = None,
    epochs: int | None = None,
) -> Summary:
    """Go on with a run from its last committed step; leave a finished run as it is.

    Args:
        run: A run directory, or the summary of a run.
        quiet: Show no progress.
        steps: Most steps of the whole run.
        samples: Most samples of the whole run.
        tokens: Most tokens of the whole run.
        seconds: Wall time of the whole run, in seconds.
        epochs: For a vote, what may be said in place of steps.

    Raises:
        UsageError: If it is not a run, a bound is wrong or another process is working on it.
        SetupError: If the model cannot be loaded.
        InterruptedRunError: If a second Ctrl-C stopped the run at its last commit.
    """
    _require_not_importing("resume")
    bounds = {"steps": steps, "samples": samples, "tokens": tokens, "seconds": seconds}
    if RunDir.open(_run_path(run)).status.kind == "vote":
        bounds["epochs"] = epochs
    elif epochs is not None:
        msg = f"epochs={epochs}: {_run_path(run)} is a solve run; say steps"
        raise UsageError(msg)
    with _view(quiet) as view:
        return solving.resume(_run_path(run), options=bounds, reporter=view, started=view.started)


def votes(run: Summary | Path | str) -> list[dict[str, Json]]:
    """Return the results of a vote, one record per question, in the order they were asked.

    Raises:
        UsageError: If it is not the run directory of a vote.
    """
    opened = RunDir.open(_run_path(run))
    if opened.status.kind != "vote":
        msg = f"{opened.path} is a solve run, which has no votes"
        raise UsageError(msg)
    return list(voting.votes(opened))


def verify(
    problem: Problem | Path | str,
    solution: Path | str,
    *,
    held_out: bool = False,
    trials: Sequence[int] = (),
    certify: bool = False,
    limits: Mapping[str, float] | None = None,
    sandbox: str | None = None,
    settings: Mapping[str, Json] | None = None,
    secret_file: Path | str | None = None,
) -> Verification:
    """Verify one solution.

    Args:
        problem: A problem made in Python, or the path of a problem.yaml or of its folder.
        solution: The solution's text, or a Path of its file.
        held_out: Measure on held-out trials, for a problem with `measure`.
        trials: Seeds of trials to measure on, from 0 and below 2**128; by default one is drawn.
        certify: Certify the solution as well, if it is valid.
        limits: Limits in place of the problem's own, by key.
        sandbox: Name of the sandbox backend; by default the problem's.
        settings: Values of the problem's settings, by name.
        secret_file: A file with the secret that the trial is drawn from.

    Raises:
        UsageError: If the problem, the file or an option is wrong.
        SetupError: If the machine lacks what the program needs, or grading failed.
    """
    _require_not_importing("verify")
    name, text = _solution(solution)
    with _folder_of(problem) as folder:
        return verifying.verify(
            folder,
            text,
            name=name,
            held_out=held_out,
            trials=trials,
            certify=certify,
            limits={key: str(value) for key, value in (limits or {}).items()},
            sandbox=sandbox,
            settings=settings,
            secret_file=_path(secret_file),
        )


def _solution(given: Path | str) -> tuple[str, bytes]:
    """Return the name of a solution's file and its contents; a text has no name.

    Raises:
        UsageError: If the file cannot be read.
    """
    if isinstance(given, str):
        return "", given.encode("utf-8")
    try:
        return given.name, given.read_bytes()
    except OSError as error:
        msg = f"solution: {given} cannot be read: {error.strerror}"
        raise UsageError(msg) from error


@contextmanager
def _view(quiet: bool) -> Iterator[RunView]:
    environ.let_waiting_threads_sleep()
    with RunView(Console(quiet=quiet), started=time.monotonic()) as view:
        yield view


@contextmanager
def _folder_of(problem: object) -> Iterator[Path]:
    """Yield the folder of a problem; one made in Python has one as long as the block runs."""
    if isinstance(problem, Problem):
        with problem.folder() as folder, arguments_named(folder):
            yield folder
    elif isinstance(problem, str | Path):
        yield Path(problem)
    else:
        msg = f"problem: expected a ttrl_cli.Problem or a path (got {type(problem).__name__})"
        raise UsageError(msg)


def _own_solutions(start: object) -> list[Path | Seed]:
    """Return solutions of the user's own: files as they are, and data as JSON.

    Raises:
        UsageError: If they are not a list, or hold more than paths and plain data.
    """
    if isinstance(start, str | bytes) or not isinstance(start, Sequence):
        msg = f"start: expected a list of paths or data (got {type(start).__name__})"
        raise UsageError(msg)
    return [
        Path(one)
        if isinstance(one, str | Path)
        else Seed(name=f"[{place}]", text=json_text("solve", f"start[{place}]", one))
        for place, one in enumerate(start)
    ]


def _source(questions: object) -> Path | bytes:
    """Return a file of questions: its path, or its contents, which is an array with a line each."""
    if isinstance(questions, str) and not os.path.exists(questions):  # noqa: PTH110
        msg = f"questions: no such file: {questions}; a question alone is asked as a list of one"
        raise UsageError(msg)
    if isinstance(questions, str | Path):
        return Path(questions)
    if isinstance(questions, Mapping | bytes) or not isinstance(questions, Sequence):
        msg = f"questions: expected a list of texts or records (got {type(questions).__name__})"
        raise UsageError(msg)
    lines = []
    for place, question in enumerate(questions):
        if not isinstance(question, str | Mapping):
            why = f"expected a text or a record (got {type(question).__name__})"
            msg = f"questions[{place}]: {why}"
            raise UsageError(msg)
        record = {"question": question} if isinstance(question, str) else question
        lines.append(json_text("vote", f"questions[{place}]", record))
    return ("[\n" + ",\n".join(lines) + "\n]\n").encode("ascii")


def _chosen(kind: type[RunConfig], function: str, options: Mapping[str, Option]) -> dict[str, Json]:
    """Return the options that are given.

    Raises:
        UsageError: If there is none of that name.
    """
    _require_not_importing(function)
    known = kind.model_fields
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}"
            msg = f"{function} has no option {name}{hint}"
            raise UsageError(msg)
    return {key: str(one) if isinstance(one, Path) else one for key, one in options.items()}


def _names(kind: type[RunConfig]) -> dict[str, str]:
    """Return how messages name options: by their keys."""
    return {key: key for key in kind.model_fields}


def _require_not_importing(function: str) -> None:
    """Refuse to begin a run while a grading process imports the file that begins it.

    Raises:
        UsageError: If that is so.
    """
    frame = sys._getframe()
    while frame := frame.f_back:  # type: ignore[assignment]
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith(f"{folders.__name__}.") and frame.f_code.co_name == "<module>":
            guard = 'if __name__ == "__main__":'
            msg = f"{function} is called whenever the file is imported; put it behind {guard}"
            raise UsageError(msg)


def _path(given: Path | str | None) -> Path | None:
    return None if given is None else Path(given)


def _run_path(run: Summary | Path | str) -> Path:
    return Path(run.run if isinstance(run, Summary) else run)
