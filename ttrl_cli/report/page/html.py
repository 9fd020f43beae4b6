"""Data -> one HTML file.

The page may run our own script and use our own style, named by their hashes, and nothing else: its
content security policy forbids every other script, every request and every form. What a run says
is data in elements that browsers do not execute, in which no `<` is written as such.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from string import Template

from ttrl_cli.escapes import dumps
from ttrl_cli.records import Json

SCRIPTS = (
    "dom.js",
    "format.js",
    "store.js",
    "diff.js",
    "chart.js",
    "distribution.js",
    "tree.js",
    "tree-moves.js",
    "solution.js",
    "attempts.js",
    "search.js",
    "questions.js",
    "vote.js",
    "main.js",
)
"""The parts of the script, in the order in which they follow each other."""


def page(runs: Sequence[tuple[Mapping[str, Json], Sequence[str]]], title: str) -> str:
    """Return the page.

    Args:
        runs: Of each run its data, and its packed texts.
        title: The title of the window; not trusted.
    """
    script, style = _script(), _web("style.css")
    blocks = [_block("data", "application/json", dumps({"runs": [data for data, _ in runs]}))]
    for number, (_, parts) in enumerate(runs):
        blocks += _text_blocks(number, parts)
    return Template(_web("page.html")).substitute(
        policy=_policy(script, style),
        title=_escaped(title),
        style=style,
        script=script,
        blocks="\n".join(blocks),
    )


def _text_blocks(run: int, parts: Iterable[str]) -> list[str]:
    return [
        _block(f"texts-{run}-{number}", "application/gzip", part)
        for number, part in enumerate(parts)
    ]


def _block(name: str, kind: str, content: str) -> str:
    """Return an element that holds data; nothing in the content can end it."""
    safe = content.replace("<", "\\u003c")  # which stands in JSON strings alone
    return f'<script type="{kind}" id="{name}">{safe}</script>'


def _policy(script: str, style: str) -> str:
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@cache
def _script() -> str:
    body = "\n".join(_web(name) for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{body}\n}})();'


@cache
def _web(name: str) -> str:
    return (resources.files(__name__.rpartition(".")[0]) / "web" / name).read_text("utf-8")
