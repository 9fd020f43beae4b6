"""Final answers that are easily misread, kind by kind: each row is one way to be wrong."""

from collections.abc import Mapping

import pytest

from tests._extract import answer

TREES = {"A": "oak", "B": "elm", "C": "ash", "D": "fir"}


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


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (r"So \boxed{45\}.", "45"),
        (r"$\boxed{\frac{1}{2}\}$", r"\frac{1}{2}"),
        (r"\boxed{6} or \boxed{17\}.", "6, 17"),
        (r"\boxed{17\}. No: \boxed{18}", "18"),
        (r"\boxed{\{1,2\}}", r"\{1,2\}"),
        (r"\boxed{\{1,2\}\}", r"\{1,2\}"),
        (r"\boxed{\left\{1\right\}}", r"\left\{1\right\}"),
        (r"\boxed{\{1,2\}", None),
        (r"\boxed{17\{", None),
    ],
)
def test_a_literal_brace_closes_a_box_that_nothing_else_closes(text: str, want: str | None) -> None:
    r"""A `\}` without its `\{` ends a box whose braces otherwise never close; sets stay sets."""
    assert answer(text) == want


@pytest.mark.parametrize(
    ("said", "want"),
    [
        *(("Therefore 41", "41"), ("So 41", "41"), ("Hence $x = 3$", "x = 3"), ("Thus 3/4", "3/4")),
        *(("This gives 41", "41"), ("So we get 41 in total", "41"), ("Adding yields 41", "41")),
        *(("There are a total of 26 such numbers", "26"), ("There are in total 26 of them", "26")),
        ("The area is 25π square units", "25π"),
        (r"The volume is 36\pi cubic units", r"36\pi"),
        ("The side is 5√2 cm", "5√2"),
        *(
            ("It takes 3 hours", "3"),
            ("It takes the train 3 hours", "3"),
            ("It costs $3.50", "$3.50"),
        ),
        *(("He earns $15 per hour", "$15"), ("Each child gets 5 candies", "5")),
        *(("Natalia sold 72 clips", "72"), ("In all, she sold 72 clips", "72")),
        *(("She spent a total of $40", "$40"), ("They have 12 apples left", "12")),
        *(("Es dauert 3 Stunden", "3"), ("Nina a vendu 72 clips", "72")),
    ],
)
def test_a_sentence_with_one_value_is_that_value(said: str, want: str) -> None:
    """What is done, taken, earned or left is the answer where a sentence has no other value."""
    assert answer(f"Final Answer: {said}.") == want


@pytest.mark.parametrize(
    "said",
    [
        *("It takes at most 3 hours", "Tom has more than 5 apples", "He did not sell 72 clips"),
        *("If it rains, it takes 3 hours", "Tom has 5 more apples than Ann", "He ran 5 km north"),
        *("They sold 30 apples and 20 pears", "She lost 3 of her 9 cards", "Team 3 won the cup"),
        *("It might take 3 hours", "It takes up to 3 hours", "She has 3 times as many as Bob"),
        *("Then five men came", "Apollo 13", "The train needs 2 hours 30 minutes"),
    ],
)
def test_a_sentence_that_bounds_or_compares_stays(said: str) -> None:
    """Denials, bounds, conditions, comparisons and several values are no one value."""
    assert answer(f"Answer: {said}.") == said


