"""The roots of a search: different within a run, equal across runs that are compared."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests._archive import kept_states
from tests._helpers import digest, read_lines, solve, ttrl, write_lines, write_problem
from tests._measured import SUM, write_measured
from tests._states import expand, make_archive
from ttrl_cli import Problem
from ttrl_cli import solve as solve_in_python
from ttrl_cli.errors import UsageError
from ttrl_cli.grading.seeded import takes_seed
from ttrl_cli.loop.roots import planned_roots
from ttrl_cli.problem import Seed, Solution, load_problem
from ttrl_cli.report import compare as comparing
from ttrl_cli.report.experiment import read_experiment
from ttrl_cli.seeding import root_seed, sample_seed

LIST = """
from ttrl_cli import Invalid

def verify(data):
    if type(data) is not list or not all(type(x) is int and abs(x) < 2**40 for x in data):
        raise Invalid("not a list of whole numbers")
    return data

def score(data):
    return sum(data)
"""
DRAWN = "def run(seed):\n    return [seed]\n"
"""A seed program whose state is its seed."""
FIXED = "def run():\n    return [7]\n"
REPLAY = ["```python\ndef run():\n    return [1, 1]\n```", "none", "```python\n1/0\n```"]
PROGRAMS: dict[str, Any] = {"solution": {"kind": "program"}}
JSONS: dict[str, Any] = {"solution": {"kind": "json"}}
RUN = {"groups": 4, "group_size": 2, "steps": 1, "workers": 1, "threads": 1}


def programs(folder: Path, *seeds: str, **keys: Any) -> Path:
    """Write a problem with these seed programs, to maximise the sum of a list."""
    names = [f"seed{place}.py" for place in range(len(seeds))]
    written = write_problem(folder, LIST, seeds=names, **({"run": RUN} | PROGRAMS | keys))
    for name, text in zip(names, seeds, strict=True):
        (written / name).write_text(text)
    return written


def roots(run: Path) -> list[Any]:
    """The data of a run's roots, in order."""
    return [state["data"] for state in read_lines(run / "archive.jsonl")[0]["states"]]


def uncommit(run: Path) -> None:
    """Leave what a kill before the first commit leaves behind."""
    shutil.rmtree(run / "checkpoints")
    shutil.rmtree(run / ".best")
    (run / "best").unlink()
    status = json.loads((run / "status.json").read_text())
    status |= {"phase": "running", "totals": dict.fromkeys(status["totals"], 0)}
    (run / "status.json").write_text(json.dumps(status))


# -- seeds of roots --------------------------------------------------------------------------


def test_every_root_has_a_seed_of_its_own():
    """No two roots or runs share one, nor a root and a sample; each fits into 32 bits."""
    seeds = {root_seed(run, number) for run in range(20) for number in range(20)}
    assert len(seeds) == 400
    assert all(0 <= seed < 2**32 for seed in seeds)
    samples = {sample_seed(run, 0, 0, index) % 2**32 for run in range(20) for index in range(20)}
    assert not seeds & samples


@pytest.mark.parametrize(
    ("text", "takes"),
    [
        ("def run(): return 1", False),
        ("def run(parent=None, *, cpus=1): return 1", False),
        ("SEED = 3\ndef draw(seed): pass\ndef run(): return draw(SEED)", False),
        ("def run(seed=0): return 1", True),
        ("def run(*, seed): return 1", True),
        ("def run(**told): return 1", True),
        ("if 1:\n    def run(seed): pass\nelse:\n    def run(): pass", True),
        ("@timed\ndef run(): return 1", True),
        ("from helper import run", True),
        ("from helper import *", True),
        ("run = lambda: 1", True),
        ("class run:\n    def __init__(self): pass", True),
        ("type X = int\ndef run(: return", True),
    ],
)
def test_whether_a_program_takes_its_seed(text: str, *, takes: bool):
    """It does if the entry says so, and may where the text does not tell."""
    assert takes_seed(text, Solution(kind="program")) is takes


