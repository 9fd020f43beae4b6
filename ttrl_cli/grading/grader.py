"""The grader of the solve loop: completions in, verdicts out, by worker processes.

Worker processes and their crashes are the business of `process_pool.py`, what one of them does of
`worker.py`. A failure of ours ends as a verdict FAILED, which is masked out of the update.
"""

import signal
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ttrl_cli.bounds.certificate import Certificate
from ttrl_cli.errors import ProblemError, SetupError, UsageError
from ttrl_cli.escapes import brief
from ttrl_cli.grading import worker, worker_process
from ttrl_cli.grading.attacks import Attack
from ttrl_cli.grading.base import Heard, no_one
from ttrl_cli.grading.hostile_outcomes import Hostile
from ttrl_cli.grading.interpreter import interpreter
from ttrl_cli.grading.measured_verdict import Shown
from ttrl_cli.grading.process_pool import TOO_LATE, Failure, ProcessPool
from ttrl_cli.grading.trial import Asked, Split, new_secret
from ttrl_cli.grading.worker import Loaded
from ttrl_cli.problem import Problem
from ttrl_cli.records import Again, Job, Json, Status, Verdict

LOAD_SECONDS = 240.0
"""Most that importing a problem's files and starting its sandbox may take."""


class ProblemGrader(AbstractContextManager["ProblemGrader"]):
    """Grades completions in processes of its own. A context manager; to be used by one thread.

    The problem's code is loaded once before the constructor returns, to see that it can be; the
    workers are started, and load it while the caller goes on to load a model.

    Args:
        problem: The problem.
        workers: How many processes; each runs one program at a time.
        sandbox: The backend that isolates programs, or auto for the strongest that works.
        run: The run directory; None if there is none.
        secret: What the trials of a measured problem are drawn from; by default a new one.

    Attributes:
        secret: As given, or drawn; empty where nothing is measured.
        sandbox: The backend that is used; empty where solutions are not programs.
        warning: What the user should know about it; empty if nothing.

    Raises:
        ProblemError: If the problem's code cannot be loaded.
        SetupError: If the sandbox does not start, or lacks a package or a compiler.
        UsageError: If programs would see the run directory.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        workers: int,
        sandbox: str = "auto",
        run: Path | None = None,
        secret: str = "",
    ) -> None:
        interpreter(problem)
        self._limit = worker.hard_limit(problem)
        self._jobs: dict[Hashable, Job] = {}
        self._verdicts: dict[Hashable, Verdict] = {}
        self._fresh: list[Hashable] = []
        self._measured = problem.spec.measure is not None
        loaded = _try_loading(problem, sandbox, run)
        self.sandbox, self.warning = loaded.sandbox, loaded.warning
        measure, seconds = problem.spec.measuring, problem.spec.limits.seconds
        self.secret = "" if measure is None else secret or new_secret()
        arguments = (problem, loaded.sandbox, self.secret)
        late = 0.0 if measure is None else measure.seconds
        self._workers = ProcessPool(
            count=workers,
            initializer=worker.start,
            arguments=arguments,
            late=f"verifying took more than {seconds:g} s (limits.seconds)",
            measured=f"measure took more than {late:g} s (measure.seconds)",
        )

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def graded(self) -> int:
        """Verdicts since the last collect; may be asked from another thread."""
        return len(self._verdicts)

    def submit(self, job: Job) -> None:
        """Take one completion to grade; return at once."""
        key = (job.group, job.index)
        if key in self._jobs:
            msg = f"the job {key} was submitted twice"
            raise ValueError(msg)
        self._jobs[key] = job
        self._workers.submit(key, worker.run_job, job, timeout=self._limit)

    def finished(self) -> list[tuple[Job, Verdict]]:
        """Return what was graded since the last call, in the order it was finished; never wait."""
        self._take(wait=False)
        fresh, self._fresh = self._fresh, []
        return [(self._jobs[key], self._verdicts[key]) for key in fresh]

    def collect(self, heard: Heard = no_one) -> dict[tuple[int, int], Verdict]:
        """Wait for all jobs submitted since the last collect; return verdicts by (group, index).

        Args:
            heard: Told of each verdict that `finished` has not returned, as soon as it is there.
        """
        while len(self._verdicts) < len(self._jobs):
            self._take(wait=True)
            for job, verdict in self.finished():
                heard(job, verdict)
        keys = sorted((job.group, job.index) for job in self._jobs.values())
        verdicts = {key: self._verdicts[key] for key in keys}
        self._jobs, self._verdicts, self._fresh = {}, {}, []
        return verdicts

    def grade_solutions(self, texts: Sequence[str], seeds: Sequence[int]) -> list[Verdict]:
        """Grade the texts of solutions, as seed files hold them; return the verdicts in order.

        Args:
            texts: The solutions.
            seeds: For each, what a program is told as `seed`.
        """
        keys = [f"solution {index}" for index in range(len(texts))]
        for key, text, seed in zip(keys, texts, seeds, strict=True):
            self._workers.submit(key, worker.run_solution, text, None, seed, timeout=self._limit)
        return [self._verdict(result) for result in self._wait_for(keys)]

    def grade_solution(self, text: str) -> Verdict:
        """Grade the text of a solution, as a seed file holds it."""
        return self._verdict(self._one(worker.run_solution, text, None, 0))

    def measure_again(self, asked: Sequence[Again]) -> list[Verdict]:
        """Grade solutions on trials of their own; return the verdicts in the order asked."""
        keys = [f"again {index}" for index in range(len(asked))]
        for key, one in zip(keys, asked, strict=True):
            given = (one.solution, one.parent_data, one.seed, one.purpose)
            self._workers.submit(key, worker.run_solution, *given, timeout=self._limit)
        return [self._verdict(result) for result in self._wait_for(keys)]

    def called_late(self) -> bool:
        """Return whether a candidate was called after measure had returned, as far as was seen."""
        return self._one(worker.called_late) is True

    def grade_each(self, asked: Sequence[Asked]) -> Iterator[tuple[int, Verdict]]:
        """Grade solutions on the trials that are asked for.

        Yields:
            Each one's place among those asked, and its verdict, as soon as it is there.
        """
        for place, one in enumerate(asked):
            self._workers.submit(("asked", place), worker.run_asked, one, timeout=self._limit)
        left = len(asked)
        while left:
            for (_, place), result in self._take(wait=True).items():
                left -= 1
                yield place, self._verdict(result)

    def measure(self, text: str, split: Split = "search", number: int = 0) -> Shown:
        """Measure and grade the text of a solution on one trial, to look at its calls."""
        found = self._one(worker.run_measure, text, split, number)
        if isinstance(found, Shown):
            return found
        return Shown(verdict=self._verdict(found), data=None, calls=())

    def grade_data(self, data: Json) -> Verdict:
        """Grade data."""
        return self._verdict(self._one(worker.run_data, data))

    def certify(self, data: Json, text: str) -> Certificate | str:
        """Certify verified data; return the certificate, or why there is none.

        Args:
            data: The verified data.
            text: The solution that the data come from.
        """
        found = self._one(worker.certify, data, text)
        return found.reason if isinstance(found, Failure) else found

    def certify_again(self, construction: Mapping[str, Json]) -> Certificate | str:
        """Certify a problem's own construction again; return the certificate, or why it fails."""
        found = self._one(worker.certify_again, construction)
        return found.reason if isinstance(found, Failure) else found

    def attack(self, attacks: Sequence[Attack], seconds: float, known: Json) -> list[str]:
        """Try all attacks on the verifier; return for each what it found, empty if nothing.

        Args:
            attacks: The attacks.
            seconds: Limit for one attack, which calls the verifier twice.
            known: What the verifier returned for an honest solution.
        """
        for index, attacked in enumerate(attacks):
            self._workers.submit(f"attack {index}", worker.attack, attacked, known, timeout=seconds)
        found = self._wait_for([f"attack {index}" for index in range(len(attacks))])
        return [f.reason if isinstance(f, Failure) else f for f in found]

    def attack_measure(self, tried: Sequence[Hostile], honest: Verdict) -> list[str]:
        """Let measure and score meet hostile outcomes; return for each what it found.

        Args:
            tried: The outcomes.
            honest: The verdict on the honest solution whose calls have them.
        """
        for index, one in enumerate(tried):
            self._workers.submit(
                f"attack {index}", worker.attack_measure, one, honest, timeout=self._limit
            )
        found = self._wait_for([f"attack {index}" for index in range(len(tried))])
        return [f.reason if isinstance(f, Failure) else f for f in found]

    def close(self) -> None:
        """Stop at once, and leave no worker and no candidate program behind."""
        self._workers.close()

    def _one(self, function: Callable[..., Any], *arguments: Any) -> Any:
        self._workers.submit("one", function, *arguments, timeout=self._limit)
        return self._wait_for(["one"])[0]

    def _verdict(self, result: Any) -> Verdict:
        return _verdict(result, measured=self._measured)

    def _wait_for(self, keys: list[str]) -> list[Any]:
        found: dict[Hashable, Any] = {}
        while len(found) < len(keys):
            found |= self._take(wait=True)
        return [found[key] for key in keys]

    def _take(self, *, wait: bool) -> dict[Any, Any]:
        """Record the verdicts of jobs that ended; return all other results by key."""
        others: dict[Any, Any] = {}
        for key, result in self._workers.take(wait=wait):
            if key in self._jobs:
                self._verdicts[key] = self._verdict(result)
                self._fresh.append(key)
            else:
                others[key] = result
        return others


