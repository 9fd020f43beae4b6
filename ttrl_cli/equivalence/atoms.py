"""The smallest parts of LaTeX expressions: numbers, names, brackets, commands."""

import re
from collections.abc import Callable, Sequence
from fractions import Fraction

from ttrl_cli.equivalence.derivatives import derivative
from ttrl_cli.equivalence.expression import (
    FUNCTIONS,
    STRUCTURES,
    Node,
    Unreadable,
    Verbatim,
    constant,
    negative,
    number,
)
from ttrl_cli.equivalence.products import OF_NUMBERS, of_numbers
from ttrl_cli.equivalence.variables import BEFORE_NAMES, GREEK, OVER_NAMES, WORD, Variables
from ttrl_cli.equivalence.verbatim import is_calculated, is_unclear

_INVERSE = {"sin": "arcsin", "cos": "arccos", "tan": "arctan"}
_CLOSERS = {"(": (")", "]"), "[": (")", "]"), "{": ("}",), r"\{": (r"\}",)}
_MATRIX = re.compile(r"\\begin\{[pbB]?matrix\}")
_NOTATION = re.compile(r"\\text\{@([^{}]*)\}")
_HALF = Fraction(1, 2)
_REPEATS = (r"\dot", r"\overline", r"\bar", "(")  # behind the point of a decimal: no factors


def scalar(node: Node) -> Node:
    """Return the node; raise unless it is a single value.

    Raises:
        Verbatim: If the node is verbatim.
        Unreadable: If it is another structure, such as a set or a tuple.
    """
    if node.head == "verbatim":
        raise Verbatim
    if node.head in STRUCTURES:
        raise Unreadable
    return node


