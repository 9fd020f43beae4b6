"""Extraction of the final answer: texts as models write them, with literal answers and rules."""

import time
from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ttrl_cli.answers.extract import Extraction, Rule, extract
from ttrl_cli.equivalence.math_verify import canonical

Expected = tuple[str, Rule] | None
CITIES = {"A": "Lyon", "B": "Paris", "C": "Nice", "D": "Lille"}
NUMBERS = {"A": r"$\frac{1}{2}$", "B": "3", "C": "12", "D": "None of the above", "E": "$5$ cm"}


def cases(**rows: tuple[str, Expected]) -> pytest.MarkDecorator:
    """One parameter set per row, with the row's name as its id."""
    params = [pytest.param(text, want, id=name) for name, (text, want) in rows.items()]
    return pytest.mark.parametrize(("text", "want"), params)


def found(
    text: str, choices: Mapping[str, str] | None = None, *, last_number: bool = False
) -> Expected:
    """What was extracted, as (answer, rule)."""
    result = extract(text, choices=choices, last_number=last_number)
    return None if result is None else (result.answer, result.rule)


# -- free-form questions ---------------------------------------------------------------------


@cases(
    plain=(r"so \boxed{42}.", ("42", "boxed")),
    last_one=(r"\boxed{1} no, \boxed{2}", ("2", "boxed")),
    nested_braces=(r"\boxed{\frac{1}{2}}", (r"\frac{1}{2}", "boxed")),
    deep_braces=(r"$\boxed{\sqrt{\frac{a^{2}}{b_{1}}}}$", (r"\sqrt{\frac{a^{2}}{b_{1}}}", "boxed")),
    cut_off_falls_back=(r"\boxed{7} and then \boxed{8", ("7", "boxed")),
    cut_off=(r"Hence we get \boxed{\frac{3", None),
    cut_off_around_a_closed_one=(r"\boxed{8 and \boxed{7}", ("7", "boxed")),
    empty=(r"\boxed{}", None),
    blank=(r"\boxed{ }", None),
    blank_after_good=(r"It is \boxed{9}. Format: \boxed{}", ("9", "boxed")),
    placeholder_after_good=(r"\boxed{9}, as in \boxed{...}", ("9", "boxed")),
    dots_only=(r"Put it into \boxed{\ldots}", None),
    fbox=(r"\fbox{x > 3}", ("x > 3", "boxed")),
    no_braces=(r"Thus $\boxed 5$.", ("5", "boxed")),
    no_braces_no_space=(r"Thus $\boxed5$.", ("5", "boxed")),
    no_braces_repeated=(r"\boxed1,\boxed2.", ("2", "boxed")),
    no_braces_negative_fraction=(r"$\boxed -\frac{1}{2}$", (r"-\frac{1}{2}", "boxed")),
    the_command_in_prose=(r"I will use \boxed to mark it.", None),
    another_command=(r"\boxedset{5}", None),
    space_before_brace=("\\boxed {12}", ("12", "boxed")),
    set_braces=(r"\boxed{\{1,2\}}", (r"\{1,2\}", "boxed")),
    lone_left_brace=(r"\boxed{\left\{ x : x > 0 \right.}", (r"\left\{ x : x > 0 \right.", "boxed")),
    line_break_before_brace=(r"\boxed{a \\{b}}", (r"a \\{b}", "boxed")),
    nested_boxes=(r"\boxed{\boxed{5}}", ("5", "boxed")),
    fbox_inside=(r"\boxed{x = \fbox{6}}", ("6", "boxed")),
    only_the_outer_is_filled=(r"\boxed{1} \boxed{x = \boxed{}}", ("1", "boxed")),
    stray_braces=(r"} f(x) = {1 } } \boxed{5} }", ("5", "boxed")),
    unclosed_brace_before=(r"{ { \boxed{5}", ("5", "boxed")),
    inner_dollars=(r"\boxed{$5$}", ("5", "boxed")),
    text_inside=(r"\boxed{\text{Evelyn}}", ("Evelyn", "boxed")),
    bold_text_inside=(r"\boxed{\textbf{Evelyn}}", ("Evelyn", "boxed")),
    text_and_unit=(r"\boxed{5 \text{ cm}}", (r"5 \text{ cm}", "boxed")),
    final_dot_inside=(r"\boxed{Paris.}", ("Paris", "boxed")),
    thousands=(r"The total is $\boxed{1,234,567}$ dollars.", ("1,234,567", "boxed")),
    displayed=("Therefore\n\\[\n\\boxed{\n  17\n}\n\\]", ("17", "boxed")),
    double_backslash=(r"$\\boxed{\\frac{1}{2}}$", (r"\\frac{1}{2}", "boxed")),
    matrix=(
        r"\boxed{\begin{pmatrix} 1 \\ -2 \end{pmatrix}}",
        (r"\begin{pmatrix} 1 \\ -2 \end{pmatrix}", "boxed"),
    ),
    bold_in_qwen_style=("**Final Answer:**\n\n\\[\n\\boxed{108}\n\\]", ("108", "boxed")),
    minerva=(
        r"Final Answer: The final answer is $\boxed{5}$. I hope it is correct.",
        ("5", "boxed"),
    ),
)
def test_boxes(text: str, want: Expected):
    """The last closed, filled, innermost box is the answer; escaped braces do not close it."""
    assert found(text) == want


@cases(
    plain=("<answer>42</answer>", ("42", "answer-tag")),
    any_case=("<Answer> 42 </ANSWER>", ("42", "answer-tag")),
    on_lines=("<reasoning>...</reasoning>\n<answer>\n42\n</answer>", ("42", "answer-tag")),
    last_one=("<answer>1</answer> wait <answer>2</answer>", ("2", "answer-tag")),
    blank_after_good=("<answer>1</answer> in <answer> </answer> tags", ("1", "answer-tag")),
    unclosed=("<answer>42", ("42", "answer-tag")),
    unclosed_to_the_end_of_its_line=("<answer>\n42\nI hope so", ("42", "answer-tag")),
    unclosed_after_closed=("<answer>1</answer> no: <answer>2", ("2", "answer-tag")),
    closing_only=("42</answer>", None),
    mathematics=("<answer>$\\frac12$</answer>", ("\\frac12", "answer-tag")),
    sentence_inside=("<answer>The final answer is 42.</answer>", ("42", "answer-tag")),
    label_inside=("<answer>\nAnswer: 42\n</answer>", ("42", "answer-tag")),
    box_inside=("<answer>\\boxed{5}</answer>", ("5", "boxed")),
    several_lines=("<answer>x = 1\ny = 2</answer>", ("x = 1\ny = 2", "answer-tag")),
    other_tag=("<answers>42</answers>", None),
    box_beside_it=("\\boxed{5}\n<answer>6</answer>", ("5", "boxed")),
    nested=("<answer><answer>5</answer></answer>", ("5", "answer-tag")),
)
def test_answer_tags(text: str, want: Expected):
    """The last answer tag that holds something is the answer, its line where it is unclosed."""
    assert found(text) == want


