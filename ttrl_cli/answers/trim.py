"""Where an answer ends, and what wraps it."""

import re

_ENVIRONMENT = r"\\begin\{(?P<kind>[a-z]{2,12}\*?)\}(?:(?!\\(?:begin|end)\{(?P=kind)\})[\s\S])++"
_BLOCK = re.compile(  # a formula or code, alone on its lines
    r"\s*(?:\$\$([^$]+)\$\$|\\\[((?:[^\\]|\\(?!\]))+)\\\]|\\\(((?:[^\\]|\\(?!\)))+)\\\)"
    rf"|```\w*\n([^`]+)```|(\$?{_ENVIRONMENT}\\end\{{(?P=kind)\}}\$?))[.,]?[^\S\n]*(?=\n|\Z)"
)
_LEADING = re.compile(  # up to the answer: also a block's opening that nothing closed, and a rule
    r"\A\s*(?:(?:\$\$|\\[\[(]|\\begin\{[a-z]{2,12}\*?\}|```\w*|-{3,}|={3,})[^\S\n]*\n\s*)?"
)
_END = re.compile(
    r"""
    \n
    | (?P<stop>
        (?: (?<!\.[A-Za-z])                                                    # p.m.
            (?<![A-Z]\.\s[A-Z]) (?!\.\s[A-Z]\.) \.                              # J. K. Rowling
            | (?<!\\) [!?] )                                                   # not \!
        [*_"'”’)\]$]* (?=\s+[^\sa-z=+*/<>^-])
        | [。！？] )
    | \s? 【
    | ,? \s (?:because|since|parce\sque|puisque|weil|porque) \b
    | , \s (?:which|where|while|whereas) \b
    | , \s (?:as|so|thus|hence|therefore|but|not|car|donc|denn|da|pues|ya\sque) \b
    | [，,] \s? (?:因为|所以|因此|其中|即|而不|不是)
    """,
    re.VERBOSE,
)
_TITLE = re.compile(  # its dot ends no sentence
    r"(?<![^\W_])(?:Drs?|Mrs?|Ms|Sr|Sra|Mme|Prof|St|Ste|Mt|Ft|Rev|Gen|Col|Capt|Lt|Sgt|vs|approx|ca|cf"
    r"|aprox|env|bzw|incl|excl|est|viz|resp)\Z",
    re.IGNORECASE,
)
_COUNTED = re.compile(  # nor does its one before a number
    r"(?<![^\W_])(?:nos?|nr|núm|pp?|figs?|eqs?|chs?|vols?|secs?|thm|art|ex|prob|abb|mio|jan|feb|mar|apr"
    r"|jun|jul|aug|sept?|oct|nov|dec)\Z",
    re.IGNORECASE,
)
_MEASURED = re.compile(r"\d\s?(?:(?:sq|cu)\.?\s)?[A-Za-z]{1,4}\Z")  # nor that of a unit of several
_NUMBER = re.compile(
    r"\.\s+[-+−$(\\]?\d[\d.,/]*+(?P<more>\s(?:is|are|was|has|does|can|cannot|isn|divides)\b)?"
)
_UNIT = re.compile(r"\s?(?:[A-Za-z]{1,8}\b\.?)(?=\s*(?:\Z|[,.;)\n]|[a-z]+\s*(?:\Z|[.\n])))")
_INITIAL = re.compile(  # John F. Kennedy; J. Robert Oppenheimer; Roe v. Wade
    r"(?:\A\W*|[A-Z][\w'’-]*\s(?:and|of|by|&)\s)[F-Z]\Z|(?:\A|[^\w$\\])(?!(?i:options?|choices?|answers?"
    r"|letters?|statements?|points?|vitamins?|class|type|players?|teams?|plan|box|lines?|groups?|case"
    r"|part|figure|machine|person|city|town|train|candidate|company|set|event|hepatitis|grade|section"
    r"|step|room|angle|side|vertex|bag|jar|model|method|formula|column|row|and|or|the|is)\s)"
    r"[A-Z][a-zà-ÿ'’-]+\s(?:[A-Z]|[Vv])\Z"
)
_NAME = re.compile(  # what an initial stands before, and no sentence does
    r"\.\s(?!(?:It|Its|The|This|That|These|There|They|He|His|She|Her|We|You|In|On|At|So|Thus|Hence|Then"
    r"|Therefore|Since|Because|And|But|For|By|When|If|As|An|Both|However|Note|Here|Each|Now|Using|With"
    r"|To|From|Of|All|No|Not|Only|Let|One|Yes|My|Our|I)\b)[A-Z][a-zà-ÿ'’-]+"
)
_LONGEST_SHORT = 32  # characters in which an abbreviation is sought
_FINAL_DOT = re.compile(r"(?<![.\\])(?<!\\right)[.,;:。]\Z")  # not an ellipsis, \, or \right.
_WRAPPERS = (
    *(("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"), ("```", "```"), ("`", "`")),
    *(("__", "__"), ("_", "_"), ('"', '"'), ("'", "'"), ("“", "”"), ("‘", "’")),
)
_TEXT = re.compile(r"\\(?:text(?:bf|it|rm|sf|tt)?|mbox)\s*\{([^{}]*)\}")
_LAYERS = 8  # of wrappers taken off: each costs a pass over the answer
_ANY_BOX = re.compile(r"\\(?:boxed|fbox)")
_PLACEHOLDER = re.compile(r"(?:[\s.…?*_$`\"']|-{2,}+|\\[lc]?dots|\\[\[(])*")


