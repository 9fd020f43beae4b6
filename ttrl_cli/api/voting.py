"""Running and resuming a vote."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import yaml

from ttrl_cli.api.exporting import has_adapter
from ttrl_cli.api.lifecycle import (
    create_run,
    finish,
    holding,
    new_folder,
    phases,
    watch,
)
from ttrl_cli.api.plugged import noted
from ttrl_cli.api.runtime import Options, Runtime, load_tokenizer
from ttrl_cli.api.settings import settle, workers
from ttrl_cli.api.tracking import tracked
from ttrl_cli.config import VoteConfig, resolve
from ttrl_cli.errors import UsageError
from ttrl_cli.grading.comparer import Comparer
from ttrl_cli.grading.votes import AnswerGrader
from ttrl_cli.loop.budget import Budget, graceful_stop
from ttrl_cli.loop.step import Parts, Reporter, commit, restore
from ttrl_cli.loop.vote import VoteTask, closed_by, vote_loop
from ttrl_cli.questions import (
    Questions,
    VotePrompt,
    load_prompt,
    load_questions,
    parse_questions,
    question_messages,
)
from ttrl_cli.records import Json
from ttrl_cli.report import Summary, summarise
from ttrl_cli.report.votes import answers, read_summary, write_results
from ttrl_cli.rundir import RunDir, Totals
from ttrl_cli.sampler import registry

OPTION_NAMES = {"group_size": "--n"}
"""Options of the command line that are not called like their keys."""


def vote(
    source: Path | bytes,
    *,
    options: Options,
    out: Path | None,
    reporter: Reporter,
    prompt: Path | None = None,
    system: str | None = None,
    skip_bad: bool = False,
    started: float | None = None,
    name: str = "stdin",
    names: Mapping[str, str] = OPTION_NAMES,
) -> Summary:
    """Vote on a file of questions and learn from the votes (TTRL, arXiv 2504.16084).

    Args:
        source: A file of questions, or the contents of one.
        options: Keys of `VoteConfig`; they override the prompt's `run:` section.
        out: The run directory to make; by default runs/NAME-K with the next free K.
        reporter: Told of progress.
        prompt: The prompt's YAML file; by default the one of the same name beside the questions, if
            any.
        system: A system message that replaces the prompt's.
        skip_bad: Go on without the records that are bad.
        started: time.monotonic() at the start of the command, for the budget in seconds.
        name: What the contents of a file are called, where they are given.
        names: How messages name the options; by default as the command line does.

    Raises:
        UsageError: If the questions, the prompt, an option or the run directory is wrong.
        SetupError: If the model cannot be loaded.
    """
    begun = time.monotonic() if started is None else started
    raw, name, place = _read(source, name)
    questions = parse_questions(raw, place, skip_bad=skip_bad)
    asked, where = _prompt(source, prompt, system)
    for question in questions.questions:  # a template may fail for some questions only
        question_messages(question, asked)
    config = settle(_resolved(questions, asked, options, where, names))
    new_folder(out, name)  # one that exists is refused before a model is loaded
    with ExitStack() as stack:
        messages = question_messages(questions.questions[0], asked)
        codec, template = load_tokenizer(config, messages, reporter)
        runtime = stack.enter_context(Runtime.load(config, codec))
        config = runtime.settled(config)
        copies = {"questions.jsonl": raw, "prompt.yaml": _as_yaml(asked)}
        create = partial(
            RunDir.create,
            kind="vote",
            name=name,
            config=config,
            source=copies,
            chat_template=template,
            plugins=noted(config),
        )
        run = create_run(out, name, create)
        stack.enter_context(holding(run))
        parts = _parts(runtime, run, stack.enter_context(tracked(reporter, run)), begun)
        commit(parts, Totals())
        return _count(run, questions, stack, parts)


def resume_vote(run: RunDir, options: Options, reporter: Reporter, started: float) -> Summary:
    """Resume a vote run that is locked already.

    Args:
        run: The run.
        options: New bounds: steps, epochs, samples, tokens, seconds.
        reporter: Told of progress.
        started: time.monotonic() at the start of the command.

    Raises:
        UsageError: If an option is wrong.
        SetupError: If the model cannot be loaded.
    """
    questions = load_questions(run.path / "questions.jsonl", skip_bad=True)
    bounds = {key: value for key, value in options.items() if value is not None}
    for key in ("until", "patience"):
        if key in bounds:
            msg = f"--{key} bounds a search, and {run.path} is a vote"
            raise UsageError(msg)
    if bounds:
        run.write_config(_with_steps(_rebound(run, bounds), questions))
    if _finished(run, questions):
        return summarise(run, None)
    restored = run.restore()
    with ExitStack() as stack:
        runtime = stack.enter_context(Runtime.load(run.config))
        parts = _parts(runtime, run, stack.enter_context(tracked(reporter, run)), started)
        if restored is None:
            commit(parts, Totals())
        elif run.config.train and not has_adapter(restored[0]):
            parts.sampler.seek(restored[1]["sampler"])  # there are no weights to go on from yet
        else:
            restore(parts, *restored)
        return _count(run, questions, stack, parts)


def votes(run: RunDir) -> Iterator[dict[str, Json]]:
    """Return a vote run's results, one record per question, in input order."""
    return answers(run)