@cases(
    plain=("Answer: 42", ("42", "answer-line")),
    last_one=("Answer: 1\nwait\nanswer: 2", ("2", "answer-line")),
    final=("Final Answer: 3/4", ("3/4", "answer-line")),
    bold_label=("**Answer:** 42", ("42", "answer-line")),
    bold_label_colon_outside=("**Answer**: 42", ("42", "answer-line")),
    all_bold=("**Answer: 42**", ("42", "answer-line")),
    bold_final=("**Final answer:** 3/4", ("3/4", "answer-line")),
    both_bold=("**Answer:** **42**", ("42", "answer-line")),
    italic_label=("_Answer:_ 42", ("42", "answer-line")),
    underlined=("__Final Answer__: 42", ("42", "answer-line")),
    underlined_answer=("Answer: __42__", ("42", "answer-line")),
    heading_with_colon=("### Answer: 42", ("42", "answer-line")),
    heading_over_it=("### Answer\n42", ("42", "answer-line")),
    heading_and_space=("## Final Answer\n\n  42  \n", ("42", "answer-line")),
    bold_over_it=("**Final Answer**\n\n42", ("42", "answer-line")),
    colon_over_it=("Answer:\n\n42 apples", ("42 apples", "answer-line")),
    rule_between=("### Final Answer\n\n---\n42", ("42", "answer-line")),
    displayed=("### Answer:\n\n$$\n\\frac{1}{2}\n$$", ("\\frac{1}{2}", "answer-line")),
    displayed_in_brackets=("Answer:\n\\[\nx = [1, 2]\n\\]\nDone.", ("x = [1, 2]", "answer-line")),
    displayed_on_one_line=("Answer: $$x = 5$$", ("x = 5", "answer-line")),
    displayed_twice=("Answer: $$x$$ and $$y$$", ("$$x$$ and $$y$$", "answer-line")),
    displayed_on_two_lines=(
        "Answer:\n\\[\nx = 1 \\\\\ny = 2\n\\]",
        ("x = 1 \\\\\ny = 2", "answer-line"),
    ),
    code_of_two_lines=("Answer:\n```\nx = 1\ny = 2\n```", ("x = 1\ny = 2", "answer-line")),
    dollars_on_two_lines=("Answer:\n$$\nx = 1\ny = 2\n$$", ("x = 1\ny = 2", "answer-line")),
    display_cut_off=("Answer:\n$$\n42", ("42", "answer-line")),
    code_block=("Answer:\n```text\n42\n```", ("42", "answer-line")),
    sentence_under_heading=(
        "### Answer\nShe has 3 left.\nSo the answer is 3.",
        ("3", "answer-line"),
    ),
    text_under_heading=("### Answer\nShe has 3 left.", ("She has 3 left", "answer-line")),
    equals=("Answer = 42", ("42", "answer-line")),
    final_equals=("final answer = 42", ("42", "answer-line")),
    code_is_not_an_answer=("answer = a + b\nprint(answer)", None),
    comparison=("Answer == 42", None),
    gsm8k=("She pays 6 * 7 = 42.\n#### 42", ("42", "answer-line")),
    gsm8k_money=("#### $1,250.50", ("$1,250.50", "answer-line")),
    gsm8k_negative=("####-3", ("-3", "answer-line")),
    gsm8k_is_no_heading=("#### 1. Find the total", None),
    heading_of_a_step=("#### Step 3", None),
    full_width_colon=("Answer：42", ("42", "answer-line")),
    no_break_space=("Answer:\u00a042\u00a0", ("42", "answer-line")),
    zero_width_space=("\ufeffAnswer: \u200b42\u200b", ("42", "answer-line")),
    unicode=("Answer: caf\u00e9", ("caf\u00e9", "answer-line")),
    windows_line_ends=("Answer: 42\r\nThanks!\r\n", ("42", "answer-line")),
    unicode_line_end=("Answer: 42\u2028Thanks!", ("42", "answer-line")),
    quoted=("> Answer: 42", ("42", "answer-line")),
    bulleted=("- Answer: 42", ("42", "answer-line")),
    numbered=("3. **Answer:** 42", ("42", "answer-line")),
    emoji=("✅ Answer: 42", ("42", "answer-line")),
    after_a_sentence=("2 + 2 is 4. Answer: 4", ("4", "answer-line")),
    after_a_question=("Question: what is 2 + 2? Answer: 4", ("4", "answer-line")),
    within_a_sentence=('End with one line "Answer: ..." that holds it.', None),
    doubled=("Answer: Answer: 5", ("5", "answer-line")),
    so_the_answer=("So the final answer: 5", ("5", "answer-line")),
    plural=("Answers: 1 and 2", ("1 and 2", "answer-line")),
    short_form=("Ans: 7", ("7", "answer-line")),
    correct_option=("Correct option: C", ("C", "answer-line")),
    unit_asked_for=("Answer (in cm): 5", ("5", "answer-line")),
    answer_to=("Answer to part (a): 5", ("5", "answer-line")),
    answer_choices=("Answer Choices: (A) 1 (B) 2", None),
    unit=("Answer: 5 cm", ("5 cm", "answer-line")),
    money=("Answer: $5", ("$5", "answer-line")),
    money_in_dollars=(r"Answer: $\$5$", (r"\$5", "answer-line")),
    dollars=("Answer: $5$", ("5", "answer-line")),
    wrapped_twice=("Answer: **$\\frac12$**.", ("\\frac12", "answer-line")),
    parentheses=("Answer: \\( x^2 \\)", ("x^2", "answer-line")),
    two_formulas=("Answer: $x = 1$ and $x = 2$", ("$x = 1$ and $x = 2$", "answer-line")),
    two_bold=("Answer: **1** and **2**", ("**1** and **2**", "answer-line")),
    power=("Answer: 2**3", ("2**3", "answer-line")),
    code=("Answer: `[1, 2]`", ("[1, 2]", "answer-line")),
    quotes=('Answer: "Hamlet".', ("Hamlet", "answer-line")),
    single_quotes=("Answer: 'Hamlet'", ("Hamlet", "answer-line")),
    curly_single_quotes=("Answer: ‘Hamlet’", ("Hamlet", "answer-line")),
    code_fence_on_a_line=("Answer: ```42```", ("42", "answer-line")),
    italic=("Answer: _42_", ("42", "answer-line")),
    display_and_sentence=("Answer: $$5$$. That was easy.", ("5", "answer-line")),
    brackets_and_sentence=("Answer: \\[5\\]. That was easy.", ("5", "answer-line")),
    many_layers=('Answer: **`"$\\text{42}$".`**', ("42", "answer-line")),
    curly_quotes=("Answer: “Hamlet”", ("Hamlet", "answer-line")),
    json=('{"answer": "42"}', ("42", "answer-line")),
    json_lines=('{\n  "answer": "42",\n  "sure": true\n}', ("42", "answer-line")),
    pair=("Answer: (1, 2)", ("(1, 2)", "answer-line")),
    interval=("Answer: [0, \\infty)", ("[0, \\infty)", "answer-line")),
    set_of_python=("Answer: {1, 2}", ("{1, 2}", "answer-line")),
    empty_list=("Answer: []", ("[]", "answer-line")),
    operator=("Answer: -", ("-", "answer-line")),
    decimal=("Answer: 3.5.", ("3.5", "answer-line")),
    repeating=("Answer: 0.333...", ("0.333...", "answer-line")),
    right_dot=(r"Answer: $\left. x \right.$", (r"\left. x \right.", "answer-line")),
    factorial=("Answer: 5!", ("5!", "answer-line")),
    second_sentence=("Answer: 42. She bought 6 boxes of 7.", ("42", "answer-line")),
    abbreviation=("Answer: Dr. Watson", ("Dr. Watson", "answer-line")),
    initials=("Answer: J. R. R. Tolkien", ("J. R. R. Tolkien", "answer-line")),
    time_of_day=("Answer: 3 p.m. Monday", ("3 p.m. Monday", "answer-line")),
    lower_case_after_a_dot=("Answer: 120 sq. ft.", ("120 sq. ft", "answer-line")),
    reason=("Answer: Yes, because 7 is prime.", ("Yes", "answer-line")),
    since_without_comma=("Answer: 5 since 2 + 3 = 5", ("5", "answer-line")),
    minerva=("Final Answer: The final answer is 5. I hope it is correct.", ("5", "answer-line")),
    prose=("Answer: Let's see. Two plus two", ("Let's see", "answer-line")),
    empty=("Answer:", None),
    empty_bold=("**Answer:** **", None),
    dots=("Answer: ...", None),
    underscores=("Answer: _____", None),
    dashes=("Answer: ---", None),
    question_mark=("Answer: ?", None),
    empty_box=("Answer: $\\boxed{}$.", None),
    cut_box=("Answer: \\boxed{4", None),
    cut_before_a_formula=("Answer: \\(", None),
    empty_before_a_placeholder=("Answer:\n\nAnswer: ...", None),
    empty_after_good=("Answer: 5\n\nAnswer:", ("5", "answer-line")),
    placeholder_is_not_replaced=("Answer: ...\nNothing here", None),
    box_beside_it=("Answer: 5\n\\boxed{6}", ("6", "boxed")),
    box_in_it=("Answer: \\boxed{5}", ("5", "boxed")),
    tag_beside_it=("<answer>6</answer>\nAnswer: 5", ("6", "answer-tag")),
)
def test_answer_lines(text: str, want: Expected):
    """What the last filled answer line says is the answer; boxes and tags go before it."""
    assert found(text) == want


