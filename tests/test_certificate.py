"""Certificates: what they say, that they are checked from their construction alone."""

import json
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ttrl_cli.bounds import certificate, steps
from ttrl_cli.bounds.certificate import KINDS, Certificate, check
from ttrl_cli.errors import Invalid

H = steps.heights(np.array([1 / 3, 2 / 3]))
F = np.array([1.0, 2.0])
MADE = {
    "erdos-minimum-overlap": certificate.erdos_minimum_overlap(H),
    "autocorrelation-1": certificate.autocorrelation(F, 1),
    "autocorrelation-2": certificate.autocorrelation(F, 2),
    "autocorrelation-3": certificate.autocorrelation(np.array([1.0, -3.0, 1.0]), 3),
    "circle-packing": certificate.circle_packing([[0.25, 0.25, 0.25], [0.75, 0.75, 0.25]]),
}
EXACT = {
    "autocorrelation-1": Fraction(16, 9),  # c = 1, 4, 4: 4 * 4 / 9
    "autocorrelation-2": Fraction(43, 54),  # (2 * 33 + 20) / (3 * 9 * 4)
    "autocorrelation-3": Fraction(66),  # c = 1, -6, 11, -6, 1: 6 * 11 / 1
    "circle-packing": Fraction(1, 2),
}


def document(kind: str) -> Any:
    """A certificate as it would be read from a file."""
    return json.loads(json.dumps(MADE[kind].document()))


def test_every_kind_is_made_here() -> None:
    """No kind goes without the tests below."""
    assert set(MADE) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_written_is_proved(kind: str) -> None:
    """Checked alone, a certificate gives the bound that it was made with."""
    assert check(document(kind)) == MADE[kind]


@pytest.mark.parametrize("kind", EXACT)
def test_bounds_by_hand(kind: str) -> None:
    """Exact fractions."""
    assert MADE[kind].bound == EXACT[kind]


def test_thirds_are_rounded_to_a_grid() -> None:
    """1/3 is neither a float nor a multiple of 2^-62: the bound is that of what is beside it."""
    found = MADE["erdos-minimum-overlap"]
    assert 0 < abs(found.bound - Fraction(4, 9)) < Fraction(1, 2**52)
    assert sum(found.construction["heights"]) == found.construction["one"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("bound", "1/3"),
        ("value", 0.1),
        ("claim", "C5 is at most 0.1"),
        ("score", 0.1),
        ("value", None),
    ],
)
def test_a_claim_that_is_not_proved_is_refused(kind: str, key: str, value: object) -> None:
    """Each word of a certificate must be what its construction gives."""
    with pytest.raises(Invalid, match=key):
        check(document(kind) | {key: value})


@pytest.mark.parametrize(
    ("kind", "construction", "why"),
    [
        ("autocorrelation-1", {"heights": [1, -1, 5]}, "negative"),
        ("autocorrelation-1", {"heights": [0, 0]}, "all zero"),
        ("autocorrelation-1", {"heights": []}, "1 to"),
        ("autocorrelation-1", {"heights": [1.0, 2.0]}, "integers"),
        ("autocorrelation-1", {"heights": [True, 2]}, "integers"),
        ("autocorrelation-1", {"heights": [1, 1 << 5000]}, "bits"),
        ("autocorrelation-1", {"heights": "12"}, "list"),
        ("autocorrelation-1", {"heights": [1] * 1_000_001}, "1 to 1000000"),
        ("autocorrelation-1", {"numbers": [1]}, "heights"),
        ("autocorrelation-2", {"heights": [1, -1, 5]}, "negative"),
        ("autocorrelation-3", {"heights": [1, -1]}, "sum to zero"),
        ("erdos-minimum-overlap", {"one": 4, "heights": [4, 1]}, "do not sum to n/2"),
        ("erdos-minimum-overlap", {"one": 4, "heights": [5, -1]}, "not between 0 and 1"),
        ("erdos-minimum-overlap", {"one": 0, "heights": [0, 0]}, "not between 0 and 1"),
        ("erdos-minimum-overlap", {"heights": [2, 2]}, "one"),
        ("circle-packing", {"circles": [[0.5, 0.5, 0.5000000001]]}, "not inside"),
        ("circle-packing", {"circles": [[0.3, 0.5, 0.2], [0.7, 0.5, 0.2000001]]}, "overlap"),
        ("circle-packing", {"circles": [[0.5, 0.5, -0.5]]}, "negative"),
        ("circle-packing", {"circles": []}, "list of 1 to 500 circles"),
        ("circle-packing", {"circles": {"circles": [[0.5, 0.5, 0.5]]}}, "list of 1 to 500 circles"),
        ("circle-packing", {"circles": [[0.5, 0.5, 0.0]] * 501}, "list of 1 to 500 circles"),
        ("circle-packing", {"circles": [[0.5, 0.5, 0.5]], "heights": [1]}, "keys circles and no"),
        ("autocorrelation-1", {"heights": [1], "circles": 5}, "keys heights and no"),
        ("autocorrelation-3", {"heights": [2**1200, 1 - 2**1200]}, "bits"),
        ("autocorrelation-2", {"heights": [2**4095, 3**2500, 7**1400]}, "bits"),
        ("circle-packing", {"circles": [[0.5, 0.5]]}, "2 numbers"),
    ],
)
def test_a_construction_that_proves_nothing_is_refused(
    kind: str, construction: dict[str, Any], why: str
) -> None:
    """Heights out of bounds, sums that are off by one, circles that overlap by 1e-7."""
    with pytest.raises(Invalid, match=why):
        check(document(kind) | {"construction": construction})


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        "x",
        {"construction": 1},
        {"construction": {}, "schema_version": 2},
        {"construction": {}, "schema_version": True},
        {"construction": {}, "schema_version": "1" * 999},
    ],
)
def test_what_is_no_certificate_is_refused(data: object) -> None:
    """Nothing but Invalid, whatever it is given."""
    with pytest.raises(Invalid):
        check(data)


