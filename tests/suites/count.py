"""How other graders' own tests are decided: by the vote's classes, and by math-verify.

    python tests/suites/count.py FOLDER [--list] [--json FILE] [--against FILE]

FOLDER has a subfolder for each suite, by its name in the table: a checkout of its repository, or
the unpacked source package; a suite that is not there is named and left out. Their files are read
and never run (`readers.py`), and none of them is part of this repository.

A text with a final answer that `ttrl` finds is that answer; else the last formula of a sentence is
one, and any other text as a whole, as if it stood in a box. The two answers of a pair are sorted
into classes with a comparer, as a vote does it. math-verify is given the texts as they are, between
dollar signs where they have no marks of their own, in a worker process as well; "both" asks it in
both directions, as we do. A disagreement has a reason where we are right, or where the suite has a
rule of its own: reasons.json names it by a hash of the pair.

--against compares with the --json of an earlier run, made with the code of then:

    PYTHONPATH=OTHER_CHECKOUT python tests/suites/count.py FOLDER --json then.json

It lists each pair that agreed then and does not now; the exit code is 1 if there is one.
"""

import argparse
import hashlib
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from readers import (
    Pair,
    Suite,
    assertions,
    calls,
    lists,
    pairs_of,
    records,
    row_pairs,
    rows,
    rows_of,
)
from theirs import by_math_verify, import_math_verify

from ttrl_cli.answers.extract import extract
from ttrl_cli.equivalence.math_verify import classes
from ttrl_cli.grading.comparer import Comparer
from ttrl_cli.grading.process_pool import Failure, ProcessPool

SUITES = (
    Suite(
        "math-verify",
        "https://github.com/huggingface/Math-Verify",
        {
            "tests/test_*.py": rows("gold", "pred", "expected"),
            "tests/test_yujianll.py": rows("gold", "pred", "result"),
        },
    ),
    Suite(
        "lighteval",
        "https://github.com/huggingface/lighteval",
        {"test_extractive_match.py": rows("gold", "pred", "expected")},
    ),
    Suite(
        "inspect_ai",
        "https://github.com/UKGovernmentBEIS/inspect_ai",
        {
            "math_cases.json": records("output", "target", "expected", "C"),
            "tests/scorer/test_math.py": rows_of(
                "answer",
                "target",
                {
                    "test_percentage_suffixes_are_normalized": True,
                    "test_grouped_thousands_are_treated_as_numbers": True,
                    "test_latex_thin_space_thousands_are_numbers": True,
                    "test_exact_large_integers_are_not_approximated": False,
                    "test_approximate_values_still_match": True,
                    "test_assignment_targets_accept_their_value": True,
                    "test_prose_wrapped_numeric_answers_are_extracted": True,
                },
            ),
        },
    ),
    Suite(
        "hendrycks-math",
        "https://github.com/hendrycks/math",
        {"math_equivalence_test.py": assertions},
    ),
    Suite(
        "mario-eval",
        "https://github.com/MARIO-Math-Reasoning/MARIO_EVAL",
        {"test_is_equiv.py": assertions},
    ),
    Suite(
        "nemo-skills",
        "https://github.com/NVIDIA/NeMo-Skills",
        {
            "test_math_equal.py": row_pairs(
                "output_pair", {"test_correct_examples": True, "test_incorrect_examples": False}
            )
        },
    ),
    Suite(
        "areal",
        "https://github.com/inclusionAI/AReaL",
        {"test_math_verify_reward.py": calls("completions", "answer")},
    ),
    Suite(
        "trl",
        "https://github.com/huggingface/trl",
        {"test_rewards.py": lists(("completion", "completions"), ("solution", "solutions"))},
    ),
    Suite(
        "miles",
        "https://github.com/radixark/miles",
        {
            "rm_hub/test_math_utils.py": rows("given", "ground_truth", "expected"),
            "test_math_utils.py": rows("solution", "ground_truth", "expected"),
            "test_math_dapo_utils.py": rows("solution", "gt", "expected_correct"),
            "rm_hub/test_math_dapo_utils.py": rows("solution", "gt", "expected_acc"),
            "test_deepscaler.py": rows("response", "label", "expected"),
        },
    ),
    Suite(
        "simply",
        "https://github.com/google-deepmind/simply",
        {
            "utils/math_eval_test.py": rows("answer", "ground_truth", "expected"),
            "math_eval_test.py": assertions,
        },
    ),
)
REASONS = Path(__file__).with_name("reasons.json")
SLOW_SECONDS = 1.0
THEIR_SECONDS = 60.0
_FORMULA = re.compile(  # \$ is no end
    r"\$\$(.+?)\$\$|\$(.+?)(?<!\\)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL
)
_WORD = re.compile(r"\b(?!and\b)[A-Za-z]{3,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """How a pair was decided.

    Attributes:
        suite: Its suite.
        first: An answer, as the suite has it.
        second: The other one.
        same: What the suite says.
        ours: What the vote's classes say.
        seconds: Time that took.
        cut_off: Whether the comparison was cut off.
        plain: What math-verify says; None if it did not end.
        both: What it says in both directions.
    """

    suite: str
    first: str
    second: str
    same: bool
    ours: bool
    seconds: float
    cut_off: bool
    plain: bool | None
    both: bool | None

    @property
    def agrees(self) -> bool:
        """Whether ours is what the suite says."""
        return self.ours == self.same

    @property
    def name(self) -> str:
        """A hash of the two texts."""
        return hashlib.sha256(f"{self.first}\0{self.second}".encode()).hexdigest()[:12]


def main(arguments: Sequence[str] | None = None) -> int:
    """Sort the pairs of all suites that are there, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="has a subfolder for each suite")
    parser.add_argument("--seconds", type=float, default=8.0, help="limit of a comparison")
    parser.add_argument("--list", action="store_true", help="name each disagreement")
    parser.add_argument("--json", type=Path, help="write how each pair was decided")
    parser.add_argument("--against", type=Path, help="an earlier --json to compare with")
    options = parser.parse_args(arguments)
    found = {suite.name: pairs_of(suite, options.folder / suite.name) for suite in SUITES}
    for suite in SUITES:
        if not found[suite.name]:
            sys.stderr.write(f"{suite.name}: nothing in {options.folder} ({suite.url})\n")
    result = sort(found, options.seconds)
    reasons = json.loads(REASONS.read_text(encoding="utf-8")) if REASONS.exists() else {}
    _print(table(result, reasons))
    if options.list:
        _print("", *disagreements(result, reasons))
    if options.json:
        options.json.write_text(json.dumps([asdict(pair) for pair in result], indent=1) + "\n")
    if not options.against:
        return 0
    then = [Sorted(**line) for line in json.loads(options.against.read_text(encoding="utf-8"))]
    return int(_tell(worse(then, result)))


