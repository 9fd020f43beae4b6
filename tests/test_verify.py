"""`ttrl verify`: solutions and certificates, by the command."""

import contextlib
import json
import math
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests._helpers import NUMBER, command, solve, spawn, ttrl, until, wait, write_problem

PROBLEMS = Path(__file__).parents[1] / "problems"
KEYS = ["valid", "reason", "score", "certified", "best_known", "better"]
CLAIMS = """
def run():
    return {"sequence": [1.0] * 10, "score": 0.1, "value": 0.1, "valid": True}
"""
CERTIFIES = """
from fractions import Fraction
from ttrl_cli import Invalid

def verify(data):
    if type(data) is not list or not data or not all(type(x) is int and x > 0 for x in data):
        raise Invalid("expected a list of positive integers")
    return data

def score(data):
    return sum(1 / x for x in data)

def certify(data):
    if data[0] == 7:
        raise Invalid("sevens are not certified")
    found = {1: sum(Fraction(1, x) for x in data), 2: "1/2", 3: None, 4: float("nan"), 6: 10**400}
    return found[data[0]]
"""


@pytest.fixture
def harmonic(tmp_path: Path) -> Path:
    """A problem of lists of integers, with a certify of its own."""
    return write_problem(
        tmp_path / "p",
        CERTIFIES,
        seed="[1, 2]",
        solution={"kind": "json"},
        certify="verify.py:certify",
        best_known=1.8,
    )


def write_file(folder: Path, name: str, content: object) -> Path:
    """A file with text, or with data as JSON."""
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


