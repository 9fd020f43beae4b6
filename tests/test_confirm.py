"""Would-be bests are measured again: what a run reports is worth what it says."""

import json
import statistics
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests._helpers import digest, read_lines, solve, ttrl
from tests._noisy import MEAN, NOISY, biases, write_noisy
from ttrl_cli.config import SolveConfig
from ttrl_cli.grading.trial import TrialSpec
from ttrl_cli.loop import paired
from ttrl_cli.loop.confirm import Confirmation
from ttrl_cli.loop.pending import Pending
from ttrl_cli.loop.roots import root_states
from ttrl_cli.problem import load_problem
from ttrl_cli.records import Again, Status, Verdict
from ttrl_cli.rundir import RunDir

SECRET = "5" * 64
SCRIPT = ["1", "3", "2", "3.5", "30", "31", "-4", "x"]
"""Two steps of two groups of two; the last holds no number."""


FAILS_ELSEWHERE = NOISY.replace(
    "    return",
    "    from ttrl_cli import Invalid\n"
    f"    if candidate.text == '30' and trial.seed != {TrialSpec(secret=SECRET).seed}:\n"
    "        raise Invalid('it fails here')\n"
    "    return",
)
"""The same, but that 30 holds on the search's trial alone."""


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file with a secret, so that trials are the same in all runs of a test."""
    path = tmp_path / "secret"
    path.write_text(SECRET)
    path.chmod(0o600)
    return path


def test_the_best_is_measured_three_times(tmp_path: Path, secret: Path):
    """A new best has three scores, the last of them the one of the best; a challenger has two."""
    run = tmp_path / "run"
    done = solve(write_noisy(tmp_path / "p"), run, SCRIPT, "--secret-file", secret)
    attempts = [line["verdict"] | {"id": line["id"]} for line in read_lines(run / "attempts.jsonl")]
    times = {a["id"]: 1 + len(a.get("again", ())) for a in attempts}
    assert max(times.values()) == 3
    assert times["2.1.1"] == 1  # no number, nothing to measure
    best = done.json["best"]
    (found,) = [a for a in attempts if a["id"] == best["id"]]
    assert times[best["id"]] == 3
    assert best["score"] == found["again"][-1]
    assert len({*found["again"], found["score"]}) == 3
    kept = json.loads((run / "best" / "verdict.json").read_text())
    assert (kept["id"], kept["score"]) == (best["id"], best["score"])
    assert " +- " in ttrl("show", run).out.split("best score", 1)[1].splitlines()[0]
    (state,) = [
        s
        for line in read_lines(run / "archive.jsonl")
        for s in line.get("children", [])
        if s["id"] == best["id"]
    ]
    assert state["score"] == found["score"]  # what all were ranked by, on the trial they share


def test_digests_do_not_depend_on_grading_order(tmp_path: Path, secret: Path):
    """One worker and four come to the same digest and the same best."""
    problem = write_noisy(tmp_path / "p")
    found = []
    for workers in (1, 4):
        run = tmp_path / f"run{workers}"
        done = solve(problem, run, SCRIPT, "--secret-file", secret, "--workers", workers)
        found.append((digest(run), done.json["best"]["id"], done.json["best"]["score"]))
    assert found[0] == found[1]


def test_nothing_is_measured_again_if_the_problem_says_so(tmp_path: Path, secret: Path):
    """`confirm_most: 0` takes scores at their word."""
    measure = {"function": "measure.py:measure", "confirm_most": 0}
    run = tmp_path / "run"
    done = solve(write_noisy(tmp_path / "p", measure=measure), run, SCRIPT, "--secret-file", secret)
    verdicts = [line["verdict"] for line in read_lines(run / "attempts.jsonl")]
    assert not any("again" in verdict for verdict in verdicts)
    assert done.json["best"]["score"] == max(v["score"] for v in verdicts if v["score"] is not None)


def test_a_solution_that_fails_on_other_trials_is_not_valid(tmp_path: Path, secret: Path):
    """What holds on the search's trial alone is refused, with the reason."""
    problem = write_noisy(tmp_path / "p")
    (problem / "measure.py").write_text(FAILS_ELSEWHERE)
    run = tmp_path / "run"
    done = solve(problem, run, ["30", *SCRIPT[:-1]], "--secret-file", secret)
    verdict = read_lines(run / "attempts.jsonl")[0]["verdict"]
    assert (verdict["status"], verdict["score"]) == ("invalid", None)
    assert verdict["reason"] == "measured again, on another trial: it fails here"
    assert done.json["best"]["id"] != "1.0.0"


