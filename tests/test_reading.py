"""Files as editors and shells write them, and values that YAML reads in its own way."""

import codecs
import json
from pathlib import Path

import pytest

from tests._helpers import ttrl, write_lines, write_problem
from ttrl_cli.errors import ProblemError
from ttrl_cli.problem import load_problem

# -- files as editors and shells write them --------------------------------------------------

MARKED = {
    "UTF-8 with a mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "UTF-16, little": lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
    "UTF-16, big": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "UTF-32": lambda text: codecs.BOM_UTF32_LE + text.encode("utf-32-le"),
    "lines of Windows": lambda text: codecs.BOM_UTF8 + text.replace("\n", "\r\n").encode(),
}
FILES = ("problem.yaml", "seed.txt", "statement.md", "prompt.jinja")


@pytest.mark.parametrize("mark", MARKED)
@pytest.mark.parametrize("file", FILES)
def test_byte_order_marks(tmp_path: Path, file: str, mark: str):
    """Every text file of a problem is read without its byte order mark."""
    keys = {"statement": "statement.md", "prompt": {"template": "prompt.jinja"}}
    folder = write_problem(tmp_path / "p", **keys)
    (folder / "statement.md").write_text("Größer, please.\n")
    (folder / "prompt.jinja").write_text("{{ statement }} Now {{ solution }}")
    path = folder / file
    path.write_bytes(MARKED[mark](path.read_text()))
    problem = load_problem(folder)
    assert problem.statement == "Größer, please."
    assert problem.template == "{{ statement }} Now {{ solution }}"
    assert problem.seeds[0].text == "1"


@pytest.mark.parametrize(
    "source",
    [
        codecs.BOM_UTF8 + b"def verify(t): return int(t)\ndef score(n): return n\n",
        "# coding: latin-1\nN = 'é'\ndef verify(t): return int(t)\ndef score(n): return n\n".encode(
            "latin-1"
        ),
        b"def verify(t): return int(t)\r\ndef score(n): return n\r\n",
    ],
)
def test_code_is_read_as_python_does(tmp_path: Path, source: bytes):
    """A verifier with a byte order mark, a coding cookie or lines of Windows is a verifier."""
    folder = write_problem(tmp_path / "p")
    (folder / "verify.py").write_bytes(source)
    done = ttrl("check", folder)
    assert done.code in (0, 2), done.err  # it is attacked as well, and is not a careful one
    assert "score 1" in done.out


@pytest.mark.parametrize("file", [*FILES, "verify.py"])
@pytest.mark.parametrize("raw", [b"\xe9t\xe9 = caf\xe9\n", b"\xff\xfex", b"\xff\xfe\x00\xd8"])
def test_what_is_no_text_is_refused(tmp_path: Path, file: str, raw: bytes):
    """A file in any other encoding is refused in one sentence, with its name."""
    keys = {"statement": "statement.md", "prompt": {"template": "prompt.jinja"}}
    folder = write_problem(tmp_path / "p", **keys)
    (folder / "statement.md").write_text("Larger.")
    (folder / "prompt.jinja").write_text("{{ statement }}")
    (folder / file).write_bytes(raw)
    done = ttrl("check", folder)
    assert done.code == 2
    assert file in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_marks_in_the_other_files(tmp_path: Path):
    """Solutions, replay files, certificates and prompt files are read without a mark as well."""
    folder = write_problem(tmp_path / "p")
    (tmp_path / "s.txt").write_bytes(codecs.BOM_UTF8 + b"17")
    assert ttrl("verify", folder, tmp_path / "s.txt", "--json").json["score"] == 17
    for number, encode in enumerate(MARKED.values()):
        replay = tmp_path / f"r{number}"
        replay.write_bytes(encode('{"text": "5"}\n'))
        out = tmp_path / f"run{number}"
        done = ttrl("solve", folder, "--out", out, "--sampler", f"replay:{replay}", "--steps", 1)
        assert done.code == 0, done.err
        questions = write_lines(tmp_path / f"q{number}.jsonl", [{"question": "1?"}])
        questions.with_suffix(".yaml").write_bytes(encode("system: Be kind.\n"))
        voted = tmp_path / f"vote{number}"
        done = ttrl("vote", questions, "--n", 2, "--out", voted, "--sampler", f"replay:{replay}")
        assert (voted / "prompt.yaml").read_text() == "system: Be kind.\n"


# -- values that YAML reads in its own way ---------------------------------------------------


@pytest.mark.parametrize(
    ("line", "taken"),
    [
        ("name: no", "a truth value"),
        ("name: on", "a truth value"),
        ("name: 007", "a number"),
        ("name: 1.10", "a number"),
        ("name: 2026-08-01", "a date"),
        ("statement: 12", "a number"),
        ("environment: {python: 3.11}", "a number"),
        ("environment: {imports: [yes]}", "a truth value"),
        ("solution: {kind: program, entry: off}", "a truth value"),
        ("best_known_source: 2026", "a number"),
        ("prompt: {system: yes}", "a truth value"),
    ],
)
def test_text_that_wants_quotes(tmp_path: Path, line: str, taken: str):
    """A text that YAML takes for something else is refused with the advice to quote it."""
    folder = write_problem(tmp_path / "p")
    key = line.partition(":")[0]
    kept = [x for x in (folder / "problem.yaml").read_text().splitlines() if not x.startswith(key)]
    if key == "solution":
        kept = [x for x in kept if x.strip() != "kind: text"]
    (folder / "problem.yaml").write_text("\n".join([*kept, line, ""]))
    done = ttrl("check", folder)
    assert done.code == 2
    assert f"; YAML takes it for {taken}: put it in quotes" in done.err
    assert f"problem.yaml: {key}" in done.err


@pytest.mark.parametrize(
    "line", ["run:", "limits:", "environment:", "prompt:", "reward:", "environment: {imports: }"]
)
def test_empty_sections_are_their_defaults(tmp_path: Path, line: str):
    """A section with nothing in it is as if it were not there."""
    folder = write_problem(tmp_path / "p", run=None, limits=None)
    before = load_problem(folder)
    with (folder / "problem.yaml").open("a") as file:
        file.write(f"{line}\n")
    assert load_problem(folder) == before


@pytest.mark.parametrize("line", ["best_known: {}", "seeds:", "limits: {seconds: }", "run: {lr: }"])
def test_other_empty_values_are_refused(tmp_path: Path, line: str):
    """What is no section, and what a section needs a value for, may not be empty."""
    folder = write_problem(tmp_path / "p", run=None, limits=None, seeds=None)
    with (folder / "problem.yaml").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(ProblemError):
        load_problem(folder)


def test_a_required_section_that_is_empty(tmp_path: Path):
    """An empty section with a key that must be there lacks that key."""
    folder = write_problem(tmp_path / "p", solution=None)
    with (folder / "problem.yaml").open("a") as file:
        file.write("solution:\n")
    assert "solution.kind: is missing" in ttrl("check", folder).err


def test_an_empty_section_of_a_prompt_file(tmp_path: Path):
    """Of a prompt file, empty sections are their defaults, too."""
    questions = write_lines(tmp_path / "q.jsonl", [{"question": "1?"}])
    (tmp_path / "q.yaml").write_text("system: Hi.\nrun:\nexamples:\n")
    replay = write_lines(tmp_path / "r", ["Answer: 1"])
    out = tmp_path / "run"
    done = ttrl("vote", questions, "--n", 2, "--out", out, "--sampler", f"replay:{replay}")
    assert done.code == 0, done.err
    assert json.loads(done.out)["answer"] == "1"