def sort(found: Mapping[str, Sequence[Pair]], seconds: float) -> list[Sorted]:
    """Decide all pairs, ours one by one; a pair that an earlier suite has is left out."""
    fresh: dict[Pair, str] = {}
    for suite, pairs in found.items():
        for pair in pairs:
            fresh.setdefault(pair, suite)
    theirs = _by_math_verify(fresh)
    result = []
    with Comparer(workers=1, seconds=seconds) as comparer:
        comparer([(r"\sqrt{3+2\sqrt{2}}", r"1+\sqrt{2}")])  # starts it
        for pair, suite in fresh.items():
            before, started = comparer.timeouts, time.perf_counter()
            answers = [_answer(pair.first), _answer(pair.second)]
            (place,) = classes([answers], comparer)
            result.append(
                Sorted(
                    suite=suite,
                    first=pair.first,
                    second=pair.second,
                    same=pair.same,
                    ours=place[answers[0]] == place[answers[1]],
                    seconds=round(time.perf_counter() - started, 3),
                    cut_off=comparer.timeouts > before,
                    plain=theirs[pair][0],
                    both=theirs[pair][1],
                )
            )
    return result


def table(result: Sequence[Sorted], reasons: Mapping[str, str]) -> str:
    """The figures of each suite as a table in markdown."""
    lines = [
        "| suite | pairs | agree | split | joined | no reason | > 1 s | cut off | math-verify "
        "| both |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    names = list(dict.fromkeys(pair.suite for pair in result))
    for name in [*names, "all"]:
        pairs = [pair for pair in result if name in ("all", pair.suite)]
        wrong = [pair for pair in pairs if not pair.agrees]
        figures = (
            len(pairs),
            len(pairs) - len(wrong),
            sum(pair.same for pair in wrong),
            sum(not pair.same for pair in wrong),
            sum(pair.name not in reasons for pair in wrong),
            sum(pair.seconds > SLOW_SECONDS for pair in pairs),
            sum(pair.cut_off for pair in pairs),
            sum(pair.plain == pair.same for pair in pairs),
            sum(pair.both == pair.same for pair in pairs),
        )
        lines.append(f"| {name} | " + " | ".join(map(str, figures)) + " |")
    return "\n".join(lines)


def disagreements(result: Sequence[Sorted], reasons: Mapping[str, str]) -> list[str]:
    """Each pair that we decide otherwise than its suite, with the reason; then these counted."""
    wrong = [pair for pair in result if not pair.agrees]
    lines = [f"{_line(pair)}\n    {reasons.get(pair.name, 'no reason')}" for pair in wrong]
    counts = Counter(reasons.get(pair.name, "no reason") for pair in wrong)
    return [*lines, *(f"{count:4}  {reason}" for reason, count in counts.most_common())]


def worse(then: Iterable[Sorted], now: Iterable[Sorted]) -> list[Sorted]:
    """The pairs that agreed with their suite then, and do not now."""
    agreed = {(pair.first, pair.second) for pair in then if pair.agrees}
    return [pair for pair in now if not pair.agrees and (pair.first, pair.second) in agreed]


def _by_math_verify(pairs: Iterable[Pair]) -> dict[Pair, tuple[bool | None, bool | None]]:
    workers = ProcessPool(count=1, initializer=import_math_verify, arguments=(), retry=False)
    found: dict[Pair, tuple[bool | None, bool | None]] = {}
    try:
        for pair in pairs:
            workers.submit(pair, by_math_verify, pair.first, pair.second, timeout=THEIR_SECONDS)
            ((_, result),) = workers.take(wait=True)
            found[pair] = (None, None) if isinstance(result, Failure) else result
    finally:
        workers.close()
    return found


def _answer(text: str) -> str:
    """The final answer of a completion, or the last formula of a sentence, or the whole text."""
    formulas = list(_FORMULA.finditer(text))
    sentence = _WORD.search(_FORMULA.sub(" ", text))
    inside = formulas[-1].group(formulas[-1].lastindex or 0) if formulas and sentence else text
    found = extract(text) or extract(rf"\boxed{{{inside.strip().strip('$')}}}")
    return text if found is None else found.answer


def _tell(pairs: Sequence[Sorted]) -> bool:
    """Print the pairs that got worse; True if there are any."""
    _print("", f"{len(pairs)} pairs agreed then and do not now", *map(_line, pairs))
    return bool(pairs)


def _line(pair: Sorted) -> str:
    told = "same" if pair.same else "different"
    return f"{pair.name} {pair.suite}: {pair.first!r} and {pair.second!r} are {told}"


def _print(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    sys.exit(main())
