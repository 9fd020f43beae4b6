"""Values of step functions and packings: by hand, against direct sums, and what earns nothing."""

import json
import math
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttrl_cli.bounds import circles, exact, steps
from ttrl_cli.bounds.data import MOST, rows, sequence
from ttrl_cli.errors import Invalid

SHARED = Path(__file__).parents[2] / "shared" / "data"
HOSTILE = {
    "nothing": None,
    "true": True,
    "a number": 1.5,
    "text": "1 2 3",
    "bytes": b"12",
    "an empty list": [],
    "an empty object": {},
    "an object without the key": {"score": 0.1},
    "NaN": [1.0, math.nan],
    "infinity": [1.0, math.inf],
    "a boolean": [1.0, True],
    "a numpy boolean": [1.0, np.bool_(True)],
    "text in it": [1.0, "2"],
    "null in it": [1.0, None],
    "a list in it": [1.0, [2.0]],
    "a complex number": [1.0, 1j],
    "too large for a float": [1.0, 10**400],
    "nested": [[1.0, 2.0]],
    "ragged": [[1.0], 2.0],
    "an array of objects": np.array([1.0, None], dtype=object),
    "a complex array": np.array([1j]),
    "an array without dimensions": np.array(1.0),
    "an array of two dimensions": np.ones((2, 2)),
    "too many": np.ones(MOST + 1),
    "an object in an object": {"sequence": {"sequence": [1.0]}},
}


def shared(name: str) -> object:
    """A published construction; the test is skipped where it is not at hand."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{path} is not here")
    return json.loads(path.read_text())


def direct(f: list[float], g: list[float]) -> list[float]:
    """The full convolution by its definition, each sum rounded once."""
    return [
        math.fsum(f[i] * g[k - i] for i in range(len(f)) if 0 <= k - i < len(g))
        for k in range(len(f) + len(g) - 1)
    ]


class TestSequence:
    @pytest.mark.parametrize("name", HOSTILE)
    def test_refuses_what_is_no_list_of_numbers(self, name: str) -> None:
        """Whatever is not a list of finite real numbers is Invalid, and nothing else."""
        with pytest.raises(Invalid):
            sequence(HOSTILE[name])

    def test_reads_lists_objects_and_arrays(self) -> None:
        """Integers, floats and numpy's are numbers; claims beside the sequence are ignored."""
        for data in ([1, 2.5], {"sequence": [1, 2.5], "score": 9}, np.array([1, 2.5]), (1, 2.5)):
            assert sequence(data).tolist() == [1.0, 2.5]
        assert sequence([np.float64(3), np.int64(4), Fraction(1, 2)]).tolist() == [3, 4, 0.5]

    def test_negative_zero_is_zero(self) -> None:
        """-0.0 is read as 0.0."""
        assert math.copysign(1, sequence([-0.0])[0]) == 1

    def test_a_copy_is_returned(self) -> None:
        """What is done to the result is not done to the data."""
        data = np.ones(3)
        sequence(data)[0] = 5
        assert data[0] == 1


