"""`ttrl verify --held-out` and `--trials`: a solution on trials of a choice."""

import json
import math
import statistics
from pathlib import Path

import pytest

import ttrl_cli
from tests._helpers import ttrl, write_problem
from tests._measured import write_measured
from ttrl_cli.errors import UsageError
from ttrl_cli.grading.trial import TrialSpec

# the figure is the trial's seed itself, so that expected values are known
MEASURE = """
def measure(candidate, trial):
    outcome = candidate.run("")
    return {"printed": outcome.output.strip(), "seed": trial.seed, "split": trial.split}
"""
VERIFY = """
from ttrl_cli import Invalid

def verify(data):
    if data["seed"] == 666:
        raise Invalid("the number of the beast")
    return {**data, "seed": float(data["seed"])}

def score(data):
    held = 0.5 if data["split"] == "held-out" else 0
    value = int(data["printed"]) * data["seed"] + held
    return {"value": value, "error": 0.25, "per_trial": [value, value], "metrics": {"held": held}}
"""
SECRET = "a secret for tests alone"


@pytest.fixture
def problem(tmp_path: Path) -> Path:
    """A problem whose scores are the seeds of trials, times what the program prints."""
    return write_measured(tmp_path / "p", MEASURE, verify=VERIFY, seed="print(1)\n", best_known=50)


@pytest.fixture
def solution(tmp_path: Path) -> Path:
    """A program that prints 2."""
    file = tmp_path / "two.py"
    file.write_text("print(2)\n")
    return file


def trials_file(folder: Path, text: str | bytes) -> Path:
    """Write a file of trials."""
    file = folder / "trials.txt"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


class TestHeldOut:
    def test_measured_on_the_held_out_trial(
        self, problem: Path, solution: Path, tmp_path: Path
    ) -> None:
        """Drawn from the secret that is given: not the trial of the search, and told as such."""
        (tmp_path / "secret").write_text(SECRET)
        options = ("--secret-file", tmp_path / "secret", "--json")
        done = ttrl("verify", problem, solution, "--held-out", *options)
        assert done.code == 0, done.err
        seed = float(TrialSpec(secret=SECRET, split="held-out").seed)
        assert done.json["score"] == 2 * seed + 0.5
        assert (done.json["error"], done.json["split"]) == (0.25, "held-out")
        assert done.json["per_trial"] == [2 * seed + 0.5] * 2
        searched = ttrl("verify", problem, solution, *options)
        assert "split" not in searched.json
        assert searched.json["score"] == 2 * float(TrialSpec(secret=SECRET).seed)

    def test_a_secret_is_drawn_and_printed(self, problem: Path, solution: Path) -> None:
        """Without --secret-file, the trial hangs on a new secret, which makes it again."""
        done = ttrl("verify", problem, solution, "--held-out", "--json")
        secret = done.json["secret"]
        assert f"drawn from the secret {secret}" in done.err
        seed = float(TrialSpec(secret=secret, split="held-out").seed)
        assert done.json["score"] == 2 * seed + 0.5

    def test_for_people(self, problem: Path, solution: Path) -> None:
        """The first line says what was measured on, the score has its error."""
        out = ttrl("verify", problem, solution, "--held-out").out
        assert out.startswith("valid on held-out trial\n  score       ")
        assert " +- 0.25  (" in out


