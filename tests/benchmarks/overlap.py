"""Does grading overlap sampling? A step beside the same step with grading after sampling.

python tests/benchmarks/overlap.py

Completions come evenly over 2 s, as from a model whose rows end at different times; verifying one
takes 200 ms. With what verifying takes in all, shared by the workers, at 1, 2 and 3 s: the wall
time of a whole step (prompts and commit are in it) over the slower of sampling and grading. The
alternative is the same loop with the same pool, whose sampler hands nothing over before all of it
is there.

No schedule comes to 1: what is sampled last can be verified only then. The notes say how near any
can come, with a step that costs nothing else.
"""

import heapq
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _figures import Figure, emit, medians
from loop_speed import PROBLEM, Clock

from ttrl_cli.api.rooting import graded_roots, states_of
from ttrl_cli.api.runtime import Runtime
from ttrl_cli.config import SolveConfig
from ttrl_cli.grading.grader import ProblemGrader
from ttrl_cli.learner.null import NullLearner
from ttrl_cli.loop import archive_log
from ttrl_cli.loop.solve import SolveTask, load_archive
from ttrl_cli.loop.step import Parts, commit, take_step
from ttrl_cli.problem import load_problem
from ttrl_cli.records import Adapter, Completion, Json, Prompt
from ttrl_cli.rundir import RunDir, Totals
from ttrl_cli.rundir.start import Start
from ttrl_cli.search.select import by_name

SAMPLING = 2.0
VERIFYING = 0.2
GROUPS = 4
VERIFY = f"""\
import time

def verify(text):
    time.sleep({VERIFYING})
    return int(text)

def score(number):
    return number
"""


class Paced:
    """A sampler that takes SAMPLING seconds per step. See `Sampler`.

    Args:
        streams: Yield each completion when it is there, and not all at the end.
    """

    def __init__(self, *, streams: bool) -> None:
        self._streams = streams
        self._count = 0

    def load(self, adapter: Adapter) -> None:
        """Nothing to load."""

    def sample(
        self, prompts_P: Sequence[Prompt], *, step: int, stop: Callable[[], bool]
    ) -> Iterator[Completion]:
        """Yield completions evenly over the time, or all at its end."""
        del step, stop
        started = time.perf_counter()
        wanted = [(prompt.group, index) for prompt in prompts_P for index in range(prompt.n)]
        for place, (group, index) in enumerate(wanted, start=1):
            share = place / len(wanted) if self._streams else 1.0
            time.sleep(max(0.0, started + share * SAMPLING - time.perf_counter()))
            yield self._completion(group, index)

    def cursor(self) -> Json:
        """Nothing to keep."""

    def close(self) -> None:
        """Nothing is held."""

    def seek(self, cursor: Json) -> None:
        """Nothing to take up."""

    def _completion(self, group: int, index: int) -> Completion:
        self._count += 1
        return Completion(
            group=group,
            index=index,
            text=str(self._count * 7919 % 100_003),
            seed=None,
            prompt_ids_S=np.empty(0, dtype=np.int64),
            token_ids_T=np.empty(0, dtype=np.int64),
            logprobs_T=np.empty(0),
            logprob=None,
            finished=True,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How much there is to verify: samples per group, and workers that share it."""

    samples: int
    workers: int

    @property
    def grading(self) -> float:
        """Seconds that verifying takes, with all workers at it."""
        return GROUPS * self.samples * VERIFYING / self.workers

    @property
    def slower(self) -> float:
        """Seconds of the slower of sampling and grading."""
        return max(SAMPLING, self.grading)

    @property
    def floor(self) -> float:
        """Seconds after which the last completion can be verified, if no worker ever waits."""
        free = [0.0] * self.workers
        count = GROUPS * self.samples
        for place in range(1, count + 1):
            begins = max(heapq.heappop(free), place / count * SAMPLING)
            heapq.heappush(free, begins + VERIFYING)
        return max(free)


LOADS = (Load(samples=10, workers=8), Load(samples=10, workers=4), Load(samples=15, workers=4))


class Search:
    """A run on disk whose steps are taken one by one."""

    def __init__(
        self, out: Path, grader: ProblemGrader, problem: Path, load: Load, *, streams: bool
    ):
        loaded = load_problem(problem)
        config = SolveConfig(
            groups=GROUPS, group_size=load.samples, workers=load.workers, train=False
        )
        self._run = RunDir.create(out, "solve", loaded.spec.name, config, problem)
        runtime = Runtime(
            sampler=Paced(streams=streams),
            learner=NullLearner(),
            scorer=None,
            dtype="auto",
            files=None,
        )
        self._parts: Parts = runtime.parts(self._run, grader, Clock(), time.monotonic())
        seeds = states_of(loaded, graded_roots(loaded, grader, config, Start()))
        self._run.append("archive.jsonl", [archive_log.roots_line(seeds)])
        commit(self._parts, Totals())
        selector = by_name("puct", c=1.0, epsilon=0.0)
        self._task = SolveTask(
            loaded,
            load_archive(self._run),
            selector,
            self._run,
            measure_again=grader.measure_again,
        )

    def step(self) -> float:
        """The wall time of the next step."""
        started = time.perf_counter()
        take_step(self._task, self._parts)
        return time.perf_counter() - started


def measure(problem: Path, load: Load) -> dict[str, float]:
    """The medians of both ways, in seconds per step."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        grader = stack.enter_context(ProblemGrader(load_problem(problem), workers=load.workers))
        overlapped = Search(folder / "streams", grader, problem, load, streams=True)
        serial = Search(folder / "serial", grader, problem, load, streams=False)
        return medians({"overlapped": overlapped.step, "serial": serial.step})


def main() -> None:
    """Emit the figures."""
    with tempfile.TemporaryDirectory() as folder:
        problem = Path(folder) / "numbers"
        problem.mkdir()
        (problem / "problem.yaml").write_text(PROBLEM.replace("KIND", "text"))
        (problem / "verify.py").write_text(VERIFY)
        (problem / "seed.txt").write_text("1")
        for load in LOADS:
            found = measure(problem, load)
            emit(
                Figure(
                    name=f"overlap-{load.grading:g}s",
                    what=f"a step, {SAMPLING:g} s of sampling and {load.grading:g} s of grading",
                    against="grading after sampling",
                    ours=found["overlapped"] / load.slower,
                    alternative=found["serial"] / load.slower,
                    unit="times the slower",
                    lower=True,
                    target="1.1 times the slower",
                    note=f"No schedule comes below {load.floor / load.slower:.3f}: "
                    f"{load.floor:.3f} s. Ours took {found['overlapped']:.3f} s.",
                )
            )


if __name__ == "__main__":
    main()
