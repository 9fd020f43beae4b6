r"""Run-on: a completion ends where the marks of a prompt's turn begin again.

A turn begins again at

    a label      "Question:", "Q:", "Problem:", "User:", "Human:", "Instruction:" at the start of a
                 line, perhaps in bold or as a heading; also 问题, 题目, 用户, Frage, Pregunta, and
                 headings of our own prompts. "Question 2:" is a part of one answer, and no label
    a token      of a chat template, written as text: <|im_start|>, <|eot_id|>, [INST], </s> and
                 those of the model at hand

A label begins one only where an answer stands before it, for the question may be said over again
anywhere on the way to the answer: a box, an answer tag, an answer line, "#### 5" or nothing but a
number; where a solution is asked for, a closed block, or JSON alone. Tokens of the answer's own
turn, with which the completion begins, are left out. Nothing in a fenced block begins a turn, but
for a token at the start of a line in a block that is never closed. Every step is linear in the
length of the text.
"""

import re
from functools import lru_cache

from ttrl_cli.completions.fences import Fence, fence_of
from ttrl_cli.completions.marks import Marks, is_mentioned

_LABEL = re.compile(
    r"[ \t]{0,3}(?:>[ \t]?)?(?P<heading>\#{1,6}[ \t]*)?[*_]{0,3}"
    r"(?:Question|QUESTION|Q|Problem|PROBLEM|User|USER|Human|HUMAN|Instruction|INSTRUCTION"
    r"|问题|题目|用户|Frage|Pregunta)"
    r"[*_]{0,3}(?:[ \t\u00a0]?[:：]|(?(heading)[ \t]*\Z|(?!)))"
    r"|\#\#[ ](?:The[ ]solution[ ]so[ ]far|Your[ ]task)[ \t]*\Z"
)
_TOKEN = (
    r"<\|im_(?:start|end|sep)\|>|<\|(?:eot_id|eom_id|start_header_id|end_header_id|begin_of_text"
    r"|end_of_text|endoftext|endofprompt|end_of_turn|end|return|start|user|system|assistant)\|>"
    r"|<(?:start|end)_of_turn>|\[/?INST\]|<</?SYS>>|</s>(?=\s*(?:\Z|<s>|\[INST))|<s>(?=\s*\[INST)|<[be]os>"
    r"|<｜(?:User|Assistant|begin▁of▁sentence|end▁of▁sentence)｜>"
    r"|<\|(?:START|END)_OF_TURN_TOKEN\|>"
)
_ANSWERED = re.compile(
    r"\\(?:boxed|fbox)(?![a-z])|</answer>|<\|end_of_box\|>|^[ \t]*\#{4}[ \t]*\S"
    r"|(?:\b(?:answers?|ans|réponse|antwort|respuesta|result|solution)\b|答案)[^\w\n]{0,8}"
    r"(?:\b(?:is|are|est|ist|lautet|es)\b|[是为]|[:：=])[^\w\n]{0,8}[\w\\]",
    re.IGNORECASE | re.MULTILINE,
)
_TAIL = 64  # characters in which the end of a solution is sought
_BARE = re.compile(r"[\s$*\\(]{0,8}[-+−]?\d[\d.,/]{0,40}[\s$*\\).%]{0,16}")


def first_turn(text: str, marks: Marks, *, solution: bool = False) -> str:
    """Return the text up to where another turn begins.

    Args:
        text: A completion without thinking.
        marks: How the model marks turns.
        solution: Whether a solution is asked for, and no final answer.
    """
    token = _token(marks)
    beginning = _beginning(marks).match(text)
    text = text[beginning.end() if beginning else 0 :]
    fence: Fence | None = None
    answered = False
    place = seen = late = 0  # where the line begins; how far was looked; a token in an open block
    for line in text.split("\n"):
        found = fence_of(line)
        if fence is None:
            if line and _LABEL.match(line):
                answered = answered or _answers(text, seen, place, solution=solution)
                if answered:
                    return text[:place]
                seen = place
            end = _token_in(line, token)
            if end is not None:
                return text[: place + end]
            fence, late = found, 0
        elif found is not None and found.closes(fence):
            fence = None
            answered = answered or solution
        elif not late and token.match(line.lstrip()):
            late = place
        place += len(line) + 1
    return text[:late] if fence is not None and late else text


def _answers(text: str, start: int, end: int, *, solution: bool) -> bool:
    """Decide whether a text has an answer in a part, or is one as far as the part's end."""
    if solution:
        # a slice: what is looked at again for each label must not grow
        return text[:1] in ("[", "{") and text[max(0, end - _TAIL) : end].rstrip()[-1:] in (
            "]",
            "}",
        )
    return bool(_ANSWERED.search(text, start, end) or _BARE.fullmatch(text, 0, end))


def _token_in(line: str, token: re.Pattern[str]) -> int | None:
    """Return where a token in a line begins that is no mention of itself; None if nowhere."""
    return next(
        (at.start() for at in token.finditer(line) if not is_mentioned(line, at.start(), at.end())),
        None,
    )


@lru_cache(maxsize=8)
def _token(marks: Marks) -> re.Pattern[str]:
    return re.compile("|".join([_TOKEN, *map(re.escape, marks.turns)]))


@lru_cache(maxsize=8)
def _beginning(marks: Marks) -> re.Pattern[str]:
    """Return what may stand at the beginning of an answer: tokens, and whose turn it is."""
    return re.compile(rf"\s*(?:(?:{_token(marks).pattern})\s*+(?:(?:assistant|model)\b\s*+)?)+")