def test_whether_a_compiled_program_takes_its_seed():
    """One that looks for the key has to name it."""
    cpp = Solution(kind="program", language="cpp")
    assert takes_seed('int main() { find("seed"); }', cpp)
    assert not takes_seed('int main() { std::puts("[1]"); }', cpp)


def test_how_roots_are_made(tmp_path: Path):
    """Sources take turns, the user's own behind the seeds; what cannot differ has no seed."""
    problem = load_problem(programs(tmp_path / "p", DRAWN, FIXED))
    own = Seed(name="own.py", text="def run(seed): return [seed + 1]")
    made = planned_roots(problem, [own], 5, 3)
    names = ["seed0.py", "seed1.py", "own.py", "seed0.py", "seed1.py"]
    assert [root.source.name for root in made] == names
    seeds = [root_seed(3, 0), None, root_seed(3, 2), root_seed(3, 3), None]
    assert [root.seed for root in made] == seeds
    assert [root.seed for root in planned_roots(problem, [own], 1, 3)] == seeds[:3]
    assert [root.seed for root in planned_roots(problem, [own], 5, None)] == [None] * 5


# -- different within a run, equal across runs -----------------------------------------------


def test_roots_differ_within_a_run(tmp_path: Path):
    """P roots of a program that takes `seed` are P states; those of one that does not are one."""
    problem = programs(tmp_path / "p", DRAWN, FIXED)
    done = solve(problem, tmp_path / "run", REPLAY, "--groups", 6, "--seed", 5)
    assert done.code == 0, done.err
    drawn = [[root_seed(5, number)] for number in (0, 2, 4)]
    assert roots(tmp_path / "run") == [drawn[0], [7], drawn[1], [7], drawn[2], [7]]
    assert done.json["seed_score"] == max(score for (score,) in drawn)


def test_arms_share_their_roots(tmp_path: Path):
    """Whatever else two runs of one seed differ in; of more groups the first are the same."""
    problem = programs(tmp_path / "p", DRAWN, DRAWN + "# another\n")
    solve(problem, tmp_path / "run", REPLAY)
    first = roots(tmp_path / "run")
    arms = {
        "best-of-n": ["--search", "best-of-n", "--workers", 3],
        "grpo": ["--objective", "grpo", "--kl", 0.3, "--lr", 0.1],
        "larger": ["--group-size", 5, "--steps", 2, "--visits", "sample"],
        "wider": ["--groups", 7],
    }
    for name, options in arms.items():
        done = solve(problem, tmp_path / name, REPLAY, *options)
        assert done.code == 0, done.err
        made = roots(tmp_path / name)
        assert made[:4] == first
        assert len(set(map(str, made))) == len(made)


def test_learning_and_search_alone_share_their_roots(tmp_path: Path, tiny_model: Path):
    """The arms that evidence compares: with learning, without, and with other samplers."""
    problem = programs(tmp_path / "p", DRAWN)
    tiny = ["--model", tiny_model, "--dtype", "float32", "--max-tokens", 4]
    for name, arm in {"learning": [], "search": ["--no-train"]}.items():
        assert ttrl("solve", problem, "--out", tmp_path / name, *tiny, *arm).code == 4
    solve(problem, tmp_path / "script", REPLAY)
    made = [roots(tmp_path / name) for name in ("learning", "search", "script")]
    assert made[0] == made[1] == made[2]
    assert len(set(map(str, made[0]))) == 4


def test_another_seed_has_other_roots(tmp_path: Path):
    """The run's seed is what they hang on."""
    problem = programs(tmp_path / "p", DRAWN)
    solve(problem, tmp_path / "one", REPLAY, "--seed", 1)
    solve(problem, tmp_path / "two", REPLAY, "--seed", 2)
    assert not set(map(str, roots(tmp_path / "one"))) & set(map(str, roots(tmp_path / "two")))