class TestTrials:
    def test_the_mean_and_its_error(self, problem: Path, solution: Path, tmp_path: Path) -> None:
        """Each trial's score, their mean, and the standard error of the spread over them."""
        file = trials_file(tmp_path, "10\n20  # a remark\n\n# blank\n 36 \n")
        done = ttrl("verify", problem, solution, "--trials", file, "--json")
        assert done.code == 0, done.err
        assert [one["seed"] for one in done.json["trials"]] == [10, 20, 36]
        assert [one["score"] for one in done.json["trials"]] == [20.0, 40.0, 72.0]
        assert [one["error"] for one in done.json["trials"]] == [0.25] * 3
        assert done.json["score"] == 44.0
        expected = statistics.stdev([20, 40, 72]) / math.sqrt(3)
        assert done.json["error"] == pytest.approx(expected, rel=1e-12)
        assert not {"secret", "split", "per_trial"} & set(done.json)
        assert "secret" not in done.err
        assert done.json["better"] is False

    def test_for_people(self, problem: Path, solution: Path, tmp_path: Path) -> None:
        """A line for each trial, then the mean."""
        file = trials_file(tmp_path, "10\n20\n36\n")
        lines = ttrl("verify", problem, solution, "--trials", file).out.splitlines()
        assert lines[:4] == [
            "valid",
            "  trial 10  20.00 +- 0.25",
            "  trial 20  40.00 +- 0.25",
            "  trial 36  72.00 +- 0.25",
        ]
        assert lines[4].startswith("  mean        44 +- 15  (")

    def test_one_trial_has_its_own_error(
        self, problem: Path, solution: Path, tmp_path: Path
    ) -> None:
        """Of one trial there is no spread: the error is what its score states."""
        done = ttrl("verify", problem, solution, "--trials", trials_file(tmp_path, "7"), "--json")
        assert (done.json["score"], done.json["error"]) == (14.0, 0.25)

    def test_told_the_split(self, problem: Path, solution: Path, tmp_path: Path) -> None:
        """With --held-out, measure is told that the trials are held out."""
        file = trials_file(tmp_path, "10\r\n20\r\n")
        done = ttrl("verify", problem, solution, "--trials", file, "--held-out", "--json")
        assert [one["score"] for one in done.json["trials"]] == [20.5, 40.5]
        assert done.json["split"] == "held-out"

    def test_one_that_refuses_it(self, problem: Path, solution: Path, tmp_path: Path) -> None:
        """A solution that one trial refuses is not valid; which, and why; exit code 4."""
        file = trials_file(tmp_path, "10\n666\n")
        done = ttrl("verify", problem, solution, "--trials", file, "--json")
        assert (done.code, done.json["valid"], done.json["score"]) == (4, False, None)
        assert done.json["reason"] == "on the trial 666: the number of the beast"
        assert [one["valid"] for one in done.json["trials"]] == [True, False]
        said = ttrl("verify", problem, solution, "--trials", file).out.splitlines()
        assert said[0] == "not valid: invalid: on the trial 666: the number of the beast"
        assert said[2] == "  trial 666  invalid: the number of the beast"

    def test_a_failure_of_ours(self, problem: Path, solution: Path, tmp_path: Path) -> None:
        """It names the trial, and is no verdict: exit code 3."""
        (problem / "measure.py").write_text("def measure(candidate, trial): open('nowhere')")
        done = ttrl("verify", problem, solution, "--trials", trials_file(tmp_path, "10"))
        assert (done.code, done.out) == (3, "")
        assert "on the trial 10: " in done.err

    def test_the_largest_seed(self, problem: Path, solution: Path, tmp_path: Path) -> None:
        """A seed has up to 128 bits, and leading zeros do not count."""
        file = trials_file(tmp_path, f"{2**128 - 1}\n007\n0\n")
        done = ttrl("verify", problem, solution, "--trials", file, "--json")
        assert [one["seed"] for one in done.json["trials"]] == [2**128 - 1, 7, 0]

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("", "holds no seed"),
            ("# none\n\n", "holds no seed"),
            ("1\n-1\n", "line 2: expected a whole number from 0, in decimal (got '-1')"),
            ("1.5", "line 1: expected a whole number"),
            ("1e3", "line 1: expected a whole number"),
            ("0x10", "line 1: expected a whole number"),
            ("1_000", "line 1: expected a whole number"),
            ("+5", "line 1: expected a whole number"),
            ("1 2", "line 1: expected a whole number"),
            ("\u0661", "line 1: expected a whole number"),
            ("\n\nseven", "line 3: expected a whole number"),
            ("9" * 5000, "line 1: expected a whole number"),
            (f"1\n{2**128}", "line 2: expected a number below 2**128"),
            ("3\n# a\n03", "line 3: the seed 3 is that of line 1, too"),
            (b"\xff\xfe\x00", "trials.txt: cannot be read"),
            (b"\x80", "trials.txt: cannot be read"),
        ],
    )
    def test_bad_files(
        self, text: str | bytes, why: str, problem: Path, solution: Path, tmp_path: Path
    ) -> None:
        """Exit code 2, with the file, the line and what is wrong; nothing is measured."""
        done = ttrl("verify", problem, solution, "--trials", trials_file(tmp_path, text))
        assert (done.code, done.out) == (2, "")
        assert "--trials " in done.err
        assert why in done.err

    def test_no_file(self, problem: Path, solution: Path, tmp_path: Path) -> None:
        """A file that is not there, and one that is a folder."""
        for place in (tmp_path / "nowhere", tmp_path):
            done = ttrl("verify", problem, solution, "--trials", place)
            assert done.code == 2
            assert f"--trials {place}: cannot be read" in done.err

    def test_a_secret_beside_them(self, problem: Path, solution: Path, tmp_path: Path) -> None:
        """With given trials nothing is drawn, and a secret has no part."""
        (tmp_path / "secret").write_text(SECRET)
        options = ("--trials", trials_file(tmp_path, "1"), "--secret-file", tmp_path / "secret")
        done = ttrl("verify", problem, solution, *options)
        assert done.code == 2
        assert "--secret-file: with --trials nothing is drawn" in done.err