class TestSolutions:
    @pytest.mark.parametrize(
        ("problem", "data", "score"),
        [
            ("erdos_min_overlap", [0.5] * 8, 0.5),
            ("erdos_min_overlap", {"sequence": [0.4, 0.8]}, 4 / 9),
            ("ac1", [1, 2], 16 / 9),
            ("ac2", {"sequence": [3.0], "score": 0.99}, 2 / 3),
            ("ac3", [1, -3, 1], 66),
            ("circle_packing_26", None, 26 / 12),
            ("circle_packing_32", None, 32 / 12),
        ],
    )
    def test_data(self, problem: str, data: object, score: float, tmp_path: Path) -> None:
        """Data as JSON, of each problem: all six keys, a certified bound, exit code 0."""
        if data is None:
            count = int(problem[-2:])
            at = [(2 * i + 1) / 12 for i in range(6)]
            data = {"circles": [[x, y, 1 / 12] for x in at for y in at][:count]}
        file = write_file(tmp_path, "data.json", data)
        done = ttrl("verify", PROBLEMS / problem, file, "--certify", "--json")
        assert done.code == 0, done.err
        found = done.json
        assert list(found) == KEYS
        assert (found["valid"], found["reason"], found["better"]) == (True, "", False)
        assert found["score"] == pytest.approx(score, rel=1e-14)
        assert found["certified"] == pytest.approx(score, rel=1e-14)

    def test_a_program_and_what_it_claims(self, tmp_path: Path) -> None:
        """A program is run in the sandbox; the score it claims counts for nothing."""
        file = write_file(tmp_path, "program.py", CLAIMS)
        done = ttrl("verify", PROBLEMS / "ac1", file, "--json")
        assert done.code == 0
        assert done.json["score"] == pytest.approx(2.0)
        assert (done.json["certified"], done.json["better"]) == (None, False)

    @pytest.mark.parametrize("content", [CLAIMS, "[2, 2, 2]", ' {"sequence": [1]}'])
    def test_standard_input(self, content: str, tmp_path: Path) -> None:
        """A dash is standard input, program or data."""
        stdin = write_file(tmp_path, "stdin", content)
        process = spawn("verify", PROBLEMS / "ac1", "-", "--json", stdin=stdin)
        assert wait(process).json["score"] == pytest.approx(2.0)

    def test_a_text(self, tmp_path: Path) -> None:
        """A solution that is a text is read as it stands."""
        file = write_file(tmp_path, "row", "99 00 " * 8)
        done = ttrl("verify", PROBLEMS / "erdos_overlap_16", file, "--json")
        assert done.code == 0
        assert done.json["score"] == pytest.approx(1.0)

    @pytest.mark.parametrize(
        ("name", "content", "reason"),
        [
            ("data.json", "[1, -1]", "number 1 is negative"),
            ("data.json", "[1, NaN]", "NaN"),
            ("data.json", "[1, 1e999]", "finite"),
            ("data.json", "[1, 2", "not valid JSON"),
            ("data.json", "[]", "0 numbers"),
            ("data.json", '"text"', "list of numbers"),
            ("data.json", "[1, true]", "bool"),
            ("data", '{"score": 1}', "'sequence'"),
            ("program.py", "def run(): return 1 +", "SyntaxError"),
            ("program.py", "def run(): 1 / 0", "ZeroDivisionError"),
            ("program.py", "import os\ndef run(): os._exit(0)", "without an answer"),
            ("program.py", "import numpy\ndef run(): return numpy.array([1.0, numpy.nan])", "NaN"),
        ],
    )
    def test_invalid(self, name: str, content: str, reason: str, tmp_path: Path) -> None:
        """Exit code 4, the reason, and no score."""
        done = ttrl("verify", PROBLEMS / "ac1", write_file(tmp_path, name, content), "--json")
        assert done.code == 4
        assert reason in done.json["reason"]
        assert [done.json[key] for key in KEYS if key not in ("reason", "best_known")] == [
            False, None, None, None,
        ]  # fmt: skip

    def test_bytes_that_are_no_text(self, tmp_path: Path) -> None:
        """Not UTF-8: not valid."""
        (tmp_path / "x").write_bytes(b"\xff\xfe[1]")
        done = ttrl("verify", PROBLEMS / "ac1", tmp_path / "x", "--json")
        assert done.code == 4
        assert "UTF-8" in done.json["reason"]

    def test_limits(self, tmp_path: Path) -> None:
        """--limits takes the place of the problem's."""
        file = write_file(tmp_path, "loop.py", "def run():\n    while True: pass")
        done = ttrl("verify", PROBLEMS / "ac1", file, "--limits", "seconds=0.2", "--json")
        assert done.code == 4
        assert done.json["reason"].startswith("still running")
        hungry = write_file(
            tmp_path, "hungry.py", "def run():\n    return [1.0] * len(bytes(400 << 20))"
        )
        limits = "seconds=120,memory_mb=256"
        done = ttrl("verify", PROBLEMS / "ac1", hungry, "--limits", limits, "--json")
        assert "memory" in done.json["reason"]

    def test_better(self, harmonic: Path, tmp_path: Path) -> None:
        """Better than the best known: by the certified value where there is one."""
        close = write_file(tmp_path, "close.json", [1, 2, 3])  # 1.8333
        assert ttrl("verify", harmonic, close, "--json").json["better"] is True
        assert ttrl("verify", harmonic, close, "--certify", "--json").json["better"] is True
        less = write_file(tmp_path, "less.json", [2, 1, 3])  # certified as 1/2, whatever it scores
        assert ttrl("verify", harmonic, less, "--json").json["better"] is True
        found = ttrl("verify", harmonic, less, "--certify", "--json").json
        assert (found["certified"], found["better"]) == (0.5, False)

    def test_a_bound_from_the_wrong_side_is_not_better(self, tmp_path: Path) -> None:
        """That a largest value is at most 2 is no better solution than 1.8, whatever it scores."""
        upper = """
from ttrl_cli.bounds import certificate
import numpy as np
import psutil

def verify(data): return data
def score(data): return 1.9
def certify(data): return certificate.autocorrelation(np.array([1.0]), 1)
"""
        keys = {"solution": {"kind": "json"}, "certify": "verify.py:certify", "best_known": 1.8}
        problem = write_problem(tmp_path / "p", upper, **keys)
        file = write_file(tmp_path, "data.json", [1])
        assert ttrl("verify", problem, file, "--json").json["better"] is True
        found = ttrl("verify", problem, file, "--certify", "--json").json
        assert (found["certified"], found["better"]) == (2.0, False)

    def test_half_a_million_numbers(self, tmp_path: Path) -> None:
        """Data of 500,000 elements are verified and certified."""
        values = np.random.default_rng(0).random(500_000)
        file = write_file(tmp_path, "large.json", values.tolist())
        done = ttrl("verify", PROBLEMS / "ac2", file, "--certify", "--json")
        assert done.code == 0, done.err
        # f*f of independent numbers is near a triangle with a peak of n/4
        assert done.json["score"] == pytest.approx(2 / 3, abs=0.01)
        assert done.json["certified"] == pytest.approx(done.json["score"], rel=1e-12)

    def test_for_people(self, tmp_path: Path) -> None:
        """Without --json: a line each for score, certified bound, best known value."""
        done = ttrl(
            "verify", PROBLEMS / "ac3", write_file(tmp_path, "x.json", [3, -1]), "--certify"
        )
        assert done.out.splitlines()[0] == "valid"
        assert "score       9  (" in done.out  # c = 9, -6, 1: 4 * 9 / 4
        assert "absolute    9" in done.out
        assert "over real f on [-1/4, 1/4] is at most 9\n" in done.out
        assert "best known  1.45156553  (newest" in done.out
        assert "better      no" in done.out
        done = ttrl("verify", PROBLEMS / "ac3", write_file(tmp_path, "y.json", [1, -1]))
        assert done.code == 4
        assert done.out == "not valid: invalid: the numbers sum to zero, or nearly so\n"


