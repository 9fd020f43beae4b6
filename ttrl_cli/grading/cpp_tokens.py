"""The tokens of a C++ source, as far as telling two sources apart needs them.

Blanks and comments are no tokens, literals are one each, whatever they hold, and a preprocessor
directive ends with its line (ISO C++20, [lex.phases] and [lex.pptoken]). What cannot be C++, such
as a text that is never closed, becomes tokens of single characters.
"""

import re
from collections.abc import Iterator

_LINE_END = "\n"
_PREFIX = r"(?:u8|[uUL])?"
_TOKEN = re.compile(
    rf"""
    (?P<raw>{_PREFIX}R"(?P<mark>[^()\\\s"]{{0,16}})\()
    | (?P<literal>{_PREFIX}"(?:\\.|[^"\\\n])*"\w* | {_PREFIX}'(?:\\.|[^'\\\n])*'\w*)
    | (?P<comment>//(?:\\[^\S\n]*\n|[^\n])* | /\*(?:[^*]|\*(?!/))*+\*/)
    | (?P<end>\n)
    | (?P<blank>[^\S\n]+)
    | (?P<number>\.?\d(?:[eEpP][+-]|'(?=\w)|[\w.])*)
    | (?P<name>\w+)
    | (?P<sign>%:%: | \.\.\. | <=> | <<= | >>= | ->\* | :: | \.\* | -> | \+\+ | -- | << | >>
        | <= | >= | == | != | && | \|\| | [-+*/%&|^]= | \#\# | <: | :> | <% | %> | %: | .)
    """,
    re.VERBOSE | re.DOTALL,
)
_SPLICE = re.compile(r"\\[^\S\n]*\n")


def cpp_tokens(text: str) -> list[str]:
    """Return the tokens of a C++ source; a line end closes each preprocessor directive.

    In a directive, whether a blank stands before the parenthesis that follows a name counts, for it
    tells a macro with parameters from one without.

    Args:
        text: The source.
    """
    tokens: list[str] = []
    directive, at_start, blank = False, True, False
    for kind, token in _pieces(text.replace("\r\n", "\n")):
        if kind == "end":
            if directive:
                tokens.append(_LINE_END)
            directive, at_start, blank = False, True, False
        elif kind in ("comment", "blank"):
            blank = True
        else:
            directive = directive or (at_start and token in ("#", "%:"))
            macro = directive and tokens[-2:-1] == ["define"]
            tokens += ["", token] if macro and token == "(" and blank else [token]
            at_start = blank = False
    if directive:
        tokens.append(_LINE_END)
    return tokens


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """Yield kind and text of each piece; lines are joined everywhere but in raw literals."""
    place = 0
    for raw, ending in _raw_literals(text):
        yield from _plain_pieces(text[place:raw])
        yield "literal", text[raw:ending]
        place = ending
    yield from _plain_pieces(text[place:])


def _plain_pieces(text: str) -> Iterator[tuple[str, str]]:
    for found in _TOKEN.finditer(_SPLICE.sub("", text)):
        yield str(found.lastgroup), found[0]


def _raw_literals(text: str) -> Iterator[tuple[int, int]]:
    """Yield beginning and end of each raw literal that is closed."""
    place = 0
    while found := _TOKEN.match(text, place):
        place = found.end()
        if found["raw"] is None:
            continue
        closing = f'){found["mark"]}"'
        end = text.find(closing, place)
        if end >= 0:
            yield found.start(), end + len(closing)
            place = end + len(closing)
