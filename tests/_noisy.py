"""Problems whose scores are measured with noise, and simulated runs on them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests._measured import write_measured
from ttrl_cli.config import SolveConfig
from ttrl_cli.loop import archive_log
from ttrl_cli.loop.pending import Pending
from ttrl_cli.loop.roots import root_states
from ttrl_cli.loop.solve import SolveTask, load_archive
from ttrl_cli.problem import load_problem
from ttrl_cli.records import Again, Attempt, Completion, Job, Status, Verdict, sample_id
from ttrl_cli.rundir import RunDir, Totals
from ttrl_cli.search.select import by_name

NOISY = """
import numpy as np

def measure(candidate, trial):
    noise = trial.rng(candidate.text).normal(scale=2.0, size=4)
    return {"values": (float(candidate.text) + noise).tolist()}
"""
"""Four figures around the number that is the solution, each with noise of 2."""
MEAN = """
import statistics

def verify(data):
    return data

def score(data):
    values = data["values"]
    return {
        "value": statistics.fmean(values),
        "error": statistics.stdev(values) / 2,
        "per_trial": values,
        "feedback": "seen",
    }
"""
STEPS, GROUPS, SIZE = 5, 2, 4
"""Of a simulated run."""


def write_noisy(folder: Path, **keys: Any) -> Path:
    """Write a problem whose solutions are numbers that are measured with noise."""
    solution = {"kind": "json"}
    return write_measured(folder, NOISY, verify=MEAN, seed="0", **({"solution": solution} | keys))


def biases(tmp_path: Path, *, confirm_most: int, runs: int) -> list[float]:
    """Return how far the best that each simulated run reports is above its true value.

    True values and noise have a standard deviation of 1 each, which is the stated error, too. The
    search, its archive and its files are real; nothing is sampled and no process is started.

    Args:
        tmp_path: Where problem and runs are written.
        confirm_most: As in problem.yaml.
        runs: How many.
    """
    measure = {"function": "measure.py:measure", "confirm_most": confirm_most}
    folder = write_noisy(tmp_path / "p", measure=measure)
    return [_bias(tmp_path / f"run{number}", folder, number) for number in range(runs)]


def _bias(path: Path, folder: Path, number: int) -> float:
    problem, rng = load_problem(folder), np.random.default_rng(number)

    def measured(text: str) -> Verdict:
        score = float(text) + rng.normal()
        return Verdict(
            status=Status.OK, score=score, reward=score, error=1.0, solution=text, identity=text
        )

    def again(asked: Sequence[Again]) -> list[Verdict]:
        return [measured(one.solution) for one in asked]

    config = SolveConfig(train=False, groups=GROUPS, group_size=SIZE, seed=number)
    run = RunDir.create(path, "solve", "p", config, folder)
    seeds = root_states(problem, [measured("0")] * GROUPS)
    run.append("archive.jsonl", [archive_log.roots_line(seeds)])
    run.commit(Totals(), lambda _: None, {})
    selector = by_name("puct", c=1.0, epsilon=0.0)
    task = SolveTask(problem, load_archive(run), selector, run, measure_again=again)
    task.keep_best(unverified=False)
    pending = Pending(run)
    for step in range(1, STEPS + 1):
        keys = [prompt.key for prompt in task.prompts(step)]
        pending.begin(step, [])
        attempts = [
            attempt(step, n // SIZE, n % SIZE, keys[n // SIZE], measured(str(rng.normal())))
            for n in range(GROUPS * SIZE)
        ]
        for one in attempts:
            task.graded(step, Job(group=one.group, index=one.index, text=""), one.verdict)
        task.extend(step, task.confirm(attempts, pending))
        pending.clear()
    best = run.best.verdict()
    assert best is not None
    return float(best["score"]) - float(run.best.solution())


def attempt(step: int, group: int, index: int, parent: str, verdict: Verdict) -> Attempt:
    """Return an attempt with a verdict, and no tokens."""
    none = np.zeros(0)
    completion = Completion(
        group=group,
        index=index,
        text=verdict.solution,
        seed=None,
        prompt_ids_S=none.astype(np.int64),
        token_ids_T=none.astype(np.int64),
        logprobs_T=none,
        logprob=None,
        finished=True,
    )
    return Attempt(
        id=sample_id(step, group, index),
        step=step,
        group=group,
        index=index,
        parent=parent,
        policy=0,
        completion=completion,
        verdict=verdict,
        advantage=None,
    )
