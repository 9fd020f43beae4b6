"""What `import ttrl_cli` offers: problems made in Python, and how their functions travel."""

import functools
import importlib
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import ttrl_cli
from tests._helpers import digest, read_lines, solve, ttrl, write_lines, write_problem
from tests._notebook import run_cells
from ttrl_cli.config import SolveConfig
from ttrl_cli.errors import UsageError
from ttrl_cli.grading.functions import load_functions
from ttrl_cli.problem import load_problem

ROOT = Path(__file__).parent.parent
REPLAY = ["[1, 2, 3]", "[50, 60]", "[1000]", "nothing", "[7]", "[8]", "[9, 9]", "[4]"]
SMALL = {"groups": 2, "group_size": 2, "steps": 2, "workers": 1}


def verify(data: Any) -> Any:
    """Accept a list of whole numbers up to 100."""
    if type(data) is not list or not all(type(x) is int and x <= 100 for x in data):
        msg = "expected whole numbers up to 100"
        raise ttrl_cli.Invalid(msg)
    return data


def score(data: Any) -> float:
    """Add up the data."""
    return float(sum(data))


def made(**more: Any) -> ttrl_cli.Problem:
    """A problem with functions of this file."""
    given = {"statement": "Name numbers.", "verify": verify, "score": score, "seeds": [[1]]}
    return ttrl_cli.Problem(**(given | more))


@pytest.fixture
def replay(tmp_path: Path) -> str:
    """A sampler of scripted completions."""
    return f"replay:{write_lines(tmp_path / 'replay.jsonl', REPLAY)}"


@pytest.fixture
def main() -> Iterator[None]:
    """Put the main module back after a test that has another."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


def called(problem: ttrl_cli.Problem, folder: Path, data: Any) -> Any:
    """What a problem's functions make of data, imported from its folder as a worker does."""
    functions = load_functions(load_problem(problem.save(folder)))
    with functions.home.entered():
        return functions.by_key["score"](functions.by_key["verifier"](data))


# -- whole runs -------------------------------------------------------------------------------


