"""What the loop costs per attempt, beside an executor that does nothing but grade.

python tests/benchmarks/loop_speed.py

`solve` with replayed completions and nothing to learn, 8 x 64 samples per step, two workers: the
wall time of all steps over the attempts, less the time of verifying them, which two workers share.
It has prompts, dispatch, archive, logs and commits in it. The alternative: concurrent.futures, two
workers, one submit per attempt of the same grading function, without any of these.
"""

import json
import multiprocessing
import random
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from _figures import Figure, emit, medians, say

from ttrl_cli import api
from ttrl_cli.grading import worker
from ttrl_cli.problem import load_problem
from ttrl_cli.records import Job, StepProgress, Verdict, Watch

GROUPS, GROUP_SIZE, WORKERS = 8, 64, 2
PROBLEM = """\
name: numbers
statement: Make it large.
direction: maximize
solution: {kind: KIND}
verifier: verify.py:verify
score: verify.py:score
seeds: [seed.txt]
"""
NUMBER = "def verify(text): return int(text)\n\ndef score(number): return number\n"
LIST = "def verify(data): return [float(x) for x in data]\n\ndef score(data): return sum(data)\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A problem on disk, and completions for it."""

    folder: Path
    steps: int
    texts: tuple[str, ...]


class Clock:
    """Notes when steps begin and end; the loop's `Reporter`."""

    def __init__(self) -> None:
        self.marks: list[float] = []

    def began(self, watch: Watch) -> None:
        """The first step is about to begin."""
        del watch
        self.marks.append(time.perf_counter())

    def step_began(self, stage: str, look: Callable[[], StepProgress]) -> None:
        """A step begins."""

    def sampled(self, step: int, done: int, total: int) -> None:
        """A completion was finished."""

    def step_done(self, metrics: Mapping[str, float], stage: str) -> None:
        """A step was committed."""
        del metrics, stage
        self.marks.append(time.perf_counter())

    def warned(self, text: str) -> None:
        """Something ought not to be overlooked."""
        say(text)


def case(folder: Path, *, steps: int, numbers: int) -> Case:
    """A number as text, or a list of numbers as JSON; every completion another one."""
    rng = random.Random(0)
    count = steps * GROUPS * GROUP_SIZE
    if numbers == 1:
        kind, verify, seed = "text", NUMBER, "1"
        texts = [str(number) for number in rng.sample(range(1_000_000), count)]
    else:
        kind, verify, seed = "json", LIST, json.dumps([0.5] * numbers)
        texts = [json.dumps([rng.random() for _ in range(numbers)]) for _ in range(count)]
    folder.mkdir()
    (folder / "problem.yaml").write_text(PROBLEM.replace("KIND", kind))
    (folder / "verify.py").write_text(verify)
    (folder / "seed.txt").write_text(seed)
    return Case(folder=folder, steps=steps, texts=tuple(texts))


def loop(given: Case) -> float:
    """Milliseconds per attempt of `solve`, without verifying."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        replay, out = Path(folder) / "replay.jsonl", Path(folder) / "run"
        replay.write_text("".join(json.dumps({"text": text}) + "\n" for text in given.texts))
        options = {
            "sampler": f"replay:{replay}",
            "groups": GROUPS,
            "group_size": GROUP_SIZE,
            "steps": given.steps,
            "workers": WORKERS,
        }
        api.solve(given.folder, options=options, out=out, reporter=clock)
        lines = (out / "attempts.jsonl").read_text().splitlines()
    verifying = sum(json.loads(line)["verdict"]["seconds"] for line in lines)
    assert len(lines) == len(given.texts)
    return overhead(clock.marks[-1] - clock.marks[0], verifying, len(lines))


def executor(given: Case, pool: ProcessPoolExecutor) -> float:
    """Milliseconds per attempt of an executor, without verifying."""
    job = Job(group=0, index=0, text="", parent_data=None, seed=0)
    jobs = [replace(job, index=index, text=text) for index, text in enumerate(given.texts)]
    started = time.perf_counter()
    futures = [pool.submit(worker.run_job, job) for job in jobs]
    verdicts: list[Verdict] = [future.result() for future in futures]
    taken = time.perf_counter() - started
    assert all(verdict.valid for verdict in verdicts)
    return overhead(taken, sum(verdict.seconds for verdict in verdicts), len(verdicts))


def overhead(wall: float, verifying: float, attempts: int) -> float:
    """Milliseconds per attempt beyond those of verifying, which all workers share."""
    return 1e3 * (wall - verifying / WORKERS) / attempts


def measure(given: Case) -> dict[str, float]:
    """The medians of both ways."""
    with ExitStack() as stack:
        pool = stack.enter_context(
            ProcessPoolExecutor(
                WORKERS,
                mp_context=multiprocessing.get_context("forkserver"),
                initializer=worker.start,
                initargs=(load_problem(given.folder), ""),
            )
        )
        few = replace(given, texts=given.texts[:64])
        executor(few, pool)  # starts the workers
        ways: dict[str, Callable[[], float]] = {
            "loop": lambda: loop(given),
            "executor": lambda: executor(given, pool),
        }
        return medians(ways)


def main() -> None:
    """Emit the figures."""
    against = "concurrent.futures grading alone"
    with tempfile.TemporaryDirectory() as folder:
        found = measure(case(Path(folder) / "number", steps=8, numbers=1))
        emit(
            Figure(
                name="loop-overhead",
                what="the loop's overhead per attempt, a number as text",
                against=against,
                ours=found["loop"],
                alternative=found["executor"],
                unit="ms",
                lower=True,
                target="2 ms",
            )
        )
        found = measure(case(Path(folder) / "list", steps=3, numbers=600))
        emit(
            Figure(
                name="loop-overhead-600",
                what="the same, 600 numbers as JSON",
                against=against,
                ours=found["loop"],
                alternative=found["executor"],
                unit="ms",
                lower=True,
                note="Most of it goes to the digests of verified data, two per attempt, by which "
                "the archive and the metrics know copies.",
            )
        )


if __name__ == "__main__":
    main()
