"""Held-out trials: measured when a run has ended, shown, and without a part in the search."""

import json
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests._helpers import Done, digest, read_lines, solve, ttrl, write_lines
from tests._measured import fenced, write_measured
from ttrl_cli import api
from ttrl_cli.console import Console, RunView
from ttrl_cli.errors import ProblemError
from ttrl_cli.problem import load_problem

# ten times the constant that a program prints, and a fraction that the trial alone makes
MEASURE = """
def measure(candidate, trial):
    outcome = candidate.run("")
    held = trial.split == "held-out"
    return {"printed": outcome.output.strip(), "held": held, "luck": trial.rng().random()}
"""
VERIFY = """
from ttrl_cli import Invalid

def verify(data):
    if data["held"] and data["printed"] == "13":
        raise Invalid("thirteen is held out")
    return {**data, "identity": data["printed"]}

def score(data):
    ten = 10 * int(data["printed"])
    figures = [ten + data["luck"] + step for step in (-1, 0, 1)]
    return {"value": ten + data["luck"], "error": 3.2, "per_trial": figures}
"""


def prints(number: int) -> str:
    """A completion with a program that prints a number."""
    return fenced(f"print({number})")


def write_luck(folder: Path, **keys: Any) -> Path:
    """Write a problem that measures its best on held-out trials, unless the keys say otherwise."""
    given = {"held_out": True, "name": "luck", **keys}
    return write_measured(folder, MEASURE, verify=VERIFY, seed="print(1)\n", **given)


def finished(folder: Path, run: Path, *numbers: int, options: tuple[object, ...] = ()) -> Done:
    """Run a search to its end, on programs that print the numbers, and see that it worked."""
    secret = folder.parent / "secret"
    secret.write_text("a secret for tests alone\n")
    done = solve(folder, run, map(prints, numbers), "--secret-file", secret, *options)
    assert done.code == 0, done.err
    return done


class InterruptsAfterAStep(RunView):
    """A view during whose first step somebody presses Ctrl-C."""

    def step_done(self, metrics: Mapping[str, float], stage: str) -> None:
        """Press Ctrl-C."""
        super().step_done(metrics, stage)
        signal.raise_signal(signal.SIGINT)


class TestTheEnd:
    def test_the_best_is_measured_once_more(self, tmp_path: Path) -> None:
        """Its figures, error, trial, id and time are kept beside it, and printed."""
        run = tmp_path / "run"
        best = finished(write_luck(tmp_path / "p"), run, 3, 7, 2, 5).json["best"]
        assert (best["id"], best["error"]) == ("1.0.1", 3.2)
        found = best["held_out"]
        assert 70 < found["score"] < 71
        assert found["score"] != best["score"]
        assert found["per_trial"] == [found["score"] - 1, found["score"], found["score"] + 1]
        assert (found["id"], found["step"], found["trial"]) == ("1.0.1", 2, 0)
        assert (found["status"], found["reason"], found["error"]) == ("ok", "", 3.2)
        assert found["seconds"] > 0
        kept = json.loads((run / "best" / "held_out.json").read_text())
        assert kept == {"schema_version": 1, **found}
        said = ttrl("show", run).out
        assert f"  held out     {found['score']:.1f} +- 3.2\n" in said
        assert f"  best score   {best['score']:.1f} +- 3.2  (step 1, 1.0.1)\n" in said
        assert ttrl("show", run, "--json").json["best"]["held_out"] == found
        listed = ttrl("ls", tmp_path, "--json").json
        assert (listed["best"], listed["held_out"]) == (best["score"], found["score"])

    def test_not_valid_there(self, tmp_path: Path) -> None:
        """A solution that held-out trials refuse stays the best; why it is refused is printed."""
        done = finished(write_luck(tmp_path / "p"), tmp_path / "run", 13)
        found = done.json["best"]["held_out"]
        assert (found["status"], found["score"]) == ("invalid", None)
        assert found["reason"] == "thirteen is held out"
        said = ttrl("show", tmp_path / "run").out
        assert "  held out     not valid: invalid: thirteen is held out\n" in said

    def test_a_seed(self, tmp_path: Path) -> None:
        """Where no attempt beats the seed, the seed is measured."""
        done = finished(write_luck(tmp_path / "p"), tmp_path / "run", 0)
        assert 10 < done.json["best"]["held_out"]["score"] < 11

    def test_not_asked_for(self, tmp_path: Path) -> None:
        """Without `held_out` there is no file, no key and no line."""
        run = tmp_path / "run"
        done = finished(write_luck(tmp_path / "p", held_out=None), run, 3)
        assert not {"held_out", "held_out_seen"} & {*done.json, *done.json["best"]}
        assert not list(run.glob("**/held_out*"))
        assert "held out" not in ttrl("show", run).out

    def test_a_failure_of_ours_is_tried_again(self, tmp_path: Path) -> None:
        """A measure that fails on our side is a warning, and resuming measures anew."""
        device = tmp_path / "device"
        folder = write_luck(tmp_path / "p")
        needs = f"    if held: open({str(device)!r})\n    return"
        (folder / "measure.py").write_text(MEASURE.replace("    return", needs))
        done = finished(folder, tmp_path / "run", 3)
        assert "held_out" not in done.json["best"]
        assert "was not measured on held-out trials" in done.err
        assert f"ttrl resume {tmp_path / 'run'}" in done.err
        device.touch()
        resumed = ttrl("resume", tmp_path / "run", "--json")
        assert 30 < resumed.json["best"]["held_out"]["score"] < 31

    def test_what_it_was_made_from(self, tmp_path: Path) -> None:
        """A measure that hands on the parent's data is told of them again."""
        folder = write_luck(tmp_path / "p")
        code = MEASURE.replace('"luck":', '"parent": trial.parent, "luck":')
        (folder / "measure.py").write_text(code)
        (folder / "verify.py").write_text(
            VERIFY.replace("ten = ", 'ten = 1000 * int((data["parent"] or data)["printed"]) + ')
        )
        best = finished(folder, tmp_path / "run", 3).json["best"]
        assert 1030 < best["score"] < 1031  # made from a seed that prints 1
        assert 1030 < best["held_out"]["score"] < 1031


