r"""From a completion to its final answer: the text that is voted on (TTRL, arXiv 2504.16084).

The rules, most trusted first. The first that finds an answer wins, and of several answers by one
rule the last in the text; of tags, lines and sentences the last that is a value, a name, yes or no,
if there is one, for the others are remarks ("The answer is unique."). What is blank or only holds a
place ("...", \boxed{}) is passed over.

boxed        \boxed{...} or \fbox{...}, closed, the innermost of nested ones; \{ and \} do not
             count as its braces; also \boxed 5, <|begin_of_box|>5<|end_of_box|> and \answer{5}.
             A box that was cut off is none. Boxes with nothing but a comma, ";", "and" or "or"
             between them (and names, "y =", "the maximum is") are one answer together: "2, 9". A
             label in the box ("Answer:") is left out.
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
result-line  where there are none: a value behind "Result:" or "Final value:", or behind
             "Solution:", "Conclusion:" or "the result is" on the last line, or in a tag <result>,
             <solution> or <final>. Prose there is none.
last-number  where it is asked for: the last number, with its sign, fraction and exponent.

Answer lines and sentences are known in English, Chinese (答案是 5), French (La réponse est 5),
German (Die Antwort ist 5) and Spanish (La respuesta es 5); digits may be of full width.

A sentence as an answer ("The smallest n is 41", "There are 26 of them") is the value that it says;
`sentences` has the rule. An answer by one of the first four rules is taken back by a later sentence
or line that says what the answer is, if the text says so before that ("Wait", "wrong"), and by what
the text puts right ("Correction: 8", "Actually, it should be 8"); a box also by an answer that is
called final or correct and is a value. A value gives way to values alone. That is reported as
answer-is.

On a line an answer ends with its sentence, or before ", because", ", so", ", not" and the like.
What wraps it ($...$, **...**, quotes, \text{...}) and the final dot are taken off; units stay.

Where there are choices, what a rule finds must be one: its letter, alone or before a text, or else
the text of exactly one choice. If it is none, or several ("A and C"), the next rule has its turn.
A lower-case letter counts where nothing but it was found, or where it is marked as a letter: "(b)",
"b.". Boxes are not put together there, and sentences stay as they are.

Fenced code counts only where there is no answer outside of it, or right behind a label ("Answer:").

Thinking never counts, nor does what stands behind the completion's own turn: `completions` has the
rules.

Every step is linear in the length of the text: repetitions are bounded or cannot overlap, a
match's answer is sought no further than the next match, and no recursion follows the text.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from ttrl_cli.answers import markers
from ttrl_cli.answers.boxes import last_box
from ttrl_cli.answers.choices import choice_of, lone_choice
from ttrl_cli.answers.corrections import taken_back
from ttrl_cli.answers.fenced import outside_code
from ttrl_cli.answers.markers import Hit, Reader
from ttrl_cli.answers.sentences import is_answer, is_value, value_in
from ttrl_cli.answers.trim import clean
from ttrl_cli.completions import KNOWN, Marks, visible

Rule = Literal[
    "boxed", "answer-tag", "answer-line", "answer-is", "result-line", "choice", "last-number"
]
Finder = Callable[[str], Hit | None]


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
    text: str,
    *,
    choices: Mapping[str, str] | None = None,
    last_number: bool = False,
    marks: Marks = KNOWN,
) -> Extraction | None:
    """Return the final answer of a completion; None, which is no vote, if there is none.

    Never raise, whatever the text.

    Args:
        text: A completion.
        choices: Capital letter -> the choice's text; None or empty for a free-form question.
        last_number: Whether to return the last number if no rule finds an answer.
        marks: How the model marks thinking and turns.
    """
    said = _said(text, marks)
    outside = outside_code(said)
    if outside == said:
        return _extract(said, choices, last_number=last_number)
    found = _extract(outside, choices, last_number=False)
    found = found or _extract(said, choices, last_number=False)
    if found is None and last_number:
        found = _extract(outside, choices, last_number=True)
        found = found or _extract(said, choices, last_number=True)
    return found


def _extract(
    said: str, choices: Mapping[str, str] | None, *, last_number: bool
) -> Extraction | None:
    """Return the final answer of a text that counts."""
    read = _reader(choices)
    for rule, find in _finders(read, choices, last_number):
        found = find(said)
        answer = _answer(found.answer, choices) if found else None
        if found and answer:
            instead = _instead(said, found, rule, read, choices)
            return instead or Extraction(answer=answer, rule=rule)
    return None


def _reader(choices: Mapping[str, str] | None) -> Reader:
    if not choices:
        return Reader(value=value_in, counts=is_answer)
    return Reader(
        value=_as_it_stands,
        counts=lambda said: choice_of(said, choices) is not None or is_answer(said),
        several=False,
    )


def _answer(found: str, choices: Mapping[str, str] | None) -> str | None:
    return choice_of(found, choices) if choices else found


def _finders(
    read: Reader, choices: Mapping[str, str] | None, last_number: bool
) -> Iterator[tuple[Rule, Finder]]:
    """Yield the rules that apply, the most trusted first."""
    yield "boxed", lambda text: _box(text, read, several=not choices)
    yield "answer-tag", lambda text: markers.tag(text, read)
    yield "answer-line", lambda text: markers.line(text, read)
    yield "answer-is", lambda text: markers.sentence(text, read)
    if choices:
        yield "choice", lambda text: _hit(lone_choice(text, choices))
    else:
        yield "result-line", markers.result
    if last_number:
        yield "last-number", lambda text: _hit(_number(text))


def _instead(
    text: str, found: Hit, rule: Rule, read: Reader, choices: Mapping[str, str] | None
) -> Extraction | None:
    """Return the later answer that replaces the one found; None if the text takes nothing back."""
    if rule not in ("boxed", "answer-tag", "answer-line", "answer-is"):
        return None
    later = taken_back(
        text,
        found.end,
        read,
        replaces=is_value if not choices and is_value(found.answer) else read.counts,
        retracted=rule != "boxed" or bool(choices),
    )
    answer = _answer(later, choices) if later else None
    return Extraction(answer=answer, rule="answer-is") if answer else None


# -- what counts -----------------------------------------------------------------------------

_FULL_WIDTH = {ord("！") + place: ord("!") + place for place in range(94)}
_NARROWED = {wide: ascii_ for wide, ascii_ in _FULL_WIDTH.items() if chr(ascii_) not in "!,:;?()[]"}
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u2060\ufeff"))  # zero width, and no space to Python


def _said(text: str, marks: Marks) -> str:
    r"""Return the visible text of a completion, with \n as the only line end and ASCII digits.

    Each block cut out becomes a line end, so that no answer is joined from the text on its two
    sides.
    """
    plain = "\n".join(text.translate(_INVISIBLE).splitlines())
    return visible(plain, marks, gap="\n").translate(_NARROWED)


# -- the rules -------------------------------------------------------------------------------

_WRAPPED_LABEL = re.compile(r"\A\s*\\(?:text\w*|mathrm|mathbf|mbox)\s*\{([^{}]*)\}")
_NUMBER = re.compile(
    r"(?:(?<![\w)\]}.])[-+−])?(?:\\[dt]?frac\{-?\d+\}\{-?\d+\}|(?<![A-Za-z0-9_])"
    r"(?:(?:\d{1,3}(?:(?:,|\{,\})\d{3})+(?!\d)|\d++)(?:\.\d++)?|\.\d++)"
    r"(?:[eE][-+]?\d++|\s?(?:\\times|\\cdot|×|\*)\s?10(?:\^|\*\*)\{?-?\d++\}?"
    r"|(?:\s\d++)?/\d++)?)"
)


def _box(text: str, read: Reader, *, several: bool) -> Hit | None:
    """Return the answer of the last closed box that has one; ignore boxes that hold another box."""
    found = last_box(text, lambda content: _boxed(content, read), several=several)
    return Hit(answer=found[0], end=found[1]) if found else None


def _boxed(content: str, read: Reader) -> str:
    """Return the answer in a box, without a label such as "Answer:" before it."""
    plain = clean(content)
    announced = _WRAPPED_LABEL.sub(r"\1", plain)
    found = markers.within(announced, read) if plain else ""
    if found:
        return found
    labelled = markers.result(announced)
    return labelled.answer if labelled else plain


def _as_it_stands(value: str) -> str:
    return value


def _hit(answer: str | None) -> Hit | None:
    return Hit(answer=answer, end=0) if answer else None


def _number(text: str) -> str | None:
    """Return the last number of a text; None if there is none."""
    return next((match[0] for match in reversed(list(_NUMBER.finditer(text)))), None)
