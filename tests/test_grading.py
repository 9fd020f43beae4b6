"""The grader with real workers on small problems, which each test writes itself."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from tests._helpers import PATIENCE, command_line, until
from ttrl_cli.errors import ProblemError, SetupError
from ttrl_cli.grading import worker_process
from ttrl_cli.grading.base import Grader
from ttrl_cli.grading.grader import ProblemGrader
from ttrl_cli.grading.process_pool import POLL_SECONDS, ProcessPool
from ttrl_cli.grading.verifier import Checker
from ttrl_cli.grading.worker import grade
from ttrl_cli.problem import Problem, load_problem
from ttrl_cli.records import Job, Status, Verdict

VERIFY = """
from ttrl_cli.errors import Invalid

def verify(data):
    if not isinstance(data, list):
        raise Invalid("not a list")
    return data

def score(data):
    return sum(data)
"""

Make = Callable[..., Problem]
Start = Callable[..., ProblemGrader]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Write a problem and load it: the text of verify.py, and keys of problem.yaml."""

    def write(verify: str = VERIFY, *, seed: str = "[1, 2]", **keys: Any) -> Problem:
        raw = {
            "name": "toy",
            "statement": "Find a list.",
            "direction": "maximize",
            "solution": {"kind": "json"},
            "verifier": "verify.py:verify",
            "score": "verify.py:score",
            "seeds": ["seed.txt"],
            "limits": {"seconds": 20, "memory_mb": 1024, "output_mb": 0.5},
        }
        kept = {key: value for key, value in (raw | keys).items() if value is not None}
        (tmp_path / "problem.yaml").write_text(yaml.safe_dump(kept))
        (tmp_path / "verify.py").write_text(verify)
        (tmp_path / "seed.txt").write_text(seed)
        return load_problem(tmp_path)

    return write


@pytest.fixture
def start() -> Iterator[Start]:
    """Start graders, and close them after the test."""
    graders: list[ProblemGrader] = []

    def begin(problem: Problem, workers: int = 2) -> ProblemGrader:
        graders.append(ProblemGrader(problem, workers=workers))
        return graders[-1]

    yield begin
    for grader in graders:
        grader.close()


def job(text: str, *, index: int = 0, parent: Any = None) -> Job:
    """The job (0, index)."""
    return Job(group=0, index=index, text=text, parent_data=parent, seed=5)


def one(grader: ProblemGrader, text: str, *, parent: Any = None) -> Verdict:
    """The verdict on one completion."""
    grader.submit(job(text, parent=parent))
    return grader.collect()[0, 0]


def program(body: str) -> str:
    """A completion that holds a program."""
    return f"```python\n{body}\n```"


PROGRAM = {"solution": {"kind": "program"}, "seed": "def run():\n    return [1, 2]\n"}


