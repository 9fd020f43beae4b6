"""Multiple choice: which letter an answer or a text gives.

A letter, the text of a choice, both, or a value that exactly one choice has: 0.75 is 3/4.
"""

import re
from collections.abc import Mapping
from itertools import islice

from ttrl_cli.answers.sentences import value_in
from ttrl_cli.answers.trim import clean
from ttrl_cli.equivalence.canonical import canonical
from ttrl_cli.equivalence.decide import decided

_MACRO = re.compile(r"\\(?:text\w*|math\w+|mbox|operatorname)\s*\{([^{}]*)\}")
_LATEX_MARKS = re.compile(r"\\[ ,;]|[$~*]")
_ESCAPED = re.compile(r"\\(?=[%#&])")
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
_REASON = (  # what says why it is that letter, and not another
    r"(?:because|since|due\sto|rather|instead|not|but\snot|given|see|based\son|by|parce\sque|weil|denn|porque"
    r"|as(?!\swell\b))\b"
)
_TAIL = re.compile(
    rf"[,;:]?\s(?=[(\[]?{_REASON})|\s?[;–—](?!\s?[(\[]?[A-Z]\b)|\s-{{1,2}}\s(?![(\[]?[A-Z]\b)"
    r"|\s?[，；]?(?=因为|因為)"
)
_LISTED = re.compile(r"(?<![\w'’])[A-Z](?:\s?[-–—:.)]\s)")  # a choice in a list of them
_SEVERAL = 2
_LONGEST_BEFORE = 60  # characters of what stands before a letter that is chosen
_MOST_TAILS = 4
_LONGEST_VALUE = 200  # characters of what is compared with the choices as a value
_BEFORE_TEXT = re.compile(r"\A[(\[]?([A-Za-z])[)\].:]*\s+")


def choice_of(found: str, choices: Mapping[str, str]) -> str | None:
    """Return the letter of the choice that a rule found; None if it found none, or several."""
    if letter := _whole(found, choices):
        return letter
    label = _LABEL.match(_plain(found))
    letter = label[label.lastindex or 0].upper() if label else ""
    if letter in choices:
        return letter
    return _reasoned(found, choices) or _by_value(found, choices)


def _reasoned(text: str, choices: Mapping[str, str]) -> str | None:
    """Return the choice before a reason: "C because A is wrong", "red, since it is warm"."""
    tails = islice(_TAIL.finditer(text), _MOST_TAILS)
    heads = (_whole(text[: tail.start()], choices) for tail in tails)
    return next(filter(None, heads), None)


def _by_value(text: str, choices: Mapping[str, str]) -> str | None:
    """Return the choice with the value of a text, or that its sentence says; None for several."""
    if len(text) > _LONGEST_VALUE:
        return None
    for value in dict.fromkeys([text, value_in(text)]):
        same = [letter for letter, choice in choices.items() if _are_same(value, choice)]
        if same:
            return same[0] if len(same) == 1 else None
    return None


def _are_same(value: str, choice: str) -> bool:
    first, second = canonical(clean(value)), canonical(clean(choice))
    return decided(first, second) is True


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
    text = _MACRO.sub(r"\1", _MACRO.sub(r"\1", _ESCAPED.sub("", text)))
    return _LATEX_MARKS.sub(" ", text).translate(_WIDE).strip()


def _fold(text: str) -> str:
    """Normalise a text for comparison: no wrappers, no case, single spaces."""
    return " ".join(clean(_plain(text)).casefold().split())


def lone_choice(text: str, choices: Mapping[str, str]) -> str | None:
    """Return the whole text if it is a choice, else its last lone letter outside of lists.

    Lists are runs through the choices in their order. Return None if there is no such letter.
    """
    if first := _first_line(text, choices):
        return first
    first_letter = re.search(rf"(?<![A-Za-z])(?:{'|'.join(choices)})(?![A-Za-z])", text)
    start = max(0, first_letter.start() - _LONGEST_BEFORE) if first_letter else len(text)
    letters = [
        match[match.lastindex]
        for match in _lone_letters(choices).finditer(text, start)
        if match.lastindex and not _DENIED.match(text, match.end())
    ]
    outside = _without_lists(letters, list(choices))
    whole = _whole(text, choices) or _by_value(text, choices)
    return whole or (outside[-1] if outside else None)


def _first_line(text: str, choices: Mapping[str, str]) -> str | None:
    """Return the choice that is a text's first line, alone, if the text explains it.

    It is not the answer where the next line is a choice as well (a list), or the text picks again.
    """
    first, _, rest = text.lstrip().partition("\n")
    below = rest.strip().partition("\n")[0]
    if _LABEL.match(below.lstrip("*- ")) or _PICKED.search(rest):
        return None
    if len(_LISTED.findall(first)) < _SEVERAL and (letter := _reasoned(first, choices)):
        return letter
    explained = bool(below) and not rest.partition("\n")[0].strip()
    return _whole(first, choices) if explained else None


def _lone_letters(choices: Mapping[str, str]) -> re.Pattern[str]:
    """Return the pattern of capital letters that are choices, not articles or pronouns."""
    offered = "|".join(map(re.escape, choices))
    letter = f"({offered})"
    patterns = (
        rf"(?:(?<!\w)[(\[]|{_OPTION})(?:{offered}){_AND}",  # several joined are none: no group
        rf"(?<!\w)[(\[]{letter}[)\]]",  # (B), but not P(B)
        rf"{_OPTION}{letter}(?![\w'’]|(?<=I)\s(?!is\b)\w)",  # option B, but not: the option I took
        rf"\b(?i:answer)[\s:*]{{1,6}}{letter}(?=[.,;:*]|[^\S\n]*$)",  # but not: answer: A city
        rf"(?i:\b(?:is|be|choose|select|pick|so|thus|hence|therefore|ist|est|es|wähle|choisis|elijo"
        r"|(?<=it['’]s)|(?<=that['’]s))),?"
        rf"[\s*]{{1,4}}{letter}"
        rf"(?=\**(?:[.;:!](?:\s|\Z)|[^\S\n]*$|,?\s{_REASON}))",  # I choose B.
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
