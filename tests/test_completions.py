"""What a completion says: thinking and run-on left out, by one function for both commands."""

import time

import pytest

from ttrl_cli.answers.extract import extract
from ttrl_cli.completions import KNOWN, Marks, marks_of, visible
from ttrl_cli.completions.marks import Tag, tags_in
from ttrl_cli.grading.parse import SolutionKind, find_solution

F = "```"
PAIRS = [
    *(("<think>", "</think>"), ("<Thinking>", "</thinking>"), ("<thought>", "</thought>")),
    *(("<reasoning>", "</reasoning>"), ("<reflection>", "</reflection>")),
    *(("<scratchpad>", "</scratchpad>"), ("<seed:think>", "</seed:think>")),
    *(("[THINK]", "[/THINK]"), ("◁think▷", "◁/think▷"), ("<|think|>", "<|/think|>")),
    *(('<thinking effort="high">', "</thinking>"), ("<longcat_think>", "</longcat_think>")),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|inner_prefix|>", "<|inner_suffix|>"),
    *(("<analysis>", "</analysis>"), ("<scratch_pad>", "</scratch_pad>"), ("<cot>", "</cot>")),
    *(("<inner_monologue>", "</inner_monologue>"), ("<monologue>", "</monologue>")),
    *(("<internal_thoughts>", "</internal_thoughts>"), ("<deliberation>", "</deliberation>")),
    *(("<chain_of_thought>", "</chain_of_thought>"), ("<Scratch-Pad>", "</scratch-pad>")),
    *(("<thinking_process>", "</thinking_process>"), ("<reflections>", "</reflections>")),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("<|channel|>commentary to=f<|message|>", "<|channel|>final <|constrain|>json<|message|>"),
]


