"""Answers that a text takes back: which later one replaces an earlier one."""

import re
from collections.abc import Callable, Iterator

from ttrl_cli.answers import phrases
from ttrl_cli.answers.markers import Hit, Reader, lines, meant, sentences
from ttrl_cli.answers.sentences import is_value
from ttrl_cli.answers.trim import clean, value_of

_EXPLICIT = re.compile(
    r"final|correct|right|actual|true|bonne|exacte|endgültig|richtig|korrekt|definitiva|最终|最后|正确",
    re.IGNORECASE,
)
_RETRACTED = re.compile(
    r"\b(?:wait\b(?=\s*(?:[,.!…:;—–-]|no\b|a\s(?:moment|minute|second)|that\b|this\b|i\b))"
    r"|hold\son|(?:on|upon)\s(?:second\sthoughts?|reflection)|scratch\sthat|let\sme\scorrect|my\sapologies"
    r"|apologies|i\sstand\scorrected|sorry|oops|re-?check(?:ing)?|correction\s*[:：]"
    r"|(?:that|this|it|which|above|result|answer)(?:\s(?:is|was|seems|looks)|['’]s)\s(?:\w+\s)?"
    r"(?:wrong|incorrect|mistaken|not\s(?:right|correct))"
    r"|(?:can['’]?t|cannot|can\snot)\sbe\s(?:right|correct)"
    r"|i\s(?:\w+\s){0,3}(?:mistaken?|wrong|error|incorrectly|miscalculated|misread)"
    r"|there(?:\s(?:is|was)|['’]s)\s(?:a|an)\s(?:mistake|error)|my\s(?:mistake|error|bad)"
    r"|pardon|attende?z|je\sme\ssuis\stromp|c['’]est\s(?:\w+\s)?faux|j['’]ai\sfait\sune\serreur"
    r"|entschuldigung|warte|(?:das|es)\s(?:ist|war)\s(?:\w+\s)?falsch|habe\s(?:mich|einen\sfehler)"
    r"|perdón|espera|me\sequivoqué|eso\ses\s(?:\w+\s)?(?:incorrecto|falso)|cometí\sun\serror)"
    r"|不对|错了|更正|等一下|等等[，,！!]",
    re.IGNORECASE,
)
_ROUNDED = re.compile(
    rf"[\s:：*$(\\]*(?:(?:{phrases.ROUGHLY}|nearly|almost|close\sto|rounded|sim)(?![^\W_])|≈|~|∼|approx"
    r"|environ\b|etwa\b|ungefähr|约)",
    re.IGNORECASE,
)
_FALSE = (  # what says that an answer is false, and not only that it is looked at again
    r"(?:that|this|it|which|above|result|answer)(?:\s(?:is|was|seems|looks)|['’]s)\s(?:\w+\s)?"
    r"(?:wrong|incorrect|mistaken|not\s(?:right|correct))\b|\b(?:mistake|error|miscalculated|misread)\b"
)
_SHOULD_BE = (
    r"\b(?:(?:it|that|this)(?:\s(?:should|must)\s(?:actually\s|really\s|instead\s)?(?:be|equal|have\sbeen)"
    r"|(?:\s(?:is|was)|['’]s)(?:\s(?:actually|really|in\sfact))?)"
    r"|(?:the\s)?(?:correct|right|actual|true|real|corrected)\s(?:value|result|number|total|one)"
    r"\s(?:should\sbe|must\sbe|is))\s(?=[^\w\n]{0,5}[\w\\])"
)
_CORRECTED = re.compile(  # wrong. It should be 8; actually, it should be 8; correction: 8
    rf"(?:{_FALSE})[^\n.!?]{{0,80}}[\s.!?:;,—–-]{{1,5}}(?:[^\n.!?]{{1,80}}[.!?]\s)?"
    rf"(?:(?:so|no|actually|instead|indeed|rather|therefore|thus),?\s)?{_SHOULD_BE}"
    r"|\b(?:actually|wait|no|rather|oops|sorry|on\ssecond\sthoughts?|on\sreflection)[,.!]?\s(?:no,?\s)?"
    r"(?:it|that|this)\s(?:should|must)\s(?:actually\s|really\s)?be\s"
    r"|\b(?:sorry|oops|apologies)[,.!:]?\s(?:no,?\s)?the\s(?:correct|right|actual|true)"
    r"\s(?:value|result|number|total|one)\s(?:should\sbe|is)\s"
    r"|\bcorrection\s*[:：*]{1,4}\s*",
    re.IGNORECASE,
)
_MOST_CHARACTERS = 60  # of an answer that replaces another


def taken_back(
    text: str, start: int, read: Reader, *, replaces: Callable[[str], bool], retracted: bool
) -> str:
    """Return the later answer that replaces an earlier one; empty if nothing replaces it.

    Args:
        text: A text.
        start: Where the earlier answer ends.
        read: See `Reader`.
        replaces: Whether an answer may replace the earlier one.
        retracted: Whether words that retract the earlier answer, such as "Wait", must come between;
            if false, a value that is called final or correct replaces it without them.
    """
    after = text[start:]
    back = _RETRACTED.search(after)
    for found in (sentences, lines, _corrections):
        hit = next((hit for hit in meant(after, found(after, read)) if replaces(hit.answer)), None)
        if hit is None or len(hit.answer) > _MOST_CHARACTERS:
            continue
        taken = found is _corrections or (back is not None and back.start() < hit.start)
        if taken or (not retracted and _is_called_final(after, hit)):
            return hit.answer
    return ""


def _corrections(text: str, read: Reader) -> Iterator[Hit]:
    """Yield what a text puts right without calling it the answer, the last first."""
    for match in reversed(list(_CORRECTED.finditer(text))):
        region = text[match.end() : match.end() + 2 * _MOST_CHARACTERS]
        value = read.value(clean(value_of(region)))
        if value and read.counts(value):
            yield Hit(answer=value, start=match.start(), end=match.end())


def _is_called_final(text: str, hit: Hit) -> bool:
    """Decide whether a hit is a value called final or correct, and not only rounded."""
    called = _EXPLICIT.search(text[hit.start : hit.end]) and is_value(hit.answer)
    return bool(called) and not _ROUNDED.match(text, hit.end)
