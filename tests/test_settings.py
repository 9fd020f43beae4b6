"""Settings of a problem: what is declared, what --set changes, and who is told."""

import json
from pathlib import Path
from typing import Any

import pytest

import ttrl_cli
from tests._helpers import read_lines, ttrl, write_lines, write_problem
from ttrl_cli.errors import ProblemError
from ttrl_cli.problem import load_problem
from ttrl_cli.settings import SettingError, chosen, declared, filled

DECLARED: dict[str, object] = {
    "cases": 10,
    "level": {"default": "small", "choices": ["small", "large"], "help": "Size of the inputs."},
    "noise": {"default": 0.5, "min": 0, "max": 1},
    "strict": False,
    "note": "",
}
# the score of a number is that number, times the setting `factor`
TIMES = """
from ttrl_cli import Invalid

def verify(text, settings):
    settings["factor"] = 0  # a copy: it changes nothing for the next call
    return int(text)

def score(number, *, settings):
    return number * settings["factor"]
"""


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("cases", "3", 3),
        ("cases", " -4 ", -4),
        ("level", "large", "large"),
        ("noise", "1", 1.0),
        ("noise", "2.5e-1", 0.25),
        ("strict", "true", True),
        ("strict", "Off", False),
        ("note", "a=b, ü", "a=b, ü"),
        ("note", "12", "12"),
        ("cases", 7, 7),
        ("noise", 0, 0.0),
        ("strict", True, True),
    ],
)
def test_value_has_the_defaults_type(key: str, text: object, value: object) -> None:
    """A value is read as its setting's default is typed, from a text as from Python."""
    found = chosen(declared(DECLARED), {key: text})
    assert found == {key: value}
    assert type(found[key]) is type(value)


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("cases", "ten", "expected a whole number: the default is 10, and this is 'ten'"),
        ("cases", "1.0", "expected a whole number"),
        ("cases", "", "expected a whole number"),
        ("cases", "1_000", "expected a whole number"),
        ("cases", "٣", "expected a whole number"),
        ("cases", "9" * 5000, "expected a whole number"),
        ("cases", True, "expected a whole number"),
        ("cases", 2.0, "expected a whole number"),
        ("cases", None, "expected a whole number"),
        ("noise", "nan", "expected a number"),
        ("noise", "1e999", "expected a number"),
        ("noise", "0_1", "expected a number"),
        ("noise", 10**400, "expected a number"),
        ("noise", "1.5", "must be at most 1 (got 1.5)"),
        ("noise", "-0.1", "must be at least 0"),
        ("strict", "1", "expected true or false"),
        ("strict", 0, "expected true or false"),
        ("level", "Large", "expected one of small, large (got Large)"),
        ("note", 1, "expected a text"),
        ("case", "3", "unknown setting; known: cases, level, noise, strict, note"),
        ("", "3", "unknown setting"),
    ],
)
def test_value_of_another_type_is_refused(key: str, value: object, why: str) -> None:
    """A value that does not fit its setting, and an unknown one, are refused by name."""
    with pytest.raises(SettingError) as refusal:
        chosen(declared(DECLARED), {key: value})
    assert refusal.value.key == key
    assert refusal.value.why.startswith(why)


@pytest.mark.parametrize(
    ("raw", "key", "why"),
    [
        ({"cases": None}, "cases", "expected a truth value"),
        ({"cases": [1]}, "cases", "expected a truth value"),
        ({"cases": float("inf")}, "cases", "expected a truth value"),
        ({"cases": "1e-3"}, "cases", "YAML takes 1e-3 for a text"),
        ({"a b": 1}, "a b", "a name has letters"),
        ({"1a": 1}, "1a", "a name has letters"),
        ({"a": {}}, "a.default", "is missing"),
        ({"a": {"default": 1, "choice": [1]}}, "a.choice", "unknown key; known: default"),
        ({"a": {"default": 1, "choices": []}}, "a.choices", "expected a list"),
        ({"a": {"default": 1, "choices": [1, "2"]}}, "a.choices[1]", "must be of the default's"),
        ({"a": {"default": 1, "choices": [2]}}, "a.default", "expected one of 2 (got 1)"),
        ({"a": {"default": 1, "min": 2}}, "a.default", "must be at least 2"),
        ({"a": {"default": 1, "min": "0"}}, "a.min", "expected a number"),
        ({"a": {"default": True, "max": 1}}, "a.max", "goes with numbers alone"),
        ({"a": {"default": 1, "help": 3}}, "a.help", "expected a text"),
    ],
)
def test_wrong_declaration_names_its_key(
    raw: dict[str, object], key: str, why: str, tmp_path: Path
) -> None:
    """A setting that is declared in a wrong way is refused with the file and the whole key."""
    with pytest.raises(SettingError) as refusal:
        declared(raw)
    assert refusal.value.key == key
    assert refusal.value.why.startswith(why)
    folder = write_problem(tmp_path / "p", settings=raw)
    with pytest.raises(ProblemError, match=r"problem\.yaml: settings") as wrong:
        load_problem(folder)
    assert wrong.value.key == f"settings.{key}"