def test_compiled_programs_draw_as_well(tmp_path: Path):
    """A C++ seed finds `seed` on its standard input."""
    source = (
        "#include <iostream>\n#include <iterator>\n#include <string>\nint main() {\n"
        "std::string s{std::istreambuf_iterator<char>(std::cin), {}};\n"
        'auto at = s.find("\\"seed\\"");\n'
        'std::cout << "[" << std::stoull(s.substr(s.find(":", at) + 1)) << "]"; }\n'
    )
    keys = {"solution": {"kind": "program", "language": "cpp"}, "seeds": ["seed.txt"]}
    problem = write_problem(tmp_path / "p", LIST, seed=source, run=RUN, **keys)
    done = solve(problem, tmp_path / "run", ["none"])
    assert done.code == 4, done.err
    assert roots(tmp_path / "run") == [[root_seed(0, number)] for number in range(4)]


# -- graded once where nothing can differ ----------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "seed", "times"),
    [
        (PROGRAMS, FIXED, 1),
        (PROGRAMS, DRAWN, 4),
        (JSONS, "[3]", 1),
    ],
)
def test_what_cannot_differ_is_graded_once(
    tmp_path: Path, keys: Mapping[str, Any], seed: str, times: int
):
    """A program is run once per seed that it takes, data are verified once."""
    log = tmp_path / "log"
    noted = f"    open({str(log)!r}, 'a').write('x')\n    return sum(data)"
    verify = LIST.replace("    return sum(data)", noted)
    problem = write_problem(tmp_path / "p", verify, seed=seed, run=RUN, **keys)
    assert solve(problem, tmp_path / "run", ["none"]).code == 4
    assert log.read_text() == "x" * times
    assert len(roots(tmp_path / "run")) == 4


def test_a_measured_solution_is_known_by_its_text(tmp_path: Path):
    """One text is measured once, though it takes `seed`; its roots are copies of it."""
    log = tmp_path / "log"
    code = (
        f"def measure(candidate, trial):\n    open({str(log)!r}, 'a').write('x')\n    return {{}}"
    )
    problem = write_measured(tmp_path / "p", code, seed=SUM + "def run(seed): pass\n", run=RUN)
    assert solve(problem, tmp_path / "run", ["none"], "--samples", 1).code == 0
    assert log.read_text() == "xx"  # the seed, and the one sample
    assert len(roots(tmp_path / "run")) == 4


# -- a root that is not valid ----------------------------------------------------------------

PICKY = f"""
def run(seed):
    if seed == {root_seed(0, 2)}:
        raise ValueError("not this one")
    return [seed]
"""


@pytest.mark.parametrize("command", ["solve", "check"])
def test_a_seed_that_fails_for_one_root(tmp_path: Path, command: str):
    """The command ends with exit code 2, the file, the root and what it was run with."""
    problem = programs(tmp_path / "p", PICKY)
    given = ["--out", tmp_path / "run", "--sampler", "replay:none"] if command == "solve" else []
    done = ttrl(command, problem, *given)
    assert done.code == 2
    where = f"seeds[0]: seed0.py is not a valid solution as root 2 (seed={root_seed(0, 2)}): error:"
    assert where in done.err
    assert "not this one" in done.err
    assert not (tmp_path / "run").exists()


def test_check_takes_roots_that_differ(tmp_path: Path):
    """It is no fault of a seed; the scores are those of the roots of a run."""
    problem = programs(tmp_path / "p", DRAWN, FIXED)
    done = ttrl("check", problem, "--json")
    assert done.code == 0, done.err
    scores = [root_seed(0, 0), root_seed(0, 2)]
    drawn, fixed = done.json["seeds"]
    assert (drawn["score"], drawn["roots"]) == (scores[0], scores)
    assert (fixed["score"], "roots" in fixed) == (7, False)
    text = ttrl("check", problem).out
    assert f"score {min(scores)} to {max(scores)} in 2 roots" in text


# -- runs that were begun before -------------------------------------------------------------


