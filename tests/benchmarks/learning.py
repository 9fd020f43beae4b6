"""Does learning help? First three steps of runs against their last three, side by side.

    python tests/benchmarks/learning.py runs/learn runs/search

Prints one row per run of docs/benchmarks.md: what was valid, what was valid and different from its
parent and from each other, and the best score, with equal samples or not as the runs have it.
"""

import argparse
import json
import sys
from pathlib import Path

from ttrl_cli.prompts import number
from ttrl_cli.rundir import RunDir

STEPS = 3


def mean(steps: list[dict[str, float]], key: str) -> float:
    """The mean of a metric over some steps."""
    return sum(step[key] for step in steps) / len(steps)


def row(path: Path) -> str:
    """One run's row of the table."""
    run = RunDir.open(path)
    lines = (path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    steps = [json.loads(line) for line in lines]
    first, last = steps[:STEPS], steps[-STEPS:]
    cells = [path.name, "yes" if run.config.train else "no", str(run.status.totals.samples)]
    keys = ("solve/valid", "solve/distinct")
    cells += [f"{mean(first, key):.1%} -> {mean(last, key):.1%}" for key in keys]
    before, after = mean(first, "solve/distinct"), mean(last, "solve/distinct")
    cells.append(f"{after / before:.1f}" if before else "from none")
    best = run.best.verdict()
    cells += [number(run.status.seed_score or 0.0), number(best["score"]) if best else "none"]
    cells.append(f"{run.status.totals.seconds:.0f}")
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path)
    head = ["run", "learns", "samples", "valid", "valid and distinct", "ratio", "seed", "best", "s"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += [row(path) for path in parser.parse_args().runs]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