class TestVerdicts:
    def test_a_valid_solution(self, make: Make, start: Start) -> None:
        """A valid completion gets its score, its reward and its data, and is shown as it is."""
        verdict = one(start(make(direction="minimize")), "So:\n```json\n[3, 4]\n```")
        assert (verdict.status, verdict.score, verdict.reward) == (Status.OK, 7.0, -7.0)
        assert (verdict.data, verdict.solution, verdict.shown) == ([3, 4], "[3, 4]", "[3, 4]")
        assert verdict.valid
        assert verdict.reason == ""
        assert verdict.seconds > 0

    def test_invalid_has_the_verifiers_words(self, make: Make, start: Start) -> None:
        """What the verifier refuses is INVALID, and the reason is the text of its Invalid."""
        verdict = one(start(make()), '{"score": 1000000}')
        assert (verdict.status, verdict.reason) == (Status.INVALID, "not a list")
        assert (verdict.score, verdict.reward, verdict.data) == (None, None, None)

    def test_score_with_metrics_and_feedback(self, make: Make, start: Start) -> None:
        """A score may come with further figures and words, numpy numbers included."""
        verify = VERIFY.replace(
            "return sum(data)",
            "import numpy as np\n    return {'value': np.float64(2), 'metrics': {'n': len(data)},"
            " 'feedback': 'go on'}",
        )
        verdict = one(start(make(verify)), "[1]")
        assert (verdict.score, verdict.metrics, verdict.feedback) == (2.0, {"n": 1.0}, "go on")

    def test_render_decides_what_is_shown(self, make: Make, start: Start) -> None:
        """The problem's render makes the text of later prompts, from verified data."""
        verify = VERIFY + "\ndef show(data):\n    return 'sorted: ' + str(sorted(data))\n"
        assert one(start(make(verify, render="verify.py:show")), "[2, 1]").shown == "sorted: [1, 2]"

    def test_arrays_are_kept_as_lists(self, make: Make, start: Start) -> None:
        """A verifier may return arrays: the score sees them, the verdict keeps lists."""
        verify = (
            "import numpy as np\ndef verify(d): return np.array(d)\ndef score(a): return a.sum()"
        )
        verdict = one(start(make(verify)), "[1.5, 2]")
        assert (verdict.score, verdict.data) == (3.5, [1.5, 2.0])

    def test_a_score_cannot_change_the_data(self, make: Make, start: Start) -> None:
        """What a score does to its argument is not what the verdict keeps."""
        verify = "def verify(d): return d\ndef score(d): d.append(9); return 1"
        assert one(start(make(verify)), "[1]").data == [1]

    @pytest.mark.parametrize("value", ["float('nan')", "float('-inf')", "10 ** 400"])
    def test_a_score_that_is_not_finite_is_invalid(
        self, make: Make, start: Start, value: str
    ) -> None:
        """NaN, infinities and numbers beyond a double are no score."""
        verdict = one(start(make(VERIFY.replace("sum(data)", value))), "[1]")
        assert (verdict.status, verdict.reason) == (Status.INVALID, "score is not finite")

    def test_helpers_in_the_folder_are_importable(
        self, make: Make, start: Start, tmp_path: Path
    ) -> None:
        """A problem's file may import another file of its folder."""
        (tmp_path / "helper_of_toy.py").write_text("BONUS = 100\n")
        verify = "from helper_of_toy import BONUS\n" + VERIFY.replace("sum(data)", "BONUS")
        assert one(start(make(verify)), "[1]").score == 100.0

    def test_printing_in_a_verifier_stays_off_stdout(
        self, make: Make, start: Start, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """What a verifier prints never reaches standard output."""
        one(start(make("print('noise')\n" + VERIFY)), "[1]")
        assert "noise" not in capfd.readouterr().out


class TestBugsOfTheProblem:
    """Nothing that the problem's own code does wrong is a reward."""

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (("return data\n", "return data.shape\n"), "verifier raised AttributeError"),
            (("return data\n", "raise SystemExit(1)\n"), "verifier raised SystemExit: 1"),
            (("return data\n", "return {1: 2}\n"), "keys must be strings"),
            (("return data\n", "return [float('nan')]\n"), "numbers must be finite"),
            (("return data\n", "return open\n"), "verifier returned what cannot be kept"),
            (("sum(data)", "1 / 0"), "score raised ZeroDivisionError: division by zero"),
            (("sum(data)", "'7'"), "score must be a number (got str)"),
            (("sum(data)", "True"), "score must be a number (got bool)"),
            (("sum(data)", "None"), "score must be a number (got NoneType)"),
            (("sum(data)", "{'value': 1, 'metric': {}}"), "the unknown key 'metric'"),
            (("sum(data)", "{'metrics': {}}"), "no key 'value'"),
            (("sum(data)", "{'value': 1, 'metrics': {'a': 'b'}}"), "metric 'a' must be a finite"),
            (("sum(data)", "{'value': 1, 'feedback': 3}"), "feedback must be text (got int)"),
        ],
    )
    def test_data_that_the_code_chokes_on_are_invalid(
        self, make: Make, change: tuple[str, str], reason: str
    ) -> None:
        """Data that make verifier or score raise are INVALID, with a reason that leads there."""
        verdict = Checker(make(VERIFY.replace(*change))).judge([1, 2])
        assert verdict.status is Status.INVALID
        assert reason in verdict.reason
        assert (verdict.score, verdict.reward) == (None, None)

    @pytest.mark.parametrize("error", ["OSError('disk full')", "MemoryError"])
    def test_what_the_system_lacks_is_failed(self, make: Make, error: str) -> None:
        """OSError and MemoryError in the problem's code are FAILED: no penalty either."""
        verdict = Checker(make(VERIFY.replace("return data\n", f"raise {error}\n"))).judge([1])
        assert verdict.status is Status.FAILED

    def test_a_reward_that_cannot_be_transformed_is_invalid(self, make: Make) -> None:
        """Scores whose reciprocal is no reward are INVALID, too small ones included."""
        checker = Checker(make(reward={"transform": "reciprocal"}))
        assert checker.judge([-1]).status is Status.INVALID
        assert "needs a score above 0" in checker.judge([-1]).reason
        assert checker.judge([1e-320]).status is Status.INVALID
        assert Checker(make()).judge([1e200]).reason == "score 1e+200 is out of range"

    @pytest.mark.parametrize("call", ["os._exit(3)", "os._exit(0)", "os.abort()"])
    def test_a_dying_worker_is_replaced(
        self, make: Make, start: Start, tmp_path: Path, call: str
    ) -> None:
        """A verifier that kills its worker is tried three times, then FAILED; others go on."""
        note = tmp_path / "tries"
        grader = start(make(_counting(note, call)))
        for index in range(6):
            grader.submit(job('"die"' if index == 3 else "[1]", index=index))
        verdicts = grader.collect()
        assert [v.status for v in verdicts.values()] == [Status.OK] * 3 + [Status.FAILED] + [
            Status.OK
        ] * 2
        assert "worker died, 3 times" in verdicts[0, 3].reason
        assert note.read_text() == "xxx"

    def test_a_pause_is_not_a_stall(self) -> None:
        """Workers that had nothing to do for long are not taken for hung when work comes."""
        workers = ProcessPool(count=1, initializer=worker_process.prepare, arguments=())
        try:
            pool = workers._pool
            workers._heard -= 2 * PATIENCE
            workers.submit("call", time.sleep, 2 * POLL_SECONDS, timeout=PATIENCE)
            assert workers.take(wait=True) == [("call", None)]
            assert workers._pool is pool
        finally:
            workers.close()

    @pytest.mark.parametrize("call", ["time.sleep(600)", "os._exit(0)"])
    def test_a_hanging_verifier_is_killed(
        self,
        make: Make,
        start: Start,
        tmp_path: Path,
        call: str,
    ) -> None:
        """A verifier that hangs is tried twice, one that ends its worker three times; both FAIL."""
        note = tmp_path / "tries"
        limits = {"seconds": 1} if "sleep" in call else {"seconds": 20}
        verdict = one(start(make(_counting(note, call), limits=limits), 1), '"die"')
        assert verdict.status is Status.FAILED
        late = "verifying took more than 1 s (limits.seconds), 2 times"
        died = "the grading worker died, 3 times (exit status 70)"
        assert verdict.reason == (late if "sleep" in call else died)
        assert note.read_text() == ("xx" if "sleep" in call else "xxx")

    @pytest.mark.parametrize("waiting", [False, True])
    def test_an_idle_worker_that_dies_is_replaced(
        self, make: Make, start: Start, waiting: bool
    ) -> None:
        """Killing every idle worker from outside costs no verdict, whether or not jobs wait."""
        verify = "import os\ndef verify(d): return os.getpid()\ndef score(d): return 1"
        grader = start(make(verify), 1)
        first = one(grader, "1").data
        os.kill(first, signal.SIGSTOP)
        if waiting:
            grader.submit(job("1", index=1))
        os.kill(first, signal.SIGKILL)
        until(lambda: not psutil.pid_exists(first))
        if not waiting:
            grader.submit(job("1", index=1))
        verdicts = grader.collect()
        assert list(verdicts) == [(0, 1)]
        assert {verdict.status for verdict in verdicts.values()} == {Status.OK}
        assert first not in {verdict.data for verdict in verdicts.values()}


