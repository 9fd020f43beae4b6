"""How long does `ttrl --help` take? Median of several runs, beside a bare interpreter.

python tests/benchmarks/help_time.py
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 11
TTRL = Path(sys.executable).with_name("ttrl")


def median_seconds(command: list[str]) -> float:
    """The median wall time of a command, after one run that is not counted."""
    times = []
    for _ in range(RUNS + 1):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def main() -> None:
    """Print both figures and their ratio."""
    ours = median_seconds([str(TTRL), "--help"])
    bare = median_seconds([sys.executable, "-c", "pass"])
    sys.stdout.write(f"ttrl --help {ours:.3f} s, python -c pass {bare:.3f} s\n")


if __name__ == "__main__":
    main()
