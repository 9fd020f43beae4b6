"""Lines within a step where there is no terminal, on a clock of the test's own."""

from dataclasses import replace

import pytest

from ttrl_cli.console import Console, RunView
from ttrl_cli.heartbeat import Heartbeat, duration, line
from ttrl_cli.records import StepProgress, Watch

SOME = StepProgress(
    step=3,
    phase="sampling",
    done=12,
    total=64,
    graded=10,
    tokens=4800,
    unsampled=90_000,
    seconds=40.0,
)


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("progress", "elapsed", "usual", "expected"),
    [
        # other steps took 100 s
        (SOME, 40.0, 100.0, "sampling 12/64 samples  graded 10  tok/s 120  left 1m00s"),
        # 12 samples in 40 s, 52 more in 173 s
        (SOME, 40.0, None, "sampling 12/64 samples  graded 10  tok/s 120  left 2m53s"),
        (SOME, 40.0, 30.0, "sampling 12/64 samples  graded 10  tok/s 120  left 2m53s"),
        # nothing is finished: 6,000 tokens at most, at 120 a second
        (
            replace(SOME, done=0, graded=0, unsampled=6000),
            40.0,
            None,
            "sampling 0/64 samples  graded 0  tok/s 120  left 50s",
        ),
        # nothing is known
        (
            replace(SOME, done=0, graded=0, tokens=0),
            40.0,
            None,
            "sampling 0/64 samples  graded 0  tok/s 0  left ?",
        ),
        # a quarter of the verdicts in 60 s
        (
            replace(SOME, phase="grading", done=64, graded=16),
            60.0,
            None,
            "grading 64/64 samples  graded 16  tok/s 120  left 3m00s",
        ),
        (
            replace(SOME, phase="learning", done=64, graded=64),
            60.0,
            None,
            "learning 64/64 samples  graded 64  tok/s 120  left ?",
        ),
    ],
)
def test_line(progress: StepProgress, elapsed: float, usual: float | None, expected: str):
    """A line says samples, grades, speed, and how long the step may still take."""
    assert line(progress, elapsed, usual) == expected


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0s"), (59, "59s"), (61, "1m01s"), (3599.7, "1h00m"), (7260, "2h01m")],
)
def test_duration(seconds: float, text: str):
    """Times are short."""
    assert duration(seconds) == text


def test_a_line_every_30_seconds():
    """Within a step a line is due 30 s after the last one, and outside of steps none is."""
    clock, said = Clock(), list[str]()
    heartbeat = Heartbeat(said.append, clock=clock)
    clock.now += 300
    heartbeat.beat()
    assert said == []
    heartbeat.begin("step 3/9", lambda: SOME, None)
    for second, lines in ((29.9, 0), (30, 1), (59, 1), (61, 2), (90, 2), (91, 3)):
        clock.now = 1300 + second
        heartbeat.beat()
        assert len(said) == lines, second
    assert said[0] == "step 3/9  sampling 12/64 samples  graded 10  tok/s 120  left 2m10s"
    heartbeat.end()
    clock.now += 300
    heartbeat.beat()
    assert len(said) == 3


def test_a_run_in_a_pipe(capsys: pytest.CaptureFixture[str]):
    """What is said within a step begins with the step and its stage, and goes to stderr alone."""
    clock = Clock()
    view = RunView(Console(), started=0.0, clock=clock)
    stages = {"before": 1, "train": 3, "after": 1}
    view.began(Watch(name="q", path="r", steps=5, seconds=None, best_known=None, stages=stages))
    view.step_began("train", lambda: SOME)
    clock.now += 31
    assert view.heartbeat is not None
    view.heartbeat.beat()
    metrics = {"step": 3, "sample/tokens_per_second": 120, "time/step": 70.0, "total/seconds": 70.0}
    view.step_done(metrics, "train")
    clock.now += 31
    view.heartbeat.beat()
    view.step_began("train", lambda: SOME)
    clock.now += 31
    view.heartbeat.beat()
    said = capsys.readouterr()
    assert said.out == ""
    head = "step 3/5  stage train  sampling 12/64 samples  graded 10  tok/s 120  left "
    assert [text for text in said.err.splitlines() if "sampling" in text] == [
        f"{head}2m14s",  # 52 samples at 12 in 31 s
        f"{head}39s",  # the step before took 70 s
    ]


def test_quiet_runs_and_terminals_have_none(capsys: pytest.CaptureFixture[str]):
    """With --quiet nothing is said within a step."""
    view = RunView(Console(quiet=True), started=0.0)
    assert view.heartbeat is None
    with view:
        view.step_began("", lambda: SOME)
    assert capsys.readouterr().err == ""


def test_the_thread_ends_with_the_view():
    """The thread that looks at the clock is over when the view is."""
    view = RunView(Console(), started=0.0)
    assert view.heartbeat is not None
    with view:
        assert view.heartbeat._thread.is_alive()
    assert not view.heartbeat._thread.is_alive()
