r"""A small reader of the LaTeX that answers are written in: text -> expression tree.

It reads what it is sure of, as math-verify would (1/2x is 1/(2x); \log has base 10), and refuses
the rest: what it cannot read is left to math-verify. It is iterative where input is long and
bounded where it is deep. Unlike math-verify it tells R from r.
"""

from collections.abc import Callable, Container, Sequence

from ttrl_cli.equivalence.atoms import Atoms, scalar
from ttrl_cli.equivalence.expression import (
    EITHER,
    LIST,
    MIXED,
    Node,
    Unreadable,
    Verbatim,
    negative,
    number,
)
from ttrl_cli.equivalence.products import has_vector, is_capital, is_matrix_product, is_mixed
from ttrl_cli.equivalence.tokens import CLOSING, OPENING, OR, QUALIFIER, SEPARATORS, split, tokens
from ttrl_cli.equivalence.verbatim import written

MAX_DEPTH = 20
_RELATIONS = {
    "=": "=", "<": "<", ">": ">", "\\lt": "<", "\\gt": ">", "\\le": "<=", "\\ge": ">=",
    "\\ne": "!=", "\\in": "in", "\\approx": "~", "\\equiv": "=",
}  # fmt: skip
_TIMES = frozenset(("*", r"\cdot", r"\times"))
_STOPS = frozenset((
    *_RELATIONS, *_TIMES, *"/:+-,;)]}&", "", r"\}", "\\\\", r"\pmod", r"\cup", r"\setminus",
    r"\rfloor", r"\rceil", OR, *(rf"\end{{{kind}matrix}}" for kind in ("", "p", "b", "B")),
))  # fmt: skip


def read(text: str) -> Node:
    r"""Parse a tidied answer into an expression; several answers, or one with \pm, become a set.

    Raises:
        Unreadable: If it is not an expression that this reader knows.
    """
    pieces, separators = split(tokens(text))
    if len(pieces) == 1:
        readings = _readings(pieces[0])
        return readings[0] if len(readings) == 1 else Node("set", tuple(readings))
    nodes = tuple(node for piece in pieces for node in _readings(piece))
    name = LIST if OR not in separators else EITHER if separators == {OR} else MIXED
    return Node("set", nodes, name)


def _readings(piece: Sequence[str]) -> list[Node]:
    r"""Return the expressions that an answer means: two if it has a \pm, else one."""
    return [_read(reading) for reading in _signed(_with_sets_written_out(piece))]


def _signed(piece: Sequence[str]) -> list[list[str]]:
    r"""Return the tokens once with the upper signs of each \pm and once with the lower ones.

    Without a \pm or \mp, return them once.
    """
    if r"\pm" not in piece and r"\mp" not in piece:
        return [list(piece)]
    signs = {r"\pm": "+", r"\mp": "-"}, {r"\pm": "-", r"\mp": "+"}
    return [[sign.get(token, token) for token in piece] for sign in signs]


def _with_sets_written_out(piece: Sequence[str]) -> list[str]:
    r"""Write out both signs of each element with \pm in a set: \{0, \pm 2\} has three elements."""
    if r"\{" not in piece or not {r"\pm", r"\mp"} & set(piece):
        return list(piece)
    found: list[str] = []
    opened: list[int] = []
    for token in piece:
        if token == r"\{":
            opened.append(len(found) + 1)
        elif token == r"\}" and opened:
            start = opened.pop()
            elements = [each for part in split(found[start:])[0] for each in _signed(part)]
            found[start:] = [t for each in elements for t in (",", *each)][1:]
        found.append(token)
    return found


def _read(found: Sequence[str]) -> Node:
    items, _ = _Reader(found).items(("",))
    if len(items) != 1:
        raise Unreadable
    return items[0]