def value_of(region: str) -> str:
    """Return the answer that a region begins with: a block, or the first line's first clause."""
    if (block := block_of(region)) is not None:
        return block
    region = _LEADING.sub("", region, count=1)
    end = _end_of(region)
    if end is None:
        return region
    return region[: end.end() if end["stop"] else end.start()]


def block_of(region: str) -> str | None:
    """Return the formula or code that a region begins with and that has its lines for itself."""
    block = _BLOCK.match(region)
    return block[block.lastindex or 0] if block else None


def _end_of(region: str) -> re.Match[str] | None:
    """Return the match that ends an answer; None if the answer is the whole region.

    The "!" of a factorial in a formula does not end an answer.
    """
    dollars = place = 0
    for end in _END.finditer(region):
        if region[end.start()] == "." and _is_short(region, end.start()):
            continue
        dollars += region.count("$", place, end.start())
        place = end.start()
        if dollars % 2 == 0 or (end["stop"] or "")[:1] != "!" or "$" in end["stop"]:
            return end
    return None


def _is_short(text: str, dot: int) -> bool:
    """Decide whether a dot belongs to an abbreviation and does not end a sentence."""
    before = text[max(0, dot - _LONGEST_SHORT) : dot]
    if _TITLE.search(before) or (_INITIAL.search(before) and _NAME.match(text, dot)):
        return True
    number = _NUMBER.match(text, dot)
    if number is None or number["more"]:
        return False
    measured = _MEASURED.search(before) and _UNIT.match(text, number.end())
    return bool(_COUNTED.search(before) or measured)


def clean(value: str) -> str:
    """Remove what wraps an answer; return "" for a placeholder or an unusable box."""
    value = value.strip()
    for _ in range(_LAYERS):
        bare = _unwrap(_FINAL_DOT.sub("", value).strip()).strip()
        if bare == value:
            break
        value = bare
    return "" if _PLACEHOLDER.fullmatch(value) or _ANY_BOX.search(value) else value


def _unwrap(value: str) -> str:
    """Remove the outermost wrapper of an answer."""
    plain = value.strip("*")
    if "**" not in plain:  # else they mark parts of the answer, or are a power
        value = plain
    if "{" not in value:
        value = value.rstrip("}")  # of an object that the answer was in: {"answer": "B"}
    if value.endswith("$") and value.count("$") == 1:
        value = value[:-1]  # what it closes was not taken for a part of the answer
    for left, right in _WRAPPERS:
        inner = value[len(left) : -len(right)]
        whole = len(value) >= len(left + right) and value == left + inner + right
        within = inner.replace("\\$", "")
        if whole and left not in within and right not in within:
            return inner
    text = _TEXT.fullmatch(value)
    return text[1] if text else value