class TestUsage:
    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            ((), "expected PROBLEM and SOLUTION"),
            ((PROBLEMS / "ac1",), "expected PROBLEM and SOLUTION"),
            ((PROBLEMS / "ac1", "nowhere.json"), "nowhere.json cannot be read"),
            ((PROBLEMS / "nothing", "-"), "no such file"),
            ((PROBLEMS / "ac1", __file__, "--limits", "hours=1"), "--limits hours: unknown key"),
            ((PROBLEMS / "ac1", __file__, "--limits", "seconds=-1"), "--limits seconds: "),
            ((PROBLEMS / "ac1", __file__, "--limits", "seconds"), "KEY=VALUE"),
            ((PROBLEMS / "ac1", __file__, "--limits", "cpus=1,cpus=2"), "each key once"),
            ((PROBLEMS / "ac1", __file__, "--out", "c.json"), "give --certify"),
            ((PROBLEMS / "ac1", __file__, "--certify", "--out", __file__), "exists already"),
            ((PROBLEMS / "erdos_overlap_16", __file__, "--certify"), "has no certify"),
            ((PROBLEMS / "ac1", __file__, "--certificate", __file__), "goes with --json"),
            (("--certificate", __file__, "--sandbox", "auto"), "goes with --json"),
            (
                (PROBLEMS / "ac1", __file__, "--certify", "--out", "no/where.json"),
                "its folder does not exist",
            ),
            (("--certificate", "nowhere.json"), "nowhere.json cannot be read"),
        ],
    )
    def test_refused(self, arguments: tuple[object, ...], why: str) -> None:
        """Exit code 2, nothing on standard output, and the option or file in the message."""
        done = ttrl("verify", *arguments)
        assert (done.code, done.out) == (2, "")
        assert why in done.err