class TestThinking:
    @pytest.mark.parametrize(("opening", "closing"), PAIRS)
    def test_every_family_is_hidden_from_both_commands(self, opening: str, closing: str) -> None:
        """A draft in a block counts neither as an answer nor as a program, closed or not."""
        draft = f"{opening}\\boxed{{6}}\n{F}python\nrun = 6\n{F}\n"
        said = f"{draft}{closing}\\boxed{{7}}\n{F}python\nrun = 7\n{F}"
        found = extract(said)
        assert found is not None
        assert found.answer == "7"
        assert find_solution(said, "program", "python").text == "run = 7"
        assert visible(f"Well. {draft}").strip() == "Well."
        assert extract(draft) is None

    @pytest.mark.parametrize("closing", sorted({closing for _, closing in PAIRS}))
    def test_what_the_prompt_opened(self, closing: str) -> None:
        """All before a closing tag that nothing opened is thinking."""
        assert visible(f"draft {closing}said") == "said"

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("analysisWe add.assistantfinalIt is 7.", "It is 7."),
            ("analysis2+2assistantfinal4", "4"),
            ("analysisWe addassistantcommentary to=f{}assistantfinalSeven", "Seven"),
            ("draftassistantfinalSeven", "Seven"),
            ("analysisWe add and", ""),
            ("analysis of the problem: 7", "analysis of the problem: 7"),
            ("An analysisWe", "An analysisWe"),
        ],
    )
    def test_harmony_without_its_tokens(self, text: str, said: str) -> None:
        """Where the special tokens were left out, the channels' names run into the text."""
        assert visible(text) == said

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("<thinking>a<reasoning>b</reasoning>c</thinking>d", "d"),
            ("[THINK]a<think>b</think>c[/THINK]d", "d"),
            ("<reasoning>a</think>b", "b"),
            ("<reasoning>a</think>b</think>c", "c"),
            ("<think>they say </reasoning> a</think>b", "b"),
            ("<think>a</think>b<think>c</think>d", "bd"),
            ("<think>a<think>b</think>c</think>d", "d"),
            ("a<think/>b", "a<think/>b"),
            ("a <think /> b", "a <think /> b"),
            ("a<thinker>b</thinker>", "a<thinker>b</thinker>"),
        ],
    )
    def test_families_in_each_other(self, text: str, said: str) -> None:
        """A block ends at its own family's tag; another's ends it only for want of one."""
        assert visible(text) == said

    @pytest.mark.parametrize(
        "text",
        [
            f"{F}python\nprint('<think>', '[THINK]')\n{F}\nDone.",
            f"{F}\n<think>\n</think>\n{F}\nDone.",
            "~~~xml\n<reasoning>a</reasoning>\n~~~",
            f"{F}python\n# strip </think>\nx = 1\n{F}\nIt prints\n{F}\n1\n{F}",
            "I write `<think>` first.",
            'I write "<think>" first, then "</think>".',
            f"{F}python\nprint('</think>')\n",
        ],
    )
    def test_a_tag_in_code_is_code(self, text: str) -> None:
        """In a fenced block, in quotes and in code within a line a tag opens and closes nothing."""
        assert visible(text) == text

    def test_a_word_that_other_tags_are_called_by(self) -> None:
        """<internal> is thinking where it is closed, and a final analysis is none."""
        assert visible("<internal>6</internal>7") == "7"
        for text in ("#include <internal>\nint main() {}", "7</internal>", "a Box<internal> of 7"):
            assert visible(text) == text
        assert visible("<final_analysis>7</final_analysis>") == "<final_analysis>7</final_analysis>"

    @pytest.mark.parametrize(
        "text",
        [
            "We use the <think> tag.",
            "I write <think> tags, then an answer.",
            "Between <think> and </think> I reason.",
            "**<think>** begins it, “</think>” ends it.",
            "Without <think>, nothing is hidden.",
            "It ends at the </reasoning> tag.",
            "la balise <think> ouvre; le </think> ferme.",
            "我用<think>标签。",
        ],
    )
    def test_a_tag_that_is_a_word_of_a_sentence(self, text: str) -> None:
        """In running prose, in bold and in curly quotes a tag opens and closes nothing."""
        assert visible(text) == text
        assert visible(f"<think>draft {text}</think>said") == "said"

    @pytest.mark.parametrize(
        "text", ["Now <think> 6 or", "Yes. <think>the 6", "So\n<think> tags 6"]
    )
    def test_a_tag_that_opens_thinking_behind_words(self, text: str) -> None:
        """A tag that no article or noun belongs to opens a block, wherever it stands."""
        assert "6" not in visible(text)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("said</think>", "said"),
            ("said\n</think>\n\n", "said\n\n\n"),
            ("said</think></s>", "said"),
            ("draft</think>said</think>", "said"),
            ("<think>draft</think>said</think>", "said"),
            ("<think><think>draft</think>draft</think>", ""),
            (f"{F}python\nx = 0\n</think>", ""),
        ],
    )
    def test_a_closing_tag_at_the_very_end(self, text: str, said: str) -> None:
        """Where nothing opened it and nothing would be left, it loses nothing; but see drafts."""
        assert visible(text) == said

    def test_where_the_prompt_opened_it_the_end_is_no_stray(self) -> None:
        """A completion of a prompt that opens thinking is a draft up to its closing tag."""
        opened = Marks(opened=True)
        assert visible("draft</think>", opened) == ""
        assert visible("draft</think>said</think>", opened) == "said"

    def test_a_draft_that_left_its_fence_open(self) -> None:
        """The closing tag counts, though it stands behind an opening fence."""
        assert visible(f"{F}python\nx = 0\n</think>\nsaid\n{F}\n1\n{F}") == f"\nsaid\n{F}\n1\n{F}"
        assert visible(f"a\n{F}python\nx = 0\n{F}</think>b") == "b"
        quoted = f"{F}\nx = 'a</think>b</think>'\n"
        assert visible(quoted) == quoted
        assert visible(f"{quoted}y</think>b") == "b"


