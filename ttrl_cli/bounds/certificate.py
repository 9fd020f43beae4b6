"""Certificates: a bound, and a construction from which it can be computed again, exactly.

A certificate is a JSON object:

    schema_version  1
    kind            one of KINDS, or "problem"
    claim           the inequality in words, the bound to 20 digits, rounded so that it is still one
    bound           the exact bound, "numerator/denominator"
    value           the bound as a float, rounded likewise
    construction    what proves it: integers, or circles whose floats are taken for what they are

`check` needs nothing but this; it recomputes the bound from the construction in exact arithmetic,
and believes no other word. A bound by a problem's own `certify` (kind "problem") holds that
problem's name and the data, and is computed again by the problem.
"""

import decimal
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from ttrl_cli.bounds import circles, exact
from ttrl_cli.bounds.data import MOST, rows
from ttrl_cli.errors import Invalid
from ttrl_cli.records import FloatArray, Json

SCHEMA_VERSION = 1
OF_PROBLEM = "problem"
DIGITS = 20
_MOST_CIRCLES = 500
_MOST_BITS = 256  # ours have 62; fractions of such stay far from what a float or text can hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A bound and what proves it.

    Attributes:
        kind: One of KINDS, or OF_PROBLEM.
        bound: The exact bound.
        upper: Whether the quantity is at most the bound; else it is at least the bound.
        quantity: What is bounded, in words.
        construction: What the bound is computed from, as plain JSON values.
    """

    kind: str
    bound: Fraction
    upper: bool
    quantity: str
    construction: Mapping[str, Json]

    @property
    def decimal(self) -> str:
        """The bound to DIGITS significant digits, rounded outwards."""
        rounding = decimal.ROUND_CEILING if self.upper else decimal.ROUND_FLOOR
        with decimal.localcontext(prec=DIGITS, rounding=rounding):
            top, bottom = self.bound.numerator, self.bound.denominator
            return str(decimal.Decimal(top) / decimal.Decimal(bottom))

    @property
    def value(self) -> float:
        """The bound as a float, rounded outwards.

        Raises:
            OverflowError: If it is too large for one.
        """
        nearest = float(self.bound)
        if nearest != self.bound and (nearest < self.bound) is self.upper:
            nearest = math.nextafter(nearest, math.inf if self.upper else -math.inf)
        return nearest

    def document(self) -> dict[str, Json]:
        """Return the certificate as plain JSON values."""
        return {
            "schema_version": SCHEMA_VERSION,
            "kind": self.kind,
            "claim": f"{self.quantity} is at {'most' if self.upper else 'least'} {self.decimal}",
            "bound": str(self.bound),
            "value": self.value,
            "construction": dict(self.construction),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    upper: bool
    quantity: str
    keys: frozenset[str]
    bound: Callable[[Mapping[str, Json]], Fraction]


def erdos_minimum_overlap(h: FloatArray) -> Certificate:
    """Certify an upper bound of Erdos' minimum overlap constant from heights, [N], 0 <= h <= 1."""
    construction = {"one": exact.ONE, "heights": exact.heights(h)}
    return _certificate("erdos-minimum-overlap", construction)


def autocorrelation(f: FloatArray, which: int) -> Certificate:
    """Certify a bound of the first, second or third autocorrelation constant.

    The bound of the second is a lower one, the others are upper ones.

    Args:
        f: [N]; not negative for the first and second.
        which: 1, 2 or 3.

    Raises:
        Invalid: If f gives no bound of that constant.
    """
    return _certificate(f"autocorrelation-{which}", {"heights": exact.integers(f)})


def circle_packing(found: list[list[float]]) -> Certificate:
    """Certify the exact sum of the radii of a valid packing, [[x, y, r], ...].

    Raises:
        Invalid: If the packing is not valid.
    """
    return _certificate("circle-packing", {"circles": found})


def of_problem(
    name: str, bound: Fraction, *, upper: bool, construction: Mapping[str, Json]
) -> Certificate:
    """Return the certificate of a bound that a problem's own `certify` found.

    Args:
        name: The problem's name.
        bound: The bound.
        upper: Whether the score is at most the bound; else it is at least the bound.
        construction: What the problem can compute the bound from again.
    """
    return Certificate(
        kind=OF_PROBLEM,
        bound=bound,
        upper=upper,
        quantity=f"the score of {name}",
        construction={"problem": name, **construction},
    )


