"""What measuring a program on the 150 cases of a contest costs beyond the program itself.

python tests/benchmarks/contest_speed.py [--rounds N]

The program is a trivial one, compiled before: each case is a fresh process in the sandbox, whose
output is judged, on all cores of the machine. The alternative, in the same run, is to start the
same program 150 times without a sandbox and without judging, one after the other. The cases are
made once, in a cache of this script's own, and that is timed, too.
"""

import argparse
import os
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path

from _figures import ROUNDS, Figure, emit, few, medians, say, seconds

from ttrl_cli import library
from ttrl_cli.grading.grader import ProblemGrader
from ttrl_cli.problem import load_problem
from ttrl_cli.sandbox.cores import physical_cores

CASES = 150
TRIVIAL = {
    "ahc039": 'int main() { puts("4 0 0 100000 0 100000 100000 0 100000"); }\n',
    "ahc058": 'int main() { for (int t = 0; t < 500; t++) puts("-1"); }\n',
}
WORTH = {"ahc039": CASES, "ahc058": 0}


def main() -> None:
    """Emit the figures of both contests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TTRL_CACHE"] = folder
        for contest in TRIVIAL:
            cases(contest, Path(folder), rounds)


def cases(contest: str, folder: Path, rounds: int) -> None:
    """Emit what the cases of one contest take, after they were made."""
    source = folder / f"{contest}.cpp"
    source.write_text(f"#include <cstdio>\n{TRIVIAL[contest]}")
    program = folder / contest
    subprocess.run(["g++", "-O2", "-o", str(program), str(source)], check=True)
    with ProblemGrader(load_problem(library.find_problem(contest)), workers=1) as grader:
        first = grader.measure(source.read_text())
        say(f"{contest}: inputs made in {first.verdict.metrics['inputs_seconds']:.2f} s")
        kept = [next(folder.glob(f"cases/{contest}-*/{seed}.txt")) for seed in range(CASES)]

        def ours() -> float:
            began = time.perf_counter()
            verdict = grader.measure(source.read_text()).verdict
            taken = time.perf_counter() - began
            assert verdict.score == WORTH[contest], verdict.reason
            return taken

        def bare() -> float:
            return sum(seconds(partial(_start, program, path)) for path in kept)

        found = medians({"ours": ours, "bare": bare}, rounds)
    emit(
        Figure(
            name=f"contest-{contest}",
            what=f"a trivial program on the {CASES} cases of {contest}, judged, on "
            f"{len(physical_cores())} physical cores",
            against="starting it as often, without a sandbox, in turn",
            ours=found["ours"],
            alternative=found["bare"],
            unit="s",
            lower=True,
            target="3 s",
            note=f"Making the cases took {first.verdict.metrics['inputs_seconds']:.2f} s, once."
            f"{few(rounds)}",
        )
    )


def _start(program: Path, given: Path) -> None:
    with given.open("rb") as file:
        subprocess.run([str(program)], stdin=file, stdout=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    main()