def test_statement_names_values(tmp_path: Path) -> None:
    """`{{ settings.NAME }}` in a statement is the value; other braces stay as they are."""
    folder = write_problem(
        tmp_path / "p", statement="{{a}} {{ settings.n }} of {{settings.n}}", settings={"n": 3}
    )
    assert load_problem(folder).statement == "{{a}} 3 of 3"
    assert load_problem(folder, {"n": "4"}).statement == "{{a}} 4 of 4"
    with pytest.raises(SettingError, match="unknown setting; known: n"):
        filled("{{ settings.m }}", {"n": 3})
    plain = write_problem(tmp_path / "q", statement="{{ settings.n }}")
    with pytest.raises(ProblemError, match="unknown setting; the problem declares none"):
        load_problem(plain)


def test_functions_and_template_are_told(tmp_path: Path) -> None:
    """verify, score and the prompt get the values; a function that changes its own gets a copy."""
    folder = write_problem(
        tmp_path / "p",
        TIMES,
        settings={"factor": 2},
        prompt={"template": "t.txt"},
        run={"groups": 1, "group_size": 2, "steps": 1, "workers": 1, "threads": 1},
    )
    (folder / "t.txt").write_text("times {{ settings.factor }}: {{ solution }}")
    replay = write_lines(tmp_path / "r.jsonl", ["5", "6"])
    run = tmp_path / "run"
    options = ["--sampler", f"replay:{replay}", "--out", run, "--json"]
    done = ttrl("solve", folder, *options, "--set", "factor=3")
    assert done.json["best"]["score"] == 18
    assert ttrl("verify", folder, folder / "seed.txt", "--json").json["score"] == 2
    verified = ttrl("verify", folder, folder / "seed.txt", "--json", "--set", "factor=7")
    assert verified.json["score"] == 7
    checked = ttrl("check", folder, "--json", "--set", "factor=5")
    assert checked.json["seeds"][0]["score"] == 5
    wrong = ttrl("check", folder, "--set", "factor=high")
    assert wrong.code == 2
    assert "p/problem.yaml: settings.factor: expected a whole number" in wrong.err


def test_functions_without_settings_stay_as_they_are(tmp_path: Path) -> None:
    """A problem without settings tells its functions none, whatever their parameters are called."""
    code = "def verify(text, settings=7):\n  return settings\n\ndef score(n):\n  return n\n"
    folder = write_problem(tmp_path / "p", code)
    assert ttrl("verify", folder, folder / "seed.txt", "--json").json["score"] == 7
    with pytest.raises(ProblemError, match="must take one argument"):
        load_problem(write_problem(tmp_path / "q", TIMES))


def test_command_is_told(tmp_path: Path) -> None:
    """A verifier command reads the settings beside the data, if the problem has any."""
    code = "import json, sys; given = json.load(sys.stdin); keys = sorted(given)\n"
    code += "n = given.get('settings', {}).get('n', -1)\n"
    code += "print(json.dumps({'valid': True, 'score': n, 'data': keys}))"
    command = {"command": ["python3", "-c", code]}
    for settings, score in ({"n": 4}, 4), (None, -1):
        folder = write_problem(
            tmp_path / str(score), verifier=command, score=None, settings=settings
        )
        assert ttrl("verify", folder, folder / "seed.txt", "--json").json["score"] == score


def _solve(folder: Path, run: Path, *more: object) -> Any:
    replay = write_lines(folder.parent / "r.jsonl", ["5", "6", "7", "8"])
    options = ["--sampler", f"replay:{replay}", "--out", run, "--json"]
    return ttrl("solve", folder, *options, *more)


def test_run_keeps_settings(tmp_path: Path) -> None:
    """A resumed run has the settings it began with; the digest has them only if given."""
    folder = write_problem(tmp_path / "p", TIMES, settings={"factor": 1, "unused": "x"})
    plain, given, again = (tmp_path / name for name in ("plain", "given", "again"))
    assert _solve(folder, plain).code == 0
    assert _solve(folder, given, "--set", "factor=1").code == 0
    assert _solve(folder, again, "--set", "factor=1", "--steps", "1").code == 0
    assert ttrl("resume", again, "--steps", "2").code == 0
    assert "settings" not in json.loads((plain / "provenance.json").read_text())
    assert json.loads((given / "provenance.json").read_text())["settings"] == {"factor": 1}
    digests = [ttrl("show", run, "--digest").out for run in (plain, given, again)]
    assert digests[0] != digests[1] == digests[2]