def vote_figures(run: RunDir) -> dict[str, Json] | None:
    """Return the contents of a vote run's summary.json; None before any result was written."""
    return read_summary(run)


def _count(run: RunDir, questions: Questions, stack: ExitStack, parts: Parts) -> Summary:
    comparer = stack.enter_context(Comparer(workers=workers(run.config)))
    task = _task(run, questions, comparer)
    steps = run.status.totals.steps + task.rounds_left()
    parts.reporter.began(watch(run, steps, stages=task.stages()))
    with phases(run), graceful_stop(parts.budget):
        reason = vote_loop(task, parts)
        # before the run is called done: one that dies here is to write them when it is resumed
        write_results(run, questions, comparer, cut_off=lambda: comparer.timeouts)
        finish(run, reason)
    return summarise(run, None)


def _task(run: RunDir, questions: Questions, comparer: Comparer) -> VoteTask:
    prompt = load_prompt(run.path / "prompt.yaml")
    return VoteTask(questions.questions, prompt, run, comparer)


def _parts(runtime: Runtime, run: RunDir, reporter: Reporter, started: float) -> Parts:
    grader = AnswerGrader(last_number=run.vote_config.last_number)
    return runtime.parts(run, grader, reporter, started)


def _finished(run: RunDir, questions: Questions) -> bool:
    """Decide whether a run is done, its budget is spent and it is not in its training stage."""
    task = _task(run, questions, Comparer(workers=1))  # which is never started
    budget = Budget(run.config, run.status.totals, started=time.monotonic())
    over = closed_by(task, budget, run.status.totals)
    return run.status.phase == "done" and bool(over) and task.stage() != "train"


def _read(source: Path | bytes, name: str) -> tuple[bytes, str, str]:
    """Return the contents of a file of questions, and its names in a run directory and messages."""
    if isinstance(source, bytes):
        return source, name, "<stdin>" if name == "stdin" else name
    try:
        return source.read_bytes(), source.stem, str(source)
    except OSError as error:
        msg = f"{source}: cannot be read: {error.strerror}"
        raise UsageError(msg) from error


def _prompt(source: Path | bytes, given: Path | None, system: str | None) -> tuple[VotePrompt, str]:
    """Return the prompt and the path of its file."""
    beside = source.with_suffix(".yaml") if isinstance(source, Path) else None
    path = given if given is not None or beside is None or not beside.exists() else beside
    prompt = VotePrompt() if path is None else load_prompt(path)
    return prompt if system is None else prompt.model_copy(update={"system": system}), str(path)


def _as_yaml(prompt: VotePrompt) -> bytes:
    content = prompt.model_dump(mode="json", exclude_defaults=True)
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode()


def _resolved(
    questions: Questions,
    prompt: VotePrompt,
    options: Options,
    where: str,
    names: Mapping[str, str],
) -> VoteConfig:
    if options.get("steps") is not None and options.get("epochs") is not None:
        steps, epochs = names.get("steps", "--steps"), names.get("epochs", "--epochs")
        msg = f"{steps} and {epochs} say the same thing twice; give one of them"
        raise UsageError(msg)
    defaults = {
        k: v for k, v in prompt.run.items() if k != "steps" or options.get("epochs") is None
    }
    config = resolve(VoteConfig, defaults, options, where=where, names=names)
    return _with_steps(config, questions)


def _rebound(run: RunDir, bounds: Mapping[str, object]) -> VoteConfig:
    """Return a run's configuration with new bounds; new `epochs` replace the number of steps."""
    old = run.config.model_dump()
    if "epochs" in bounds:
        del old["steps"]
    return resolve(VoteConfig, old, bounds, where=str(run.path), names=OPTION_NAMES)


def _with_steps(config: VoteConfig, questions: Questions) -> VoteConfig:
    """Set the number of steps from the epochs, unless it is given; without steps, do not learn."""
    steps = config.steps
    if "steps" not in config.model_fields_set:
        steps = config.epochs * -(-len(questions.questions) // config.groups)
    train = steps > 0 and not registry.is_replay(config.sampler)
    return config.model_copy(update={"steps": steps, "train": train})
