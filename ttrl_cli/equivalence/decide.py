"""Whether two answers are the same, as far as that can be told without computer algebra."""

import re
from collections import Counter
from collections.abc import Sequence

from ttrl_cli.equivalence.equations import VALUE_OF, named
from ttrl_cli.equivalence.expression import EITHER, LIST, PRIME
from ttrl_cli.equivalence.known import Canonical
from ttrl_cli.equivalence.regions import BRACKETS, separate, spread
from ttrl_cli.equivalence.sets import BRACED, set_key, set_of

ROUNDED = 1.01e-6
"""math-verify rounds decimals to six places."""
RELATIVE = 1e-8
_CURVE = "y"
_FUNCTION_OF = re.compile(rf"([a-zA-Z]{PRIME}*(?:\^-1)?)\([a-z]\)")
_REGIONS = frozenset(("tuple", "union", "relation"))


def undecided(a: Canonical, b: Canonical) -> bool:
    """Decide whether the keys differ and yet the answers may be the same."""
    return a.key != b.key and decided(a, b) is not False


def decided(a: Canonical, b: Canonical) -> bool | None:
    """Decide whether two answers are the same; None where only computer algebra can tell.

    x = 5 is the same as 5, and 50% as 50, though their keys differ: the same keys would make y = 5
    the same as x = 5, and 1/2 the same as 50.
    """
    if a.bare is not None and b.bare is not None:  # 0.2%, which is 0.2 as well, is not 20%
        same = a.key == b.key
    else:
        same = a.key in _stripped(b) or b.key in _stripped(a)
    if same:
        return True
    return None if _may_be_same(a, b) else False


def says_all(a: Canonical) -> bool:
    """Decide whether an answer is equivalent only to answers with its key.

    This holds for notations that math-verify does not know: a number with a deciding word, a list
    with repetitions, names that are calculations, sets of sets, words, and verbatim answers.
    """
    if a.kind == "tuple" and a.name not in (*BRACKETS, "row", "mod", "::"):
        return True
    if a.kind == "set" and a.name == LIST:
        return len({part.key for part in a.parts}) < len(a.parts) or any(map(says_all, a.parts))
    if a.kind == "text" or a.name in (BRACED, EITHER):
        return True
    return a.name.startswith(VALUE_OF) or any(map(says_all, a.parts))


def _stripped(a: Canonical) -> set[str]:
    """Return an answer's key and the keys of other answers that it counts as the same as.

    These are the value without its name or percent sign; y = ... for f(x) = ...; and the values of
    several names, as a set and, unless a name is a word, as a tuple in the order of the names. The
    relation is not transitive, so these answers cannot share one key.
    """
    keys = {a.key}
    if a.kind == "named":
        keys.add(a.parts[0].key)
    if _function_letter(a):
        keys.add(named(_CURVE, a.parts[0]).key)
    if a.kind == "system":
        values = [part.parts[0] for part in a.parts]
        keys.add(set_key(values))
        if _in_order(a):
            keys.add(f"()<{'; '.join(value.key for value in values)}>")
    if a.bare is not None:
        keys.add(a.bare.key)
    return keys


def _in_order(a: Canonical) -> bool:
    """Decide whether the names of a system have an order: letters have one, words have none."""
    return not any(len(part.name) > 1 and part.name.isalpha() for part in a.parts)


def _function_letter(a: Canonical) -> str:
    """Return f where an answer says what f(x) is, a function of one variable; otherwise ""."""
    function = _FUNCTION_OF.fullmatch(a.name) if a.kind == "named" else None
    return function[1] if function else ""


def _same(a: Canonical, b: Canonical) -> bool:
    return a.key == b.key or _may_be_same(a, b)


def _may_be_same(a: Canonical, b: Canonical) -> bool:
    """Decide whether two answers with different keys may be the same."""
    kinds = {a.kind, b.kind}
    if "text" in kinds:
        return False
    if "opaque" in kinds:
        return True
    if (a.bare is None) != (b.bare is None):
        return _same(a.bare or a, b.bare or b) or _plain(a, b)
    return _plain(a, b)


def _plain(a: Canonical, b: Canonical) -> bool:
    """Decide whether two answers with different keys may be the same, percentages being values."""
    kinds = {a.kind, b.kind}
    if "named" in kinds:
        return _named(a, b)
    if "relation" in kinds or "system" in kinds:
        return _relations(a, b)
    if "set" in kinds:
        return _sets(a, b)
    if "union" in kinds:
        return kinds <= {"tuple", "union"} and _unions(a, b)
    if a.kind != b.kind:
        return False
    if a.kind == "number":
        return _close(a, b)
    if a.kind in ("tuple", "matrix"):
        return _sequences(a, b)
    return False


def _named(a: Canonical, b: Canonical) -> bool:
    """Decide whether two answers may be the same, at least one of which is a named value.

    x = 5 is 5; x = 5 is not y = 5; y = 2x may be x = y/2.
    """
    if "relation" in (a.kind, b.kind):
        return _relations(a, b)
    if "system" in (a.kind, b.kind):
        return False
    if a.kind == b.kind and a.name != b.name and not _same_function(a, b):
        both = _function_letter(a) and _function_letter(b)
        return not both and not a.fixed and not b.fixed and _equations(a, b)
    return _same(*(each.parts[0] if each.kind == "named" else each for each in (a, b)))


