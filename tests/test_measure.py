"""Problems whose own code drives the candidate: measure, trials, and what becomes of them."""

import json
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests._helpers import digest, read_lines, solve, ttrl
from tests._measured import MEASURE, SUM, VERIFY, fenced, write_measured
from ttrl_cli.grading.grader import ProblemGrader
from ttrl_cli.grading.trial import Trial, TrialSpec
from ttrl_cli.problem import load_problem
from ttrl_cli.records import Job, Status, Verdict
from ttrl_cli.sandbox.calls import Outcome

SECRET = "a secret for tests alone"
WRONG = "print(1)\n"
HANGS = "while True: pass\n"


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    """A file with a secret."""
    file = tmp_path / "chosen"
    file.write_text(f"{SECRET}\n")
    return file


def grade(folder: Path, *texts: str, secret: str = SECRET) -> list[Verdict]:
    """Grade the texts of solutions of a problem."""
    with ProblemGrader(load_problem(folder), workers=1, secret=secret) as grader:
        return [grader.grade_solution(text) for text in texts]


def measured(folder: Path, code: str, text: str = SUM, **keys: Any) -> Verdict:
    """Grade one solution by a measure."""
    return grade(write_measured(folder, code, **keys), text)[0]


def shown_calls(folder: Path, code: str, text: str) -> tuple[Outcome, ...]:
    """Measure one solution; return how its calls ended, as people are shown them."""
    problem = load_problem(write_measured(folder, code))
    with ProblemGrader(problem, workers=1, secret=SECRET) as grader:
        return grader.measure(text).calls


def test_making_inputs_is_not_timed(tmp_path: Path):
    """While inputs are made in `trial.untimed()`, the clock of measure.seconds stands still."""
    code = """
import time

def measure(candidate, trial):
    used = trial._waiting.__self__.used
    with trial.untimed():
        before = used()
        time.sleep(0.02)
        stood = used() == before
    return {"right": int(stood), "went on": used() > before}
"""
    assert measured(tmp_path / "p", code, SUM).data == {"right": 1, "went on": True}


# -- function and command: one contract ------------------------------------------------------

COMMAND = """
import json, subprocess, sys
import numpy
asked = json.load(sys.stdin)
assert sorted(asked) == ["seed", "settings", "solution", "split"], asked
assert 0 <= asked["seed"] < 2**128 and asked["split"] == "search"
rng = numpy.random.Generator(numpy.random.Philox(key=asked["seed"]))
rows = rng.integers(0, 9, (3, 4)).tolist()
right = 0
for row in rows:
    command = [sys.executable, "-c", asked["solution"]]
    done = subprocess.run(command, input=" ".join(map(str, row)), capture_output=True, text=True)
    right += done.stdout.strip() == str(sum(row))
print(json.dumps({"right": right}))
"""