class TestPrograms:
    def test_a_program_is_run_and_scored(self, make: Make, start: Start) -> None:
        """A program gets seed, seconds, cpus and parent, and its data are verified and scored."""
        body = (
            "def run(seed, seconds, cpus, parent):\n"
            "    print('hi')\n    return [seed, seconds, cpus] + parent"
        )
        verdict = one(start(make(**PROGRAM)), program(body), parent=[100])
        assert (verdict.score, verdict.data) == (126.0, [5, 20.0, 1, 100])
        assert (verdict.output, verdict.solution) == ("hi\n", body)

    def test_how_programs_end(self, make: Make, start: Start) -> None:
        """Each way to end badly has its status, and none is a failure of ours."""
        grader = start(make(**PROGRAM))
        bodies = {
            Status.ERROR: "def run(): return 1 / 0",
            Status.MEMORY: "def run(): return bytearray(1 << 40)",
            Status.OUTPUT: "def run(): return 'x' * (1 << 20)",
            Status.MALFORMED: "def run(): return float('nan')",
            Status.INVALID: "def run(): return {'score': 1e9}",
        }
        for index, body in enumerate(bodies.values()):
            grader.submit(job(program(body), index=index))
        verdicts = grader.collect().values()
        assert [verdict.status for verdict in verdicts] == list(bodies)
        assert all(verdict.solution and verdict.reason for verdict in verdicts)

    def test_a_program_that_never_ends(self, make: Make, start: Start) -> None:
        """It is ended when its time is up, and told so."""
        grader = start(make(**PROGRAM, limits={"seconds": 0.2}), 1)
        verdict = one(grader, program("def run():\n while True: pass"))
        assert (verdict.status, verdict.reason) == (Status.TIMEOUT, "still running after 1.2 s")

    def test_a_program_cannot_reach_our_score(self, make: Make, start: Start) -> None:
        """Patching json, time and the problem's modules, or claiming a score, changes nothing."""
        body = """
import builtins, json, sys, time, types
fake = types.SimpleNamespace(verify=lambda d: d, score=lambda d: 1e9)
sys.modules["verify"] = sys.modules["ttrl_problem_verify"] = fake
time.time = time.monotonic = lambda: 0.0
builtins.sum = lambda data: 1e9
def run():
    print('{"score": 1e9, "status": "ok"}')
    return [1, 2]
"""
        verdict = one(start(make(**PROGRAM)), program(body))
        assert (verdict.score, verdict.reward) == (3.0, 3.0)

    def test_an_early_exit_is_no_success(self, make: Make, start: Start) -> None:
        """A program that ends with status 0 before its answer is an error."""
        verdict = one(start(make(**PROGRAM)), program("import os\nprint('PASS')\nos._exit(0)"))
        assert (verdict.status, verdict.score) == (Status.ERROR, None)

    def test_an_interpreter_that_is_not_there(self, make: Make) -> None:
        """A missing interpreter is an error of the problem file, found before anything runs."""
        for python, why in [("/no/python", "no such"), ("./bin/python", "must be an absolute")]:
            problem = make(**PROGRAM, environment={"python": python})
            where = r"problem\.yaml: environment\.python: "
            with pytest.raises(ProblemError, match=where + why):
                ProblemGrader(problem, workers=1)

    def test_packages_are_imported_as_a_program_would(self, make: Make) -> None:
        """A problem may name what can be imported; what cannot is named before anything runs."""
        problem = make(**PROGRAM, environment={"imports": ["math", "json.decoder"]})
        ProblemGrader(problem, workers=1).close()
        environment = {"imports": ["math", "no_such_package"], "python": sys.executable}
        with pytest.raises(SetupError, match=r"imports\[1\]: .* no_such_package"):
            ProblemGrader(make(**PROGRAM, environment=environment), workers=1)