@pytest.mark.parametrize(
    ("said", "want"),
    [
        *(("Correction: the answer should be 8.", "8"), ("Correction: 8", "8")),
        *(("Wait, that's wrong. It should be 8.", "8"), ("That is not right. It's 8.", "8")),
        *(("On second thought, the answer is 8.", "8"), ("Actually, it should be 8.", "8")),
        *(("I made a mistake. The correct value is 8.", "8"), ("Oops, it should be 8.", "8")),
        ("Sorry, the right result is 8.", "8"),
        *(
            ("If it were wrong, it should be 8.", "7"),
            ("Wait, that's wrong. It should be odd.", "7"),
        ),
        *(("The answer should be an integer.", "7"), ("Wait, let me check. It is 2 + 5.", "7")),
    ],
)
@pytest.mark.parametrize("first", [r"So \boxed{7}.", "Answer: 7\n", "The answer is 7."])
def test_a_correction_replaces_the_answer(first: str, said: str, want: str) -> None:
    """What is put right by "it should be" or "Correction:" counts, if that is a value."""
    assert answer(f"{first} {said}") == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (r"The minimum is \boxed{2} and the maximum is \boxed{5}.", "2, 5"),
        (r"The minimum is $\boxed{2}$, while the maximum is $\boxed{5}$.", "2, 5"),
        (r"$m$ is $\boxed{2}$ and $n$ is $\boxed{5}$.", "2, 5"),
        (r"A minimum of \boxed{2} and a maximum of \boxed{5}.", "2, 5"),
        (r"\boxed{2} as well as \boxed{3}", "2, 3"),
        (r"\boxed{2} along with \boxed{3}", "2, 3"),
        (r"The sum is \boxed{2}, and the final answer is \boxed{3}.", "3"),
        (r"The minimum is \boxed{2}. The maximum is \boxed{5}.", "5"),
        (r"\boxed{2} and after mending it \boxed{3}", "3"),
    ],
)
def test_boxes_with_a_name_between_them(text: str, want: str) -> None:
    """Boxes of one sentence that "and" and the next one's name join are one answer."""
    assert answer(text) == want


@pytest.mark.parametrize(
    "text",
    [
        *("答案為 7", "最終答案為：7", "正確答案應該是 7。", "结果是 7", "計算結果為 7。"),
        *("Das Ergebnis ist 7.", "Die Lösung ist 7.", "Le résultat est 7.", "El resultado es 7."),
        *("La solución es 7.", "So the result is 7.", "Result: The value is 7.", "Final value: 7"),
        *("We add.\n**Conclusion:** 7", "Conclusion: The total is 7.", "Fazit: 7"),
    ],
)
def test_further_words_for_a_result(text: str) -> None:
    """Traditional characters, sentences about the result, and a conclusion give the answer."""
    assert answer(text) == "7"


@pytest.mark.parametrize(
    "text",
    [
        *(
            "Conclusion: we see that 7 is prime.",
            "The result is 7.\nNow add 3.",
            "Conclusion:\n",
        ),
        *("The result is clear.", "Conclusion: 7\nand then some.", "Das Ergebnis ist eindeutig."),
    ],
)
def test_words_about_a_result_are_no_answer(text: str) -> None:
    """A conclusion or a result counts on the last line only, and only as a value."""
    assert answer(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *("So she has 12.\n\nQ: Tom has 4 cars...\nA: The answer is 9.",),
        *(
            "So she has 12.\n\nQuestion: Tom has 4 cars.\nAnswer: 9",
            "So **12**.\nQ: x?\nA: Answer: 9",
        ),
        *("She sold $72$.\n\n**Question:** x?\n\n**Answer:** 9", "共12个。\n\n问题：安？\n答案：9"),
    ],
)
def test_a_question_that_the_model_asks_itself(text: str) -> None:
    """Behind a sentence with a number, a question with its reply is another turn."""
    assert answer(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *("Q: Tom has 4 cars and 5 more.\nA: The answer is 9.", "Question: Tom has 4.\nAnswer: 9"),
        *("Given are 12 cars.\nQ: Tom?\nA: The answer is 9.", "Let me see.\nQ: Tom?\nAnswer: 9"),
        *("Question: Tom has 4 cars. He buys 5.\nQuestion: all?\nAnswer: 9",),
        *("So it is 9.\nQ: how many?\nThe answer is 9.", "Part 1\nQuestion: Tom has?\nAnswer: 9"),
    ],
)
def test_a_question_said_over_again_ends_nothing(text: str) -> None:
    """A question at the start, one said in two parts, and one without a reply are text."""
    assert answer(text) == "9"


VALUES = {"A": r"\frac{1}{2}", "B": "0.75", "C": "2", "D": r"$\frac{9}{4}$"}
SPEEDS = {"A": "5 m/s", "B": "10 m/s", "C": "15 m/s", "D": "$1,200$"}
SHARES = {"A": "10%", "B": "0.1", "C": "$x^2 - 9$", "D": "$(x - 3)^2$"}
COLOURS = {"A": "red", "B": "green", "C": "blue", "D": "black"}


