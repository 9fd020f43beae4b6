r"""What only changes how LaTeX looks: sizes, colours, bold, row spacing, horizontal space.

What is upright stays marked as such, since \mathrm{cm} may be a unit; all upright styles become
\text.
"""

import re

from ttrl_cli.equivalence.spellings import replaced, steps

_LENGTH = r"-?(?:\d+\.?\d*|\.\d+)\s*(?:pt|em|ex|mm|cm|in|bp|pc|mu|sp)"
_SIZES = "tiny|scriptsize|footnotesize|small|normalsize|large|Large|LARGE|huge|Huge"
_SWITCHES = (
    "bf|it|sl|sc|sf|tt|em|bfseries|itshape|slshape|scshape|sffamily|ttfamily|mdseries|upshape"
    "|boldmath|unboldmath|normalfont|displaystyle|textstyle|scriptstyle|scriptscriptstyle"
)
_SPACES = (
    "enspace|thinspace|medspace|thickspace|negthinspace|nobreakspace|space|hfill|hfil"
    "|noindent|centering|strut|mathstrut|null|relax|hline"
)
_STEPS = steps(
    [
        ("\\", pattern, replacement)
        for pattern, replacement in (
            (rf"\\\\\*?\s*\[\s*{_LENGTH}\s*\]|\\\\\*", r"\\\\ "),
            (r"\\(?:cr|tabularnewline|newline)(?![a-zA-Z])", r"\\\\ "),
            (
                r"\\(?:mathbf|boldsymbol|bm|pmb)\s*\{\s*([A-Za-z])\s*\}(?=\s*\\(?:times|cdot)\s*\\[bmp])",
                r"\\vec{\1}",
            ),
            (
                r"(\\vec\{[A-Za-z]\}\s*\\(?:times|cdot)\s*)\\(?:mathbf|boldsymbol|bm|pmb)"
                r"\s*\{\s*([A-Za-z])\s*\}",
                r"\1\\vec{\2}",
            ),
            (r"\\mathbb\s+([A-Z])(?![a-zA-Z])", r"\\mathbb{\1}"),
            (r"(\\mathbb\s?\{\s?R\s?\})\s*\\\s+(?=\\?\{)", r"\1\\setminus "),
            (
                r"\\(?:mathbf|text)\s?\{\s?R\s?\}(?=\s*\\(?:setminus|backslash|smallsetminus))",
                r"\\mathbb{R}",
            ),
            (r"\\(?:[hv]space\*?|mspace|[hv]?phantom)\s*\{[^{}]*\}", " "),
            (rf"\\(?:hskip|mskip|kern|mkern)\s*{_LENGTH}", " "),
            (r"\\(?:tag\*?|label)\s*\{[^{}]*\}", ""),
            (r"\\fcolorbox\s*\{[^{}]*\}\s*\{[^{}]*\}", ""),
            (r"\\(?:text)?color(?:box)?\s*(?:\[[^\[\]{}]*\])?\s*\{[^{}]*\}", ""),
            (r"\{\s*\\(?:rm|mathrm|textrm)(?![a-zA-Z{])\s*([^{}]*)\}", r"\\text{\1}"),
            (r"\\rm(?![a-zA-Z])\s*", " "),
            (rf"\\(?:{_SIZES}|{_SWITCHES})(?![a-zA-Z])\s*", ""),
            (
                r"\\(?:boldsymbol|bm|pmb|underline|uline|ensuremath|mathord|mathnormal)(?![a-zA-Z])",
                "",
            ),
            (r"\\math(?:bf|it)\s*\{\s*([A-Za-z])\s*\}", r"{\1}"),
            (
                r"\\(?:text(?:bf|it|rm|up|md|sl|sc|normal|tt|sf)?|emph|math(?:rm|bf|it|sf|tt|up)"
                r"|mbox|hbox)\s*(?=\{)",
                r"\\text",
            ),
            (r"\\(?:text(?:bf|it|rm|up)?|math(?:rm|bf|it|sf|tt|up))\s+([A-Za-z\d])", r"\\text{\1}"),
            (r"\\text\{\s*\}", ""),
            (rf"\\(?:{_SPACES})(?![a-zA-Z])", " "),
            (r"\\imath(?![a-zA-Z])", "i"),
        )
    ]
)
_PLAIN = re.compile(  # without any of these, as nearly all answers are
    r"(?:[^\\]|\\(?:[dt]?frac|sqrt|pi|left|right|cdot|times|infty|cup|in|leq?|geq?|neq?|pm|text|sin|cos"
    r"|tan|ln|log|circ|theta|degree|binom|angle)(?![a-zA-Z])|\\[{}%$!,;: ])*+"
)
_POWER_IN_TEXT = re.compile(r"(\\text\s*\{[^{}]*\^)\s*\{\s*(-?\d)\s*\}")
_STYLED_MATHEMATICS = re.compile(r"\\text(?=\s*\{[^{}]*\{)")
_MOST_POWERS = 4
_TRAILING = re.compile(r"(?:\s|\\(?:\\|[,;:!>]|(?=\Z|\s)))+\Z")
_WORD = r"\s*\{\s*[A-Za-z][A-Za-z ]*[A-Za-z]\s*\}"
_GROUP = re.compile(rf"(?:\\text(?!\s*\{{[@:]|{_WORD})|\\[df]?box|\\f?boxed)?\s*\{{")
_BRACKET = re.compile(r"\\?[{}]|[()\[\]]")


def without_styles(text: str) -> str:
    """Remove commands that only change how the text looks."""
    if "\\" in text and not _PLAIN.fullmatch(text):
        text = replaced(text, _STEPS)
        for _ in range(_MOST_POWERS):
            text = _POWER_IN_TEXT.sub(r"\1\2", text)
        text = _STYLED_MATHEMATICS.sub("", text)
    return text.strip()


def peeled(text: str) -> str:
    r"""Remove braces, or \text{...}, around the whole text."""
    text = _TRAILING.sub("", text)
    while (group := _GROUP.match(text)) and text.endswith("}"):
        inner = text[group.end() : -1]
        if not _balanced(inner):
            break
        text = inner.strip()
    return text


def without_strays(text: str) -> str:
    """Remove an unmatched bracket at the beginning or the end of a text."""
    if text[-1:] not in ("}", ")") and text[:1] not in ("{", "(") and text[:2] != r"\{":
        return text
    opened: list[re.Match[str]] = []
    for bracket in _BRACKET.finditer(text):
        if bracket[0][-1] in "{([":
            opened.append(bracket)
        elif opened:
            opened.pop()
        elif not text[bracket.start() :].strip("\\}) "):
            return text[: bracket.start()].rstrip("\\ ")
        else:
            return text
    if len(opened) == 1 and not opened[0].start() and opened[0][0] != "[":
        return text[opened[0].end() :].strip()
    return text


def _balanced(text: str) -> bool:
    """Decide whether the braces in a text are balanced."""
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", text):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0
