r"""Answers whose order is the answer: verdicts (T, F, T), routes (A-B-C), orders (2-1-3).

They become one word, such as \text{@true, false, true}, which is equal to nothing but itself. Of
two names the order does not count: John and Mary are Mary and John. Of three or more it may be a
ranking.
"""

import re

_VERDICT = r"(?:\\text\s*\{\s*)?(?:true|false|yes|no|[TFVYN])(?:\s*\})?"
_VERDICTS = re.compile(rf"\(?\s*{_VERDICT}(?:\s*[,;]\s*{_VERDICT})+\s*\)?", re.IGNORECASE)
_VERDICTS_IN_ROW = re.compile(r"[TF](?:\s[TF]){2,}")
_EACH = re.compile(r"(?<!\\)\b(?:true|false|yes|no|[tfvyn])\b", re.IGNORECASE)
_SPELLINGS = {"t": "true", "f": "false", "v": "true", "y": "yes", "n": "no"}
_PAIRS = (frozenset(("true", "false")), frozenset(("yes", "no")))
_CHAIN = re.compile(
    r"(?:\\text\s*\{\s*)?([A-Z](?:\s?-\s?[A-Z]){2,}|[A-Z](?:\s?/\s?[A-Z]){2,}|\d{1,2}(?:-\d{1,2}){2,})\s*\}?"
)


def verdicts(text: str) -> str:
    """Return a list of verdicts as one word in order; any other text unchanged.

    Of two different letters only T, F and V, F in capitals are verdicts: t and f may be variables.
    """
    if not _VERDICTS.fullmatch(text) and not _VERDICTS_IN_ROW.fullmatch(text):
        return text
    words = _EACH.findall(text)
    found = [_SPELLINGS.get(word.lower(), word.lower()) for word in words]
    if not any(pair.issuperset(found) for pair in _PAIRS) or not _clear(words):
        return text
    return rf"\text{{@{', '.join(found)}}}"


def _clear(words: list[str]) -> bool:
    """Decide whether these words are surely verdicts, and no list of variables."""
    letters = [word for word in words if len(word) == 1]
    if not letters or len({word.lower() for word in letters}) < len(letters):
        return True
    return {"T", "F"} == set(letters) or {"V", "F"} == set(letters)


def route(text: str) -> str:
    """Return letters or small numbers joined by dashes as one word; any other text unchanged.

    A-B-C and 2-1-3 would be differences; shorter ones, such as A-B and 5-3, are.
    """
    chain = _CHAIN.fullmatch(text)
    if chain is None:
        return text
    joined = "".join(chain[1].split())
    return rf"\text{{@{joined}}}"


_NAME = r"[A-Z][a-zà-ÿ'’-]+(?:\s(?:[A-Z]\.|[A-Z][a-zà-ÿ'’-]+)){0,3}"
_TWO_NAMES = re.compile(
    rf"(?:\\text\s?\{{\s?)?({_NAME})\s?(?:\}}\s?)?(?:,|;|&|\\&|(?:,\s?)?(?:\\text\s?\{{\s?)?and(?:\s?\}})?)\s?"
    rf"(?:\\text\s?\{{\s?)?({_NAME})\s?\}}?"
)
_NO_NAMES = re.compile(  # what is said of one thing and of another, in their order
    r"(?:Yes|No|True|False|None|Increas|Decreas|Positive|Negative|Odd|Even|Left|Right|Up|Down|Always|Never"
    r"|Sometimes|Max|Min|Head|Tail|W[io]n|Los[est]|Valid|Invalid|Conver|Diver|(?:In|Sur|Bi)jective"
    r"|(?:Dis)?[Cc]ontinuous|First|Second|Both|Neither|Real|Imaginary|Rational|Irrational|Finite|Infinite"
    r"|North|South|East|West|Before|After|More|Less|Greater|Smaller|Higher|Lower|Case|Part|Step|Statement)"
)


def names_in_one_order(text: str) -> str:
    """Return two names in alphabetical order; any other text unchanged."""
    two = _TWO_NAMES.fullmatch(text)
    if two is None or _NO_NAMES.match(two[1]) or _NO_NAMES.match(two[2]):
        return text
    return ", ".join(sorted((two[1], two[2]), key=str.casefold))