@pytest.mark.parametrize(
    ("choices", "text", "want"),
    [
        (VALUES, r"\boxed{\frac34}", "B"),
        (VALUES, r"So \boxed{0.5}.", "A"),
        (VALUES, r"\boxed{2.25}", "D"),
        (VALUES, "Answer: 3/4", "B"),
        (VALUES, r"The answer is 75\%.", "B"),
        (VALUES, "<answer>1/2</answer>", "A"),
        (VALUES, r"\boxed{x = 2}", "C"),
        (VALUES, "Answer: The smallest number is 0.5", "A"),
        (VALUES, r"\boxed{3}", None),
        (SPEEDS, r"\boxed{15}", "C"),
        (SPEEDS, "The answer is 10.", "B"),
        (SPEEDS, r"\boxed{1200}", "D"),
        (SHARES, r"\boxed{10\%}", "A"),
        (SHARES, r"\boxed{\frac{1}{10}}", None),
        (SHARES, r"\boxed{(x-3)(x+3)}", "C"),
        (SHARES, r"\boxed{x^2 - 6x + 9}", "D"),
        (SHARES, r"\boxed{x^2}", None),
    ],
)
def test_a_value_is_the_choice_that_has_it(
    choices: Mapping[str, str], text: str, want: str | None
) -> None:
    """A value that exactly one choice has is that choice; one that two or none have is none."""
    assert answer(text, choices) == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("#### **21**", "21"),
        ("#### 21 euros", "21 euros"),
        ("#### $21", "$21"),
        ("#### 21.", "21"),
        ("#### **$21.**", "$21"),
        ("#### `21`", "21"),
        ("#### \\frac{2}{7}", r"\frac{2}{7}"),
        ("#### $\\frac{2}{7}$", r"\frac{2}{7}"),
        ("#### n = 21", "n = 21"),
        ("#### 8:15 PM", "8:15 PM"),
        ("#### yes", "yes"),
        ("So he has 21. #### 21", "21"),
        ("  #### 21", "21"),
        ("#### 21\n\nLet me add once more.\n#### 25", "25"),
        ("#### 2 cases\nThe first gives 4.\n**Answer:** 9", "9"),
        ("#### 1. Add\n2 + 2 = 4\n#### 2. Halve\nThe answer is 2.", "2"),
        ("#### Step 1\nAdd.\n#### Step 2\nThe total is 12.", None),
        ("#### 3. Solve it\n", None),
        ("##### 21", None),
        ("### 21", None),
    ],
)
def test_the_last_line_of_a_worked_solution(text: str, want: str | None) -> None:
    """Behind #### stands a value, with words at the text's end alone; headings are none."""
    assert answer(text) == want


@pytest.mark.parametrize(
    "tail",
    [
        *("; see above", ", as shown", " (see above).", " - done", " as computed above", ", QED"),
        *(" — as we saw.", " for the reasons above", ", obtained by adding.", " by symmetry"),
        *(", by the binomial theorem.", ", using the formula above.", " based on the above."),
        *(" (as derived above)", " [verified]", ", verified above.", " according to the table"),
        *(", i.e. what was asked.", ", given the constraints.", " under these assumptions"),
        *(", confirming our guess", ", in agreement with the bound", ", after simplification"),
        *(" when simplified", " -- see step 2", " ✅", " ∎", " □", r" $\blacksquare$", r" \qed"),
        *("; this is what was asked", ", which is prime", ", as required.", " because it fits"),
    ],
)
@pytest.mark.parametrize("value", ["37", "$37$", "(3, 7)", r"\frac{3}{7}", "x = 37"])
@pytest.mark.parametrize("label", ["Answer: ", "The answer is "])
def test_a_remark_behind_an_answer_is_no_part_of_it(label: str, value: str, tail: str) -> None:
    """What only says where an answer is from, or that the work is done, is left out."""
    assert answer(f"{label}{value}{tail}") == value.strip("$")


