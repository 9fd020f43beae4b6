"""Final answers that are easily misread, kind by kind: each row is one way to be wrong."""

from collections.abc import Mapping

import pytest

from ttrl_cli.answers.extract import extract

TREES = {"A": "oak", "B": "elm", "C": "ash", "D": "fir"}


def answer(text: str, choices: Mapping[str, str] | None = None) -> str | None:
    """The answer that a text gives."""
    found = extract(text, choices=choices)
    return found.answer if found else None


@pytest.mark.parametrize(
    "remark",
    [
        *("The answer is unique.", "So the answer is verified.", "The answer is an integer."),
        *("The answer is consistent with the bound.", "Thus the answer is confirmed."),
        *("The answer is indeed correct.", "The answer is positive, as it must be."),
        *("Hence the answer is smaller than the bound.", "The answer is in the allowed range."),
        *("So the answer is checked by hand.", "The answer is the sum of the two parts."),
        *("La réponse est unique.", "Die Antwort ist eindeutig.", "La respuesta es única."),
        "答案是唯一的。",
    ],
)
@pytest.mark.parametrize(
    ("said", "want"),
    [
        ("The answer is 37.", "37"),
        ("The correct answer is $2x + 1$.", "2x + 1"),
        ("Answer: 3/8\n", "3/8"),
        (r"So \boxed{12\pi}.", r"12\pi"),
        (r"\boxed{37}. Wait, let me look again.", "37"),
        ("<answer>37</answer>", "37"),
    ],
)
def test_a_remark_about_the_answer_does_not_replace_it(said: str, want: str, remark: str) -> None:
    """Words about an answer are no answer, in whatever rule it was found, and after "Wait"."""
    assert answer(f"{said} {remark}") == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("The answer is 3 > 2. So the answer is yes.", "yes"),
        ("The first answer is 5. The answer is Rome.", "Rome"),
        ("The answer is 5. The answer is 8.", "8"),
        ("The answer is unknown so far.", "unknown so far"),
        ("Answer: 5\nAnswer: after some more work", "5"),
        ("<answer>5</answer> as the tags ask <answer>for it</answer>", "5"),
        (r"\boxed{oak}. Hold on, no. The answer is elm.", "oak"),
        (r"\boxed{6}. Wait. The correct answer is 8. The answer is unique.", "8"),
        ("Answer: 5. The answer is unique.", "5"),
    ],
)
def test_the_last_hit_that_is_an_answer_counts(text: str, want: str) -> None:
    """Values, names, yes and no are answers; other words are one only where nothing else is."""
    assert answer(text) == want


def test_a_remark_is_no_choice() -> None:
    """A remark behind a letter, or behind a choice's text, leaves the choice."""
    assert answer("The answer is C. The answer is unique.", TREES) == "C"
    assert answer("The answer is elm. So the answer is verified.", TREES) == "B"


@pytest.mark.parametrize(
    "text",
    [
        *("The answer is 41.</think>", "Answer: 41\n</think>\n", r"\boxed{41} </thinking>"),
        *("#### 41\n[/THINK]", "draft</think>Answer: 41</think>", "Answer: 41</think><|im_end|>"),
        *("<think>40</think>Answer: 41</think>", "Answer: 41\n</think>\n</think>"),
    ],
)
def test_a_closing_tag_at_the_very_end_loses_nothing(text: str) -> None:
    """What stands before a tag that closes nothing, and leaves nothing behind it, still counts."""
    assert answer(text) == "41"


@pytest.mark.parametrize(
    "said",
    [
        *(
            "We use the <think> tag to reason.",
            "I put it in <think> tags.",
            "No <think> block here.",
        ),
        *(
            "Reasoning goes between <think> and </think>.",
            "**<think>** opens it.",
            "“<think>” opens.",
        ),
        *("I never write </think>.", "We close with the </think> tag.", "‘</think>’ closes it."),
        *("(<think>) is a tag.", "Ich nutze das <think>-Tag hier.", "这里使用<think>标签。"),
        *("The [THINK] token opens it.", "«<think>» ouvre.", "Tags: <think>/</think> are used."),
    ],
)
def test_a_tag_that_is_spoken_of_hides_nothing(said: str) -> None:
    """A tag in quotes, in bold or as a word of a sentence neither opens nor closes a block."""
    assert answer(f"Answer: 41\n{said}\n") == "41"
    assert answer(f"{said}\nAnswer: 41") == "41"


