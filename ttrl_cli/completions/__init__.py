"""What counts of a completion, for both commands: `visible` leaves out thinking and run-on."""

from ttrl_cli.completions.marks import CHANNELS, HARMONY, KNOWN, THINK, Marks, Tag, marks_of
from ttrl_cli.completions.thinking import spoken
from ttrl_cli.completions.turns import first_turn, without_end

__all__ = [
    "CHANNELS",
    "HARMONY",
    "KNOWN",
    "THINK",
    "Marks",
    "Tag",
    "marks_of",
    "spoken",
    "visible",
    "without_end",
]


def visible(
    text: str,
    marks: Marks = KNOWN,
    *,
    gap: str = "",
    solution: bool = False,
    draft: bool = True,
) -> str:
    """Return the part of a completion that counts: its first turn, without thinking.

    Args:
        text: A completion whose lines end in newlines alone.
        marks: How the model marks thinking and turns.
        gap: What replaces a block that was cut out.
        solution: Whether a solution is asked for, rather than a final answer.
        draft: Whether, if nothing else counts, to return the text before an unopened closing tag at
            the very end: an answer, or a draft whose opening tag stands in the prompt.
    """
    said = first_turn(spoken(text, marks, gap=gap), marks, solution=solution)
    if draft and not said.strip() and text.strip():
        return first_turn(spoken(text, marks, gap=gap, draft=True), marks, solution=solution)
    return said
