"""From completions to solutions: literal texts with literal results."""

import time

import pytest

from ttrl_cli.grading.parse import (
    MAX_CHARS,
    Malformed,
    fenced_blocks,
    parse_json,
    parse_solution,
    without_thinking,
)

F = "```"


def program(text: str) -> str:
    """The program in a completion."""
    return parse_solution(text, "program", "python")


class TestPrograms:
    def test_the_last_block_counts(self) -> None:
        """Of several closed Python blocks the last is the solution."""
        assert program(f"a\n{F}python\nx = 1\n{F}\nb\n{F}py\nx = 2\n\ny = 3\n{F}\nbye") == (
            "x = 2\n\ny = 3"
        )

    @pytest.mark.parametrize("tag", ["python", "Python", "py", "python3", "", " python"])
    def test_tags_of_a_program(self, tag: str) -> None:
        """A block tagged as Python, in any case, or not tagged, is a program."""
        assert program(f"{F}{tag}\nx = 1\n{F}") == "x = 1"

    def test_other_languages_do_not_count(self) -> None:
        """A later block in another language does not replace the program."""
        assert program(f"{F}python\nx = 1\n{F}\n{F}bash\nls\n{F}\n") == "x = 1"

    def test_an_unclosed_block_does_not_count(self) -> None:
        """A completion that was cut inside its last block yields the last closed one."""
        assert program(f"{F}python\nx = 1\n{F}\nBetter:\n{F}python\nx = 2") == "x = 1"

    def test_without_a_block_the_whole_text_counts(self) -> None:
        """Text without fences is the program itself, stripped."""
        assert program("\n\nx = 1\ny = 2\n\n") == "x = 1\ny = 2"

    def test_indented_blocks_lose_their_indentation(self) -> None:
        """A block inside a list item is dedented; inner indentation stays."""
        assert program(f"1. do\n   {F}python\n   if x:\n       y\n   {F}\n") == "if x:\n    y"

    def test_a_longer_fence_may_hold_a_shorter_one(self) -> None:
        """A block of four backticks or of tildes ends only at its own kind of fence."""
        assert program(f"{F}`python\nx = '''\n{F}\n'''\n{F}`") == f"x = '''\n{F}\n'''"
        assert program(f"~~~py\nx = 1\n{F}\n~~~") == f"x = 1\n{F}"

    def test_windows_line_ends(self) -> None:
        """A carriage return after a fence does not hide it."""
        assert program(f"{F}python\r\nx = 1\r\n{F}\r\n").strip() == "x = 1"


class TestThinking:
    def test_closed_thinking_never_counts(self) -> None:
        """A block inside a closed think block is not the solution."""
        text = f"<think>{F}python\nx = 0\n{F}</think>{F}python\nx = 1\n{F}"
        assert program("<think>\n" + text) == "x = 1"

    def test_text_on_both_sides_counts(self) -> None:
        """Only the think block itself is cut out."""
        assert without_thinking("a<think>b</think>c<think>d</think>e") == "ace"

    def test_unclosed_thinking_never_counts(self) -> None:
        """A completion that never stops thinking holds no solution."""
        with pytest.raises(Malformed, match="holds no solution"):
            program(f"<think>{F}python\nx = 0\n{F}\n")

    def test_thinking_opened_by_the_prompt_never_counts(self) -> None:
        """Text before a lone closing tag is thinking that the prompt had opened."""
        assert program(f"{F}python\nx = 0\n{F}\n</think>\n{F}python\nx = 1\n{F}") == "x = 1"
        with pytest.raises(Malformed):
            program(f"{F}python\nx = 0\n{F}\n</think>\n")


class TestOtherKinds:
    def test_any_block_is_a_text(self) -> None:
        """For text solutions the tag does not matter; without a block the text is the solution."""
        assert parse_solution(f"{F}moves\nLRL\n{F}", "text", "python") == "LRL"
        assert parse_solution("  LRL\n", "text", "python") == "LRL"

    def test_a_python_block_is_not_json(self) -> None:
        """For json solutions only json and untagged blocks count."""
        text = f"{F}json\n[1]\n{F}\n{F}python\nx\n{F}"
        assert parse_solution(text, "json", "python") == "[1]"

    def test_json_is_parsed(self) -> None:
        """Strict JSON is read as it is."""
        assert parse_json('{"a": [1, 2.5, null, "\\ud83d\\ude00"]}') == {"a": [1, 2.5, None, "😀"]}

    @pytest.mark.parametrize(
        "text",
        [
            "[NaN]",
            "[-Infinity]",
            "[1e999]",
            "{'a': 1}",
            "[1,]",
            "1 2",
            "[" * 10**5,
            "9" * 5000,
            '"\\ud800"',
            '"\ud800"',
        ],
    )
    def test_what_is_not_strict_json_is_malformed(self, text: str) -> None:
        """NaN, infinities, half characters, bombs and broken syntax are refused."""
        with pytest.raises(Malformed):
            parse_json(text)


class TestBounds:
    @pytest.mark.parametrize("text", ["", "  \n\t", f"{F}python\n\n{F}", "<think></think>"])
    def test_empty_is_malformed(self, text: str) -> None:
        """Nothing, blanks, and an empty block hold no solution."""
        with pytest.raises(Malformed, match="holds no solution"):
            program(text)

    def test_too_long_is_malformed(self) -> None:
        """One character over the limit is refused, and the reason names both numbers."""
        assert len(program("x" * MAX_CHARS)) == MAX_CHARS
        with pytest.raises(Malformed, match="has 1000001 characters; the limit is 1000000"):
            program("x" * (MAX_CHARS + 1))

    @pytest.mark.parametrize(
        "piece",
        ["<think>", "</think>", "<think></think>", F, f"{F}\n", f"\n{F}py\n", " ", "`", "\n"],
    )
    def test_parsing_takes_linear_time(self, piece: str) -> None:
        """A megabyte of any repeated piece is parsed within two seconds."""
        text = piece * (1_000_000 // len(piece))
        started = time.monotonic()
        list(fenced_blocks(without_thinking(text)))
        assert time.monotonic() - started < 2