COMMAND = """
import json, sys, time
data = json.load(sys.stdin)["data"]
if data == "crash":
    sys.exit("no idea")
if data == "hang":
    open("tries", "a").write("x")
    time.sleep(600)
if data == "garbage":
    print("score: 7")
elif data == "refuse":
    print(json.dumps({"valid": False, "reason": "not nice"}))
elif data == "extra":
    print(json.dumps({"valid": True, "score": 1, "bonus": 2}))
elif data == "silent":
    print(json.dumps({"valid": True}))
else:
    print(json.dumps({"valid": True, "score": len(data), "metrics": {"n": 1}, "feedback": "hm",
                      "data": sorted(data)}))
"""


class TestCommands:
    @pytest.fixture
    def checker(self, make: Make, tmp_path: Path) -> Checker:
        return self.command(make, tmp_path, seconds=PATIENCE)

    def command(self, make: Make, folder: Path, *, seconds: float) -> Checker:
        """A checker of a problem whose verifier is the command, with a limit."""
        (folder / "check.py").write_text(COMMAND)
        command = {"command": [sys.executable, "check.py"]}
        return Checker(make(verifier=command, score=None, limits={"seconds": seconds}))

    def test_a_command_verifies_and_scores(self, checker: Checker) -> None:
        """Score, metrics, feedback and data come from what the command prints."""
        verdict = checker.judge([2, 1])
        assert (verdict.status, verdict.score, verdict.data) == (Status.OK, 2.0, [1, 2])
        assert (verdict.metrics, verdict.feedback) == ({"n": 1.0}, "hm")

    def test_a_command_refuses(self, checker: Checker) -> None:
        """A command's refusal is INVALID, with its reason."""
        verdict = checker.judge("refuse")
        assert (verdict.status, verdict.reason) == (Status.INVALID, "not nice")

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            ("crash", "ended with status 1: no idea"),
            ("garbage", "printed not valid JSON"),
            ("extra", "unknown key 'bonus'"),
            ("silent", "gives no score"),
        ],
    )
    def test_a_broken_command_is_failed(self, checker: Checker, data: str, reason: str) -> None:
        """A command that fails or answers otherwise is FAILED, with a reason that leads to it."""
        verdict = checker.judge(data)
        assert verdict.status is Status.FAILED
        assert reason in verdict.reason

    def test_a_hanging_command_is_killed(self, make: Make, tmp_path: Path) -> None:
        """A command that hangs is run twice, then FAILED; it does not outlive that."""
        verdict = self.command(make, tmp_path, seconds=2).judge("hang")
        assert verdict.status is Status.FAILED
        assert verdict.reason == "the verifier command took more than 2 s, 2 times"
        assert (tmp_path / "tries").read_text() == "xx"
        assert not [c for c in psutil.Process().children() if "check.py" in command_line(c)]

    def test_a_missing_command_is_named(self, make: Make) -> None:
        """A command that is not there is an error of the problem file."""
        problem = make(verifier={"command": ["no-such-verifier"]}, score=None)
        with pytest.raises(ProblemError, match=r"verifier\.command: no such program: no-such"):
            Checker(problem)


