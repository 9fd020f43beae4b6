"""A problem that was read and checked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ttrl_cli.problem.spec import ProblemSpec
from ttrl_cli.settings import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """A solution to start from: the file's name in the problem's folder, and its text."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A checked problem.

    Attributes:
        folder: The folder that holds problem.yaml.
        file: problem.yaml itself, or another file beside it that takes its place.
        spec: Its contents.
        statement: The statement's text.
        template: The Jinja text of the user message; None for the built-in one.
        seeds: The seed solutions, in order.
        origin: The folder that this one is a run's copy of; None if it is no copy.
        measured_in: Where a measure command runs; None for the problem's folder.
        settings: The value of each setting.
        given: The values that were given in place of defaults, even if they are equal to those.
    """

    folder: Path
    file: Path
    spec: ProblemSpec
    statement: str
    template: str | None
    seeds: tuple[Seed, ...]
    origin: Path | None = None
    measured_in: Path | None = None
    settings: Mapping[str, Value] = field(default_factory=dict)
    given: Mapping[str, Value] = field(default_factory=dict)

    @property
    def shown_files(self) -> tuple[str, ...]:
        """The files that programs find in their working folder, as paths from the problem's."""
        evaluator = self.spec.evaluator
        own = [] if evaluator is None else [evaluator]
        return tuple(dict.fromkeys([*own, *self.spec.solution.files]))

    def signed(self, score: float) -> float:
        """Return the score with its sign turned so that higher is better."""
        return -score if self.spec.direction == "minimize" else score

    def reward(self, score: float) -> float:
        """Return the reward that learning sees for a score.

        Raises:
            ValueError: If the transform is reciprocal and the score is not positive.
        """
        name = self.spec.reward.transform
        if name is None:
            name = "negate" if self.spec.direction == "minimize" else "identity"
        return _TRANSFORMS[name](score)

    def reward_error(self, score: float, error: float) -> float:
        """Return the standard error of a score's reward, to first order in the score's own.

        Args:
            score: A score that has a reward.
            error: Its standard error.
        """
        if self.spec.reward.transform == "reciprocal":
            return error / score / score  # a square may overflow, or be 0
        return error

    def better(self, score: float, other: float) -> bool:
        """Decide whether `score` beats `other` in the problem's direction."""
        return self.signed(score) > self.signed(other)


def _reciprocal(score: float) -> float:
    if score <= 0:
        msg = f"reward.transform is reciprocal, which needs a score above 0 (got {score!r})"
        raise ValueError(msg)
    return 1.0 / score


_TRANSFORMS: dict[str, Callable[[float], float]] = {
    "identity": lambda score: score,
    "negate": lambda score: -score,
    "reciprocal": _reciprocal,
}
