"""The library by name: the list, what a name stands for, copies, and runs started by a name."""

import json
import os
import shutil
import stat
from pathlib import Path

import pytest
import yaml

from tests._helpers import read_lines, ttrl, write_lines, write_problem
from tests._installed import files_below, install, installed, library_of
from ttrl_cli import __version__, api, library
from ttrl_cli.cli.names import complete_problem, complete_questions
from ttrl_cli.problem import load_problem

PROBLEMS = Path(__file__).resolve().parents[1] / "problems"
NAMES = [
    "ac1", "ac1_16", "ac2", "ac3", "ahc039", "ahc039_python", "ahc039_small", "ahc058",
    "ahc058_python", "ahc058_small", "circle_packing_26", "circle_packing_32",
    "erdos_min_overlap", "erdos_overlap_16", "sidon_100", "van_loading",
]  # fmt: skip
SETS = ["one_digit_add", "one_digit_mul", "two_digit_add"]
ROW = "52 47 66 55 44 58 41 63 46 57 49 60 58 48 59 51"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


# -- the list --------------------------------------------------------------------------------


def test_a_clone_reads_its_own_folder() -> None:
    """The library of a clone, and of an editable install, is `problems/` itself."""
    assert library.folder() == PROBLEMS
    assert list(library.problems()) == NAMES
    assert list(library.questions()) == SETS


@pytest.mark.usefixtures("here")
def test_the_list_as_a_table() -> None:
    """One line each, with its kind, its direction, the best score known and what it is."""
    lines = ttrl("problems").out.splitlines()
    assert [line.split()[0] for line in lines] == ["name", *NAMES, *SETS]
    assert lines[0].split() == ["name", "kind", "direction", "best", "known"]
    row = "sidon_100 text maximize 12 A Golomb ruler within 0 to 99"
    assert row in [" ".join(line.split()) for line in lines]
    row = "two_digit_add questions 100 questions such as What is 73 + 95?"
    assert row in [" ".join(line.split()) for line in lines]
    assert {line.find("minimize") for line in lines} == {-1, lines[0].find("direction")}


@pytest.mark.usefixtures("here")
def test_the_list_as_json() -> None:
    """A line each, all with the same keys; what a set of questions has not is null."""
    found = [json.loads(line) for line in ttrl("problems", "--json").out.splitlines()]
    assert {tuple(one) for one in found} == {
        ("name", "kind", "direction", "best_known", "about", "path")
    }
    by_name = {one["name"]: one for one in found}
    assert by_name["ac2"] == {
        "name": "ac2",
        "kind": "program",
        "direction": "maximize",
        "best_known": 0.962901,
        "about": "Second autocorrelation inequality",
        "path": str(PROBLEMS / "ac2"),
    }
    asked = by_name["one_digit_mul"]
    assert (asked["kind"], asked["direction"], asked["best_known"]) == ("questions", None, None)


def test_every_problem_has_a_line() -> None:
    """Each README begins with a heading, which the list shows; variants have one of their own."""
    about = {one.name: one.about for one in api.problems()}
    assert all(about[name] for name in [*NAMES, *SETS])
    assert about["ahc058_small"] == "10 cases of 0.2 s, which is not the contest"
    assert len({about[name] for name in NAMES}) > len(NAMES) - 4  # as both contests say the same


def test_variants_share_a_folder() -> None:
    """A YAML file beside problem.yaml goes by the names of both; its path stands for it, too."""
    assert library.find_problem("ahc058_small") == PROBLEMS / "ahc058" / "small.yaml"
    assert library.find_problem("ahc058") == PROBLEMS / "ahc058"
    assert load_problem(PROBLEMS / "ahc058" / "small.yaml").spec.name == "ahc058_small"


@pytest.mark.usefixtures("here")
def test_a_copy_of_a_variant_is_the_variant() -> None:
    """The copy's problem.yaml is what the variant's file says, with the copy's name."""
    assert ttrl("new", "mine", "--from", "ahc058_small").code == 0
    mine = load_problem(Path("mine"))
    assert (mine.spec.name, mine.spec.limits.seconds) == ("mine", 0.2)
    first = Path("mine/problem.yaml").read_text().splitlines()[0]
    assert (
        first
        == f"# Copied from ahc058_small of the library of ttrl {__version__} by `ttrl new --from`."
    )