class TestCertificates:
    def certified(self, tmp_path: Path) -> Path:
        """A certificate of AC1, written by the command."""
        data, out = write_file(tmp_path, "data.json", [1, 2]), tmp_path / "certificate.json"
        done = ttrl("verify", PROBLEMS / "ac1", data, "--certify", "--out", out)
        assert done.code == 0, done.err
        return out

    def test_checked_alone(self, tmp_path: Path) -> None:
        """Nothing but the file is needed: in another folder, by another process."""
        done = command("verify", "--certificate", self.certified(tmp_path), "--json", cwd=tmp_path)
        assert done.code == 0, done.err
        assert done.json["bound"] == "16/9"
        assert (
            done.json["certified"] == math.nextafter(16 / 9, 2) or done.json["certified"] > 16 / 9
        )
        assert done.json["claim"].endswith("is at most 1.7777777777777777778")

    def test_needs_no_problem(self, tmp_path: Path) -> None:
        """A problem beside a certificate of the library is refused: it would have no part in it."""
        done = ttrl("verify", PROBLEMS / "ac2", "--certificate", self.certified(tmp_path))
        assert done.code == 2
        assert "without a problem" in done.err

    def test_of_a_problem_of_texts(self, tmp_path: Path) -> None:
        """Its certificate holds the text, from which the problem reads the data again."""
        certifies = "\ndef certify(number):\n    return number\n"
        problem = write_problem(tmp_path / "p", NUMBER + certifies, certify="verify.py:certify")
        done = solve(problem, tmp_path / "run", ["17", "5", "x", "4"], "--steps", 1)
        assert done.json["best"]["certified"] == 17.0
        file = tmp_path / "run" / "best" / "certificate.json"
        assert json.loads(file.read_text())["construction"] == {"problem": "number", "text": "17"}
        assert ttrl("verify", problem, "--certificate", file).code == 0
        file.write_text(file.read_text().replace('"text": "17"', '"text": "18"'))
        assert ttrl("verify", problem, "--certificate", file).code == 4

    def test_of_a_problem_that_mends_its_data(self, tmp_path: Path) -> None:
        """Mending again may change the last digit; the certificate is of what was kept."""
        mends = """
import math
import signal
import subprocess
import time

def verify(data):
    total = math.fsum(data)
    return [x / total for x in data]

def score(data): return max(data)
def certify(data): return max(data)
"""
        keys = {"solution": {"kind": "json"}, "certify": "verify.py:certify"}
        problem = write_problem(tmp_path / "p", mends, seed="[1, 2]", **keys)
        out = tmp_path / "c.json"
        for place, data in enumerate(np.random.default_rng(0).random((4, 7)).tolist()):
            file = write_file(tmp_path, f"{place}.json", data)
            out.unlink(missing_ok=True)
            assert ttrl("verify", problem, file, "--certify", "--out", out).code == 0
            assert ttrl("verify", problem, "--certificate", out).code == 0

    def test_for_people(self, tmp_path: Path) -> None:
        """The claim in words."""
        done = ttrl("verify", "--certificate", self.certified(tmp_path))
        assert done.out.startswith("valid\n  the least of max (f*f)")

    def test_a_false_one(self, tmp_path: Path) -> None:
        """A bound that was bettered by hand: exit code 4 and what is wrong."""
        file = self.certified(tmp_path)
        file.write_text(file.read_text().replace('"16/9"', '"15/9"'))
        done = ttrl("verify", "--certificate", file, "--json")
        assert (done.code, done.json["valid"]) == (4, False)
        assert "'15/9'" in done.json["reason"]
        assert ttrl("verify", "--certificate", file).out.startswith("not valid: its bound")

    @pytest.mark.parametrize("text", ["", "{", "[1]", "{}", '{"kind": "problem"}', "\x00"])
    def test_no_certificate_at_all(self, text: str, tmp_path: Path) -> None:
        """Whatever the file holds: exit code 4, or 2 for one that needs its problem."""
        done = ttrl("verify", "--certificate", write_file(tmp_path, "x", text))
        assert done.code == (2 if "problem" in text else 4)

    def test_of_a_problem_of_ones_own(self, harmonic: Path, tmp_path: Path) -> None:
        """Its certificate holds the data, and is computed again by the problem."""
        data, out = write_file(tmp_path, "data.json", [1, 2, 3]), tmp_path / "certificate.json"
        done = ttrl("verify", harmonic, data, "--certify", "--out", out, "--json")
        assert done.json["certified"] == pytest.approx(11 / 6)
        assert done.json["certified"] <= 11 / 6
        alone = ttrl("verify", "--certificate", out)
        assert alone.code == 2
        assert "ttrl verify PROBLEM --certificate FILE" in alone.err
        checked = ttrl("verify", harmonic, "--certificate", out, "--json")
        assert (checked.code, checked.json["bound"]) == (0, "11/6")
        out.write_text(out.read_text().replace("[1, 2, 3]", "[1, 2, 2]"))
        assert ttrl("verify", harmonic, "--certificate", out).code == 4

    @pytest.mark.parametrize(
        ("data", "why"),
        [
            ([3], "must return a Certificate or a finite number (got None)"),
            ([4], "must return a Certificate or a finite number (got nan)"),
            ([7], "sevens are not certified"),
            ([5], "certify raised KeyError"),
            ([6], "certify returned a bound that is too large to be written"),
        ],
    )
    def test_what_cannot_be_certified(
        self, harmonic: Path, data: list[int], why: str, tmp_path: Path
    ) -> None:
        """A valid solution stays valid; a warning says why there is no certificate."""
        file = write_file(tmp_path, "data.json", data)
        done = ttrl("verify", harmonic, file, "--certify", "--json")
        assert (done.code, done.json["valid"], done.json["certified"]) == (0, True, None)
        assert why in done.err
        out = tmp_path / "certificate.json"
        done = ttrl("verify", harmonic, file, "--certify", "--json", "--out", out)
        assert (done.code, done.json["valid"], out.exists()) == (4, True, False)
        assert why in done.err


