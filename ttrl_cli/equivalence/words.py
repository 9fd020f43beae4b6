"""Sets and conditions that are written in words, or by a rule, in symbols."""

import re

from ttrl_cli.equivalence.conditions import of_inequalities
from ttrl_cli.equivalence.numerals import number_of

_LATEX = re.compile(r"\\text\s*|[{}\\$~]")
_PHRASES = [
    (re.compile(pattern), symbols)
    for pattern, symbols in (
        (
            r"(?:there (?:is|are) |(?:the|this) (?:equation|system) has |it has |has )?"
            r"no (?:real )?(?:solutions?|roots?)(?: exists?)?"
            r"|(?:the )?(?:empty|null) set|(?:the )?solution set is empty",
            r"\emptyset",
        ),
        (
            r"(?:x in |x is )?(?:the set of )?(?:all|any|every) (?:the )?"
            r"real(?:s| numbers?| values?)?(?: (?:of |for )?[a-z])?|(?:the )?reals?(?: numbers)?",
            r"\mathbb{R}",
        ),
        (r"(?:(?:a|one) )?half", r"\frac{1}{2}"),
        (r"(?:the )?(?:limit )?(?:does not exist|doesnt exist|dne)", "does not exist"),
        (
            r"(?:there are |has )?(?:infinitely many|an infinite number of|infinite)"
            r"(?: (?:real )?solutions?)?",
            "infinitely many",
        ),
    )
]
_SHORT_WORD = (  # alone, and no product: cat, but not abc
    r"[b-df-hj-np-tv-zB-DF-HJ-NP-TV-Z][aeiou][a-z]"
    "|(?i:act|add|age|ago|air|ale|and|ant|any|arm|art|ash|ate|bee|blue|cry|dry|ear|eat|egg|ell|elm"
    "|end|eve|eye|few|fly|fry|ice|ink|inn|its|key|new|oak|oar|off|oil|old|one|our|out|owl|own|pea"
    "|sea|see|she|shy|six|sky|tea|the|tie|toe|try|two|use|way|who|why)"
)
_WORDS_OF_TWO = "he|hi|ho|we|us|it|is|so|go|no|to|up|do|by|my|of|on|if|in|ok|oh|eh|hm"
_ROMAN = r"[ivx]{2,}|(?=[ivxlcdm]{3})m{0,3}(?:cm|cd|d?c{0,3})(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3})"
_ELEMENTS = (
    "He|Li|Be|Ne|Na|Mg|Al|Si|Cl|Ar|Ca|Sc|Ti|Cr|Mn|Fe|Co|Ni|Cu|Zn|Ga|Ge|As|Se|Br|Kr|Rb|Sr|Zr|Nb|Mo"
    "|Ag|Cd|Sn|Sb|Te|Xe|Cs|Ba|Pt|Au|Hg|Pb|Bi|Ra|Th"
)
_SUBSTANCE = rf"(?:{_ELEMENTS}|[HBCNOFPSKIU])*(?:{_ELEMENTS})(?:{_ELEMENTS}|[HBCNOFPSKIU])*"
_CAPITALS = 2
_CAPITALS_OF_VALUE = 3  # V = IR is a product
_WORD = re.compile(
    rf"\\text\s*\{{\s*([A-Za-z][A-Za-z ]+)\}}|({_SHORT_WORD})|([A-Z]{{{_CAPITALS},}})"
    rf"|({_WORDS_OF_TWO}|{_ROMAN}|\((?:{_ROMAN})\)|{_SUBSTANCE}"
    rf"|(?=[a-z]{{3}}\Z)[a-z]*([a-z])[a-z]*\5[a-z]*)"
)
_NUMBERS = r"(?:[-+\d.,/\s(){}|^]|\\(?:frac|sqrt|pi|infty|l[et]|g[et]|ne|cdot)(?![a-zA-Z])|[<>=])"
_BUILT = re.compile(
    r"\\\{\s*(?P<name>[a-zA-Z])\s*(?:\\in\s*\\mathbb\s*\{?\s*R\s*\}?\s*)?(?::|\||\\mid|\\vert)\s*"
    rf"(?P<rule>(?:{_NUMBERS}|(?P=name)|\\(?:lor|cup)(?![a-zA-Z])"
    rf"|\\text\s?\{{\s?or\s?\}})+?)\s*\\\}}"
)
_ALL_BUT = re.compile(
    r"\\mathbb\s?\{\s?R\s?\}\s?(?:\\(?:setminus|backslash|smallsetminus)\s?|-)\s?"
    r"\\\{\s?((?!\s?\\[pm]m)[^,;{}]+(?:\{[^{}]*\}[^,;{}]*)*?)\s?\\\}"
)
_ORDER = re.compile(r"[<>]|\\(?:[lg][et]|ne)(?![a-zA-Z])|\\(?:leq|geq|neq|leqslant|geqslant)")