def _same_function(a: Canonical, b: Canonical) -> bool:
    """Decide whether both answers define one function, so that only their values count.

    They do if both say what f(x) is, or one says what y is and the other what f(x) is.
    """
    first, second = _function_letter(a), _function_letter(b)
    return first == second != "" or _CURVE in (
        a.name if second else "",
        b.name if first else "",
    )


def _relations(a: Canonical, b: Canonical) -> bool:
    if "system" in (a.kind, b.kind) and {"system", "tuple"} >= {a.kind, b.kind}:
        return _coordinates(a, b)
    if {a.kind, b.kind} == {"system", "set"}:
        return _values_of(a, b)
    if EITHER in (a.name, b.name):
        return a.name == b.name and _matched(a.parts, b.parts)
    if a.kind == b.kind == "relation" and a.parts and b.parts:
        return len(a.parts) == len(b.parts) and _matched(a.parts, b.parts)
    other = b if a.kind in ("relation", "system") else a
    if other.kind == "named":
        return _equations(a, b)
    if other.kind not in ("relation", "system"):
        return other.kind in _REGIONS
    return a.name == b.name and _equations(a, b)


def _coordinates(a: Canonical, b: Canonical) -> bool:
    """Decide whether two systems, or a system and a tuple, may be the same point.

    x = 1, y = 2 is (1, 2), in the order of the names.
    """
    left, right = (
        [part.parts[0] for part in each.parts] if each.kind == "system" else each.parts
        for each in (a, b)
    )
    if a.kind == b.kind and [part.name for part in a.parts] != [part.name for part in b.parts]:
        return False
    if a.kind != b.kind and not _in_order(a if a.kind == "system" else b):
        return False
    return len(left) == len(right) and all(map(_same, left, right))


def _values_of(a: Canonical, b: Canonical) -> bool:
    """Decide whether x = 1, y = 2 may be the list 1, 2."""
    system, other = (a, b) if a.kind == "system" else (b, a)
    return _same(set_of([part.parts[0] for part in system.parts], LIST), other)


def _equations(a: Canonical, b: Canonical) -> bool:
    """Decide whether two equations may be the same.

    Curves of degree 1 or 2 are the same only if their polynomials are, up to a factor.
    """
    if not (a.degree == b.degree and a.degree in (1, 2)):
        return True
    return _near(a, b)


def _sets(a: Canonical, b: Canonical) -> bool:
    """Decide whether two sets may be the same: each element needs a match.

    A number counts as the set of itself.
    """
    if "union" in (a.kind, b.kind):
        union = a if a.kind == "union" else b
        if any(part.kind == "number" for part in union.parts):
            return False  # sets with names
        return not separate(union.parts)  # it may be one of finite sets
    if not {"tuple", "matrix"}.isdisjoint((a.kind, b.kind)):
        return False
    if BRACED in (a.name, b.name):
        return a.name == b.name and _matched(a.parts, b.parts)
    if LIST in (a.name, b.name):
        return _lists(a, b)
    return _matched(_elements(a), _elements(b))


def _elements(a: Canonical) -> tuple[Canonical, ...]:
    return a.parts if a.kind == "set" else (a,)


def _lists(a: Canonical, b: Canonical) -> bool:
    """Decide whether a list may be the same as another list or a set; repetitions count."""
    left, right = (Counter(part.key for part in _elements(each)) for each in (a, b))
    if a.name == b.name == LIST or not {a.kind, b.kind} <= {"set"}:
        if left.total() != right.total():
            return False
    elif max((left | right).values()) > 1:
        return False
    return _matched(
        [part for part in _elements(a) if (left - right)[part.key]],
        [part for part in _elements(b) if (right - left)[part.key]],
    )


def _unions(a: Canonical, b: Canonical) -> bool:
    """Decide whether two unions, or a union and an interval, may be the same."""
    left, right = (spread(each.parts if each.kind == "union" else (each,)) for each in (a, b))
    if not {part.name for part in (*left, *right) if part.kind == "tuple"} <= BRACKETS:
        return False
    if not separate(left) or not separate(right):
        return True
    return len(left) == len(right) and _matched(left, right)


def _matched(left: Sequence[Canonical], right: Sequence[Canonical]) -> bool:
    """Decide whether each element may be the same as some element of the other side."""
    return all(any(_same(x, y) for y in right) for x in left) and all(
        any(_same(x, y) for x in left) for y in right
    )


def _sequences(a: Canonical, b: Canonical) -> bool:
    if a.name != b.name or len(a.parts) != len(b.parts):
        return False
    return all(_same(x, y) for x, y in zip(a.parts, b.parts, strict=True))


def _close(a: Canonical, b: Canonical) -> bool:
    """Decide whether two numbers or expressions are too close to tell apart."""
    if a.exact is not None and b.exact is not None:
        return (a.decimal or b.decimal) and abs(a.exact - b.exact) <= ROUNDED
    if a.values and b.values:
        return _near(a, b)
    if a.size is not None and b.size is not None:
        return a.size == b.size or abs(a.size - b.size) <= RELATIVE * a.size
    # a huge number is none that fits a double
    return not ((a.size is not None and b.values) or (b.size is not None and a.values))


def _near(a: Canonical, b: Canonical) -> bool:
    if a.values is None or b.values is None:
        return True
    rounded = ROUNDED if a.decimal or b.decimal else 0.0
    return all(
        abs(x - y) <= rounded + RELATIVE * max(abs(x), abs(y))
        for x, y in zip(a.values, b.values, strict=True)
    )
