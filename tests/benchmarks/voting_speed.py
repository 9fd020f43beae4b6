"""How fast are answers sorted into classes? Ours, and math-verify against one answer per class.

python tests/benchmarks/voting_speed.py [--questions 500] [--sample 20] [--pairs-of 5] [--rounds 5]

Answers are made up by a seeded generator: 64 of each question, several spellings of the right
answer and of several wrong ones, as models write them: integers, fractions, radicals, tuples,
expressions, intervals to inequalities, text, and some that nobody can read. Theirs: math-verify's
defaults in one process, each answer parsed once and compared with the first answer of each class
in order until one is equal, on every so many of the questions. All pairs: each distinct answer with
each other, on a few. Ours: nothing is remembered from round to round; the workers are running
already, except where it is said that starting them counts.

Answers that are sorted otherwise are shown as it runs. With its defaults math-verify takes
1 <= x < 2 for [1, 2) only where the inequality comes first; we do in any order.
"""

import argparse
import logging
import random
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import combinations

from _figures import ROUNDS, Figure, emit, medians, say, seconds

from ttrl_cli.equivalence.math_verify import canonical, classes, decided
from ttrl_cli.grading.comparer import Comparer

SAMPLES = 64
SEED = 20250731
HARD = [(r"\sqrt{3+2\sqrt{2}}", r"1+\sqrt{2}"), (r"\sin^2 x + \cos^2 x", "1")]
"""Pairs that keys leave to the workers, and so start them."""

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


class Ours:
    """Our own way.

    Args:
        groups: The answers of each question.
        workers: How many processes may compare what keys do not decide.
        start: Count the time that starting them takes.
    """

    def __init__(self, groups: Sequence[Sequence[str]], workers: int, *, start: bool) -> None:
        self._groups = groups
        self._workers = workers
        self._start = start
        self.classes: list[dict[str, str]] = []
        self.undecided = 0
        self.timeouts = 0

    def __call__(self) -> float:
        """Milliseconds per question."""
        canonical.cache_clear()
        with closing(Comparer(workers=self._workers)) as comparer:  # which starts when asked
            if not self._start:
                comparer(HARD)
            self.undecided = 0
            canonical.cache_clear()
            taken = seconds(lambda: self._sort(comparer))
            self.timeouts = comparer.timeouts
        return 1e3 * taken / len(self._groups)

    def _sort(self, comparer: Comparer) -> None:
        def compare(pairs: Sequence[tuple[str, str]]) -> list[bool]:
            self.undecided += sum(decided(canonical(a), canonical(b)) is None for a, b in pairs)
            return comparer(pairs)

        self.classes = classes(self._groups, compare)


def per_question(groups: Sequence[Sequence[str]], *, all_pairs: bool = False) -> float:
    """Milliseconds per question of theirs."""
    return 1e3 * seconds(lambda: theirs(groups, all_pairs=all_pairs)) / len(groups)


def show_differences(
    groups: Sequence[Sequence[str]], mine: list[dict[str, str]], other: list[dict[str, str]]
) -> None:
    """Say which answers are sorted otherwise, and how the vote differs."""
    questions, votes = 0, 0
    for answers, a, b in zip(groups, mine, other, strict=True):
        different = [(x, y) for x, y in combinations(a, 2) if (a[x] == a[y]) is not (b[x] == b[y])]
        questions += bool(different)
        votes += _winner(answers, a) != _winner(answers, b)
        for x, y in different[:2]:
            say(f"  {'ours' if a[x] == a[y] else 'theirs'} alone: {x}  =  {y}")
    say(
        f"{len(groups) - questions} of {len(groups)} questions have the same classes, "
        f"{len(groups) - votes} the same majority"
    )


def _winner(answers: Sequence[str], representative: dict[str, str]) -> set[str]:
    votes: dict[str, int] = {}
    for answer in answers:
        votes[representative[answer]] = votes.get(representative[answer], 0) + 1
    winner = max(votes, key=lambda answer: votes[answer])
    return {answer for answer, first in representative.items() if first == winner}


def main() -> None:
    """Emit the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--sample", type=int, default=20, help="questions for math-verify")
    parser.add_argument("--pairs-of", type=int, default=5, help="questions for all pairs")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    rng = random.Random(SEED)
    groups = [question(rng) for _ in range(options.questions)]
    sample, few = every(groups, options.sample), every(groups, options.pairs_of)
    show_differences(sample, classes_of(sample), theirs(sample))

    two, one = Ours(sample, 2, start=False), Ours(sample, 1, start=False)
    whole, pairs = Ours(groups, 2, start=True), Ours(few, 2, start=False)
    found = medians(
        {
            "two": two,
            "one": one,
            "whole": whole,
            "by class": lambda: per_question(sample),
            "few": pairs,
            "all pairs": lambda: per_question(few, all_pairs=True),
        },
        options.rounds,
    )
    by_class, all_pairs = "math-verify, one answer per class", "math-verify, every pair"
    here = f"{len(sample)} questions"
    report("vote-classes", f"two workers, {here}", by_class, found["two"], found["by class"], two)
    report("vote-one-worker", f"one worker, {here}", by_class, found["one"], found["by class"], one)
    report(
        "vote-whole", f"two workers and starting them, {len(groups)} questions",
        f"{by_class}, on {len(sample)} of them", found["whole"], found["by class"], whole,
    )  # fmt: skip
    report(
        "vote-pairs", f"two workers, {len(few)} questions", all_pairs, found["few"],
        found["all pairs"], pairs,
    )  # fmt: skip


def every(groups: Sequence[list[str]], count: int) -> list[list[str]]:
    """So many of the questions, evenly spread."""
    return list(groups[:: max(len(groups) // count, 1)][:count])


def classes_of(groups: Sequence[Sequence[str]]) -> list[dict[str, str]]:
    """Our classes."""
    ours = Ours(groups, 2, start=True)
    ours()
    return ours.classes


def report(name: str, what: str, against: str, mine: float, other: float, ours: Ours) -> None:
    """Emit one figure."""
    emit(
        Figure(
            name=name,
            what=f"sorting the answers of a question: {what}",
            against=against,
            ours=mine,
            alternative=other,
            unit="ms",
            lower=True,
            target="10x",
            note=f"Keys left {ours.undecided} pairs to the workers; {ours.timeouts} ended without "
            "a result.",
        )
    )


if __name__ == "__main__":
    main()