class TestRuns:
    """A run certifies its best solution when it ends."""

    def test_the_best_solution_is_certified(self, harmonic: Path, tmp_path: Path) -> None:
        """The certificate lies beside it, is in the summary, and can be checked."""
        run = tmp_path / "run"
        done = solve(harmonic, run, ["[1, 2, 3]", "[1, 2]", "[0]", "x"], "--steps", 1)
        assert done.json["best"]["score"] == pytest.approx(11 / 6)
        assert math.nextafter(11 / 6, 0) <= done.json["best"]["certified"] <= 11 / 6
        file = run / "best" / "certificate.json"
        assert ttrl("verify", harmonic, "--certificate", file, "--json").json["bound"] == "11/6"
        assert "certified    1.8333" in ttrl("show", run).out
        assert ttrl("show", run, "--json").json["best"] == done.json["best"]

    def test_a_better_one_has_a_certificate_of_its_own(
        self, harmonic: Path, tmp_path: Path
    ) -> None:
        """When the run goes on and is beaten, the old certificate goes with the old solution."""
        run = tmp_path / "run"
        replay = ["[1, 2, 3]"] * 4 + ["[1, 1, 1]"] * 4
        assert solve(harmonic, run, replay, "--steps", 1).json["best"]["certified"] < 2
        file = run / "best" / "certificate.json"
        before = file.stat().st_mtime_ns
        assert ttrl("resume", run).code == 0
        assert file.stat().st_mtime_ns == before  # nothing new: nothing done again
        done = ttrl("resume", run, "--steps", 2, "--json")
        assert (done.json["best"]["score"], done.json["best"]["certified"]) == (3.0, 3.0)

    def test_a_certificate_that_is_missing_is_made_up_for(
        self, harmonic: Path, tmp_path: Path
    ) -> None:
        """A finished run without its certificate gets it when it is resumed."""
        run = tmp_path / "run"
        solve(harmonic, run, ["[1, 2, 3]"] * 4, "--steps", 1)
        (run / "best" / "certificate.json").unlink()
        assert ttrl("show", run, "--json").json["best"]["certified"] is None
        done = ttrl("resume", run, "--json")
        assert done.json["best"]["certified"] == pytest.approx(11 / 6)

    def test_what_cannot_be_certified_is_said(self, harmonic: Path, tmp_path: Path) -> None:
        """A warning; the run is as good as any other."""
        done = solve(harmonic, tmp_path / "run", ["[7, 1, 1]"] * 4, "--steps", 1)
        assert (done.code, done.json["best"]["certified"]) == (0, None)
        assert "not certified: sevens are not certified" in done.err
        assert not (tmp_path / "run" / "best" / "certificate.json").exists()

    def test_a_problem_without_certify(self, tmp_path: Path) -> None:
        """Has no certificates, and no warning either."""
        done = solve(write_problem(tmp_path / "p"), tmp_path / "run", ["5"] * 4, "--steps", 1)
        assert done.json["best"]["certified"] is None
        assert "certified" not in done.err


