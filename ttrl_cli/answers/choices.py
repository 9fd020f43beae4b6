"""Multiple choice: which letter an answer or a text gives."""

import re
from collections.abc import Mapping

from ttrl_cli.answers.trim import clean

_MACRO = re.compile(r"\\(?:text\w*|math\w+|mbox|operatorname)\s*\{([^{}]*)\}")
_LATEX_MARKS = re.compile(r"\\[ ,;]|[$~*]")
_WIDE = str.maketrans("（）［］：，", "()[]:,")
_AND = (  # further letters: ", B and C"; but not: ", I think"
    r"(?:[)\]]?\s?(?:,|;|&|/|and\b|or\b)\s?(?:and\s|or\s)?"
    r"(?![AI]\s(?!and\b|or\b)\w)[(\[]?[A-Z](?![\w'’])[)\]]?)+"
)
_OPTION = r"\b(?i:options?|choices?|letters?)\b[\s:*(]{1,6}"
_THE = r"(?:(?:the|la|le|el|die|das|der|den)\s|l['’])"
_NAMED = (  # what a letter is called, perhaps: the option, la respuesta, la
    rf"(?i:{_THE}?(?:option|choice|answer|letter|opción|alternativa|respuesta|letra|réponse|lettre"
    rf"|proposition|antwort|buchstabe|möglichkeit|选项|选择)(?![a-z])[\s:]*+|{_THE}(?=[(\[]?[A-Z]\b))"
)
_LONE = re.compile(rf"(?:{_NAMED})?[\s({{\[\"']*([A-Za-z])[\s)}}\].:;,\"']*")
_LABEL = re.compile(
    rf"(?:{_NAMED}[(\[]?([A-Z])(?![\w'’])[)\]]?+|[(\[]\s?([A-Za-z])\s?[)\]]"
    r"|([A-Za-z])\s?[.):](?=\s|\Z)|([A-Z])(?=\s?[,;–—]|\s-\s))"
    rf"(?!{_AND})"
)
_DENIED = re.compile(  # behind a letter: it is said to be no answer
    r"[)\]*.,:]{0,4}\s{1,2}(?:(?:is|was|are|looks|seems|can|could|does|do|would|must)(?:n['’]t\b"
    r"|\s(?:(?!not\b)\w+\s)?(?:not|wrong|incorrect|false|invalid|impossible|excluded|eliminated|out)\b)|cannot\b)"
)
_PICKED = re.compile(  # words that choose
    r"\b(?i:wait|actually|choose|select|pick|go\swith|therefore|thus|hence|so|must\sbe|answer)\b"
    r"[^.\n]{0,30}?[\s(*][A-Z](?![\w'’])"
)
_BEFORE_TEXT = re.compile(r"\A[(\[]?([A-Za-z])[)\].:]*\s+")


def choice_of(found: str, choices: Mapping[str, str]) -> str | None:
    """Return the letter of the choice that a rule found; None if it found none, or several."""
    if letter := _whole(found, choices):
        return letter
    label = _LABEL.match(_plain(found))
    letter = label[label.lastindex or 0].upper() if label else ""
    return letter if letter in choices else None


def _whole(found: str, choices: Mapping[str, str]) -> str | None:
    """Return the choice that a text consists of: its letter, its text, or both; None for others."""
    plain = _plain(found)
    lone = _LONE.fullmatch(plain)
    if lone and lone[1].upper() in choices:
        return lone[1].upper()
    said = {_fold(plain), _fold(_BEFORE_TEXT.sub(r"\1 ", plain))} - {""}
    same = [
        letter
        for letter, text in choices.items()
        if not said.isdisjoint({_fold(text), _fold(f"{letter} {_plain(text)}")})
    ]
    return same[0] if len(same) == 1 else None


def _plain(text: str) -> str:
    """Remove the LaTeX that may stand around a letter."""
    return (
        _LATEX_MARKS.sub(" ", _MACRO.sub(r"\1", _MACRO.sub(r"\1", text))).translate(_WIDE).strip()
    )


def _fold(text: str) -> str:
    """Normalise a text for comparison: no wrappers, no case, single spaces."""
    return " ".join(clean(_plain(text)).casefold().split())


def lone_choice(text: str, choices: Mapping[str, str]) -> str | None:
    """Return the whole text if it is a choice, else its last lone letter outside of lists.

    Lists are runs through the choices in their order. Return None if there is no such letter.
    """
    if first := _first_line(text, choices):
        return first
    matches = _lone_letters(choices).finditer(text)
    letters = [
        match[match.lastindex]
        for match in matches
        if match.lastindex and not _DENIED.match(text, match.end())
    ]
    outside = _without_lists(letters, list(choices))
    return _whole(text, choices) or (outside[-1] if outside else None)


def _first_line(text: str, choices: Mapping[str, str]) -> str | None:
    """Return the choice that is a text's first line, alone, if the text explains it.

    It is not the answer where the next line is a choice as well (a list), or the text picks again.
    """
    first, _, rest = text.lstrip().partition("\n")
    found = _whole(first, choices)
    if found is None or rest.partition("\n")[0].strip() or _PICKED.search(rest):
        return None
    below = rest.strip().partition("\n")[0]
    return None if not below or _LABEL.match(below.lstrip("*- ")) else found


def _lone_letters(choices: Mapping[str, str]) -> re.Pattern[str]:
    """Return the pattern of capital letters that are choices, not articles or pronouns."""
    offered = "|".join(map(re.escape, choices))
    letter = f"({offered})"
    patterns = (
        rf"(?:(?<!\w)[(\[]|{_OPTION})(?:{offered}){_AND}",  # several joined are none: no group
        rf"(?<!\w)[(\[]{letter}[)\]]",  # (B), but not P(B)
        rf"{_OPTION}{letter}(?![\w'’]|(?<=I)\s(?!is\b)\w)",  # option B, but not: the option I took
        rf"\b(?i:answer)[\s:*]{{1,6}}{letter}(?=[.,;:*]|[^\S\n]*$)",  # but not: answer: A city
        rf"\b(?i:is|be|choose|select|pick|so|thus|hence|therefore|ist|est|es|wähle|choisis|elijo),?"
        rf"[\s*]{{1,4}}{letter}"
        r"(?=\**(?:[.;:!](?:\s|\Z)|[^\S\n]*$))",  # I choose B.
        rf"(?<!\w){letter}[\s*]{{1,3}}(?:is|looks|seems)\s(?:the\s)?(?:correct|right|best|true)\b",
        rf"^[^\w\n(]{{0,10}}{letter}(?=[.)]|\W{{0,4}}$)",  # a line "B. Paris", or "**B**"
        rf"\*\*{letter}(?=[.):]|\*\*)",  # **B. Paris** is
        rf"选(?:择|项)?[\s:：*(（]{{0,4}}{letter}(?![A-Za-z])",  # 选B
        rf"(?<![A-Za-z]){letter}(?:选项)?(?:是|为)?正确",  # B正确
        rf"(?<=[.!?]\s){letter}[.)]?[^\S\n]*$",  # Paris. B.
    )
    return re.compile("|".join(patterns), re.MULTILINE)


def _without_lists(letters: list[str], order: list[str]) -> list[str]:
    """Return the letters outside of runs that go through the choices in order, from the first."""
    shortest = max(2, min(3, len(order)))
    kept: list[str] = []
    place = 0
    while place < len(letters):
        run = 0
        while letters[place + run : place + run + 1] == order[run : run + 1] != []:
            run += 1
        if run < shortest:
            kept.append(letters[place])
        place += run if run >= shortest else 1
    return kept
