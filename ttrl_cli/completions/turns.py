r"""Run-on: a completion ends where the marks of a prompt's turn begin again.

A turn begins again at

    a label      "Question:", "Q:", "Problem:", "User:", "Human:", "Instruction:" at the start of a
                 line, in any case, perhaps with a number, with "Next" before it, in bold or as a
                 heading; also 问题, 题目, 用户, Frage, Pregunta, and headings of our own prompts.
                 Where a final answer is asked for also "Example:", "Exercise:", "Input:" and kin:
                 a solution may come with an example
    a role       "user", "assistant" or "system", alone on a line or glued to an answer: what
                 is left where the tokens of a chat template were left out
    a token      of a chat template, written as text: <|im_start|>, <|eot_id|>, [INST], </s> and
                 those of the model at hand

A label begins one only where an answer stands before it, for the question may be said over again
anywhere on the way to the answer: a box, an answer tag, an answer line, "#### 5" or nothing but a
number or a letter; where a solution is asked for, a closed block, or JSON alone. Where a final
answer is asked for, "Question:" and "Q:" also begin one behind a sentence with a number ("So she
has 12."), if a reply ("A:") follows: the model asks itself a new question. A numbered label
("Question 2:") names a part of one answer where a numbered label of its kind ("Question 1:") stands
before the answer. Tokens of the answer's own turn, with which the completion begins, are left out.
Nothing in a fenced block begins a turn, but for a token at the start or the end of a line in a
block that is never closed. Every step is linear in the length of the text.
"""

import re
from functools import lru_cache

from ttrl_cli.completions.fences import Fence, fence_of
from ttrl_cli.completions.marks import Marks, is_mentioned
from ttrl_cli.completions.names import ANNOUNCED

_LABEL = re.compile(
    r"[ \t]{0,3}(?:>[ \t]?)?(?P<heading>\#{1,6}[ \t]*)?[*_]{0,3}"
    r"(?:(?:the[ ])?(?:next|new|another|second|third|follow-?up|similar|bonus|extra|sample|nächste"
    r"|siguiente|下一?[个道]?)[ ]?)?"
    r"(?P<word>question|q|problem|user|human|instructions?|问题|题目?|用户|frage|pregunta"
    r"|(?P<example>examples?|exercise|input|task|query|prompt|test[ ]case|assistant|student"
    r"|beispiel|aufgabe|ejemplo|ejercicio|problema|exemple|exercice|problème|例题?|例子|输入|练习))"
    r"(?P<number>[ \t]?(?:\#|no\.?|nr\.?)?[ \t]?(?:\d{1,3}|\(\d{1,3}\)|[一二三四五六七八九十]))?"
    r"[*_]{0,3}(?:[ \t\u00a0]?[:：]|(?(heading)[ \t]*\Z|(?!))"
    r"|(?(number)(?:[.)][ \t]|[ \t]*\Z)|(?!)))"
    r"|(?-i:user|assistant|system)[ \t]*\Z"
    r"|\#\#[ ](?:The[ ]solution[ ]so[ ]far|Your[ ]task)[ \t]*\Z",
    re.IGNORECASE,
)
_ROLES = ("user", "assistant")
_ROLE = re.compile(r"(?<=[}.)$>*\d])(?:user|assistant)\Z")  # glued on, its tokens left out
_TOKEN = (
    r"<\|im_(?:start|end|sep)\|>|<\|(?:eot_id|eom_id|start_header_id|end_header_id|begin_of_text"
    r"|end_of_text|endoftext|endofprompt|end_of_turn|end|return|start|user|system|assistant)\|>"
    r"|<(?:start|end)_of_turn>|\[/?INST\]|<</?SYS>>|</s>(?=\s*(?:\Z|<s>|\[INST))|<s>(?=\s*\[INST)|<[be]os>"
    r"|<｜(?:User|Assistant|begin▁of▁sentence|end▁of▁sentence)｜>"
    r"|<\|(?:START|END)_OF_TURN_TOKEN\|>"
)
_ANSWERED = re.compile(ANNOUNCED, re.IGNORECASE | re.MULTILINE)
_TAIL = 64  # characters in which the end of a solution is sought
_BARE = re.compile(r"[\s$*\\(]{0,8}(?:[-+−]?\d[\d.,/]{0,40}|[A-Z])[\s$*\\).%]{0,16}")

_QUESTIONS = frozenset(("question", "q", "问题", "题", "题目", "frage", "pregunta"))
_REPLY = re.compile(
    r"^[^\w\n]{0,8}(?:a|answers?|ans|solution|réponse|antwort|respuesta|答案|答)[*_]{0,3}[ ]?[:：]",
    re.IGNORECASE | re.MULTILINE,
)
_LONGEST_SENTENCE = 300
_SENTENCES = re.compile(r"[.!?][*_\"')]{0,3}\s+|[。！？]\s*(?!\Z)|\n\s*")
_CONCLUDES = re.compile(r"\d(?s:.*)[.!。！][\s$*_\"')\]]{0,4}\Z")
_GIVEN = re.compile(
    r"\b(?:let|given|suppose|assum\w+|if|consider|recall|known?|restat\w+|first|need|find)\b|已知|设",
    re.IGNORECASE,
)