class TestAutocorrelation:
    @pytest.mark.parametrize(
        ("f", "value"),
        [
            ([1.0], 2.0),  # 2 * 1 * 1 / 1
            ([3.0] * 7, 2.0),  # 2 n * n c^2 / (n c)^2
            ([1.0, 0.0], 4.0),  # 2 * 2 * 1 / 1
            ([1.0, 2.0], 4 * 4 / 9),  # c = 1, 4, 4
            ([1.0, 0.0, 1.0], 6 * 2 / 4),  # c = 1, 0, 2, 0, 1
            ([2.0, -1.0], 4 * 4 / 1),  # c = 4, -4, 1
        ],
    )
    def test_by_hand(self, f: list[float], value: float) -> None:
        """2 n max(f*f) / (sum f)^2."""
        assert steps.autocorrelation(np.array(f)) == pytest.approx(value, rel=1e-14)
        assert exact.autocorrelation([int(x) for x in f]) == Fraction(value).limit_denominator(99)

    def test_without_and_with_absolute_value(self) -> None:
        """The first is the score; in the other a deep trough counts as a peak."""
        low = np.array([1.0, -3, 1])  # 1, -6, 11, -6, 1
        assert steps.autocorrelation(low) == pytest.approx(6 * 11 / 1)
        trough = np.array([3.0, -1])  # 9, -6, 1
        assert steps.autocorrelation(trough, absolute=True) == pytest.approx(4 * 9 / 4)
        deeper = np.array([1.0, -1, 3, 0, -2])  # 1, -2, 7, -6, 5, 4, -12, 0, 4
        assert steps.autocorrelation(deeper) == pytest.approx(10 * 7 / 1)
        assert steps.autocorrelation(deeper, absolute=True) == pytest.approx(10 * 12 / 1)
        assert exact.autocorrelation([1, -1, 3, 0, -2], absolute=True) == 120

    @pytest.mark.parametrize(
        "f", [[0.7, -0.7 * (1 - 1e-8), 1e-9, 1e-9, 1e-9], [1e308, -1e308 * (1 - 2**-52)]]
    )
    def test_sums_that_cancel(self, f: list[float]) -> None:
        """Scaling is exact: a sum that nearly vanishes keeps its digits."""
        a = [Fraction(x) for x in f]
        c = [
            sum(a[i] * a[k - i] for i in range(len(a)) if 0 <= k - i < len(a))
            for k in range(2 * len(a) - 1)
        ]
        value = 2 * len(a) * max(c) / sum(a) ** 2
        assert steps.autocorrelation(np.array(f)) == pytest.approx(float(value), rel=1e-12)

    @pytest.mark.parametrize("f", [[1.0, -1.0], [0.0, 0.0], [1e-200, -1e-200, 0.0]])
    def test_a_sum_of_zero_is_refused(self, f: list[float]) -> None:
        """There is no value without an integral."""
        with pytest.raises(Invalid, match="zero"):
            steps.autocorrelation(np.array(f))

    @pytest.mark.parametrize("scale", [1e-320, 1e-160, 1e160, 1e308])
    def test_any_scale(self, scale: float) -> None:
        """Neither squares nor sums overflow or vanish."""
        assert steps.autocorrelation(np.full(7, scale)) == pytest.approx(2, rel=1e-14)
        assert steps.flatness(np.full(7, scale)) == pytest.approx(2 / 3, rel=1e-14)
        assert steps.overlap(steps.heights(np.full(7, scale))) == pytest.approx(0.5, rel=1e-14)

    def test_negative_heights_are_refused_where_they_must_be(self) -> None:
        """AC1 and AC2 are about f >= 0: the smallest negative number is one too many."""
        with pytest.raises(Invalid, match="number 1 is negative"):
            steps.nonnegative(np.array([1.0, -1e-300, 1.0]))


class TestFlatness:
    @pytest.mark.parametrize(
        ("f", "value"),
        [
            ([5.0], Fraction(2, 3)),  # a triangle: (1 + 1) / 3 / (1 * 1)
            ([1.0, 1.0], Fraction(2, 3)),  # 1, 2, 1: (2 * 6 + 4) / (3 * 4 * 2)
            ([1.0, 0.0, 1.0], Fraction(12, 3 * 4 * 2)),  # 1, 0, 2, 0, 1: 2 * 6 + 0
            ([1.0, 2.0], Fraction(2 * 33 + 20, 3 * 9 * 4)),  # 1, 4, 4
        ],
    )
    def test_by_hand(self, f: list[float], value: Fraction) -> None:
        """||f*f||_2^2 / (||f*f||_1 ||f*f||_inf)."""
        assert steps.flatness(np.array(f)) == pytest.approx(float(value), rel=1e-14)
        assert exact.flatness([int(x) for x in f]) == value

    def test_against_the_integrals(self) -> None:
        """The norms of the piecewise linear function, summed interval by interval."""
        f = np.random.default_rng(1).random(9)
        y = [0.0, *direct(f.tolist(), f.tolist()), 0.0]
        h = 1 / (2 * len(f))
        squares = sum(h / 3 * (a * a + a * b + b * b) for a, b in pairwise(y))
        assert steps.flatness(f) == pytest.approx(squares / (sum(y) * h * max(y)), rel=1e-14)


