r"""Answers on lines of their own, behind a label: lists, and several lines that are one answer.

A bullet, an arrow or the number of a list is no part of an answer: "- 42" on a line below its label
is 42, and on the label's own line -42. Lines of one form that follow each other ("x = 1" and
"y = 2", "(a) 3" and "(b) 5", items of a list) are one answer together, joined by commas; anything
else, such as a line of prose, ends it.
"""

import re
from dataclasses import dataclass

from ttrl_cli.answers.sentences import is_answer, is_value, value_in
from ttrl_cli.answers.trim import block_of, clean, value_of

_BELOW = re.compile(r"\A[^\S\n]*+[*_:：]*+[^\S\n]*+\n\s*+")
_BULLET = re.compile(r"[ \t]*(?:(?:[-–—*+>][ \t]+)|[•◦‣▪●○·→⇒➜➤►▶✅☑✓✔\ufe0f]+[ \t]*)+")
_SIGN = re.compile(r"\s*+[•◦‣▪●○→⇒➜➤►▶✅☑✓✔\ufe0f]++\s*+")  # a bullet on the label's own line
_NUMBER = re.compile(r"[ \t]*(?:\*\*)?(\d{1,2})[.)](?:\*\*)?[ \t]+(?=\S)")
_LETTER = re.compile(r"[ \t]*(?:\*\*)?\(?(?:[a-h]|i{1,3}|iv|v)\)(?:\*\*)?[ \t]*(?=\S)")
_EQUATION = re.compile(
    r"[A-Za-z](?:_\{?\w{1,8}\}?)?(?:\([a-z]\))?\s?=(?!=)\s*(\S.*)|\\[a-z]{2,8}\s?=\s*(\S.*)"
)
_NAMED = re.compile(r"([A-Za-z][\w '’-]{0,30}):\s+(\S.*)")
_REMARK = re.compile(  # names of what is said about an answer
    r"(?i:confidence|check|note|reason|reasoning|explanation|proof|verification|difficulty|score"
    r"|source|units?|justification|because|hence|so|step|answer|final answer)\b"
)
_FORMULA = re.compile(r"\$\$[^$]+\$\$|\$[^$]+\$|\\\[.+\\\]|\\\(.+\\\)")
_JOINED = re.compile(r"\s*(?:[,;.]|[,;]?\s\band)\s*\Z")
_GOES_ON = re.compile(r"[^\W\d_]{2,}\s+\S")  # a word with more behind it: no value
_MACRO = re.compile(r"\\(?:text|mathrm)\s?\{[^{}]*\}|\\[A-Za-z]+|\b(?:and|or|square|cubic)\b")
_NAME = re.compile(r"[^\W\d_][\w'’-]*(?:\s[\w'’-]+){0,2}")
_OPENS = re.compile(r"\\begin\{[a-z]{2,12}\*?\}|\\[\[(]")
_CLOSES = re.compile(r"\\[\])]|\$\$?|\\end\{\w{1,20}\*?\}")
_LONGEST = 80  # characters of a line that may be a part of an answer
_MOST = 40  # lines of one answer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A line below or behind a label.

    Attributes:
        form: What it is marked or built like: lines of one form belong together.
        text: The line without the mark of a list.
        place: The number of a numbered line; else 0.
        part: Whether it may be a part of an answer of several lines.
    """

    form: str
    text: str
    place: int = 0
    part: bool


def value_below(region: str, *, several: bool = True) -> str:
    """Return the text of the answer that a label's region begins with.

    Args:
        region: The text behind a label.
        several: Whether lines of one form are one answer together.
    """
    below = _BELOW.match(region)
    if below is None and (sign := _SIGN.match(region)):
        region = region[sign.end() :]
    start = below.end() if below else 0
    if (block := block_of(region[start:])) is not None and "\n" in block:
        return block
    parts = _parts(region[start:], below=below is not None)
    if several and len(parts) > 1:
        return ", ".join(part.text for part in parts)
    if below is None or not parts:
        return value_of(region)
    if parts[0].form == "bullet" or (parts[0].form == "number" and parts[0].part):
        unmarked = _unmarked(region[start:])
        return value_of(unmarked)
    return value_of(region)


def listed(content: str, *, several: bool = True) -> str:
    """Return the answer of a list that fills lines of its own; the content itself if it is none."""
    if not content.startswith("\n"):
        return content
    lines = content.strip("\n").split("\n")
    if len(lines) == 1:
        return (
            value_below(content) if _BULLET.match(lines[0]) or _NUMBER.match(lines[0]) else content
        )
    parts = _parts(content.strip("\n"), below=True)
    whole = len(parts) == len([line for line in lines if line.strip()])
    marked = bool(parts) and parts[0].form in ("bullet", "number")
    return ", ".join(part.text for part in parts) if several and whole and marked else content


def _unmarked(text: str) -> str:
    mark = _NUMBER.match(text) or _BULLET.match(text)
    return text[mark.end() :] if mark else text


def _parts(text: str, *, below: bool) -> list[_Line]:
    """Return the lines of one form that a text begins with; at least its first, if it has one."""
    parts: list[_Line] = []
    blanks = 0
    place = 0
    while place < len(text) and len(parts) < _MOST:
        end = text.find("\n", place)
        end = len(text) if end < 0 else end
        raw, place = text[place : min(end, place + 2 * _LONGEST)], end + 1
        if not raw.strip():
            blanks += 1
            if blanks > 1 or not parts:
                break
            continue
        if not parts and _OPENS.fullmatch(raw.strip()):
            continue
        if _CLOSES.fullmatch(raw.strip()):
            break
        line = _line(raw, below=below or bool(parts))
        if parts and not _belongs(parts[-1], line, blanks):
            break
        parts.append(line)
        blanks = 0
        if not line.part:
            break
    return parts


def _belongs(before: _Line, line: _Line, blanks: int) -> bool:
    """Decide whether a line goes on with the answer of the line before."""
    if not line.part or line.form != before.form or (line.form == "value" and blanks):
        return False
    return line.place == before.place + 1 if line.place else True


def _line(raw: str, *, below: bool) -> _Line:
    """Read a line that is not blank."""
    number = _NUMBER.match(raw)
    if number:
        text = clean(_JOINED.sub("", raw[number.end() :]))
        part = _is_part(text) or is_value(value_in(text))
        return _Line(form="number", text=text, place=int(number[1]), part=part)
    bullet = _BULLET.match(raw)
    if below and bullet and not raw.lstrip().startswith("**"):
        text = raw[bullet.end() :].replace("**", "")
        text = clean(_JOINED.sub("", text))
        return _Line(form="bullet", text=text, part=_is_part(text))
    text = _JOINED.sub("", raw).strip()
    if letter := _LETTER.match(text):
        value = clean(text[letter.end() :])
        text = f"{letter[0].replace('*', '').strip()} {value}"
        return _Line(form="letter", text=text, part=_is_part(value))
    bare = clean(text)
    form = _form(text, bare, raw, below=below)
    return _Line(form=form, text=bare, part=bool(form) and len(bare) <= _LONGEST)


def _form(text: str, bare: str, raw: str, *, below: bool) -> str:
    """Return the form of a line that no list marks; empty if it is no part of a longer answer."""
    equation = _EQUATION.fullmatch(bare)
    if equation and _is_plain(equation[equation.lastindex or 0]):
        return "equation"
    named = _NAMED.fullmatch(bare.replace("**", ""))
    if named and not _REMARK.match(named[1]) and is_value(named[2]) and _is_plain(named[2]):
        return "named"
    if _FORMULA.fullmatch(text) and below and "=" not in text:
        return "formula"
    joined = raw.rstrip().endswith((",", ";"))
    return "value" if is_value(bare) and _is_plain(bare) and (below or joined) else ""


def _is_part(text: str) -> bool:
    """Decide whether an item of a list is an answer: a value, a name, or a named value."""
    if not text or len(text) > _LONGEST:
        return False
    if named := _NAMED.fullmatch(text):
        return not _REMARK.match(named[1]) and (is_answer(named[2]) or is_value(named[2]))
    return (is_answer(text) and _is_plain(text)) or _NAME.fullmatch(text) is not None


def _is_plain(value: str) -> bool:
    """Decide whether a value is no sentence: its words, if any, are at its end."""
    return not value[:1].isdigit() or _GOES_ON.search(_MACRO.sub(" ", value)) is None
