"""Files as editors and shells write them, and values that YAML reads in its own way."""

import codecs
import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from tests._helpers import ttrl, write_lines, write_problem
from ttrl_cli.api.accelerate_config import with_accelerate_file
from ttrl_cli.config import SolveConfig, resolve
from ttrl_cli.errors import ProblemError, UsageError
from ttrl_cli.problem import Limits, load_problem

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


ACCELERATE = {
    "a.yaml": "# größer\ndistributed_type: MULTI_CPU\nnum_processes: 3\nmixed_precision: bf16\n",
    "a.json": '{\n"distributed_type": "MULTI_CPU", "num_processes": 3,\n"mixed_precision": "bf16"}',
}


@pytest.mark.parametrize("name", ACCELERATE)
@pytest.mark.parametrize("mark", MARKED)
def test_marks_in_a_file_of_accelerates(tmp_path: Path, name: str, mark: str):
    """A file of accelerate's is read with a byte order mark as without."""
    path = tmp_path / name
    path.write_bytes(MARKED[mark](ACCELERATE[name]))
    config = with_accelerate_file(SolveConfig(accelerate_config=str(path)))
    assert (config.gpus, config.dtype) == (3, "bfloat16")
    assert config.accelerate_config == str(path)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"distributed_type: \xe9\n", "save it as UTF-8"),
        (b"\xff\xfe\x00\xd8", "is not UTF-16; save it as UTF-8"),
        (b"distributed_type: 'NO'\nno_such_key: 1\n", "{path} had unknown keys (['no_such_key'])"),
    ],
)
def test_what_is_no_file_of_accelerates(tmp_path: Path, raw: bytes, why: str):
    """What cannot be read is refused, and the file is called what the user calls it."""
    path = tmp_path / "a.yaml"
    path.write_bytes(raw)
    with pytest.raises(UsageError) as caught:
        with_accelerate_file(SolveConfig(accelerate_config=str(path)))
    assert str(caught.value).startswith(f"--accelerate-config {path}: ")
    assert why.format(path=path) in str(caught.value)


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
        ("name:", "no value: write one, or"),
        ("name: null", "no value: write one, or"),
        ("name: ~", "no value: write one, or"),
        ("statement: NULL", "no value: write one, or"),
        ("solution: {kind: program, entry: }", "no value: write one, or"),
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
    taken += "" if "write" in taken else ":"
    assert f"; YAML takes it for {taken} put it in quotes" in done.err
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


def numeric(section: type[BaseModel]) -> list[str]:
    """The keys of a section that are numbers."""
    return [
        name
        for name, field in section.model_fields.items()
        if re.search(r"\b(int|float)\b", str(field.annotation))
    ]


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize(
    ("section", "key"),
    [
        *(("limits", key) for key in numeric(Limits)),
        *(("run", key) for key in numeric(SolveConfig)),
        ("", "best_known"),
    ],
)
def test_a_truth_value_is_no_number(tmp_path: Path, section: str, key: str, value: bool):
    """Yes and no are not taken for 1 and 0, of any key that is a number."""
    keys = {section: {key: value}} if section else {key: value}
    with pytest.raises(ProblemError) as caught:
        load_problem(write_problem(tmp_path, **keys))
    where = f"{section}.{key}" if section else key
    assert f"problem.yaml: {where}: Input should be a number, and is a truth value" in str(
        caught.value
    )
    assert f"(got {value})" in str(caught.value)


def test_which_keys_are_numbers():
    """Keys that are looked at above are all there are, as far as they are known by hand."""
    assert numeric(Limits) == [
        "seconds", "memory_mb", "cpus", "output_mb", "disk_mb", "processes", "compile_seconds",
        "gpus", "repeats",
    ]  # fmt: skip
    assert {"groups", "samples", "kl", "clip", "threads", "epsilon"} < set(numeric(SolveConfig))
    assert {"train", "thinking", "sampler"}.isdisjoint(numeric(SolveConfig))


@pytest.mark.parametrize("key", ["temperature", "epochs", "min_share"])
def test_a_truth_value_in_a_prompt_file(tmp_path: Path, key: str):
    """Options of a vote neither take a truth value for a number."""
    questions = write_lines(tmp_path / "q.jsonl", [{"question": "1?"}])
    (tmp_path / "q.yaml").write_text(f"run: {{{key}: on}}\n")
    done = ttrl("vote", questions, "--sampler", f"replay:{write_lines(tmp_path / 'r', ['1'])}")
    assert done.code == 2
    assert f"run.{key}: Input should be a number, and is a truth value" in done.err


def test_truth_values_stay_what_they_are(tmp_path: Path):
    """A truth value is one where one is wanted, and 1 is a number."""
    run = {"train": False, "thinking": True, "groups": 1, "lr": 1}
    config = resolve(
        SolveConfig, load_problem(write_problem(tmp_path, run=run)).spec.run, {}, where=""
    )
    assert (config.train, config.thinking, config.groups, config.lr) == (False, True, 1, 1.0)


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