def test_a_run_keeps_its_roots(tmp_path: Path):
    """What is committed is not made again, though the seeds of the copy were changed since."""
    problem = programs(tmp_path / "p", DRAWN)
    solve(problem, tmp_path / "run", REPLAY)
    before = roots(tmp_path / "run")
    (tmp_path / "run" / "problem" / "seed0.py").write_text("def run(seed): return [seed, 1]")
    assert ttrl("resume", tmp_path / "run", "--steps", 2).code == 0
    assert roots(tmp_path / "run") == before


def test_a_run_without_a_commit_makes_them_again(tmp_path: Path):
    """They are as they were."""
    problem = programs(tmp_path / "p", DRAWN)
    solve(problem, tmp_path / "run", REPLAY)
    before, whole = roots(tmp_path / "run"), digest(tmp_path / "run")
    uncommit(tmp_path / "run")
    done = ttrl("resume", tmp_path / "run")
    assert done.code == 0, done.err
    assert (roots(tmp_path / "run"), digest(tmp_path / "run")) == (before, whole)


def test_an_older_run_without_a_commit_has_its_old_roots(tmp_path: Path):
    """One that was begun when all programs were run once with the seed 0 goes on like that."""
    problem = programs(tmp_path / "p", DRAWN)
    solve(problem, tmp_path / "run", REPLAY)
    uncommit(tmp_path / "run")
    path = tmp_path / "run" / "provenance.json"
    told = json.loads(path.read_text())
    assert told.pop("roots") == {"seeded": True, "start": []}
    path.write_text(json.dumps(told))
    assert ttrl("resume", tmp_path / "run").code == 0
    assert roots(tmp_path / "run") == [[0]] * 4


# -- solutions of one's own ------------------------------------------------------------------


def write(path: Path, text: str) -> Path:
    """Write a file of the user's."""
    path.write_text(text)
    return path


def test_start_from_data(tmp_path: Path):
    """A record becomes a root beside the seeds, and the best solution until it is beaten."""
    problem = write_problem(tmp_path / "p", LIST, seed="[1]", run=RUN, **JSONS)
    record = write(tmp_path / "record.json", "[40, 2]\n")
    done = solve(problem, tmp_path / "run", ["[50]", "[2]"], "--start", record)
    assert done.code == 0, done.err
    assert roots(tmp_path / "run") == [[1], [40, 2], [1], [40, 2]]
    assert (done.json["seed_score"], done.json["best"]["score"]) == (42, 50)
    first = read_lines(tmp_path / "run" / "attempts.jsonl")[0]
    assert first["parent"] == "seed.1"  # PUCT begins with the best
    told = json.loads((tmp_path / "run" / "provenance.json").read_text())["roots"]
    assert told["start"] == [{"name": str(record), "file": "start/0.json"}]
    assert (tmp_path / "run" / "start" / "0.json").read_text() == "[40, 2]\n"
    assert ttrl("show", tmp_path / "run").code == 0
    assert ttrl("report", tmp_path / "run").code == 0


def test_start_from_texts_and_programs(tmp_path: Path):
    """The kind is the problem's: the text itself, or a program, whose roots differ by its seed."""
    texts = write_problem(tmp_path / "texts", seed="1", run=RUN)
    mine = write(tmp_path / "mine.txt", "42\n")
    assert solve(texts, tmp_path / "a", ["5"], "--start", mine).code == 0
    assert roots(tmp_path / "a") == [1, 42, 1, 42]
    own = write(tmp_path / "own.py", "def run(seed):\n    return [-seed]\n")
    problem = programs(tmp_path / "programs", FIXED)
    assert solve(problem, tmp_path / "b", REPLAY, "--start", own).code == 0
    assert roots(tmp_path / "b") == [[7], [-root_seed(0, 1)], [7], [-root_seed(0, 3)]]


