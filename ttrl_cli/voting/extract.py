"""Finding the final answer in a completion."""

import re

_THINK = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_ANSWER = re.compile(r"^\W*(?:final )?answer\W*:\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
_BOXED = r"\boxed{"


def extract_answer(text: str) -> str | None:
    r"""The last \boxed{...}, else the last "Answer: ..." line; None where there is neither.

    Text inside a closed or unclosed <think> block never counts. No answer is no vote.
    """
    visible = _THINK.sub("", text)
    boxed = _last_boxed(visible)
    if boxed is not None:
        return boxed or None
    lines = _ANSWER.findall(visible)
    return str(lines[-1]).strip("* ") or None if lines else None


def _last_boxed(text: str) -> str | None:
    r"""What stands in the last closed \boxed{}, nested braces included."""
    start = text.rfind(_BOXED)
    while start >= 0:
        depth = 1
        begin = start + len(_BOXED)
        for place in range(begin, len(text)):
            depth += {"{": 1, "}": -1}.get(text[place], 0)
            if depth == 0:
                return text[begin:place].strip()
        start = text.rfind(_BOXED, 0, start)
    return None