def first_turn(text: str, marks: Marks, *, solution: bool = False) -> str:
    """Return the text up to where another turn begins.

    Args:
        text: A completion without thinking.
        marks: How the model marks turns.
        solution: Whether a solution is asked for, rather than a final answer.
    """
    token = _token(marks)
    beginning = _beginning(marks).match(text)
    text = text[beginning.end() if beginning else 0 :]
    labels = _Labels(text, solution=solution)
    fence: Fence | None = None
    place = late = 0  # where the line begins; a token in a block that is open
    tokens = any(mark in text for mark in ("<", "[", *marks.turns))
    for line in text.split("\n"):
        if not line:
            place += 1
            continue
        found = fence_of(line)
        if fence is None:
            if labels.end(line, place):
                return text[:place]
            if not solution and line.endswith(_ROLES) and (at := _role_in(line)) is not None:
                return text[: place + at]
            fence, late = found, 0
        elif found is not None and found.closes(fence):
            fence = None
            labels.answered |= solution
        elif tokens and not late and (at := _token_at_an_end(line, token)) is not None:
            late = place + at
        if (
            tokens
            and (fence is None or fence is found)
            and (at := _token_in(line, token)) is not None
        ):
            return text[: place + at]
        place += len(line) + 1
    return text[:late] if fence is not None and late else text


def _role_in(line: str) -> int | None:
    """Return where the role begins that is glued to the end of an answer; None without one."""
    role = _ROLE.search(line, max(0, len(line) - 16))
    return role.start() if role and _ANSWERED.search(line, 0, role.start()) else None


def without_end(text: str, marks: Marks) -> str:
    """Remove the turn tokens at the end of a text."""
    text = text.rstrip()
    line = text.rfind("\n") + 1
    at = _token_at_an_end(text[line:], _token(marks))
    return text if at is None else text[: line + at]


class _Labels:
    """The labels of a text, line by line.

    Attributes:
        answered: Whether an answer stands before the line.
    """

    def __init__(self, text: str, *, solution: bool) -> None:
        self.answered = False
        self._text, self._solution = text, solution
        self._seen = 0  # how far was looked for an answer
        self._numbered: set[str] = set()  # labels that number the parts of the answer
        self._asked = -1  # where the last label of a question stands
        self._replied: int | None = None  # where the last label of a reply stands

    def end(self, line: str, place: int) -> bool:
        """Decide whether a line, which begins at `place`, begins another turn."""
        label = _LABEL.match(line)
        if label is None or (label["example"] and self._solution):
            return False
        word = (label["word"] or "").lower()
        self.answered = self.answered or _answers(
            self._text, self._seen, place, solution=self._solution
        )
        self._seen = place
        if label["number"] and (not self.answered or word in self._numbered):
            self._numbered.add(word)
            return False
        return self.answered or (not self._solution and self._asks_itself(word, place))

    def _asks_itself(self, word: str, place: int) -> bool:
        """Decide whether a label asks a new question, with a reply, behind a concluding number."""
        if word not in _QUESTIONS:
            return False
        asked, self._asked = self._asked, place
        if asked >= 0 and not re.search("[?？]", self._text[asked:place]):
            return False  # the sentence before is the question's own
        if self._replied is None:
            replies = list(_REPLY.finditer(self._text))
            self._replied = replies[-1].start() if replies else -1
        if self._replied <= place:
            return False
        said = self._text[max(0, place - _LONGEST_SENTENCE) : place].rstrip()
        last = _SENTENCES.split(said)[-1]
        return bool(_CONCLUDES.search(last)) and not _GIVEN.search(last)


def _answers(text: str, start: int, end: int, *, solution: bool) -> bool:
    """Decide whether a part of a text has an answer, or the text up to the part's end is one."""
    if solution:
        # a slice: what is looked at again for each label must not grow
        return text[:1] in ("[", "{") and text[max(0, end - _TAIL) : end].rstrip()[-1:] in (
            "]",
            "}",
        )
    return bool(_ANSWERED.search(text, start, end) or _BARE.fullmatch(text, 0, end))


def _token_in(line: str, token: re.Pattern[str]) -> int | None:
    """Return where the first turn token of a line begins that is not a mere mention; else None."""
    return next(
        (at.start() for at in token.finditer(line) if not is_mentioned(line, at.start(), at.end())),
        None,
    )


def _token_at_an_end(line: str, token: re.Pattern[str]) -> int | None:
    """Return where the turn tokens begin that a line starts or ends with; None without any."""
    if token.match(line.lstrip()):
        return 0
    start, end = None, len(line)
    for at in reversed(list(token.finditer(line))):
        if line[at.end() : end].strip():
            break
        start = end = at.start()
    return start


@lru_cache(maxsize=8)
def _token(marks: Marks) -> re.Pattern[str]:
    return re.compile("|".join([_TOKEN, *map(re.escape, marks.turns)]))


@lru_cache(maxsize=8)
def _beginning(marks: Marks) -> re.Pattern[str]:
    """Return a pattern for the beginning of an answer: turn tokens and the name of the role."""
    return re.compile(rf"\s*(?:(?:{_token(marks).pattern})\s*+(?:(?:assistant|model)\b\s*+)?)+")