# -- names and paths -------------------------------------------------------------------------


def test_names_stand_for_the_library(here: Path) -> None:
    """A name that is no path here is the library's, of problems and of sets of questions."""
    assert library.find_problem("sidon_100") == PROBLEMS / "sidon_100"
    assert library.find_questions("one_digit_add") == PROBLEMS / "arithmetic/one_digit_add.jsonl"
    assert library.find_questions("-") == Path("-")
    assert ttrl("verify", "sidon_100", write(here / "ruler.txt", "00 01 03 07")).code == 0


def test_an_existing_path_wins(here: Path) -> None:
    """Whatever is there under the name is meant, and read as a problem, also where it is none."""
    write_problem(here / "ac1")
    assert library.find_problem("ac1") == Path("ac1")
    checked = ttrl("check", "ac1", "--json")
    assert checked.json["problem"] == "number"
    (here / "sidon_100").mkdir()
    refused = ttrl("check", "sidon_100")
    assert refused.code == 2
    assert "sidon_100/problem.yaml: no such file" in refused.err
    (here / "ac2").symlink_to("nowhere")
    assert library.find_problem("ac2") == Path("ac2")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("text", ["./ac1", "x/../ac1", "/ac1", "problems/ac1", "ac1/problem.yaml"])
def test_a_path_means_the_path(text: str) -> None:
    """A path that is not there is never the library's, which the message offers by its name."""
    refused = ttrl("check", text)
    assert refused.code == 2
    assert refused.err == f"{text}: no such file or folder; write ac1 alone for that of the library"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("ac4", ["ac1", "ac2", "ac3"]),
        ("erdos-overlap-16", ["erdos_overlap_16"]),
        ("Sidon100", ["sidon_100"]),
        ("erdos", ["erdos_min_overlap", "erdos_overlap_16"]),
        ("circle_packing", ["circle_packing_26", "circle_packing_32"]),
    ],
)
def test_a_wrong_name_is_told_what_is_near(text: str, near: list[str]) -> None:
    """Near names are listed whatever their case and dashes; all stand in `ttrl problems`."""
    for words in (["solve", text], ["check", text], ["verify", text, "x"], ["new", "--from", text]):
        refused = ttrl(*words, *(["mine"] if words[0] == "new" else []))
        assert refused.code == 2
        assert refused.err.startswith(f"{text} is neither a path nor a problem of the library")
        listed = refused.err.partition("near to it: ")[2].partition(" (")[0].split(", ")
        assert set(near) <= set(listed), refused.err
        assert "`ttrl problems`" in refused.err


@pytest.mark.usefixtures("here")
def test_a_name_that_is_near_to_none() -> None:
    """There is nothing to list then."""
    why = "zebra is neither a path nor a problem of the library (`ttrl problems` lists it)"
    assert ttrl("solve", "zebra").err == why


@pytest.mark.usefixtures("here")
def test_questions_and_problems_are_told_apart() -> None:
    """A name of the other sort is told its command; the folder of sets is near to each of them."""
    err = ttrl("solve", "one_digit_add").err
    assert err == "one_digit_add is a set of questions: ttrl vote one_digit_add"
    assert ttrl("vote", "sidon_100").err == "sidon_100 is a problem: ttrl solve sidon_100"
    assert f"near to it: {', '.join(SETS)}" in ttrl("vote", "arithmetic").err


@pytest.mark.usefixtures("here")
def test_files_of_questions_are_read_as_before() -> None:
    """A file that is not there is named with what the system says of it."""
    assert "aime.jsonl: cannot be read: No such file" in ttrl("vote", "aime.jsonl").err


def test_a_set_of_questions_by_name(here: Path) -> None:
    """It is asked as the YAML beside it says, and the run is called like it."""
    replay = write_lines(here / "replay.jsonl", ["Answer: 4"])
    done = ttrl("vote", "one_digit_add", "--n", 2, "--steps", 0, "--sampler", f"replay:{replay}")
    assert done.code == 0, done.err
    assert len(done.out.splitlines()) == 100
    assert "What is 12 + 3?" in (here / "runs/one_digit_add-1/prompt.yaml").read_text()


