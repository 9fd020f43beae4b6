r"""Variables and functions by name: primes, subscripts, Greek letters, f(x), \angle ABC."""

import re

from ttrl_cli.equivalence.expression import PRIME, Node, Unreadable, Verbatim, constant
from ttrl_cli.equivalence.tokens import Tokens

GREEK = frozenset((
    "alpha", "beta", "gamma", "delta", "epsilon", "varepsilon", "zeta", "eta", "theta", "vartheta",
    "kappa", "lambda", "mu", "nu", "xi", "rho", "sigma", "tau", "upsilon", "phi", "varphi", "chi",
    "psi", "omega", "ell", "hbar",
))  # fmt: skip
_GREEK_FUNCTIONS = frozenset((r"\zeta", r"\Gamma"))
_OFTEN_FUNCTIONS = frozenset(
    rf"\{name}" for name in ("phi", "varphi", "sigma", "tau", "psi", "mu", "Phi", "Psi")
)
WORD = re.compile(r"\\text\s*\{\s*([A-Za-z ]+?)\s*\}")
OVER_NAMES = frozenset((
    "overline", "bar", "vec", "hat", "widehat", "tilde", "widetilde", "overrightarrow",
    "overleftrightarrow", "overarc", "dot", "ddot", "mathcal", "mathscr", "mathfrak",
))  # fmt: skip
BEFORE_NAMES = frozenset(("angle", "measuredangle", "triangle", "odot"))
_INVERSE_OF = ["^", "{", "-", "1", "}", "("]
_FUNCTION_NAMES = frozenset("fghFGH")


class Variables(Tokens):
    """Reads variables, and functions that are only names."""

    def letter(self, name: str) -> Node:
        """Read the rest of a name of one letter: a variable, a constant or a function."""
        if name in ("e", "i"):
            return constant(name)
        if name == "E" and (self.next == "[" or self.tokens[self.at : self.at + 2][1:] == ["X"]):
            return self.expectation()
        while self.next == PRIME:
            name += self.take()
        inverse = self.tokens[self.at : self.at + len(_INVERSE_OF)] == _INVERSE_OF
        if inverse and name in _FUNCTION_NAMES:
            name += "^-1"
            self.at += len(_INVERSE_OF) - 1
        return self.applied(name) or self.symbol(name)

    def applied(self, name: str) -> Node | None:
        """Read the argument of a function: f(x) is one name, f(x+1) a product as in math-verify."""
        if self.next != "(" or self.tokens[self.at + 2 : self.at + 3] != [")"]:
            return None
        inner = self.tokens[self.at + 1]
        if not inner.isalnum():
            return None
        self.at += 3
        return Node("symbol", name=f"{name}({inner})")

    def expectation(self) -> Node:
        """Read what an expectation is of, E[X] or E(X), and return the whole as a variable.

        Raises:
            Verbatim: If no bracket follows that is closed.
        """
        closing = {"(": ")", "[": "]"}.get(self.next)
        depth = 0
        for place in range(self.at, len(self.tokens)):
            depth += (self.tokens[place] == self.next) - (self.tokens[place] == closing)
            if not depth and closing:
                inside = "".join(self.tokens[self.at + 1 : place])
                self.at = place + 1
                return Node("symbol", name=f"E({inside})")
        raise Verbatim

    def greek(self, name: str) -> Node:
        r"""Read a Greek letter: a variable, or a function of one argument, as in \phi(12)."""
        if name in _GREEK_FUNCTIONS and self.next == "(":
            found = self.applied(name)
            if found is None:
                raise Verbatim
            return found
        return (self.applied(name) if name in _OFTEN_FUNCTIONS else None) or self.symbol(name)

    def symbol(self, name: str) -> Node:
        """Read a variable's subscript, its words in lower case, and return the variable."""
        if self.next != "_":
            return Node("symbol", name=name)
        self.take()
        tokens = self.group() if self.next == "{" else [self.take()]
        words = [WORD.fullmatch(token) for token in tokens]
        subscript = "".join(
            word[1].lower() if word else token.lstrip("\\")
            for word, token in zip(words, tokens, strict=True)
        )
        if not re.fullmatch(r"[\w\s+\-,]+", subscript):
            raise Unreadable
        return Node("symbol", name=f"{name}_{subscript}")

    def group(self) -> list[str]:
        """Read a group in braces that holds no other group; return its tokens."""
        end = self.tokens.index("}", self.at) if "}" in self.tokens[self.at :] else self.at
        tokens = self.tokens[self.at + 1 : end]
        self.at = end + 1
        return tokens

    def named(self, command: str) -> Node:
        r"""Read a variable named by a command and letters: \angle ABC, \overline{AB}."""
        if self.next == "{":
            letters = self.group()
        elif command in OVER_NAMES:
            letters = [self.take()]
        else:
            letters = []
            while self.next.isalnum() and (self.next.isupper() or not letters):
                letters.append(self.take())
        name = "".join(letters).replace(PRIME, "")
        if not name.isalnum():
            raise Unreadable
        return Node("symbol", name=rf"\{command}({name})")
