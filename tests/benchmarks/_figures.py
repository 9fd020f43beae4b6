"""What every benchmark script says: figures against an alternative, measured in the same run.

A script prints one line of JSON per figure on stdout (`emit`) and whatever it has to tell on
stderr (`say`). run.py collects the lines of all scripts that it names.

A script whose alternative is a library that we do not depend on has a constant with what pip is to
install, `LIBRARIES = ("name==1.0",)`, which run.py reads without importing the script.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured thing and its alternative.

    Attributes:
        name: Short and unique, with dashes: "sample-float32".
        what: What was measured, in words.
        against: What the alternative is, in words.
        ours: Our figure, a median.
        alternative: The alternative's figure, a median over the same rounds; None where there is
            none and `target` is absolute.
        unit: Unit of both.
        lower: True where less is better.
        target: What it should come to, as a bound on the ratio ("3x") or on our figure ("50 ms");
            empty where none was set.
        note: What a reader must know to judge it.
    """

    name: str
    what: str
    against: str
    ours: float
    alternative: float | None
    unit: str
    lower: bool
    target: str = ""
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times better ours is; below 1 where it is worse."""
        if not self.alternative or not self.ours:
            return None
        return self.alternative / self.ours if self.lower else self.ours / self.alternative

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where none was set.

        Raises:
            ValueError: If the target is neither a ratio ("3x", at least) nor a figure of the same
                unit ("50 ms", at most, or at least where more is better).
        """
        if not self.target:
            return None
        if self.target.endswith("x"):
            return (self.ratio or 0.0) >= float(self.target[:-1])
        bound, _, unit = self.target.partition(" ")
        if unit != self.unit:
            msg = f"{self.name}: the target {self.target!r} is no ratio, nor in {self.unit}"
            raise ValueError(msg)
        return self.ours <= float(bound) if self.lower else self.ours >= float(bound)


def emit(figure: Figure) -> None:
    """Print a figure as a line of JSON."""
    record = {**asdict(figure), "ratio": figure.ratio, "met": figure.met}
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Tell whoever watches."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def seconds(work: Callable[[], object]) -> float:
    """The wall time of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def medians(ways: Mapping[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, float]:
    """The median of what each way returns, over rounds in which all take their turn.

    Turns keep a machine that slows down from favouring one of them.

    Args:
        ways: Each measures itself once and returns its figure.
        rounds: At least 5 for a figure that is published.
    """
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name, way in ways.items():
            found[name].append(way())
        latest = ", ".join(f"{name} {values[-1]:.4g}" for name, values in found.items())
        say(f"  round {number + 1}/{rounds}: {latest}")
    return {name: statistics.median(values) for name, values in found.items()}


def few(rounds: int) -> str:
    """What a note says where rounds are fewer than figures ought to be medians of."""
    return "" if rounds >= ROUNDS else f" Median of {rounds} rounds only."
