"""`ttrl report`: one HTML file of runs, and what it says."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests._helpers import Done, solve, ttrl, write_lines, write_problem
from ttrl_cli.report.page.changes import change
from ttrl_cli.report.page.health import signs
from ttrl_cli.report.page.html import SCRIPTS
from ttrl_cli.report.page.texts import MAX_CHARACTERS, PART_RECORDS, Texts, unpacked

WEB = Path(__file__).parent.parent / "ttrl_cli" / "report" / "page" / "web"
HOSTILE = "</script><script>alert(1)</script>"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of two steps, in each two groups of two, whose best is its sixth sample: 90."""
    folder = tmp_path_factory.mktemp("report")
    problem = write_problem(folder / "problem", best_known=100)
    replay = ["3", "50", f"no number {HOSTILE}", "4", "20", "90", "30", "50"]
    done = solve(problem, folder / "run", replay, "--seed", 0)
    assert done.code == 0, done.err
    return folder / "run"


def data_of(file: Path) -> Any:
    """The data of a report's first run."""
    return all_of(file)[0]


def all_of(file: Path) -> Any:
    """The data of a report's runs."""
    (text,) = re.findall(
        r'<script type="application/json" id="data">(.*?)</script>', file.read_text(), re.DOTALL
    )
    return json.loads(text)["runs"]


def records_of(file: Path) -> list[dict[str, Any]]:
    """The texts of a report, unpacked."""
    parts = re.findall(
        r'<script type="application/gzip" id="[^"]*">(.*?)</script>', file.read_text()
    )
    return list(unpacked(parts))


def report(*arguments: object) -> Path:
    """Write a report; return the path that the command prints."""
    done: Done = ttrl("report", *arguments)
    assert done.code == 0, done.err
    return Path(done.out.strip())


def test_which_change_from_which_parent_at_which_sample(run: Path) -> None:
    """The findings name the best score, its attempt, sample, parent and the size of the change."""
    data = data_of(report(run))
    assert data["findings"] == [
        "The best score is 90 (higher is better; best known 100).",
        "Attempt 2.0.1 found it, in step 2: sample 6 of 8.",
        "It was made from 1.0.1 (score 50); the change: 1 of 1 word changed.",
        "It is 2 changes away from its seed.",
    ]
    assert data["health"]["text"] == "Nothing was learned: the completions were scripted."


def test_what_the_model_saw_is_the_prompt_that_was_sent(run: Path) -> None:
    """The best one's prompt holds its parent, and the change of score that made that parent."""
    file = report(run)
    data = data_of(file)
    (turn,) = records_of(file)[data["prompts"]["1.0.1"]]["messages"]
    assert turn["role"] == "user"
    assert "Name a large number." in turn["content"]
    assert "Its score: 1 -> 50 (the solution it was made from -> this one)." in turn["content"]


def test_every_attempt_is_a_node_with_its_texts(run: Path) -> None:
    """Nodes are the roots, then the attempts in order; a refused one has a reason and no score."""
    file = report(run)
    data, records = data_of(file), records_of(file)
    nodes = data["nodes"]
    assert nodes["id"][:3] == ["seed.0", "seed.1", "1.0.0"]
    assert data["first"] == 2
    refused = nodes["id"].index("1.1.0")
    assert (nodes["status"][refused], nodes["score"][refused]) == ("invalid", None)
    assert records[refused]["reason"] == "not a whole number"
    assert records[refused]["text"] == f"no number {HOSTILE}"
    best = nodes["id"].index("2.0.1")
    assert nodes["id"][nodes["parent"][best]] == "1.0.1"
    assert records[best]["solution"] == "90"


def test_a_copy_that_the_archive_left_out_has_its_solution(run: Path) -> None:
    """Attempt 2.1.1 is valid and says 50 again: no state, and yet its solution can be read."""
    file = report(run)
    nodes = data_of(file)["nodes"]
    copy = nodes["id"].index("2.1.1")
    assert (nodes["kept"][copy], nodes["score"][copy]) == (False, 50)
    assert records_of(file)[copy]["solution"] == "50"


def test_no_text_ends_its_element(run: Path) -> None:
    """No `<` of a run is written as such: the file has our one script and elements of data."""
    content = report(run).read_text()
    assert "alert(1)" not in content  # it is packed
    assert len(re.findall("<script", content)) == content.count("</script>")
    assert re.findall(r"<script(?! type=)", content) == ["<script"]


def test_a_hostile_statement_is_data_as_well(tmp_path: Path) -> None:
    """The statement stands in the data that is not packed, with its `<` escaped."""
    statement = f"Name a number. {HOSTILE}<!--<script>"
    problem = write_problem(tmp_path / "problem", statement=statement)
    solve(problem, tmp_path / "run", ["3"] * 8)
    file = report(tmp_path / "run")
    assert data_of(file)["statement"] == statement
    assert HOSTILE not in file.read_text()


