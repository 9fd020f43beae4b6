"""How fast are answers sorted into classes? Ours, and math-verify against one answer per class.

python tests/benchmarks/voting_speed.py [--questions 500] [--runs 5] [--pairs-of 5] [--skip-theirs]

Answers are made up by a seeded generator: of each question, several spellings of the right answer
and of several wrong ones, integers to inequalities, and some that nobody can read. Theirs:
math-verify's defaults in one process, each answer parsed once and compared with the first answer
of each class in order until one is equal; run once. All pairs: each distinct answer with each
other, on a few questions. Ours with start-up of the workers; median of the runs.

Answers that are sorted otherwise are printed. With its defaults math-verify takes 1 <= x < 2 for
[1, 2) only where the inequality comes first; we do in any order.
"""

import argparse
import logging
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

from ttrl_cli.grading.comparer import Comparer
from ttrl_cli.voting.equivalence import canonical, classes, decided

SAMPLES = 64
SEED = 20250731

Spellings = list[str]
Kind = Callable[[random.Random], Spellings]


def integer(rng: random.Random) -> Spellings:
    """An integer, the larger ones with separators."""
    n = rng.choice([rng.randint(0, 99), rng.randint(100, 999), rng.randint(1000, 99_999)])
    return [
        str(n), str(n), f"{n}.0", f"{n:,}", rf"\frac{{{2 * n}}}{{2}}", rf"\boxed{{{n}}}", f"${n}$",
        f"x = {n}", rf"{n}\text{{ cm}}", rf"{n} \text{{ units}}",
    ]  # fmt: skip


def fraction(rng: random.Random) -> Spellings:
    """A fraction in lowest terms and otherwise, and where it ends, as a decimal."""
    bottom = rng.choice([2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13])
    top = rng.choice([n for n in range(1, 40) if n % bottom])
    found = [
        rf"\frac{{{top}}}{{{bottom}}}", rf"\dfrac{{{top}}}{{{bottom}}}", f"{top}/{bottom}",
        rf"\frac{{{2 * top}}}{{{2 * bottom}}}", rf"\tfrac{{{top}}}{{{bottom}}}",
        rf"x=\frac{{{top}}}{{{bottom}}}", rf"\frac{{{top}}} {{{bottom}}}",
    ]  # fmt: skip
    if bottom in (2, 4, 5, 8):
        found += [str(top / bottom), f"{top / bottom:.6f}"]
    else:
        found.append(f"{top / bottom:.7f}")
    return found


def percentage(rng: random.Random) -> Spellings:
    """A percentage with and without its sign."""
    n = rng.randint(2, 98)
    return [rf"{n}\%", f"{n}%", str(n), f"{n} percent", rf"{n} \%"]


def radical(rng: random.Random) -> Spellings:
    """A multiple of a square root."""
    k, r = rng.randint(2, 12), rng.choice([2, 3, 5, 6, 7, 10])
    return [
        rf"{k}\sqrt{{{r}}}", rf"\sqrt{{{k * k * r}}}",
        rf"{k}\sqrt{r}" if r < 10 else rf"{k}\sqrt {{{r}}}",
        rf"{k} \cdot \sqrt{{{r}}}", rf"\sqrt{{{r}}} \cdot {k}",
        rf"\frac{{{k * r}}}{{\sqrt{{{r}}}}}",
    ]  # fmt: skip


def surd(rng: random.Random) -> Spellings:
    """A number with a root in it, rationalised and not."""
    a, r = rng.randint(2, 9), rng.choice([2, 3, 5, 7])
    d = a * a - r
    return [
        rf"\frac{{{a}+\sqrt{{{r}}}}}{{{d}}}", rf"\frac{{\sqrt{{{r}}}+{a}}}{{{d}}}",
        rf"\frac{{1}}{{{a}-\sqrt{{{r}}}}}", rf"\dfrac{{{a} + \sqrt{{{r}}}}}{{{d}}}",
    ]  # fmt: skip


def with_pi(rng: random.Random) -> Spellings:
    """A multiple of pi."""
    n, m = rng.randint(1, 30), rng.choice([2, 3, 4, 6])
    return [
        rf"\frac{{{n}\pi}}{{{m}}}", rf"\frac{{{n}}}{{{m}}}\pi", rf"\dfrac{{{n}\pi}}{{{m}}}",
        rf"{n}\pi/{m}", rf"\frac{{{n} \pi}}{{{m}}}",
    ]  # fmt: skip


def pair(rng: random.Random) -> Spellings:
    """A point."""
    a, b = rng.sample(range(-9, 10), 2)
    half = rf"\frac{{{2 * b + 1}}}{{2}}"
    return [
        f"({a}, {half})", f"({a},{half})", rf"\left({a}, {half}\right)", f"({a}, {b + 0.5})",
        rf"\left( {a},\, {half} \right)",
    ]  # fmt: skip