@cases(
    plain=("The answer is 42.", ("42", "answer-is")),
    final=("Thus, the final answer is 42", ("42", "answer-is")),
    correct=("The correct answer is (B).", ("(B)", "answer-is")),
    best_option=("So the correct option is C.", ("C", "answer-is")),
    last_one=("The answer is 1. No, the answer is 2.", ("2", "answer-is")),
    colon=("The answer is: 5", ("5", "answer-is")),
    bold=("The answer is **5**.", ("5", "answer-is")),
    bold_label=("**The answer is:** 5", ("5", "answer-is")),
    bold_sentence=("**The final answer is 5.**", ("5", "answer-is")),
    decimal=("The answer is 3.5. Done.", ("3.5", "answer-is")),
    thousands=("The answer is 1,234 dollars.", ("1,234 dollars", "answer-is")),
    dot_in_dollars=("The answer is $x=3.$ We are done.", ("x=3", "answer-is")),
    dot_after_dollars=("The answer is $x=3$.", ("x=3", "answer-is")),
    money=("The answer is $18. She sells 9 eggs.", ("$18", "answer-is")),
    fraction=(r"the answer is $\dfrac{3}{4}$.", (r"\dfrac{3}{4}", "answer-is")),
    therefore=("The answer is therefore 5", ("5", "answer-is")),
    between_commas=("The answer is, therefore, 5.", ("5", "answer-is")),
    most_likely=("The answer is most likely Paris.", ("Paris", "answer-is")),
    found_to_be=("The answer is found to be 5.", ("5", "answer-is")),
    equal_to=("The answer is equal to 5.", ("5", "answer-is")),
    about_a_number=("The answer is approximately 3.14.", ("3.14", "answer-is")),
    about_a_word=("The answer is about time", ("about time", "answer-is")),
    would_be=("My answer would be 5.", ("5", "answer-is")),
    equals=("So the answer equals 5.", ("5", "answer-is")),
    plural=("The answers are 3 and 5.", ("3 and 5", "answer-is")),
    to_the_question=("The answer to the question is 5.", ("5", "answer-is")),
    no_article=("So answer is 5", ("5", "answer-is")),
    shouted=("THE ANSWER IS 5", ("5", "answer-is")),
    because=("The answer is 42, because 6 * 7 = 42.", ("42", "answer-is")),
    since=("The answer is 42 since 6 * 7 = 42.", ("42", "answer-is")),
    which=("The answer is Paris, which is in France.", ("Paris", "answer-is")),
    not_another=("The answer is 5, not 6.", ("5", "answer-is")),
    comma_stays=("The answer is 3, 4 and 5.", ("3, 4 and 5", "answer-is")),
    exclamation_and_more=("The answer is 42! Great.", ("42", "answer-is")),
    question_and_more=("So the answer is 5? Hardly.", None),
    cans=("The cans are red.", None),
    exclamation=("The answer is 42!", ("42", "answer-is")),
    factorial_equation=("The answer is 5! = 120.", ("5! = 120", "answer-is")),
    next_line=("The answer is:\n\n42\n\nGood luck", ("42", "answer-is")),
    displayed=("The final answer is\n$$\n42\n$$\n", ("42", "answer-is")),
    displayed_in_brackets=("Thus the answer is\n\\[ \\pi \\]", ("\\pi", "answer-is")),
    ends_with_its_line=("The answer is 5\nand now to bed", ("5", "answer-is")),
    quoted_word=('The answer is "Paris."', ("Paris", "answer-is")),
    chinese_dot=("The answer is 42。好", ("42", "answer-is")),
    negated=("The answer is not 5.", None),
    contracted=("The answer isn't 5.", None),
    negated_after_good=("The answer is 4. The answer is not 5.", ("4", "answer-is")),
    near=("The answer is near: 4", None),
    supposed=("If the answer is 5, then x = 2.", None),
    whether=("Let me check whether the final answer is 5.", None),
    suppose_that=("Suppose that the answer is 5.", None),
    condition_of_something_else=("If x = 2, the answer is 5.", ("5", "answer-is")),
    question=("Could it be that the answer is 5?", None),
    is_correct=("The answer is 5. I checked that the answer is correct.", ("5", "answer-is")),
    is_wrong=("I see that the answer is wrong.", None),
    as_follows=("The steps to the answer are as follows:\n1. Add", None),
    obtained=("The answer is obtained by adding.", None),
    in_the_form=("The answer is in the form a/b.", None),
    correct_something=("The answer is right triangle.", ("right triangle", "answer-is")),
    cut_off=("So the answer is", None),
    empty_box=(r"So the answer is $\boxed{}$", None),
    dots=("The answer is ...", None),
    repeated=("the answer is the answer is 5", ("5", "answer-is")),
    answer_line_goes_first=("Answer: 5\nThe answer is 6.", ("5", "answer-line")),
)
def test_answer_sentences(text: str, want: Expected):
    """The last sentence that says what the answer is gives it, up to its clause's end."""
    assert found(text) == want


