"""Final answers in lists, over several lines, beside code and other cases, and in names."""

import pytest

from tests._extract import answer

TOWNS = {"A": "Oslo", "B": "Bergen", "C": "Narvik", "D": "Bodø"}
COUNTS = {"A": "41", "B": "42", "C": "1", "D": "60"}


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("Answer: John F. Kennedy", "John F. Kennedy"),
        ("The answer is John F. Nash.", "John F. Nash"),
        ("Answer: George W. Bush. He was elected twice.", "George W. Bush"),
        ("**Final Answer:** J. Robert Oppenheimer", "J. Robert Oppenheimer"),
        ("Answer: Roe v. Wade", "Roe v. Wade"),
        ("The answer is Brown v. Board of Education.", "Brown v. Board of Education"),
        (
            "Answer: Ulysses S. Grant and Samuel L. Jackson",
            "Ulysses S. Grant and Samuel L. Jackson",
        ),
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


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("**Final Answer:**\n\n- 42", "42"),
        ("Answer:\n- $42$", "42"),
        ("The answer is:\n\n- 42", "42"),
        ("**The answer is:**\n\n- **42**", "42"),
        ("<answer>\n- 42\n</answer>", "42"),
        ("### Answer\n\n– 42", "42"),
        ("### Answer\n— 42 apples", "42 apples"),
        ("Answer:\n• 42", "42"),
        ("Answer:\n→ 42", "42"),
        ("Answer: → 42", "42"),
        ("Answer:\n> 42", "42"),
        ("Final Answer:\n\n✅ **42**", "42"),
        ("Answer:\n- 42, because 6 times 7 is 42.", "42"),
        ("Answer:\n- 42\n- It is even, and more than 40.", "42"),
        ("Answer:\n-42", "-42"),
        ("Answer: - 42", "- 42"),
        ("Answer: > 42", "> 42"),
        ("<answer>- 42</answer>", "- 42"),
        ("The answer is - 42.", "- 42"),
        ("**Final Answer:**\n\n1. 42", "42"),
        ("Answer:\n1) 42", "42"),
        ("Answer:\n1. The total is 42.", "42"),
        ("<answer>\n1. 42\n</answer>", "42"),
        ("Answer:\n1. Oslo\n2. Rome", "Oslo, Rome"),
        ("Answer:\n1. Oslo\n2. Rome\n\nThese are capitals.", "Oslo, Rome"),
        ("<answer>\n1. Oslo\n2. Rome\n</answer>", "Oslo, Rome"),
        ("Answer:\n3.5", "3.5"),
    ],
)
def test_the_mark_of_a_list_is_no_part_of_an_answer(text: str, want: str) -> None:
    """A dash below a label is a bullet and on its line a minus; a list's number is no answer."""
    assert answer(text) == want


@pytest.mark.parametrize(
    "text", ["Answer:\n1. 42", "**Final Answer:**\n\n- 42", "The answer is:\n- B", "Answer:\n1) B"]
)
def test_the_mark_of_a_list_is_no_choice(text: str) -> None:
    """Of a list's line the choice is what stands behind its mark."""
    assert answer(text, COUNTS) == "B"


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("Final Answer:\n\nx = 1\ny = 2", "x = 1, y = 2"),
        ("Final Answer:\n\nx = 1\ny = 2\n\nThat was all.", "x = 1, y = 2"),
        ("Answer: x = 1\ny = 2", "x = 1, y = 2"),
        ("Answer:\n$$x=3$$\n$$y=5$$", "x=3, y=5"),
        ("Answer:\n\\[x=3\\]\n\n\\[y=5\\]\nDone.", "x=3, y=5"),
        ("Answer: $x=3$,\n$y=5$", "x=3, y=5"),
        ("The answer is $x=3$,\n$y=5$.", "x=3, y=5"),
        ("Answer: (a) 3\n(b) 5", "(a) 3, (b) 5"),
        ("**Answer:**\n(a) 3\n(b) 5\n", "(a) 3, (b) 5"),
        ("Answer:\n- Width: 3\n- Length: 5", "Width: 3, Length: 5"),
        ("Answer:\n- **Width:** 3\n- **Length:** 5", "Width: 3, Length: 5"),
        ("Answer:\n- 3\n- 5", "3, 5"),
        ("Answer:\n$3$\n$5$", "3, 5"),
        ("Answer: x = 1\nCheck: 1 + 1 = 2", "x = 1"),
        ("Answer: y = 2x\nx = 0 gives 0 here.", "y = 2x"),
        ("Answer: 42\n7 is prime.", "42"),
        ("Answer: 42\nConfidence: 90", "42"),
        ("Answer:\n42\n\n7", "42"),
    ],
)
def test_lines_of_one_form_are_one_answer(text: str, want: str) -> None:
    """Equations, parts and items that follow each other belong together; other lines do not."""
    assert answer(text) == want


@pytest.mark.parametrize(
    "aside",
    [
        *("If n were 5, the answer would be 60.", "For n = 5 the answer would be 60."),
        *("A common wrong answer is 41.", "In the book the answer is 41."),
        *("Many students think that the answer is 41.", "If n is 5, the answer is 60."),
    ],
)
def test_an_answer_in_another_case_is_an_aside(aside: str) -> None:
    """What a sentence says of another case, or in someone's name, leaves the answer before it."""
    assert answer(f"The answer is 42.\n\n{aside}") == "42"
    assert (
        answer(f"The answer is B.\n\n{aside.replace('60', 'D').replace('41', 'A')}", COUNTS) == "B"
    )
    assert answer(aside) in ("60", "41")


