"""Final answers in lists, over several lines, beside code and other cases, and in names."""

from collections.abc import Mapping

import pytest

from ttrl_cli.answers.extract import extract

TOWNS = {"A": "Oslo", "B": "Bergen", "C": "Narvik", "D": "Bodø"}
COUNTS = {"A": "41", "B": "42", "C": "1", "D": "60"}


def answer(text: str, choices: Mapping[str, str] | None = None) -> str | None:
    """The answer that a text gives."""
    found = extract(text, choices=choices)
    return found.answer if found else None


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("Answer: John F. Kennedy", "John F. Kennedy"),
        ("The answer is John F. Nash.", "John F. Nash"),
        ("Answer: George W. Bush. He was elected twice.", "George W. Bush"),
        ("**Final Answer:** J. Robert Oppenheimer", "J. Robert Oppenheimer"),
        ("Answer: Roe v. Wade", "Roe v. Wade"),
        ("The answer is Brown v. Board of Education.", "Brown v. Board of Education"),
        ("Answer: Ulysses S. Grant and Samuel L. Jackson", "Ulysses S. Grant and Samuel L. Jackson"),
        ("Answer: Harry S. Truman, because he was next.", "Harry S. Truman"),
        ("Answer: Vitamin C. Scurvy comes without it.", "Vitamin C"),
        ("Answer: Franz F. He wrote it.", "Franz F"),
        ("Answer: Option B. Bergen is wetter.", "Option B"),
        ("Answer: B. Bergen", "B"),
    ],
)
def test_the_dot_of_an_initial_ends_no_answer(text: str, want: str) -> None:
    """A name goes on behind an initial; a letter that names something ends with its dot."""
    assert answer(text) == want