def several(rng: random.Random) -> Spellings:
    """Two or three solutions."""
    found = [str(n) for n in rng.sample(range(-20, 40), rng.choice([2, 3]))]
    listed = ", ".join(found)
    return [
        listed, ",".join(reversed(found)), rf"\{{{listed}\}}", rf"\left\{{{listed}\right\}}",
        rf"{', '.join(found[:-1])} \text{{ and }} {found[-1]}",
    ]  # fmt: skip


def interval(rng: random.Random) -> Spellings:
    """An interval, also as an inequality."""
    a = rng.randint(-20, 10)
    b = a + rng.randint(1, 20)
    return [
        f"[{a}, {b})", f"[{a},{b})", rf"\left[{a}, {b}\right)", rf"[{a},\, {b})",
        rf"{a} \le x < {b}", rf"x \in [{a}, {b})",
    ]  # fmt: skip


def quadratic(rng: random.Random) -> Spellings:
    """A polynomial, with and without brackets."""
    a, b = rng.randint(1, 9), rng.randint(1, 9)
    return [
        f"x^2+{a + b}x+{a * b}", f"x^2 + {a + b}x + {a * b}", f"(x+{a})(x+{b})",
        f"{a * b}+{a + b}x+x^2", f"x^{{2}}+{a + b}x+{a * b}",
    ]  # fmt: skip


def formula(rng: random.Random) -> Spellings:
    """An expression in n."""
    k = rng.randint(2, 9)
    return [
        rf"\frac{{n(n+{k})}}{{2}}", rf"\frac{{n^2+{k}n}}{{2}}", f"n(n+{k})/2",
        rf"\frac{{n^2}}{{2}}+\frac{{{k}n}}{{2}}", rf"\frac{{n (n + {k})}}{{2}}",
    ]  # fmt: skip


def line(rng: random.Random) -> Spellings:
    """A line."""
    m, b = rng.randint(2, 9), rng.randint(1, 9)
    return [f"y={m}x+{b}", f"y = {m}x + {b}", f"{m}x+{b}", f"y={b}+{m}x"]


def exponential(rng: random.Random) -> Spellings:
    """Powers and logarithms."""
    n = rng.randint(2, 9)
    return rng.choice(
        [
            [f"2^{{{n + 6}}}", str(2 ** (n + 6)), f"2^{n + 6}"],
            [rf"{n}\ln 2", rf"\ln {2**n}", rf"\ln({2**n})", rf"\ln 2^{{{n}}}"],
            [f"e^{{{n}x}}", f"(e^x)^{{{n}}}", rf"\exp({n}x)"],
            [f"10^{{-{n}}}", rf"\frac{{1}}{{10^{{{n}}}}}", rf"1 \times 10^{{-{n}}}"],
        ]
    )


def number_with_i(rng: random.Random) -> Spellings:
    """A complex number."""
    a, b = rng.randint(1, 9), rng.randint(2, 9)
    return [f"{a}+{b}i", f"{a} + {b}i", f"{b}i+{a}", f"{b}i + {a}"]


def matrix(rng: random.Random) -> Spellings:
    """A column vector."""
    a, b = rng.sample(range(-9, 10), 2)
    return [
        rf"\begin{{pmatrix}} {a} \\ {b} \end{{pmatrix}}",
        rf"\begin{{pmatrix}}{a}\\{b}\end{{pmatrix}}",
        rf"\begin{{bmatrix}} {a} \\ {b} \end{{bmatrix}}",
    ]  # fmt: skip


def text(rng: random.Random) -> Spellings:
    """Words, and choices."""
    word = rng.choice(["yes", "no", "even", "odd", "no solution", "A", "B", "C", "D", "Tuesday"])
    return [word, rf"\text{{{word}}}", rf"\text{{{word.title()}}}", rf"\textbf{{{word}}}"]


def unreadable(rng: random.Random) -> Spellings:
    """What a model writes when it is lost."""
    n = rng.randint(2, 99)
    return [
        rng.choice(
            [
                rf"\frac{{{n}}}{{", f"{n} +", rf"\sqrt{{{n}", f"the answer is {n} because",
                rf"\{{x : x^2 = {n}\}}", rf"{n} \pmod{{{n + 7}}}", "???", rf"\gcd({n}, {2 * n})",
            ]
        )
    ]  # fmt: skip


KINDS: list[tuple[Kind, int]] = [
    (integer, 34), (fraction, 14), (percentage, 3), (radical, 7), (surd, 3), (with_pi, 5),
    (pair, 6), (several, 5), (interval, 4), (quadratic, 3), (formula, 3), (line, 2),
    (exponential, 3), (number_with_i, 2), (matrix, 2), (text, 4),
]  # fmt: skip


