"""What counts of a completion, for both commands: `visible` leaves out thinking and run-on."""

from ttrl_cli.completions.marks import CHANNELS, KNOWN, Marks, marks_of
from ttrl_cli.completions.thinking import spoken
from ttrl_cli.completions.turns import first_turn

__all__ = ["CHANNELS", "KNOWN", "Marks", "marks_of", "spoken", "visible"]


def visible(text: str, marks: Marks = KNOWN, *, gap: str = "", solution: bool = False) -> str:
    """Return what a completion says: its first turn, without thinking.

    Args:
        text: A completion whose lines end in newlines alone.
        marks: How the model marks thinking and turns.
        gap: What stands for a block that was cut out.
        solution: Whether a solution is asked for, and no final answer.
    """
    return first_turn(spoken(text, marks, gap=gap), marks, solution=solution)
