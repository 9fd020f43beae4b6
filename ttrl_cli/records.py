"""Frozen records that cross module borders.

Shape suffixes used in names everywhere: `_P` parents or prompts, `_G` samples of a group,
`_T` tokens of a completion, `_S` tokens of a prompt, `_N` nodes of the archive. Log-probabilities
are in nats, times in seconds, sizes in bytes unless a name says otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ttrl_cli.completions.marks import KNOWN, Marks

IntArray: TypeAlias = NDArray[np.int64]
FloatArray: TypeAlias = NDArray[np.float64]
BoolArray: TypeAlias = NDArray[np.bool_]
Json: TypeAlias = Any
"""A JSON value: None, bool, int, float, str, list or dict of these."""

Kind: TypeAlias = Literal["solve", "vote"]
Phase: TypeAlias = Literal["sampling", "grading", "learning"]


def sample_id(step: int, group: int, index: int) -> str:
    """Return the id of one attempt, unique within a run: "step.group.index"."""
    return f"{step}.{group}.{index}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A request to a sampler: `n` completions of one conversation.

    Attributes:
        key: Id of the parent state or of the question; the replay sampler looks lines up by it.
        group: Index of the prompt within the step.
        messages: The conversation, to be laid out by the model's chat template.
        n: Completions wanted, G.
        first: Index of the first of them, where several processes share a group.
        others: Whether other prompts follow in later steps, whatever comes of this one.
    """

    key: str
    group: int
    messages: tuple[Message, ...]
    n: int
    first: int = 0
    others: bool = False

    @property
    def indices(self) -> range:
        """The indices of the completions within their group."""
        return range(self.first, self.first + self.n)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overflow:
    """Why a completion is empty: its prompt leaves no room in the model's context.

    Attributes:
        tokens: Tokens of the prompt.
        context: Tokens that the model takes.
        reserved: How many of these are kept for an answer behind the thinking.
    """

    tokens: int
    context: int
    reserved: int = 0

    def __str__(self) -> str:
        """Return both lengths in words."""
        kept = f", of which {self.reserved} are for the answer" if self.reserved else ""
        return f"the prompt has {self.tokens} tokens; the model's context is {self.context}{kept}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One sampled completion.

    Attributes:
        group: Index of its prompt within the step.
        index: Index within the group, 0 <= index < G.
        text: The decoded text, without special tokens; always valid Unicode.
        seed: Seed of this sample's random numbers; None where nothing was drawn.
        prompt_ids_S: Token ids of the laid-out prompt; empty for replayed text.
        token_ids_T: Sampled token ids, the end-of-turn token included; empty for replayed text.
        logprobs_T: Log-probability of each token under the distribution it was drawn from.
        logprob: Sum of logprobs_T, or what a replay file said; None where it is unknown.
        finished: False where the completion was cut at max_tokens.
        sampled_T: False for tokens that were forced on the model; None where none was.
        overflow: Why nothing was sampled; None where something was.
    """

    group: int
    index: int
    text: str
    seed: int | None
    prompt_ids_S: IntArray
    token_ids_T: IntArray
    logprobs_T: FloatArray
    logprob: float | None
    finished: bool
    sampled_T: BoolArray | None = None
    overflow: Overflow | None = None


class Status(StrEnum):
    """How grading one attempt ended."""

    OK = "ok"
    INVALID = "invalid"  # the verifier refused it, or its score is not finite
    ERROR = "error"  # the program raised, or ended without an answer
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT = "output"  # printed or returned more than the limit
    MALFORMED = "malformed"  # nothing in the completion parses as a solution or an answer
    FAILED = "failed"  # our own failure: masked out of the update, never a reward


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The grade of one attempt.

    Attributes:
        status: How grading ended; only `Status.OK` is valid.
        score: In the problem's own units and direction; None unless valid.
        reward: What learning sees (higher is better); None unless valid.
        error: One standard error of the score, in its units; None where the problem states none.
        reward_error: One standard error of the reward; 0 where the problem states none.
        per_trial: The figures on the search's trials that the score is the mean of; empty where the
            problem does not say.
        again: Scores on other trials, in order, of a solution that was measured again.
        reason: Why it is not valid, in words; empty when it is.
        seconds: Wall time of running and verifying.
        compile_seconds: Wall time of compiling, which `seconds` leaves out.
        data: The verified data (solve) or the extracted answer (vote); None unless valid.
        solution: The solution text parsed from the completion: a program's source, or the text.
        shown: How later prompts show this solution; the problem's `render`, else `solution`.
        output: The end of what the program printed.
        feedback: What the problem's score says to the next attempt.
        rule: Which rule found the answer (vote), or the solution (solve).
        metrics: Further metrics that the problem's score returned.
        identity: What tells a measured solution from others; empty where its data do.
        blame: The key of problem.yaml whose code failed; empty if none did.
        unverified: Whether the score is what the candidate's own process says.
    """

    status: Status
    score: float | None = None
    reward: float | None = None
    error: float | None = None
    reward_error: float = 0.0
    per_trial: tuple[float, ...] = ()
    again: tuple[float, ...] = ()
    reason: str = ""
    seconds: float = 0.0
    compile_seconds: float = 0.0
    data: Json = None
    solution: str = ""
    shown: str = ""
    output: str = ""
    feedback: str = ""
    rule: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    identity: str = ""
    blame: str = ""
    unverified: bool = False

    @property
    def valid(self) -> bool:
        """True when the solution was verified and scored."""
        return self.status is Status.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One completion on its way to the grader.

    Attributes:
        group: Index of the prompt within the step.
        index: Index within the group.
        text: The completion.
        parent_data: The parent's verified data, handed to programs that accept `parent`.
        parent: The parent's solution, where this one may be edits of it; empty elsewhere.
        seed: Handed to programs that accept `seed`.
        choices: Of a question, by letter.
        finished: False where the completion was cut.
        marks: How the model marks thinking and turns.
    """

    group: int
    index: int
    text: str
    parent_data: Json = None
    parent: str = ""
    seed: int = 0
    choices: Mapping[str, str] = field(default_factory=dict)
    finished: bool = True
    marks: Marks = KNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """A solution that is to be graded once more, on a trial of its own.

    Attributes:
        key: Names it among those of its step.
        solution: Its text.
        parent_data: The parent's verified data.
        seed: Handed to programs that accept `seed`.
        purpose: Names the trial of a measured problem, under the run's secret.
    """

    key: str
    solution: str
    parent_data: Json = None
    seed: int = 0
    purpose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One line of attempts.jsonl: a completion and its verdict, together a rollout.

    Attributes:
        id: "STEP.GROUP.INDEX".
        parent: Id of the state or question that was asked about.
        policy: The update whose weights it was sampled from.
        advantage: Its group's, before KL shaping; None if it failed, or is not learned from.
        learned: Whether it is learned from.
    """

    id: str
    step: int
    group: int
    index: int
    parent: str
    policy: int
    completion: Completion
    verdict: Verdict
    advantage: float | None
    learned: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A solution in the archive.

    Attributes:
        id: "seed.K" for a root, else the attempt that made it.
        parent: Id of the state it was made from; None for a root.
        step: The step that found it; 0 for a root.
        score: In the problem's own units and direction.
        signed: Score with its sign turned so that higher is better: PUCT's R.
        data: Verified data.
        solution: Solution text.
        shown: How prompts show it.
        output: The end of what its program printed.
        feedback: What the score said about it.
        identity: What tells it from other states; empty where its data do.
        error: One standard error of the score, in its units; None where the problem states none.
        per_trial: The figures on the search's trials that a score is the mean of; empty where the
            problem does not say.
    """

    id: str
    parent: str | None
    step: int
    score: float
    signed: float
    data: Json
    solution: str
    shown: str
    output: str
    feedback: str
    identity: str = ""
    error: float | None = None
    per_trial: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One trained sequence.

    Attributes:
        prompt_ids_S: Token ids of the prompt.
        token_ids_T: Token ids of the completion; loss is taken on these alone.
        logprobs_T: Log-probabilities under the policy that sampled them.
        advantages_T: Advantage of each token.
        weight: Multiplies the row's loss: how many samples the row stands for.
        reference_logprobs_T: Log-probabilities under the reference model, where they are needed.
        sampled_T: False for tokens that no loss is taken on, being forced on the model; None where
            there are none.
    """

    prompt_ids_S: IntArray
    token_ids_T: IntArray
    logprobs_T: FloatArray
    advantages_T: FloatArray
    weight: float = 1.0
    reference_logprobs_T: FloatArray | None = None
    sampled_T: BoolArray | None = None

    @property
    def counted_T(self) -> BoolArray:
        """Which tokens the loss is taken on [T]."""
        every_T = np.ones(len(self.token_ids_T), dtype=bool)
        return every_T if self.sampled_T is None else self.sampled_T


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """The rows of one update: any number of them, none included.

    Attributes:
        step: The step this round belongs to (from 1).
        rows: The trained sequences.
        normalizer: The constant the summed loss is divided by, fixed once per round.
        lr_scale: The factor of the learning rate that its schedule has come to.
    """

    step: int
    rows: tuple[Row, ...]
    normalizer: float
    lr_scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """The weights that a sampler must use.

    Attributes:
        policy: The step whose update made them; 0 is the untrained model.
        path: A peft folder with the weights; None where sampler and learner share one model.
    """

    policy: int
    path: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A short sequence that learner and sampler score, to see whether they have the same weights.

    Attributes:
        prompt_ids_S: Token ids that come before; at least one.
        token_ids_T: Token ids that are scored.
    """

    prompt_ids_S: IntArray
    token_ids_T: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateReport:
    """The metrics of an update, and a warning.

    Attributes:
        metrics: Namespaced keys, all explained in docs/metrics.md.
        warning: What ought not to be overlooked; empty if nothing.
    """

    metrics: Mapping[str, float]
    warning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepProgress:
    """How far the step under way has come.

    Attributes:
        step: The step, from 1.
        phase: What it is at.
        done: Samples that are finished.
        total: Samples that it asks for.
        graded: How many of them are graded.
        tokens: Tokens sampled so far; where the sampler does not count, those of finished samples.
        unsampled: Tokens that may still be sampled, if every sample is as long as it can be.
        seconds: Wall time of sampling so far.
    """

    step: int
    phase: Phase
    done: int
    total: int
    graded: int
    tokens: int
    unsampled: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Facts about a run that the reporter gets before its first step.

    Attributes:
        name: The problem's or the question file's name.
        path: The run directory.
        steps: The bound on steps.
        seconds: The bound on seconds, if any.
        best_known: The best score known, if any.
        stages: Steps that each stage of a vote still has, in order: before, train, after; empty for
            a search.
        warning: A warning to show, even when quiet; empty if there is none.
        expected: Seconds that the run may take on this machine; None if that is not known.
        unverified: Whether scores are what the candidates' own processes say.
    """

    name: str
    path: str
    steps: int
    seconds: float | None
    best_known: float | None
    stages: Mapping[str, int] = field(default_factory=dict)
    warning: str = ""
    expected: float | None = None
    unverified: bool = False