def test_copies_of_a_refused_solution_are_refused(tmp_path: Path, secret: Path):
    """What another trial refuses is invalid in all its copies of the step."""
    problem = write_noisy(tmp_path / "p")
    (problem / "measure.py").write_text(FAILS_ELSEWHERE)
    run = tmp_path / "run"
    solve(problem, run, ["30", "30", "1", "30", *SCRIPT[:4]], "--secret-file", secret)
    verdicts = [line["verdict"] for line in read_lines(run / "attempts.jsonl")][:4]
    assert [v["status"] for v in verdicts] == ["invalid", "invalid", "ok", "invalid"]


def test_learning_sees_the_trial_that_all_share(tmp_path: Path, secret: Path):
    """Where trials differ in difficulty, the best of a group keeps the highest advantage."""
    code = NOISY.replace("scale=2.0", "scale=0.1").replace(
        "float(candidate.text) + noise", "float(candidate.text) + noise + trial.seed % 997"
    )
    problem = write_noisy(tmp_path / "p")
    (problem / "measure.py").write_text(code)
    run = tmp_path / "run"
    done = solve(problem, run, ["1", "2", "9", "3", *SCRIPT[:4]], "--secret-file", secret)
    lines = read_lines(run / "attempts.jsonl")[:4]
    groups = [lines[:2], lines[2:]]
    for group, better in zip(groups, (1, 0), strict=True):
        advantages = [line["advantage"] for line in group]
        assert advantages[better] > advantages[1 - better]
    assert done.code == 0


def test_the_best_seed_is_measured_again_when_nothing_is_valid(tmp_path: Path, secret: Path):
    """A run without a valid attempt reports the seed's score on a trial of its own."""
    run = tmp_path / "run"
    done = solve(write_noisy(tmp_path / "p"), run, ["x"] * 8, "--secret-file", secret)
    assert done.code != 0
    kept = json.loads((run / "best" / "verdict.json").read_text())
    (line,) = [one for one in read_lines(run / "archive.jsonl") if one["event"] == "best"]
    assert kept["score"] == line["state"]["score"] != line["first"]


def test_a_warm_start_keeps_the_best(tmp_path: Path, secret: Path):
    """A run that starts from another has its best, and the score that was reported of it."""
    problem = write_noisy(tmp_path / "p")
    first = solve(problem, tmp_path / "a", SCRIPT, "--secret-file", secret)
    second = solve(problem, tmp_path / "b", ["0"] * 8, "--from", tmp_path / "a")
    assert second.code == 0, second.err
    assert second.json["best"]["score"] == first.json["best"]["score"]
    assert second.json["best"]["id"] == f"a/{first.json['best']['id']}"


@pytest.mark.parametrize(
    ("scored", "reason"),
    [
        ('{"value": 1.0, "error": 1e200}', "out of range"),
        ('{"value": 1.0, "error": 1.0, "per_trial": [1e300]}', "out of range"),
    ],
)
def test_errors_that_are_too_large(tmp_path: Path, scored: str, reason: str):
    """An error, or a figure of a trial, that cannot be reckoned with makes a solution invalid."""
    problem = write_noisy(tmp_path / "p")
    (problem / "verify.py").write_text(f"def verify(d): return d\ndef score(d): return {scored}\n")
    done = ttrl("verify", problem, problem / "seed.txt")
    assert done.code == 4
    assert reason in done.out + done.err