@pytest.mark.parametrize(
    "whole",
    [
        *("37 if n is even", "37 or 38", "3; 7", "x = 3; y = 7", "5 as a fraction", "2 by 3"),
        *("37 m above", "12 (base 8)", r"\frac12 (or \frac13)", "12 (dozen)", "5♠", "△ □"),
    ],
)
def test_what_may_change_an_answer_stays(whole: str) -> None:
    """Conditions, alternatives, second values, units, bases and signs are parts of an answer."""
    assert answer(f"Answer: {whole}") == whole


@pytest.mark.parametrize(
    "text",
    [
        *("(C) because A is wrong", "The answer is (C) because…", "C because the others fail"),
        *("C, because the sky is", "C; see above", "C, as shown", "C - because", "C: blue because"),
        *("Answer: C; see above", "Answer: (C), since A is wrong", "I choose C because A is not"),
        *("The correct option is C as it is", "It's C because", "The answer is C rather than B"),
        *("The answer is C, not B", "(C) blue, because of the light", "So C, since B fails"),
    ],
)
def test_a_reason_behind_a_choice(text: str) -> None:
    """A letter or a choice's text is the answer, whatever reason follows."""
    assert answer(text, COLOURS) == "C"


@pytest.mark.parametrize(
    "text",
    [
        *("A: red\nB: green\nC: blue\nD: black", "A - red\nB - green", "A and C because of x"),
        *("The answer is B and C because both are", "A - red; B - green", "B as well as C"),
    ],
)
def test_several_choices_with_reasons_are_none(text: str) -> None:
    """Lists of choices, and two of them together, are no answer."""
    assert answer(text, COLOURS) is None


@pytest.mark.parametrize(
    "tag",
    [
        *("plan", "planning", "reason", "reasons", "reasoning", "thought", "scratchpad", "draft"),
        *("rationale", "notes", "brainstorm", "critique"),
    ],
)
def test_thinking_under_other_names(tag: str) -> None:
    """What stands in such a block never counts, before the answer, behind it, or alone."""
    block = f"<{tag}>Perhaps the answer is 4.</{tag}>"
    assert answer(f"{block}\nThe answer is 5.") == "5"
    assert answer(f"The answer is 5.\n{block}") == "5"
    assert answer(block) is None


@pytest.mark.parametrize("tag", ["plan", "reason", "draft"])
def test_a_lone_tag_that_is_a_common_word_is_text(tag: str) -> None:
    """Without its closing tag it hides nothing."""
    assert answer(f"<{tag}>\nThe answer is 5.") == "5"


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ('{"answer": 37}', "37"),
        ('```json\n{"answer": 37}\n```', "37"),
        ('So we have it.\n\n{"answer": "37"}', "37"),
        ('{"reasoning": "30 + 7", "answer": 37, "confidence": 0.9}', "37"),
        ('{"thought": "the answer is 3", "final_answer": "37"}', "37"),
        ('```\n{\n  "steps": ["a"],\n  "finalAnswer": 37\n}\n```\nThat is it.', "37"),
        ("{'answer': '37'}", "37"),
        ('{"answer": [3, 7]}', "[3, 7]"),
        ('{"answer": "\\\\frac{3}{7}"}', r"\frac{3}{7}"),
        (r'{"answer": "$\frac{3}{7}$"}', r"\frac{3}{7}"),
        ('{"answer": "3, 7"} as I said', "3, 7"),
        ('{"answer": null}', None),
        ('{"answer": ""}', None),
        ('{"answer": 3}\nWait, that is wrong.\n{"answer": 37}', "37"),
        ("<final_answer>37</final_answer>", "37"),
        ("[ANSWER]37[/ANSWER]", "37"),
        ("<ans>37</ans>", "37"),
    ],
)
def test_answers_in_objects_and_tags(text: str, want: str | None) -> None:
    """The value of a key that is called the answer is one, and so is what such a tag holds."""
    assert answer(text) == want


@pytest.mark.parametrize(
    "text",
    [
        '{"answer": "B", "explanation": "A is wrong"}',
        '{"explanation": "(A) is wrong", "choice": "B"}',
        'Option A fails. (C) fails, too.\n```json\n{"answer": "(B)"}\n```',
        '{"answer": "green"}',
    ],
)
def test_choices_in_objects(text: str) -> None:
    """A choice that an object gives goes before letters around it."""
    assert answer(text, COLOURS) == "B"