class Atoms(Variables):
    """Reads atoms; what stands around them is read by the class made from this one."""

    def __init__(self, tokens: Sequence[str]) -> None:
        super().__init__(tokens)
        self.bars = 0

    def items(self, closers: Sequence[str]) -> tuple[list[Node], str]:
        """Read expressions separated by commas; return them and the closing token."""
        raise NotImplementedError

    def sum(self) -> Node:
        """Read terms with signs between them."""
        raise NotImplementedError

    def factor(self) -> Node:
        """Read an atom and the operators written behind it."""
        raise NotImplementedError

    def exponent(self) -> Node:
        """Read the exponent behind a caret: a group, or one token with its sign."""
        sign = self.take() if self.next in ("+", "-") else ""
        node = scalar(self.atom())
        return negative(node) if sign == "-" else node

    def argument(self) -> Node:
        r"""Read a command's argument: a group in braces, or one digit or letter, as in \frac12."""
        token = self.next
        if token[:1].isdigit() and len(token) > 1:
            self.tokens[self.at] = token[1:].lstrip(".")
            return number(int(token[0]))
        return scalar(self.atom())

    def atom(self) -> Node:
        """Read an expression that no operator splits."""
        token = self.take()
        if token in _CLOSERS:
            return self.bracket(token)
        if token[:1].isdigit() or token[:1] == ".":
            if token.endswith(".") and self.next in _REPEATS:
                raise Verbatim
            return _literal(token)
        if token.startswith("\\"):
            return self.command(token[1:])
        if token == "|":
            return self.absolute()
        if token.isascii() and token.isalpha():
            return self.letter(token)
        raise Unreadable

    def bracket(self, opening: str) -> Node:
        """Read the rest of a bracketed group: one expression, a tuple or a set."""
        items, closing = self.items(_CLOSERS[opening])
        if opening in ("{", r"\{"):
            plain = opening == "{" and len(items) == 1
            return items[0] if plain else Node("set", tuple(items))
        if not items:
            raise Unreadable
        if len(items) == 1:
            if (opening, closing) in (("(", "]"), ("[", ")")):
                raise Unreadable
            return items[0]
        # only a pair can be an interval
        name = opening + closing if len(items) == 2 else "()"
        return Node("tuple", tuple(items), name)

    def absolute(self) -> Node:
        """Read the rest of an absolute value, behind its first bar."""
        self.bars += 1
        node = scalar(self.sum())
        self.expect("|")
        self.bars -= 1
        return Node("abs", (node,))

    def command(self, name: str) -> Node:
        """Read what a command applies to; return the node of the whole."""
        if name in _COMMANDS:
            return _COMMANDS[name](self)
        if name in FUNCTIONS or name in ("ln", "log", "exp"):
            return self.function(name)
        if name in OVER_NAMES or name in BEFORE_NAMES:
            return self.named(name)
        if name.lower() in GREEK:
            return self.greek(f"\\{name}")
        if name.startswith("begin") and _MATRIX.fullmatch("\\" + name):
            return self.matrix(name.removeprefix("begin"))
        word = WORD.fullmatch("\\" + name)
        if word:
            return Node("symbol", name="".join(word[1].lower().split()))
        notation = _NOTATION.fullmatch("\\" + name)
        if notation:
            return Node("word", name=notation[1])
        if name in OF_NUMBERS:
            return self.of_numbers(name)
        if is_unclear(name.partition("{")[0].strip(), self.tokens) or name == "begin{cases}":
            raise Verbatim
        raise Unreadable

    def function(self, name: str) -> Node:
        """Read a function's application; a power of it is written before the argument."""
        base = number(10)
        if name == "log" and self.next == "_":
            self.take()
            base = self.argument()
        power = None
        if self.next == "^":
            self.take()
            power = self.exponent()
        if power == number(-1) and name in _INVERSE:
            name, power = _INVERSE[name], None
        elif power is not None and (power.head != "number" or power.value < 0):
            raise Unreadable
        argument = scalar(self.function_argument())
        if name in ("ln", "log"):
            node = Node("log", (argument, base if name == "log" else constant("e")))
        elif name == "exp":
            node = Node("pow", (constant("e"), argument))
        else:
            node = Node(name, (argument,))
        return node if power is None else Node("pow", (node, power))

    def function_argument(self) -> Node:
        """Read a function's argument: a group in brackets, or the simple factors that follow."""
        if self.next in ("(", "{", "["):
            return self.bracket(self.take())
        factors = [self.factor()]
        while _simple(self.next):
            factors.append(self.factor())
        # where the argument ends is a matter of taste: sin x/2, sin x(y)
        if self.next in ("(", "/", ":", "{", r"\sqrt", r"\frac", "["):
            raise Unreadable
        return Node("mul", tuple(factors)) if len(factors) > 1 else factors[0]

    def fraction(self) -> Node:
        """Read the two arguments of a fraction; read dy/dx as one name."""
        found = derivative(self.tokens, self.at)
        if found is None:
            return Node("div", (self.argument(), self.argument()))
        self.at += found.tokens
        if found.is_operator and self.next not in ("", ",", ")"):
            raise Unreadable  # of what follows: math-verify's to work out
        return Node("symbol", name=found.name)

    def of_numbers(self, name: str) -> Node:
        """Read the arguments of gcd, lcm, max or a like function and return its value."""
        self.expect("(")
        items, _ = self.items((")",))
        return of_numbers(name, items)

    def root(self) -> Node:
        """Read a root's argument, and the index in square brackets before it."""
        if self.next != "[":
            return Node("pow", (self.argument(), number(_HALF)))
        self.take()
        items, closing = self.items(("]",))
        if len(items) != 1 or closing != "]":
            raise Unreadable
        return Node("root", (self.argument(), scalar(items[0])))

    def binomial(self) -> Node:
        """Read the two arguments of a binomial coefficient."""
        return Node("binom", (self.argument(), self.argument()))

    def upright_function(self) -> Node:
        """Refuse a function that this reader does not know.

        Raises:
            Unreadable: If math-verify knows it.
            Verbatim: If only its spelling tells: rank(M).
        """
        name = "".join(self.group()) if self.next == "{" else ""
        raise Unreadable if is_calculated(name) else Verbatim

    def enclosed(self, head: str, closing: str) -> Node:
        r"""Read an expression up to its closing command, as in \lfloor x \rfloor."""
        node = scalar(self.sum())
        self.expect(closing)
        return Node(head, (node,))

    def blackboard(self) -> Node:
        """Read {R} and return the real numbers as an interval; read an expectation {E}[X]."""
        if self.tokens[self.at : self.at + 3] == ["{", "E", "}"]:
            self.at += 3
            return self.expectation()
        for token in ("{", "R", "}"):
            self.expect(token)
        infinity = constant("oo")
        return Node("tuple", (negative(infinity), infinity), "()")

    def matrix(self, environment: str) -> Node:
        """Read rows of cells up to the end of the environment."""
        rows: list[Node] = []
        cells: list[Node] = []
        end = rf"\end{environment}"
        while True:
            cells.append(scalar(self.sum()))
            token = self.take()
            if token == "&":
                continue
            rows.append(Node("tuple", tuple(cells), "row"))
            cells = []
            if token == "\\\\" and self.next == end:
                token = self.take()
            if token == end:
                return Node("matrix", tuple(rows))
            if token != "\\\\":
                raise Unreadable


_COMMANDS: dict[str, Callable[[Atoms], Node]] = {
    "frac": Atoms.fraction,
    "sqrt": Atoms.root,
    "binom": Atoms.binomial,
    "pi": lambda _: constant("pi"),
    "infty": lambda _: constant("oo"),
    "emptyset": lambda _: Node("set"),
    "lfloor": lambda reader: reader.enclosed("floor", r"\rfloor"),
    "lceil": lambda reader: reader.enclosed("ceil", r"\rceil"),
    "mathbb": Atoms.blackboard,
    "operatorname": Atoms.upright_function,
    "{": lambda reader: reader.bracket(r"\{"),
}


def _literal(token: str) -> Node:
    if token == ".":
        raise Unreadable
    return Node("number", name="." if "." in token else "", value=Fraction(token.rstrip(".")))


def _simple(token: str) -> bool:
    """Decide whether a token is a number, a letter or a Greek letter."""
    return token.isalnum() or token == r"\pi" or token[1:].lower() in GREEK
