"""What do the two halves of models/lean buy? Both beside transformers' own forward.

python tests/benchmarks/lean_speed.py [--model NAME] [--rounds 5] [--task sample|short|long]

The same sampler and learner, with `models/lean` and as if it had been deleted: the model then
decodes and learns by its own forward, with its weights as they were loaded, and everything else
(shared prompts, the KV cache of the rows, drawing) stays as it is. Each way has a process of its
own, so that the peak memory is its own, and they take turns. Speed is per second of CPU time, of
all threads together: what the neighbours of a busy machine do then matters little.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from unittest.mock import patch

import sample_speed
import update_speed
from _figures import ROUNDS, Figure, emit, few, medians, say

from ttrl_cli.models.lean import weights

SHAPES = {"short": (1, 32, 100, 50), "long": (1, 4, 500, 500)}
update_speed.PER_PASS |= {SHAPES["short"]: 32, SHAPES["long"]: 4}
WHAT = {
    "sample": f"sampling, {sample_speed.SAMPLES} x {sample_speed.TOKENS} tokens, float32",
    **{
        task: f"update, a round of {p} x {g}, prompts {s}, completions {t} tokens"
        for task, (p, g, s, t) in SHAPES.items()
    },
}
ENVIRONMENT = update_speed.QUIET | {"OMP_WAIT_POLICY": "PASSIVE"}  # waiting is no work
AGAINST = "the model's own forward, in the same sampler and learner"


def work_of(task: str, model: str) -> tuple[Callable[[], object], int]:
    """What a task does once, and of how many tokens."""
    if task == "sample":
        loaded = sample_speed.load(model, "float32")
        tokens = sample_speed.SAMPLES * sample_speed.TOKENS
        return lambda: sample_speed.ours(loaded), tokens
    prompts, group, _, tokens = SHAPES[task]
    return update_speed.ours(model, SHAPES[task]), prompts * group * tokens


def serve(way: str, task: str, model: str) -> None:
    """A worker: for each line on stdin, the task once; says its speed and the peak memory."""
    with patch.object(weights, "_SUPPORTED", weights._SUPPORTED if way == "lean" else frozenset()):
        work, tokens = work_of(task, model)
        for _ in sys.stdin:
            started = time.process_time()
            work()
            rate = tokens / (time.process_time() - started)
            peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            print(json.dumps({"rate": rate, "peak_gb": peak_kb * 1024 / 1e9}), flush=True)  # noqa: T201


class Worker:
    """A process that does a task when asked."""

    def __init__(self, way: str, task: str, model: str) -> None:
        command = [sys.executable, __file__, "--worker", way, "--task", task, "--model", model]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT
        )
        self.peak_gb = 0.0

    def rate(self) -> float:
        """Tokens per second of CPU time, of one turn."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        said = json.loads(self._process.stdout.readline())
        self.peak_gb = said["peak_gb"]
        return float(said["rate"])

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def measure(task: str, model: str, rounds: int) -> None:
    """Emit the figures of a task: its speed and its peak memory."""
    say(f"{task}: {WHAT[task]}")
    workers = {way: Worker(way, task, model) for way in ("lean", "own")}
    for worker in workers.values():
        worker.rate()  # not counted
    rate = medians({way: worker.rate for way, worker in workers.items()}, rounds)
    peak = {way: worker.peak_gb for way, worker in workers.items()}
    for worker in workers.values():
        worker.close()
    figures = {
        f"lean-{task}": (WHAT[task], rate, "tokens/CPU s", False),
        f"lean-{task}-memory": (f"peak memory of the process, {WHAT[task]}", peak, "GB", True),
    }
    for name, (what, found, unit, lower) in figures.items():
        emit(
            Figure(
                name=name,
                what=what,
                against=AGAINST,
                ours=found["lean"],
                alternative=found["own"],
                unit=unit,
                lower=lower,
                note=few(rounds).strip(),
            )
        )


def main() -> None:
    """Measure all tasks, or be a worker."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--task", choices=WHAT, default=None)
    parser.add_argument("--worker", choices=["lean", "own"], default=None)
    given = parser.parse_args()
    if given.worker:
        serve(given.worker, given.task, given.model)
        return
    for task in [given.task] if given.task else WHAT:
        measure(task, given.model, given.rounds)


if __name__ == "__main__":
    main()
