"""Write the questions of this folder, with `python problems/arithmetic/generate.py`."""

import json
import random
from pathlib import Path

FOLDER = Path(__file__).parent
COUNT = 100
SEED = 0


def record(a, sign, b, answer):
    """One line: the question with its label."""
    return {"id": f"{a}{sign}{b}", "question": f"What is {a} {sign} {b}?", "answer": str(answer)}


def one_digit_pairs():
    """Every ordered pair of digits, each once."""
    return [(a, b) for a in range(10) for b in range(10)]


def two_digit_pairs():
    """`COUNT` distinct ordered pairs of 10 to 99, in random order."""
    rng = random.Random(SEED)
    pairs = [(a, b) for a in range(10, 100) for b in range(10, 100)]
    # random() gives the same numbers in every version of Python; sample() need not
    return sorted(pairs, key=lambda _: rng.random())[:COUNT]


def files():
    """Name -> text of each file."""
    records = {
        "one_digit_add": [record(a, "+", b, a + b) for a, b in one_digit_pairs()],
        "one_digit_mul": [record(a, "*", b, a * b) for a, b in one_digit_pairs()],
        "two_digit_add": [record(a, "+", b, a + b) for a, b in two_digit_pairs()],
    }
    return {
        f"{name}.jsonl": "".join(json.dumps(line) + "\n" for line in lines)
        for name, lines in records.items()
    }


if __name__ == "__main__":
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
