r"""A small reader of the LaTeX that answers are written in: text -> expression tree.

It reads what it is sure of, as math-verify would (1/2x is 1/(2x); \log has base 10; letters have
no case), and refuses the rest: what it cannot read is left to math-verify. It is iterative where
input is long and bounded where it is deep.
"""

from collections.abc import Sequence

from ttrl_cli.voting.atoms import Atoms, scalar
from ttrl_cli.voting.expression import Node, Unreadable, negative, number
from ttrl_cli.voting.tokens import tokens

MAX_DEPTH = 20
_RELATIONS = {
    "=": "=", "<": "<", ">": ">", "\\lt": "<", "\\gt": ">", "\\le": "<=", "\\ge": ">=",
    "\\ne": "!=", "\\in": "in", "\\approx": "~",
}  # fmt: skip
_TIMES = frozenset(("*", r"\cdot", r"\times"))
_STOPS = frozenset((
    *_RELATIONS, *_TIMES, *"/:+-,;)]}&", "", r"\}", "\\\\", r"\pmod", r"\cup", r"\rfloor",
    r"\rceil", *(rf"\end{{{kind}matrix}}" for kind in ("", "p", "b", "B")),
))  # fmt: skip


def read(text: str) -> Node:
    r"""The expression that a tidied answer writes; several answers, and \pm, are a set.

    Raises:
        Unreadable: If it is anything but a readable expression.
    """
    found = tokens(text)
    if r"\pm" not in found and r"\mp" not in found:
        return _read(found)
    signs = {r"\pm": "+", r"\mp": "-"}, {r"\pm": "-", r"\mp": "+"}
    return Node("set", tuple(_read([sign.get(t, t) for t in found]) for sign in signs))


def _read(found: Sequence[str]) -> Node:
    items, _ = _Reader(found).items(("",))
    if not items:
        raise Unreadable
    return items[0] if len(items) == 1 else Node("set", tuple(items))


class _Reader(Atoms):
    """Recursive descent over tokens."""

    def __init__(self, tokens: Sequence[str]) -> None:
        super().__init__(tokens)
        self.depth = 0

    def items(self, closers: Sequence[str]) -> tuple[list[Node], str]:
        """Expressions with commas between them, and what closed them."""
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
            if token not in (",", ";"):
                raise Unreadable

    def relation(self) -> Node:
        parts, operators = [self.union()], []
        while self.next in _RELATIONS:
            operators.append(_RELATIONS[self.take()])
            parts.append(self.union())
        return Node("relation", tuple(parts), " ".join(operators)) if operators else parts[0]

    def union(self) -> Node:
        parts = [self.residue()]
        while self.next == r"\cup":
            self.take()
            parts.append(self.residue())
        return Node("union", tuple(parts)) if len(parts) > 1 else parts[0]

    def residue(self) -> Node:
        r"""A sum, with its modulus where that follows: 3 \pmod 5."""
        node = self.sum()
        if self.next != r"\pmod":
            return node
        self.take()
        return Node("tuple", (scalar(node), self.argument()), "mod")

    def sum(self) -> Node:
        terms = [self.term()]
        while self.next in ("+", "-"):
            terms.append(self.term())
        return Node("add", tuple(map(scalar, terms))) if len(terms) > 1 else terms[0]

    def term(self) -> Node:
        """A product with its signs."""
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
        while self.next in _TIMES or self.next in ("/", ":"):
            operator = self.take()
            sign = self.take() if self.next == "-" else ""
            factor = scalar(self.chain())
            if sign:
                factor = negative(factor)
            ratio.append(factor)
            node = Node("mul" if operator in _TIMES else "div", (scalar(node), factor))
            if operator == ":" and self.next == ":":
                return self.proportion(ratio)
        return node

    def proportion(self, parts: list[Node]) -> Node:
        """a:b:c, of which at least a:b was read."""
        if len(parts) != 2:
            raise Unreadable
        while self.next == ":":
            self.take()
            parts.append(scalar(self.chain()))
        if self.next in _TIMES or self.next == "/":
            raise Unreadable
        return Node("tuple", tuple(parts), "::")

    def chain(self) -> Node:
        """Factors with nothing in between; a number before a fraction makes a mixed number."""
        factors = [self.factor()]
        while self.next not in _STOPS and not (self.next == "|" and self.bars):
            if self.next[0].isdigit() and self.tokens[self.at - 1][0].isdigit():
                raise Unreadable
            factors.append(self.factor())
        if len(factors) == 1:
            return factors[0]
        if len(factors) == 2 and _mixed(*factors):
            return Node("add", tuple(factors))
        return Node("mul", tuple(map(scalar, factors)))

    def factor(self) -> Node:
        """An atom and what is written behind it: powers, factorials, percent signs, primes."""
        node = self.atom()
        while self.next in ("^", "!", "%"):
            token = self.take()
            scalar(node)
            if token == "^":
                node = Node("pow", (node, self.exponent()))
                if self.next == "^":
                    raise Unreadable
            elif token == "!":
                node = Node("factorial", (node,))
            else:
                node = Node("div", (node, number(100)))
        return node


def _mixed(whole: Node, part: Node) -> bool:
    """1 and 1/2, both of whole numbers."""
    return (
        whole.head == "number"
        and whole.value.denominator == 1
        and part.head == "div"
        and all(arg.head == "number" and arg.value > 0 for arg in part.args)
    )
