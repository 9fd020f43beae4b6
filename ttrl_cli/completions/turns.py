r"""Run-on: a completion ends where the marks of a prompt's turn begin again.

A turn begins again at

    a label      "Question:", "Q:", "Problem:", "User:", "Human:", "Instruction:" at the start of a
                 line, perhaps in bold or as a heading; also 问题, 题目, 用户, Frage, Pregunta, and
                 headings of our own prompts. "Question 2:" is a part of one answer, and no label
    a token      of a chat template, written as text: <|im_start|>, <|eot_id|>, [INST], </s> and
                 those of the model at hand

but not where the completion begins with it: a question that is said over again, alone or behind one
line like "Let me restate it:", belongs to the answer, and the tokens of the answer's own turn are
left out. Nothing in a fenced block begins a turn, but for a token at the start of a line in a block
that is never closed. Every step is linear in the length of the text.
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
    r"|<(?:start|end)_of_turn>|\[/?INST\]|<</?SYS>>|</?s>(?=\s|\[INST|\Z)|<[be]os>"
    r"|<｜(?:User|Assistant|begin▁of▁sentence|end▁of▁sentence)｜>"
    r"|<\|(?:START|END)_OF_TURN_TOKEN\|>"
)
_INTRODUCTION = re.compile(r"[^\n]{0,200}[:：]\s*")


def first_turn(text: str, marks: Marks) -> str:
    """Return the text up to where another turn begins."""
    token = _token(marks)
    beginning = _beginning(marks).match(text)
    text = text[beginning.end() if beginning else 0 :]
    fence: Fence | None = None
    place = late = 0  # where the line begins, and a token within a block that may not be closed
    for line in text.split("\n"):
        found = fence_of(line)
        if fence is None:
            end = _end_in(line, token, text[:place] if _LABEL.match(line) else "") if line else None
            if end is not None:
                return text[: place + end]
            fence, late = found, 0
        elif found is not None and found.closes(fence):
            fence = None
        elif not late and token.match(line.lstrip()):
            late = place
        place += len(line) + 1
    return text[:late] if fence is not None and late else text


def _end_in(line: str, token: re.Pattern[str], before: str) -> int | None:
    """Return where a turn begins in a line, given what stands before a label; None if nowhere."""
    said = before.strip(" \t\n#*_>-")
    if said and not _INTRODUCTION.fullmatch(said):
        return 0
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