def test_resumed_run_scores_with_its_settings(tmp_path: Path) -> None:
    """What is graded after a resume is graded with the values that --set gave at the beginning."""
    folder = write_problem(tmp_path / "p", TIMES, settings={"factor": 1})
    run = tmp_path / "run"
    assert _solve(folder, run, "--set", "factor=10", "--steps", "1").json["best"]["score"] == 80
    assert ttrl("resume", run, "--steps", "2").code == 0
    scores = {line["verdict"]["score"] for line in read_lines(run / "attempts.jsonl")}
    assert scores == {50, 60, 70, 80}
    refused = ttrl("resume", run, "--set", "factor=2")
    assert (refused.code, "a run keeps the settings" in refused.err) == (2, True)
    other = _solve(folder, tmp_path / "other", "--from", run)
    assert (other.code, "has settings {'factor': 10}" in other.err) == (2, True)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two runs of one problem, with the factors 1 and 10, of which only the second was given."""
    folder = tmp_path_factory.mktemp("two")
    statement = "Times {{ settings.factor }}."
    problem = write_problem(
        folder / "p", TIMES, settings={"factor": 1, "note": "x"}, statement=statement
    )
    plain, given = folder / "plain", folder / "given"
    assert _solve(problem, plain).code == 0
    assert _solve(problem, given, "--set", "factor=10", "--set", "note=a b").code == 0
    return plain, given


def test_package_checks_with_the_settings(two: tuple[Path, Path], tmp_path: Path) -> None:
    """A reviewer's command has the run's settings, and gives the run's score."""
    package = tmp_path / "package"
    done = ttrl("export", two[1], "--solution", package)
    assert done.code == 0, done.err
    readme = (package / "README.md").read_text()
    command = "ttrl verify problem solution.txt --set factor=10 --set 'note=a b'\n"
    assert command in readme
    assert "valid, score 80." in readme
    lineage = json.loads((package / "lineage.json").read_text())["solutions"]
    assert "Times 10." in json.dumps(lineage)


def test_settings_set_arms_apart(two: tuple[Path, Path]) -> None:
    """Runs with other settings are not pooled, but arms of a comparison."""
    arms = ttrl("compare", *two, "--json").json["arms"]
    assert [arm["label"] for arm in arms] == [
        "set factor 1, set note x",
        "set factor 10, set note a b",
    ]


def test_report_has_the_settings(two: tuple[Path, Path]) -> None:
    """The statement and the prompts of a report are those that the run asked."""
    assert ttrl("report", two[1]).code == 0
    page = (two[1] / "report.html").read_text()
    assert "Times 10." in page
    assert "Times 1." not in page


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--set", "factor"], "--set: expected KEY=VALUE"),
        (["--set", "=3"], "--set: expected KEY=VALUE"),
        (["--set", "factor=3", "--set", "factor=3"], "each key once"),
        (["--set", "colour=red"], "settings.colour: unknown setting; known: factor"),
    ],
)
def test_bad_option_is_refused(words: list[str], why: str, tmp_path: Path) -> None:
    """A --set that is no KEY=VALUE, comes twice or is unknown ends solve, verify and check."""
    folder = write_problem(tmp_path / "p", TIMES, settings={"factor": 1})
    for command in (["solve", folder], ["check", folder], ["verify", folder, folder / "seed.txt"]):
        done = ttrl(*command, *words)
        assert (done.code, why in done.err) == (2, True)


def verify_times(data: int, settings: dict[str, Any]) -> int:
    """Return the data."""
    del settings
    return data


def score_times(number: int, *, settings: dict[str, Any]) -> float:
    """Return the number times the factor."""
    return number * float(settings["factor"])


def test_python_problem_has_settings(tmp_path: Path) -> None:
    """A problem made in Python declares settings, and solve gives them their values."""
    problem = ttrl_cli.Problem(
        statement="A number.",
        verify=verify_times,
        score=score_times,
        seeds=[2],
        settings={"factor": 1.5},
        run={"groups": 1, "group_size": 2, "steps": 1, "workers": 1, "threads": 1},
    )
    replay = write_lines(tmp_path / "r.jsonl", ["```json\n4\n```"])
    summary = ttrl_cli.solve(
        problem,
        out=tmp_path / "run",
        quiet=True,
        sampler=f"replay:{replay}",
        settings={"factor": 2},
    )
    assert summary.best is not None
    assert summary.best.score == 8
    with pytest.raises(ttrl_cli.TtrlError, match=r"settings\.factor: expected a number"):
        ttrl_cli.solve(problem, quiet=True, sampler=f"replay:{replay}", settings={"factor": "x"})
    with pytest.raises(ttrl_cli.TtrlError, match="must take one argument"):
        ttrl_cli.Problem(statement="A number.", verify=verify_times, score=score_times, seeds=[2])