def test_the_lines_of_the_page(tmp_path: Path, counting_model: Path) -> None:
    """The page's lines run in a notebook as they stand, with a tiny model in the default's place.

    It writes digits, so the best solution is the seed, and each question has a number for answer.
    """
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "smollm2-135m").symlink_to(counting_model)
    (tmp_path / "work").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests._notebook", str(ROOT / "docs" / "python.md")],
        cwd=tmp_path / "work",
        env=os.environ | {"TTRL_CACHE": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, second, third = done.stdout.splitlines()
    assert first == "19.0 [12, 7]"
    assert second.startswith("1 ")
    assert third.startswith("2 ")


def test_a_run_is_that_of_a_folder(tmp_path: Path, replay: str) -> None:
    """A problem made in Python does what the same one in a folder does, attempt by attempt."""
    body = (
        "import ttrl_cli\n\ndef verify(data):\n"
        "    if type(data) is not list or not all(type(x) is int and x <= 100 for x in data):\n"
        "        raise ttrl_cli.Invalid('no')\n    return data\n\ndef score(data):\n"
        "    return float(sum(data))\n"
    )
    keys = {"solution": {"kind": "json"}, "seeds": ["seed.txt"], "limits": None}
    folder = write_problem(tmp_path / "folder", body, seed="[1]", **keys)
    assert solve(folder, tmp_path / "one", REPLAY).code == 0
    summary = ttrl_cli.solve(made(), out=tmp_path / "two", quiet=True, sampler=replay, **SMALL)
    assert summary.best is not None
    assert (summary.best.score, summary.valid, summary.samples) == (110.0, 6, 8)
    assert digest(tmp_path / "two") == digest(tmp_path / "one")


def test_a_run_needs_python_no_more(tmp_path: Path, replay: str) -> None:
    """The command line resumes, shows and verifies a run whose problem was made in Python."""
    problem = made(direction="minimize", certify=score, name="least")
    run = tmp_path / "run"
    ttrl_cli.solve(problem, out=run, quiet=True, sampler=replay, **SMALL | {"steps": 1})
    assert ttrl("resume", run, "--steps", 2, "--json").json["steps"] == 2
    assert json.loads(ttrl("best", run, "--data").out) == [1]
    (tmp_path / "s.json").write_text("[40, 2]")
    verified = ttrl("verify", run / "problem", tmp_path / "s.json", "--json")
    assert (verified.code, verified.json["score"]) == (0, 42.0)
    assert ttrl("check", run / "problem").code == 0
    summary = ttrl_cli.resume(run, quiet=True, steps=3)
    assert (summary.problem, summary.steps) == ("least", 3)
    assert summary.best is not None
    assert summary.best.certified == 1.0


SCRIPT = """
import ttrl_cli

MOST = 100

def verify(data):
    if type(data) is not list or not all(type(x) is int and x <= MOST for x in data):
        raise ttrl_cli.Invalid("expected whole numbers")
    return data

def score(data):
    return sum(data)

print("from the top")
"""
RUN = """
problem = ttrl_cli.Problem(statement="Name numbers.", verify=verify, score=score, seeds=[[1]])
summary = ttrl_cli.solve(problem, sampler="replay:replay.jsonl", groups=2, group_size=2, steps=2,
                         workers=2, quiet=True)
print(summary.best.score)
"""
GUARDED = SCRIPT + '\nif __name__ == "__main__":' + textwrap.indent(RUN, "    ")


@pytest.mark.parametrize(
    ("script", "file", "prints"), [(SCRIPT + RUN, "session.py", 1), (GUARDED, "mine.py", 1)]
)
def test_a_script(tmp_path: Path, script: str, file: str, prints: int) -> None:
    """A script runs once, whether it has a block of its own for that or not."""
    write_lines(tmp_path / "replay.jsonl", REPLAY)
    (tmp_path / "mine.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "mine.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert lines.count("from the top") == prints
    assert lines[-1] == "110.0"
    assert (tmp_path / "runs" / "problem-1" / "problem" / file).is_file()


def test_a_file_that_solves_when_it_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that begins a run when it is imported is told to have that in a block."""
    write_lines(tmp_path / "replay.jsonl", REPLAY)
    (tmp_path / "begins_at_once.py").write_text(SCRIPT + RUN)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    wanted = r"Problem: verifi?e.*solve is called whenever the file is imported.*__main__"
    with pytest.raises(UsageError, match=wanted):
        importlib.import_module("begins_at_once")


# -- functions --------------------------------------------------------------------------------


def closure(most: int) -> Callable[[Any], Any]:
    """A function that knows what surrounds it."""

    def verify(data: Any) -> Any:
        return data[:most]

    return verify


def nested() -> Callable[[Any], Any]:
    """A function defined inside another, which uses nothing of it."""

    def verify(data: Any) -> Any:
        return data

    return verify


@functools.lru_cache
def cached(data: Any) -> Any:
    """A decorated function."""
    return data


async def awaited(data: Any) -> Any:
    """Return the data, later."""
    return data


def generated(data: Any) -> Any:
    """Yield the data."""
    yield data


def of_two(data: Any, more: Any) -> Any:
    """Take more than data."""
    return data, more


class Checker:
    """Has a method, a static method, and can be called."""

    def __call__(self, data: Any) -> Any:
        return data

    def method(self, data: Any) -> Any:
        """Return the data."""
        return data

    @staticmethod
    def static(data: Any) -> Any:
        """Return the data."""
        return data


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (lambda data: data, "is a lambda"),
        (closure(3), "is a closure over most"),
        (nested(), "is defined inside nested"),
        (Checker().method, "is a method"),
        (Checker.static, "is defined in the class Checker"),
        (Checker(), "is an object of Checker"),
        (Checker, "is a class"),
        (float, "is a class"),
        (len, "is a builtin"),
        ([].append, "is a builtin"),
        (np.add, "is an object of ufunc"),
        (functools.partial(verify), "is a functools.partial"),
        (cached, "is decorated"),
        (functools.wraps(verify)(closure(2)), "is decorated"),
        (awaited, "is async"),
        (generated, "is a generator"),
        (of_two, "must take one argument"),
        ("verify.py:verify", "expected a function (got str)"),
        (None, "expected a function (got NoneType)"),
    ],
)
def test_a_function_that_cannot_travel(given: Any, why: str) -> None:
    """What a grading process could not find by its name is refused, with the way out."""
    for argument in ("verify", "score"):
        with pytest.raises(UsageError) as error:
            made(**{argument: given})
        assert str(error.value).startswith(f"Problem: {argument}: {why}")
        assert f"def {argument}(data): ... at the top level" in str(error.value)


CELLS = [
    """
import math, statistics as st
import xml.etree.ElementTree
import numpy as np
from collections import Counter
from fractions import Fraction as F
from numpy import sqrt
from ttrl_cli import Invalid
""",
    """
LOW, INFINITE = -1, float("inf")
TABLE = {"a": [1, (2.5, None)], (1,): {3}, "b": b"x"}

def even(n):
    return n == 0 or odd(n - 1)

def odd(n):
    return n != 0 and even(n - 1)
""",
    """
from functools import lru_cache

@lru_cache(maxsize=None)
def total(*data):
    return sum(F(x) for x in data) + Counter(data)[9]

def verify(data: list, least=LOW) -> list:
    if not isinstance(data, list) or not all(least < x < INFINITE for x in data):
        raise Invalid("no")
    class Sorted(list):
        def first(self):
            return [one for one in self if even(one)]
    xml.etree.ElementTree.fromstring("<a/>")
    return Sorted(sorted(data)).first()

def score(data):
    import json
    norm = np.linalg.norm(data) ** 2
    assert json.loads("1") == 1 and sqrt(4) == 2 and math.pi > 3 and st.mean([1]) == 1
    return float(total(*data)) + TABLE["a"][1][0] + norm
""",
]


@pytest.mark.usefixtures("main")
def test_cells(tmp_path: Path) -> None:
    """Functions of cells travel with the imports, helpers and constants that they use."""
    cells = run_cells(CELLS)
    problem = made(verify=cells.verify, score=cells.score, seeds=[[2]])
    # of 4, 3 and 2 the even ones: 2 + 4, and 2.5, and 4 + 16
    assert called(problem, tmp_path / "p", [4, 3, 2]) == pytest.approx(28.5)
    text = (tmp_path / "p" / "session.py").read_text()
    assert "statistics as st" in text
    assert "fractions" in text


@pytest.mark.usefixtures("main")
def test_cells_are_taken_as_they_are_then(tmp_path: Path) -> None:
    """A constant that changes after the problem was made does not change the problem."""
    cells = run_cells(["MORE = 1", "def verify(d): return d", "def score(d): return MORE + d[0]"])
    problem = made(verify=cells.verify, score=cells.score)
    cells.MORE = 5
    again = made(verify=cells.verify, score=cells.score)
    assert called(problem, tmp_path / "a", [1]) == 2
    assert called(again, tmp_path / "b", [1]) == 6


@pytest.mark.usefixtures("main")
def test_annotations_that_are_not_evaluated(tmp_path: Path) -> None:
    """In a session whose annotations are only text, their names need not exist."""
    cell = "from __future__ import annotations\ndef verify(data: Unknown) -> Other: return data\n"
    script = tmp_path / "lazy.py"
    script.write_text(cell)
    code = compile(cell, str(script), "exec")
    module = sys.modules["__main__"] = ModuleType("__main__")
    exec(code, module.__dict__)
    problem = made(verify=module.verify)
    assert called(problem, tmp_path / "p", [3]) == 3


@pytest.mark.parametrize(
    ("before", "uses", "why"),
    [
        ("", "LIMIT", "verify uses LIMIT, which is not defined here"),
        ("class Point: pass", "Point", "verify uses Point, a class of this session"),
        ("import numpy as np; T = np.ones(3)", "T", "verify uses T, a ndarray"),
        ("key = lambda x: x", "key", "the source of key has changed"),
        ("T = [object()]", "T", "verify uses T, a list"),
        ("T = []; T.append(T)", "T", "verify uses T, a list"),
        ("T = 'x' * 2_000_000", "T", "verify uses T, a constant too large"),
        ("def helper(): return T", "helper", "helper uses T, which is not defined here"),
        ("exec('def helper(): return 1')", "helper", "the source of helper"),
        ("T = iter([])", "T", "verify uses T, a list_iterator"),
    ],
)
@pytest.mark.usefixtures("main")
def test_what_a_cell_cannot_hand_over(before: str, uses: str, why: str) -> None:
    """What a function of a cell uses and cannot take along is named in one sentence."""
    cells = run_cells([before, f"def verify(data):\n    return {uses}\n"])
    with pytest.raises(UsageError) as error:
        made(verify=cells.verify)
    assert str(error.value).startswith(f"Problem: verify: {why}")
    assert "\n" not in str(error.value)


@pytest.mark.usefixtures("main")
def test_a_function_without_source() -> None:
    """A function that was typed where nothing keeps its text is refused."""
    names: dict[str, Any] = {"__name__": "__main__"}
    sys.modules["__main__"] = ModuleType("__main__")
    exec("def verify(data): return data", names)
    with pytest.raises(UsageError, match="verify: the source of verify cannot be found here; put"):
        made(verify=names["verify"])


@pytest.mark.usefixtures("main")
def test_a_source_that_has_changed(tmp_path: Path) -> None:
    """A script that was edited since its function was made is not taken for its source."""
    script = tmp_path / "edited.py"
    script.write_text("def verify(data): return data[:3]\n")
    module = sys.modules["__main__"] = ModuleType("__main__")
    exec(compile(script.read_text(), str(script), "exec"), module.__dict__)
    script.write_text("def verify(data): return data[:4]\n")
    with pytest.raises(UsageError, match="the source of verify has changed"):
        made(verify=module.verify)


@pytest.mark.usefixtures("main")
def test_cells_and_modules_of_mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a cell imports from a file goes along, as does what a module imports beside it."""
    package = tmp_path / "ttrl_mine"
    (package / "deep").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "deep" / "__init__.py").write_text("BASE = 10\n")
    (package / "deep" / "sums.py").write_text(
        "import numpy\nfrom . import BASE\nfrom ..extra import more\nimport ttrl_aside\n"
        "def score(data):\n    return BASE + more(data) + ttrl_aside.ONE\n"
    )
    (package / "extra.py").write_text("def more(data):\n    return 100 * sum(data)\n")
    (package / "unused.py").write_text("")
    (tmp_path / "ttrl_aside.py").write_text("ONE = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    cells = run_cells(["from ttrl_mine.extra import more", "def verify(d): return d + [more([1])]"])
    sums = importlib.import_module("ttrl_mine.deep.sums")
    problem = made(verify=cells.verify, score=sums.score)
    assert called(problem, tmp_path / "p", [1]) == 10 + 100 * 101 + 1
    found = {str(path.relative_to(tmp_path / "p")) for path in (tmp_path / "p").rglob("*.py")}
    inside = ("__init__.py", "extra.py", "deep/__init__.py", "deep/sums.py")
    assert found == {"session.py", "ttrl_aside.py", *(f"ttrl_mine/{name}" for name in inside)}


def test_an_installed_function(tmp_path: Path) -> None:
    """A function of the standard library or of a package is imported, and not copied."""
    from statistics import mean

    problem = made(score=mean)
    assert called(problem, tmp_path / "p", [2, 6]) == 4
    assert (tmp_path / "p" / "installed_score.py").read_text() == "from statistics import mean\n"


def test_files_that_functions_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is named lies in the folder where the functions are called."""
    (tmp_path / "table").write_text("5")
    (tmp_path / "ttrl_reads.py").write_text(
        "from pathlib import Path\ndef score(data):\n    return float(Path('table').read_text())\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("ttrl_reads")
    problem = made(score=module.score, files=[tmp_path / "table"])
    assert called(problem, tmp_path / "p", [1]) == 5


# -- arguments --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"statement": " "}, "statement: is empty"),
        ({"statement": None}, "statement: expected a text (got NoneType)"),
        ({"seeds": []}, "seeds: "),
        ({"seeds": "[1]"}, "seeds: expected a list of solutions (got str)"),
        ({"seeds": {1: 2}}, "seeds: expected a list of solutions (got dict)"),
        ({"seeds": [[1], [float("nan")]]}, "seeds[1]: is not plain data"),
        ({"seeds": [{1: 2}]}, "seeds[0]: is not plain data: the key 1 is not text"),
        ({"seeds": [{3}]}, "seeds[0]: is not plain data"),
        ({"seeds": [[1]], "kind": "text"}, "seeds[0]: expected a text (got list)"),
        ({"direction": "up"}, "direction: "),
        ({"kind": "prose"}, "kind: expected program, text or json (got 'prose')"),
        ({"kind": "program", "seeds": ["x"], "language": "rust"}, "language: "),
        ({"name": "a/b"}, "name: "),
        ({"transform": "log"}, "transform: "),
        ({"limits": {"seconds": -1}}, "limits.seconds: "),
        ({"limits": {"hours": 1}}, "limits.hours: unknown key"),
        ({"run": {"group_sice": 4}}, "run.group_sice: "),
        (
            {"run": {"steps": object()}},
            "limits, environment, run, settings or prompt hold more than plain",
        ),
        ({"prompt": {"template": 3}}, "prompt.template: expected a text (got int)"),
        ({"prompt": {"sistem": ""}}, "prompt.sistem: unknown key"),
        ({"files": ["nowhere.json"]}, "files[0]: nowhere.json cannot be read"),
        ({"best_known": True}, "best_known: "),
    ],
)
def test_a_wrong_argument(given: dict[str, Any], why: str) -> None:
    """An argument that is wrong is named when the problem is made."""
    with pytest.raises(UsageError) as error:
        made(**given)
    assert str(error.value).startswith(f"Problem: {why}")


def test_a_seed_that_is_not_valid(tmp_path: Path, replay: str) -> None:
    """A seed that the verifier refuses is named by its place, and not by a file."""
    problem = made(seeds=[[1], [101]])
    wanted = r"^Problem: seeds\[1\]: seeds/1.json is not a valid solution: invalid: expected whole"
    with pytest.raises(UsageError, match=wanted):
        ttrl_cli.solve(problem, out=tmp_path / "run", quiet=True, sampler=replay, **SMALL)
    assert not (tmp_path / "run").exists()


def test_data_of_numpy_and_tuples(tmp_path: Path) -> None:
    """Seeds may be arrays and tuples, and are written as lists."""
    problem = made(seeds=[np.array([1, 2]), (3, np.float64(4.5))])
    folder = problem.save(tmp_path / "p")
    assert [seed.text for seed in load_problem(folder).seeds] == ["[1, 2]", "[3, 4.5]"]


def test_every_key_of_a_problem_has_an_argument(tmp_path: Path) -> None:
    """A problem in which all is said is written as problem.yaml would say it."""
    problem = made(
        name="all",
        kind="program",
        seeds=["def go(): return [1]\n"],
        direction="minimize",
        entry="go",
        certify=score,
        render=str_of,
        transform="reciprocal",
        best_known=0.5,
        best_known_source="a paper",
        limits={"seconds": 3},
        environment={"imports": ["numpy"]},
        prompt={"system": "s", "template": "{{ solution }}\n"},
        run={"steps": 3},
        settings={"n": 3},
    )
    read = load_problem(problem.save(tmp_path / "p"))
    spec = read.spec
    assert (read.statement, read.template) == ("Name numbers.", "{{ solution }}\n")
    assert (spec.solution.entry, spec.reward.transform, spec.run) == (
        "go",
        "reciprocal",
        {"steps": 3},
    )
    assert (spec.best_known, spec.best_known_source, spec.limits.seconds) == (0.5, "a paper", 3.0)
    said = {key for key in type(spec).model_fields if getattr(spec, key) not in (None, {}, [])}
    assert said == set(type(spec).model_fields) - {"measure"}
    with pytest.raises(UsageError, match="exists already"):
        problem.save(tmp_path / "p")


def str_of(data: Any) -> str:
    """Show data."""
    return str(data)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"group_sise": 3}, "solve has no option group_sise; did you mean group_size?"),
        ({"zzz": 3}, "solve has no option zzz; known: groups, group_size, "),
        ({"epochs": 3}, "solve has no option epochs; "),
        ({"group_size": 1}, "group_size: Input should be greater than or equal to 2 (got 1)"),
        ({"steps": "many"}, "steps: Input should be"),
    ],
)
def test_a_wrong_option(options: dict[str, Any], why: str, tmp_path: Path) -> None:
    """An option is named by its key, and one that is unknown is an error."""
    with pytest.raises(UsageError) as error:
        ttrl_cli.solve(made(), out=tmp_path / "run", quiet=True, **options)
    assert str(error.value).startswith(why)


def test_no_option_has_the_name_of_an_argument() -> None:
    """No option is hidden by an argument of `solve`."""
    assert not {"problem", "out", "start_from", "quiet"} & set(SolveConfig.model_fields)


# -- questions --------------------------------------------------------------------------------


def test_a_list_of_questions(tmp_path: Path) -> None:
    """A list of texts and records gives the answers that a file of the same gives."""
    asked = ["What is 1 + 1?", {"question": "1 + 2?", "id": "b", "answer": 3, "level": (1, 2)}]
    file = write_lines(tmp_path / "q.jsonl", [{"question": asked[0]}, asked[1]])
    texts = ["Answer: 2", "Answer: 2", "Answer: 3", "Answer: 4"]
    sampler = f"replay:{write_lines(tmp_path / 'replay.jsonl', texts)}"
    options = {"steps": 0, "group_size": 2, "workers": 1, "sampler": sampler, "quiet": True}
    one = ttrl_cli.vote(asked, out=tmp_path / "one", **options)
    two = ttrl_cli.vote(str(file), out=tmp_path / "two", **options)
    written = read_lines(tmp_path / "two" / "answers.jsonl")
    assert ttrl_cli.votes(one) == ttrl_cli.votes(two)
    assert [{"schema_version": 1, **line} for line in ttrl_cli.votes(one)] == written
    assert [line["answer"] for line in ttrl_cli.votes(one)] == ["2", "3"]
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    assert ttrl_cli.resume(one, quiet=True).status == "done"


@pytest.mark.parametrize(
    ("questions", "why"),
    [
        ("What is 1 + 1?", "questions: no such file: What is 1 + 1?; a question alone is asked"),
        ({"question": "1?"}, "questions: expected a list of texts or records (got dict)"),
        (iter(["1?"]), "questions: expected a list of texts or records (got list_iterator)"),
        ([], "questions: no questions in it"),
        (["1?", 2], "questions[1]: expected a text or a record (got int)"),
        (["1?", {"question": float("nan")}], "vote: questions[1]: is not plain data"),
        (["1?", {"text": "2?"}], "questions: element 2: holds no question"),
        (["1?", " "], "questions: element 2: question: expected the question as one string"),
        (
            [{"question": "1?", "id": 7}, {"question": "2?", "id": 7}],
            "questions: element 2: the id",
        ),
    ],
)
def test_wrong_questions(questions: Any, why: str, tmp_path: Path) -> None:
    """A question that is wrong is named by its place in the list."""
    with pytest.raises(UsageError) as error:
        ttrl_cli.vote(questions, out=tmp_path / "run", quiet=True)
    assert str(error.value).startswith(why)


def test_votes_of_a_search(tmp_path: Path, replay: str) -> None:
    """A search has no votes, and no epochs."""
    run = ttrl_cli.solve(made(), out=tmp_path / "run", quiet=True, sampler=replay, **SMALL)
    with pytest.raises(UsageError, match="is a solve run, which has no votes"):
        ttrl_cli.votes(run)
    with pytest.raises(UsageError, match=r"epochs=3: .* is a solve run; say steps"):
        ttrl_cli.resume(run, quiet=True, epochs=3)


def test_importing_is_light() -> None:
    """A verifier that imports ttrl_cli does not pay for a model or a terminal."""
    heavy = "{'torch', 'numpy', 'pydantic', 'rich'} & set(sys.modules)"
    code = f"import sys, ttrl_cli; ttrl_cli.Invalid; assert not {heavy}"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_a_name_that_does_not_exist() -> None:
    """An attribute that the package does not have is an AttributeError, as for any module."""
    with pytest.raises(AttributeError, match="module 'ttrl_cli' has no attribute 'slove'"):
        _ = ttrl_cli.slove  # type: ignore[attr-defined]
