"""What tells measured solutions apart: measured figures never repeat, not even those of a copy."""

import hashlib
import io
import json
import tokenize
from typing import Any

from ttrl_cli.grading.cpp_tokens import cpp_tokens
from ttrl_cli.problem import Problem
from ttrl_cli.records import Json
from ttrl_cli.sandbox.protocol import read_json

_IDENTITY = "identity"
_LEFT_OUT = {tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, tokenize.ENDMARKER}
_BY_KIND = {tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}


def identity(problem: Problem, text: str, data: Json) -> str:
    """Return what tells a measured solution from others.

    It is the `identity` that the verifier returned, where its data have such a key, else the
    solution without comments and blanks; as a digest, which says nothing of either.

    Args:
        problem: The problem.
        text: The solution's text.
        data: The data that the verifier returned.
    """
    own: Any = data.get(_IDENTITY) if isinstance(data, dict) else None
    said = f"own {own!r}" if own is not None else f"text {essence(problem, text)}"
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()


def essence(problem: Problem, text: str) -> str:
    """Return a solution without comments and blanks: its tokens, or its data in one form."""
    solution = problem.spec.solution
    if solution.kind == "json":
        return json.dumps(read_json(text), sort_keys=True)
    if solution.kind == "text":
        return " ".join(text.split())
    tokens = cpp_tokens(text) if solution.language == "cpp" else _python_tokens(text)
    return "\x1f".join(tokens)


def _python_tokens(text: str) -> list[str]:
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):  # it does not compile; its lines tell
        return [line.strip() for line in text.splitlines() if line.strip()]
    kept = [token for token in tokens if token.type not in _LEFT_OUT]
    return [str(t.type) if t.type in _BY_KIND else t.string for t in kept]