class TestOverlap:
    @pytest.mark.parametrize(
        ("h", "value"),
        [
            ([0.5], 0.5),
            ([0.5] * 16, 0.5),
            ([1 / 3, 2 / 3], 4 / 9),  # Haugland's best of two steps
            ([0.0, 1.0], 1.0),  # h and 1 - h fall together once shifted
            ([0.0, 1.0, 1.0, 0.0], 0.5),  # 1-h = 1, 0, 0, 1: shifts by 1 and 2 give 1, 1 of 4
        ],
    )
    def test_by_hand(self, h: list[float], value: float) -> None:
        """C5 = max over k of (2/n) sum h_i (1 - h_(i+k))."""
        heights = steps.heights(np.array(h))
        assert steps.overlap(heights) == pytest.approx(value, rel=1e-14)
        bound = exact.overlap(exact.heights(heights), exact.ONE)
        assert float(bound) == pytest.approx(value, rel=1e-14)

    def test_sums_are_put_right(self) -> None:
        """Heights count up to their scale: a sum that is off, by little or much, earns nothing."""
        h = np.array([0.3, 0.6, 0.7, 0.4])
        right = steps.overlap(h)
        for scale in (1 - 1e-6, 1 - 1e-12, 1 + 1e-12, 1 + 1e-6, 0.1, 100.0):
            scaled = steps.heights(h * scale)
            assert math.fsum(scaled) == pytest.approx(2.0, rel=1e-15)
            assert steps.overlap(scaled) == pytest.approx(right, rel=1e-13)

    def test_a_sum_of_half_as_much_is_not_half_the_overlap(self) -> None:
        """Without scaling, small heights would have an overlap near zero."""
        assert steps.overlap(steps.heights(np.full(8, 1e-9))) == pytest.approx(0.5)

    def test_heights_above_one_are_refused(self) -> None:
        """A height that is above 1 once the sum is right is invalid."""
        with pytest.raises(Invalid, match=r"a height is 1\.00001"):
            steps.heights(np.array([1.00001, 0.0, 0.99999, 0.0]))
        with pytest.raises(Invalid, match=r"a height is 1\.0000015"):
            steps.heights(np.array([1.0000015, 0.0, 0.9999985, 0.0]))
        with pytest.raises(Invalid, match="a height is 2"):
            steps.heights(np.array([1.0, 0.0, 0.0, 0.0]))

    @pytest.mark.parametrize("excess", [1e-16, 1e-12, 1e-9, 9e-7])
    def test_rounding_above_one_is_mended(self, excess: float) -> None:
        """What a height has too much is taken away: all are in bounds, and the sum is right."""
        h = steps.heights(np.array([1 + excess, 0.5, 0.5 - excess, 0.0]))
        assert 0 <= h.min() <= h.max() <= 1
        assert math.fsum(h) == pytest.approx(2.0, rel=1e-15)
        honest = steps.overlap(np.array([1.0, 0.5, 0.5, 0.0]))
        assert steps.overlap(h) == pytest.approx(honest, abs=4 * excess + 1e-15)
        bound = exact.overlap(exact.heights(h), exact.ONE)  # refuses heights that are not valid
        assert float(bound) == pytest.approx(steps.overlap(h), abs=1e-14)

    def test_the_exact_heights_sum_exactly(self) -> None:
        """Rounded to multiples of 2^-62, also where most are at their limits."""
        rng = np.random.default_rng(3)
        for n in (1, 2, 7, 100, 1001):
            half = rng.integers(0, 2, n)
            h = steps.heights(np.concatenate([half, 1 - half, [0.1, 0.7, 0.7]]))
            whole = exact.heights(h)
            assert 2 * sum(whole) == len(h) * exact.ONE
            assert min(whole) >= 0
            assert max(whole) <= exact.ONE

    @settings(max_examples=200, deadline=None)
    @given(st.integers(0, 10**9), st.integers(1, 12))
    def test_what_was_mended_is_valid(self, seed: int, n: int) -> None:
        """Heights that were mended are in bounds; mended again they are the same to rounding."""
        rng = np.random.default_rng(seed)
        half = rng.random(n)
        values = np.concatenate([half, 1 - half, rng.integers(0, 2, n)])
        values = np.concatenate([values, 1 - values]) * (1 + rng.uniform(-1e-15, 1e-15))
        h = steps.heights(values)
        assert 0 <= h.min() <= h.max() <= 1
        assert steps.heights(h) == pytest.approx(h, abs=1e-14)

    def test_a_height_of_zero_stays_one(self) -> None:
        """Where 1 - h is scaled by a factor that was rounded up, 0 does not become negative."""
        values = [0.051990303920018514, 1.0, 0.7843392260420614, 1.0, 0.16921611608748938, 0.0,
                  0.9944543539504305, 0.0]  # fmt: skip
        assert math.fsum(values) < 4
        h = steps.heights(np.array(values))
        assert h.min() == 0
        assert steps.heights(h) == pytest.approx(h, abs=1e-15)

    @pytest.mark.parametrize("off", [-1e-9, -1e-18, 1e-18, 1e-9])
    @pytest.mark.parametrize("limit", [0.0, 1.0])
    def test_heights_at_their_limits_leave_the_rest_to_others(
        self, off: float, limit: float
    ) -> None:
        """What is missing, or too much, goes where there is room, wherever that is."""
        for h in (
            [0.5 + off, 0.5] + [limit, 1 - limit] * 50,
            [1 - limit, limit] * 50 + [0.5 + off],
        ):
            assert 2 * sum(exact.heights(np.array(h))) == len(h) * exact.ONE


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=12))
def test_exact_values_are_the_definitions(a: list[int]) -> None:
    """Of integers, all values are those of sums written out, as fractions."""
    c = [
        sum(a[i] * a[k - i] for i in range(len(a)) if 0 <= k - i < len(a))
        for k in range(2 * len(a) - 1)
    ]
    if sum(a) != 0:
        assert exact.autocorrelation(a) == Fraction(2 * len(a) * max(c), sum(a) ** 2)
    b = [abs(x) for x in a]
    if any(b):
        y = [
            0,
            *(
                sum(b[i] * b[k - i] for i in range(len(b)) if 0 <= k - i < len(b))
                for k in range(2 * len(b) - 1)
            ),
            0,
        ]
        norm = sum(Fraction(p * p + p * q + q * q, 3) for p, q in pairwise(y))
        assert exact.flatness(b) == norm / (sum(y) * max(y))
    one = 2 * sum(b)
    if one and max(len(b) * x for x in b) <= one:  # heights n b / (2 sum b) are at most 1
        h = [len(b) * x for x in b]
        lags = range(-len(h) + 1, len(h))
        sums = [
            sum(h[i] * (one - h[i + k]) for i in range(len(h)) if 0 <= i + k < len(h)) for k in lags
        ]
        assert exact.overlap(h, one) == Fraction(2 * max(sums), len(h) * one * one)