def test_an_aside_within_the_sentence_ends_its_answer() -> None:
    """An answer ends before ", while"."""
    assert answer("The answer is 42, while the book answer is 41.") == "42"


@pytest.mark.parametrize(
    "text",
    [
        "Answer: 42\n\n```python\n# Answer: 3\n```",
        "The answer is 42.\n```python\nprint('The answer is 41')\n```\n",
        "So \\boxed{42}.\n\n```latex\n\\boxed{41}\n```",
        "The answer is 42.\n~~~\n\\boxed{41}\n~~~",
        "Answer: 42\n```python\n# Answer: 3",
        "```python\nprint('Answer: 3')\n```\nThe answer is 42.",
        "```\nAnswer: 42\n```",
        "Answer:\n```\n42\n```",
        "The answer is:\n\n```text\n42\n```\n",
    ],
)
def test_code_counts_only_where_nothing_else_does(text: str) -> None:
    """An answer outside of fences goes before one inside, unless its label announces the block."""
    assert answer(text) == "42"


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (
            "B. Bergen\n\nHere's why the others are incorrect:\n\nA. Oslo is drier.\n"
            "C. Narvik is too far north.\nD. Bodø as well.",
            "B",
        ),
        (
            "A. Oslo\n\nThe others:\n\nB. Bergen lies west.\nC. Narvik lies north.\nD. Bodø, too.",
            "A",
        ),
        ("B\n\nWait, it rains there. I choose C.", "C"),
        ("I would choose B. It rains most there. Option D is not right.", "B"),
        ("I choose B. Option C is incorrect, and (D) isn't a city.", "B"),
        ("A. Oslo\n\nB. Bergen\n\nC. Narvik\n\nD. Bodø", None),
    ],
)
def test_choices_that_are_denied_or_explained(text: str, want: str | None) -> None:
    """A first line that is a choice is the answer, and a letter that is denied is none."""
    assert answer(text, TOWNS) == want


@pytest.mark.parametrize(
    "text",
    [
        "\\boxed{42}\nuser\nWhat is 3+4?\nassistant\n\\boxed{7}",
        "So \\boxed{42}user\nWhat is 3+4?\nassistant\n\\boxed{7}",
        "Answer: 42\nuser\nWhat is 3+4?\nassistant\nAnswer: 7",
        "assistant\nAnswer: 42",
    ],
)
def test_a_role_alone_on_a_line_ends_the_turn(text: str) -> None:
    """Where special tokens were left out, their roles still end a turn behind an answer."""
    assert answer(text) == "42"


@pytest.mark.parametrize(
    "text",
    [
        "Answer \\[ \n 37 \n \\]",
        "Answer: \\[\n37\n\\]",
        "Answer: $$\n 37\n$$",
        "The answer is\n\\[\n37\n\\]\nDone.",
    ],
)
def test_marks_of_a_formula_on_lines_of_their_own(text: str) -> None:
    """They open and close the formula, and are no part of an answer of several lines."""
    assert answer(text) == "37"


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("Answer:\n\\(\n19\n\\)", "19"),
        ("**Answer**: \\(\n19\n\\)\nas required.", "19"),
        ("Answer:\n\n$$\n19\n$$", "19"),
        (
            "**Answer**\n\\begin{align}\nu &= 19\n\\end{align}\nDone.",
            "\\begin{align}\nu &= 19\n\\end{align}",
        ),
        (
            "Final answer:\n\\begin{pmatrix}\n4 & 0 \\\\\n1 & 9\n\\end{pmatrix}",
            "\\begin{pmatrix}\n4 & 0 \\\\\n1 & 9\n\\end{pmatrix}",
        ),
        ("Answer:\n\\begin{align}\nu &= 19", "u &= 19"),  # cut off
    ],
)
def test_a_formula_of_several_lines_is_one_answer(text: str, want: str) -> None:
    """Whatever opens and closes a displayed formula, its lines are no list."""
    assert answer(text) == want


@pytest.mark.parametrize("name", ["result", "solution", "final", "Final_Result", "final value"])
def test_a_value_in_a_tag_of_results(name: str) -> None:
    """A value there is an answer, prose is none, and an answer that is called so goes before it."""
    assert answer(f"So <{name}>\n$u = 19$\n</{name}>, as wanted.") == "u = 19"
    assert answer(f"<{name}>We add both sides and divide.</{name}>") is None
    assert answer(f"Answer: 20\n<{name}>19</{name}>") == "20"
    assert answer(f"Put it into <{name}> and </{name}>.") is None


@pytest.mark.parametrize("name", ["answer", "finalanswer", "ans"])
def test_a_command_for_answers_is_a_box(name: str) -> None:
    """Its braces count as a box's do; a command of a longer name, or without braces, is none."""
    assert answer(rf"So \{name}{{\frac{{3}}{{8}}}}, and that is all.") == r"\frac{3}{8}"
    assert answer(rf"So \{name}sheet{{19}}.") is None
    assert answer(rf"So \{name} 19.") is None