class TestCompletions:
    def test_strange_completions_have_verdicts(self, make: Make, start: Start) -> None:
        """Empty, huge, half-Unicode and unfinished completions are graded like any other."""
        grader = start(make())
        texts = ["", "x" * 1_000_001, "[1]\ud800", "<think>[1]", "[NaN]", "[" * 100_000, "\0"]
        for index, text in enumerate(texts):
            grader.submit(job(text, index=index))
        verdicts = grader.collect()
        assert {verdict.status for verdict in verdicts.values()} == {Status.MALFORMED}
        assert "the limit is 1000000" in verdicts[0, 1].reason

    def test_a_megabyte_of_text_is_graded(self, make: Make, start: Start) -> None:
        """A text solution of just under the limit is valid, and its data are the text."""
        verify = "def verify(d): return d\ndef score(d): return len(d)"
        grader = start(make(verify, solution={"kind": "text"}))
        assert one(grader, "ß" * 1_000_000).score == 1_000_000.0
        assert one(grader, " \ud800 ").data == "?"

    def test_programs_with_half_characters(self, make: Make, start: Start) -> None:
        """A program with a lone surrogate in it is still a program."""
        body = "def run():\n    return [1]  # \ud800"
        assert one(start(make(**PROGRAM)), program(body)).score == 1.0


