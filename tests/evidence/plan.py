"""Which runs are made: problems, arms, seeds. Everything that may be changed stands at the top.

A run is named PROBLEM/ARM/SEED. An arm is a set of options beside the problem's own; arms of one
problem have equal samples. Runs come in rounds, seed 0 of every arm first, so that what there is
can be compared at any time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ttrl_cli.api.voting import OPTION_NAMES
from ttrl_cli.config import RunConfig, SolveConfig, VoteConfig, resolve
from ttrl_cli.problem import PROBLEM_FILE, load_problem
from ttrl_cli.questions import load_prompt
from ttrl_cli.records import Json, Kind

ROOT = Path(__file__).parents[2]

SEEDS = range(4)
ABLATION_SEEDS = range(3)
VOTE_SEEDS = range(3)
VOTE_FIGURE = "voting.svg"
EVERY: Mapping[str, Json] = {
    "model": "smollm2-135m",
    "device": "cpu",
    "dtype": "float32",
    "threads": 1,
    "workers": 1,
}
"""Options of every run. Results on the CPU hang on the number of threads and on the type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One way to work on a problem.

    Attributes:
        name: A folder's name.
        words: What it is, for a reader.
        options: Keys of the configuration, beside the problem's own.
        seeds: Those of its runs.
    """

    name: str
    words: str
    options: Mapping[str, Json]
    seeds: Sequence[int] = SEEDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A problem or a set of questions, and what is run on it.

    Attributes:
        name: Of its folder, or of its file of questions.
        title: In words.
        source: What the command is given.
        kind: solve or vote.
        options: Keys of the configuration that all its arms share, such as steps.
        arms: Those that are compared, the one that the others are held against first.
        ablations: Arms of which one thing differs from the first.
    """

    name: str
    title: str
    source: Path
    kind: Kind = "solve"
    options: Mapping[str, Json]
    arms: Sequence[Arm]
    ablations: Sequence[Arm] = ()

    @property
    def figure(self) -> str:
        """File name of the plot of its arms."""
        return f"{self.name}.svg"

    @property
    def ablation_figure(self) -> str:
        """File name of the plot of its ablations."""
        return f"{self.name}-ablations.svg"


LEARNING = Arm(name="learning", words="PUCT and learning, the problem's own options", options={})
SEARCH = Arm(name="search", words="PUCT, no learning", options={"train": False})
BEST_OF_N = Arm(
    name="best-of-n",
    words="always from the seeds, no learning",
    options={"train": False, "search": "best-of-n"},
)
ARMS = (LEARNING, SEARCH, BEST_OF_N)
ABLATIONS = (
    Arm(
        name="entropic-valid",
        words="entropic advantages over the valid samples alone",
        options={"objective": "entropic-valid"},
        seeds=ABLATION_SEEDS,
    ),
    Arm(
        name="constant-beta",
        words="beta = 2 in every group, not adapted",
        options={"objective": "constant-beta", "beta": 2.0},
        seeds=ABLATION_SEEDS,
    ),
    Arm(
        name="mean-baseline",
        words="the expected reward: reward minus the group's mean",
        options={"objective": "mean-baseline"},
        seeds=ABLATION_SEEDS,
    ),
    Arm(
        name="no-reuse",
        words="learning, but always from the seeds",
        options={"search": "best-of-n"},
        seeds=ABLATION_SEEDS,
    ),
    Arm(
        name="kl-0.1",
        words="KL shaping with coefficient 0.1, not 0",
        options={"kl": 0.1},
        seeds=ABLATION_SEEDS,
    ),
)
VOTE = Arm(name="vote", words="learning from the vote", options={}, seeds=VOTE_SEEDS)
UNTRAINED = tuple(
    Arm(
        name=f"untrained-T{temperature:g}",
        words=f"no learning, temperature {temperature:g}",
        options={"steps": 0, "temperature": temperature},
        seeds=range(1),
    )
    for temperature in (0.6, 0.01)
)


def _problem(name: str, title: str, ablations: Sequence[Arm] = (), **options: Json) -> Subject:
    source = ROOT / "problems" / name
    return Subject(
        name=name, title=title, source=source, options=options, arms=ARMS, ablations=ablations
    )


def _questions(name: str, title: str, **options: Json) -> Subject:
    source = ROOT / "problems" / "arithmetic" / f"{name}.jsonl"
    arms = (VOTE, *UNTRAINED)
    return Subject(name=name, title=title, source=source, kind="vote", options=options, arms=arms)


# more options of a problem go here, for all its arms: steps=20, groups=4, lr=1e-4
PLAN: tuple[Subject, ...] = (
    _problem("erdos_overlap_16", "Erdos minimum overlap with 16 steps", ablations=ABLATIONS),
    _problem("ac1_16", "First autocorrelation inequality with 16 steps"),
    _problem("sidon_100", "Golomb ruler within 0 to 99"),
    _questions("one_digit_add", "One-digit sums"),
    _questions("one_digit_mul", "One-digit products"),
    _questions("two_digit_add", "Two-digit sums"),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """One run of an arm.

    Attributes:
        subject: What it works on.
        arm: Its arm.
        seed: Its seed.
    """

    subject: Subject
    arm: Arm
    seed: int

    @property
    def name(self) -> str:
        """PROBLEM/ARM/SEED, which is also its folder."""
        return f"{self.subject.name}/{self.arm.name}/{self.seed}"

    @property
    def options(self) -> dict[str, Json]:
        """Every key of the configuration that the plan sets."""
        return {**EVERY, **self.subject.options, **self.arm.options, "seed": self.seed}

    def arguments(self) -> list[str]:
        """The options as the command line has them."""
        names = OPTION_NAMES if self.subject.kind == "vote" else {}
        return [
            word
            for key, value in self.options.items()
            for word in _flag(names.get(key, f"--{key.replace('_', '-')}"), value)
        ]

    def config(self) -> RunConfig:
        """What the options and the problem's own come to.

        Raises:
            UsageError: If an option is unknown or out of bounds.
        """
        source = self.subject.source
        if self.subject.kind == "solve":
            own, where = load_problem(source).spec.run, str(source / PROBLEM_FILE)
            return resolve(SolveConfig, own, self.options, where=where)
        asked = source.with_suffix(".yaml")
        return resolve(VoteConfig, load_prompt(asked).run, self.options, where=str(asked))


def runs(plan: Sequence[Subject] = PLAN) -> list[Run]:
    """Every run, in the order in which they are made."""
    every = list(_every(plan))
    return sorted(every, key=lambda run: run.seed)  # which keeps the plan's order within a seed


def _every(plan: Sequence[Subject]) -> Iterator[Run]:
    arms = [(subject, arm) for subject in plan for arm in subject.arms]
    arms += [(subject, arm) for subject in plan for arm in subject.ablations]
    for subject, arm in arms:
        for seed in arm.seeds:
            yield Run(subject=subject, arm=arm, seed=seed)


def _flag(name: str, value: Json) -> list[str]:
    """One option of the command line."""
    if isinstance(value, bool):
        return [name if value else name.replace("--", "--no-", 1)]
    return [name, str(value)]
