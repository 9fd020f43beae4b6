"""What is said behind an answer without being a part of it: see above, as shown, by symmetry, QED.

It is left out only behind a value, a name, yes or no. What may change the answer stays: conditions
("5 if n is even"), alternatives ("3 or 4"), bases, units and words such as "above".
"""

import re
from collections.abc import Callable

_DONE = (
    r"(?:shown|derived|computed|calculated|found|obtained|determined|proved|proven|verified|confirmed"
    r"|checked|claimed|stated|required|desired|needed|expected|wanted|given|described|explained|noted"
    r"|mentioned|demonstrated|established|indicated|seen|asked|requested)"
)
_ADVERB = r"(?:(?:just|already|also|easily|directly|previously|clearly|now)\s)?"
_AS = (
    rf"as\s(?:{_ADVERB}{_DONE}|(?:the|we|our|per|can\sbe|an?|its?|is|was|before|above|follows|I)\b"
    r"(?!\s(?:fraction|decimal|percent|mixed|function|sum|product|set|list)))"
)
_BY = (
    r"by\s(?:(?:the|our)\s\w+\s?(?:theorem|formula|rule|lemma|principle|inequality|law|identity|test"
    r"|method|definition|symmetry|argument|algorithm|equation|calculation|computation|above|work)?"
    r"|[A-Z]\w+['’]s?|(?:symmetry|induction|definition|inspection|construction|contradiction|linearity"
    r"|substitution|elimination|factoring|counting|computation|hand|direct)\b|\w+ing\b)"
)
_ALWAYS = (  # begin a remark, whatever stands before
    rf"{_AS}|{_BY}|based\son|according\sto|in\s(?:agreement|line|accordance|keeping|accord)\swith"
    r"|consistent\swith|obtained|for\sthe\s(?:reasons?|above|given\sreasons?)|under\s(?:these|this|those"
    r"|our|the\s(?:given|above|stated))|when\s(?:fully\s)?(?:simplified|rounded|reduced|expressed|written)"
    r"|after\s(?:simplif|round|reduc|comput|convert|combin|cancel|apply|check|expand|substitut|solv"
    r"|taking)\w+|using\s|via\s|because\b|since\b|see\s|cf\.|q\.?\s?e\.?\s?d\b|i\.?e\.(?=\s)|upon\s\w+ing"
)
_BEHIND_COMMA = (  # only behind a comma, a semicolon, a dash or in brackets
    rf"just\sas\b|{_ADVERB}{_DONE}\b|(?:which|that|this)\s(?:is|was|can|matches|means|agrees|makes"
    r"|completes|gives|follows|satisfies|equals|corresponds)\b|(?:confirm|match|verify|satisfy|mak|agree"
    r"|complet|us|tak|not|assum|giv|keep|simplify|round|recall)ing\b|given\b|done\b|hence\b|thus\b|so\b"
    r"|therefore\b|simplified\b|rounded\b|not\s(?:just\s|merely\s)?[$\d]|from\s(?:the|step|part|above|equation"
    r"|our|which)\b|we\s\w|I\s(?:hope|think|am|have|got|believe)\b|where\s(?:we|the"
    r"|I)\b"
)
_SEPARATOR = r"\s?[,;，；]\s?|\s?[—–]\s?|\s-{1,3}\s|\s?[(\[（]\s?|\.{3}\s|\s"
_TAIL = re.compile(
    rf"(?:(?:{_SEPARATOR})(?:{_ALWAYS})|(?:\s?[,;，；]\s?|\s?[—–]\s?|\s-{{1,3}}\s|\s?[(\[（]\s?)"
    rf"(?:{_BEHIND_COMMA}))",
    re.IGNORECASE,
)
_SIGNS = re.compile(  # that the proof, or the work, is done
    r"(?:\s|(?<=\s)\$?\s?\\(?:blacksquare|square|Box|qed(?:symbol|here)?|checkmark)(?![A-Za-z])\s?\$?|\\\Z"
    r"|[\u220e\u25a0-\u25ff\u2611\u2705\u2713\u2714\u2728\u2b50\ufe0f\u200d\U0001f300-\U0001faff])+\Z"
)
_LONGEST = 400
_MOST_TRIES = 6


def without_tail(text: str, counts: Callable[[str], bool]) -> str:
    """Remove remarks behind an answer, and signs that it is done.

    Args:
        text: An answer as it stands on its line.
        counts: Whether a text is an answer by itself.
    """
    if len(text) > _LONGEST:
        return text
    signs = _SIGNS.search(text)
    if signs and re.search(r"[^\W_]", text[: signs.start()]):
        text = text[: signs.start()]
    for tries, tail in enumerate(_TAIL.finditer(text)):
        head = text[: tail.start()].rstrip()
        if tries == _MOST_TRIES or not head:
            break
        if counts(head) and _balanced(head):
            return head
    return text.rstrip()


def _balanced(text: str) -> bool:
    """Decide whether a text has no formula or bracket that is open."""
    pairs = (("(", ")"), ("[", "]"), ("{", "}"))
    return text.count("$") % 2 == 0 and all(text.count(a) == text.count(b) for a, b in pairs)