def test_the_page_may_ask_for_nothing() -> None:
    """The policy allows our script and style by their hashes; the page names no address."""
    page = (WEB / "page.html").read_text()
    assert "Content-Security-Policy" in page
    for name in (*SCRIPTS, "style.css", "page.html"):
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", (WEB / name).read_text()), name


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_parse_no_markup_and_no_code(name: str) -> None:
    """What a run says can only become a text node or an attribute of an element of ours."""
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Function\(|\.href|\.src"
    )
    assert not re.search(forbidden, (WEB / name).read_text())


def test_all_scripts_are_in_the_page() -> None:
    """No file of the folder is forgotten, and none is missing."""
    assert {path.name for path in WEB.glob("*.js")} == set(SCRIPTS)


def test_a_report_is_written_anew(run: Path, tmp_path: Path) -> None:
    """Equal runs give equal files, an older file is replaced, and nothing else is left."""
    file = tmp_path / "of a run.html"
    file.write_text("old")
    assert report(run, "--out", file) == file
    first = file.read_bytes()
    assert report(run, "--out", file).read_bytes() == first
    assert [path.name for path in tmp_path.iterdir()] == ["of a run.html"]


def test_runs_side_by_side_are_named_apart(run: Path, tmp_path: Path) -> None:
    """Two runs whose folders have one name are called by the folders above them too."""
    problem = write_problem(tmp_path / "problem")
    solve(problem, tmp_path / "run", ["3"] * 8)
    data = all_of(report(run, tmp_path / "run", "--out", tmp_path / "two.html"))
    assert [one["title"] for one in data] == [f"{run.parent.name}/run", f"{tmp_path.name}/run"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere is not a run directory: it has no status.json"),
        (["RUN", "--by", "level"], "--by groups the questions of a vote"),
        (["RUN", "--out", "nowhere/report.html"], "--out nowhere/report.html: its folder"),
    ],
)
def test_mistakes_of_users(run: Path, arguments: list[str], said: str) -> None:
    """What is no run, `--by` without a vote, and a folder that is not there end with code 2."""
    done = ttrl("report", *(str(run) if word == "RUN" else word for word in arguments))
    assert done.code == 2
    assert said in done.err
    assert not done.out


def test_a_run_without_a_step_has_a_report(tmp_path: Path) -> None:
    """A run that has not committed a step says that there is no more than its seed."""
    problem = write_problem(tmp_path / "problem")
    solve(problem, tmp_path / "run", ["3"] * 8, "--steps", 0)
    data = data_of(report(tmp_path / "run"))
    assert data["findings"] == [
        "The best score is 1 (higher is better).",
        "It is seed.0, which was there before the first step: no attempt beat it.",
    ]
    assert data["nodes"]["id"] == ["seed.0", "seed.1"]


def test_a_warm_start_has_the_earlier_states_before_step_1(run: Path, tmp_path: Path) -> None:
    """States of the run it began from stand left of step 1, and the lineage goes through them."""
    problem = write_problem(tmp_path / "problem", best_known=100)
    solve(problem, tmp_path / "run", ["95"] * 8, "--from", run)
    data = data_of(report(tmp_path / "run"))
    nodes = data["nodes"]
    before = {id_: step for id_, step in zip(nodes["id"], nodes["step"], strict=True) if "/" in id_}
    assert before["run/seed.0"] == -2
    assert before["run/2.0.1"] == 0
    best = nodes["id"].index(data["best"]["id"])
    assert nodes["id"][nodes["parent"][best]].startswith("run/")


# -- texts ---------------------------------------------------------------------------------------


def test_texts_are_packed_in_parts() -> None:
    """Records come back in their order, without empty fields, whichever part holds them."""
    texts = Texts()
    numbers = [texts.add({"text": f"é {k}", "reason": ""}) for k in range(PART_RECORDS + 3)]
    assert numbers == list(range(PART_RECORDS + 3))
    assert len(texts.parts()) == 2
    assert list(unpacked(texts.parts()))[PART_RECORDS] == {"text": f"é {PART_RECORDS}"}


def test_a_long_text_is_cut() -> None:
    """What is left out is counted."""
    texts = Texts()
    texts.add({"text": "x" * (MAX_CHARACTERS + 1234)})
    (record,) = unpacked(texts.parts())
    assert record["text"].endswith("x\n[1,234 more characters are in the run directory]")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("1 2 3", "1 5 3", "1 of 3 words changed"),
        ("a", "b", "1 of 1 word changed"),
        ("a\nb\n", "a\nb\nc\nd\n", "2 of 4 lines new, 0 removed"),
        ("a\nb\nc", "a", "0 of 1 word new, 2 removed"),
        ("a\nb", "a\nb", "no change"),
    ],
)
def test_the_size_of_a_change(before: str, after: str, said: str) -> None:
    """Lines are counted, or words where one of the texts has one line."""
    assert str(change(before, after)) == said


