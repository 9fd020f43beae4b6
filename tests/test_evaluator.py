"""Another tool's evaluator as it is: what it says becomes an unverified score, and nothing more."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests._browser import opened
from tests._helpers import Done, read_lines, solve, ttrl, write_lines, write_problem
from ttrl_cli.errors import ProblemError
from ttrl_cli.problem import load_problem
from ttrl_cli.prompts import solve_messages
from ttrl_cli.records import State

PROGRAM = """
# EVOLVE-BLOCK-START
def answer():
    return 2
# EVOLVE-BLOCK-END


def entry_point():
    return answer()
"""
EVALUATOR = """
import importlib.util

def evaluate(program_path):
    spec = importlib.util.spec_from_file_location("program", program_path)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    return {"combined_score": program.entry_point() / 10, "size": 3, "note": "as it should be"}
"""
SHORT = {"seconds": 3, "memory_mb": 1024, "output_mb": 0.1}


def _write(folder: Path, evaluator: str = EVALUATOR, **keys: Any) -> Path:
    """Write a problem with an evaluator; no key says which way its scores are better."""
    folder = write_problem(
        folder,
        seed=PROGRAM,
        **{
            "solution": {"kind": "program"},
            "verifier": {"evaluate": "evaluator.py"},
            "score": None,
            "direction": None,
            "limits": SHORT,
            **keys,
        },
    )
    (folder / "evaluator.py").write_text(evaluator)
    return folder


def _verify(folder: Path, evaluator: str, **keys: Any) -> Done:
    written = _write(folder, evaluator, **keys)
    return ttrl("verify", written, written / "seed.txt", "--json")


def test_evaluators_score_is_unverified_wherever_it_is_shown(tmp_path: Path) -> None:
    """A run, what is shown of it, its best folder, its attempts, check and verify say so."""
    folder, run = _write(tmp_path / "p"), tmp_path / "run"
    better = PROGRAM.replace("return 2", "return 7")
    replay = write_lines(tmp_path / "r.jsonl", [f"```python\n{better}```", f"```\n{PROGRAM}```"])
    bounds = ["--groups", 1, "--steps", 1]
    done = ttrl("solve", folder, "--sampler", f"replay:{replay}", "--out", run, *bounds)
    assert done.code == 0
    assert "best score   0.7 unverified  (step 1, 1.0.0)" in done.out
    assert "seed score   0.2 unverified" in done.out
    assert "scores are unverified" in done.err
    assert "best, unverified 0.7" in done.err
    assert "0.7 unverified" in ttrl("show", run).out
    shown = ttrl("show", run, "--json").json
    assert (shown["best"]["score"], shown["best"]["unverified"]) == (0.7, True)
    kept = json.loads((run / "best" / "verdict.json").read_text())
    assert (kept["score"], kept["unverified"], kept["metrics"]) == (0.7, True, {"size": 3.0})
    lines = read_lines(run / "attempts.jsonl")
    assert [line["verdict"]["unverified"] for line in lines] == [True, True]
    assert not (run / "best" / "certificate.json").exists()
    assert ttrl("resume", run, "--steps", 2, "--json").json["best"]["unverified"] is True
    checked = ttrl("check", folder)
    assert checked.code == 0
    assert "seed.txt  score 0.2 unverified" in checked.out
    assert ttrl("check", folder, "--json").json["seeds"][0]["unverified"] is True
    verified = ttrl("verify", folder, folder / "seed.txt")
    assert verified.out.startswith("evaluated\n  score       0.2 unverified")
    assert ttrl("verify", folder, folder / "seed.txt", "--json").json["unverified"] is True
    refused = ttrl("verify", folder, folder / "seed.txt", "--certify")
    assert (refused.code, "has no certify" in refused.err) == (2, True)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search whose scores an evaluator gave: 0.7, made from 0.2."""
    folder = tmp_path_factory.mktemp("judged")
    better = PROGRAM.replace("return 2", "return 7")
    problem = _write(folder / "p")
    done = solve(problem, folder / "run", [f"```python\n{better}```"], "--steps", 1, "--groups", 1)
    assert done.code == 0, done.err
    return folder / "run"