class TestTemplates:
    def test_tags_of_a_template(self) -> None:
        """Pairs of tags are found in whatever form; one without its other half is none."""
        text = "{{ '<mind_think>' }} x.split('</mind_think>') [REASON] [/REASON] <|thought_start|>"
        assert tags_in(text + "<|thought_end|> <thoughtless>") == (
            Tag(opening="<mind_think>", closing="</mind_think>"),
            Tag(opening="[REASON]", closing="[/REASON]"),
            Tag(opening="<|thought_start|>", closing="<|thought_end|>"),
        )

    def test_they_count_besides_the_known_ones(self) -> None:
        """What the template names is hidden, and so is <think>."""
        marks = marks_of("[REASON] [/REASON]", [], "")
        text = "[REASON]a[/REASON]b<think>c</think>d"
        assert visible(text, marks) == "bd"
        assert visible(text) == "[REASON]a[/REASON]bd"

    @pytest.mark.parametrize(
        ("prompt", "opened"),
        [
            ("<user>?<assistant><think>\n", True),
            ("<user>?<assistant><think>\n\n</think>\n\n", False),
            ("<user>?<assistant>", False),
        ],
    )
    def test_whether_the_prompt_ends_in_thinking(self, prompt: str, opened: bool) -> None:
        """It does where its last tag opens a block."""
        marks = marks_of("<think></think>", ["<user>", "<tool>", "\n", "?", "<think>"], prompt)
        assert marks.opened is opened
        assert marks.turns == ("<user>",)
        assert visible("draft", marks) == ("" if opened else "draft")
        assert visible("draft</think>said", marks) == "said"

    def test_turn_tokens_of_a_template(self) -> None:
        """A token that the template lays turns out with ends the text, where it stands in it."""
        marks = Marks(turns=("<user>",))
        assert visible("12\n<user>More?", marks) == "12\n"
        assert visible("12\n<user>More?") == "12\n<user>More?"


