"""What a run is said to take, before its first step."""

import io

import pytest
import torch
from rich.console import Console as RichConsole

from ttrl_cli.api.forecast import LEARNING, SAMPLING, forecast
from ttrl_cli.config import SolveConfig
from ttrl_cli.console import Console, RunView
from ttrl_cli.models import speed
from ttrl_cli.records import Watch
from ttrl_cli.rundir import Totals

CONFIG = SolveConfig(groups=2, group_size=5, steps=10, max_tokens=7, sampler="transformers")


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> object:
    """A network on which the products of a token take half a second; torch's clock is not asked."""
    ticks = iter(range(10**6))
    monkeypatch.setattr(speed.time, "perf_counter", lambda: 5.0 * next(ticks))
    return torch.nn.Linear(4, 4, bias=False)


@pytest.mark.parametrize(
    ("config", "used", "tokens", "cost"),
    [
        ({}, {}, 10 * 10 * 7, SAMPLING + LEARNING),
        ({"train": False}, {}, 10 * 10 * 7, SAMPLING),
        ({}, {"steps": 4, "samples": 40}, 6 * 10 * 7, SAMPLING + LEARNING),
        ({"samples": 30}, {}, 30 * 7, SAMPLING + LEARNING),
        ({"tokens": 50}, {"tokens": 20}, 30, SAMPLING + LEARNING),
        ({"steps": 0}, {}, 0, SAMPLING + LEARNING),
    ],
)
def test_every_bound_counts(
    slow: object, config: dict[str, object], used: dict[str, int], tokens: int, cost: float
) -> None:
    """A forecast is the tokens that the bounds leave, at the price of the measured products."""
    asked = CONFIG.model_copy(update=config)
    # one look at the clock before a product and one behind it, 5 s later, for 10 rows
    found = forecast(asked, Totals(**used), slow)
    assert found == pytest.approx(tokens * cost * 0.5)


def test_seconds_are_the_most() -> None:
    """No forecast is above the bound on seconds that is left."""
    config = CONFIG.model_copy(update={"seconds": 60.0, "max_tokens": 10**12})
    assert forecast(config, Totals(seconds=20.0), torch.nn.Linear(4, 4)) == 40.0


@pytest.mark.parametrize("network", [None, torch.nn.LayerNorm(3), torch.nn.Linear(2, 2).to("meta")])
def test_what_is_not_here_is_not_measured(network: object) -> None:
    """Without a model of matrices on this processor there is no forecast."""
    assert forecast(CONFIG, Totals(), network) is None


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, ""),
        (29.0, ""),
        (31.0, ": may take a minute on this machine"),
        (800.0, ": may take 13 minutes on this machine"),
        (7200.0, ": may take 120 minutes on this machine"),
        (20_000.0, ": may take 6 hours on this machine"),
    ],
)
def test_a_forecast_is_said_once(
    seconds: float | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a run may take stands beside its name, unless it is short."""
    view = RunView(Console(), started=0.0)
    known = Watch(
        name="p", path="runs/p-1", steps=12, seconds=None, best_known=None, expected=seconds
    )
    view.began(known)
    assert capsys.readouterr().err == f"p in runs/p-1{said}\n"


def test_a_stage_is_a_line_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no terminal a stage of work is one line, and none if nothing is to be said."""
    for quiet in (False, True):
        with Console(quiet=quiet).stage("fetching", 10) as done:
            done(5)
    assert capsys.readouterr().err == "fetching\n"


@pytest.mark.parametrize("size", [2_000_000, None])
def test_a_stage_is_a_bar_on_a_terminal(size: int | None) -> None:
    """On a terminal a stage is one bar, which is full in the end, in 80 columns."""
    console = Console()
    screen = io.StringIO()
    console.err = RichConsole(file=screen, force_terminal=True, width=80, color_system=None)
    with console.stage("fetching a model", size) as done:
        done(1_000_000)
        done(3_000_000)
    last = screen.getvalue().rpartition("\x1b[2K")[2]
    assert "fetching a model" in last
    assert ("2.0/2.0 MB" in last) == (size is not None)