def test_shells_complete_names_and_paths(here: Path) -> None:
    """Both are offered, folders with a slash; a path that was begun goes on as a path."""
    (here / "ac9").mkdir()
    (here / ".ac").touch()
    assert complete_problem("ac") == ["ac1", "ac1_16", "ac2", "ac3", "ac9/"]
    assert complete_problem("./a") == ["./ac9/"]
    assert complete_problem("nowhere/a") == []
    assert complete_questions("o") == ["one_digit_add", "one_digit_mul"]


# -- copies ----------------------------------------------------------------------------------


def write(path: Path, text: str) -> Path:
    """Write a text."""
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["ac1_16", "erdos_overlap_16", "sidon_100"])
def test_a_copy_passes_its_check(here: Path, name: str) -> None:
    """It has every file of the library's, its own name, and a first line that says whence it is."""
    made = ttrl("new", "mine", "--from", name)
    assert made.code == 0, made.err
    assert made.out.splitlines()[1:] == ["  ttrl check mine", "  ttrl solve mine"]
    lines = (here / "mine" / "problem.yaml").read_text().splitlines()
    original = (PROBLEMS / name / "problem.yaml").read_text().splitlines()
    assert lines[0] == f"# Copied from {name} of the library of ttrl 0.1.0 by `ttrl new --from`."
    assert lines[1:] == ['name: "mine"', *original[1:]]
    names = files_below(here / "mine")
    assert names == files_below(PROBLEMS / name)
    for file in names - {"problem.yaml"}:
        assert (here / "mine" / file).read_bytes() == (PROBLEMS / name / file).read_bytes()
    assert not (here / "mine" / "__pycache__").exists()
    assert ttrl("check", "mine", "--json").json["problem"] == "mine"


@pytest.mark.parametrize("name", ["ac1", "ac2", "ac3", "circle_packing_26", "erdos_min_overlap"])
def test_every_problem_can_be_copied(here: Path, name: str) -> None:
    """Those whose seeds take minutes to check are loaded, which checks all but running them."""
    assert ttrl("new", "deep/mine", "--from", name, "--json").json["kind"] == "program"
    assert load_problem(here / "deep" / "mine").spec.name == "mine"


@pytest.mark.parametrize(
    ("written", "as_it_is"),
    [
        ('name: "old"', ""),
        ("name: 'old'", ""),
        ("name: old # a name", " # a name"),
        ("name:   !!str old", ""),
        ("? name\n: old", ""),
        ("name: >-\n  old", ""),
        ("name: |-\n  old\n", ""),
        ("statement: old\nname: &n old", ""),
    ],
)
def test_names_are_replaced_however_they_are_written(
    here: Path, written: str, as_it_is: str
) -> None:
    """The name alone is another; a comment behind it stays, and so does all else."""
    write_problem(here / "old", name=None)
    file = here / "old" / "problem.yaml"
    keys = yaml.safe_load(written).keys()
    rest = [line for line in file.read_text().splitlines() if line.partition(":")[0] not in keys]
    file.write_text("\n".join([written, *rest]))
    before = yaml.safe_load(file.read_text())
    assert ttrl("new", "new", "--from", "old").code == 0
    text = (here / "new" / "problem.yaml").read_text()
    assert yaml.safe_load(text) == {**before, "name": "new"}
    assert as_it_is in text


@pytest.mark.parametrize("name", ["2024", "1e5", "true", "no", "null", "1.0", "0x1f"])
def test_a_name_that_yaml_takes_for_something_else(here: Path, name: str) -> None:
    """It stays text in the copy."""
    write_problem(here / "old")
    assert ttrl("new", name, "--from", "old").code == 0
    assert load_problem(here / name).spec.name == name


def test_what_is_copied_from_a_path(here: Path) -> None:
    """The first line names the folder; problem.yaml means its folder; a byte order mark goes."""
    write_problem(here / "o\nld")
    file = here / "o\nld" / "problem.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    (here / "o\nld" / ".git").mkdir()
    assert ttrl("new", "mine", "--from", file).code == 0
    first = (here / "mine" / "problem.yaml").read_text().splitlines()[0]
    assert first == f'# Copied from "{here}/o\\nld" by `ttrl new --from`.'
    assert sorted(path.name for path in (here / "mine").iterdir()) == [
        "problem.yaml",
        "seed.txt",
        "verify.py",
    ]


