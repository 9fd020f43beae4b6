"""Certified bounds of published constructions, and of what the seed optimisers reach.

    python tests/benchmarks/certified_bounds.py [--seconds 60] [--data FOLDER]

Each by `ttrl verify --certify`, its certificate then by `ttrl verify --certificate`. The optimisers
take 0.8 of the limit they are given. Published constructions are read from FOLDER, where given:
NAME_VALUE.json.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TTRL = Path(sys.executable).with_name("ttrl")
PUBLISHED = {"erdos": "erdos_min_overlap", "ac1": "ac1", "circles26": "circle_packing_26"}
OPTIMISER = Path("seeds") / "optimise.py"
PROBLEMS = ("erdos_min_overlap", "ac1", "ac2", "ac3", "circle_packing_26", "circle_packing_32")


def certified(problem: str, solution: Path, seconds: float) -> dict[str, Any]:
    """What `ttrl verify` says, and the claim of the certificate it wrote, checked alone."""
    with tempfile.TemporaryDirectory() as folder:
        certificate = Path(folder) / "certificate.json"
        limits = f"seconds={seconds / 0.8:g}"
        command = [TTRL, "verify", ROOT / "problems" / problem, solution, "--certify", "--json"]
        found = run([*command, "--limits", limits, "--out", certificate])
        return {
            **found,
            "claim": run([TTRL, "verify", "--certificate", certificate, "--json"])["claim"],
        }


def run(command: list[Any]) -> dict[str, Any]:
    """The JSON a command prints."""
    done = subprocess.run([str(part) for part in command], check=True, capture_output=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    published = sorted(options.data.glob("*_*.json")) if options.data else ()
    solutions = [(PUBLISHED[f.stem.partition("_")[0]], f.name, f) for f in published]
    solutions += [
        (name, f"seeds/optimise.py, {options.seconds:g} s", ROOT / "problems" / name / OPTIMISER)
        for name in PROBLEMS
    ]
    say("| problem | solution | score | certified | best known |")
    say("|---|---|---|---|---|")
    for problem, name, file in solutions:
        found = certified(problem, file, options.seconds)
        side, bound = found["claim"].split()[-2:]  # ... is at most 0.38
        sign = {"most": "<=", "least": ">="}[side]
        say(
            f"| {problem} | {name} | {found['score']:.10g} | {sign} {bound} "
            f"| {found['best_known']:.10g} |",
        )


if __name__ == "__main__":
    main()