@cases(
    empty=("", None),
    word=("forty-two", None),
    number=("42", None),
    letter=("B", None),
    prose=("I think that 6 times 7 makes 42.", None),
    other_word=("My solution: 42", None),
    answers_to_life=("The answering machine is 5", None),
    refusal=("I can't help with that.", None),
)
def test_nothing_found(text: str, want: Expected):
    """A text that no rule applies to has no answer, and a number counts only if asked for."""
    assert want is None
    assert extract(text) is None


@cases(
    word=("forty-two", None),
    prose=("I think that 6 times 7 makes 42.", ("42", "last-number")),
    negative=("so x = -5", ("-5", "last-number")),
    unicode_minus=("so x = −5", ("−5", "last-number")),
    difference=("10-5", ("5", "last-number")),
    range_of_pages=("pages (3)-5", ("5", "last-number")),
    decimal=("about 3.25 metres.", ("3.25", "last-number")),
    bare_decimal=("p = .05", (".05", "last-number")),
    final_dot=("It is 7.", ("7", "last-number")),
    thousands=("in all 1,234,567 people", ("1,234,567", "last-number")),
    latex_thousands=("in all $1{,}234$", ("1{,}234", "last-number")),
    list_of_numbers=("1,2,3", ("3", "last-number")),
    fraction=("each gets 3/4 of it", ("3/4", "last-number")),
    mixed=("it takes 1 1/2 hours", ("1 1/2", "last-number")),
    latex_fraction=(r"$x = -\frac{1}{2}$", (r"-\frac{1}{2}", "last-number")),
    exponent=("6.02e23 molecules", ("6.02e23", "last-number")),
    power_of_ten=(r"$3 \times 10^{-8}$", (r"3 \times 10^{-8}", "last-number")),
    unit=("costs $5 and weighs 10kg", ("10", "last-number")),
    part_of_a_word=("5 litres of H2O", ("5", "last-number")),
    chinese=("一共42", ("42", "last-number")),
    cut_box=(r"so \boxed{42", ("42", "last-number")),
    sentence_goes_first=("The answer is 5, as 2 + 3 = 6 - 1", ("5", "answer-is")),
    line_goes_first=("Answer: five\n1 2 3", ("five", "answer-line")),
    only_in_thinking=("<think>42</think>Yes", None),
)
def test_the_last_number(text: str, want: Expected):
    """Where it is asked for and nothing else is found, the last whole number counts."""
    assert found(text, last_number=True) == want


@cases(
    two_in_a_sentence=(r"The roots are $\boxed{-3}$ and $\boxed{5}$.", ("-3, 5", "boxed")),
    comma=(r"$\boxed{2}, \boxed{9}$", ("2, 9", "boxed")),
    three=(r"\boxed{1}, \boxed{2}, and \boxed{3}.", ("1, 2, 3", "boxed")),
    or_=(r"It is $\boxed{4}$ or $\boxed{6}$.", ("4, 6", "boxed")),
    and_in_text=(r"\boxed{4} \text{ and } \boxed{6}", ("4, 6", "boxed")),
    with_names=(r"$x = \boxed{2}$ and $y = \boxed{3}$", ("2, 3", "boxed")),
    chinese_and=(r"$\boxed{2}$ 和 $\boxed{3}$", ("2, 3", "boxed")),
    only_those_of_the_end=(r"First \boxed{7}. Then \boxed{2} and \boxed{3}.", ("2, 3", "boxed")),
    the_same_twice=(r"\boxed{5}, or \boxed{5}", ("5", "boxed")),
    sentences=(r"\boxed{2}. And \boxed{3}.", ("3", "boxed")),
    but=(r"not \boxed{2}, but \boxed{3}", ("3", "boxed")),
    words_between=(r"\boxed{2} and after mending it \boxed{3}", ("3", "boxed")),
    one_is_blank=(r"\boxed{}, \boxed{3}", ("3", "boxed")),
    glm=("So <|begin_of_box|>7<|end_of_box|>", ("7", "boxed")),
    glm_last=("<|begin_of_box|>1<|end_of_box|> <|begin_of_box|>7<|end_of_box|>", ("7", "boxed")),
    glm_cut=("So <|begin_of_box|>7", None),
    label_in_text=(r"\boxed{\text{Answer: } 7}", ("7", "boxed")),
    label_bold=(r"\boxed{\textbf{Final answer:} \frac12}", (r"\frac12", "boxed")),
    label_bare=(r"\boxed{Answer: 7}", ("7", "boxed")),
    label_and_value_in_text=(r"\boxed{\text{Answer: 7}}", ("7", "boxed")),
    label_sentence=(r"\boxed{\text{The answer is } 7}", ("7", "boxed")),
    label_result=(r"\boxed{\text{Result: } 7}", ("7", "boxed")),
    label_chinese=(r"\boxed{\text{答案：}7}", ("7", "boxed")),
    equation=(r"\boxed{x = 7}", ("x = 7", "boxed")),
)
def test_boxes_and_what_is_around_them(text: str, want: Expected):
    """Boxes that a comma, "and" or "or" joins are one answer; a label in a box is left out."""
    assert found(text) == want