def question(rng: random.Random) -> list[str]:
    """The answers of one question: about half of them right, the wrong ones of the same kind."""
    kind = rng.choices([kind for kind, _ in KINDS], [weight for _, weight in KINDS])[0]
    right = kind(rng)
    wrong = [kind(rng) for _ in range(rng.randint(3, 9))]
    answers = []
    for _ in range(SAMPLES):
        chance = rng.random()
        if chance < 0.97:
            spellings = right if chance < 0.5 else rng.choice(wrong)
        else:
            spellings = unreadable(rng)
        # models agree on how to write: the first spellings are the most frequent
        answers.append(rng.choices(spellings, [1 / (k + 1) for k in range(len(spellings))])[0])
    return answers


def theirs(groups: Sequence[Sequence[str]], *, all_pairs: bool = False) -> list[dict[str, str]]:
    """Classes by math-verify, its defaults, one process; `all_pairs`: each answer with each."""
    from math_verify import parse, verify

    found = []
    for answers in groups:
        parsed = {answer: parse(rf"\boxed{{{answer}}}") for answer in dict.fromkeys(answers)}
        representatives: dict[str, str] = {}
        if all_pairs:
            for a, b in combinations(parsed.values(), 2):
                verify(a, b)
        else:
            for answer, what in parsed.items():
                firsts = dict.fromkeys(representatives.values())
                same = (first for first in firsts if verify(parsed[first], what))
                representatives[answer] = next(same, answer)
        found.append(representatives)
    return found


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    """Wall seconds and the result."""
    started = time.perf_counter()
    result = function()
    return time.perf_counter() - started, result


def ours(groups: Sequence[Sequence[str]], workers: int) -> tuple[list[dict[str, str]], int, int]:
    """Classes, the pairs that keys did not decide, and those without a result."""
    canonical.cache_clear()
    asked = 0
    with Comparer(workers=workers) as comparer:

        def compare(pairs: Sequence[tuple[str, str]]) -> list[bool]:
            nonlocal asked
            asked += sum(decided(canonical(a), canonical(b)) is None for a, b in pairs)
            return comparer(pairs)

        return classes(groups, compare), asked, comparer.timeouts


def show_differences(
    groups: Sequence[Sequence[str]], mine: list[dict[str, str]], other: list[dict[str, str]]
) -> None:
    """Print which answers are sorted otherwise, and how the vote differs."""
    questions, votes = 0, 0
    for answers, a, b in zip(groups, mine, other, strict=True):
        different = [(x, y) for x, y in combinations(a, 2) if (a[x] == a[y]) is not (b[x] == b[y])]
        questions += bool(different)
        votes += _winner(answers, a) != _winner(answers, b)
        for x, y in different[:2]:
            sys.stdout.write(f"  {'ours' if a[x] == a[y] else 'theirs'} alone: {x}  =  {y}\n")
    sys.stdout.write(
        f"{len(groups) - questions} of {len(groups)} questions have the same classes, "
        f"{len(groups) - votes} the same majority\n"
    )


def _winner(answers: Sequence[str], representative: dict[str, str]) -> set[str]:
    votes: dict[str, int] = {}
    for answer in answers:
        votes[representative[answer]] = votes.get(representative[answer], 0) + 1
    winner = max(votes, key=lambda answer: votes[answer])
    return {answer for answer, first in representative.items() if first == winner}


def main() -> None:
    """Print seconds per question and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--pairs-of", type=int, default=5, help="questions for all pairs")
    parser.add_argument("--skip-theirs", action="store_true")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    rng = random.Random(SEED)
    groups = [question(rng) for _ in range(options.questions)]
    distinct = sum(len(set(answers)) for answers in groups) / len(groups)
    sys.stdout.write(f"{len(groups)} questions, {SAMPLES} answers, {distinct:.1f} distinct\n")
    mine: list[dict[str, str]] = []
    rows: list[tuple[str, float]] = []
    for workers in (2, 1):
        seconds = []
        for _ in range(options.runs):
            once, (mine, asked, timeouts) = timed(lambda: ours(groups, workers))  # noqa: B023
            seconds.append(once)
        spread = f"{min(seconds):.2f} to {max(seconds):.2f} s, median of {options.runs}"
        note = f"{spread}; {asked} pairs left by keys, {timeouts} without a result"
        rows.append((f"ours, {workers} workers ({note})", statistics.median(seconds) / len(groups)))
    if not options.skip_theirs:
        theirs([["1", "2"]])  # its import
        total, other = timed(lambda: theirs(groups))
        rows.append((f"math-verify by class ({total:.1f} s, once)", total / len(groups)))
        few = groups[:: max(len(groups) // options.pairs_of, 1)][: options.pairs_of]
        for name, all_pairs in (("all pairs", True), ("by class", False)):
            total, _ = timed(lambda: theirs(few, all_pairs=all_pairs))  # noqa: B023
            rows.append((f"math-verify, {name}, {len(few)} of the questions", total / len(few)))
        show_differences(groups, mine, other)
    for name, each in rows:
        sys.stdout.write(f"{1e3 * each:9.2f} ms/question {each / rows[0][1]:8.1f} x  {name}\n")


if __name__ == "__main__":
    main()
