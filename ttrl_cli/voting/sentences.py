r"""A sentence on an answer line: which value of it is the answer.

"The smallest $n$ is 41" says 41, and "There are 26 such numbers" 26. The last value that directly
follows is, are, equals (or "=", behind words), or the list of values that does; else what follows
the last such verb, if that is no words; else the only number of the sentence. Where that is not
clear ("x is 3 and y is 4", "Ann is older than Bob"), the sentence stays as it is, and so does what
has no such verb ("She has 3 left").
"""

import re

from ttrl_cli.voting.trim import clean

_VERB = re.compile(
    r"(?<![^\W_])(?:is|are|was|were|be|equals?(?:\sto)?|est|sont|vaut|ist|sind|beträgt|lautet|es(?!\sgibt)|son"
    r"|il\sy\s(?:en\s)?a|es\sgibt|hay)(?![^\W_])|(?<![=<>!≠≤≥:])=(?!=)|是|为|等于|共?有(?=\s?\d)",
    re.IGNORECASE,
)
_THERE_IS = re.compile(r"il\sy\s(?:en\s)?a|es\sgibt|hay|共?有", re.IGNORECASE)
_HEDGE = re.compile(
    r"[\s:：]*(?:(?:exactly|about|around|approximately|roughly|only|just|equal\sto|simply|therefore)"
    r"\s+){0,2}",
    re.IGNORECASE,
)
_SIGN = r"[-+−±]?\s?[$€£¥]?\s?"
_NUMBER = (
    rf"{_SIGN}(?:\\[dt]?frac\{{[^{{}}]{{1,30}}\}}\{{[^{{}}]{{1,30}}\}}"
    r"|(?:\d{1,3}(?:(?:,|\{,\}|\\[,!]\s?|,\\!\s?)\d{3})+(?!\d)|\d++)(?:\.\d++)?(?:\s?/\s?\d++)?|\.\d++)"
    r"(?:\s?\\?%|\s?°|\^\{?\\circ\}?)?"
)
_FORMULA = r"\$[^$\n]{1,200}\$|\\\([^\n]{1,200}?\\\)|\*\*[^*\n]{1,100}\*\*"
_VALUE = re.compile(rf"(?:{_FORMULA}|{_NUMBER})(?![^\W一-鿿])")
_SCALE = re.compile(
    r"\s?(?:[ap]\.?m\b\.?|o['’]clock|dozen|hundred|thousand|(?:m|b|tr)illion|percent|million(?:en|es|s)"
    r"|万|亿)",
    re.IGNORECASE,
)
_LIST = re.compile(r"\s?(?:,\s?(?:and|or)?|and|or|et|ou|und|oder|y|o|和|或|、)\s?")
_WORDS = re.compile(r"[^\W\d_]{2,}")
_MATHEMATICS = re.compile(r"\$[^$\n]*\$|\\\([^\n]*?\\\)|\\[A-Za-z]+")
_MORE = re.compile(  # what a value goes on with: 2x + 1, 2:3, 5 or more
    r"\s?[-−+*/^=<>_!(\\:×√]|\s(?:or\s(?:more|less|fewer)|to|through|times|more|less|mod)\b"
)
_LEAD = re.compile(
    r"\A(?:therefore|thus|hence|so|then|donc|also|因此|所以)\s?[,，]\s?", re.IGNORECASE
)
_LONGEST = 400


def value_in(text: str) -> str:
    """Return the value that a sentence says; the whole text where it is none, or does not tell."""
    if len(text) > _LONGEST or "\n" in text:
        return text
    text = _LEAD.sub("", text)
    verbs = [verb for verb in _VERB.finditer(text) if _governs(text, verb)]
    if not verbs:
        return text
    said = [(verb, value) for verb in verbs if (value := _values(text, verb.end()))]
    if said:
        first, last = said[0][0], said[-1][0]
        joined = _LIST.search(text, first.end(), last.start())
        return text if joined else clean(said[-1][1])
    rest = text[verbs[-1].end() :].strip(" :：")
    if rest and not _words(rest):
        return clean(rest)
    numbers = [value for value in _VALUE.finditer(text) if re.search(r"\d", value[0])]
    if len(numbers) != 1 or not _stands_alone(text, numbers[0]):
        return text
    return clean(numbers[0][0])


def _stands_alone(text: str, value: re.Match[str]) -> bool:
    """Decide whether a value is no part of a formula that goes on around it."""
    before = text[: value.start()]
    return not before.rstrip(" ").endswith(tuple("^_=(*/+-×√{")) and not _MORE.match(
        text, value.end()
    )


def _governs(text: str, verb: re.Match[str]) -> bool:
    """Decide whether a verb belongs to a sentence, and not to a formula."""
    before = text[: verb.start()]
    if before.count("$") % 2 or before.count(r"\(") > before.count(r"\)"):
        return False
    if verb[0] == "=":
        return _words(before) >= 2
    return bool(before.strip()) or _THERE_IS.fullmatch(verb[0]) is not None


def _values(text: str, start: int) -> str:
    """Return the value that begins at a place, or the list of them; empty if there is none."""
    hedge = _HEDGE.match(text, start)
    start = end = hedge.end() if hedge else start
    count = 0
    while value := _VALUE.match(text, end):
        end, count = value.end(), count + 1
        if scale := _SCALE.match(text, end):
            end = scale.end()
        between = _LIST.match(text, end)
        if between is None or not _VALUE.match(text, between.end()):
            break
        end = between.end()
    goes_on = _MORE.match(text, end)
    return text[start:end].strip() if count and not goes_on else ""


def is_value(text: str) -> bool:
    """Decide whether a text is a value: a number or a formula, perhaps with a unit."""
    begins = _VALUE.match(text) or re.match(r"\\|[(\[{]|[A-Za-z](?:_\w)?\s?=", text)
    return begins is not None and re.search(r"[\d\\$]", text) is not None and _words(text) <= 2


def _words(text: str) -> int:
    return len(_WORDS.findall(_MATHEMATICS.sub(" ", text)))
