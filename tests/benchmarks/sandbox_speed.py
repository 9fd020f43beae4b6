"""What isolation costs: a trivial candidate on each backend, beside two ways without any.

python tests/benchmarks/sandbox_speed.py [--soak 10000]

The alternatives, in the same run: a fresh `python -c "import numpy"` for each candidate, which is
how programs are usually run, and a plain process pool whose warm workers execute the source in
themselves, which keeps nothing in. Medians over rounds in which all take their turn.
"""

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import psutil

from ttrl_cli.problem import Limits
from ttrl_cli.sandbox.backends import BACKENDS
from ttrl_cli.sandbox.base import Program, Surroundings
from ttrl_cli.sandbox.choose import check_backend
from ttrl_cli.sandbox.session import Sandbox

ROUNDS = 7
PER_ROUND = {"fresh": 5}  # it is slow; all others run 50 at a time
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


def soak(count: int) -> dict[str, object]:
    """Run many candidates in a row on the strongest backend; what is left behind."""
    backend = next(b for b in BACKENDS.values() if b.isolated and check_backend(b, ()).works)
    with Sandbox(backend, Surroundings()) as sandbox:
        run(sandbox)
        before = left(sandbox)
        started = time.perf_counter()
        for _ in range(count):
            run(sandbox)
        seconds = time.perf_counter() - started
        after = left(sandbox)
    return {"backend": backend.name, "seconds": seconds, "before": before, "after": after}


def left(sandbox: Sandbox) -> dict[str, float]:
    """Processes, descriptors, temporary files, and memory of all processes in MiB."""
    family = [psutil.Process(), *psutil.Process().children(recursive=True)]
    # one candidate more, to let the kernel finish with the one before
    run(sandbox)
    return {
        "processes": len(family),
        "descriptors": sum(process.num_fds() for process in family),
        "files": len(list(Path(tempfile.gettempdir()).iterdir())),
        "memory_mb": sum(process.memory_full_info().uss for process in family) / 2**20,
    }


def run(sandbox: Sandbox) -> None:
    """One candidate in a sandbox."""
    result = sandbox.run(Program(source=SOURCE, arguments={"seed": 7}), LIMITS)
    assert result.data[0] == 7, result


def measure(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median over rounds of the milliseconds per candidate of each way."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            count = PER_ROUND.get(name, 50)
            started = time.perf_counter()
            for _ in range(count):
                way()
            times[name].append(1e3 * (time.perf_counter() - started) / count)
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    """Print a table and one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--soak", type=int, default=0, metavar="N")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        ways: dict[str, Callable[[], object]] = {"fresh": fresh}
        pool = stack.enter_context(ProcessPoolExecutor(1))
        ways["pool"] = lambda: pool.submit(plain, SOURCE).result()
        for name, backend in BACKENDS.items():
            if not check_backend(backend, ()).works:
                continue
            sandbox = stack.enter_context(Sandbox(backend, Surroundings()))
            run(sandbox)
            ways[name] = lambda sandbox=sandbox: run(sandbox)
        medians = measure(ways)
    sys.stdout.write("way         ms each   candidates/s   times fresh\n")
    for name, milliseconds in medians.items():
        rate = 1e3 / milliseconds
        ratio = medians["fresh"] / milliseconds
        sys.stdout.write(f"{name:<11} {milliseconds:7.2f}   {rate:12.0f}   {ratio:11.1f}\n")
    report: dict[str, object] = {"milliseconds": medians}
    if arguments.soak:
        report["soak"] = soak(arguments.soak)
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
