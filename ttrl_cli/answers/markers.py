r"""Where a text says what its answer is: answer lines, answer tags and sentences.

What an answer is called, in English, Chinese, French, German and Spanish, and what is said about an
answer without being one.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import merge

from ttrl_cli.answers import phrases
from ttrl_cli.answers.lines import listed, value_below
from ttrl_cli.answers.objects import pairs
from ttrl_cli.answers.sentences import is_value, value_in
from ttrl_cli.answers.trim import clean, value_of
from ttrl_cli.completions import names


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """An answer, where what announces it begins, and from where on its text may take it back."""

    answer: str
    start: int = 0
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """How to read what a text announces as its answer.

    Attributes:
        value: What an answer line's value says; the value itself, unless it is a sentence.
        counts: Whether a text is an answer, and no words about one ("unique").
        several: Whether an answer may be several lines of one form together.
    """

    value: Callable[[str], str]
    counts: Callable[[str], bool]
    several: bool = True


_START = r"(?:^(?:[^\w\n]|_){0,40}+|(?:(?<=[.!?:]\s)|(?<=[。！？]))(?:[^\w\n]|_){0,8}+)"
_COLON = r"(?:[^\w\n:：=.,;!?]|_){0,10}(?:[:：】]|=(?!=)|$)[*_]*"
_FLAGS = re.IGNORECASE | re.MULTILINE


def _line_of(called: str) -> re.Pattern[str]:
    note = r"(?:\s?[(（][^()（）\n]{1,40}[)）])?"
    return re.compile(rf"{_START}(?:{called}){note}{_COLON}|{names.GSM8K}", _FLAGS)


_RESULT_LINE = re.compile(
    rf"{_START}(?:{names.RESULT}|(?P<last>{names.SOLUTION}|{names.CONCLUSION})){_COLON}"
    rf"|{_START}(?:(?:{phrases.THEREFORE}|{phrases.THEREFORE_ELSEWHERE})\b,?\s|{phrases.THEREFORE_ZH}[,，]?)?"
    rf"(?P<said>(?:{names.RESULT}|{names.SOLUTION}))[\s*_]{{0,4}}"
    rf"(?:(?:{names.COPULA})(?![^\W_])|{names.IS_ZH})",
    _FLAGS,
)
_CODE = re.compile(r"\s*answers?\s*=")  # an assignment: `answer = a + b`
_MARKS = re.compile(r"[\s*_]*")
_GAP = r"[\s*_]{1,4}"
_GAP_ZH = r"[\s*_:：]{0,4}"
_IS_EN = rf"\b{names.EN}{_GAP}{names.IS_EN}\b"
_IS_OTHERS = (
    rf"\b{names.FR}{_GAP}{names.IS_FR}\b|\b{names.DE}{_GAP}{names.IS_DE}\b"
    rf"|\b{names.ES}{_GAP}{names.IS_ES}\b|{names.ZH}{_GAP_ZH}就?{names.IS_ZH}"
    rf"|(?:{names.ZH}{_GAP_ZH}应?|故|所以|因此|应|本题|我){names.CHOSEN_ZH}"
)
_OTHERS = re.compile(r"réponse|antwort|respuesta|答案|选|opción|alternativa|option", re.IGNORECASE)
_HINTS = re.compile(
    r"answer|ans|####|choice|result|value|total|number|solution|conclusion|solución|lösung|fazit"
    r"|conclusión|ergebnis|résultat|结|結",
    re.IGNORECASE,
)
"""A word that each pattern here needs; a text without any of them needs no closer look."""
_MOST_HITS = 1000  # of one pattern that are looked at, the last ones
_EVERY = f"{names.EN}|{names.FR}|{names.DE}|{names.ES}|{names.ZH}"
_LINE = (_line_of(names.EN), _line_of(_EVERY))
"""An answer line: in English, and in any language; the first is the faster one."""
_IS = (re.compile(_IS_EN, _FLAGS), re.compile(f"{_IS_EN}|{_IS_OTHERS}", _FLAGS))
"""A sentence that says what the answer is, likewise."""
_SUPPOSED = re.compile(
    rf"\b(?:{phrases.SUPPOSING}|whether|suppos(?:e|ing)|assum(?:e|ing)|ob)(?:\s(?:that|que))?\s+\Z"
    r"|(?:如果|若|假设|假如|是否)\s*\Z",
    re.IGNORECASE,
)
_FILLER = re.compile(
    rf"\A[\s:：,，]*(?:(?:(?:{phrases.THEREFORE}|{phrases.THEREFORE_ELSEWHERE}|indeed|simply|just"
    r"|actually|clearly|definitely|probably|(?:most\s)?likely|still|now|that|equal\sto"
    rf"|(?:\w+\s)?to\sbe)\b|(?:{phrases.ROUGHLY}|exactly)(?=\s[-+−$\\\d]))[\s,:：]*){{0,4}}"
)
_ABOUT_IT = re.compile(
    r"[\s*_]*(?:(?:not|never|near|obtained|found|given|determined|calculated|computed|derived"
    r"|based|in\s(?:the\sform|terms|simplest|lowest|its|line|agreement)|nicht|pas"
    r"|consistent\swith|independent\sof)\b"
    r"|(?:also\s|now\s|indeed\s|then\s)?(?:correct|incorrect|right|wrong|reasonable|valid|obvious"
    r"|clear|below|above|as\sfollows|unique|consistent|plausible|unambiguous|complete|exact|final"
    r"|known|the\ssame|unchanged|easy|trivial|correcte|fausse|cohérente|vérifiée|richtig|falsch"
    r"|korrekt|eindeutig|bestätigt|correcta|incorrecta|única|不?正确的?|错误?的?|唯一的?|什么|多少"
    r"|an?\s(?:\w+\s)?(?:integer|whole\snumber|number|fraction|value|constant))[\s.。!:*]*\Z"
    r"|(?:also\s|now\s|thus\s)?(?:verified|confirmed|checked|validated|supported|proven|proved)\b[^\d$\\]*\Z)",
    re.IGNORECASE,
)
_TAG = re.compile(
    r"<\s*+(/\s*+)?(?:final[\s_-]?)?(?:answer|ans)\s*+>|(?P<bracket>\[)(/)?(?:final[\s_-]?)?answer\]",
    re.IGNORECASE,
)
_RESULT_TAG = re.compile(
    r"<\s*+(result|solution|final(?:[\s_-]?(?:result|solution|value))?)\s*+>([^<>]{1,200})</\s*+\1\s*+>",
    re.IGNORECASE,
)
_OTHER_CASE = (
    rf"{phrases.SUPPOSING}|suppos\w+|assum\w+|in\swhich\scase|otherwise|were"
    r"|wäre|würde|serait|sería"
)
_OTHER_CASE_ZH = "如果|假设|假如|若"
_HYPOTHETICAL = re.compile(
    rf"\b(?:{_OTHER_CASE}|would|could|might|instead|book|textbook|where|someone|students|people|many"
    rf"|common|typical|tempting|part)\b|{_OTHER_CASE_ZH}",
    re.IGNORECASE,
)
_ASIDE = re.compile(  # another case, or someone else's answer
    rf"\b(?:{_OTHER_CASE})\b|\b(?:common|typical|tempting|wrong|incorrect|na[iï]ve|mistaken"
    r"|(?:text)?book(?:['’]s)?),?\s(?:\w+\s){0,3}\Z"
    rf"|\b(?:someone|students|people|many)\s(?:\w+\s){{1,6}}\Z|{_OTHER_CASE_ZH}",
    re.IGNORECASE,
)
_WOULD = re.compile(r"\b(?:would|will)\sbe\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?]\s|[。！？\n]")
_LONGEST_CLAUSE = 200  # of what is looked through before an answer


def tag(text: str, read: Reader) -> Hit | None:
    """Return the answer in the last answer tag that is not blank."""
    return _said(_tags(text, read), read)


def _tags(text: str, read: Reader) -> Iterator[Hit]:
    """Yield the answers in the answer tags, the last first; [ANSWER] must be closed."""
    end, closed = len(text), False
    for found in list(_TAG.finditer(text))[: -_MOST_HITS - 1 : -1]:
        closes = bool(found[1] or found[3])
        content = listed(text[found.end() : end], several=read.several).strip()
        if not closes and (closed or not found["bracket"]):
            content = content if closed else content.partition("\n")[0]
            if answer := within(content, read) or read.value(clean(content)):
                yield Hit(answer=answer, end=end)
        end, closed = found.start(), closes


def line(text: str, read: Reader) -> Hit | None:
    """Return the answer of the last answer line that has one."""
    return _said(lines(text, read), read)


def lines(text: str, read: Reader) -> Iterator[Hit]:
    """Yield the answers of the answer lines and of answers in objects, the last first."""
    found = list(pairs(text))
    in_objects = (
        Hit(answer=answer, start=pair.start, end=pair.end)
        for pair in found
        if (answer := read.value(clean(pair.value)))
    )
    labelled = (
        hit
        for hit in _labelled(text, read)
        if not any(pair.start < hit.end <= pair.end for pair in found)
    )
    yield from merge(in_objects, labelled, key=lambda hit: hit.end, reverse=True)


def _labelled(text: str, read: Reader) -> Iterator[Hit]:
    """Yield the answers behind labels, the last first."""
    for match, region in _regions(_LINE, text):
        if _CODE.match(match[0]):
            continue
        first = region.partition("\n")[0]
        within_it = region if _MARKS.fullmatch(first) else first
        said = _said(meant(within_it, sentences(within_it, read)), read)
        answer = said.answer if said else ""
        if not said or not read.counts(answer):
            own = read.value(clean(value_below(region, several=read.several)))
            answer = own if not said or read.counts(own) else answer
        if answer:
            yield Hit(answer=answer, start=match.start(), end=match.end())


def sentence(text: str, read: Reader) -> Hit | None:
    """Return the answer of the last sentence "the answer is ..." that answers the question.

    Where every such sentence is about another case, or someone else's answer, the last one counts.
    """
    own = _said((hit for hit in sentences(text, read) if not _is_supposed(text, hit, _ASIDE)), read)
    if own and read.counts(own.answer):
        return own
    return _said(sentences(text, read), read)


def sentences(text: str, read: Reader) -> Iterator[Hit]:
    """Yield the answers of sentences of the form "the answer is ...", the last first."""
    for match, region in _regions(_IS, text):
        before = text[max(0, match.start() - 20) : match.start()]
        value = value_below(_without_filler(region), several=read.several).strip()
        if _SUPPOSED.search(before) or _ABOUT_IT.match(value) or value.endswith(("?", "？")):
            continue
        if answer := read.value(clean(value.rstrip("!！"))):
            yield Hit(answer=answer, start=match.start(), end=match.end())


def _without_filler(region: str) -> str:
    """Remove the words before a sentence's answer; keep a line end that stands before it."""
    rest = _FILLER.sub("", region, count=1)
    return f"\n{rest}" if "\n" in region[: len(region) - len(rest)] else rest


