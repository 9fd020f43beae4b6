"""What a step of a run takes beside two busy processes: threads that wait let others run.

python tests/benchmarks/neighbours.py [--rounds 5]

A step of `ttrl solve` with the embedded model, 8 samples of at most 16 tokens and an update on all
of them, with a thread per core (`time/step` of metrics.jsonl): alone, and beside two processes that
do nothing but count. The alternative is the same command whose OpenMP threads spin while they wait
for each other, as they do by default (GOMP_SPINCOUNT=300000). On two cores a fair share is half of
each, so a fair step takes twice as long beside two neighbours.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from os import environ
from pathlib import Path

from _figures import ROUNDS, Figure, emit, few, medians

TTRL = Path(sys.executable).with_name("ttrl")
SPINNING = {"GOMP_SPINCOUNT": "300000"}
"""libgomp's default where no policy is set."""
PROBLEM = """\
name: any-text
statement: Write a sentence about mountains.
direction: maximize
solution: {kind: text}
verifier: verify.py:verify
score: verify.py:score
seeds: [seed.txt]
run: {steps: 1, groups: 1, group_size: 8, max_tokens: 16, objective: mean-baseline, dtype: float32}
"""
VERIFY = """\
from zlib import crc32

def verify(text):
    return text

def score(text):
    return 1 + crc32(text.encode()) / 2**32
"""


@contextmanager
def neighbours(number: int) -> Iterator[None]:
    """Keep some processes busy for a while."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def write_problem(folder: Path) -> Path:
    """Write a problem that any text solves, no two alike, so that all of them are learned from."""
    folder.mkdir()
    (folder / "problem.yaml").write_text(PROBLEM)
    (folder / "verify.py").write_text(VERIFY)
    (folder / "seed.txt").write_text("Mountains are high.")
    return folder


def step_seconds(problem: Path, out: Path, variables: dict[str, str], busy: int) -> float:
    """Return the seconds of a run's only step, beside so many busy processes."""
    own = {key: value for key, value in environ.items() if key not in SPINNING}
    own.pop("OMP_WAIT_POLICY", None)
    with neighbours(busy):
        subprocess.run(
            [TTRL, "solve", problem, "--out", out, "--quiet"],
            env=own | variables,
            stdout=subprocess.DEVNULL,
            check=True,
        )
    (line,) = (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    metrics = json.loads(line)
    assert metrics["train/updates"] == 1
    return float(metrics["time/step"])


def main() -> None:
    """Emit a figure for a step alone and one beside two neighbours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        numbers = count()
        problem = write_problem(Path(folder) / "problem")

        def way(variables: dict[str, str], busy: int) -> Callable[[], float]:
            return lambda: step_seconds(problem, Path(folder, str(next(numbers))), variables, busy)

        found = medians(
            {
                "alone": way({}, 0),
                "alone, spinning": way(SPINNING, 0),
                "beside two": way({}, 2),
                "beside two, spinning": way(SPINNING, 2),
            },
            rounds,
        )
    for name, key in (("neighbours-none", "alone"), ("neighbours-two", "beside two")):
        emit(
            Figure(
                name=name,
                what=f"a step of 8 samples and an update, {key}",
                against="threads that spin while they wait, as by default",
                ours=found[key],
                alternative=found[f"{key}, spinning"],
                unit="s",
                lower=True,
                note=f"{found[key] / found['alone']:.2f} times the step alone.{few(rounds)}",
            )
        )


if __name__ == "__main__":
    main()