def test_a_killed_step_is_not_measured_again(tmp_path: Path):
    """What a stopped session has measured again is taken from the log of the step."""
    run = RunDir.create(
        tmp_path / "run", "solve", "p", SolveConfig(train=False), write_noisy(tmp_path / "p")
    )
    pending = Pending(run)
    pending.begin(1, [])
    asked = Again(key="1.0.0/deciding", solution="7", purpose="deciding")
    pending.again(asked, Verdict(status=Status.OK, score=6.5, error=1.0, per_trial=(6.0, 7.0)))
    kept = Pending(run).begin(1, [])
    found = kept.again["1.0.0/deciding", "7"]
    assert (found.score, found.error, found.per_trial) == (6.5, 1.0, (6.0, 7.0))


def test_what_was_measured_again_is_not_asked_for_twice(tmp_path: Path):
    """A session that goes on within a step takes both measurements of the seed from its log."""
    folder = write_noisy(tmp_path / "p")
    run = RunDir.create(tmp_path / "run", "solve", "p", SolveConfig(train=False), folder)
    verdict = Verdict(status=Status.OK, score=3.0, error=1.0, solution="0", identity="0")
    (seed,) = root_states(load_problem(folder), [verdict])
    calls: list[str] = []

    def measured(asked: Sequence[Again]) -> list[Verdict]:
        calls.extend(one.key for one in asked)
        return [verdict for _ in asked]

    found = []
    for _ in range(2):
        pending = Pending(run)
        pending.begin(1, [])
        confirmation = Confirmation(load_problem(folder), 0, measured)
        found.append(confirmation.first_incumbent(seed, pending))
    assert found[0] == found[1]
    assert calls == ["seed.0/deciding", "seed.0/reported/seed.0"]


RUNS = 200


@pytest.mark.parametrize("confirm_most", [0, 4])
def test_the_reported_score_is_worth_its_error(tmp_path: Path, confirm_most: int):
    """Over 200 runs the best reported is above its true value by less than its error, or not."""
    found = biases(tmp_path, confirm_most=confirm_most, runs=RUNS)
    bias, error = statistics.fmean(found), statistics.stdev(found) / RUNS**0.5
    if confirm_most:
        assert abs(bias) < 4 * error, bias
        assert bias <= 1.0
    else:
        assert bias > 1.0, bias


@pytest.mark.parametrize(
    ("figures", "before", "expected"),
    [
        ([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], (2.0, 1 / 3**0.5)),  # deviation 1, of three
        ([5.0, 5.0], [5.0, 5.0], (0.0, 0.0)),
        ([2.0], [1.0], (1.0, None)),
    ],
)
def test_paired_differences(
    figures: Sequence[float], before: Sequence[float], expected: tuple[float, float | None]
):
    """The mean difference and its standard error, by hand."""
    mean, error = paired.difference(figures, before)
    assert mean == pytest.approx(expected[0])
    assert error == (None if expected[1] is None else pytest.approx(expected[1]))


def test_the_next_prompt_names_the_worst_trials():
    """A note says in how many trials a solution is better, and where it lost most."""
    said = paired.note([5, 5, 5, 1], [1, 4, 6, 9], "maximize")
    assert said == (
        "On the 4 trials of the solution it was made from, it is better in 2 and worse in 2; "
        "the mean difference is -1.0 +- 2.5. Worst against it: trial 3 (from 9 to 1), "
        "trial 2 (from 6 to 5)."
    )
    assert "better in 2 and worse in 2" in paired.note([5, 5, 5, 1], [1, 4, 6, 9], "minimize")
    assert paired.note([1, 2], [1, 2, 3], "maximize") == ""
    assert paired.note([], [], "maximize") == ""


def test_check_allows_for_errors(tmp_path: Path):
    """A measure that is noisy, and says how much, is not at fault; one that does not say it is."""
    problem = write_noisy(tmp_path / "p")
    loud = NOISY.replace("trial.rng(candidate.text)", "np.random.default_rng()")
    (problem / "measure.py").write_text(loud)
    done = ttrl("check", problem, "--json")
    assert (done.code, done.json["findings"], done.json["differs"]) == (0, [], "")
    (problem / "verify.py").write_text(MEAN.replace('        "error"', '        "metrics": {}, #'))
    done = ttrl("check", problem, "--json")
    assert "score" in done.json["differs"]