def _said(hits: Iterator[Hit], read: Reader) -> Hit | None:
    """Return the first hit that counts as an answer; the first of all if none does."""
    words: Hit | None = None
    for hit in hits:
        if read.counts(hit.answer):
            return hit
        words = words or hit
    return words


def result(text: str) -> Hit | None:
    """Return the value behind the last "Result:"; behind "Solution:" and kin only at the end.

    Or the value in the last tag <result> or of its kin.
    """
    for tagged in list(_RESULT_TAG.finditer(text))[: -_MOST_HITS - 1 : -1]:
        if is_value(value := value_in(clean(tagged[2]))):
            return Hit(answer=value, end=tagged.end())
    for match, region in _regions((_RESULT_LINE,), text):
        value = value_in(clean(value_of(region)))
        if (match["last"] or match["said"]) and (region[:1] == "\n" or region.strip().count("\n")):
            continue
        if is_value(value):
            return Hit(answer=value, end=match.end())
    return None


def within(content: str, read: Reader) -> str:
    """Return the answer that the text of an answer itself announces; empty if it announces none."""
    found = line(content, read) or sentence(content, read)
    return found.answer if found else ""


def meant(text: str, hits: Iterator[Hit]) -> Iterator[Hit]:
    """Yield the hits that answer the question itself."""
    return (hit for hit in hits if not _is_supposed(text, hit))


def _is_supposed(text: str, hit: Hit, clauses: re.Pattern[str] = _HYPOTHETICAL) -> bool:
    """Decide whether an answer is hypothetical, or follows a clause that makes it no answer.

    Such as one that says that the answer is wrong, someone else's, or another question's.
    """
    before = text[max(0, hit.start - _LONGEST_CLAUSE) : hit.start]
    clause = _SENTENCE_END.split(before)[-1]
    return bool(_WOULD.search(text[hit.start : hit.end]) or clauses.search(clause))


def _regions(
    patterns: tuple[re.Pattern[str], ...], text: str
) -> Iterator[tuple[re.Match[str], str]]:
    """Yield each of the last matches, the last first, and the text between it and the next."""
    end = len(text)
    others = _OTHERS.search(text) is not None
    if not others and not _HINTS.search(text):
        return
    pattern = patterns[-1] if others else patterns[0]
    for match in list(pattern.finditer(text))[: -_MOST_HITS - 1 : -1]:
        yield match, text[match.end() : end]
        end = match.start()