@pytest.fixture(params=["function", "command"])
def sums(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The same problem, measured by a function and by a command."""
    if request.param == "function":
        return write_measured(tmp_path / "p")
    command = {"command": [sys.executable, "measure_it.py"]}
    folder = write_measured(tmp_path / "p", measure=command)
    (folder / "measure_it.py").write_text(COMMAND)
    return folder


def test_the_data_are_what_measure_makes(sums: Path):
    """Right answers count, wrong ones and crashes do not, and all are valid candidates."""
    verdicts = grade(sums, SUM, WRONG, "1/0\n")
    assert [v.status for v in verdicts] == [Status.OK] * 3, [v.reason for v in verdicts]
    assert [v.score for v in verdicts] == [3.0, 0.0, 0.0]
    assert verdicts[0].data == {"right": 3}


def test_equal_secrets_give_equal_trials(sums: Path):
    """A candidate that answers a fixed number scores alike under one secret."""
    first, second = (grade(sums, "print(18)\n")[0].data for _ in range(2))
    assert first == second


def test_a_measured_run(sums: Path, tmp_path: Path):
    """A search over measured programs runs, is shown, and keeps its secret apart."""
    done = solve(sums, tmp_path / "run", [fenced(WRONG), fenced(SUM + "\n# new")])
    assert done.code == 0, done.err
    assert done.json["best"]["score"] == 3.0
    assert len(digest(tmp_path / "run")) == 64


# -- what a measure may be -------------------------------------------------------------------

BAD = [
    ({"measure": "absent.py:measure"}, MEASURE, "measure", "no such file"),
    ({"measure": "measure.py:absent"}, MEASURE, "measure", "has no function 'absent'"),
    ({}, "def measure(candidate): return 1", "measure", "two arguments, the candidate and"),
    ({}, "measure = 7", "measure", "has no function"),
    ({"measure": {}}, MEASURE, "measure", "either function or command"),
    (
        {"measure": {"function": "measure.py:measure", "command": ["true"]}},
        MEASURE,
        "measure",
        "either function or command",
    ),
    (
        {"measure": {"function": "measure.py:measure", "timed": True}},
        MEASURE,
        "measure.timed",
        "unknown key",
    ),
    ({"measure": {"command": ["no-such-program"]}}, MEASURE, "measure.command", "no such program"),
    (
        {"measure": {"function": "measure.py:measure", "seconds": 0}},
        MEASURE,
        "measure.seconds",
        "greater than 0",
    ),
    ({"measure": None, "inputs": "public"}, MEASURE, "inputs", "goes with measure"),
    ({"certify": "verify.py:score"}, MEASURE, "certify", "not with measure"),
    ({}, "def measure(candidate, trial): return 1 / 0", "measure", "ZeroDivisionError"),
    (
        {},
        "def measure(candidate, trial):\n    candidate.run('1 2')\n    return {}['x']",
        "measure",
        "KeyError: 'x' (after 1 call: 1 ok)",
    ),
    ({}, "def measure(candidate, trial): return {1, 2}", "measure", "holds a set"),
    ({}, "def measure(candidate, trial): candidate.run('1 2')", "measure", "without `return`?"),
    ({}, "async def measure(candidate, trial): return 1", "measure", "must not be async"),
    ({}, "import os\ndef measure(candidate, trial): os._exit(0)", "measure", "worker died"),
    (
        {},
        "def measure(candidate, trial): return candidate.run('1', seconds=0).ok",
        "measure",
        "ValueError: seconds=0: Input should be greater than 0",
    ),
    (
        {"measure": {"command": ["./measure.py"]}},
        MEASURE,
        "measure.command",
        "measure.py is not executable: chmod +x ./measure.py",
    ),
    ({"statement": "{{ settings.count }} sums"}, MEASURE, "statement", "declares none"),
    ({"settings": {"my-name": 3}}, MEASURE, "settings.my-name", "letters, digits and _,"),
    ({}, "def measure(candidate, trial): return float('nan')", "measure", "nan"),
    ({}, "def measure(candidate, trial): return candidate.run(7)", "measure", "text or a dict"),
    (
        {},
        "import threading\n"
        "def measure(candidate, trial):\n"
        "    slow = trial.program('import time; time.sleep(5)')\n"
        "    threading.Thread(target=slow.run, args=('1 2',)).start()\n"
        "    while not candidate._measuring._under_way: pass\n"
        "    return {'right': 1}",
        "measure",
        "before its calls had ended",
    ),
    (
        {"measure": {"function": "measure.py:measure", "seconds": 0.2}},
        "def measure(candidate, trial):\n    while True: pass",
        "measure",
        "measure took more than 0.2 s (measure.seconds)",
    ),
    (
        {"measure": {"command": ["false"]}},
        MEASURE,
        "measure",
        "the measure command ended with status 1",
    ),
    ({"measure": {"command": ["echo", "no"]}}, MEASURE, "measure", "printed not valid JSON"),
]


@pytest.mark.parametrize(("keys", "measure", "key", "why"), BAD)
def test_a_bad_measure(tmp_path: Path, keys: dict[str, Any], measure: str, key: str, why: str):
    """What is wrong with a measure is said with the file, the key and the reason."""
    write_measured(tmp_path / "p", measure, **keys)
    done = ttrl("check", tmp_path / "p")
    assert done.code == 2
    assert f"{tmp_path / 'p' / 'problem.yaml'}: {key}" in done.err
    assert why in done.err


LATE = """
kept = []
def measure(candidate, trial):
    kept.append(candidate)
    return {"right": 1}
"""


def test_a_call_after_measure_returned(tmp_path: Path):
    """A verifier that calls a candidate that measure kept is refused, and measure is named."""
    verify = VERIFY + (
        "\ndef verify(data):\n"
        "    from measure import kept\n"
        "    kept[-1].run('1 2')\n"
        "    return data\n"
    )
    write_measured(tmp_path / "p", LATE, verify=verify)
    done = ttrl("check", tmp_path / "p")
    assert done.code == 2
    assert "measure" in done.err.splitlines()[-1]


# -- calls -----------------------------------------------------------------------------------


def test_a_row_is_in_order_and_stops(tmp_path: Path):
    """Outcomes are those of the inputs in order; none after the first that stop says counts."""
    measure = (
        "def measure(candidate, trial):\n"
        "    rows = candidate.map([str(n) for n in range(9)])\n"
        "    cut = candidate.map((str(n) for n in range(9)), stop=lambda o: '4' in o.output)\n"
        "    none = candidate.map([])\n"
        "    texts = [[o.output for o in row] for row in (rows, cut, none)]\n"
        "    return {'right': texts == [list('012345678'), list('01234'), []]}\n"
    )
    assert measured(tmp_path / "p", measure, "print(input(), end='')").score == 1.0


def test_a_candidate_that_uses_up_the_time_is_an_outcome(tmp_path: Path):
    """With measure.seconds used up, calls fail as late ones; measuring itself goes on."""
    measure = (
        "def measure(candidate, trial):\n"
        "    outcomes = candidate.map(['', '', '', ''])\n"
        "    assert {o.status for o in outcomes} == {'timeout'}\n"
        "    return {'right': sum('measure.seconds' in o.reason for o in outcomes)}\n"
    )
    keys = {
        "limits": {"seconds": 0.5, "memory_mb": 512},
        "measure": {"function": "measure.py:measure", "seconds": 0.6},
    }
    verdict = measured(tmp_path / "p", measure, HANGS, **keys)
    assert verdict.status is Status.OK, verdict.reason
    assert verdict.score is not None
    assert verdict.score >= 1


def test_a_program_of_the_problems_own(tmp_path: Path):
    """trial.program runs what the problem wrote, in C++ and in Python, beside the candidate."""
    cpp = "#include <iostream>\\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b; }"
    measure = (
        "def measure(candidate, trial):\n"
        f"    reference = trial.program('{cpp}', 'cpp', ['-O1'])\n"
        "    other = trial.program('def run(n): return n + 1')\n"
        "    right = reference.run('2 3').output == candidate.run('2 3').output.strip() == '5'\n"
        "    return {'right': right + other.run({'n': 1}).data}\n"
    )
    assert measured(tmp_path / "p", measure).score == 3.0


@pytest.mark.parametrize("kind", ["json", "text"])
def test_solutions_that_are_no_programs(tmp_path: Path, kind: str):
    """A solution of another kind is data and text, of which the problem may make a program."""
    measure = (
        "def measure(candidate, trial):\n"
        "    text = candidate.data['source'] if candidate.data else candidate.text\n"
        "    return {'right': trial.program(text).run('2 3\\n').output.strip() == '5'}\n"
    )
    solution = json.dumps({"source": SUM}) if kind == "json" else SUM
    keys = {"solution": {"kind": kind}, "seed": solution}
    assert measured(tmp_path / "p", measure, solution, **keys).score == 1.0


def test_settings_and_parent(tmp_path: Path):
    """The parent's data are for measure, which may pass them on; a seed has none."""
    measure = (
        "def measure(candidate, trial):\n"
        "    assert dict(trial.settings) == {}\n"
        "    return {'right': 1, 'parent': trial.parent}\n"
    )
    folder = write_measured(tmp_path / "p", measure)
    with ProblemGrader(load_problem(folder), workers=1) as grader:
        assert grader.grade_solution(SUM).data["parent"] is None
        grader.submit(Job(group=0, index=0, text=fenced(SUM), parent_data={"old": 7}))
        assert grader.collect()[0, 0].data["parent"] == {"old": 7}


def test_a_sandbox_that_fails_is_ours(tmp_path: Path):
    """A measure that catches the sandbox's failure gets no reward for it: the job failed."""
    measure = (
        "import os, signal, psutil\n"
        "from ttrl_cli.sandbox import session\n"
        "session.TRIES = 1\n"
        "def measure(candidate, trial):\n"
        "    candidate.run('1 2')\n"
        "    for child in psutil.Process().children(): child.kill()\n"
        "    try:\n"
        "        candidate.run('1 2')\n"
        "    except Exception:\n"
        "        return {'right': 99}\n"
        "    return {'right': 98}\n"
    )
    verdict = measured(tmp_path / "p", measure)
    assert verdict.status is Status.FAILED
    assert verdict.score is None


# -- secrets ---------------------------------------------------------------------------------


def test_trial_seeds(secret_file: Path):
    """A seed has 128 bits and hangs on secret, split and number; its rng on a name as well."""
    del secret_file
    base = TrialSpec(secret=SECRET)
    assert base.seed == TrialSpec(secret=SECRET).seed < 2**128
    others = [
        TrialSpec(secret=SECRET + "."),
        TrialSpec(secret=SECRET, split="held-out"),
        TrialSpec(secret=SECRET, number=1),
    ]
    assert len({spec.seed for spec in [base, *others]}) == 4
    assert SECRET not in repr(base)
    trial = Trial(seed=base.seed, split="search")
    draws = {trial.rng(name).integers(0, 2**62) for name in ("", "a", "b")}
    assert len(draws) == 3


@pytest.mark.parametrize("word", range(4))
def test_every_word_of_a_seed_counts(word: int):
    """Seeds that agree in one 32-bit word alone give different splits and inputs."""
    mask = 0xFFFFFFFF << (32 * word)
    first = TrialSpec(secret=SECRET).seed
    second = (first & mask) | (~first & (2**128 - 1) & ~mask)
    one, other = (Trial(seed=seed, split="search").rng() for seed in (first, second))
    assert one.permutation(50).tolist() != other.permutation(50).tolist()
    assert one.normal(size=8).tolist() != other.normal(size=8).tolist()


def test_the_secret_is_in_no_file_but_its_own(tmp_path: Path, secret_file: Path):
    """No file of a run holds the secret but the one that its owner alone can read."""
    problem, run = write_measured(tmp_path / "p"), tmp_path / "run"
    done = solve(problem, run, [fenced(SUM)], "--secret-file", secret_file)
    assert done.code == 0, done.err
    assert SECRET not in done.out + done.err
    files = [path for path in run.rglob("*") if path.is_file()]
    holding = [path.name for path in files if SECRET.encode() in path.read_bytes()]
    assert holding == ["secret"]
    assert stat.S_IMODE((run / "secret").stat().st_mode) == 0o600
    seed = TrialSpec(secret=SECRET).seed
    told = (str(seed).encode(), f"{seed:x}".encode())
    assert not [path for path in files if any(word in path.read_bytes() for word in told)]


def test_a_run_keeps_its_secret(tmp_path: Path, secret_file: Path):
    """Resuming draws the same trials; without its secret a run is refused."""
    problem, run = write_measured(tmp_path / "p"), tmp_path / "run"
    texts = [fenced(SUM), fenced("print(1500)\n")]
    assert solve(problem, run, texts, "--secret-file", secret_file, "--steps", 1).code == 0
    before = (run / "secret").read_text()
    done = ttrl("resume", run, "--steps", 2)
    assert done.code == 0, done.err
    assert (run / "secret").read_text() == before
    (run / "secret").unlink()
    done = ttrl("resume", run, "--steps", 3)
    assert done.code == 2
    assert "secret is missing" in done.err


def test_another_secret_is_not_taken_for_the_runs(tmp_path: Path, secret_file: Path):
    """A run whose secret was changed is not resumed: its scores would be of other trials."""
    problem, run = write_measured(tmp_path / "p"), tmp_path / "r"
    options = ["--steps", 1, "--groups", 1, "--secret-file", secret_file]
    assert solve(problem, run, [fenced(WRONG)], *options).code == 0
    (run / "secret").write_text("another secret, as long\n")
    done = ttrl("resume", run, "--steps", 2)
    assert done.code == 2
    assert f"{run / 'secret'} holds another secret than when the run began" in done.err
    (run / "secret").write_text(f"{SECRET}\n")
    assert ttrl("resume", run, "--steps", 2).code == 0


def test_a_comparison_says_that_trials_differ(tmp_path: Path, secret_file: Path):
    """Runs that drew their trials from different secrets are compared with a warning."""
    problem = write_measured(tmp_path / "p")
    for name, options in {"a": ["--secret-file", secret_file], "b": []}.items():
        options += ["--steps", 1, "--groups", 1]
        assert solve(problem, tmp_path / name, [fenced(WRONG)], *options).code == 0
    told = ttrl("compare", tmp_path / "a", tmp_path / "b")
    assert "the runs were measured on trials of different secrets" in told.err
    assert "secrets" not in ttrl("compare", tmp_path / "a", tmp_path / "a").err


def test_a_package_says_that_its_trial_is_another(tmp_path: Path):
    """The README of a measured run's package says what its command measures, and can be checked."""
    problem, run = write_measured(tmp_path / "p"), tmp_path / "r"
    assert solve(problem, run, [fenced(SUM)], "--steps", 1, "--groups", 1).code == 0
    done = ttrl("export", run, "--solution", tmp_path / "package")
    assert done.code == 0, done.err
    readme = (tmp_path / "package" / "README.md").read_text()
    assert "ttrl verify problem solution.py\n" in readme
    assert "measured on the run's own trial, which is drawn from its secret" in readme
    assert not (tmp_path / "package" / "secret").exists()


def test_a_warm_start_takes_the_secret(tmp_path: Path, secret_file: Path):
    """A run that starts from another one measures on its trials, and on no others."""
    problem, run = write_measured(tmp_path / "p"), tmp_path / "run"
    assert solve(problem, run, [fenced(SUM)], "--steps", 1).code == 0
    second = tmp_path / "second"
    assert solve(problem, second, [fenced(SUM)], "--steps", 1, "--from", run).code == 0
    assert (second / "secret").read_text() == (run / "secret").read_text()
    refused = solve(
        problem, tmp_path / "x", [fenced(SUM)], "--from", run, "--secret-file", secret_file
    )
    assert refused.code == 2
    assert "not the secret of" in refused.err


@pytest.mark.parametrize(
    ("content", "why"), [("short", "16 to 1024"), (None, "cannot be read"), ("x" * 2000, "16 to")]
)
def test_a_bad_secret_file(tmp_path: Path, content: str | None, why: str):
    """A file that holds no secret is refused with its name."""
    problem, file = write_measured(tmp_path / "p"), tmp_path / "bad"
    if content is not None:
        file.write_text(content)
    done = ttrl("verify", problem, problem / "seed.txt", "--secret-file", file)
    assert done.code == 2
    assert f"--secret-file {file}: " in done.err
    assert why.replace(",", "") in done.err.replace(",", "")


def test_verify_draws_a_secret_and_prints_it(tmp_path: Path, secret_file: Path):
    """Without a secret one is drawn and printed, with which the same trial comes again."""
    problem = write_measured(tmp_path / "p")
    solution = problem / "seed.txt"
    done = ttrl("verify", problem, solution, "--json")
    assert done.code == 0, done.err
    assert (done.json["score"], len(done.json["secret"])) == (3.0, 64)
    assert done.json["secret"] in done.err
    given = ttrl("verify", problem, solution, "--json", "--secret-file", secret_file)
    assert given.json["secret"] == SECRET
    assert SECRET not in given.err


# -- ttrl measure, ttrl check ----------------------------------------------------------------


def test_one_trial_is_shown(tmp_path: Path, secret_file: Path):
    """`ttrl measure` shows each call, of any trial, and the data."""
    problem = write_measured(tmp_path / "p")
    wrong = tmp_path / "wrong.py"
    wrong.write_text("import sys\nprint('odd', file=sys.stderr)\nprint(int(input()))")
    arguments = ("measure", problem, wrong, "--secret-file", secret_file, "--json")
    zero, one = (ttrl(*arguments, "--trial", n) for n in (0, 1))
    assert (zero.code, one.code) == (0, 0), zero.err
    assert [call["status"] for call in zero.json["calls"]] == ["error"] * 3
    assert "ValueError" in zero.json["calls"][0]["reason"]
    assert zero.json["calls"][0]["log"].startswith("odd")
    assert (zero.json["trial"], one.json["trial"], zero.json["data"]) == (0, 1, {"right": 0})
    reasons = [[call["reason"] for call in done.json["calls"]] for done in (zero, one)]
    assert reasons[0] != reasons[1]
    assert "ValueError: invalid literal for int()" in ttrl("measure", problem, wrong).out
    shown = ttrl("measure", problem, problem / "seed.txt")
    assert shown.code == 0
    assert shown.out.count(" ok ") == 3
    assert "drawn from the secret" in shown.err


def test_a_failed_trial_shows_the_calls_before(tmp_path: Path):
    """Results before a failure are kept: the calls are shown though measure raised."""
    measure = "def measure(candidate, trial):\n    candidate.run('1 2')\n    raise KeyError('k')"
    problem = write_measured(tmp_path / "p", measure)
    done = ttrl("measure", problem, problem / "seed.txt", "--json")
    assert done.code == 4
    assert "KeyError: 'k' (after 1 call: 1 ok)" in done.json["reason"]
    assert [call["output"] for call in done.json["calls"]] == ["3\n"]


def test_measure_needs_a_measure(tmp_path: Path):
    """A problem without a measure has no trials."""
    problem = write_measured(tmp_path / "p", measure=None)
    done = ttrl("measure", problem, problem / "seed.txt")
    assert done.code == 2
    assert "has no measure" in done.err


@pytest.mark.parametrize(
    ("measure", "finding"),
    [
        ("return {'right': int(candidate.run('1 2').output)}", "ValueError"),
        ("return {'right': 7 - candidate.run('1 2').ok}", "scores 7, better than the seed's 6"),
        ("return {'right': len(candidate.run('1 2').output)}", "better than the seed's 2"),
        ("return {'right': candidate.run('1 2').data and 1 or 0}", "better than the seed's 0"),
    ],
)
def test_check_lets_measure_meet_hostile_calls(tmp_path: Path, measure: str, finding: str):
    """A measure that trips over calls that failed, or rewards them, is at fault."""
    problem = write_measured(tmp_path / "p", f"def measure(candidate, trial):\n    {measure}")
    done = ttrl("check", problem, "--json")
    assert done.code == 2
    assert "problem.yaml: measure:" in done.err
    assert any(finding in found["what"] for found in done.json["findings"]), done.json


def test_check_says_when_two_measurements_differ(tmp_path: Path):
    """Figures that change from one measurement to the next are said, and are no fault."""
    measure = (
        "count = iter(range(99))\n"
        "def measure(candidate, trial):\n"
        "    good = candidate.run('1 2').output.strip() == '3'\n"
        "    return {'right': 10 * good + next(count) * good}\n"
    )
    problem = write_measured(tmp_path / "p", measure)
    done = ttrl("check", problem)
    assert done.code == 0, done.err
    assert "two measurements on one trial differ: seed.txt: score 2" in done.out
    same = ttrl("check", write_measured(tmp_path / "q"), "--json")
    assert same.json["differs"] == ""


# -- prompts and copies ----------------------------------------------------------------------


def prompts(problem: Path, run: Path) -> Iterator[str]:
    """Yield the texts of the prompts that each state of a run would be shown in."""
    from ttrl_cli.loop.solve import load_archive
    from ttrl_cli.prompts import solve_messages
    from ttrl_cli.rundir import RunDir

    loaded, archive = load_problem(problem), load_archive(RunDir.open(run))
    for line in read_lines(run / "archive.jsonl"):
        for state in line.get("states", line.get("children", [])):
            yield solve_messages(loaded, archive.state(state["id"]), None)[-1].content


@pytest.mark.parametrize("public", [False, True])
def test_what_is_printed_enters_prompts_only_if_public(tmp_path: Path, *, public: bool):
    """A canary input that a candidate prints reaches a prompt only if inputs are public."""
    measure = (
        "def measure(candidate, trial):\n"
        "    return {'right': candidate.run('CANARY-%d\\n' % (trial.seed % 97)).ok}\n"
    )
    keys = {"inputs": "public"} if public else {}
    problem, run = write_measured(tmp_path / "p", measure, seed="input()", **keys), tmp_path / "r"
    chatty = "x = input()\nprint(x)\nimport sys\nprint(x, file=sys.stderr)\n"
    crash = "raise ValueError(input())"
    assert solve(problem, run, [fenced(chatty), fenced(crash)]).code == 0
    assert any("CANARY-" in text for text in prompts(problem, run)) is public
    held = "CANARY-" in (run / "archive.jsonl").read_text()
    assert held is public


def test_the_prompt_says_how_a_program_is_run(tmp_path: Path):
    """The built-in prompt of a measured problem promises no seed, cpus or parent."""
    problem, run = write_measured(tmp_path / "p"), tmp_path / "r"
    assert solve(problem, run, [fenced(SUM)], "--steps", 1).code == 0
    text = next(prompts(problem, run))
    assert "inputs that it has not seen" in text
    assert "parent (the data" not in text


def test_copies_are_known_by_their_text(tmp_path: Path):
    """A program that differs in comments and blanks is a copy, whatever it is measured to be."""
    measure = (
        "count = iter(range(9999))\n"
        "def measure(candidate, trial):\n"
        "    return {'right': candidate.run('1 2').ok, 'time': next(count)}\n"
    )
    problem, run = write_measured(tmp_path / "p", measure), tmp_path / "r"
    copy = "# a copy\nprint(sum(map(int,   input().split())))  # of it\n\n"
    new = "print(sum(int(word) for word in input().split()))\n"
    done = solve(problem, run, [fenced(copy), fenced(new)], "--steps", 1, "--groups", 1)
    assert done.code == 0, done.err
    children = read_lines(run / "archive.jsonl")[1]["children"]
    assert [child["solution"].strip() for child in children] == [new.strip()]


def test_copies_are_known_by_their_identity(tmp_path: Path):
    """Where verify returns an identity, solutions with the same one are the same."""
    measure = (
        "def measure(candidate, trial):\n"
        "    return {'right': 1, 'identity': candidate.run('1 2').output.strip()}\n"
    )
    problem, run = write_measured(tmp_path / "p", measure), tmp_path / "r"
    texts = [fenced("print(3)"), fenced("print(4)")]
    assert solve(problem, run, texts, "--steps", 1, "--groups", 1).code == 0
    children = read_lines(run / "archive.jsonl")[1]["children"]
    assert [child["solution"].strip() for child in children] == ["print(4)"]


@pytest.mark.parametrize(
    ("language", "one", "other", "same"),
    [
        ("python", "x = 1  # a\n", "x  =  1\n\n# b\n", True),
        ("python", "x = '# a'\n", "x = '# b'\n", False),
        ("python", "if x:\n    y = 1\nz = 2\n", "if x:\n    y = 1\n    z = 2\n", False),
        ("python", "x = (1\n", "x = (1 \n\n", True),
        ("cpp", "int a; // x\nint b;", "int a;\n/* y\n */ int  b;", True),
        ("cpp", 'auto s = "// x";', 'auto s = "// y";', False),
        ("cpp", 'auto s = R"(/* x */)";', 'auto s = R"(/* y */)";', False),
        ("cpp", "char c = '\"'; // a", "char c = '\"'; // b", True),
        ("cpp", 'puts("a      b");', 'puts("a b");', False),
        ("cpp", 'puts("a b");', 'puts( "a b" ) ;', True),
        ("cpp", "int a;int b;", "int a;/**/int b;// c", True),
        ("cpp", "return a+b;", "return a + b ;", True),
        ("cpp", "return a+ +b;", "return a++b;", False),
        ("cpp", "int ab;", "int a b;", False),
        ("cpp", 'auto s = R"x(a  b)x";', 'auto s = R"x(a b)x";', False),
        ("cpp", 'auto s = R"(a\\\nb)";', 'auto s = R"(ab)";', False),
        ("cpp", 'auto s=u8R"y()" //)y";', 'auto s = u8R"y()" //)y" ; // z', True),
        ("cpp", "int n = 1'000;  // it's", "int n=1'000;", True),
        ("cpp", "int a\\\nb;", "int ab;", True),
        ("cpp", "// a \\\nint b;\nint c;", "int c;", True),
        ("cpp", "#define A 1\nint a;", "# define A /* x\n */ 1  // y\n\n  int a;", True),
        ("cpp", "#define A int a;\n", "#define A\nint a;\n", False),
        ("cpp", "#define F(x) x\n", "#define F (x) x\n", False),
        ("cpp", "#define A 1 \\\n + 2\nint a;", "#define A 1+2\nint a;", True),
        ("cpp", "a = b; /* never closed", "a = b;", False),
        ("cpp", "x = 'a'; y = ' ';", "x = 'a'; y = '  ';", False),
        ("json", "[1,2]", "[1, 2]\n", True),
        ("json", '{"a": 1, "b": [2]}', '{"b":[2],"a":1}', True),
        ("json", "[1, 2]", "[2, 1]", False),
        ("json", '{"a": "x y"}', '{"a": "x  y"}', False),
        ("text", "a  b\n", "a b", True),
    ],
)
def test_comments_and_blanks_do_not_count(
    tmp_path: Path, language: str, one: str, other: str, *, same: bool
):
    """Two texts are one solution if comments and blanks alone tell them apart."""
    from ttrl_cli.grading.identity import identity

    kind = language if language in ("json", "text") else "program"
    solution = {"kind": kind} | ({"language": language} if kind == "program" else {})
    problem = load_problem(write_measured(tmp_path / "p", solution=solution))
    assert (identity(problem, one, None) == identity(problem, other, None)) is same


def test_candidates_may_be_called_by_inputs_and_stop(tmp_path: Path):
    """Inputs that are made as they are needed, by a reference, hold up nobody."""
    measure = (
        "def measure(candidate, trial):\n"
        "    ref = trial.program('print(int(input()) + 1, end=\"\")')\n"
        "    inputs = (ref.run(str(n)).output for n in range(9))\n"
        "    row = candidate.map(inputs, stop=lambda o: ref.run(o.output).output == '6')\n"
        "    return {'right': [o.output for o in row] == list('12345')}\n"
    )
    assert measured(tmp_path / "p", measure, "print(input(), end='')").score == 1.0


def test_calls_behind_the_stop_are_ended(tmp_path: Path):
    """Calls behind the outcome that stops a row neither go on nor use up measure.seconds."""
    source = "import time\nn = int(input())\ntime.sleep(0.2 if n == 0 else 3600)\n"
    measure = (
        "def measure(candidate, trial):\n"
        "    row = candidate.map(['0', '1', '2'], stop=lambda o: True)\n"
        "    return {'right': len(row) == 1 and candidate.run('0').ok}\n"
    )
    keys = {
        "limits": {"seconds": 300, "memory_mb": 512},
        "measure": {"function": "measure.py:measure", "seconds": 300},
    }
    assert measured(tmp_path / "p", measure, source, **keys).score == 1.0


def test_only_the_last_call_is_kept_whole(tmp_path: Path):
    """Of the calls before it, what people look at is the end of the output, and no data."""
    measure = (
        "def measure(candidate, trial):\n"
        "    rows = [candidate.run({}) for _ in range(2)] + candidate.map([{}, {}])\n"
        "    return {'right': sum(len(o.output) == o.data['n'] for o in rows)}\n"
    )
    source = "def run():\n    print('x' * 99_999)\n    return {'n': 100_000}\n"
    calls = shown_calls(tmp_path / "p", measure, source)
    assert [len(outcome.output) for outcome in calls] == [2000, 2000, 2000, 100_000]


def test_check_sees_a_thread_that_calls_late(tmp_path: Path):
    """A thread that calls a candidate long after its measure has returned is a finding."""
    measure = (
        "import threading\n"
        "kept = []\n"
        "def measure(candidate, trial):\n"
        "    for old in kept:\n"
        "        thread = threading.Thread(target=old.run, args=('1 2',))\n"
        "        thread.start()\n"
        "        thread.join()\n"
        "    kept[:] = [candidate]\n"
        "    return {'right': 0}\n"
    )
    done = ttrl("check", write_measured(tmp_path / "p", measure), "--json")
    assert done.code == 2
    found = {finding["attack"]: finding["what"] for finding in done.json["findings"]}
    assert "after measure has returned" in found["a thread that measure left behind"]


def test_too_much_on_standard_error_is_named(tmp_path: Path):
    """A call that floods standard error is told so."""
    source = "import sys\nfor _ in range(99):\n    sys.stderr.write('x' * 100_000)\n"
    measure = (
        "def measure(candidate, trial):\n"
        "    why = candidate.run('').reason\n"
        "    return {'right': why == 'printed more than 1 MiB on standard error'}\n"
    )
    limits = {"seconds": 10, "memory_mb": 512, "output_mb": 1}
    assert measured(tmp_path / "p", measure, source, limits=limits).score == 1.0