class TestResuming:
    def test_a_finished_run_gets_it(self, tmp_path: Path) -> None:
        """A finished run without held_out.json is measured, and equals one that never lacked it."""
        run = tmp_path / "run"
        before = finished(write_luck(tmp_path / "p"), run, 3, 7).json
        (run / "best" / "held_out.json").unlink()
        done = ttrl("resume", run, "--json")
        assert done.code == 0, done.err
        found, first = done.json["best"]["held_out"], before["best"]["held_out"]
        assert found | {"seconds": 0} == first | {"seconds": 0}
        assert "its best solution was measured on held-out trials" in done.err
        again = ttrl("resume", run, "--json")
        assert again.json == done.json
        assert "nothing was done" in again.err

    def test_a_run_that_goes_on_says_so(self, tmp_path: Path) -> None:
        """JSON, summary and report name the step after which a score was seen; none is lost."""
        run = tmp_path / "run"
        finished(write_luck(tmp_path / "p"), run, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
        first = ttrl("show", run, "--json").json
        assert "held_out_seen" not in first
        done = ttrl("resume", run, "--steps", 3, "--json")
        assert done.json["held_out_seen"] == [2]
        assert done.json["best"]["held_out"]["step"] == 3
        said = ttrl("show", run).out
        assert "  held out     seen after step 2, before the run went on\n" in said
        assert ttrl("show", run, "--json").json["held_out_seen"] == [2]
        kept = read_lines(run / "held_out.jsonl")
        assert [line["score"] for line in kept] == [
            first["best"]["held_out"]["score"],
            done.json["best"]["held_out"]["score"],
        ]
        assert ttrl("report", run).code == 0
        assert "seen after step 2, before the run went on" in (run / "report.html").read_text()

    def test_the_same_best_is_not_measured_twice(self, tmp_path: Path) -> None:
        """A run that goes on without a new best keeps its figure, and says that it was seen."""
        run = tmp_path / "run"
        first = finished(write_luck(tmp_path / "p"), run, 9, 1).json["best"]["held_out"]
        done = ttrl("resume", run, "--steps", 4, "--json")
        assert done.json["best"]["held_out"] == first
        assert done.json["held_out_seen"] == [2]
        assert len(read_lines(run / "held_out.jsonl")) == 1

    def test_a_run_that_starts_from_it(self, tmp_path: Path) -> None:
        """A warm start goes on with the run that it starts from."""
        folder = write_luck(tmp_path / "p")
        finished(folder, tmp_path / "run", 3)
        replay = write_lines(tmp_path / "more", [prints(5)])
        more = ("--from", tmp_path / "run", "--sampler", f"replay:{replay}")
        done = ttrl("solve", folder, *more, "--out", tmp_path / "next", "--json")
        assert done.json["held_out_seen"] == [0]
        said = ttrl("show", tmp_path / "next").out
        assert "seen in the run that it starts from, before the run went on" in said

    def test_an_interrupted_run_is_not_measured(self, tmp_path: Path) -> None:
        """It is going to be resumed, by somebody who must not know what it is worth."""
        folder, run = write_luck(tmp_path / "p"), tmp_path / "run"
        replay = write_lines(tmp_path / "replay", map(prints, (3, 4, 5, 6, 7, 8, 9, 2)))
        options = {"sampler": f"replay:{replay}"}
        view = InterruptsAfterAStep(Console(quiet=True), started=time.monotonic())
        summary = api.solve(folder, options=options, out=run, reporter=view)
        assert (summary.status, summary.steps) == ("interrupted", 1)
        assert not (run / "held_out.jsonl").exists()
        assert not (run / "best" / "held_out.json").exists()
        done = ttrl("resume", run, "--json")
        assert "held_out_seen" not in done.json
        assert 90 < done.json["best"]["held_out"]["score"] < 91


class TestNoPartInTheSearch:
    def test_digests(self, tmp_path: Path) -> None:
        """With and without held-out trials, by 1 and 4 workers: one digest, and one prompt."""
        with_it = write_luck(tmp_path / "p")
        without = write_luck(tmp_path / "q", held_out=None)
        numbers = (3, 13, 5, 3, 8, 2, 6, 7, 7)
        found = set()
        for folder in (with_it, without):
            for workers in (1, 4):
                run = tmp_path / f"{folder.name}-{workers}"
                finished(folder, run, *numbers, options=("--workers", workers, "--steps", 3))
                found.add((digest(run), (run / "archive.jsonl").read_text()))
        assert len(found) == 1

    def test_the_order_of_grades(self, tmp_path: Path) -> None:
        """Programs that end in another order than they were sampled change nothing."""
        folder = write_luck(tmp_path / "p")
        numbers = (3, 9, 5, 4)
        finished(folder, tmp_path / "one", *numbers, options=("--workers", 1))
        waits = "    import time; time.sleep(0.1 * ('3' in candidate.text))\n    held ="
        slow = MEASURE.replace("    held =", waits)
        (folder / "measure.py").write_text(slow)
        finished(folder, tmp_path / "four", *numbers, options=("--workers", 4))
        assert digest(tmp_path / "one") == digest(tmp_path / "four")


class TestComparing:
    def test_shown_beside(self, tmp_path: Path) -> None:
        """Arms are held against each other by the search's score; the held-out one is a table."""
        folder = write_luck(tmp_path / "p")
        runs = [tmp_path / name for name in ("a", "b")]
        for run, groups in zip(runs, (1, 2), strict=True):
            finished(folder, run, 3, 4, options=("--groups", groups))
        found = ttrl("compare", *runs, "--json").json["measures"]
        assert [one["title"] for one in found[:2]] == [
            "Best score",
            "Held-out score of that solution",
        ]
        held = [json.loads((run / "best" / "held_out.json").read_text())["score"] for run in runs]
        assert [arm["values"] for arm in found[1]["arms"]] == [[one] for one in held]
        (runs[1] / "best" / "held_out.json").unlink()
        found = ttrl("compare", *runs, "--json").json["measures"]
        assert len(found[1]["arms"]) == 1

    def test_without_any(self, tmp_path: Path) -> None:
        """Runs without held-out trials have no such table."""
        finished(write_luck(tmp_path / "p", held_out=None), tmp_path / "run", 3)
        found = ttrl("compare", tmp_path / "run", "--json").json["measures"]
        titles = [one["title"] for one in found]
        assert "Held-out score of that solution" not in titles


class TestAskingForIt:
    @pytest.mark.parametrize(("value", "why"), [(True, "goes with measure"), ("often", "boolean")])
    def test_refused(self, value: object, why: str, tmp_path: Path) -> None:
        """A problem that measures nothing, and a value that is no truth: file, key, sentence."""
        folder = write_measured(tmp_path / "p", measure=None, held_out=value)
        with pytest.raises(ProblemError) as caught:
            load_problem(folder)
        assert str(caught.value).startswith(f"{folder / 'problem.yaml'}: held_out: ")
        assert why in str(caught.value)

    def test_found_out_before_a_run(self, tmp_path: Path) -> None:
        """`ttrl check` measures a seed there: a run would find a broken one at its end."""
        folder = write_measured(tmp_path / "p", held_out=True)
        assert ttrl("check", folder).code == 0
        file = folder / "measure.py"
        breaks = "    if trial.split == 'held-out': raise KeyError('list')\n    return"
        file.write_text(file.read_text().replace("    return", breaks))
        done = ttrl("check", folder)
        assert done.code == 2
        where = f"{folder / 'problem.yaml'}: held_out: seed.txt is not valid on held-out trials"
        assert where in done.err

    def test_a_damaged_record(self, tmp_path: Path) -> None:
        """A held_out.json that somebody changed is named."""
        run = tmp_path / "run"
        finished(write_luck(tmp_path / "p"), run, 3)
        (run / "best" / "held_out.json").write_text('{"schema_version": 1, "score": 99}')
        done = ttrl("show", run)
        assert done.code == 2
        assert "held_out.json is damaged" in done.err