_NONE = re.compile(
    r"none(?: exists?)?|there (?:is|are) none"
    r"|(?:there (?:is|are) )?no such (?:numbers?|integers?|values?|pairs?|solutions?|[a-z])"
    r"(?: exists?)?"
)


_EXCEPT = re.compile(
    r"(?:\\text\s?\{\s?)?(?:x is |x in )?(?:the set of )?(?:all |any )?(?:the )?"
    r"real(?:s| numbers?)(?: x)?,?\s"
    r"(?:except|excluding|but(?: not)?|other than|besides|without|not equal to)(?: for"
    r"| x ?=)?\s?\}?\s?"
    r"((?:[-\d.,/\s{}()$;^]|\\(?:frac|pi|sqrt|text\s?\{\s?and\s?\})(?![a-z])|and\b|or\b)+)",
    re.IGNORECASE,
)
_ONE_OTHER = re.compile(r"\s?(?:,\s?)?(?:\\text\s?\{\s?and\s?\}|\band\b|\bor\b)\s?")
_NE = r"\\ne(?:q)?(?![a-zA-Z])\s?"
_SEVERAL_NE = re.compile(
    rf"([a-z])\s?{_NE}([^,;\\a-z]+"
    rf"|\\[a-z]+[^,;]*?)((?:\s?[,;]\s?(?:\1\s?{_NE})?(?:[^,;\\a-z]+|\\[a-z]+[^,;]*?))+)"
)


def without_some(text: str) -> str:
    """Write "all real numbers except 2 and 5" as the real numbers without these."""
    found = _EXCEPT.fullmatch(text) if "real" in text.lower() else None
    if found is None or not re.search(r"\d", found[1]):
        return text
    points = _ONE_OTHER.sub(", ", found[1].replace("$", "")).strip(" .,")
    return rf"\mathbb{{R}}\setminus \{{{points}\}}"


def without_several(text: str) -> str:
    r"""Write x \ne 2, x \ne 5 as x without both."""
    found = _SEVERAL_NE.fullmatch(text) if text.count(r"\ne") and "," in text else None
    if found is None:
        return text
    points = found[2] + re.sub(rf"{found[1]}\s?{_NE}", "", found[3])
    return rf"{found[1]} \in \mathbb{{R}}\setminus \{{{points}\}}"


def in_symbols(text: str, *, whole: bool = False) -> str:
    r"""Replace phrases by symbols: "no solution" by \emptyset, "forty-two" by 42.

    "None" is the empty set only as a whole answer.
    """
    if text[:1].isdigit():
        return text
    words = " ".join(_LATEX.sub(" ", text).casefold().split()).strip(".,;:! ")
    if whole and _NONE.fullmatch(words):
        return r"\emptyset"
    if words[:1].isalpha():
        for pattern, symbols in _PHRASES:
            if pattern.fullmatch(words):
                return symbols
        return number_of(words) or text
    return text


def marked_word(text: str, *, named: bool) -> str:
    r"""Return a word as \text{@word}, so that CAB is no product; keep short named ones: V = IR."""
    word = _WORD.fullmatch(text)
    if word is None or (named and len(word[3] or word[4] or text) < _CAPITALS_OF_VALUE):
        return text
    written = (word[1] or word[0]).strip("()")
    return rf"\text{{@{written.strip()}}}"


def without_builder(text: str) -> str:
    """Replace a set of reals that an inequality defines, {x | x > 4}, by the inequality.

    Replace all real numbers but one by the two intervals around it.
    """
    gap = _ALL_BUT.fullmatch(text)
    if gap is not None:
        return rf"(-\infty ,{gap[1]})\cup ({gap[1]},\infty )"
    built = _BUILT.fullmatch(text)
    if built is None or not _ORDER.search(built["rule"]) or built["name"] not in built["rule"]:
        return text
    return of_inequalities(built["rule"])