class TestFft:
    """By FFT: within 1e-12 relative of the sum written out."""

    SHAPES: ClassVar[dict[str, Callable[[np.random.Generator], np.ndarray]]] = {
        "random": lambda rng: rng.random(1000),
        "constant": lambda _: np.ones(1000),
        "spikes": lambda rng: np.where(rng.random(1000) < 0.01, 1e6, rng.random(1000)),
        "many sizes": lambda rng: 10 ** rng.uniform(-12, 0, 1000),
        "one-sided": lambda _: 1 / np.sqrt(np.arange(1000) + 0.5),
        "a Sidon set": lambda _: (
            np.isin(np.arange(1000), [2 * 31 * i + i * i % 31 for i in range(16)]) * 1.0
        ),
    }

    @pytest.mark.parametrize("shape", SHAPES)
    def test_against_the_direct_sum(self, shape: str) -> None:
        """All four values."""
        f = self.SHAPES[shape](np.random.default_rng(0))
        c = np.array(direct(f.tolist(), f.tolist()))
        n, close = len(f), {"rel": 1e-12}
        assert steps.autocorrelation(f) == pytest.approx(
            2 * n * c.max() / math.fsum(f) ** 2, **close
        )
        squares = 2 * math.fsum(c * c) + math.fsum(c[1:] * c[:-1])
        assert steps.flatness(f) == pytest.approx(squares / (3 * math.fsum(c) * c.max()), **close)
        signed = f * np.where(np.arange(n) % 3 == 0, -0.5, 1.0)
        c = np.array(direct(signed.tolist(), signed.tolist()))
        value = 2 * n * c.max() / math.fsum(signed) ** 2
        assert steps.autocorrelation(signed) == pytest.approx(value, **close)
        h = steps.heights(0.3 + 0.4 * f / f.max() * 0.5)
        sums = direct(h.tolist(), (1 - h)[::-1].tolist())
        assert steps.overlap(h) == pytest.approx(max(sums) * 2 / n, **close)