@cases(
    is_=("**Final Answer:** The smallest $n$ is 41.", ("41", "answer-line")),
    there_are=("Final Answer: There are 26 such numbers.", ("26", "answer-line")),
    formula=(r"Answer: The value of $x$ is $\frac{3}{4}$.", (r"\frac{3}{4}", "answer-line")),
    bare_fraction=(r"Answer: The value is \frac{3}{4}.", (r"\frac{3}{4}", "answer-line")),
    equals=("Answer: The sum of the roots equals -7.", ("-7", "answer-line")),
    sign=("Answer: The total cost = 45 dollars", ("45", "answer-line")),
    equation=("Answer: x = 45", ("x = 45", "answer-line")),
    several=("Answer: The roots are 3 and 5.", ("3 and 5", "answer-line")),
    polynomial=("Answer: The polynomial is 2x + 1.", ("2x + 1", "answer-line")),
    value_first=("Answer: 41 is the smallest n.", ("41", "answer-line")),
    two_verbs=("Answer: The number that is 3 less than 10 is 7.", ("7", "answer-line")),
    at_most=("Answer: There are 26 numbers that are at most 100.", ("26", "answer-line")),
    thousands=("Answer: There are 1,250 books.", ("1,250", "answer-line")),
    percent=("Answer: The probability is 25%.", ("25%", "answer-line")),
    money=("Answer: The price is $18.", ("$18", "answer-line")),
    bold=("Answer: The smallest n is **41**.", ("41", "answer-line")),
    scale=("Answer: The population is 3 million.", ("3 million", "answer-line")),
    bound=("Answer: It is 5 or more.", ("It is 5 or more", "answer-line")),
    ratio=("Answer: The ratio is 2:3.", ("2:3", "answer-line")),
    in_a_tag=("<answer>The smallest n is 41.</answer>", ("41", "answer-tag")),
    answer_is=("The answer is that there are 26 of them.", ("26", "answer-is")),
    pi=("Answer: The area is 12π.", ("12π", "answer-line")),
    root=("Answer: The side is 2√3.", ("2√3", "answer-line")),
    pair=("Answer: The point is (3, 4).", ("(3, 4)", "answer-line")),
    lead_in=("Answer: Therefore, n = 12.", ("n = 12", "answer-line")),
    two_clauses=("Answer: x is 3 and y is 4", ("x is 3 and y is 4", "answer-line")),
    power=(
        "Answer: f(x) = x^2 is increasing",
        ("f(x) = x^2 is increasing", "answer-line"),
    ),
    words=("Answer: Ann is older than Bob.", ("Ann is older than Bob", "answer-line")),
    no_such_verb=("Answer: She has 3 left.", ("She has 3 left", "answer-line")),
    two_numbers=("Answer: 2 of the 5 are red.", ("2 of the 5 are red", "answer-line")),
    chinese=("**最终答案：** 共有 26 个。", ("26", "answer-line")),
    french=("Réponse : Il y en a 26.", ("26", "answer-line")),
    german=("Antwort: Die kleinste Zahl ist 41.", ("41", "answer-line")),
    spanish=("Respuesta: El menor es 41.", ("41", "answer-line")),
    factorials=(r"Answer: $6! \times 2! = 1440$", (r"6! \times 2! = 1440", "answer-line")),
    factorial_below=(
        r"Answer: $\frac{7!}{3! \cdot 4!}$",
        (r"\frac{7!}{3! \cdot 4!}", "answer-line"),
    ),
    thin_space=(r"Answer: $14,\! 500$", (r"14,\! 500", "answer-line")),
    thin_spaces=(r"Answer: 2,\! 500,\! 000. Done.", (r"2,\! 500,\! 000", "answer-line")),
)
def test_sentences_on_answer_lines(text: str, want: Expected):
    """Of a sentence that says what something is, the value is the answer."""
    assert found(text) == want


@pytest.mark.parametrize(
    ("said", "want"),
    [
        ("The minimum is 4 when x = 2", "4"),
        ("The minimum is 4 when x is 2", "4"),
        ("When x is 2, the minimum is 4", "4"),
        ("For n = 4, the number is 12", "12"),
        ("The value at x = 2 is 4", "4"),
        ("The largest is 12 with n = 3", "12"),
        ("There are 26 numbers that are not prime", "26"),
        ("There are 26 numbers between 1 and 100", "26"),
        ("The number of true statements is 3", "3"),
        ("The probability that at least one is red is 5/6", "5/6"),
        ("The sum is 3 × 4 = 12", "12"),
        ("The smallest $n$ is 41", "41"),
    ],
)
def test_the_value_belongs_to_the_sentence(said: str, want: str):
    """What a clause within the sentence says is not its answer."""
    assert found(f"Answer: {said}.") == (want, "answer-line")


@pytest.mark.parametrize(
    "said",
    [
        *("The radius is 3 and its area is 9π", "The side is 5 and the diagonal is 5√2"),
        *("The side is 5√2 and the diagonal is 10", "The radius is 3 so the area is 9π"),
        *("There are no such integers less than 100", "It is impossible when n = 4"),
        *("There is no solution for k = 2", "The domain is all real numbers except 3"),
        *("Statement 2 is false", "Player 2 is the winner", "It is false that x is 5"),
        *("x is at least 5", "x is at most 5", "The total is 5 at most", "n is a multiple of 4"),
        *("Yes, it is divisible by 3", "No, it is not divisible by 3", "It is never 3"),
        *("It is 3 if n is even", "It is 4 when n is even and 5 when n is odd"),
        "There are 5 boys and 6 girls",
        *("Es gibt keine Lösung für k = 2", "Il n'y a pas de solution pour k = 2"),
    ],
)
def test_a_sentence_that_is_not_clear_stays_as_it_is(said: str):
    """Denials, cases, bounds and two clauses say no value, nor does a number in passing."""
    result = extract(f"Answer: {said}")
    assert result is not None
    assert result.answer == said


@pytest.mark.parametrize("text", [r"Answer: $14,\! 500$", r"Final Answer: 14,\! 500."])
def test_a_thin_space_is_no_end_of_a_sentence(text: str):
    """What is behind the `!` of a LaTeX space still belongs to the number."""
    result = extract(text)
    assert result is not None
    assert canonical(result.answer) == canonical("14500")


