r"""Case that counts, orders, functions with names, units behind any value: tables by hand.

Each table is a kind: pairs that are the same, and pairs that are different.
"""

import time

import pytest

from tests._equivalence import Pair, decided_wrongly, table
from ttrl_cli.equivalence.math_verify import canonical

Kind = tuple[list[Pair], list[Pair]]

CASE: Kind = (
    [
        ("Yes", "yes"),
        ("YES", "yes"),
        ("NO", "No"),
        ("London", "LONDON"),
        (r"\text{Monday}", "monday"),
        ("AaBb", r"\text{AaBb}"),
        ("NaCl", r"\text{NaCl}"),
        ("OK", "ok"),
        ("XXII", "xxii"),
        (r"\text{He}", "he"),
    ],
    [
        ("DdEe", "ddee"),
        ("DdEe", "DDEE"),
        ("DdEe", "Ddee"),
        ("DDEE", "ddee"),
        ("RrYy", "rryy"),
        (r"\text{DdEe}", r"\text{DDEE}"),
        (r"\text{Dd}", r"\text{DD}"),
        ("TtGg", "TTgg"),
        (r"\text{aB}", r"\text{AB}"),
        (r"\text{Ab}", r"\text{AB}"),
        ("CO", "Co"),
        ("SN", "Sn"),
        ("CS", "Cs"),
        ("HO", "Ho"),
        (r"\text{CO}", r"\text{Co}"),
        ("CoCl_2", "COCl_2"),
        ("NiBr_2", "NIBr_2"),
        ("CoS", "COS"),
    ],
)
VERDICTS: Kind = (
    [
        ("T, F, T", "T,F,T"),
        ("T, F, T", "(T, F, T)"),
        ("T, F, T", "True, False, True"),
        ("yes; no", "Yes, No"),
        (r"\text{yes}, \text{no}", "yes and no"),
        (r"\text{T}, \text{F}", "T, F"),
        ("x, y", "y, x"),
        ("t, f", "f, t"),
        ("A, C, D", "D, A, C"),
        ("T, V, F", "F, T, V"),
    ],
    [
        ("T, F, T", "F, T, T"),
        ("T, F", "F, T"),
        ("T,F,F,T", "T,T,F,F"),
        ("V, F, V", "F, V, V"),
        ("t, f, t", "f, t, t"),
        ("Y, N, Y", "N, Y, Y"),
        ("yes; no", "no; yes"),
        ("yes, no", "no, yes"),
        ("yes, no, no", "no, no, yes"),
        (r"\text{no}, \text{yes}", r"\text{yes}, \text{no}"),
        ("true, false, true", "true, true, false"),
        ("T, F, T", "T, F"),
    ],
)
ORDERS: Kind = (
    [
        ("A-B-C", r"\text{A-B-C}"),
        ("A-B-C", "A - B - C"),
        ("A–B–C", "A-B-C"),
        ("4-2", "2"),
        ("A-B", "-B+A"),
        ("V = A-B-C", "V = A-C-B"),
        ("x-y-z", "x-z-y"),
        ("2A-B-C", "2A-C-B"),
        ("12 - 3 - 2", "7"),
        ("A/B", r"\frac{A}{B}"),
    ],
    [
        ("A-B-C", "A-C-B"),
        ("P-Q-R-S", "P-R-Q-S"),
        ("K - L - M", "K - M - L"),
        ("1-2-3-4", "1-3-2-4"),
        ("2-1-3", "2-3-1"),
        ("2-1-3", "-2"),
        ("A/B/C", "A/C/B"),
        ("A-B-C-A", "A-C-B-A"),
        ("(A-B-C, 5)", "(A-C-B, 5)"),
        ("A-B-C, B-A-C", "A-C-B, B-A-C"),
    ],
)
FUNCTIONS: Kind = (
    [
        (r"\operatorname{lcm}(a,b)", r"\text{lcm}(b, a)"),
        (r"\operatorname{lcm}(4, 6)", "12"),
        (r"\zeta(3)", r"\zeta (3)"),
        (r"\phi(12) = 4", "4"),
        (r"\alpha(2)", r"2\alpha"),
        (r"2\zeta", r"\zeta\cdot 2"),
        (r"\operatorname{rank}(M)=2", "2"),
    ],
    [
        (r"\operatorname{lcm}(a,b)", "ab"),
        (r"\operatorname{lcm}(a,b)", r"\operatorname{lcm}(a,c)"),
        (r"\zeta(2)", r"2\zeta"),
        (r"\zeta(2)", r"\zeta(3)"),
        (r"\zeta(s+1)", r"\zeta s + \zeta"),
        (r"\Gamma(5)", r"5\Gamma"),
        (r"\phi(9)", r"9\phi"),
        (r"\operatorname{rank}(M)", "M"),
        (r"\operatorname{rank}(MN)", r"\operatorname{rank}(NM)"),
    ],
)
KINDS = {
    "case": CASE,
    "verdicts": VERDICTS,
    "orders": ORDERS,
    "functions": FUNCTIONS,
}


@pytest.mark.parametrize("kind", KINDS)
def test_keys_decide(kind: str) -> None:
    """Keys say of each pair of a kind what a careful teacher says, in either order."""
    same, different = KINDS[kind]
    assert not decided_wrongly(table(same=same, different=different))


@pytest.mark.parametrize(
    "part",
    ["AaBb", "CoCl", "T, F, ", "yes; ", "A-", "1-", "A/", r"\zeta(", r"\operatorname{lcm}(a,"],
)
def test_canonical_never_stalls(part: str) -> None:
    """A kilobyte of what looks like these kinds ends soon; the bound is a guard against blow-up."""
    canonical.cache_clear()
    started = time.process_time()
    for answer in (part * (999 // len(part)), "5" + part * (900 // len(part)) + "!"):
        assert canonical(answer).key
    assert time.process_time() - started < 5
