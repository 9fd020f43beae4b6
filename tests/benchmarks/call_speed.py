"""What a call of a measured candidate costs beyond the program's own time, on each backend.

python tests/benchmarks/call_speed.py [--rounds N]

The alternatives, in the same run: a single run as problems without `measure` have it, and for
arrays JSON, with an object of Python per number. The program's own time is what is measured inside
the sandbox, from the moment at which the program takes over; the rest is ours: the input, the fork,
namespaces and limits, a core's lock, and reading the answer.
"""

import argparse
import contextlib
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from _figures import Figure, emit, few, medians, say, seconds

from ttrl_cli.grading.candidate import Candidate, Measuring
from ttrl_cli.grading.slots import Slots
from ttrl_cli.problem import Limits
from ttrl_cli.sandbox.backends import BACKENDS
from ttrl_cli.sandbox.base import Backend, Program, SandboxSpec
from ttrl_cli.sandbox.calls import interpreted
from ttrl_cli.sandbox.choose import check_backend
from ttrl_cli.sandbox.cores import Cores
from ttrl_cli.sandbox.session import Sandbox

ROUNDS = 5
CALLS = 300
TEXT = "print(sum(map(int, input().split())))\n"
SOURCE = "def run(seed):\n    return [seed, 1.0]\n"
ARRAYS = "def run(x):\n    return x\n"
NUMBERS = 30_000_000
FEW_NUMBERS = 1_000_000
LIMITS = Limits(seconds=60, memory_mb=4096, output_mb=512)


def main() -> None:
    """Emit the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    working = [b for b in BACKENDS.values() if check_backend(b, ()).works]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        cores = Cores(Path(folder), ["core-0"])
        for backend in working:
            sandbox = stack.enter_context(Sandbox(backend, SandboxSpec()))
            overhead(backend, sandbox, cores, rounds)
        arrays(sandbox, cores, rounds, working[-1].name)


def candidate(sandbox: Sandbox, cores: Cores, source: str) -> Candidate:
    """A candidate as `measure` is given it."""
    slots = Slots(lambda: sandbox, 1)
    measuring = Measuring(3600, LIMITS, cores)
    return Candidate(source, None, interpreted(Program(source=source)), slots, measuring)


def overhead(backend: Backend, sandbox: Sandbox, cores: Cores, rounds: int) -> None:
    """Emit the median of what calls cost beyond the program's own time."""
    called = candidate(sandbox, cores, TEXT)
    program = Program(source=SOURCE, arguments={"seed": 7})
    count = CALLS // rounds

    def beyond() -> float:
        costs = []
        for _ in range(count):
            began = time.perf_counter()
            outcome = called.run("1 2 3\n")
            costs.append(time.perf_counter() - began - outcome.seconds)
            assert outcome.output == "6\n", outcome
        return 1e3 * statistics.median(costs)

    def single() -> float:
        return 1e3 * statistics.median(
            seconds(partial(sandbox.run, program, LIMITS)) for _ in range(count)
        )

    beyond()
    found = medians({"call": beyond, "single": single}, rounds)
    emit(
        Figure(
            name=f"call-overhead-{backend.name}",
            what=f"a call of a candidate on {backend.name}, beyond the program's own time",
            against="a single run of a program, all of it",
            ours=found["call"],
            alternative=found["single"],
            unit="ms",
            lower=True,
            target="10 ms",
            note=f"Median of {count * rounds} calls.{few(rounds)}",
        )
    )


def arrays(sandbox: Sandbox, cores: Cores, rounds: int, name: str) -> None:
    """Emit what many numbers in and out take."""
    called = candidate(sandbox, cores, ARRAYS)
    array = np.random.default_rng(0).random(NUMBERS)

    def as_arrays() -> float:
        began = time.perf_counter()
        outcome = called.run({"x": array})
        taken = time.perf_counter() - began
        assert outcome.ok, outcome.reason
        assert outcome.data.shape == array.shape
        return taken

    def as_json() -> float:
        numbers = array[:FEW_NUMBERS].tolist()
        program = Program(source=ARRAYS, arguments={"x": numbers})
        return seconds(lambda: sandbox.run(program, LIMITS)) * NUMBERS / FEW_NUMBERS

    ways: dict[str, Callable[[], float]] = {"arrays": as_arrays, "json": as_json}
    found = medians(ways, rounds)
    say(json.dumps(found))
    emit(
        Figure(
            name="call-arrays",
            what=f"{NUMBERS:,} numbers in and out of a call on {name}, as an array",
            against="the same as lists of numbers in JSON, reckoned from a thirtieth of them",
            ours=found["arrays"],
            alternative=found["json"],
            unit="s",
            lower=True,
            target="2 s",
            note=f"float64: 240 MB each way.{few(rounds)}",
        )
    )


if __name__ == "__main__":
    main()