@cases(
    wait=("\\boxed{7}\n\nWait, that is wrong. The correct answer is 8.", ("8", "answer-is")),
    final=("\\boxed{7}\n\nFinal answer: 8", ("8", "answer-is")),
    mistake=("\\boxed{7}. Sorry, I made a mistake. The answer is 8.", ("8", "answer-is")),
    word=("\\boxed{Paris}. Hold on, no. The answer is Lyon.", ("Lyon", "answer-is")),
    line=("Answer: 7\n\nWait, that is wrong. The correct answer is 8.", ("8", "answer-is")),
    chinese=("\\boxed{7}\n不对，正确答案是8。", ("8", "answer-is")),
    another_box=("\\boxed{7}. Wait, no: \\boxed{8}", ("8", "boxed")),
    same=("\\boxed{7}\nThe final answer is 7.", ("7", "answer-is")),
    praise=("\\boxed{7}\nI hope the final answer is correct.", ("7", "boxed")),
    negated=("\\boxed{7}\nThe correct answer is not 8.", ("7", "boxed")),
    supposed=("\\boxed{7}\nIf the final answer is 8, x = 2.", ("7", "boxed")),
    words=("\\boxed{7}\n**Final answer:** She has to buy some more eggs", ("7", "boxed")),
    not_called_final=("\\boxed{7}\nAnswer: 8", ("7", "boxed")),
    common_mistake=(
        "\\boxed{42}\nA common mistake is to add, in which case the answer would be 21.",
        ("42", "boxed"),
    ),
    common_wrong=(
        "Answer: 42\nA common mistake is to add; some then think that the answer is 21.",
        ("42", "answer-line"),
    ),
    if_instead=("\\boxed{42}\nIf instead n were 5, the answer would be 60.", ("42", "boxed")),
    if_then=("\\boxed{42}\nActually, if n is 5, the correct answer is 60.", ("42", "boxed")),
    book=(
        "Answer: 12. This corrects an error in the book, where the answer is 14.",
        ("12", "answer-line"),
    ),
    rounded=(
        "\\boxed{\\frac13}\nThe correct answer is approximately 0.333.",
        ("\\frac13", "boxed"),
    ),
    rounded_sign=(
        "\\boxed{\\frac13}\nThe final answer is $\\approx 0.333$.",
        ("\\frac13", "boxed"),
    ),
    said_before=(
        "Answer: 5\nOne might think the answer is 8. Wait, no: indeed the answer is correct.",
        ("5", "answer-line"),
    ),
    another_part=("(a) \\boxed{3}. (b) Wait, for part b the answer is 5.", ("3", "boxed")),
    checked=("Answer: 7 cm\nThe moment is 3. Actually, the answer is 7.", ("7 cm", "answer-line")),
    then_supposed=(
        "\\boxed{7}\nWait, that is wrong. The answer is 8. If n were 5, the answer would be 60.",
        ("8", "answer-is"),
    ),
)
def test_an_answer_that_is_taken_back(text: str, want: Expected):
    """A later answer counts where the text takes back the one before, or calls it final."""
    assert found(text) == want


@cases(
    zh_is=("答案是 7。", ("7", "answer-is")),
    zh_so=("所以答案为 $7$，因为 3 + 4 = 7", ("7", "answer-is")),
    zh_equals=("因此，最终答案等于7。", ("7", "answer-is")),
    zh_line=("**最终答案：** $7$", ("7", "answer-line")),
    zh_short=("答案：7", ("7", "answer-line")),
    zh_ascii_colon=("正确答案: 7", ("7", "answer-line")),
    zh_heading=("### 答案\n7", ("7", "answer-line")),
    zh_wide_digits=("答案是１２．５。", ("12.5", "answer-is")),
    zh_after_a_sentence=("三加四。所以答案：7", ("7", "answer-line")),
    zh_supposed=("如果答案是7，那么不行", None),
    zh_question=("答案是什么？", None),
    fr_is=("La réponse est 7.", ("7", "answer-is")),
    fr_final=("Donc, la réponse finale est $\\frac12$.", ("\\frac12", "answer-is")),
    fr_line=("Réponse finale : 7", ("7", "answer-line")),
    fr_bold=("**Réponse :** 7", ("7", "answer-line")),
    fr_because=("La bonne réponse est 7, car 3 + 4 = 7.", ("7", "answer-is")),
    fr_negated=("La réponse n'est pas 7.", None),
    de_is=("Die Antwort ist 7.", ("7", "answer-is")),
    de_reads=("Die endgültige Antwort lautet 7.", ("7", "answer-is")),
    de_line=("Antwort: 7", ("7", "answer-line")),
    de_because=("Die Antwort ist 7, weil 3 + 4 = 7.", ("7", "answer-is")),
    de_negated=("Die Antwort ist nicht 7.", None),
    es_is=("La respuesta es 7.", ("7", "answer-is")),
    es_line=("**Respuesta final:** 7", ("7", "answer-line")),
    es_because=("La respuesta correcta es 7, porque 3 + 4 = 7.", ("7", "answer-is")),
    es_supposed=("Si la respuesta es 7, x = 2.", None),
)
def test_other_languages(text: str, want: Expected):
    """Chinese, French, German and Spanish have answer lines and sentences, too."""
    assert found(text) == want


@cases(
    result=("**Result:** 7", ("7", "result-line")),
    final_result=("Final result: $x = 7$", ("x = 7", "result-line")),
    solution=("We add.\n**Solution:** 7", ("7", "result-line")),
    german=("Ergebnis: 7 cm", ("7 cm", "result-line")),
    chinese=("最终结果：7", ("7", "result-line")),
    after_answers=("Result: 6\nThe answer is 7.", ("7", "answer-is")),
    prose=("Result: we see that 7 is prime", None),
    steps=("Solution: Let $x = 5$.\nThen 7.", None),
    solution_and_more=("Solution: $x^2 = 4$\nso x is 2", None),
    heading=("### Solution\n$x^2 = 4$", None),
    my_solution=("My solution: 42", None),
)
def test_result_lines(text: str, want: Expected):
    """A value behind "Result:" counts where nothing says what the answer is."""
    assert found(text) == want


# -- thinking --------------------------------------------------------------------------------


@cases(
    box=("<think>\\boxed{1}</think>\\boxed{2}", ("2", "boxed")),
    nothing_after=("<think>\\boxed{1}</think> done", None),
    unclosed=("<think>Answer: 1", None),
    unclosed_after_answer=("\\boxed{1}<think>\\boxed{2}", ("1", "boxed")),
    repeated=("<think>a</think>Answer: 1<think>Answer: 2</think>", ("1", "answer-line")),
    between=("<think>Answer: 0</think>Answer: 1\n<think>Answer: 2", ("1", "answer-line")),
    capitals=("<Think>\\boxed{1}</THINK>Answer: 2", ("2", "answer-line")),
    thinking=("<thinking>\\boxed{1}</thinking>Answer: 2", ("2", "answer-line")),
    mixed_names=("<thinking>\\boxed{1}</think>Answer: 2", ("2", "answer-line")),
    spaces=("< think >\\boxed{1}</ think >Answer: 2", ("2", "answer-line")),
    attributes=('<think effort="high">\\boxed{1}</think\n>Answer: 2', ("2", "answer-line")),
    opened_in_the_prompt=("so \\boxed{1}\n</think>\n\nAnswer: 2", ("2", "answer-line")),
    opened_in_the_prompt_and_no_answer=("Answer: 1\n</think>\n\nHm.", None),
    closed_twice=("Answer: 1</think>Answer: 2</think>Answer: 3", ("3", "answer-line")),
    text_before_a_lone_closing_tag=("Answer: 1<think>a</think>b</think>c", None),
    decoy_before_a_mention=("<think>\nAnswer: 0\nThe <think> tag</think>ok", None),
    nested=("<think>a<think>b</think>\\boxed{1}</think>\\boxed{2}", ("2", "boxed")),
    nested_and_no_answer=("<think><think>\\boxed{1}</think>\\boxed{2}</think>", None),
    mention_of_the_tag=("<think>they want a <think> tag</think>Answer: 1", ("1", "answer-line")),
    tag_inside=("<think><answer>1</answer></think><answer>2</answer>", ("2", "answer-tag")),
    sentence_inside=("<think>The answer is 1.</think>The answer is 2.", ("2", "answer-is")),
    box_opened_inside=("<think>\\boxed{</think>\\boxed{2}}", ("2", "boxed")),
    box_around=("\\boxed{<think>1</think>}", None),
    answer_on_the_line_of_the_tag=("<think>hm</think>Answer: 4", ("4", "answer-line")),
    answer_cut_in_two=("Answer: 4<think>hm</think>2", ("4", "answer-line")),
    answer_after_label=("Answer: <think>1 or 2?</think>2", ("2", "answer-line")),
    empty_block=("<think>\n\n</think>\n\nThe answer is 7.", ("7", "answer-is")),
    another_word=("<thinker>\\boxed{1}</thinker>", ("1", "boxed")),
)
def test_thinking(text: str, want: Expected):
    """Nothing inside a think block is an answer, whether closed, unclosed or opened before."""
    assert found(text) == want