def test_lists_and_comparisons_mark_it(judged: Path) -> None:
    """`ls`, `compare` and the ancestry in `show` say of each score that nobody verified it."""
    assert "0.7 unverified" in ttrl("ls", judged.parent).out
    assert ttrl("ls", judged.parent, "--json").json["unverified"] is True
    assert "0.2 unverified  (seed.0" in ttrl("show", judged).out
    compared = ttrl("compare", judged).out
    assert compared.splitlines()[0].endswith("maximize, scores are unverified")
    assert "Best score at equal cost (median) unverified" in compared
    assert ttrl("compare", judged, "--json").json["unverified"] is True


def test_report_marks_it(judged: Path) -> None:
    """The report's sentences, facts and lists have the mark."""
    assert ttrl("report", judged).code == 0
    page = (judged / "report.html").read_text()
    assert "The best score is 0.7 unverified (higher is better)" in page
    assert "(score 0.2 unverified)" in page
    assert '"unverified": true, "findings"' in page
    with opened(judged / "report.html") as page_opened:
        said = page_opened.text()
    assert said.count("0.7 unverified") >= 3
    assert "0.2 unverified" in said


def test_package_for_a_reviewer_marks_it(judged: Path, tmp_path: Path) -> None:
    """Its README says that the score is unverified, and its command runs the program itself."""
    done = ttrl("export", judged, "--solution", tmp_path / "package")
    assert done.code == 0, done.err
    readme = (tmp_path / "package" / "README.md").read_text()
    assert "a solution with score 0.7 unverified\n" in readme
    assert "ttrl verify problem solution.py\n" in readme
    assert "score 0.7 unverified." in readme
    assert "is valid" not in readme
    given = [tmp_path / "package" / name for name in ("problem", "solution.py")]
    assert ttrl("verify", *given).out.startswith("evaluated\n  score       0.7 unverified")


def test_verified_scores_are_shown_as_before(tmp_path: Path) -> None:
    """A problem with a verifier of its own has no such mark anywhere."""
    folder, run = write_problem(tmp_path / "p"), tmp_path / "run"
    replay = write_lines(tmp_path / "r.jsonl", ["5"])
    done = ttrl("solve", folder, "--sampler", f"replay:{replay}", "--out", run, "--json")
    assert "unverified" not in done.out + done.err
    assert "unverified" not in (run / "best" / "verdict.json").read_text()
    assert "unverified" not in (run / "attempts.jsonl").read_text()


@pytest.mark.parametrize(
    ("returned", "score"),
    [
        ('{"combined_score": 0.5, "other": 9}', 0.5),
        ('{"combined_score": "0.25"}', 0.25),
        ('{"a": 1, "b": 2, "flag": True, "why": "words", "gone": float("nan")}', 1.5),
        ('Result({"combined_score": 3}, {"log": "text", "raw": b"bytes", "n": 1})', 3.0),
        ('EvaluationResult(metrics={"combined_score": 4}, artifacts={})', 4.0),
        ('EvaluationResult(metrics={"a": 5})', 5.0),
        ('{"combined_score": numpy.float64(6), "n": numpy.int64(7)}', 6.0),
        ('{"combined_score": -2}', -2.0),
    ],
    ids=["score", "text", "mean", "object", "openevolve", "no artifacts", "numpy", "below 0"],
)
def test_score_is_what_that_tool_takes(returned: str, score: float, tmp_path: Path) -> None:
    """combined_score is taken, else the mean of the finite numbers; of a mapping or an object."""
    code = "import numpy\nfrom openevolve.evaluation_result import EvaluationResult\n"
    code += "class Result:\n    def __init__(self, metrics, artifacts):\n"
    code += "        self.metrics, self.artifacts = metrics, artifacts\n"
    code += f"def evaluate(path):\n    return {returned}\n"
    assert _verify(tmp_path / "p", code).json["score"] == score


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("raise ValueError('of mine')", "ValueError: of mine"),
        ("raise SystemExit(0)", "SystemExit"),
        ("return None", "must return a mapping of metrics (got NoneType)"),
        ("return 0.5", "must return a mapping of metrics (got float)"),
        ("return {}", "returned no number"),
        ("return {'error': 'the program is wrong'}", "no number; error: the program is wrong"),
        ("return {'flag': True}", "returned no number"),
        ("return {'combined_score': float('nan')}", "is no finite number: nan"),
        ("return {'combined_score': float('-inf'), 'a': 1}", "is no finite number: -inf"),
        ("return {'combined_score': 10**400}", "is no finite number: 1000"),
        ("return {'combined_score': 1e200}", "is out of range"),
        ("return {'combined_score': None}", "is no finite number: None"),
        ("return {'combined_score': True}", "is no finite number: True"),
        ("return {'combined_score': [1]}", "is no finite number: [1]"),
        ("print('x' * 300_000)\n    return {'combined_score': 1}", "printed more than 0.1 MiB"),
        ("import os; os._exit(0)", "ended without an answer"),
        ("return {'combined_score': bytearray(2**31)[0]}", "used more memory"),
    ],
)
def test_evaluator_without_a_score_is_a_failed_attempt(body: str, why: str, tmp_path: Path) -> None:
    """An evaluator that raises, returns no number or says too much gives no score, and a reason."""
    done = _verify(tmp_path / "p", f"def evaluate(path):\n    {body}\n")
    assert (done.code, done.json["score"], done.json["valid"]) == (4, None, False)
    assert why in done.json["reason"]