_HEIGHTS = st.lists(st.integers(-(2**255), 2**255) | st.integers(-3, 3), max_size=4)
_ANY = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(KINDS)),
    st.fixed_dictionaries({"heights": _HEIGHTS | _ANY}, optional={"one": _HEIGHTS | st.integers()})
    | st.fixed_dictionaries({"circles": st.lists(st.lists(st.floats(), min_size=3)) | _ANY})
    | _ANY,
)
def test_whatever_it_holds_it_is_a_certificate_or_invalid(kind: str, construction: object) -> None:
    """Nothing but Invalid is raised, and what is proved can be written."""
    try:
        found = check(document(kind) | {"construction": construction})
    except Invalid:
        return
    assert check(found.document()) == found


@settings(max_examples=300, deadline=None)
@given(_HEIGHTS.filter(any), st.integers(1, 3))
def test_whatever_its_integers_a_bound_can_be_written(heights: list[int], which: int) -> None:
    """Integers of up to 256 bits, of either sign: a document, or Invalid."""
    known = KINDS[f"autocorrelation-{which}"]
    try:
        bound = known.bound({"heights": heights})
    except Invalid:
        return
    made = Certificate(kind="x", bound=bound, upper=known.upper, quantity="x", construction={})
    assert json.loads(json.dumps(made.document(), allow_nan=False))


@pytest.mark.parametrize("kind", ["x", None, 5, [], "problem"])
def test_unknown_kinds_are_refused(kind: object) -> None:
    """The message names the kinds there are."""
    with pytest.raises(Invalid, match="circle-packing"):
        check(document("circle-packing") | {"kind": kind})


@pytest.mark.parametrize("upper", [True, False])
def test_decimals_and_floats_are_rounded_outwards(upper: bool) -> None:
    """An upper bound is never rounded down, a lower one never up."""
    for bound in (Fraction(1, 3), Fraction(-2, 3), Fraction(10**30 + 1, 10**30), Fraction(5, 4)):
        made = Certificate(kind="x", bound=bound, upper=upper, quantity="x", construction={})
        for rounded in (Fraction(made.decimal), Fraction(made.value)):
            assert rounded >= bound if upper else rounded <= bound
            assert abs(rounded - bound) < Fraction(1, 10**15)
    exact = Certificate(kind="x", bound=Fraction(5, 4), upper=upper, quantity="x", construction={})
    assert (exact.decimal, exact.value) == ("1.25", 1.25)


def test_a_small_change_of_a_height_changes_the_bound() -> None:
    """A construction that was touched no longer goes with its bound."""
    changed = document("autocorrelation-1")
    changed["construction"]["heights"][0] += 1
    with pytest.raises(Invalid, match="its claim is"):
        check(changed)


CLAIMS = {
    "erdos-minimum-overlap": "Erdos' minimum overlap constant C5 is at most 0.4444444444444444",
    "autocorrelation-1": "the least of max (f*f) / (integral of f)^2 over f >= 0 on [-1/4, 1/4] is "
    "at most 1.7777777777777777778",
    "autocorrelation-2": "the greatest of ||f*f||_2^2 / (||f*f||_1 ||f*f||_inf) over f >= 0 is at "
    "least 0.79629629629629629629",
    "autocorrelation-3": "the least of max (f*f) / (integral of f)^2 over real f on [-1/4, 1/4] is "
    "at most 66",
    "circle-packing": "the greatest sum of radii of 2 disjoint circles in the unit square is at "
    "least 0.5",
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_claim_says_what_is_bounded(kind: str) -> None:
    """In words, with the bound to 20 digits."""
    assert document(kind)["claim"].startswith(CLAIMS[kind])


def test_the_value_is_the_bound_as_a_float() -> None:
    """Rounded outwards: not below 16/9, by one unit in the last place at most."""
    found = document("autocorrelation-1")["value"]
    assert Fraction(16, 9) <= Fraction(found) <= Fraction(math.nextafter(16 / 9, 2))


def test_as_many_circles_as_the_problems_have() -> None:
    """32 circles, touching, are checked."""
    at = [(2 * i + 1) / 12 for i in range(6)]
    made = certificate.circle_packing([[x, y, 1 / 12 - 1e-9] for x in at for y in at][:32])
    assert check(made.document()).value == pytest.approx(32 / 12)