@pytest.mark.parametrize("option", ["--held-out", "--trials"])
def test_a_problem_without_trials(option: str, tmp_path: Path) -> None:
    """A problem that measures nothing has none: exit code 2, with the option and the file."""
    folder = write_problem(tmp_path / "p")
    file = trials_file(tmp_path, "1\n")
    done = ttrl("verify", folder, folder / "seed.txt", option, *([file] * (option == "--trials")))
    assert (done.code, done.out) == (2, "")
    assert f"{option}: {folder / 'problem.yaml'} has no measure, and so no trials" in done.err


def test_beside_a_certificate(tmp_path: Path) -> None:
    """Trials have no part in checking a certificate."""
    for option in (["--held-out"], ["--trials", __file__]):
        done = ttrl("verify", "--certificate", __file__, *option)
        assert done.code == 2
        assert "with nothing else" in done.err
    assert not list(tmp_path.iterdir())


class TestFromPython:
    def test_a_text_and_a_file(self, problem: Path, solution: Path) -> None:
        """`ttrl_cli.verify` takes a text or a Path, trials, and the split."""
        for given in (solution, solution.read_text()):
            found = ttrl_cli.verify(problem, given, trials=[10, 20], held_out=True)
            assert (found.verdict.score, found.split) == (30.5, "held-out")
            assert [one.verdict.score for one in found.trials] == [20.5, 40.5]
        assert json.loads(json.dumps(found.as_json()))["error"] == 10.0

    def test_a_problem_made_there(self) -> None:
        """A problem made in Python is verified as its folder would be."""
        made = ttrl_cli.Problem(statement="A number.", verify=as_it_is, score=itself, seeds=[3])
        assert ttrl_cli.verify(made, "5").verdict.score == 5.0

    @pytest.mark.parametrize("seed", [-1, 2**128])
    def test_bad_seeds(self, seed: int, problem: Path, solution: Path) -> None:
        """A seed that is out of range is refused."""
        with pytest.raises(UsageError, match="a seed is from 0 and below"):
            ttrl_cli.verify(problem, solution, trials=[seed])

    def test_no_file(self, problem: Path, tmp_path: Path) -> None:
        """A Path that cannot be read is an error, and never taken for a text."""
        with pytest.raises(UsageError, match=r"solution: .*nowhere\.py cannot be read"):
            ttrl_cli.verify(problem, tmp_path / "nowhere.py")


def as_it_is(data: float) -> float:
    """Verify a number."""
    return data


def itself(data: float) -> float:
    """Score a number."""
    return data