def test_evaluator_that_never_ends_is_ended(tmp_path: Path) -> None:
    """An evaluator that never ends is ended by limits.seconds, whatever it started."""
    code = "import subprocess\ndef evaluate(path):\n"
    code += "    subprocess.Popen(['sleep', '1000'])\n    while True:\n        pass\n"
    done = _verify(tmp_path / "p", code, limits={**SHORT, "seconds": 0.5})
    assert "still running after" in done.json["reason"]


@pytest.mark.parametrize(
    ("keys", "key", "why"),
    [
        ({"verifier": {"evaluate": "gone.py"}}, "verifier.evaluate", "no such file"),
        ({"verifier": {"evaluate": "../evaluator.py"}}, "verifier.evaluate", "lies outside"),
        ({"verifier": {"evaluate": "seed.txt"}}, "verifier.evaluate", "expected FILE.py"),
        ({"verifier": {"evaluate": "empty.py"}}, "verifier.evaluate", "no function 'evaluate'"),
        ({"verifier": {"evaluate": "two.py"}}, "verifier.evaluate", "must take one argument"),
        ({"verifier": {"evaluate": "broken.py"}}, "verifier.evaluate", "broken.py:1: "),
        ({"verifier": {"evaluate": 3}}, "verifier.evaluate", "valid string"),
        ({"verifier": {"evaluate": ""}}, "verifier.evaluate", "at least 1"),
        ({"verifier": {"evaluate": "evaluator.py", "a": 1}}, "verifier.a", "unknown key"),
        (
            {"verifier": {"evaluat": "evaluator.py"}, "direction": "maximize"},
            "verifier.command",
            "is missing",
        ),
        ({"score": "verify.py:score"}, "score", "goes with a verifier"),
        ({"certify": "verify.py:score"}, "certify", "goes with a verifier"),
        ({"render": "verify.py:score"}, "render", "goes with a verifier"),
        ({"measure": "verify.py:score"}, "measure", "goes with a verifier"),
        ({"solution": {"kind": "text"}}, "solution.kind", "must be program"),
        ({"direction": "up"}, "direction", "Input should be"),
    ],
)
def test_wrong_evaluator_is_refused(
    keys: dict[str, Any], key: str, why: str, tmp_path: Path
) -> None:
    """What is wrong with the evaluator or goes without one is refused with file and key."""
    folder = _write(tmp_path / "p", **keys)
    (tmp_path / "evaluator.py").write_text(EVALUATOR)
    (folder / "empty.py").write_text("evaluator = 1\n")
    (folder / "two.py").write_text("def evaluate(path, settings):\n    return {}\n")
    (folder / "broken.py").write_text("def evaluate(:\n")
    with pytest.raises(ProblemError) as refusal:
        load_problem(folder)
    assert (refusal.value.key, why in refusal.value.why) == (key, True)


FORGING = """
import sys

def entry_point():
    for module in list(sys.modules.values()):
        if hasattr(module, "number_of"):
            module.number_of = lambda value, name: 99.0
    return 1
"""


def test_program_that_forges_the_score_is_marked(tmp_path: Path) -> None:
    """A program can make the evaluator say anything: that is why its score is unverified."""
    folder = _write(tmp_path / "p")
    (tmp_path / "forging.py").write_text(FORGING)
    done = ttrl("verify", folder, tmp_path / "forging.py", "--json")
    assert (done.json["score"], done.json["unverified"]) == (99, True)