# -- health --------------------------------------------------------------------------------------

STEADY = {
    "solve/valid": [0.5] * 10,
    "solve/distinct": [0.4] * 10,
    "train/entropy": [2.0] * 10,
    "train/kl_base": [0.1] * 10,
    "policy/sync": [None, *[1.0] * 9],
    "credit/groups_dropped": [0.1] * 10,
    "grade/failed": [0.0] * 10,
}


def test_a_steady_run_is_healthy() -> None:
    """No sign is bad; the one of failures is left out."""
    assert [sign.name for sign in signs(STEADY) if not sign.good] == []
    assert len(signs(STEADY)) == 6


@pytest.mark.parametrize(
    ("key", "values", "name"),
    [
        ("solve/valid", [0.5] * 8 + [0.2] * 2, "valid attempts"),
        ("solve/valid", [0.08] * 10, "valid attempts"),
        ("solve/distinct", [0.4] * 8 + [0.1] * 2, "valid and new attempts"),
        ("train/entropy", [2.0] * 8 + [0.5] * 2, "entropy"),
        ("train/kl_base", [0.1] * 8 + [0.6] * 2, "KL"),
        ("policy/sync", [0.2] * 10, "sync"),
        ("credit/groups_dropped", [0.9] * 10, "signal"),
        ("grade/failed", [0.0] * 9 + [0.1], "failures"),
    ],
)
def test_each_sign_of_concern(key: str, values: list[float], name: str) -> None:
    """A curve that falls, or is out of its bounds, is named first."""
    metrics: Mapping[str, Any] = STEADY | {key: values}
    found = signs(metrics)
    assert [sign.name for sign in found if not sign.good] == [name]
    assert found[0].name == name


# -- votes ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vote(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two questions, four samples each, before one training step and after it."""
    folder = tmp_path_factory.mktemp("vote")
    questions = [
        {"question": "What is 1 + 1?", "id": "easy", "answer": "2", "level": 1},
        {"question": f"What is 5 + 7? {HOSTILE}", "id": "hard", "answer": "12", "level": 2},
    ]
    asked = write_lines(folder / "questions.jsonl", questions)
    lines = [{"key": "easy", "text": f"Answer: {a}"} for a in (2, 2, 2, 3, 2, 2, 2, 2, 2, 2, 2, 2)]
    lines += [
        {"key": "hard", "text": f"Answer: {a}"}
        for a in (11, 11, 12, 13, 12, 12, 11, 12, 12, 12, 12, 11)
    ]
    replay = write_lines(folder / "replay.jsonl", lines)
    options = ["--n", 4, "--groups", 2, "--steps", 1, "--quiet"]
    done = ttrl("vote", asked, "--out", folder / "run", "--sampler", f"replay:{replay}", *options)
    assert done.code == 0, done.err
    return folder / "run"


def test_a_vote_says_what_came_of_it(vote: Path) -> None:
    """Of 8 samples 4 were right before and 7 after; 1 of 2 majorities was, then both."""
    data = data_of(report(vote, "--by", "level"))
    assert data["findings"] == [
        "2 questions, 2 of them with a label.",
        "Samples that agree with their majority: 62.5% -> 87.5%.",
        "pass@1 50.0% -> 87.5%, maj@n 50.0% -> 100.0%.",
        "pass@1 after against maj@n before: 87.5% against 50.0%; one sample now is at least as "
        "good as the vote that taught it.",
    ]
    assert (data["by"], data["fields"]) == ("level", ["level"])


def test_a_question_has_its_clusters_before_and_after(vote: Path) -> None:
    """The votes of each answer, and whether it is the label's."""
    hard = data_of(report(vote))["questions"][1]
    assert hard["label"] == "12"
    assert hard["fields"] == {"level": "2"}
    assert hard["before"]["clusters"] == [["11", 2], ["12", 1], ["13", 1]]
    assert hard["before"]["right"] == [False, True, False]
    assert hard["after"]["clusters"] == [["12", 3], ["11", 1]]


def test_the_figures_of_a_training_step(vote: Path) -> None:
    """In training 4 of 4 and 3 of 4 samples say the label, which is also the majority."""
    training = data_of(report(vote))["training"]
    assert training["label_accuracy"] == [1.0]
    assert training["ground_truth"] == [7 / 8]
    assert training["reward_accuracy"] == [1.0]
    assert training["majority"] == [7 / 8]


def test_a_field_that_no_question_has(vote: Path) -> None:
    """The message names those that they have."""
    done = ttrl("report", vote, "--by", "subject")
    assert done.code == 2
    assert "no question of" in done.err
    assert done.err.strip().endswith("they have: level")