class TestPublished:
    """The constructions have the values in their names, to 1e-7."""

    def test_erdos(self) -> None:
        """0.3808753, and its certified bound is the same to rounding."""
        h = steps.heights(sequence(shared("erdos_0.3808753.json")))
        assert steps.overlap(h) == pytest.approx(0.3808753, abs=1e-7)
        bound = exact.overlap(exact.heights(h), exact.ONE)
        assert float(bound) == pytest.approx(steps.overlap(h), abs=1e-14)

    def test_ac1(self) -> None:
        """1.5028629."""
        f = steps.nonnegative(sequence(shared("ac1_1.5028629.json")))
        assert steps.autocorrelation(f) == pytest.approx(1.5028629, abs=1e-7)
        bound = exact.autocorrelation(exact.integers(f))
        assert float(bound) == pytest.approx(steps.autocorrelation(f), abs=1e-14)

    def test_circles(self) -> None:
        """2.6359774, which needs no repair."""
        packing = circles.packing(shared("circles26_2.6359774.json"), 26)
        assert float(circles.exact_sum(packing)) == pytest.approx(2.6359774, abs=1e-7)


def grid(side: int, radius: float | None = None) -> list[list[float]]:
    """side^2 circles in rows and columns, touching unless the radius is smaller."""
    r = 1 / (2 * side) if radius is None else radius
    at = [(2 * i + 1) / (2 * side) for i in range(side)]
    return [[x, y, r] for x in at for y in at]


def loss(packing: list[list[float]], data: list[list[float]]) -> float:
    """How much of the sum of radii was lost."""
    return math.fsum(c[2] for c in data) - math.fsum(c[2] for c in packing)


def _slack(packing: list[list[float]], place: int) -> float:
    """How much a circle can grow before it touches another or a wall."""
    x, y, r = packing[place]
    others = [math.hypot(x - a, y - b) - s for a, b, s in packing if [a, b, s] != packing[place]]
    return min([x, y, 1 - x, 1 - y, *others]) - r