@pytest.mark.parametrize(
    ("value", "want"),
    [
        ("5 ft. 3 in.", "5 ft. 3 in"),
        ("2 hrs. 30 min.", "2 hrs. 30 min"),
        ("10 lbs. 4 oz. in all.", "10 lbs. 4 oz. in all"),
        ("No. 5", "No. 5"),
        ("no. 12.", "no. 12"),
        ("approx. 5", "approx. 5"),
        ("St. 4", "St. 4"),
        ("Mt. Everest", "Mt. Everest"),
        ("Ghana vs. Peru", "Ghana vs. Peru"),
        ("4 vs. 7", "4 vs. 7"),
        ("Jan. 5", "Jan. 5"),
        ("p. 12", "p. 12"),
        ("Fig. 3", "Fig. 3"),
        ("ca. 40", "ca. 40"),
        ("Prof. Moriarty", "Prof. Moriarty"),
        ("No. 15 is divisible by 3.", "No"),
        ("No. It is not.", "No"),
        ("12 in. She cut it in two.", "12 in"),
        ("7 m. 2 of them were lost.", "7 m"),
    ],
)
def test_the_dot_of_an_abbreviation_ends_no_answer(value: str, want: str) -> None:
    """A dot behind a title, a number's word or a unit of several belongs to the answer."""
    assert answer(f"Answer: {value}") == want


def test_a_rounded_number_in_a_sentence() -> None:
    """What is short for approximately is read as that is."""
    assert answer("The answer is approx. 3.14.") == answer("The answer is approximately 3.14.")
    assert answer("Answer: The length is approx. 3.14.") == "3.14"


@pytest.mark.parametrize(
    ("said", "want"),
    [
        ("The area is 25 π", "25 π"),
        ("The mixed number is 2 1/2", "2 1/2"),
        ("The polynomial is 2 x + 1", "2 x + 1"),
        ("The number is 3.5e10", "3.5e10"),
        ("The number is 5 x 10^3", "5 x 10^3"),
        ("The count is 1 000 000", "1 000 000"),
        ("The decimal is 0.333...", "0.333..."),
        ("The values are 1, 2, 3, ...", "1, 2, 3, ..."),
        ("The value is 5 ± 2", "5 ± 2"),
        ("The range is 5–7", "5–7"),
        ("The number of ways is 5 choose 2", "5 choose 2"),
        ("The chance is 1 in 5", "1 in 5"),
        ("The share is 7 of 9", "7 of 9"),
        ("It is 5 feet 3 inches", "5 feet 3 inches"),
        ("The time is 2 hours 30 minutes", "2 hours 30 minutes"),
        ("The angle is 40° 30'", "40° 30'"),
        ("The day was 5 May 2020", "5 May 2020"),
        ("The day is 3 May", "The day is 3 May"),
        ("The place is 5 km north", "The place is 5 km north"),
        ("The temperature is 5 degrees below zero", "The temperature is 5 degrees below zero"),
        ("The sheet is 5 cm by 3 cm", "The sheet is 5 cm by 3 cm"),
        ("She is 3 years older", "She is 3 years older"),
        ("The year is 44 BC", "The year is 44 BC"),
        ("It is 3 squared", "It is 3 squared"),
        ("n is 5 or larger", "n is 5 or larger"),
        ("x is at least 5", "x is at least 5"),
        ("x is 5 or 6 depending on y", "x is 5 or 6 depending on y"),
        ("The smallest n is 41", "41"),
        ("The length is 12 cm", "12"),
        ("There are 3 primes below 6", "3"),
        ("There are 26 numbers less than 100", "26"),
        ("The remainder is 3 when divided by 7", "3"),
        ("It costs is 12 a day", "12"),
    ],
)
def test_a_sentence_says_no_part_of_its_value(said: str, want: str) -> None:
    """What goes on behind a number belongs to it; where that is words, the sentence stays."""
    assert answer(f"Answer: {said}{'' if said.endswith('.') else '.'}") == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (r"\boxed{6}; \boxed{8}", "6, 8"),
        (r"$\boxed{6}; \boxed{8}$", "6, 8"),
        (r"$\boxed{6}$; and $\boxed{8}$", "6, 8"),
        (r"$(\boxed{2}, \boxed{5})$", "2, 5"),
        (r"$\left(\boxed{2}, \boxed{5}\right)$", "2, 5"),
        (r"($\boxed{2}$), ($\boxed{5}$)", "2, 5"),
        (r"\boxed{2}；\boxed{5}", "2, 5"),
        (r"$x = \boxed{2}; y = \boxed{5}$", "2, 5"),
        (r"\boxed{1}; \boxed{2}; \boxed{3}", "1, 2, 3"),
        (r"\boxed{2}. \boxed{5}", "5"),
        (r"\boxed{2} \boxed{5}", "5"),
    ],
)
def test_boxes_that_belong_together(text: str, want: str) -> None:
    """Semicolons and brackets join boxes as commas do; a full stop and nothing do not."""
    assert answer(text) == want