def test_more_solutions_than_groups(tmp_path: Path):
    """All become roots, seeds first, each once."""
    problem = write_problem(tmp_path / "p", seed="1", run=RUN | {"groups": 2})
    files = [write(tmp_path / f"{number}.txt", str(number)) for number in (5, 6, 7)]
    given = [word for file in files for word in ("--start", file)]
    done = solve(problem, tmp_path / "run", ["9"], *given)
    assert done.code == 0, done.err
    assert roots(tmp_path / "run") == [1, 5, 6, 7]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("forty", "not a valid solution: invalid: not a whole number"),
        (None, "cannot be read: No such file or directory"),
        ("1", "the same solution as seed.txt; leave it out"),
        (" 1", "the same solution as seed.txt; leave it out"),
    ],
)
def test_a_start_that_is_no_good(tmp_path: Path, text: str | None, why: str):
    """Exit code 2 with the file's name and the reason, and no run directory is made."""
    problem = write_problem(tmp_path / "p", seed="1")
    file = tmp_path / "mine.txt"
    if text is not None:
        file.write_text(text)
    done = solve(problem, tmp_path / "run", ["5"], "--start", file)
    assert (done.code, done.err.strip()) == (2, f"--start {file}: {why}")
    assert not (tmp_path / "run").exists()


def test_a_start_that_comes_twice(tmp_path: Path):
    """Two files with one text, or with one solution, are named."""
    problem = write_problem(tmp_path / "p", seed="1")
    a, b = write(tmp_path / "a", "5"), write(tmp_path / "b", "05")
    for second in (a, b):
        done = solve(problem, tmp_path / "run", ["5"], "--start", a, "--start", second)
        why = f"--start {second}: the same solution as {a}; leave it out"
        assert (done.code, done.err.strip()) == (2, why)


def test_a_start_that_would_not_be_used(tmp_path: Path):
    """best-of-n improves on the first P roots alone."""
    problem = write_problem(tmp_path / "p", seed="1", run=RUN | {"groups": 1})
    file = write(tmp_path / "mine.txt", "5")
    given = ["--start", file, "--search", "best-of-n"]
    done = solve(problem, tmp_path / "run", ["5"], *given)
    assert done.code == 2
    assert "the first 1 roots alone, and 1 come before yours" in done.err
    assert solve(problem, tmp_path / "run", ["6"], *given, "--groups", 2).code == 0
    assert {a["parent"] for a in read_lines(tmp_path / "run" / "attempts.jsonl")} == {
        "seed.0",
        "seed.1",
    }


def test_the_run_keeps_the_solution(tmp_path: Path):
    """Resume needs the user's file no more, before the first commit and after it."""
    problem = write_problem(tmp_path / "p", seed="1", run=RUN)
    file = write(tmp_path / "mine.txt", "42")
    solve(problem, tmp_path / "run", ["5", "50"], "--start", file)
    whole = digest(tmp_path / "run")
    file.unlink()
    shutil.rmtree(problem)
    assert ttrl("resume", tmp_path / "run", "--steps", 1).code == 0
    uncommit(tmp_path / "run")
    done = ttrl("resume", tmp_path / "run")
    assert done.code == 0, done.err
    assert digest(tmp_path / "run") == whole
    uncommit(tmp_path / "run")
    (tmp_path / "run" / "start" / "0.txt").unlink()
    gone = ttrl("resume", tmp_path / "run")
    assert (gone.code, "start/0.txt cannot be read" in gone.err) == (2, True)


def test_a_warm_start_with_a_solution_of_ones_own(tmp_path: Path):
    """It joins the other run's archive; best-of-n would never come to it."""
    problem = write_problem(tmp_path / "p", seed="1", run=RUN)
    solve(problem, tmp_path / "old", ["5", "6", "7", "8"])
    given = ["--from", tmp_path / "old", "--start", write(tmp_path / "mine.txt", "42")]
    done = solve(problem, tmp_path / "new", ["9"], *given)
    assert done.code == 0, done.err
    assert done.json["best"]["score"] == 42
    refused = solve(problem, tmp_path / "other", ["9"], *given, "--search", "best-of-n")
    assert (refused.code, "and 4 come before yours" in refused.err) == (2, True)


