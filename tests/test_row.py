"""Calls in a row: in order, whoever makes them."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests._helpers import PATIENCE
from ttrl_cli.grading.clock import Clock
from ttrl_cli.grading.row import Row
from ttrl_cli.sandbox.calls import Outcome
from ttrl_cli.sandbox.cores import Cores
from ttrl_cli.sandbox.given import Input


@pytest.fixture(params=[0, 2], ids=["alone", "with two helpers"])
def helpers(request: pytest.FixtureRequest) -> int:
    """How many threads help."""
    return int(request.param)


@pytest.fixture
def cores(tmp_path: Path) -> Cores:
    """Three cores."""
    return Cores(tmp_path, ["a", "b", "c"])


def said(value: Input) -> Outcome:
    """Answer an input with itself."""
    return Outcome(status="ok", output=str(value))


def outputs(row: list[Outcome]) -> list[str]:
    """What the calls of a row printed."""
    return [outcome.output for outcome in row]


def test_outcomes_are_in_the_order_of_the_inputs(cores: Cores, helpers: int):
    """However many threads call, the outcomes are in order."""
    inputs = [str(number) for number in range(40)]
    assert outputs(Row(said, inputs, None).run(cores, 1, Clock(), helpers)) == inputs


def test_helpers_help(cores: Cores):
    """With cores free, as many calls are under way as there are threads."""
    together = threading.Barrier(3)

    def meet(value: Input) -> Outcome:
        together.wait(PATIENCE)
        return said(value)

    assert outputs(Row(meet, ["1", "2", "3"], None).run(cores, 1, Clock(), 2)) == ["1", "2", "3"]


def test_no_call_without_a_core(cores: Cores):
    """Calls that take all cores are made one after another, whoever would help."""
    under_way = threading.Semaphore(1)

    def alone(value: Input) -> Outcome:
        assert under_way.acquire(blocking=False)
        time.sleep(0.005)
        under_way.release()
        return said(value)

    row = Row(alone, list("abcdefgh"), None)
    assert outputs(row.run(cores, 3, Clock(), 2)) == list("abcdefgh")


def test_the_first_that_stops_is_the_last(cores: Cores, helpers: int):
    """Of outcomes behind the first that stop says none counts, even if it was there before."""
    row = Row(said, map(str, range(100)), lambda outcome: outcome.output in ("7", "9"))
    assert outputs(row.run(cores, 1, Clock(), helpers)) == list("01234567")


def test_a_failure_is_raised_and_what_came_before_is_kept(cores: Cores, helpers: int):
    """An error ends the row; the outcomes of the inputs before it stay."""

    def fails(value: Input) -> Outcome:
        if value == "3":
            msg = "the sandbox"
            raise OSError(msg)
        return said(value)

    row = Row(fails, list("0123456789"), None)
    with pytest.raises(OSError, match="the sandbox"):
        row.run(cores, 1, Clock(), helpers)
    assert outputs(row.outcomes())[:3] == list("012")
    assert "3" not in outputs(row.outcomes())


def test_inputs_that_fail(cores: Cores, helpers: int):
    """What the inputs raise is raised where they were asked for."""

    def inputs() -> Iterator[str]:
        yield "0"
        msg = "no more"
        raise KeyError(msg)

    with pytest.raises(KeyError, match="no more"):
        Row(said, inputs(), None).run(cores, 1, Clock(), helpers)


def test_nothing_behind_the_last_one_counts(cores: Cores):
    """A call that fails behind the outcome that stops changes nothing."""
    stopped, failed = threading.Event(), threading.Event()

    def call(value: Input) -> Outcome:
        if value == "1":
            failed.set()
            assert stopped.wait(PATIENCE)
            msg = "too late"
            raise OSError(msg)
        assert failed.wait(PATIENCE)
        return said(value)

    def stop(outcome: Outcome) -> bool:
        stopped.set()
        return outcome.output == "0"

    assert outputs(Row(call, ["0", "1"], stop).run(cores, 1, Clock(), 1)) == ["0"]


@pytest.mark.parametrize("names", ["a", "abc"])
def test_inputs_and_stop_may_call(tmp_path: Path, helpers: int, names: str):
    """The problem's code that makes inputs, or looks at outcomes, may call a candidate itself."""
    cores = Cores(tmp_path, names)

    def inner(value: str) -> str:
        return outputs(Row(said, [value], None).run(cores, len(names), Clock(), 0))[0]

    inputs = (inner(str(number)) for number in range(6))
    row = Row(said, inputs, lambda outcome: inner(outcome.output) == "4")
    found: list[list[Outcome]] = []
    thread = threading.Thread(
        target=lambda: found.append(row.run(cores, len(names), Clock(), helpers)), daemon=True
    )
    thread.start()
    thread.join(PATIENCE)
    assert [outputs(outcomes) for outcomes in found] == [list("01234")]


def test_what_is_behind_the_last_one_is_ended(cores: Cores):
    """A call that is under way when stop says so is ended, and not waited for."""
    begun, ended = threading.Event(), threading.Event()

    def call(value: Input) -> Outcome:
        if value == "1":
            begun.set()
            assert ended.wait(PATIENCE)
        return said(value)

    def stop(outcome: Outcome) -> bool:
        return begun.wait(PATIENCE) and outcome.output == "0"

    row = Row(call, ["0", "1"], stop, ended.set)
    assert outputs(row.run(cores, 1, Clock(), 1)) == ["0"]