@pytest.mark.parametrize(
    "text",
    [
        *(
            "答案选B",
            "【答案】B",
            "【正确答案】：B",
            "故选：B",
            "故选B。",
            "本题选B。",
            "应选 B",
            "选B",
            "答案：（B）",
        ),
        *(
            "正确选项是B",
            "所以答案是 B。",
            "正确答案为：B",
            "【答案】B【解析】因为A、C都不对。",
            "因此选（B）",
        ),
        *("La respuesta correcta es la B.", "La respuesta es la opción B.", "Respuesta: la B"),
        *("La opción correcta es B.", "La respuesta correcta es la letra B", "Respuesta: B) elm"),
        *("La bonne réponse est la B", "La réponse est l'option B.", "La réponse correcte est B."),
        *("Réponse : la lettre B", "Die richtige Antwort ist B", "Die Antwort ist die B."),
        *("Richtig ist B.", "Die richtige Option ist B.", "Antwort: Möglichkeit B"),
    ],
)
def test_choices_in_other_languages(text: str) -> None:
    """A letter that Chinese, Spanish, French or German text names is the choice."""
    assert answer(text, TREES) == "B"


@pytest.mark.parametrize(
    "text", ["【答案】7", "【答案】 7。", "【正确答案】：7", "答案选7", "【答案】7【解析】3+4=7"]
)
def test_numbers_in_chinese_brackets(text: str) -> None:
    """A label in lenticular brackets is an answer line; the next label ends it."""
    assert answer(text) == "7"


@pytest.mark.parametrize(
    "mark",
    [
        *("Question 2: Ann?", "question: Ann?", "QUESTION 3: Ann?", "Next question: Ann?"),
        *("Another question: Ann?", "Example: Ann", "Example 3: Ann", "### Example 4", "Input: 5"),
        *(
            "input: 5",
            "Exercise 2: Ann",
            "Q2: Ann?",
            "Q2. Ann?",
            "q: Ann?",
            "**Question 2**",
            "user: hi",
        ),
        *(
            "Problem 7. Ann",
            "Task: Ann",
            "问题2：安",
            "例2：安",
            "下一题：安",
            "Frage 2: Ann?",
            "Beispiel: Ann",
        ),
        *("Pregunta 2: ¿Ann?", "Ejemplo: Ann", "Test case 2: 5", "Question #2: Ann?"),
    ],
)
@pytest.mark.parametrize(
    "said", ["Six times two.\n#### 12", r"So \boxed{12}.", "The answer is 12."]
)
def test_another_example_behind_the_answer(said: str, mark: str) -> None:
    """A label of a prompt's next example, in any case, ends the text behind an answer."""
    assert answer(f"{said}\n\n{mark}\nAnswer: 9\n#### 9\n\\boxed{{9}}") == "12"


@pytest.mark.parametrize(
    "text",
    [
        "Question 2: six times two?\nAnswer: 12",
        "example: three of four\nInput: 6\nSo it is 12.\nAnswer: 12",
        "Question 1: what is x?\nThe answer is 6.\nQuestion 2: what is 2x?\nThe answer is 12.",
        "Next question: six times two.\n\\boxed{12}",
    ],
)
def test_a_label_before_the_answer_ends_nothing(text: str) -> None:
    """On the way to the answer, and between the numbered parts of one, a label is text."""
    assert answer(text) == "12"
