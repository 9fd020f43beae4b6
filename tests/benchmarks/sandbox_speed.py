"""What isolation costs: a trivial candidate on each backend, beside two ways without any.

python tests/benchmarks/sandbox_speed.py [--soak 2000]

A program that uses numpy, one after another by one worker, on every backend that works here. The
alternatives, in the same run: a fresh `python -c "import numpy ..."` for each candidate, which is
how programs are usually run, and a plain process pool whose warm workers execute the source in
themselves, which keeps nothing in: one program can change the next one's numpy, keep the worker
for ever, or read your files. Then a row of programs on the strongest backend, to see what they
leave behind.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from _figures import Figure, emit, medians, say, seconds

from ttrl_cli.problem import Limits
from ttrl_cli.sandbox.backends import BACKENDS
from ttrl_cli.sandbox.base import Backend, Program, SandboxSpec
from ttrl_cli.sandbox.choose import check_backend
from ttrl_cli.sandbox.session import Sandbox

ROUNDS = 7
CALLS = 50
CALLS_FRESH = 5  # it is slow
SOURCE = "import numpy\n\ndef run(seed):\n    return [seed, float(numpy.sqrt(2.0))]\n"
LIMITS = Limits(seconds=10, memory_mb=1024)


def fresh() -> None:
    """One candidate in an interpreter of its own."""
    code = SOURCE + "import json\nprint(json.dumps(run(7)))\n"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert json.loads(done.stdout)[0] == 7


def plain(source: str) -> Any:
    """One candidate in a worker of a plain pool."""
    module: dict[str, Any] = {}
    exec(source, module)
    return module["run"](7)


def strongest() -> Backend:
    """The first backend that isolates and works here."""
    return next(b for b in BACKENDS.values() if b.isolated and check_backend(b, ()).works)


def soak(count: int) -> None:
    """Run many candidates in a row on the strongest backend; emit what is left behind."""
    backend = strongest()
    with Sandbox(backend, SandboxSpec()) as sandbox:
        run(sandbox)
        before = left(sandbox)
        taken = count * per_call(partial(run, sandbox), count) / 1e3
        after = left(sandbox)
    say(f"{count} programs in {taken:.0f} s: {before} -> {after}")
    what = f"{count:,} programs in a row on {backend.name}"
    memory = after.pop("memory") - before.pop("memory")
    emit(
        Figure(
            name="sandbox-soak",
            what=f"{what}: processes, descriptors and temporary files",
            against="",
            ours=float(sum(max(0, after[key] - before[key]) for key in after)),
            alternative=None,
            unit="left behind",
            lower=True,
            target="0 left behind",
            note=f"Once, in {taken:.0f} s. Memory of all processes: {memory:+.1f} MiB.",
        )
    )


def left(sandbox: Sandbox) -> dict[str, float]:
    """Processes, descriptors, temporary files, and memory of all processes in MiB."""
    family = [psutil.Process(), *psutil.Process().children(recursive=True)]
    # one candidate more, to let the kernel finish with the one before
    run(sandbox)
    return {
        "processes": len(family),
        "descriptors": sum(process.num_fds() for process in family),
        "files": len(list(Path(tempfile.gettempdir()).iterdir())),
        "memory": sum(process.memory_full_info().uss for process in family) / 2**20,
    }


def run(sandbox: Sandbox) -> None:
    """One candidate in a sandbox."""
    result = sandbox.run(Program(source=SOURCE, arguments={"seed": 7}), LIMITS)
    assert result.data[0] == 7, result


def per_call(way: Callable[[], object], calls: int = CALLS) -> float:
    """Milliseconds of one of some calls in a row."""
    return 1e3 * seconds(lambda: [way() for _ in range(calls)]) / calls


def speed() -> None:
    """Emit what a candidate takes on each backend."""
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(ProcessPoolExecutor(1))
        ways: dict[str, Callable[[], float]] = {
            "fresh": lambda: per_call(fresh, CALLS_FRESH),
            "pool": lambda: per_call(lambda: pool.submit(plain, SOURCE).result()),
        }
        for name, backend in BACKENDS.items():
            if not check_backend(backend, ()).works:
                say(f"{name} does not work here")
                continue
            sandbox = stack.enter_context(Sandbox(backend, SandboxSpec()))
            run(sandbox)
            ways[name] = partial(per_call, partial(run, sandbox))
        found = medians(ways, ROUNDS)
    working = [backend for name, backend in BACKENDS.items() if name in found]
    against = "neither isolated nor limited"
    for backend in working:
        what = "" if backend.isolated else ", which limits and does not isolate"
        emit(
            Figure(
                name=f"sandbox-{backend.name}",
                what=f"a program on {backend.name}{what}",
                against=f"a fresh interpreter each, {against}",
                ours=found[backend.name],
                alternative=found["fresh"],
                unit="ms",
                lower=True,
            )
        )
    emit(
        Figure(
            name="sandbox-pool",
            what=f"a program on {strongest().name}",
            against=f"a plain process pool, {against}",
            ours=found[strongest().name],
            alternative=found["pool"],
            unit="ms",
            lower=True,
        )
    )


def main() -> None:
    """Emit the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--soak", type=int, default=2000, metavar="N")
    arguments = parser.parse_args()
    speed()
    if arguments.soak:
        with tempfile.TemporaryDirectory() as folder:
            # one of its own, so that nobody else's files are counted
            os.environ["TMPDIR"] = tempfile.tempdir = folder
            soak(arguments.soak)


if __name__ == "__main__":
    main()
