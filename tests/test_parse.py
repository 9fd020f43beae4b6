"""From completions to solutions: literal texts with literal results."""

import contextlib
import time
from itertools import pairwise
from typing import Any

import pytest

from ttrl_cli.completions import Marks, visible
from ttrl_cli.completions.fences import blocks
from ttrl_cli.grading.parse import (
    MAX_CHARS,
    Found,
    Malformed,
    SolutionKind,
    find_solution,
    parse_json,
)
from ttrl_cli.grading.source import MAX_PARSED

F = "```"
PROGRAM = "def run():\n    return [9, 9]\n"


def program(text: str) -> str:
    """The program in a completion."""
    return find_solution(text, "program", "python").text


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
        assert visible("a<think>b</think>c<think>d</think>e") == "ace"

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
        assert find_solution(f"{F}moves\nLRL\n{F}", "text", "python").text == "LRL"
        assert find_solution("  LRL\n", "text", "python").text == "LRL"

    def test_a_python_block_is_not_json(self) -> None:
        """For json solutions only json and untagged blocks count."""
        text = f"{F}json\n[1]\n{F}\n{F}python\nx\n{F}"
        assert find_solution(text, "json", "python").text == "[1]"

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
        """Any repeated piece is parsed in a fraction of a second; quadratic were many seconds."""
        text = piece * (200_000 // len(piece))
        started = time.process_time()
        list(blocks(visible(text)))
        assert time.process_time() - started < 6

    @pytest.mark.parametrize("kind", ["program", "json", "text"])
    @pytest.mark.parametrize(
        "piece", [F, f"{F}\n", f"{F}python\nrun\n", "run[", "run = -", f"    {F}\n", "</think>\n"]
    )
    def test_choosing_takes_linear_time(self, piece: str, kind: SolutionKind) -> None:
        """What is tried of a long text is bounded: all pairs of fences were minutes."""
        started = time.process_time()
        with contextlib.suppress(Malformed):
            find_solution(piece * (200_000 // len(piece)), kind, "python")
        assert time.process_time() - started < 6

    def test_a_source_that_is_too_long_to_be_parsed_is_still_tried(self) -> None:
        """The last block counts where no block is short enough to be looked into."""
        long = "def run():\n    return 1\n" + "x = 1\n" * (MAX_PARSED // 6)
        assert program(f"{F}python\n{long}{F}\n") == long.strip("\n")

    @pytest.mark.parametrize("hostile", ["-" * 90_000, "1+" * 45_000 + "1", "(" * 90_000, "\0"])
    def test_hostile_sources_are_no_programs(self, hostile: str) -> None:
        """What Python's parser gives up on is passed over, without an error of ours."""
        text = f"{F}python\n{PROGRAM}{F}\n{F}python\nrun = {hostile}\n{F}\n"
        assert program(text) == PROGRAM.strip()

    def test_warnings_of_a_source_stay_inside(self) -> None:
        """An invalid escape in a program, which Python warns of, warns nobody here."""
        text = f"{F}python\ndef run():\n    return '\\d'\n{F}\n{F}\n18\n{F}"
        assert program(text) == "def run():\n    return '\\d'"


def found(
    text: str, *, kind: SolutionKind = "program", language: str = "python", **options: Any
) -> tuple[str, str]:
    """What was taken, as (text, rule)."""
    solution = find_solution(text, kind, language, **options)
    return solution.text, solution.rule


DOCSTRING = '''\
def run():
    """Give a list.

    {fence}
    run()
    {fence}
    """
    return [9, 9]
'''.replace("{fence}", F)
SHALLOW = DOCSTRING.replace("    ", "  ")
README = f'TEXT = """\n{F}python\nfoo()\n{F}\n"""\n{PROGRAM}'
TAGS = [
    *("python", "Python3", "py", "py3", "ipython", "ipython3", "python3.11", "{python}"),
    *("{.python .numberLines}", 'python title="run.py"', "python:run.py", "solution.py"),
    *("language-python", "\u00a0python\u00a0"),
]


class TestTheBlockThatCanBeASolution:
    @pytest.mark.parametrize(
        "after",
        [
            f"It prints:\n{F}\n18\n{F}",
            f"It prints:\n{F}text\n18\n{F}\n",
            f"Run it:\n{F}bash\npython run.py\n{F}",
            f"Use it so:\n{F}python\nprint(sum(run()))\n{F}",
            f"An idea:\n{F}python\ndef run():\n    return [9, 9\n{F}",
            f"Or:\n{F}python\nclass Tool:\n    def run(self):\n        return 1\n{F}",
            f"In C:\n{F}c\nint run() {{ return 1; }}\n{F}",
            f"The end.\n{F}\n",
        ],
    )
    def test_blocks_that_define_no_entry_come_after_one_that_does(self, after: str) -> None:
        """Output, shell lines, examples of use and broken programs do not replace the program."""
        assert found(f"{F}python\n{PROGRAM}{F}\n{after}") == (PROGRAM.strip(), "block")

    @pytest.mark.parametrize("tag", TAGS)
    def test_aliases_of_the_tag(self, tag: str) -> None:
        """The tag is known by its aliases, with attributes, as a file's name, in braces."""
        text = f"{F}{tag}\n{PROGRAM}{F}\n{F}\nrun = 18\n{F}"
        assert found(text) == (PROGRAM.strip(), "block")

    @pytest.mark.parametrize(
        ("tags", "rule"),
        [
            (("", ""), "untagged-block"),
            (("text", ""), "untagged-block"),
            (("", "text"), "untagged-block"),
            (("text", "code"), "other-block"),
        ],
    )
    def test_no_tag_goes_before_other_tags(self, tags: tuple[str, str], rule: str) -> None:
        """Without a block of the wanted tag, those without any come first, then the others."""
        first, second = tags
        text = f"{F}{first}\nrun = 1\n{F}\n{F}{second}\nrun = 2\n{F}"
        winner = "run = 1" if (first, second) == ("", "text") else "run = 2"
        assert found(text) == (winner, rule)

    @pytest.mark.parametrize(
        "entry",
        [
            "async def run():\n    pass",
            "run = lambda: [9, 9]",
            "from math import floor as run",
            "if True:\n    def run():\n        pass",
            "try:\n    import numpy\nfinally:\n    run = list",
            "class run:\n    pass",
        ],
    )
    def test_what_defines_the_entry(self, entry: str) -> None:
        """Whatever binds the name in the module defines the entry."""
        assert found(f"{F}python\n{entry}\n{F}\n{F}python\nprint(run)\n{F}") == (entry, "block")

    def test_the_entry_goes_by_the_problem_s_name(self) -> None:
        """A problem whose entry is `solve` takes the block that defines that."""
        text = f"{F}python\ndef solve(): pass\n{F}\n{F}python\n{PROGRAM}{F}"
        assert found(text, entry="solve") == ("def solve(): pass", "block")

    @pytest.mark.parametrize(
        ("parts", "whole"),
        [
            (("import math", "def run():\n    return [math.floor(9.5), 9]"), "{0}\n\n{1}"),
            (("def run():\n    return nines()", "def nines():\n    return [9, 9]"), "{0}\n\n{1}"),
            (("X = 9", "print(X)", "def run():\n    return [X, X]"), "{0}\n\n{2}"),
            (
                ("A = 9", "def f():\n    return A", "def run():\n    return f()"),
                "{0}\n\n{1}\n\n{2}",
            ),
            (("def run():", "    return [9, 9]"), "{0}\n\n{1}"),
            (("import math", "def run():\n    return 1"), "{1}"),
        ],
    )
    def test_a_program_in_pieces_is_joined(self, parts: tuple[str, ...], whole: str) -> None:
        """Blocks that define what the entry's lacks are put with it, in order; others are not."""
        text = "\nthen\n".join(f"{F}python\n{part}\n{F}" for part in parts)
        rule = "block" if whole == "{1}" else "joined-blocks"
        assert found(text) == (whole.format(*parts), rule)

    @pytest.mark.parametrize(
        ("text", "want"),
        [
            (f"{F}python\n{DOCSTRING}{F}\nDone.", (DOCSTRING.strip(), "block")),
            (f"{F}python\n{SHALLOW}{F}\nDone.", (SHALLOW.strip(), "other-fences")),
            (f"{F}python\n{README}{F}\nIt prints\n{F}\n18\n{F}", (README.strip(), "other-fences")),
            (DOCSTRING, (DOCSTRING.strip(), "text")),
            (
                f"1. So:\n   {F}python\n   {PROGRAM.replace(chr(10), chr(10) + 3 * chr(32))}{F}\n",
                None,
            ),
            (f"````markdown\n{F}python\n{PROGRAM}{F}\n````", (PROGRAM.strip(), "other-fences")),
            (
                f"{F}python\ndef run():\n    return [9, 9]{F}\nDone.",
                (PROGRAM.strip(), "other-fences"),
            ),
            (f"{F}\nsome text\n{F}python\n{PROGRAM}{F}", (PROGRAM.strip(), "other-fences")),
        ],
    )
    def test_fences_that_do_not_end_a_program(
        self, text: str, want: tuple[str, str] | None
    ) -> None:
        """Fences in docstrings and strings, nested, glued or missing ones do not lose a program."""
        assert found(text) == (want or (PROGRAM.strip(), "block"))

    @pytest.mark.parametrize(
        "text",
        [f"{PROGRAM}{F}", f"{PROGRAM}{F}\nIt gives nine.", f"{PROGRAM}~~~", f"\n{PROGRAM}  {F}\n"],
    )
    def test_an_unpaired_fence_behind_the_program(self, text: str) -> None:
        """A closing fence that nothing opened is no part of the program before it."""
        assert found(text) == (PROGRAM.strip(), "text")

    def test_a_block_that_was_never_closed(self) -> None:
        """It reaches to the end; where the completion was cut, a closed one goes before it."""
        assert found(f"So:\n{F}python\n{PROGRAM}") == (PROGRAM.strip(), "open-block")
        both = f"{F}python\nrun = 1\n{F}\nBetter:\n{F}python\nrun = 2"
        assert found(both) == ("run = 2", "open-block")
        assert found(both, finished=False) == ("run = 1", "block")

    @pytest.mark.parametrize(
        "text",
        [
            f"{F}python\ndef run():\n\u00a0\u00a0\u00a0\u00a0return [9, 9]\n{F}",
            f"\ufeff{F}python\r\ndef run():\r\n    return [9, 9]\r\n{F}\r\n",
            f"{F}python\n  def run():\n      return [9, 9]\n{F}",
            f"\ufeff{PROGRAM}",
        ],
    )
    def test_spaces_that_python_does_not_take(self, text: str) -> None:
        """Spaces that do not break, a common indent, a BOM and Windows line ends are mended."""
        assert found(text)[0] == PROGRAM.strip()

    def test_a_run_on_is_not_the_solution(self) -> None:
        """Where another turn begins, as text, the completion ends."""
        text = f"{F}python\n{PROGRAM}{F}\n<|im_start|>user\nNo.\n{F}python\nrun = 1\n{F}"
        assert found(text) == (PROGRAM.strip(), "block")

    def test_without_a_program_the_last_block_is_tried(self) -> None:
        """Its error says what is wrong; its own fences are no part of it."""
        assert found(f"{F}python\nx = 1\n{F}\n{F}\n18\n{F}") == ("x = 1", "block")
        assert found("no program") == ("no program", "text")


class TestCpp:
    @pytest.mark.parametrize(
        ("text", "want"),
        [
            (
                f"{F}cpp\nint main() {{}}\n{F}\nIt prints\n{F}\n[9, 9]\n{F}",
                ("int main() {}", "block"),
            ),
            (f"{F}C++\nint main() {{}}\n{F}\n{F}c++\nint f();\n{F}", ("int main() {}", "block")),
            (
                f"{F}cpp\n#include <a>\n{F}\n{F}cpp\nint main() {{}}\n{F}",
                ("#include <a>\n\nint main() {}", "joined-blocks"),
            ),
            (
                f"{F}cpp\n#include <a>\nint main();\n{F}\n"
                f"{F}cpp\n#include <b>\nint main() {{ }}\n{F}",
                ("#include <b>\nint main() { }", "block"),
            ),
            (
                f"{F}cpp\n// int main()\nint f();\n{F}\n{F}\nint main() {{}}\n{F}",
                ("int main() {}", "untagged-block"),
            ),
            (f"{F}c++20\nint main() {{}}", ("int main() {}", "open-block")),
        ],
    )
    def test_the_last_block_with_a_main(self, text: str, want: tuple[str, str]) -> None:
        """A block with a main is the program, with the headers that stand in another."""
        assert found(text, language="cpp") == want


class TestValues:
    @pytest.mark.parametrize(
        ("text", "want"),
        [
            (f"{F}json\n[9, 9]\n{F}\nSum:\n{F}\n18\n{F}", ("[9, 9]", "block")),
            (f"{F}json\n[9, 9]\n{F}\nSum:\n{F}json\n18\n{F}", ("[9, 9]", "block")),
            (f"{F}json\n[9, 9]\n{F}\n{F}json\n[9, 9,\n{F}", ("[9, 9]", "block")),
            (f"{F}\n[9, 9]\n{F}\n{F}python\n[1]\n{F}", ("[9, 9]", "untagged-block")),
            (f"{F}python\n[9, 9]\n{F}", ("[9, 9]", "other-block")),
            (f"{F}jsonc\n[9, 9]\n{F}\n{F}\n[1]\n{F}", ("[9, 9]", "block")),
            (f"[9, 9]\n{F}", ("[9, 9]", "text")),
            (f"{F}json\n[9, 9]", ("[9, 9]", "open-block")),
            (f"{F}json\n[9,\u00a09]\n{F}", ("[9, 9]", "block")),
            (f"{F}json\n18\n{F}", ("18", "block")),
            (f"{F}json\n[9,]\n{F}", ("[9,]", "block")),
        ],
    )
    def test_the_last_value_of_the_expected_kind(self, text: str, want: tuple[str, str]) -> None:
        """A list is wanted: numbers and what does not parse come after it."""
        assert found(text, kind="json", expected=frozenset({"list"})) == want

    def test_the_kind_is_the_problem_s(self) -> None:
        """Where the seeds are numbers, the list is the example."""
        text = f"{F}json\n18\n{F}\n{F}json\n[9, 9]\n{F}"
        assert found(text, kind="json", expected=frozenset({"number"})) == ("18", "block")


class TestTags:
    @pytest.mark.parametrize(
        "draft",
        [
            f"<thinking>\n{F}python\nrun = 1\n{F}\n</thinking>",
            f"[THINK]{F}python\nrun = 1\n{F}[/THINK]",
            f"<think>\n{F}python\nrun = 1\n</think>",
            f"{F}python\nrun = 1\n</think>",
            f"<seed:think>{F}python\nrun = 1\n{F}</seed:think>",
        ],
    )
    def test_a_draft_is_not_run(self, draft: str) -> None:
        """A block within thinking is not the solution, nor is one that only the answer lacks."""
        assert found(f"{draft}\n{F}python\n{PROGRAM}{F}") == (PROGRAM.strip(), "block")
        with pytest.raises(Malformed, match="holds no solution"):
            program(draft)

    @pytest.mark.parametrize("fence", [F, ""])
    @pytest.mark.parametrize("tag", ["<think>", "</think>", "[THINK]", "<|im_end|>"])
    def test_a_program_that_prints_a_tag(self, tag: str, fence: str) -> None:
        """A tag in code is code."""
        code = f"def run():\n    print('{tag}')\n    return [9, 9]"
        assert program(f"{fence}\n{code}\n{fence}".strip()) == code

    def test_the_prompt_opened_the_thinking(self) -> None:
        """Where the template opens it, all is thinking up to a closing tag, or to the end."""
        opened = Marks(opened=True)
        draft = f"{F}python\nrun = 1\n{F}"
        assert found(f"{draft}\n</think>{F}python\nrun = 2\n{F}", marks=opened)[0] == "run = 2"
        with pytest.raises(Malformed):
            find_solution(draft, "program", "python", marks=opened)

    @pytest.mark.parametrize(
        "code",
        [
            "def run():\n    return ['<think>draft', '</think>']",
            "def run():\n    a = '<|im_start|>user'\n    return [a, '[INST] b']",
            'def run():\n    """Hide\n\n    <reasoning>\n    """\n    return [9, 9]',
            "run = lambda: '<think>'.join('ab')",
            "def run():\n    return '''\n<|im_end|>\n'''",
        ],
    )
    @pytest.mark.parametrize("end", ["", "\n", "<|im_end|>", "\n</s>\n"])
    def test_a_bare_program_may_hold_any_text(self, code: str, end: str) -> None:
        """A completion that is nothing but a program is taken before tags are looked at."""
        assert found(code + end) == (code, "text")

    @pytest.mark.parametrize(
        "value",
        ['["<think>", "a"]', '["<think>a", "</think>"]', '["<|im_start|>user", "[INST] b"]'],
    )
    def test_a_bare_value_may_hold_any_text(self, value: str) -> None:
        """A completion that is nothing but JSON is taken before tags are looked at."""
        for end in ("", "\n", "<|im_end|>"):
            assert found(value + end, kind="json") == (value, "text")
        other = f'{{"a": {value}}}'
        assert found(other, kind="json", expected=frozenset({"list"})) == (other, "text")

    def test_a_bare_cpp_program_may_hold_any_string(self) -> None:
        """Tags in its strings are code; a turn that begins outside of them ends it."""
        code = '#include <cstdio>\nint main() { puts("<think>a <|im_end|>b"); }'
        assert found(code, language="cpp") == (code, "text")
        assert found(f"{code}\n<|im_start|>user\nint main() {{}}", language="cpp")[0] != code

    def test_drafts_are_no_bare_programs(self) -> None:
        """What the prompt's open thinking holds is a draft, also where all of it parses."""
        with pytest.raises(Malformed, match="holds no solution"):
            find_solution(PROGRAM, "program", "python", marks=Marks(opened=True))
        text = f"<think>\nrun = 1\n</think>\n{PROGRAM}"
        assert program(text) == PROGRAM.strip()

    @pytest.mark.parametrize(
        "text",
        [
            f"{F}python\n{PROGRAM}{F}\n</think>",
            f"{PROGRAM}</think>\n",
            f"{F}\n{PROGRAM}{F}</think>",
        ],
    )
    def test_a_closing_tag_at_the_very_end(self, text: str) -> None:
        """What can be a solution counts before one that nothing opened."""
        assert program(text) == PROGRAM.strip()


class TestUsage:
    @pytest.mark.parametrize(
        "usage",
        [
            "from solution import run\nprint(run())",
            "import run",
            "for run in range(3):\n    print(run)",
            "with open('log') as run:\n    pass",
            "run = 3",
            "run = start(3)",
            "run: int = 0",
            "a, run = 1, 2",
            "try:\n    pass\nexcept ValueError as run:\n    pass",
            "def run(): ...",
            "def run():\n    pass",
            "def run():\n    'Return the list.'\n    raise NotImplementedError",
            "def run():\n    raise NotImplementedError('to do')",
            "async def run():\n    return None",
            "class run:\n    pass",
        ],
    )
    def test_an_example_of_use_does_not_beat_the_program(self, usage: str) -> None:
        """Only a function, a class or another name of one is the entry, where there is one."""
        text = f"{F}python\n{PROGRAM}{F}\nUse it:\n{F}python\n{usage}\n{F}"
        assert found(text) == (PROGRAM.strip(), "block")
        untagged = f"{F}\n{PROGRAM}{F}\nUse it:\n{F}python\n{usage}\n{F}"
        assert found(untagged) == (PROGRAM.strip(), "untagged-block")
        assert found(f"{F}python\n{usage}\n{F}") == (usage, "block")

    @pytest.mark.parametrize(
        "better",
        [
            "run = max",
            "run = lambda: [8]",
            "class run(list):\n    x = 1",
            "def run():\n    return [8]",
        ],
    )
    def test_a_later_program_still_does(self, better: str) -> None:
        """Of two that define the entry the later one counts."""
        text = f"{F}python\n{PROGRAM}{F}\nBetter:\n{F}python\n{better}\n{F}"
        assert found(text) == (better, "block")

    def test_what_is_weaker_goes_in_order(self) -> None:
        """A call's result goes before a stub, that before an import, and a constant is last."""
        ranked = ["run = 3", "import run", "def run(): ...", "run = partial(max, 1)"]
        for worse, better in pairwise(ranked):
            text = f"{F}python\n{better}\n{F}\n{F}python\n{worse}\n{F}"
            assert found(text) == (better, "block")

    def test_a_helper_that_is_imported_later_is_the_one_defined(self) -> None:
        """What a program lacks comes from where it is defined, and not from an example of use."""
        helper = "def nines():\n    return [9, 9]"
        main = "def run():\n    return nines()"
        usage = "from helpers import nines"
        text = "\n".join(f"{F}python\n{part}\n{F}" for part in (helper, main, usage))
        assert found(text) == (f"{helper}\n\n{main}", "joined-blocks")

    @pytest.mark.parametrize("end", ["<|im_end|>", "</s>", "<|eot_id|>\n", "</answer>", "[/INST]"])
    def test_a_token_glued_to_the_closing_fence(self, end: str) -> None:
        """It still closes the block."""
        assert found(f"So:\n{F}python\n{PROGRAM}{F}{end}") == (PROGRAM.strip(), "block")

    def test_a_block_in_an_answer_tag(self) -> None:
        """The tag may stand on the line of the fence."""
        text = f"<answer>{F}python\n{PROGRAM}{F}</answer>"
        assert found(text) == (PROGRAM.strip(), "block")


class TestValuesInATextWithoutFences:
    @pytest.mark.parametrize(
        ("text", "want"),
        [
            ("The best is [9,9].", "[9,9]"),
            ("Solution: [9, 9]", "[9, 9]"),
            ("<answer>[9,9]</answer>", "[9,9]"),
            ("<answer>\nIt is [9, 9].\n</answer> Each is in [0, 9].", "[9, 9]"),
            ("`[9, 9]`", "[9, 9]"),
            ("First [1], then `[9, 9]`", "[9, 9]"),
            ("Numbers in [0, 9) are allowed, so **[9, 9]** it is.", "[9, 9]"),
            ("I take\n\n[\n  9,\n  9\n]\n\nfor its sum.", "[\n  9,\n  9\n]"),
            ('We say "a b" and take ["]", 9].', '["]", 9]'),
            ("[as said: [[9], [9]] is best]", "[[9], [9]]"),
        ],
    )
    def test_a_list_in_prose(self, text: str, want: str) -> None:
        """The last list that parses counts, one in an answer tag before it."""
        assert found(text, kind="json", expected=frozenset({"list"})) == (want, "value-in-text")

    @pytest.mark.parametrize(
        "text",
        [
            "It is 18.",
            'Take {"points": [9, 9]}.',
            "[9, 9",
            "The sum of 9 and 9",
            "[9, 9,]",
            "[9]\ud800",
        ],
    )
    def test_what_is_no_list(self, text: str) -> None:
        """Numbers, a list within an object, what was cut off and a broken text are no list."""
        assert found(text, kind="json", expected=frozenset({"list"})) == (text, "text")

    @pytest.mark.parametrize(
        ("text", "want"),
        [
            ("Answer: 18", "18"),
            ("We add.\n**Solution:** `18`.", "18"),
            ("<answer> 18 </answer>", "18"),
            ("Final answer: 1.5e3", "1.5e3"),
        ],
    )
    def test_a_number_that_is_said_to_be_the_answer(self, text: str, want: str) -> None:
        """Alone in an answer tag or behind a label, a number is a value."""
        assert found(text, kind="json", expected=frozenset({"number"})) == (want, "value-in-text")

    def test_a_number_in_passing(self) -> None:
        """Within a sentence it is none."""
        text = "The sum of 9 and 9 is 18."
        assert found(text, kind="json", expected=frozenset({"number"})) == (text, "text")

    @pytest.mark.parametrize(
        "piece", ["[", "{", "[]", '["', '\\"', "]", "<answer>", "[1,", "answer: "]
    )
    def test_it_takes_linear_time(self, piece: str) -> None:
        """A long text of any piece is looked through in a fraction of a second."""
        started = time.process_time()
        text = f"x [{piece * (200_000 // len(piece))}"
        with contextlib.suppress(Malformed):
            find_solution(text, "json", "python")
        assert time.process_time() - started < 6


class TestProseAroundAnUnclosedBlock:
    @pytest.mark.parametrize(
        "behind",
        [
            "\nThis returns nines.",
            "\n**Explanation**\n- it's nine\n",
            "\nNote: it's (as said\n",
            "\nIt doesn't need more.\n\nIt is fine",
            f"\nIn JSON:\n{F}json\n[9, 9]\n",
        ],
    )
    @pytest.mark.parametrize("before", [f"{F}python\n", f"{F}\n", f"Here: {F}python\n"])
    def test_prose_behind_it(self, before: str, behind: str) -> None:
        """The longest beginning that parses and defines the entry is the program."""
        text = f"{before}{PROGRAM}{behind}"
        assert program(text) == PROGRAM.strip()

    def test_a_cut_statement_is_not_left_out(self) -> None:
        """A program that was cut within its function is tried as it is."""
        cut = "def run():\n    nine = 9\n    return [nine,"
        assert found(f"{F}python\n{cut}") == (cut, "open-block")

    @pytest.mark.parametrize(
        "before",
        [f"Here: {F}python", f"Here it is {F}py", f"So:{F}", f"**Code:** {F}python3", f"代码：{F}"],
    )
    def test_text_before_the_fence_on_its_line(self, before: str) -> None:
        """A fence that opens behind text is a fence; it never closes one."""
        assert program(f"{before}\n{PROGRAM}{F}\nDone.") == PROGRAM.strip()
        assert F not in program(f"{before}\nx = (\n{F}\nDone.")

    def test_a_fence_that_is_mentioned(self) -> None:
        """Code within a line opens nothing."""
        text = f"I write {F}python {F} here.\n{F}python\n{PROGRAM}{F}"
        assert found(text) == (PROGRAM.strip(), "block")

    def test_a_line_with_a_fence_in_a_block_ends_it_not(self) -> None:
        """What looks like an opening fence behind text is a line of the program there."""
        code = f'def run():\n    """Example: {F}python"""\n    return [9, 9]'
        assert found(f"{F}python\n{code}\n{F}") == (code, "block")

    @pytest.mark.parametrize("piece", ["x: ```python\n", "run (\n", "run = 1\nIt is\n"])
    def test_it_takes_linear_time(self, piece: str) -> None:
        """Long unclosed blocks of any piece are cut at a bounded number of lines."""
        started = time.process_time()
        with contextlib.suppress(Malformed):
            find_solution(
                f"{F}python\n{PROGRAM}{piece * (90_000 // len(piece))}", "program", "python"
            )
        assert time.process_time() - started < 6


class TestProgramsInProse:
    @pytest.mark.parametrize(
        ("before", "behind"),
        [
            ("Here is my program:\n\n", ""),
            ("", "\n\nThis returns nines, so it's done."),
            ("Sure, I can help.\n\n", "\n\nIt returns nines.\n\n- simple\n- fast"),
            ("<answer>", "</answer>"),
            ("Thus: <answer>\n", "\n</answer> Done."),
            ("[PYTHON]\n", "\n[/PYTHON]"),
            ("Here:\n[PYTHON]", "[/PYTHON]\nBye."),
            ("<code>\n", "\n</code>"),
            ("\\begin{lstlisting}[language=Python]\n", "\n\\end{lstlisting}"),
            ("<|python_tag|>", ""),
            ("Solution:\n", "\n\n**Complexity**: O(1)"),
            ("python\n", ""),
            ("BEGIN\n", "\nEND"),
            ("", "\n\nNote: simple"),
        ],
    )
    def test_prose_and_tags_around_a_bare_program(self, before: str, behind: str) -> None:
        """Without a fence the program is what parses and defines the entry."""
        text = f"{before}{PROGRAM.strip()}{behind}"
        assert found(text) == (PROGRAM.strip(), "program-in-text")

    def test_pieces_with_prose_between_them(self) -> None:
        """A piece that defines what the program lacks comes with it; an unused one does not."""
        helper = "def nines():\n    return [9, 9]"
        main = "def run():\n    return nines()"
        text = f"A helper.\n\n{helper}\n\nUnused:\n\nx = 1\n\nNow it's\n\n{main}\n\nDone, I think."
        assert found(text) == (f"{helper}\n\n{main}", "program-in-text")

    def test_the_last_of_several_counts(self) -> None:
        """A first try in prose gives way to the program behind it."""
        text = f"First I had\n\nrun = max\n\nwhich fails. Better:\n\n{PROGRAM}\nThat's all."
        assert found(text) == (PROGRAM.strip(), "program-in-text")

    def test_an_indented_program(self) -> None:
        """Markdown's code without fences is indented, and loses that."""
        text = "It is:\n\n    def run():\n        return [9, 9]\n\nThat's all."
        assert found(text) == (PROGRAM.strip(), "program-in-text")

    def test_a_bare_program_stays_as_it_is(self) -> None:
        """Its comments, its last line and its tests are its own."""
        code = f"# nines\n{PROGRAM}\nprint(run())\n# done"
        assert found(code) == (code, "text")

    def test_a_cut_program_is_not_shortened(self) -> None:
        """A function that was cut is tried as it is."""
        cut = "Here:\n\ndef run():\n    nine = 9\n    return [nine,"
        assert found(cut) == (cut, "text")

    @pytest.mark.parametrize(
        "piece", ["def run():\n", "x = (\n", "x = 1\nIt is\n", "for a: \n", "<a>", "import a\n,\n"]
    )
    def test_it_takes_linear_time(self, piece: str) -> None:
        """Long texts of what looks like code are looked through in bounded time."""
        started = time.process_time()
        with contextlib.suppress(Malformed):
            find_solution(f"run, {piece * (90_000 // len(piece))}", "program", "python")
        assert time.process_time() - started < 6


CPP = '#include <cstdio>\nint main() {\n    puts("}");\n}'


class TestCppInProse:
    @pytest.mark.parametrize(
        "behind",
        [
            *("\n\nThis prints a brace.", "\n\nExplanation: it's {simple}; done.", "\n"),
            *("\n\n**Note**: prints.", "\n\n1. It prints; then\n2. it returns {0}."),
        ],
    )
    @pytest.mark.parametrize("before", [f"{F}cpp\n", f"Here: {F}c++\n", f"{F}\n"])
    def test_prose_behind_an_unclosed_block(self, before: str, behind: str) -> None:
        """The program ends with its last function."""
        text = f"{before}{CPP}{behind}"
        assert find_solution(text, "program", "cpp") == Found(text=CPP, rule="open-block")

    @pytest.mark.parametrize(
        ("before", "behind"),
        [
            ("Here it is:\n\n", ""),
            ("", "\n\nThis prints a brace."),
            ("Sure; int is used.\n\n", "\n\nBye."),
            ("<answer>", "</answer>"),
            ("[CPP]\n", "\n[/CPP]"),
        ],
    )
    def test_prose_around_a_bare_program(self, before: str, behind: str) -> None:
        """Without a fence it reaches from its first include to its last function."""
        text = f"{before}{CPP}{behind}"
        assert find_solution(text, "program", "cpp").text == CPP

    def test_functions_behind_main_belong_to_it(self) -> None:
        """So do types and constants."""
        code = (
            f"{CPP}\nint helper(int a) {{ return a; }}\nstruct Point {{ int x; }};\nint last = 3;"
        )
        assert find_solution(f"{F}cpp\n{code}\n\nAll.", "program", "cpp").text == code

    def test_a_program_that_was_cut_stays_as_it_is(self) -> None:
        """Without the end of its main nothing is left out."""
        cut = "#include <cstdio>\nint main() {\n    for (;;"
        assert find_solution(f"{F}cpp\n{cut}", "program", "cpp").text == cut


class TestValuesThatAreCalledTheAnswer:
    @pytest.mark.parametrize(
        "text",
        [
            "Answer: [9,9]\nNote that [4, 5] is smaller.",
            "The answer is [9,9]. I also tried [4], which failed.",
            "**Answer:** [9,9]\n\nThe differences are [0].",
            "Answer:\n[9,9]\n\nIndeed [2, 4] works, too.",
            "Solution: [9,9], which beats [4,5].",
            "\\boxed{[9,9]} with the sum [18]",
            "The final answer is:\n\n[9,9]\n\n(compared with [4, 5])",
            "My solution is [9,9] (not [3, 2]).",
            "答案：[9,9]。其中 [4]",
            "Answer: the list is [9,9]. The sum of [9] is 9",
            "I tried [0, 0] first. Final answer: [9,9]",
            "The old solution is [1]. The list [2] is worse. Solution: [9,9]. See [3].",
            "Initial solution: [1]. Then [2], and at last [9,9].",
            "The answer is not [4]. Take [9,9].",
        ],
    )
    def test_a_later_list_does_not_beat_it(self, text: str) -> None:
        """A list that the text calls the answer goes before others; a former one does not."""
        assert found(text, kind="json", expected=frozenset({"list"})) == ("[9,9]", "value-in-text")
