"""What is seen of a run: a line, or a row, for each step, and how long it will still take."""

import io
from collections.abc import Iterable, Mapping

import pytest
from rich.console import Console as RichConsole

from ttrl_cli.console import Console, RunView
from ttrl_cli.records import Watch

STAGES = {"before": 1, "train": 3, "after": 2}


def watch(**keys: object) -> Watch:
    """What is known of a run before its first step; without a bound of its own, it has none."""
    known = {"name": "demo", "path": "runs/demo", "steps": 0, "seconds": None, "best_known": None}
    return Watch(**(known | keys))


def figures(step: int, seconds: float, **more: float) -> dict[str, float]:
    """The metrics of a step that took so many seconds."""
    keys = {name.replace("_", "/", 1): value for name, value in more.items()}
    known = {"step": step, "time/step": seconds, "total/seconds": 0.0}
    return known | {"sample/tokens_per_second": 120.4} | keys


def said_left(
    capsys: pytest.CaptureFixture[str], known: Watch, steps: Iterable[tuple[str, int, float]]
) -> list[str | None]:
    """Return the time left behind each step, given by its stage, number and seconds."""
    view = RunView(Console(), started=0.0)
    view.began(known)
    for stage, step, seconds in steps:
        view.step_done(figures(step, seconds), stage)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("step ")]
    return [line.partition("  left ")[2] or None for line in lines]


@pytest.mark.parametrize(
    ("steps", "left"),
    [
        # nine more at 4 s each; then eight at the mean of 4 s and 8 s
        ([(1, 4.0), (2, 8.0)], ["36s", "48s"]),
        # a run that was resumed behind its sixth step
        ([(7, 5.0), (8, 5.0)], ["15s", "10s"]),
        ([(9, 130.0), (10, 70.0)], ["2m10s", "0s"]),
        # more steps than were planned
        ([(11, 5.0)], ["0s"]),
    ],
)
def test_the_steps_that_are_left_last_as_long_as_those_before(
    capsys: pytest.CaptureFixture[str], steps: list[tuple[int, float]], left: list[str]
) -> None:
    """Of ten steps, those to come take the mean time of those that this session has seen."""
    found = said_left(capsys, watch(steps=10), [("", *step) for step in steps])
    assert found == left


@pytest.mark.parametrize(
    ("bounds", "total", "left"),
    [
        ({"seconds": 100.0}, 30.0, "1m10s"),
        ({"seconds": 100.0}, 130.0, "0s"),
        ({"seconds": 100.0, "steps": 10}, 90.0, "10s"),  # nine more steps would take 36 s
        ({"seconds": 1000.0, "steps": 10}, 90.0, "36s"),
        ({}, 90.0, None),
    ],
)
def test_the_nearer_bound_ends_a_run(
    capsys: pytest.CaptureFixture[str],
    bounds: Mapping[str, float],
    total: float,
    left: str | None,
) -> None:
    """Of a bound on seconds and one on steps the one met first counts; without any, none is said.

    The first step took 4 s.
    """
    view = RunView(Console(), started=0.0)
    view.began(watch(**bounds))
    view.step_done(figures(1, 4.0, total_seconds=total), "")
    (line,) = [text for text in capsys.readouterr().err.splitlines() if text.startswith("step")]
    assert (line.partition("  left ")[2] or None) == left


@pytest.mark.parametrize(
    ("steps", "left"),
    [
        # 3 + 2 steps of stages that have not begun are taken for as long as the mean so far
        ([("before", 1, 10.0)], ["50s"]),
        # 2 more at 20 s, and 2 at the mean of all, 15 s
        ([("before", 1, 10.0), ("train", 2, 20.0)], ["50s", "1m10s"]),
        # learning has ended early: one more step of 30 s
        ([("before", 1, 10.0), ("train", 2, 20.0), ("after", 3, 30.0)], ["50s", "1m10s", "30s"]),
        # one step more of a stage than was planned takes nothing from the next stage's time
        ([("train", step, 10.0) for step in (2, 3, 4, 5)], ["40s", "30s", "20s", "20s"]),
        # a run that was resumed in its last stage
        ([("after", 5, 7.0), ("after", 6, 9.0)], ["7s", "0s"]),
    ],
)
def test_each_stage_has_a_pace_of_its_own(
    capsys: pytest.CaptureFixture[str], steps: list[tuple[str, int, float]], left: list[str]
) -> None:
    """Steps of a vote's stages differ; a stage that is over adds nothing."""
    assert said_left(capsys, watch(steps=6, stages=STAGES), steps) == left