def check(document: Json) -> Certificate:
    """Compute a certificate's bound again, from its construction alone.

    Raises:
        Invalid: If it is not a certificate of one of KINDS, or does not prove what it says.
    """
    if not isinstance(document, dict) or not isinstance(document.get("construction"), dict):
        msg = "not a certificate: expected a JSON object with the key construction"
        raise Invalid(msg)
    version = document.get("schema_version")
    if type(version) is not int or version != SCHEMA_VERSION:
        msg = f"schema version {version!r:.60}; {SCHEMA_VERSION} is read"
        raise Invalid(msg)
    kind = document.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        msg = f"unknown kind {kind!r:.60}; known are {', '.join(KINDS)}"
        raise Invalid(msg)
    found = _certificate(kind, document["construction"])
    compare(document, found)
    return found


def compare(document: Mapping[str, Json], found: Certificate) -> None:
    """Refuse a document that differs from the certificate that was found.

    Raises:
        Invalid: If a key differs; the message names the first one.
    """
    right = found.document()
    for key in [*right, *document]:
        if key not in right:
            msg = f"the unknown key {key!r}"
            raise Invalid(msg)
        if document.get(key) != right[key]:
            given = f"{document.get(key)!r:.60}"
            msg = f"its {key} is {given}, but its construction gives {right[key]!r:.60}"
            raise Invalid(msg)


def _certificate(kind: str, construction: Mapping[str, Json]) -> Certificate:
    known = KINDS[kind]
    if construction.keys() != known.keys:
        msg = f"the construction must have the keys {', '.join(sorted(known.keys))} and no other"
        raise Invalid(msg)
    bound = known.bound(construction)
    # only now is it known to be a list
    count = len(construction["circles"]) if "circles" in known.keys else 0
    return Certificate(
        kind=kind,
        bound=bound,
        upper=known.upper,
        quantity=known.quantity.format(count=count),
        construction=construction,
    )


def _whole(values: Json) -> list[int]:
    if not isinstance(values, list) or not 1 <= len(values) <= MOST:
        msg = f"expected a list of 1 to {MOST} integers"
        raise Invalid(msg)
    if set(map(type, values)) != {int} or max(map(int.bit_length, values)) > _MOST_BITS:
        msg = f"expected integers of at most {_MOST_BITS} bits"
        raise Invalid(msg)
    return values


def _overlap(construction: Mapping[str, Json]) -> Fraction:
    (one,) = _whole([construction["one"]])
    return exact.overlap(_whole(construction["heights"]), one)


def _first(construction: Mapping[str, Json]) -> Fraction:
    heights = _whole(construction["heights"])
    exact.nonnegative(heights)
    return exact.autocorrelation(heights)


def _second(construction: Mapping[str, Json]) -> Fraction:
    return exact.flatness(_whole(construction["heights"]))


def _third(construction: Mapping[str, Json]) -> Fraction:
    return exact.autocorrelation(_whole(construction["heights"]))


def _circles(construction: Mapping[str, Json]) -> Fraction:
    listed = construction["circles"]
    if not isinstance(listed, list) or not 1 <= len(listed) <= _MOST_CIRCLES:
        msg = f"expected a list of 1 to {_MOST_CIRCLES} circles"
        raise Invalid(msg)
    found = rows(listed, "circles", 3).tolist()
    if min(r for _, _, r in found) < 0:
        msg = "a radius is negative"
        raise Invalid(msg)
    wrong = circles.faults(found)
    if wrong:
        raise Invalid(wrong)
    return circles.exact_sum(found)


_HEIGHTS = frozenset(("heights",))
KINDS: Mapping[str, _Kind] = {
    "erdos-minimum-overlap": _Kind(
        upper=True,
        quantity="Erdos' minimum overlap constant C5",
        keys=_HEIGHTS | {"one"},
        bound=_overlap,
    ),
    "autocorrelation-1": _Kind(
        upper=True,
        quantity="the least of max (f*f) / (integral of f)^2 over f >= 0 on [-1/4, 1/4]",
        keys=_HEIGHTS,
        bound=_first,
    ),
    "autocorrelation-2": _Kind(
        upper=False,
        quantity="the greatest of ||f*f||_2^2 / (||f*f||_1 ||f*f||_inf) over f >= 0",
        keys=_HEIGHTS,
        bound=_second,
    ),
    "autocorrelation-3": _Kind(
        upper=True,
        quantity="the least of max (f*f) / (integral of f)^2 over real f on [-1/4, 1/4]",
        keys=_HEIGHTS,
        bound=_third,
    ),
    "circle-packing": _Kind(
        upper=False,
        quantity="the greatest sum of radii of {count} disjoint circles in the unit square",
        keys=frozenset(("circles",)),
        bound=_circles,
    ),
}
"""What `check` knows: whether bounds are upper ones, what is bounded, and how to compute it."""