class TestCircles:
    def test_a_valid_packing_is_left_alone(self) -> None:
        """Touching is allowed: four circles of radius 1/4, exactly."""
        assert circles.packing(grid(2), 4) == grid(2)
        assert circles.packing({"circles": grid(2), "sum": 4}, 4) == grid(2)

    @pytest.mark.parametrize("excess", [1e-15, 1e-12, 1e-9, 9e-7])
    def test_overlaps_earn_nothing(self, excess: float) -> None:
        """Radii inflated all alike come back to where they touch, to the last digits."""
        inflated = [[x, y, r + excess / 2] for x, y, r in grid(4)]
        packing = circles.packing(inflated, 16)
        assert circles.faults(packing) == ""
        assert float(circles.exact_sum(packing)) == pytest.approx(2.0, abs=1e-14)
        assert circles.exact_sum(packing) <= 2

    @pytest.mark.parametrize(
        "data",
        [
            [[0.25, 0.5, 0.25], [0.75, 0.5, 0.2499], [0.5, 0.5 + 0.25, 0.0355]],
            [[0.5, 0.5, 0.5]],
        ],
    )
    def test_up_to_a_millionth_is_repaired_and_no_more(self, data: list[list[float]]) -> None:
        """Overlaps and overhangs of 0.99e-6 are mended; 1.01e-6 is refused."""
        touching = circles.packing(data, len(data))
        room = _slack(touching, -1)
        within, beyond = ([list(c) for c in touching] for _ in range(2))
        within[-1][2] += room + 0.99e-6
        beyond[-1][2] += room + 1.01e-6
        assert circles.faults(circles.packing(within, len(data))) == ""
        with pytest.raises(Invalid, match=r"(overlap|sticks out of the square) by 1\.01e-06"):
            circles.packing(beyond, len(data))

    def test_repaired_once_is_repaired(self) -> None:
        """A packing that is valid is left as it is, to the last digit."""
        rng = np.random.default_rng(2)
        for _ in range(30):
            data = [[x, y, r * (1 + 1e-7 * rng.random())] for x, y, r in grid(4)]
            packing = circles.packing(data, 16)
            assert circles.packing(packing, 16) == packing

    def test_walls_are_exact(self) -> None:
        """As floats 0.9 + 0.1 is 1; as what the floats are, it is more."""
        ((x, _, r),) = circles.packing([[0.9, 0.5, 0.1]], 1)
        assert Fraction(x) + Fraction(r) <= 1
        assert r == math.nextafter(0.1, 0) or 0.1 - 1e-16 < r < 0.1

    def test_touching_pairs_are_exact(self) -> None:
        """Where rounding decides whether two circles overlap, fractions do."""
        rng = np.random.default_rng(5)
        for _ in range(300):
            (x, y, a, b) = rng.uniform(0.4, 0.6, 4)
            first = float(rng.uniform(0.2, 0.8)) * math.hypot(x - a, y - b)
            data = [[x, y, first], [a, b, math.hypot(x - a, y - b) - first]]
            (x, y, r), (a, b, s) = [[Fraction(v) for v in c] for c in circles.packing(data, 2)]
            assert (x - a) ** 2 + (y - b) ** 2 >= (r + s) ** 2

    @pytest.mark.parametrize("excess", [1e-12, 1e-9, 9e-7])
    def test_the_least_loss(self, excess: float) -> None:
        """One circle that overlaps four others shrinks alone: it costs a quarter of theirs."""
        data = grid(3)
        data[4][2] += excess  # the middle one, touching four
        packing = circles.packing(data, 9)
        assert loss(packing, data) == pytest.approx(excess, abs=1e-15)
        assert [c[2] for c in packing] == pytest.approx([1 / 6] * 9, abs=1e-15)

    def test_a_chain_shrinks_where_it_costs_least(self) -> None:
        """Three in a row, each overlapping the next by e: the middle one gives way for both."""
        e = 1e-8
        data = [[0.1, 0.5, 0.1], [0.3 - e, 0.5, 0.1], [0.5 - 2 * e, 0.5, 0.1]]
        packing = circles.packing(data, 3)
        assert loss(packing, data) == pytest.approx(e, rel=1e-6)
        assert packing[1][2] == pytest.approx(0.1 - e, abs=1e-14)

    def test_a_triangle_shares_the_loss(self) -> None:
        """Three that overlap pairwise by e lose e/2 each: no two of them suffice."""
        e, side = 1e-8, 0.2
        high = side * math.sqrt(3) / 2
        data = [[0.3, 0.3, 0.1], [0.3 + side, 0.3, 0.1], [0.3 + side / 2, 0.3 + high, 0.1]]
        data = [[x, y, r + e / 2] for x, y, r in data]
        packing = circles.packing(data, 3)
        assert loss(packing, data) == pytest.approx(1.5 * e, rel=1e-6)

    def test_overhangs_are_cut(self) -> None:
        """A circle that sticks out by a rounding error shrinks to the wall."""
        (circle,) = circles.packing([[0.5, 0.5, 0.5 + 1e-9]], 1)
        assert circle == [0.5, 0.5, 0.5]

    @pytest.mark.parametrize(
        ("data", "why"),
        [
            ([[0.25, 0.5, 0.25], [0.75, 0.5, 0.250002]], "circle 1 sticks out"),
            ([[0.25, 0.5, 0.24], [0.7, 0.5, 0.24]], "circles 0 and 1 overlap by 0.03"),
            ([[0.5, 0.5, 0.5], [0.5, 0.5, 0.0]], "overlap by 0.5"),
            ([[0.5, 0.5, 0.1], [0.2, 0.2, -0.1]], "circle 1 has the negative radius"),
            ([[0.5, 0.5, 0.1], [1.1, 0.2, 0.1]], "centre of circle 1"),
            ([[0.5, 0.5, 0.1]], "1 circles; expected 2"),
            ([[0.5, 0.5, 0.1], [0.5, 0.5]], r"circles\[1\] has 2 numbers"),
            ([[1e308, 0.5, 0.1], [-1e308, 0.5, 1e308]], "centre of circle 0"),
        ],
    )
    def test_refused(self, data: object, why: str) -> None:
        """Beyond 1e-6 a packing is invalid, and the reason names the circles."""
        with pytest.raises(Invalid, match=why):
            circles.packing(data, 2)

    def test_a_packing_with_sum_4_is_invalid(self) -> None:
        """26 circles that would have to overlap, whatever else is claimed of them."""
        data = {"circles": [[0.5, 0.5, 4 / 26]] * 26, "valid": True, "sum": 4.0}
        with pytest.raises(Invalid, match="overlap"):
            circles.packing(data, 26)

    @pytest.mark.parametrize("name", HOSTILE)
    def test_hostile_data_are_refused(self, name: str) -> None:
        """Lists of numbers, and what is none, are no circles."""
        for data in (HOSTILE[name], {"circles": HOSTILE[name]}, [HOSTILE[name]] * 2):
            with pytest.raises(Invalid):
                circles.packing(data, 2)

    @settings(max_examples=50, deadline=None)
    @given(st.integers(0, 10**6), st.floats(0, 9e-7))
    def test_repaired_packings_are_valid_in_exact_arithmetic(
        self, seed: int, excess: float
    ) -> None:
        """Whatever the packing: every pair is disjoint and every circle inside, as fractions."""
        rng = np.random.default_rng(seed)
        xy = rng.random((12, 2))
        apart = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1)) + 9 * np.eye(12)
        radii = np.minimum(apart.min(axis=1) / 2, np.minimum(xy, 1 - xy).min(axis=1))
        data = np.column_stack([xy, radii + excess * rng.random(12) / 2]).tolist()
        packing = circles.packing(data, 12)
        for i, (x, y, r) in enumerate([[Fraction(v) for v in c] for c in packing]):
            assert r <= min(x, y, 1 - x, 1 - y)
            for a, b, s in [[Fraction(v) for v in c] for c in packing[:i]]:
                assert (x - a) ** 2 + (y - b) ** 2 >= (r + s) ** 2
        assert circles.exact_sum(packing) >= sum(map(Fraction, radii.tolist())) - Fraction(
            1, 10**14
        )


class TestRows:
    def test_reads_rows(self) -> None:
        """Of one length; an empty list is a list of none."""
        assert rows([[1, 2], (3, 4.5)], "pairs", 2).tolist() == [[1, 2], [3, 4.5]]
        assert rows([], "pairs", 2).shape == (0, 2)
