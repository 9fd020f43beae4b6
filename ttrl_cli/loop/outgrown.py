"""Prompts that leave no room in the model's context: said once each, in few lines."""

from collections.abc import Iterable, Mapping

from ttrl_cli.records import Completion, Kind, Overflow, Status, Verdict

_NAMED = 5
"""How many a line names."""
_LINES = 3
"""From this many lines on there is one only when their number has doubled."""


class Outgrown:
    """The prompts of this session that leave no room in the model's context.

    Args:
        kind: Of the run: what was asked from is a question or a parent.
    """

    def __init__(self, kind: Kind) -> None:
        self._what = "question" if kind == "vote" else "parent"
        self._known: dict[str, Overflow] = {}
        self._unsaid: list[str] = []
        self._said = 0
        self._lines = 0

    def note(self, found: Mapping[str, Overflow]) -> str:
        """Record which prompts of a step are too long; return the warning that is due.

        Args:
            found: By id, the prompts of the step that left no room.

        Returns:
            The warning; empty if none is due.
        """
        new = {key: overflow for key, overflow in found.items() if key not in self._known}
        self._known |= new
        self._unsaid += new
        if not self._unsaid or (self._lines >= _LINES and len(self._known) < 2 * self._said):
            return ""
        unsaid, self._unsaid = self._unsaid, []
        self._said = len(self._known)
        self._lines += 1
        return self._line(unsaid)

    def _line(self, keys: list[str]) -> str:
        empty = "nothing was sampled"
        if len(keys) == 1:
            return f"{self._what} {keys[0]!r} is too long: {self._known[keys[0]]}; {empty}"
        named = ", ".join(f"{key!r} ({self._known[key].tokens} tokens)" for key in keys[:_NAMED])
        more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
        first = self._known[keys[0]]
        kept = f", of which {first.reserved} are for the answer" if first.reserved else ""
        return (
            f"{len(keys)} {self._what}s are too long for the model's context of {first.context} "
            f"tokens{kept}: {named}{more}; {empty}"
        )


def overflows(completions: Iterable[Completion], keys: Mapping[int, str]) -> dict[str, Overflow]:
    """Return the overflow of each prompt that left no room, by the prompt's key.

    Args:
        completions: The completions of a step.
        keys: The keys of its prompts, by group.
    """
    return {keys[c.group]: c.overflow for c in completions if c.overflow is not None}


def ungraded(overflow: Overflow) -> Verdict:
    """Return the verdict on a completion that is empty because its prompt left no room."""
    return Verdict(status=Status.MALFORMED, reason=f"nothing was sampled: {overflow}")
