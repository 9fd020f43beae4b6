r"""Where a text says what its answer is: answer lines, answer tags and sentences.

What an answer is called, in English, Chinese, French, German and Spanish, and what is said about an
answer without being one.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ttrl_cli.voting.sentences import is_value
from ttrl_cli.voting.trim import clean, value_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """An answer, where what announces it begins, and from where on its text may take it back."""

    answer: str
    start: int = 0
    end: int


Reader = Callable[[str], str]
"""What an answer line's value says; the value itself, unless it is a sentence."""

_EN = (
    r"(?:(?:so|thus|hence|therefore|and)\b,?\s{1,3})?(?:(?:the|my|our|your)\s{1,3})?"
    r"(?:(?:final|correct|right|best|exact|short|numerical|actual|true)\s{1,3}){0,2}"
    r"(?:answers?|ans|(?:correct|right|best)\s(?:option|choice))"
    r"(?:\s(?:to|for)\s[^\n:：=.?!]{1,60}?)?"
)
_FR = (
    r"(?:(?:donc|ainsi)\b,?\s{1,3})?(?:(?:la|ma|notre|les)\s{1,3})?(?:bonnes?\s)?réponses?"
    r"(?:\s(?:finale|correcte|exacte)s?)?"
)
_DE = (
    r"(?:(?:also|somit|daher|damit)\b,?\s{1,3})?(?:(?:die|meine|unsere)\s{1,3})?"
    r"(?:(?:endgültige|finale|richtige|korrekte|abschließende)n?\s)?(?:antwort(?:en)?)"
)
_ES = (
    r"(?:(?:entonces|así\sque)\b,?\s{1,3})?(?:(?:la|mi|nuestra|las)\s{1,3})?respuestas?"
    r"(?:\s(?:final|correcta|definitiva)(?:es|s)?)?"
)
_ZH = r"(?:所以|因此|故|于是|那么|综上[,，]?)?\s?(?:最终|最后|正确|标准)?的?答案(?:应该|应)?"
_RESULT = (
    r"(?:(?:the|le|das|el)\s)?(?:(?:final|end)\s{1,3})?(?:result|résultat(?:\sfinal)?|(?:end)?ergebnis"
    r"|resultado(?:\sfinal)?|最终结果|结果)"
)
_SOLUTION = r"(?:(?:the|la|die)\s)?(?:final\s)?(?:solution|lösung|solución)"
_START = r"(?:^(?:[^\w\n]|_){0,40}+|(?:(?<=[.!?:]\s)|(?<=[。！？]))(?:[^\w\n]|_){0,8}+)"
_COLON = r"(?:[^\w\n:：=.,;!?]|_){0,10}(?:[:：]|=(?!=)|$)[*_]*"
_GSM8K = r"^\#{4}[^\S\n]*(?=[-+−]?[$€£]?\d[\d,./]*%?[^\S\n]*$)"
_FLAGS = re.IGNORECASE | re.MULTILINE


def _line_of(names: str) -> re.Pattern[str]:
    note = r"(?:\s?[(（][^()（）\n]{1,40}[)）])?"
    return re.compile(rf"{_START}(?:{names}){note}{_COLON}|{_GSM8K}", _FLAGS)


