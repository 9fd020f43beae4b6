"""Does voting teach? The three arithmetic sets, several seeds, beside the untrained model.

    python tests/benchmarks/vote_learning.py runs/arithmetic --seeds 3
    python tests/benchmarks/vote_learning.py runs/arithmetic --only one_digit_add --threads 1

Runs what is not there yet and goes on with what was stopped; then prints the tables of
docs/benchmarks.md. "Cooler" is the untrained model at temperature 0.6, as the paper samples, and at
0.01, which is greedy but for exact ties.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SETS = ("one_digit_add", "one_digit_mul", "two_digit_add")
COOLER = (0.6, 0.01)
TTRL = Path(sys.executable).with_name("ttrl")


def run(folder: Path, questions: Path, *options: object) -> None:
    """Make a run, go on with one that was stopped, or leave one that is done."""
    if (folder / "summary.json").exists() and status(folder)["phase"] == "done":
        return
    command = ["resume", folder] if folder.exists() else ["vote", questions, "--out", folder]
    given = [] if folder.exists() else options
    arguments = [str(argument) for argument in [TTRL, *command, *given]]
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)


def status(folder: Path) -> Any:
    """The contents of status.json."""
    return json.loads((folder / "status.json").read_text())


def percent(figures: Any, key: str) -> str:
    """A share with its interval."""
    low, high = figures[f"{key}_interval"]
    return f"{figures[key]:.1%} ({low:.0%}-{high:.0%})"


def trained_row(name: str, seed: int, folder: Path) -> str:
    """What one training did."""
    summary = json.loads((folder / "summary.json").read_text())
    before, after, training = (summary[key] for key in ("before", "after", "training"))
    gain = 100 * (after["pass@1"] - before["pass@1"])
    cells = [
        name,
        str(seed),
        f"{percent(before, 'pass@1')} -> {percent(after, 'pass@1')}",
        f"{gain:+.1f}",
        f"{before['maj@n']:.0%} -> {after['maj@n']:.0%}",
        f"{before['majority_ratio']:.0%} -> {after['majority_ratio']:.0%}",
        f"{training['reward_accuracy']:.0%}",
        f"{training['steps']}",
        f"{status(folder)['totals']['seconds']:.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def cooler_row(name: str, temperature: float, folder: Path) -> str:
    """What the untrained model does at a lower temperature."""
    figures = json.loads((folder / "summary.json").read_text())
    cells = [name, f"{temperature:g}", percent(figures, "pass@1"), percent(figures, "maj@n")]
    return "| " + " | ".join(cells) + " |"


def table(*heads: str, rows: list[str]) -> str:
    """A table in Markdown."""
    return "\n".join(["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads), *rows])


def main() -> None:
    """Run what is missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--only", choices=SETS, default=None)
    given = parser.parse_args()
    options = [] if given.threads is None else ["--threads", given.threads]
    trained, cooler = [], []
    for name in [given.only] if given.only else SETS:
        questions = ROOT / "problems" / "arithmetic" / f"{name}.jsonl"
        for seed in range(given.seeds):
            folder = given.folder / f"{name}-{seed}"
            run(folder, questions, "--seed", seed, *options)
            trained.append(trained_row(name, seed, folder))
        for temperature in COOLER:
            folder = given.folder / f"{name}-T{temperature:g}"
            run(folder, questions, "--steps", 0, "--temperature", temperature, *options)
            cooler.append(cooler_row(name, temperature, folder))
    heads = ["set", "seed", "pass@1", "points", "maj@16", "majority ratio", "reward accuracy"]
    sys.stdout.write(table(*heads, "steps", "s", rows=trained) + "\n\n")
    sys.stdout.write(table("set", "temperature", "pass@1", "maj@16", rows=cooler) + "\n")


if __name__ == "__main__":
    main()