def test_start_in_python(tmp_path: Path):
    """Paths are files, anything else is data; what is neither is named."""
    problem = Problem(statement="Numbers.", verify=keep, score=total, seeds=[[1]], run=RUN)
    replay = write_lines(tmp_path / "replay", ["[3]"])
    file = write(tmp_path / "mine.json", "[40]")
    options = {"sampler": f"replay:{replay}", "quiet": True}
    made = solve_in_python(problem, out=tmp_path / "run", start=[file, (4, 5)], **options)
    assert made.seed_score == 40
    assert roots(tmp_path / "run") == [[1], [40], [4, 5], [1]]
    with pytest.raises(UsageError, match=r"start: expected a list"):
        solve_in_python(problem, out=tmp_path / "x", start="mine.json", **options)
    with pytest.raises(UsageError, match=r"start\[0\]: is not plain data"):
        solve_in_python(problem, out=tmp_path / "x", start=[{1, 2}], **options)


def keep(data: Any) -> Any:
    """Verify nothing."""
    return data


def total(data: Any) -> Any:
    """Score by the sum."""
    return sum(data)


# -- lineages --------------------------------------------------------------------------------


def test_the_root_of_a_state():
    """Ancestors are followed up to the root, evicted ones too; a root is its own."""
    archive = make_archive(1.0, 2.0, children_per_parent=1)
    expand(archive, "seed.0", ("a", 3.0))
    expand(archive, "a", ("b", 4.0))
    expand(archive, "seed.0", ("c", 5.0))  # evicts a
    expand(archive, "seed.1", ("d", 6.0))
    found = {state.id: archive.root_of(state.id) for state in kept_states(archive)}
    assert found == {
        "seed.0": "seed.0", "seed.1": "seed.1", "a": "seed.0", "b": "seed.0", "c": "seed.0",
        "d": "seed.1",
    }  # fmt: skip


def test_lineages_of_a_run(tmp_path: Path):
    """Two parents of one root are one lineage.

    Step 1 begins with both roots. The children 50 and 40 of root 0 are the best states then, and
    neither descends from the other: both are the parents of step 2.
    """
    run = RUN | {"groups": 2, "steps": 2, "search": "epsilon-greedy", "epsilon": 0}
    problem = write_problem(tmp_path / "p", seeds=["seed.txt", "two.txt"], run=run)
    (problem / "two.txt").write_text("2")
    lines = [{"key": "seed.0", "text": text} for text in ("50", "40")] + ["3", "3"]
    assert solve(problem, tmp_path / "run", lines).code == 0
    parents = {a["parent"] for a in read_lines(tmp_path / "run" / "attempts.jsonl")[4:]}
    assert parents == {"1.1.0", "1.1.1"}
    metrics = read_lines(tmp_path / "run" / "metrics.jsonl")
    assert [line["solve/lineages"] for line in metrics] == [2, 1]


# -- comparing runs --------------------------------------------------------------------------


def test_runs_that_began_elsewhere_are_a_warning(tmp_path: Path):
    """`ttrl compare` says so where runs of one seed have other roots; fewer are no others."""
    problem = programs(tmp_path / "p", DRAWN)
    for name, options in {
        "a": [],
        "b": ["--search", "best-of-n", "--groups", 2],
        "c": ["--seed", 9],
    }.items():
        assert solve(problem, tmp_path / name, REPLAY, *options).code == 0
    paths = [tmp_path / name for name in "abc"]
    noted = "runs of one seed began from different roots: seed 0"
    assert noted not in notes(paths)
    log = tmp_path / "b" / "archive.jsonl"
    text = log.read_text()
    other = str(roots(tmp_path / "b")[0][0])
    log.write_text(text.replace(f"[{other}]", f"[{'9' * len(other)}]", 1))
    assert noted in notes(paths)


def notes(runs: list[Path]) -> list[str]:
    """What runs ought to have in common, and have not."""
    named = [(str(run), read_experiment(run)) for run in runs]
    return list(comparing.compare(comparing.together(named)).notes)
