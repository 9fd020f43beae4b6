"""Whether two answers are the same, as far as that can be told without computer algebra."""

from ttrl_cli.voting.known import Canonical

ROUNDED = 1.01e-6
"""math-verify rounds decimals to six places."""
RELATIVE = 1e-8
_REGIONS = frozenset(("tuple", "union", "relation"))


def undecided(a: Canonical, b: Canonical) -> bool:
    """Whether the keys differ and yet the answers may be the same."""
    return a.key != b.key and _may_be_same(a, b)


def decided(a: Canonical, b: Canonical) -> bool | None:
    """Whether two answers are the same; None where only a computer algebra system can tell.

    x = 5 is the same as 5, and 50% as 50, without a key in common: y = 5 and 1/2 have it too.
    """
    if a.key in _stripped(b) or b.key in _stripped(a):
        return True
    return None if _may_be_same(a, b) else False


def _stripped(a: Canonical) -> set[str]:
    """The keys of an answer and of what it says of a variable, or before a percent sign."""
    keys = {a.key}
    if a.kind == "named":
        keys.add(a.parts[0].key)
    if a.bare is not None:
        keys.add(a.bare.key)
    return keys


def _same(a: Canonical, b: Canonical) -> bool:
    return a.key == b.key or _may_be_same(a, b)


def _may_be_same(a: Canonical, b: Canonical) -> bool:
    """Whether two answers with different keys could be the same."""
    kinds = {a.kind, b.kind}
    if "text" in kinds:
        return False
    if "opaque" in kinds:
        return True
    if (a.bare is None) != (b.bare is None):
        return _same(a.bare or a, b.bare or b) or _plain(a, b)
    return _plain(a, b)


def _plain(a: Canonical, b: Canonical) -> bool:
    """The same, percentages taken as their values."""
    kinds = {a.kind, b.kind}
    if "named" in kinds:
        return _named(a, b)
    if "relation" in kinds or "system" in kinds:
        return _relations(a, b)
    if "set" in kinds:
        return _sets(a, b)
    if a.kind != b.kind:
        return kinds == {"tuple", "union"}
    if a.kind == "number":
        return _close(a, b)
    if a.kind in ("tuple", "matrix"):
        return _sequences(a, b)
    return a.kind == "union"


def _named(a: Canonical, b: Canonical) -> bool:
    """Here x = 5 is 5; x = 5 is not y = 5; y = 2x may be x = y/2."""
    if "relation" in (a.kind, b.kind):
        return _relations(a, b)
    if "system" in (a.kind, b.kind):
        return False
    if a.kind == b.kind and a.name != b.name:
        return not a.fixed and not b.fixed and _equations(a, b)
    return _same(*(each.parts[0] if each.kind == "named" else each for each in (a, b)))


def _relations(a: Canonical, b: Canonical) -> bool:
    if "system" in (a.kind, b.kind) and {"system", "tuple"} >= {a.kind, b.kind}:
        return _coordinates(a, b)
    other = b if a.kind in ("relation", "system") else a
    if other.kind == "named":
        return _equations(a, b)
    if other.kind not in ("relation", "system"):
        return other.kind in _REGIONS
    return a.name == b.name and _equations(a, b)


def _coordinates(a: Canonical, b: Canonical) -> bool:
    """Here x = 1, y = 2 is (1, 2): in the order of the names."""
    left, right = (
        [part.parts[0] for part in each.parts] if each.kind == "system" else each.parts
        for each in (a, b)
    )
    if a.kind == b.kind and [part.name for part in a.parts] != [part.name for part in b.parts]:
        return False
    return len(left) == len(right) and all(map(_same, left, right))


def _equations(a: Canonical, b: Canonical) -> bool:
    """Curves of degree 1 or 2 are the same if their polynomials are, but for a factor."""
    if not (a.degree == b.degree and a.degree in (1, 2)):
        return True
    return _near(a, b)


def _sets(a: Canonical, b: Canonical) -> bool:
    """Each element must have its like; a number is the set of itself."""
    if "union" in (a.kind, b.kind):
        return True  # of finite sets
    if not {"tuple", "matrix"}.isdisjoint((a.kind, b.kind)):
        return False
    left, right = (each.parts if each.kind == "set" else (each,) for each in (a, b))
    return all(any(_same(x, y) for y in right) for x in left) and all(
        any(_same(x, y) for x in left) for y in right
    )


def _sequences(a: Canonical, b: Canonical) -> bool:
    if a.name != b.name or len(a.parts) != len(b.parts):
        return False
    return all(_same(x, y) for x, y in zip(a.parts, b.parts, strict=True))


def _close(a: Canonical, b: Canonical) -> bool:
    """Whether two numbers or expressions are too close to be told apart."""
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