def test_another_run_begins_with_no_pace(capsys: pytest.CaptureFixture[str]) -> None:
    """Steps of the run before do not count: nine more at 1 s, not at the mean of 99 s and 1 s."""
    view = RunView(Console(), started=0.0)
    view.began(watch(steps=10))
    view.step_done(figures(1, 99.0), "")
    view.began(watch(steps=10))
    view.step_done(figures(1, 1.0), "")
    assert capsys.readouterr().err.splitlines()[-1].endswith("  left 9s")


def test_the_line_of_a_step_of_a_search(capsys: pytest.CaptureFixture[str]) -> None:
    """Best score, how far that is from the best known, shares, speed, divergence and times."""
    view = RunView(Console(), started=0.0)
    view.began(watch(steps=2, best_known=1.75, warning="not isolated"))
    more = {"solve_best_score": 1.5, "solve_valid": 0.5, "solve_distinct": 0.25}
    view.step_done(figures(1, 4.0, train_kl_base=0.0126, **more), "")
    assert capsys.readouterr().err.splitlines() == [
        "demo in runs/demo",
        "warning: not isolated",
        "step 1/2  best 1.5  gap 0.25  valid 50%  distinct 25%  tok/s 120  kl 0.013  step time 4s"
        "  left 4s",
    ]


def test_the_line_of_a_step_of_a_vote(capsys: pytest.CaptureFixture[str]) -> None:
    """The stage, the winners' share, the entropy of the votes and the share with an answer."""
    view = RunView(Console(), started=0.0)
    view.began(watch(steps=6, stages=STAGES))
    view.step_done(figures(2, 65.0, vote_share=0.75, vote_entropy=0.5623, vote_parsed=1.0), "train")
    assert capsys.readouterr().err.splitlines()[-1] == (
        "step 2/6  stage train  share 75%  entropy 0.56  parsed 100%  tok/s 120  step time 1m05s"
        "  left 4m20s"
    )


def test_a_quiet_run_says_its_warnings_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """With --quiet there is no name, no step and no result on stderr."""
    with RunView(Console(quiet=True), started=0.0) as view:
        view.began(watch(steps=2, warning="not isolated"))
        view.sampled(1, 1, 8)
        view.step_done(figures(1, 4.0), "")
    assert capsys.readouterr().err == "warning: not isolated\n"


class Terminal:
    """A terminal, and a view of a run on it with a clock of the test's own."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.written = io.StringIO()
        console = Console()
        console.err = RichConsole(
            file=self.written, force_terminal=True, width=100, _environ={"TERM": "xterm"}
        )
        self.view = RunView(console, started=0.0, clock=lambda: self.now)

    def shown(self) -> list[str]:
        """Return what it shows at this moment, line by line, with single spaces."""
        paper = RichConsole(file=io.StringIO(), width=100, _environ={})
        with paper.capture() as captured:
            paper.print(self.view.picture())
        return [" ".join(line.split()) for line in captured.get().splitlines() if line.strip()]


def test_a_terminal_shows_how_far_a_step_has_come() -> None:
    """A bar of samples with the step's time, and what it is at; the bar begins anew each step."""
    terminal = Terminal()
    view = terminal.view
    view.began(watch(steps=10))
    assert terminal.shown() == ["loading"]
    view.sampled(1, 1, 8)
    terminal.now += 65
    view.sampled(1, 2, 8)
    bar, note = terminal.shown()
    assert bar.startswith("step 1 ━")
    assert bar.endswith("2/8 samples 0:01:05")
    assert note == "sampling"
    view.sampled(1, 8, 8)
    assert terminal.shown()[-1] == "grading and learning"
    view.step_done(figures(1, 4.0), "")
    view.sampled(2, 1, 8)
    terminal.now += 5
    head, row, bar, note = terminal.shown()
    assert head == "step tok/s step time left"
    assert row == "1/10 120 4s 36s"
    assert bar.startswith("step 2 ")
    assert bar.endswith("1/8 samples 0:00:05")
    assert note == "sampling"


def test_a_terminal_shows_the_last_twelve_steps() -> None:
    """Older rows go; when the view ends, the rows stay, and the bar and the note do not."""
    terminal = Terminal()
    with terminal.view as view:
        view.began(watch(steps=20))
        for step in range(1, 14):
            view.sampled(step, 1, 8)
            view.step_done(figures(step, 1.0), "")
        assert len(terminal.shown()) == 1 + 12 + 1 + 1
    head, *rows = terminal.shown()
    assert head == "step tok/s step time left"
    assert rows == [f"{step}/20 120 1s {20 - step}s" for step in range(2, 14)]
    assert "demo in runs/demo" in terminal.written.getvalue()
    assert view.heartbeat is None
