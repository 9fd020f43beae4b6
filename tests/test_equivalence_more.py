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
        ("NO_2", "No_2"),
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
        ("T F T", "F T T"),
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
VALUES = (
    (r"\sqrt[3]{7}", r"\sqrt[3]{7}\text{ cm}"),
    (r"60\ln 2", r"60\ln 2\text{ years}"),
    (r"\log_2 5", r"\log_2 5\text{ hours}"),
    ("e^3", r"e^3\text{ cm}"),
    ("2e", r"2e\text{ m}"),
    ("9!", r"9!\text{ ways}"),
    ("9!", "9! ways"),
    (r"\binom{9}{4}", r"\binom{9}{4}\text{ ways}"),
    (r"\sin 20^\circ", r"\sin 20^\circ\text{ m}"),
    (r"7\cos(40^\circ)", r"7\cos(40^\circ)\text{ m}"),
    (r"\frac{3}{4}", r"\frac{3}{4} m/s"),
    (r"\frac{3}{4}", r"\frac{3}{4} \text{ m/s}"),
    ("5", r"AB = 5\text{ cm}"),
    ("AB = 5", r"AB = 5\text{ cm}"),
    ("AB = 5", "AB = 5 cm"),
    ("AB = 3 + 2 = 5", r"AB = 3 + 2 = 5\text{ cm}"),
    (r"5\sqrt2", r"AC = 5\sqrt2\text{ cm}"),
    ("24", r"\text{Area} = 24\text{ cm}^2"),
    ("24", r"S_{ABC} = 24\text{ cm}^2"),
    ("24", r"S_{\triangle ABC} = 24\text{ cm}^2"),
    ("f(2) = 5", r"f(2)=5\text{ cm}"),
    ("5", r"|AB|=5\text{ cm}"),
    ("5", r"\overline{AB}=5\text{ cm}"),
    (r"5\pi", r"V_1 = 5\pi\text{ cm}^3"),
    ("5", "AB = 5 m"),
    ("5", "v = 5 m/s"),
    ("5", r"\lfloor 5.5 \rfloor\text{ cm}"),
    ("5", r"|-5|\text{ cm}"),
    ("AB = 3, BC = 4", r"AB = 3\text{ cm}, BC = 4\text{ cm}"),
)
UNITS: Kind = (
    [*VALUES],
    [
        (r"AB = 5\text{ cm}", "AC = 5"),
        (r"AB = 5\text{ cm}", r"AB = 6\text{ cm}"),
        (r"AB = 12\text{ above}", "12"),
        (r"\frac{3}{4} m", r"\frac{3}{4}"),
        (r"\sqrt{7} m", r"\sqrt{7}"),
        (r"9!\text{ ways}", "9"),
        (r"e^3\text{ cm}", "e"),
        ("AB = 5k", "AB = 5"),
        ("y = 5 m", "y = 5"),
        ("y = 5m", "y = 5"),
        (r"\sin x\text{ m}", r"\cos x"),
        ("AB = 3 halves", "3"),
    ],
)
NUMERALS: Kind = (
    [
        ("1 million", "1000000"),
        ("2.5 million", "2,500,000"),
        (r"2.5\text{ million}", "2500000"),
        (r"\$7 million", "7000000"),
        ("7 million dollars", "7000000"),
        (r"7\text{ million people}", "7000000"),
        ("-3 thousand", "-3000"),
        ("1,200 thousand", "1200000"),
        ("4 hundred thousand", "400000"),
        ("3 dozen", "36"),
        ("3 dozen eggs", "36"),
        ("N = 2 billion", "2000000000"),
        ("1 million, 2 million", "2000000, 1000000"),
        ("three", "3"),
        ("Seven", "7"),
        (r"\text{eleven}", "11"),
        ("forty-two", "42"),
        ("forty two", "42"),
        ("one hundred and five", "105"),
        ("two thousand nineteen", "2019"),
        ("three million", "3000000"),
        ("a dozen", "12"),
        ("minus four", "-4"),
        ("one third", r"\frac13"),
        ("a fifth", "0.2"),
        ("three quarters", r"\frac34"),
        ("two-thirds", r"\frac{2}{3}"),
        ("three and a half", "3.5"),
        ("two, five", "5, 2"),
    ],
    [
        ("1 million", "1"),
        ("3 dozen", "3"),
        ("3 dozen", "3 million"),
        ("5 millionths", "5000000"),
        ("three", "four"),
        ("three", "33"),
        ("third", "3"),
        ("forty-fifth", "8"),
        ("twenty-first", "21"),
        ("one two", "3"),
        ("one", "first"),
        ("five hundred", "500 and 5"),
        ("dozen eggs", "eggs"),
    ],
)
HABITS: Kind = (
    [
        (r"\mathcal{O}(n^3)", "O(n^3)"),
        (r"\mathcal{O}(n\log n)", r"O(n \log n)"),
        (r"\overline{PQ}=7", "PQ=7"),
        (r"m\angle B = 40", r"\angle B = 40"),
        (r"m\angle B = 40^\circ", "40"),
        (r"\langle 4,-1,6\rangle", "(4,-1,6)"),
        (r"\left\langle 4, \frac12 \right\rangle", "(4, 0.5)"),
        ("P(4,7)", "(4,7)"),
        ("P(4,7)", "P = (4, 7)"),
        ("A(4,7), B(1,2)", "(4,7), (1,2)"),
        (r"\tan\theta + c", r"\tan\theta + C"),
        ("A->B->C", r"A \to B \to C"),
        (r"]3,\infty[", r"(3,\infty)"),
        ("]3;8]", "(3, 8]"),
        (r"]-\infty,3]\cup[8,+\infty[", r"(-\infty,3]\cup[8,\infty)"),
        (r"\mathbb{R}\setminus[3,8]", r"(-\infty,3)\cup(8,\infty)"),
        (r"\mathbb{R}\setminus(3,8)", r"(-\infty,3]\cup[8,\infty)"),
        (r"\mathbb{R}^+", r"(0,\infty)"),
        (r"\mathbb{R}_{>0}", "x > 0"),
        (r"x\equiv3 \mod 8", r"3 \pmod 8"),
        (r"x\equiv 3\ (\text{mod } 8)", r"x \equiv 3 \pmod{8}"),
        (r"\text{CO}_2", "CO_2"),
        (r"\mathrm{SO}_{4}", "SO_4"),
        (r"{9 \choose 4}", r"\binom{9}{4}"),
        (r"n \choose k", r"\binom{n}{k}"),
        ("x^3 + c", "x^3 + C"),
        (r"\frac{1}{2}e^{2x}+c", r"C+\frac{1}{2}e^{2x}"),
        (r"y = \ln x + c", r"y = \ln x + C"),
    ],
    [
        (r"]3,8[", "[3,8]"),
        (r"\mathbb{R}\setminus[3,8]", r"(-\infty,3]\cup[8,\infty)"),
        (r"\langle 4,-1\rangle", "(-1,4)"),
        ("P(4,7)", "Q(4,7)"),
        ("P(4,7)", "P(7,4)"),
        ("A->B->C", "A->C->B"),
        (r"\mathbb{R}^+", r"\mathbb{R}"),
        (r"\text{CO}_2", "Co_2"),
        ("ax^2 + bx + c", "ax^2 + bx + C"),
        ("x^3 + c", "x^3 + k"),
        ("a + b + c", "a + b + C"),
        ("[3, 8], [4, 9]", "(3, 8), (4, 9)"),
    ],
)
KINDS = {
    "habits": HABITS,
    "numerals": NUMERALS,
    "units": UNITS,
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
    [
        "AaBb",
        "CoCl",
        "T, F, ",
        "yes; ",
        "A-",
        "1-",
        "A/",
        r"\zeta(",
        "one hundred ",
        "5 million ",
        "and ",
        "AB = ",
        "e^2 ",
        "twenty ",
        r"\operatorname{lcm}(a,",
    ],
)
def test_canonical_never_stalls(part: str) -> None:
    """A kilobyte of what looks like these kinds ends soon; the bound is a guard against blow-up."""
    canonical.cache_clear()
    started = time.process_time()
    for answer in (part * (999 // len(part)), "5" + part * (900 // len(part)) + "!"):
        assert canonical(answer).key
    assert time.process_time() - started < 5