class TestRunOn:
    @pytest.mark.parametrize(
        "mark",
        [
            *("Question: Tom has 4 cars.", "Q: Tom?", "User: And Tom?", "Human: And Tom?"),
            *("**Question:** Tom?", "### Question: Tom?", "### Instruction\nTom?", "Problem: Tom?"),
            *("### Instruction:\nTom?", "问题：汤姆?", "Question : Tom?", "QUESTION: TOM?"),
            *(
                "<|im_start|>user\nTom?",
                "<|im_end|>\nTom",
                "<|start_header_id|>user",
                "[INST] Tom?",
            ),
            *("<start_of_turn>user\nTom?", "</s>\nTom", "<|eot_id|>", "<｜User｜>Tom?", "<|user|>"),
            "## The solution so far\n\nTom",
            *("Question 2: Tom?", "question: Tom?", "Next question: Tom?", "Example: Tom?"),
            *("Example 3: Tom?", "Input: Tom", "### Example 2\nTom?", "**Question 2**\nTom?"),
            *("Exercise 4. Tom?", "Q2: Tom?", "human: Tom?", "例2：汤姆", "下一题：汤姆"),
        ],
    )
    def test_the_text_ends_where_a_turn_begins(self, mark: str) -> None:
        """Labels and tokens of another turn end the answer, and its answer does not count."""
        text = f"12 eggs are left.\n#### 12\n\n{mark}\nAnswer: 4 + 5 = 9\n#### 9"
        assert visible(text).rstrip() == "12 eggs are left.\n#### 12"
        found = extract(text)
        assert found is not None
        assert found.answer == "12"

    @pytest.mark.parametrize(
        "text",
        [
            "Question: how many eggs?\nAnswer: 12",
            "\n**Question:** how many eggs?\n\nAnswer: 12",
            "Let me restate the problem:\nQuestion: how many eggs?\nAnswer: 12",
            "Question 1: 5\nQuestion 2: 12\nAnswer: 12",
            "Sure, one step at a time.\n\n**Problem:** how many eggs?\n\nAnswer: 12",
            "# Eggs\n\n## Problem\nHow many?\n\n## Answer\n12",
            "The points are\nP: (1, 2)\nQ: (3, 4)\nAnswer: 12",
            "Only the first counts: <s>7</s> no, 12.\nAnswer: 12",
            "The question: how many?\nSo question: none.\nAnswer: 12",
            "The open question: 12 or 13?\nAnswer: 12",
            f"{F}\nQ: how many?\nUser: 12\n<|im_end|>\n{F}\nAnswer: 12",
            'The token "<|im_end|>" ends it.\nAnswer: 12',
        ],
    )
    def test_what_is_no_other_turn(self, text: str) -> None:
        """The question over again, numbered parts, prose, code and mentions end nothing."""
        assert visible(text) == text

    @pytest.mark.parametrize(
        ("text", "kind", "solution"),
        [
            ("Anna: hi\nUser: hello\nHuman: bye", "text", "Anna: hi\nUser: hello\nHuman: bye"),
            ("I see.\n\n**Problem:** it is slow.\n\n{block}", "program", "{code}"),
            ("{code}\n# Problem: none", "program", "{code}\n# Problem: none"),
            ("{block}\n\nQuestion: another?\n{F}python\nx = 1\n{F}", "program", "{code}"),
            ("[9, 9]\n\nQuestion: another?\n[1]", "json", "[9, 9]"),
        ],
    )
    def test_a_label_ends_no_solution_that_is_still_to_come(
        self, text: str, kind: SolutionKind, solution: str
    ) -> None:
        """Only behind a closed block, or JSON alone, it begins another turn."""
        code = "def run():\n    return [9, 9]"
        filled = {"F": F, "code": code, "block": f"{F}python\n{code}\n{F}"}
        found = find_solution(text.format(**filled), kind, "python")
        assert found.text == solution.format(**filled)

    def test_the_answer_s_own_turn(self) -> None:
        """Tokens that the answer begins with are left out; they end nothing."""
        assert visible("<|im_start|>assistant\n12<|im_end|>") == "12"
        assert visible("[/INST] 12 </s>").strip() == "12"

    def test_a_question_said_over_again_and_another(self) -> None:
        """The first may stand at the beginning; the second begins another turn."""
        text = "Question: 2 + 2?\nAnswer: 4\n\nQuestion: 3 + 3?\nAnswer: 6"
        assert visible(text) == "Question: 2 + 2?\nAnswer: 4\n\n"

    def test_a_token_in_a_block_that_is_never_closed(self) -> None:
        """A turn that ends within a block ends it, on a line of its own or behind one."""
        assert visible(f"{F}python\nx = 1\n<|im_end|>\nuser") == f"{F}python\nx = 1\n"
        assert visible(f"{F}python\nx = 1<|im_end|>\nuser") == f"{F}python\nx = 1"
        assert visible(f"{F}\nx = 1 </s></s>\n") == f"{F}\nx = 1 </s>"
        quoted = f"{F}python\nx = '<|im_end|>'\n"
        assert visible(quoted) == quoted

    @pytest.mark.parametrize("token", ["<|im_end|>", "</s>", "<|eot_id|>", "<|im_end|>\nuser\n9"])
    def test_a_token_glued_to_a_closing_fence(self, token: str) -> None:
        """It closes the block, and the turn ends there."""
        assert visible(f"{F}\nx = 1\n{F}{token}") == f"{F}\nx = 1\n{F}"

    def test_examples_are_a_part_of_a_solution(self) -> None:
        """Where a solution is asked for, an example behind a block begins no turn."""
        text = f"{F}\nx\n{F}\nExample: 1\nInput: 2\n{F}\ny\n{F}"
        assert visible(text, solution=True) == text
        asked = f"{F}\nx\n{F}\nQuestion 2: another?\n{F}\ny\n{F}"
        assert visible(asked, solution=True) == f"{F}\nx\n{F}\n"

    def test_drafts_do_not_end_a_text(self) -> None:
        """A label within thinking is thinking."""
        assert visible("Well.\nQuestion: 2?\n</think>Answer: 4") == "Answer: 4"


@pytest.mark.parametrize(
    "piece",
    [
        *("<think>", "</think>", "[THINK][/THINK]", "<think ", "<|channel|>", "assistantfinal"),
        *(f"{F}\n</think>\n", f"{F}\n", "Q: \n", "a:\n", "Question", "<", "[", " ", "\n", "`"),
        *("<|im_end|>", "analysis", "<|channel|>analysis", '"<think>"', "</s>", "#", "**"),
        *("</think> ", "</think><think>", "<think> ", "' </think>", "the <think> tag ", "<a"),
        *("Question 2: \n", "answer: 1\nQ2. \n", "answer", "*<think>* ", "a_", "<internal>"),
        *("</s> x</s>", f"{F}</s>\n", f"{F}</s>", "<answer>", "next ", "Example ", "</think>\n"),
    ],
)
def test_reading_takes_linear_time(piece: str) -> None:
    """Any repeated piece is read in a fraction of a second; quadratic were many seconds."""
    text = "x\n" + piece * (100_000 // len(piece))
    started = time.process_time()
    visible(text, KNOWN)
    visible(f"<think>{text}")
    visible(f"{F}\n' {text}")
    visible(f"{F}\n{text}\n{F}")
    assert time.process_time() - started < 8