class _Reader(Atoms):
    """Recursive descent over tokens."""

    def __init__(self, tokens: Sequence[str]) -> None:
        super().__init__(tokens)
        self.depth = 0

    def items(self, closers: Sequence[str]) -> tuple[list[Node], str]:
        """Read expressions separated by commas; return them and the closing token."""
        if self.next in closers:
            return [], self.take()
        items = []
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unreadable
        while True:
            items.append(self.relation())
            token = self.take()
            if token in closers:
                self.depth -= 1
                return items, token
            if token not in SEPARATORS or (token == OR and r"\}" not in closers):
                raise Unreadable

    def relation(self) -> Node:
        """Read an element of a list: an expression, a relation, or verbatim tokens."""
        return self.or_verbatim(self.sides)

    def sides(self) -> Node:
        parts, operators = [self.side()], []
        while self.next in _RELATIONS:
            operators.append(_RELATIONS[self.take()])
            parts.append(self.side())
        if not operators:
            return parts[0]
        if any(part.head == "verbatim" for part in parts):
            parts = _named(parts, operators)
        return Node("relation", tuple(parts), " ".join(operators))

    def side(self) -> Node:
        """Read a side of a relation; keep it verbatim if only its spelling has a meaning."""
        return self.or_verbatim(self.union, _RELATIONS)

    def or_verbatim(self, read: Callable[[], Node], ends: Container[str] = ()) -> Node:
        """Read a node; if only its spelling has a meaning, take its tokens as a verbatim node."""
        start, depth, bars = self.at, self.depth, self.bars
        try:
            return read()
        except Verbatim:
            self.at, self.depth, self.bars = start, depth, bars
            return self.verbatim(ends)

    def verbatim(self, ends: Container[str] = ()) -> Node:
        """Take the rest of an element, or of a side of a relation, as a verbatim node."""
        start, depth = self.at, 0
        while self.next:
            token = self.next
            closes = token in CLOSING or token.startswith(r"\end")
            if not depth and (closes or token in SEPARATORS or token in ends):
                break
            depth += (token in OPENING or token.startswith(r"\begin")) - closes
            self.take()
        return Node("verbatim", name=written(self.tokens[start : self.at]))

    def union(self) -> Node:
        parts = [self.residue()]
        while self.next == r"\cup":
            self.take()
            parts.append(self.residue())
        node = Node("union", tuple(parts)) if len(parts) > 1 else parts[0]
        if self.next != r"\setminus":
            return node
        self.take()
        points = self.residue()
        if self.next == r"\setminus" or node.head not in ("tuple", "union") or points.head != "set":
            raise Verbatim
        return Node("minus", (node, points))

    def residue(self) -> Node:
        r"""Read a sum and the modulus or the deciding words behind it: 3 \pmod 5, 3 above."""
        node = self.sum()
        if self.next.startswith(QUALIFIER):
            return self.qualified(node)
        if self.next != r"\pmod":
            return node
        self.take()
        return Node("tuple", (scalar(node), self.argument()), "mod")

    def qualified(self, node: Node) -> Node:
        """Read the deciding words behind a quantity; return the two as one node."""
        words = []
        while self.next.startswith(QUALIFIER):
            words.append(self.take().removeprefix(QUALIFIER).rstrip("}"))
        return Node("tuple", (scalar(node),), f":{' '.join(words)}")

    def sum(self) -> Node:
        terms = [self.term()]
        while self.next in ("+", "-"):
            terms.append(self.term())
        return Node("add", tuple(map(scalar, terms))) if len(terms) > 1 else terms[0]

    def term(self) -> Node:
        """Read a product with its signs."""
        minus = False
        while self.next in ("+", "-"):
            minus ^= self.take() == "-"
        node = self.product()
        if not minus:
            return node
        if node.head == "number":
            return node._replace(value=-node.value)
        return negative(scalar(node))

    def product(self) -> Node:
        node = self.chain()
        ratio = [node]
        operators = set()
        while self.next in _TIMES or self.next in ("/", ":"):
            operator = self.take()
            operators.add(operator)
            sign = self.take() if self.next == "-" else ""
            factor = scalar(self.chain())
            if sign:
                factor = negative(factor)
            if operator == r"\times" and has_vector(node) and has_vector(factor):
                raise Verbatim  # the order of a cross product counts
            ratio.append(factor)
            node = Node("mul" if operator in _TIMES else "div", (scalar(node), factor))
            if operator == ":" and self.next == ":":
                return self.proportion(ratio)
        if len(ratio) > 1 and operators <= _TIMES and is_matrix_product(ratio):
            raise Verbatim
        return node

    def proportion(self, parts: list[Node]) -> Node:
        """Read the rest of a:b:c, behind a:b."""
        if len(parts) != 2:
            raise Unreadable
        while self.next == ":":
            self.take()
            parts.append(scalar(self.chain()))
        if self.next in _TIMES or self.next == "/":
            raise Unreadable
        return Node("tuple", tuple(parts), "::")

    def chain(self) -> Node:
        """Read factors without operators between them.

        A number and a fraction behind it are a mixed number.
        """
        factors = [self.factor()]
        while not self.stops():
            self.refuse_number(factors[-1])
            factors.append(self.factor())
        if is_matrix_product(factors):
            raise Verbatim
        if len(factors) == 1:
            return factors[0]
        if len(factors) == 2 and is_mixed(*factors):
            return Node("add", tuple(factors))
        name = "word" if all(map(is_capital, factors)) else ""
        return Node("mul", tuple(map(scalar, factors)), name)

    def refuse_number(self, last: Node) -> None:
        """Raise if a number follows another or a letter: 1 2 3, 7 R 3 and H2O are no products.

        Raises:
            Verbatim: If it follows a number or a letter.
            Unreadable: If it follows another expression that ends in a digit.
        """
        if not (self.next[0].isdigit() or (self.next[0] == "." and len(self.next) > 1)):
            return
        if last.head in ("number", "symbol") or last.name in ("e", "i"):
            raise Verbatim
        if self.tokens[self.at - 1][0].isdigit():
            raise Unreadable

    def stops(self) -> bool:
        """Decide whether the next token cannot begin another factor."""
        return (
            self.next in _STOPS
            or (self.next == "|" and bool(self.bars))
            or self.next.startswith(QUALIFIER)
        )

    def factor(self) -> Node:
        """Read an atom and the powers, factorials and percent signs behind it."""
        node = self.atom()
        while self.next in ("^", "!", "%"):
            token = self.take()
            scalar(node)
            if token == "^":
                node = Node("pow", (node, self.exponent()))
                if self.next == "^":
                    raise Unreadable
            elif token == "!":
                node = self.factorial(node)
            else:
                node = Node("div", (node, number(100)))
        return node

    def factorial(self, node: Node) -> Node:
        """Return a factorial, or a double one if another "!" follows: 7!! is not (7!)!."""
        if self.next != "!":
            return Node("factorial", (node,))
        self.take()
        if self.next == "!":
            raise Unreadable
        return Node("factorial2", (node,))


def _named(parts: Sequence[Node], operators: Sequence[str]) -> list[Node]:
    r"""Return the two sides of an equation with one verbatim side: A \cap B = \emptyset, C = A^TB.

    The left side becomes a name. A chain of steps is allowed if the last side can be read.

    Raises:
        Verbatim: If the relation has another form.
    """
    left, right = parts[0], parts[-1]
    if set(operators) != {"="} or left.head == right.head == "verbatim":
        raise Verbatim
    if len(parts) > 2 and right.head != "verbatim":
        return [Node("symbol", name=left.name or "steps"), right]
    if len(parts) > 2 or left.head not in ("symbol", "verbatim"):
        raise Verbatim
    return [Node("symbol", name=left.name), right]