# -- multiple choice -------------------------------------------------------------------------


@cases(
    letter=(r"\boxed{B}", ("B", "boxed")),
    text_letter=(r"\boxed{\text{B}}", ("B", "boxed")),
    bold_letter=(r"\boxed{\textbf{(B)}}", ("B", "boxed")),
    roman_letter=(r"\boxed{\mathrm{(B)}}", ("B", "boxed")),
    bold_letter_and_text=(r"\boxed{\textbf{(B)}\ \text{Paris}}", ("B", "boxed")),
    letter_space_text=(r"\boxed{B\ \text{Paris}}", ("B", "boxed")),
    text=(r"\boxed{\text{Paris}}", ("B", "boxed")),
    text_of_a_letter_and_text=(r"\boxed{\text{B. Paris}}", ("B", "boxed")),
    braces=(r"\boxed{{B}}", ("B", "boxed")),
    no_choice_next_rule=("\\boxed{Rome}\nAnswer: B", ("B", "answer-line")),
    not_the_box_before=("\\boxed{A} \\boxed{7}\nAnswer: B", ("B", "answer-line")),
    tag=("<answer>b</answer>", ("B", "answer-tag")),
    tag_lettered=("<answer>(B) Paris</answer>", ("B", "answer-tag")),
    line=("Answer: B", ("B", "answer-line")),
    line_parenthesis=("Answer: B)", ("B", "answer-line")),
    line_lower_dot=("Answer: b.", ("B", "answer-line")),
    line_lower_parentheses=("Answer: (b) Paris", ("B", "answer-line")),
    line_lower_and_more=("Answer: (b) the city of Paris", ("B", "answer-line")),
    line_parentheses_and_more=("Answer: (B) the city of Paris", ("B", "answer-line")),
    beyond_and_text=("Answer: E) Rome", None),
    line_dot_text=("**Answer:** B. Paris", ("B", "answer-line")),
    line_colon_text=("Answer: B: the city of Paris", ("B", "answer-line")),
    line_dash_text=("Answer: B - the city of Paris", ("B", "answer-line")),
    line_comma_text=("Answer: B, the city of Paris", ("B", "answer-line")),
    line_space_text=("Answer: B Paris", ("B", "answer-line")),
    line_bold=("Answer: **B**", ("B", "answer-line")),
    line_brackets=("Answer: [B]", ("B", "answer-line")),
    line_dollars=("Answer: $B$", ("B", "answer-line")),
    line_option=("Answer: Option B", ("B", "answer-line")),
    line_option_lower=("Answer: option b", ("B", "answer-line")),
    line_article=("Answer: A city in the north", None),
    line_lower_article=("Answer: a", ("A", "answer-line")),
    line_text=("Answer: paris.", ("B", "answer-line")),
    line_text_spaced=("Answer:  PARIS ", ("B", "answer-line")),
    line_text_of_none=("Answer: Rome", None),
    letter_beyond_those_offered=("Answer: E", None),
    heading=("### Answer\n**(B) Paris**", ("B", "answer-line")),
    correct_option=("Correct option: (B)", ("B", "answer-line")),
    sentence=("The correct answer is (B).", ("B", "answer-is")),
    sentence_text=("The answer is Paris.", ("B", "answer-is")),
    sentence_dot_text=("The answer is B. Paris is the capital.", ("B", "answer-is")),
    sentence_parenthesis_text=("The correct answer is B) Paris.", ("B", "answer-is")),
    sentence_option=("The best answer is option B because of its size.", ("B", "answer-is")),
    sentence_letter=("The correct answer is the letter B", ("B", "answer-is")),
    sentence_named=("The answer is Option (B) Paris.", ("B", "answer-is")),
    sentence_and_pronoun=("The answer is B, I think.", ("B", "answer-is")),
    sentence_and_article=("The answer is B, A being smaller.", ("B", "answer-is")),
    sentence_three=("The answer is B, A and C.", None),
    sentence_several=("The answer is A and C", None),
    sentence_named_several=("The answer is option A or C", None),
    sentence_several_in_parentheses=("\\boxed{(A), (C)}", None),
    sentence_negated=("The answer is not A.", None),
    no_choices_in_thinking=("<think>(A)</think>The answer is (B).", ("B", "answer-is")),
)
def test_choices_found_by_the_other_rules(text: str, want: Expected):
    """What a rule finds becomes the choice's letter; what is no choice is passed to the next."""
    assert found(text, CITIES) == want