SLEEPS = "import time\nprint('x')\ndef run():\n    time.sleep(600)\n"


class TestEnding:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
    @pytest.mark.parametrize("sandbox", ["auto", "process"])
    def test_a_command_that_is_ended_leaves_nothing(
        self, tmp_path: Path, number: signal.Signals, sandbox: str
    ) -> None:
        """SIGTERM and SIGHUP end it with 128 and their number, and no folder or process is left."""
        problem = write_problem(tmp_path / "p", solution={"kind": "program"})
        temporary = tmp_path / "tmp"
        temporary.mkdir()
        solution = write_file(tmp_path, "solution.py", SLEEPS)
        options = ["--sandbox", sandbox, "--limits", "seconds=500"]
        process = spawn("verify", problem, solution, *options, TMPDIR=str(temporary))
        until(
            lambda: (
                process.poll() is not None
                or any(
                    "inside.fork_server" in words for words in map(command_line, family_of(process))
                )
            )
        )
        assert process.poll() is None, wait(process)
        family = family_of(process)
        assert any(temporary.glob("ttrl-*"))
        process.send_signal(number)
        done = wait(process)
        assert done.code == 128 + number
        assert "Traceback" not in done.err
        assert list(temporary.iterdir()) == []
        until(lambda: not any(map(lives, family)))

    def test_a_temporary_folder_with_a_long_path(self, tmp_path: Path) -> None:
        """No socket can have a path of more than 107 bytes: it is kept elsewhere, and removed."""
        problem = write_problem(tmp_path / "p")
        temporary = tmp_path / ("long" * 30)
        temporary.mkdir()
        solution = write_file(tmp_path, "solution.txt", "12")
        done = wait(spawn("verify", problem, solution, "--json", TMPDIR=str(temporary)))
        assert (done.code, done.json["score"]) == (0, 12.0), done.err
        assert list(temporary.iterdir()) == []

    def test_nohup_is_heeded(self, tmp_path: Path) -> None:
        """A command that was told to ignore SIGHUP goes on to its result."""
        problem = write_problem(tmp_path / "p")
        solution = write_file(tmp_path, "solution.txt", "12")
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            process = spawn("verify", problem, solution, "--json")
        finally:
            signal.signal(signal.SIGHUP, before)
        time.sleep(0.5)
        process.send_signal(signal.SIGHUP)
        done = wait(process)
        assert (done.code, done.json["score"]) == (0, 12.0)


def family_of(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """All processes below one."""
    return psutil.Process(process.pid).children(recursive=True)


def command_line(process: psutil.Process) -> list[str]:
    """The words that a process was started with; none if it has ended."""
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


def lives(process: psutil.Process) -> bool:
    """Whether a process runs, and is no zombie."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