def test_evaluator_runs_in_the_sandbox_alone(tmp_path: Path) -> None:
    """Its file is imported in the sandbox, never in a grading worker, and it sees no other file."""
    canary = tmp_path / "canary"
    canary.write_text("1")
    code = f"import os\nfrom pathlib import Path\nSEEN = [Path({str(canary)!r}).exists()]\n"
    code += "try:\n    Path('/work').exists() and Path('/work/left').write_text('1')\n"
    code += "except OSError:\n    pass\n"
    code += (
        f"HERE = sorted(os.listdir())\ntry:\n    Path({str(tmp_path / 'left')!r}).write_text('x')\n"
    )
    code += "except OSError:\n    pass\n"
    code += "def evaluate(path):\n    return {'combined_score': sum(SEEN), 'here': str(HERE)}\n"
    folder = _write(tmp_path / "p", code, run={"workers": 1})
    done = ttrl("verify", folder, folder / "seed.txt", "--json", "--sandbox", "auto")
    if "does not cover" in done.err or "isolat" in done.err:
        pytest.skip("there is no isolation here")
    assert done.json["score"] == 0
    assert not (tmp_path / "left").exists()


def test_evaluator_finds_the_files_of_the_problem(tmp_path: Path) -> None:
    """It reads solution.files beside itself, and imports them."""
    code = "import os, helper\nHERE = os.path.dirname(os.path.abspath(__file__))\n"
    code += "def evaluate(path):\n    text = open(os.path.join(HERE, 'table.txt')).read()\n"
    code += "    return {'combined_score': helper.twice(int(text))}\n"
    solution = {"kind": "program", "files": ["helper.py", "table.txt"]}
    folder = _write(tmp_path / "p", code, solution=solution)
    (folder / "helper.py").write_text("def twice(n):\n    return 2 * n\n")
    (folder / "table.txt").write_text("21")
    assert ttrl("verify", folder, folder / "seed.txt", "--json").json["score"] == 42


def test_prompt_says_what_an_evaluator_needs(tmp_path: Path) -> None:
    """The prompt asks for the whole program, shows what the evaluator said, and names no entry."""
    folder = _write(tmp_path / "p")
    done = ttrl("verify", folder, folder / "seed.txt", "--json")
    assert done.code == 0
    problem = load_problem(folder)
    assert problem.spec.solution.entry == "entry_point"
    state = State(
        id="seed.0",
        parent=None,
        step=0,
        score=0.2,
        signed=0.2,
        data=PROGRAM,
        solution=PROGRAM,
        shown=PROGRAM,
        output="",
        feedback="note: as it should be",
    )
    prompt = solve_messages(problem, state, None)[-1].content
    assert "one complete program in a ```python block" in prompt
    assert "EVOLVE-BLOCK-START" in prompt.rpartition("## Your task")[2]
    assert "What the verifier says about it: note: as it should be" in prompt
    assert "entry_point`" not in prompt
    assert "as high as possible" in prompt


def test_copies_of_a_program_are_known_by_their_text(tmp_path: Path) -> None:
    """A program that differs in comments alone is the same one to the search."""
    folder, run = _write(tmp_path / "p"), tmp_path / "run"
    copies = [f"```python\n{PROGRAM}\n# again\n```", f"```python\n# once more\n{PROGRAM}```"]
    new = PROGRAM.replace("return 2", "return 3")
    replay = write_lines(tmp_path / "r.jsonl", [*copies, f"```python\n{new}```", copies[0]])
    bounds = ["--groups", 1, "--group-size", 4, "--steps", 1, "--no-train"]
    ttrl("solve", folder, "--sampler", f"replay:{replay}", "--out", run, *bounds)
    archive = read_lines(run / "archive.jsonl")
    assert [child["score"] for child in archive[1]["children"]] == [0.3]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("raise RuntimeError('at the top')\ndef evaluate(path): return 1\n", "at the top"),
        ("import no_such_module\ndef evaluate(path): return 1\n", "no_such_module"),
        ("from math import pi as evaluate\n", "it has no function 'evaluate'"),
        ("async def judge(path): return {}\nevaluate = judge\n", "must not be async"),
        ("async def evaluate(path): return {}\n", "must not be async"),
    ],
)
def test_evaluator_that_cannot_run_is_named(code: str, why: str, tmp_path: Path) -> None:
    """An evaluator that fails before any program is run is at fault, and not the seed."""
    done = ttrl("check", _write(tmp_path / "p", code))
    assert done.code == 2
    assert "problem.yaml: verifier.evaluate: " in done.err
    assert why in done.err
