r"""What a terminal would obey or hide, made visible; what no file can hold, replaced.

Texts of candidates, models, problems and servers may hold control sequences: they set a terminal's
title, clear its screen, write to the clipboard, or turn the order of letters around. Whatever is
printed for people passes through `visible`. JSON needs less: it escapes all of these but DEL.
Halves of surrogate pairs have no UTF-8: `encodable` replaces them where a text comes from.
"""

import json
import re
from typing import Any

# Control characters but tab and newline, DEL, those of 8 bits; marks and overrides of direction;
# line and paragraph separators; what has no width, but the joiners that scripts and emoji need;
# interlinear and tag characters; halves of surrogate pairs.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)


def visible(text: str) -> str:
    r"""Return the text with each control character as its escape, such as \x1b or \u202e."""
    return _HIDDEN.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def encodable(text: str) -> str:
    """Replace lone surrogates by question marks, so that the text can be written as UTF-8."""
    # sandbox/inside/program.py does the same: it runs where ttrl cannot be imported
    return text.encode("utf-8", "replace").decode("utf-8")


def brief(value: object, most: int = 80) -> str:
    """Return the beginning of a value's repr; its type where it has none, as a huge integer."""
    try:
        return repr(value)[:most]
    except Exception:  # noqa: BLE001 - it is the repr of anything, of the problem's own classes too
        return f"a value of type {type(value).__name__}"


def dumps(value: Any, *, indent: int | None = None) -> str:
    """Return strict JSON in ASCII without any control character but the line ends of an indent.

    Raises:
        ValueError: If a number in it is not finite.
    """
    # DEL is the one control character that JSON leaves as it is; it can only stand in a string
    return json.dumps(value, indent=indent, allow_nan=False).replace("\x7f", "\\u007f")
