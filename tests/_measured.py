"""Small problems whose own code drives the candidate, for tests."""

from pathlib import Path
from typing import Any

from tests._helpers import write_problem

SUM = "print(sum(map(int, input().split())))\n"
"""A program that adds the numbers of one line."""
MEASURE = """
def measure(candidate, trial):
    rng = trial.rng("inputs")
    rows = [rng.integers(0, 1000, 4).tolist() for _ in range(3)]
    inputs = [" ".join(map(str, row)) + "\\n" for row in rows]
    outcomes = candidate.map(inputs)
    pairs = zip(outcomes, rows)
    return {"right": sum(o.ok and o.output.strip() == str(sum(row)) for o, row in pairs)}
"""
VERIFY = """
from ttrl_cli import Invalid

def verify(data):
    if not isinstance(data, dict):
        raise Invalid("no figures")
    return data

def score(data):
    return 1 * data.get("right", 0)  # True counts as 1
"""


def write_measured(
    folder: Path,
    code: str = MEASURE,
    *,
    verify: str = VERIFY,
    seed: str = SUM,
    language: str = "python",
    **keys: Any,
) -> Path:
    """Write a problem with a measure: answer how many of three sums are right."""
    raw = {
        "name": "sums",
        "statement": "Print the sum of the numbers on standard input.",
        "solution": {"kind": "program", "language": language},
        "measure": "measure.py:measure",
        "limits": {"seconds": 10, "memory_mb": 512},
    }
    write_problem(folder, verify, seed=seed, **(raw | keys))
    (folder / "measure.py").write_text(code)
    return folder


def fenced(source: str, tag: str = "python") -> str:
    """Return a completion that holds a program."""
    return f"```{tag}\n{source}\n```"
