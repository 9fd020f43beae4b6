"""What tells measured solutions apart: measured figures never repeat, not even those of a copy."""

import hashlib
import io
import re
import tokenize
from typing import Any

from ttrl_cli.problem import Problem
from ttrl_cli.records import Json

_IDENTITY = "identity"
_LEFT_OUT = {tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, tokenize.ENDMARKER}
_BY_KIND = {tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
# a text or character first, so that what looks like a comment inside of one is none
_CPP = re.compile(
    r'(?P<kept>R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')'
    r"|//[^\n]*|/\*.*?\*/|\s+",
    re.DOTALL,
)


def identity(problem: Problem, text: str, data: Json) -> str:
    """Return what tells a measured solution from others.

    It is the `identity` that the verifier returned, where its data have such a key, else the
    solution's text without comments and blanks; as a digest, which says nothing of either.

    Args:
        problem: The problem.
        text: The solution's text.
        data: The data that the verifier returned.
    """
    own: Any = data.get(_IDENTITY) if isinstance(data, dict) else None
    said = f"own {own!r}" if own is not None else f"text {essence(problem, text)}"
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()


def essence(problem: Problem, text: str) -> str:
    """Return a solution's text without comments and blanks."""
    solution = problem.spec.solution
    if solution.kind != "program":
        return " ".join(text.split())
    if solution.language == "cpp":
        return " ".join(_CPP.sub(lambda found: found["kept"] or " ", text).split())
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):  # it does not compile; its lines tell
        return "\n".join(line.strip() for line in text.splitlines() if line.strip())
    kept = [token for token in tokens if token.type not in _LEFT_OUT]
    words = [str(t.type) if t.type in _BY_KIND else t.string for t in kept]
    return "\x1f".join(words)