_RESULT_LINE = re.compile(rf"{_START}(?:{_RESULT}|(?P<last>{_SOLUTION})){_COLON}", _FLAGS)
_CODE = re.compile(r"\s*answers?\s*=")  # an assignment: `answer = a + b`
_MARKS = re.compile(r"[\s*_]*")
_IS_EN = rf"\b{_EN}[\s*_]{{1,4}}(?:is|are|(?:would|will)\sbe|equals)\b"
_IS_OTHERS = (
    rf"\b{_FR}[\s*_]{{1,4}}(?:est|sont)\b|\b{_DE}[\s*_]{{1,4}}(?:ist|sind|lautet|lauten)\b"
    rf"|\b{_ES}[\s*_]{{1,4}}(?:es|son)\b|{_ZH}[\s*_]{{0,4}}就?(?:是|为|等于)"
    r"|(?:故|所以|因此|应)选(?:择)?(?!取|项)"
)
_OTHERS = re.compile(r"réponse|antwort|respuesta|答案|选", re.IGNORECASE)
_LINE = (_line_of(_EN), _line_of(f"{_EN}|{_FR}|{_DE}|{_ES}|{_ZH}"))
"""An answer line: in English, and in any language; the first is the faster one."""
_IS = (re.compile(_IS_EN, _FLAGS), re.compile(f"{_IS_EN}|{_IS_OTHERS}", _FLAGS))
"""A sentence that says what the answer is, likewise."""
_SUPPOSED = re.compile(
    r"\b(?:if|unless|whether|suppos(?:e|ing)|assum(?:e|ing)|si|wenn|falls|ob)(?:\s(?:that|que))?\s+\Z"
    r"|(?:如果|若|假设|假如|是否)\s*\Z",
    re.IGNORECASE,
)
_FILLER = re.compile(
    r"\A[\s:：,，]*(?:(?:therefore|thus|then|hence|indeed|simply|just|actually|clearly|definitely"
    r"|probably|(?:most\s)?likely|still|also|now|that|equal\sto|(?:\w+\s)?to\sbe|donc|somit|entonces"
    r"|(?:approximately|about|around|roughly|exactly)(?=\s[-+−$\\\d]))\b[\s,:：]*){0,4}"
)
_ABOUT_IT = re.compile(
    r"[\s*_]*(?:(?:not|never|near|obtained|found|given|determined|calculated|computed|derived"
    r"|based|in\s(?:the\sform|terms|simplest|lowest|its)|nicht|pas)\b"
    r"|(?:correct|incorrect|right|wrong|reasonable|valid|obvious|clear|below|above|as\sfollows"
    r"|correcte|fausse|richtig|falsch|korrekt|correcta|incorrecta|不?正确的?|错误?的?|什么|多少)"
    r"[\s.。!:*]*\Z)",
    re.IGNORECASE,
)
_TAG = re.compile(r"<\s*+(/\s*+)?answer\s*+>", re.IGNORECASE)
_EXPLICIT = re.compile(
    r"final|correct|right|actual|true|bonne|exacte|endgültig|richtig|korrekt|definitiva|最终|最后|正确",
    re.IGNORECASE,
)
_RETRACTED = re.compile(
    r"\b(?:wait\b(?=\s*(?:[,.!…:;—–-]|no\b|a\s(?:moment|minute|second)|that\b|this\b|i\b))"
    r"|hold\son|sorry|oops|re-?check(?:ing)?|correction\s*[:：]"
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
_HYPOTHETICAL = re.compile(
    r"\b(?:if|unless|suppos\w+|assum\w+|in\swhich\scase|otherwise|were|would|could|might|instead"
    r"|book|textbook|where|someone|students|people|many|common|typical|tempting|part"
    r"|si|wenn|falls|wäre|würde|serait|sería)\b|如果|假设|假如|若",
    re.IGNORECASE,
)
_WOULD = re.compile(r"\b(?:would|will)\sbe\b", re.IGNORECASE)
_ROUNDED = re.compile(
    r"[\s:：*$(\\]*(?:approx|about\b|around\b|roughly\b|nearly\b|almost\b|close\sto|rounded|≈|~|∼|sim\b"
    r"|environ\b|etwa\b|ungefähr|约)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?]\s|[。！？\n]")
_LONGEST_CLAUSE = 200  # of what is looked through before an answer
_MOST_CHARACTERS = 60  # of an answer that replaces another


def tag(text: str, read: Reader) -> Hit | None:
    """Return what the last answer tag holds that is not blank."""
    end, closed = len(text), False
    for found in reversed(list(_TAG.finditer(text))):
        content = text[found.end() : end].strip()
        if found[1] is None:
            content = content if closed else content.partition("\n")[0]
            if answer := within(content, read) or read(clean(content)):
                return Hit(answer=answer, end=end)
        end, closed = found.start(), found[1] is not None
    return None


def line(text: str, read: Reader) -> Hit | None:
    """Return what the last answer line says."""
    return next(_lines(text, read), None)


def _lines(text: str, read: Reader) -> Iterator[Hit]:
    """Yield what the answer lines say, the last first."""
    for match, region in _regions(_LINE, text):
        if _CODE.match(match[0]):
            continue
        first = region.partition("\n")[0]
        within_it = region if _MARKS.fullmatch(first) else first
        said = _last_meant(within_it, _sentences(within_it, read))
        if answer := said.answer if said else read(clean(value_of(region))):
            yield Hit(answer=answer, start=match.start(), end=match.end())


def sentence(text: str, read: Reader) -> Hit | None:
    """Return what the last sentence says that says what the answer is."""
    return next(_sentences(text, read), None)


def _sentences(text: str, read: Reader) -> Iterator[Hit]:
    """Yield what the sentences say that say what the answer is, the last first."""
    for match, region in _regions(_IS, text):
        before = text[max(0, match.start() - 20) : match.start()]
        value = value_of(_FILLER.sub("", region, count=1)).strip()
        if _SUPPOSED.search(before) or _ABOUT_IT.match(value) or value.endswith(("?", "？")):
            continue
        if answer := read(clean(value.rstrip("!！"))):
            yield Hit(answer=answer, start=match.start(), end=match.end())


def result(text: str) -> Hit | None:
    """Return the value behind the last "Result:"; behind "Solution:" only at the text's end."""
    for match, region in _regions((_RESULT_LINE,), text):
        value = clean(value_of(region))
        if match["last"] and (region[:1] == "\n" or region.strip().count("\n")):
            continue
        if is_value(value):
            return Hit(answer=value, end=match.end())
    return None


def within(content: str, read: Reader) -> str:
    """Return the answer that an answer's own text announces; empty where it announces none."""
    found = line(content, read) or sentence(content, read)
    return found.answer if found else ""


def taken_back(text: str, start: int, read: Reader, *, retracted: bool) -> str:
    """Return the final answer that a text gives instead of one before; empty if it gives none.

    Args:
        text: A text.
        start: Where the answer before ends.
        read: See `Reader`.
        retracted: Take words for it, such as "Wait", whatever the answer; else an answer that is
            called final or correct replaces another without, if it is a value.
    """
    after = text[start:]
    back = _RETRACTED.search(after)
    for found in (_sentences, _lines):
        hit = _last_meant(after, found(after, read))
        if hit is None or len(hit.answer) > _MOST_CHARACTERS:
            continue
        taken = back is not None and back.start() < hit.start
        if taken or (not retracted and _is_called_final(after, hit)):
            return hit.answer
    return ""


def _last_meant(text: str, hits: Iterator[Hit]) -> Hit | None:
    """Return the first of the answers that is meant for the question."""
    return next((hit for hit in hits if not _is_supposed(text, hit)), None)


def _is_supposed(text: str, hit: Hit) -> bool:
    """Decide whether an answer is one of another question, or somebody else's."""
    before = text[max(0, hit.start - _LONGEST_CLAUSE) : hit.start]
    clause = _SENTENCE_END.split(before)[-1]
    says = text[hit.start : hit.end]
    return bool(_WOULD.search(says) or _HYPOTHETICAL.search(clause))


def _is_called_final(text: str, hit: Hit) -> bool:
    """Decide whether a value is called final or correct, and is not just a rounded one."""
    called = _EXPLICIT.search(text[hit.start : hit.end]) and is_value(hit.answer)
    return bool(called) and not _ROUNDED.match(text, hit.end)


def _regions(
    patterns: tuple[re.Pattern[str], ...], text: str
) -> Iterator[tuple[re.Match[str], str]]:
    """Yield each match, the last first, and the text from it to the next."""
    end = len(text)
    pattern = patterns[-1] if _OTHERS.search(text) else patterns[0]
    for match in reversed(list(pattern.finditer(text))):
        yield match, text[match.end() : end]
        end = match.start()