def test_a_copy_can_be_changed(here: Path) -> None:
    """A library whose files nobody may write makes a copy whose files the owner may."""
    source = write_problem(here / "old")
    for path in (source / "verify.py", source):
        path.chmod(path.stat().st_mode & ~0o222)
    assert ttrl("new", "mine", "--from", "old").code == 0
    source.chmod(0o755)
    for path in (here / "mine", here / "mine" / "verify.py"):
        assert path.stat().st_mode & stat.S_IWUSR


def test_what_cannot_be_copied(here: Path) -> None:
    """A folder that exists, one in the source, a bad name, a kind, and what is no problem."""
    write_problem(here / "old")
    (here / "there").mkdir()
    (here / "link").symlink_to("nowhere")
    wrong = {
        ("there",): "there exists already, and nothing is ever overwritten",
        ("link",): "link exists already",
        ("old/seed.txt/x",): "lies in",
        ("old/x",): "would be copied into itself",
        ("there/-x",): "cannot be a problem's name",
        ("mine", "--kind", "json"): "--kind: a copy (--from) is of its problem's kind",
    }
    for words, why in wrong.items():
        refused = (
            ttrl("new", "--from", "old", "--", *words)
            if words[-1] == "there/-x"
            else (ttrl("new", "--from", "old", *words))
        )
        assert refused.code == 2, words
        assert why in refused.err
    write(here / "old" / "problem.yaml", "name: x\nstatement: [")
    assert "is not YAML" in ttrl("new", "mine", "--from", "old").err
    assert "one_digit_add is a set of questions" in ttrl("new", "m", "--from", "one_digit_add").err
    assert sorted(path.name for path in here.iterdir()) == ["link", "old", "there"]


def test_a_name_that_cannot_be_replaced_is_refused(here: Path) -> None:
    """An alias would rename something else as well; the message says what to write."""
    write_problem(here / "old", name=None, statement=None)
    file = here / "old" / "problem.yaml"
    file.write_text("statement: &x old\nname: *x\n" + file.read_text())
    refused = ttrl("new", "mine", "--from", "old")
    assert refused.code == 2
    assert refused.err.endswith("name: write it as plain text, so that a copy can have another")
    assert not (here / "mine").exists()


# -- installed -------------------------------------------------------------------------------


def test_a_run_started_by_name_outlives_the_library(tmp_path: Path) -> None:
    """An installed ttrl solves by name in an empty folder; later any ttrl resumes it elsewhere."""
    python = install(tmp_path / "venv")
    place = tmp_path / "empty"
    place.mkdir()
    listed = installed(python, "problems", "--json", cwd=place)
    first = json.loads(listed.out.splitlines()[0])
    assert first["path"] == str(library_of(python) / "ac1")
    replay = write_lines(tmp_path / "replay.jsonl", [f"Row: {ROW}"])
    options = ("--sampler", f"replay:{replay}", "--group-size", 2, "--steps", 1, "--workers", 1)
    done = installed(python, "solve", "erdos_overlap_16", *options, cwd=place)
    assert done.code == 0, done.err
    run = place / "runs" / "erdos-overlap-16-1"
    kept = {path.name for path in (run / "problem").iterdir()}
    assert kept == {path.name for path in (PROBLEMS / "erdos_overlap_16").iterdir()} - {
        "__pycache__"
    }
    shutil.rmtree(tmp_path / "venv")
    again = ttrl("resume", run, "--steps", 2, "--json")
    assert again.code == 0, again.err
    assert again.json["steps"] == 2
    assert {line["verdict"]["status"] for line in read_lines(run / "attempts.jsonl")} == {"ok"}


def test_without_the_library_the_list_says_so(tmp_path: Path) -> None:
    """Names are then no names, and `ttrl problems` ends with exit code 3."""
    python = install(tmp_path / "venv")
    shutil.rmtree(library_of(python))
    done = installed(python, "problems", cwd=tmp_path)
    assert done.code == 3
    assert "the problem library is not there" in done.err
    assert os.path.lexists(tmp_path / "venv")