def _try_loading(problem: Problem, sandbox: str, run: Path | None) -> Loaded:
    """Load the problem's code and sandbox in a process of its own, in case they hang or crash.

    Raises:
        ProblemError: If loading hangs or crashes, or if the code cannot be loaded.
        SetupError: If the machine lacks something.
        UsageError: If programs would see the run directory.
    """
    file = problem.file
    workers = ProcessPool(count=1, initializer=worker_process.prepare, arguments=())
    try:
        workers.submit("load", worker.load, problem, sandbox, run, timeout=LOAD_SECONDS)
        ((_, loaded),) = workers.take(wait=True)
    finally:
        workers.close()
    if isinstance(loaded, Failure):
        raise ProblemError(file, "verifier", f"loading the problem's code: {loaded.reason}")
    assert isinstance(loaded, Loaded)
    if loaded.wrong:
        raise ProblemError(file, "", loaded.wrong.removeprefix(f"{file}: "))
    if loaded.missing:
        msg = f"{file}: {loaded.missing}"
        raise SetupError(msg)
    if loaded.exposed:
        msg = f"{run} lies in {loaded.exposed}, which programs can read; choose another --out"
        raise UsageError(msg)
    return loaded


def _verdict(result: Any, *, measured: bool) -> Verdict:
    """Return the verdict that a worker sent, or that its end amounts to.

    Of a measured problem a worker runs nothing but the problem's code: what ends by itself was
    ended by that, and what the system kills (SIGKILL) may be anybody's fault.
    """
    if isinstance(result, Verdict):
        return result
    if not isinstance(result, Failure):
        return Verdict(status=Status.FAILED, reason=f"unexpected {brief(result, 200)}")
    ended = measured and result.code not in (None, TOO_LATE, -signal.SIGALRM, -signal.SIGKILL)
    blame = "measure" if ended else ""
    return Verdict(status=Status.FAILED, reason=result.reason, blame=blame)