@cases(
    letter=("B", ("B", "choice")),
    lower_letter=("b", ("B", "choice")),
    parentheses=("(B)", ("B", "choice")),
    lower_parenthesis=(" b) \n", ("B", "choice")),
    bold=("**B**", ("B", "choice")),
    whole_text=("Paris", ("B", "choice")),
    lettered_text=("b) Paris", ("B", "choice")),
    colon_text=("B: Paris", ("B", "choice")),
    line=("B. Paris\n\nIt is the capital.", ("B", "choice")),
    last_line=("Let me think.\nIt is the capital.\nB", ("B", "choice")),
    bold_in_a_sentence=("We see that **B. Paris** fits", ("B", "choice")),
    last_sentence=("It is the capital. B.", ("B", "choice")),
    option=("I would go with option B here", ("B", "choice")),
    option_colon=("My choice: (B)", ("B", "choice")),
    choose=("I choose B.", ("B", "choice")),
    answer=("I am going with answer B.", ("B", "choice")),
    must_be_plain=("So it must be B.", ("B", "choice")),
    must_be=("So it must be **B**.", ("B", "choice")),
    therefore=("It is the capital.\nTherefore, B.", ("B", "choice")),
    is_correct=("Statement B is correct here", ("B", "choice")),
    is_the_right_one=("(A) is wrong. (B) is the right one", ("B", "choice")),
    last_one=("I thought of (A) first, but (B) fits.", ("B", "choice")),
    article=("A city lies on a river.", None),
    article_at_a_line=("A\u00a0city lies there", None),
    pronoun_and_article=("I see a plan. A good one.", None),
    function=("P(A) is greater than P(B).", None),
    beyond_those_offered=("I choose E.", None),
    lower_case_in_prose=("see parts (a) and (b)", None),
    list_repeated=("A. Lyon\nB. Paris\nC. Nice\nD. Lille", None),
    list_on_one_line=("Options: (A) Lyon (B) Paris (C) Nice (D) Lille", None),
    list_cut_off=("A) Lyon is small.\nB) Paris is large.\nC) Nice", None),
    list_and_letter=("A. Lyon\nB. Paris\nC. Nice\nD. Lille\n\nB", ("B", "choice")),
    list_and_last_letter=("(A) (B) (C) (D): (D)", ("D", "choice")),
    question_and_answer=("Q: the capital?\nA: it is large", None),
    only_in_thinking=("<think>(B)</think>Hm.", None),
    prompt_opened=("(A)</think>(B)", ("B", "choice")),
)
def test_lone_choices(text: str, want: Expected):
    """The last lone letter counts; articles, pronouns, functions and lists of choices do not."""
    assert found(text, CITIES) == want


@cases(
    fraction=(r"\boxed{\frac{1}{2}}", ("A", "boxed")),
    number=("Answer: $12$", ("C", "answer-line")),
    unit=("Answer: 5 cm", ("E", "answer-line")),
    no_part_of_a_number=("Answer: 1", None),
    sentence=("the answer is none of  the above.", ("D", "answer-is")),
    last_number=("6 plus 6 makes 12", ("C", "last-number")),
    last_number_is_none=("3 plus 4 makes 7", None),
)
def test_choices_by_their_texts(text: str, want: Expected):
    """A choice's text stands for its letter, without wrappers, case and spacing."""
    assert found(text, NUMBERS, last_number=True) == want


def test_ambiguous_choices():
    """A text that two choices share names neither; a letter goes before another choice's text."""
    assert found("Answer: red", {"A": "red", "B": "Red"}) is None
    assert found("Answer: B", {"A": "B", "B": "C"}) == ("B", "answer-line")
    assert found("Answer: C", {"A": "B", "B": "C"}) == ("B", "answer-line")
    lincoln = {"A": "Ulysses Grant", "B": "A. Lincoln"}
    assert found(r"\boxed{A. Lincoln}", lincoln) == ("B", "boxed")


def test_the_letter_i():
    """With nine choices and more, "I" is a choice where it is marked and a pronoun elsewhere."""
    choices = {letter: f"text {letter}" for letter in "ABCDEFGHIJ"}
    assert found("The option I took was long.", choices) is None
    assert found("I think so, but I am not sure", choices) is None
    assert found("Option I is what fits.", choices) == ("I", "choice")
    assert found("Answer: I", choices) == ("I", "answer-line")


def test_two_choices():
    """Of two choices, both named in their order are a list, and the one named after it counts."""
    choices = {"A": "Yes", "B": "No"}
    assert found("(A) yes, (B) no", choices) is None
    assert found("(A) yes, (B) no? I choose B.", choices) == ("B", "choice")
    assert found("(B)", choices) == ("B", "choice")


def test_no_choices_is_free_form():
    """An empty mapping asks a free-form question, as None does."""
    for choices in (None, {}):
        assert found("Answer: B. Paris", choices) == ("B", "answer-line")
        assert found("I choose B.", choices) is None


# -- any text --------------------------------------------------------------------------------

PIECES = (
    *("\\boxed{", "\\fbox", "{", "}", "\\", "$", "$$", "\\[", "\\]", "*", "```", "\n", " ", "\x1c"),
    *("<think>", "</think>", "<answer>", "</answer>", "Answer:", "the answer is ", "#### ", ". "),
    *("(A)", "B.", "option C", "12", "-3/4", "\u200b", "because", "...", "if ", "\\text{"),
)
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=14).map("".join)
DECOY = r"<think>\boxed{0}<answer>0</answer> Answer: 0. The answer is 0. (D) if 0</think>"


@given(text=TEXTS, choices=st.sampled_from([None, CITIES]), last_number=st.booleans())
@example(text="Answer: " + "\\text{" * 9 + " 5 " + "}" * 9, choices=None, last_number=False)
def test_any_text(text: str, choices: Mapping[str, str] | None, last_number: bool):
    """No text raises; an answer is stripped and not blank; a think block before it is nothing."""
    result = extract(text, choices=choices, last_number=last_number)
    assert extract(DECOY + text, choices=choices, last_number=last_number) == result
    if result is not None:
        assert isinstance(result, Extraction)
        assert result.answer
        assert result.answer == result.answer.strip()
        assert choices is None or result.answer in choices


NESTED = "\\boxed{" * 12_000 + "}" * 12_000
LONGER = (
    *("{", "\\", "\\boxed{", "<think>", "<answer>", "answer:", "the answer is ", " "),
    *("Answer: ...\n", "<answer></answer>"),
)
SHORTER = (
    NESTED,
    *("}", "\\boxed{}", "\\boxed ", "\\boxed1", "\\text{", "\\frac{", "$", "$$\n", "```\n", "("),
    *("</think>", "<think ", "<", "< ", "<answer ", "</answer>", "Answer:\n", "Answer: \\[\n"),
    *("answer to ", "answer is \\[", "final ", "#### 1\n", "\n", "\t\n", "\u3000", ". ", "? "),
    *("-", "。", "1", "1,", "1/", "1 ", "1e", "(A)", "A. ", "A\n", "A, ", "option ", "and "),
    *("*", "_", '"', "..."),
    *("\\boxed{1}, ", "<|begin_of_box|>", "is ", "Answer: x is 1 ", "the final answer is 1\n"),
    *("答案", "Result: 1\n", "la réponse est ", "Wait. ", "Question:\n"),
)


@pytest.mark.parametrize(
    ("unit", "size"),
    [(unit, 200_000) for unit in LONGER] + [(unit, 100_000) for unit in SHORTER],
    ids=lambda value: repr(value)[:20],
)
def test_long_texts_take_linear_time(unit: str, size: int):
    """Anything repeated, alone or behind a label, is done in a fraction of a second.

    Quadratic time would be many seconds; the bound is wide for slow machines.
    """
    long = unit * (size // len(unit))
    start = time.process_time()
    extract(long, choices=CITIES, last_number=True)
    extract(f"Answer: {long[: size // 2]} x y")
    assert time.process_time() - start < 6.0