class TestGrader:
    def test_it_is_a_grader(self, make: Make, start: Start) -> None:
        """ProblemGrader has what the loop asks of a grader."""
        grader: Grader = start(make())
        assert grader.finished() == []
        assert grader.collect() == {}

    def test_verdicts_do_not_depend_on_order(self, make: Make, start: Start) -> None:
        """Whatever order jobs are submitted in, collect returns the same, by key, in order."""
        grader = start(make())
        jobs = [
            Job(group=i % 3, index=i, text=f"[{i}]", parent_data=None, seed=0) for i in range(40)
        ]
        found = []
        for seed in range(2):
            random.Random(seed).shuffle(jobs)
            for each in jobs:
                grader.submit(each)
            found.append({k: (v.status, v.score) for k, v in grader.collect().items()})
        assert found[0] == found[1]
        assert list(found[0]) == list(found[1]) == sorted((i % 3, i) for i in range(40))

    def test_finished_does_not_wait(self, make: Make, start: Start) -> None:
        """Verdicts come while others are being graded, each once; collect still returns all."""
        grader = start(make(**PROGRAM, limits={"seconds": 2}))
        grader.submit(job(program("def run(): return [1]"), index=0))
        grader.submit(job(program("def run():\n while True: pass"), index=1))
        seen: list[tuple[Job, Verdict]] = []
        while not seen:
            seen += grader.finished()
            time.sleep(0.01)
        assert [(each.index, verdict.score) for each, verdict in seen] == [(0, 1.0)]
        assert grader.finished() == []
        assert [v.status for v in grader.collect().values()] == [Status.OK, Status.TIMEOUT]
        assert grader.finished() == []

    def test_a_job_is_submitted_once(self, make: Make, start: Start) -> None:
        """The same key twice before a collect is a bug of the caller."""
        grader = start(make())
        grader.submit(job("[1]"))
        with pytest.raises(ValueError, match="twice"):
            grader.submit(job("[2]"))

    def test_seeds_are_taken_as_they_are(self, make: Make, start: Start) -> None:
        """A seed file is the solution itself: its fences are not read; jobs are left alone."""
        seed = "'''\n```python\n```\n'''\ndef run(): return [1, 2]\n"
        grader = start(make(solution={"kind": "program"}, seed=seed))
        grader.submit(job(program("def run(): return [7]")))
        (verdict,) = grader.grade_solutions([seed], [0])
        assert (verdict.score, verdict.solution) == (3.0, seed)
        assert grader.grade_solutions([seed], [0])[0].valid
        assert grader.collect()[0, 0].score == 7.0

    def test_grade_needs_no_pool(self, make: Make) -> None:
        """The worker's own function grades in the calling process."""
        assert grade(make(), job("[1, 2]")).score == 3.0

    def test_many_jobs_are_cheap(self, make: Make, start: Start) -> None:
        """A thousand json completions are graded by the workers, and not by a process for each."""
        grader = start(make("import os\ndef verify(d): return os.getpid()\ndef score(d): return 1"))
        for index in range(1000):
            grader.submit(job(f"[{index}]", index=index))
        verdicts = grader.collect()
        assert len(verdicts) == 1000
        assert len({verdict.data for verdict in verdicts.values()}) <= 2

    def test_interrupts_do_not_reach_workers(
        self, make: Make, start: Start, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Ctrl-C in the terminal neither ends a worker in the middle of a job nor prints."""
        verify = "import os, time\ndef verify(d): time.sleep(0.4); return os.getpid()\n"
        grader = start(make(verify + "def score(d): return 1"), 1)
        first = one(grader, "1").data
        grader.submit(job("1"))
        time.sleep(0.1)
        for process in [psutil.Process(first), *psutil.Process(first).parents()]:
            if process == psutil.Process():
                break
            process.send_signal(signal.SIGINT)
        assert grader.collect()[0, 0].data == first
        assert capfd.readouterr().err == ""

    def test_close_leaves_nothing(
        self, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Closing in the middle of programs ends workers, programs and daemons, and tidies up."""
        marker = uuid.uuid4().hex
        body = f"""
import os, sys, time
def run():
    if os.fork() == 0:
        os.setsid()
        os.execl(sys.executable, sys.executable, "-c", "import time; time.sleep(900)", {marker!r})
    time.sleep(900)
"""
        keys = {**PROGRAM, "limits": {"seconds": 900, "memory_mb": 1024}}
        # other tests, in other processes, may have something in the common one
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        with ProblemGrader(make(**keys), workers=2) as grader:
            for index in range(5):
                grader.submit(job(program(body), index=index))
            until(lambda: sum(marker in c for c in map(command_line, psutil.process_iter())) == 2)
            started = time.monotonic()
        assert time.monotonic() - started < 300
        assert [p for p in psutil.process_iter() if marker in command_line(p)] == []
        assert len(_workers()) == 0
        assert list(tmp_path.glob("ttrl-*")) == []

    def test_a_killed_main_process_leaves_no_worker(self, make: Make, tmp_path: Path) -> None:
        """When the main process is killed with SIGKILL, workers and programs end with it."""
        marker = uuid.uuid4().hex
        make(**{**PROGRAM, "limits": {"seconds": 900, "memory_mb": 1024}})
        script = tmp_path / "main.py"
        script.write_text(f"""
import time
from pathlib import Path
from ttrl_cli.grading.grader import ProblemGrader
from ttrl_cli.problem import load_problem
from ttrl_cli.records import Job
if __name__ == "__main__":
    grader = ProblemGrader(load_problem(Path({str(tmp_path)!r})), workers=2)
    body = '''
import subprocess, sys
def run():
    subprocess.run([sys.executable, "-c", "import time; time.sleep(900)", {marker!r}])
'''
    grader.submit(Job(group=0, index=0, text=body, parent_data=None, seed=0))
    time.sleep(900)
""")
        env = os.environ | {"TMPDIR": str(tmp_path)}  # nobody is left to tidy up
        with psutil.Popen([sys.executable, str(script)], cwd=tmp_path, env=env) as main:
            until(lambda: any(marker in command_line(p) for p in psutil.process_iter()))
            family = main.children(recursive=True)
            main.kill()
        assert psutil.wait_procs(family, timeout=PATIENCE)[1] == []
        until(lambda: not [p for p in psutil.process_iter() if marker in command_line(p)])

    def test_workers_tidy_up_at_the_end(self, tmp_path: Path) -> None:
        """What takes a worker half a second at its end is done when the pool is closed."""
        script = tmp_path / "main.py"
        (tmp_path / "own.py").write_text(f"""
import pathlib, time
from multiprocessing import util
tidied = pathlib.Path({str(tmp_path / "tidied")!r})
def tidy():
    time.sleep(0.5)
    tidied.touch()
def prepare():
    util.Finalize(None, tidy, exitpriority=1)
""")
        script.write_text("""
import own
from ttrl_cli.grading.process_pool import ProcessPool
if __name__ == "__main__":
    workers = ProcessPool(count=1, initializer=own.prepare, arguments=())
    workers.submit("one", abs, 1, timeout=60)
    workers.take(wait=True)
    workers.close()
""")
        subprocess.run([sys.executable, str(script)], check=True)
        assert (tmp_path / "tidied").exists()

    def test_closing_at_once_is_quiet(self, tmp_path: Path) -> None:
        """Processes that are still at their start when the pool ends find nothing missing."""
        script = tmp_path / "main.py"
        # each process imports this file before it looks for anything
        (tmp_path / "own.py").write_text(f"""
import pathlib, time
from multiprocessing import current_process, util
first = pathlib.Path({str(tmp_path / "first")!r})
def end_slowly():
    util.Finalize(None, time.sleep, args=(1,), exitpriority=1)
if current_process().name != "MainProcess":
    if first.exists():
        time.sleep(0.5)
    else:
        first.touch()
""")
        script.write_text("""
import time
import own
from ttrl_cli.grading.process_pool import ProcessPool
if __name__ == "__main__":
    workers = ProcessPool(count=2, initializer=own.end_slowly, arguments=())
    while not own.first.exists():
        time.sleep(0.01)
    workers.close()
""")
        done = subprocess.run(
            [sys.executable, str(script)], check=True, capture_output=True, text=True
        )
        assert done.stderr == ""

    def test_closing_breaks_a_start_off(self, tmp_path: Path) -> None:
        """A pool that ends while the fork server imports waits for nothing and leaves nothing."""
        (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(600)\n")
        script = tmp_path / "main.py"
        script.write_text("""
import os
from ttrl_cli.grading.process_pool import ProcessPool

if __name__ == "__main__":
    for preload in (["slow_to_import"], ["slow_to_import"], []):
        workers = ProcessPool(count=2, initializer=int, arguments=(), preload=preload, wait=False)
        if not preload:
            workers.submit("a", abs, -3, timeout=60)
            print(workers.take(wait=True))
        workers.close()
""")
        done = subprocess.run(
            [sys.executable, str(script)],
            check=True,
            capture_output=True,  # to the end of all processes that have it
            text=True,
            timeout=PATIENCE / 2,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        )
        assert (done.stdout, done.stderr) == ("[('a', 3)]\n", "")


class TestLoading:
    @pytest.mark.parametrize(
        ("verify", "key", "why"),
        [
            ("import no_such_module\n" + VERIFY, "verifier", "ModuleNotFoundError"),
            (VERIFY + "\nscore = 7\n", "score", "has no function 'score'"),
            (VERIFY + "\nverify = lambda: 1\n", "verifier", "must take one argument"),
            ("import os\n" + VERIFY + "\nos._exit(3)\n", "verifier", "worker died, 3 times"),
            ("raise SystemExit(0)\n" + VERIFY, "verifier", "raised SystemExit"),
        ],
    )
    def test_code_that_does_not_load_is_a_problem_error(
        self, make: Make, verify: str, key: str, why: str
    ) -> None:
        """Code that cannot be imported is reported at construction, with the file and the key."""
        problem = make(verify)
        with pytest.raises(ProblemError) as caught:
            ProblemGrader(problem, workers=1)
        assert str(caught.value).startswith(f"{problem.folder / 'problem.yaml'}: {key}: ")
        assert why in str(caught.value)
        assert len(_workers()) == 0

    def test_code_that_hangs_is_a_problem_error(
        self, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Code that never ends being imported is reported too."""
        monkeypatch.setattr("ttrl_cli.grading.grader.LOAD_SECONDS", 0.5)
        problem = make("import time\ntime.sleep(600)\n" + VERIFY)
        with pytest.raises(ProblemError, match=r"more than 0\.5 s"):
            ProblemGrader(problem, workers=1)

    def test_a_closed_grader_starts_nothing(self, make: Make) -> None:
        """After close, a job is refused and no process is started."""
        grader = ProblemGrader(make(), workers=1)
        grader.close()
        grader.close()
        with pytest.raises(RuntimeError, match="closed"):
            grader.submit(job("[1]"))
        assert len(_workers()) == 0


def _counting(note: Path, call: str) -> str:
    """A verify.py that notes each try at the data "die" in a file, and then calls something."""
    return f"""
import os, time
def verify(data):
    if data == "die":
        with open({str(note)!r}, "a") as file:
            file.write("x")
        {call}
    return data
def score(data):
    return 1
"""


def _workers() -> list[psutil.Process]:
    """Children of the fork server: each is a worker or a program's process."""
    servers = [
        p for p in psutil.Process().children() if "forkserver import main" in command_line(p)
    ]
    return [child for server in servers for child in server.children(recursive=True)]
