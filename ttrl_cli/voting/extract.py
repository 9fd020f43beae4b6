r"""From a completion to its final answer: the text that is voted on (TTRL, arXiv 2504.16084).

The rules, most trusted first. The first that finds an answer wins, and of several answers by one
rule the last in the text; what is blank or only holds a place ("...", \boxed{}) is passed over.

boxed        \boxed{...} or \fbox{...}, closed, the innermost of nested ones; \{ and \} do not
             count as its braces; also \boxed 5. A box that was cut off is none.
answer-tag   <answer>...</answer>; one that was never closed holds its first line.
answer-line  "Answer: 5", "**Final Answer:** 5", "Answer = 5", at the start of a line or sentence;
             a heading "### Answer" over the answer; "#### 5" (GSM8K). Under a heading, and within
             the line, a sentence that says what the answer is goes before the text itself.
answer-is    "the (final, correct) answer is 5". Not a question, a supposition or a negation, and
             not what is said about the answer ("the answer is correct").
choice       where there are choices: the last lone letter, as in "(B)", "option B", "B is right",
             a line "B. Paris", or a text that is one choice. A run through three or more of the
             choices in their order (or through both of two) is the question over again and does
             not count.
last-number  where it is asked for: the last number, with its sign, fraction and exponent.

On a line an answer ends with its sentence, or before ", because", ", so", ", not" and the like.
What wraps it ($...$, **...**, quotes, \text{...}) and the final dot are taken off; units stay.

Where there are choices, what a rule finds must be one: its letter, alone or before a text, or else
the text of exactly one choice. If it is none, or several ("A and C"), the next rule has its turn.
A lower-case letter counts where nothing but it was found, or where it is marked as a letter: "(b)",
"b.".

Thinking never counts. A block ends at its first closing tag or never; text before a closing tag
that nothing opened is thinking that the prompt had opened. Nested blocks are hidden by these two.

Every step is linear in the length of the text: repetitions are bounded or cannot overlap, a
match's answer is sought no further than the next match, and no recursion follows the text.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from ttrl_cli.voting.choices import choice_of, lone_choice
from ttrl_cli.voting.trim import clean, value_of

Rule = Literal["boxed", "answer-tag", "answer-line", "answer-is", "choice", "last-number"]
Finder = Callable[[str], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """A final answer.

    Attributes:
        answer: As written, without what wraps it; where there are choices, the choice's letter.
            Neither blank nor with space around it.
        rule: The rule that found it.
    """

    answer: str
    rule: Rule


def extract(
    text: str, *, choices: Mapping[str, str] | None = None, last_number: bool = False
) -> Extraction | None:
    """The final answer, or None where there is none: no vote. Raises nothing, whatever the text.

    Args:
        text: A completion.
        choices: Capital letter -> the choice's text; None or empty for a free-form question.
        last_number: Whether, for want of anything better, the last number is the answer.
    """
    visible = _visible(text)
    for rule, find in _finders(choices, last_number):
        found = find(visible)
        answer = choice_of(found, choices) if found and choices else found
        if answer:
            return Extraction(answer=answer, rule=rule)
    return None


def _finders(choices: Mapping[str, str] | None, last_number: bool) -> Iterator[tuple[Rule, Finder]]:
    """The rules that apply, most trusted first."""
    yield "boxed", _box
    yield "answer-tag", _tag
    yield "answer-line", _line
    yield "answer-is", _sentence
    if choices:
        yield "choice", partial(lone_choice, choices=choices)
    if last_number:
        yield "last-number", _number


# -- what counts -----------------------------------------------------------------------------

_THINK_TAG = re.compile(r"<\s*+(/\s*+)?think(?:ing)?(?:\s[^<>]*+)?>", re.IGNORECASE)
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u2060\ufeff"))  # zero width, and no space to Python


def _visible(text: str) -> str:
    r"""The text outside of thinking; lines end in \n alone.

    A line's end stands for each block cut out, so that no answer is joined from what surrounds it.
    """
    kept: list[str] = []
    start, inside = 0, False
    for tag in _THINK_TAG.finditer(text):
        if tag[1] is None and not inside:
            kept.append(text[start : tag.start()])
            inside = True
        elif tag[1] is not None:
            if not inside:
                kept.clear()
            start, inside = tag.end(), False
    if not inside:
        kept.append(text[start:])
    return "\n".join("\n".join(kept).translate(_INVISIBLE).splitlines())


# -- the rules -------------------------------------------------------------------------------

_BRACE = re.compile(r"(?P<slashes>\\++)(?:(?P<box>(?:boxed|fbox)\s*+)\{?|[{}])?|[{}]")
_UNBRACED = re.compile(r"[-+−]?(?:\d|\\[dt]?frac)(?:[^\s$\\]|\\(?!boxed|fbox))*+")
_ANSWER_TAG = re.compile(r"<\s*+(/\s*+)?answer\s*+>", re.IGNORECASE)
_NAME = (  # what an answer is called
    r"(?:(?:so|thus|hence|therefore|and)\b,?\s{1,3})?(?:(?:the|my|our|your)\s{1,3})?"
    r"(?:(?:final|correct|right|best|exact|short|numerical)\s{1,3}){0,2}"
    r"(?:answers?|ans|(?:correct|right|best)\s(?:option|choice))"
    r"(?:\s(?:to|for)\s[^\n:：=.?!]{1,60}?)?"
)
_ANSWER_LINE = re.compile(
    rf"(?:^(?:[^\w\n]|_){{0,40}}+|(?<=[.!?:]\s)(?:[^\w\n]|_){{0,8}}+){_NAME}(?:\s?\([^()\n]{{1,40}}\))?"
    r"(?:[^\w\n:：=.,;!?]|_){0,10}(?:[:：]|=(?!=)|$)[*_]*"
    r"|^\#{4}[^\S\n]*(?=[-+−]?[$€£]?\d[\d,./]*%?[^\S\n]*$)",
    re.IGNORECASE | re.MULTILINE,
)
_CODE = re.compile(r"\s*answers?\s*=")  # an assignment: `answer = a + b`
_MARKS = re.compile(r"[\s*_]*")
_ANSWER_IS = re.compile(
    rf"\b{_NAME}[\s*_]{{1,4}}(?:is|are|(?:would|will)\sbe|equals)\b", re.IGNORECASE
)
_SUPPOSED = re.compile(
    r"\b(?:if|unless|whether|suppos(?:e|ing)|assum(?:e|ing))(?:\sthat)?\s+\Z", re.IGNORECASE
)
_FILLER = re.compile(
    r"\A[\s:：,]*(?:(?:therefore|thus|then|hence|indeed|simply|just|actually|clearly|definitely"
    r"|probably|(?:most\s)?likely|still|also|now|that|equal\sto|(?:\w+\s)?to\sbe"
    r"|(?:approximately|about|around|roughly|exactly)(?=\s[-+−$\\\d]))\b[\s,:：]*){0,4}"
)
_ABOUT_IT = re.compile(
    r"[\s*_]*(?:(?:not|never|near|obtained|found|given|determined|calculated|computed|derived"
    r"|based|in\s(?:the\sform|terms|simplest|lowest|its))\b"
    r"|(?:correct|incorrect|right|wrong|reasonable|valid|obvious|clear|below|above|as\sfollows)"
    r"[\s.!:*]*\Z)",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"(?:(?<![\w)\]}.])[-+−])?(?:\\[dt]?frac\{-?\d+\}\{-?\d+\}|(?<![A-Za-z0-9_])"
    r"(?:(?:\d{1,3}(?:(?:,|\{,\})\d{3})+(?!\d)|\d++)(?:\.\d++)?|\.\d++)"
    r"(?:[eE][-+]?\d++|\s?(?:\\times|\\cdot|×|\*)\s?10(?:\^|\*\*)\{?-?\d++\}?"
    r"|(?:\s\d++)?/\d++)?)"
)


def _box(text: str) -> str | None:
    """What stands in the last closed box that holds no other and is not blank."""
    contents: list[str] = []
    opened: list[int] = []  # where the content of each open brace's box begins; -1 for no box
    latest = 0  # the latest such place: what closes there is an innermost box, and no two overlap
    for token in _BRACE.finditer(text):
        escaped = len(token["slashes"] or "") % 2 == 1
        if token["box"] is not None:
            if token[0].endswith("{"):
                latest = token.end()
                opened.append(latest)
            elif bare := _UNBRACED.match(text, token.end()):
                contents.append(bare[0])
        elif token[0].endswith("{") and not escaped:
            opened.append(-1)
        elif token[0].endswith("}") and not escaped and opened and opened.pop() == latest:
            contents.append(text[latest : token.end() - 1])
    return next(filter(None, map(clean, reversed(contents))), None)


def _tag(text: str) -> str | None:
    """What the last answer tag holds that is not blank."""
    end, closed = len(text), False
    for tag in reversed(list(_ANSWER_TAG.finditer(text))):
        content = text[tag.end() : end].strip()
        if tag[1] is None:
            content = content if closed else content.partition("\n")[0]
            if answer := _line(content) or _sentence(content) or clean(content):
                return answer
        end, closed = tag.start(), tag[1] is not None
    return None


def _line(text: str) -> str | None:
    """What the last answer line says."""
    for match, region in _regions(_ANSWER_LINE, text):
        if _CODE.match(match[0]):
            continue
        line = region.partition("\n")[0]
        scope = region if _MARKS.fullmatch(line) else line
        if answer := _sentence(scope) or clean(value_of(region)):
            return answer
    return None


def _sentence(text: str) -> str | None:
    """What the last sentence says that says what the answer is."""
    for match, region in _regions(_ANSWER_IS, text):
        before = text[max(0, match.start() - 20) : match.start()]
        value = value_of(_FILLER.sub("", region, count=1)).strip()
        if _SUPPOSED.search(before) or _ABOUT_IT.match(value) or value.endswith("?"):
            continue
        if answer := clean(value.rstrip("!")):
            return answer
    return None


def _regions(pattern: re.Pattern[str], text: str) -> Iterator[tuple[re.Match[str], str]]:
    """Each match, the last first, and the text from it to the next."""
    end = len(text)
    for match in reversed(list(pattern.finditer(text))):
        yield match, text[match.end() : end]
        end = match.start()


def _number(text: str) -> str | None:
    """The last number."""
    return next((match[0] for match in reversed(list(_NUMBER.finditer(text)))), None)
