"""The resolved configuration of a run: every option, with its default and its bounds.

The same keys stand in three places: `run:` of a problem.yaml or of a prompt file, the command
line, and a run's config.json. Importable without torch.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from ttrl_cli import plugins
from ttrl_cli.errors import UsageError

Positive = Annotated[int, Field(ge=1)]
ScheduleName = Literal["constant", "cosine"]
RewardName = Literal["hard", "soft"]
TrackerName = Literal["tensorboard", "wandb", "trackio", "mlflow"]
SearchName = Literal["puct", "best-of-n", "epsilon-greedy"]
OBJECTIVES = ("entropic", "entropic-valid", "constant-beta", "mean-baseline", "grpo")
SANDBOXES = ("auto", "bwrap", "namespaces", "process")


class BuiltIn(NamedTuple):
    """The names of a field that are built in; plug-ins have others, which `resolve` looks up.

    A stored configuration is read without its plug-ins: `ttrl show` needs none.
    """

    names: tuple[str, ...]


ObjectiveName = Annotated[str, BuiltIn(OBJECTIVES)]
SandboxName = Annotated[str, BuiltIn(SANDBOXES)]


class Written(BaseModel):
    """Base of records that people write in files, key by key.

    A truth value is not taken for a number: `cpus: yes` is a mistake, and not one core.
    """

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_truth_value(cls, value: Any, info: ValidationInfo) -> Any:
        name = info.field_name
        if isinstance(value, bool) and name is not None:
            kinds = _kinds(cls.model_fields[name].annotation)
            if bool not in kinds and kinds & {int, float}:
                kind, message = "truth_value", "Input should be a number, and is a truth value"
                raise PydanticCustomError(kind, message)
        return value


def _kinds(annotation: Any) -> set[Any]:
    """Return the types that an annotation is made of."""
    parts = get_args(annotation)
    return set().union(*map(_kinds, parts)) if parts else {annotation}


class RunConfig(Written):
    """What solve and vote have in common, frozen. Unknown keys are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )

    # sampling
    groups: Positive = 8
    """Prompts (parents or questions) per step, P."""
    group_size: Annotated[int, Field(ge=2)] = 64
    """Completions per prompt, G."""
    max_tokens: Positive = 26_000
    """Longest completion, in tokens; with `answer_tokens`, its longest first phase."""
    answer_tokens: Positive | None = None
    """Room for an answer behind `max_tokens`: a completion that is cut while the model still thinks
    gets `answer_prompt` and this many tokens more. The tokens of the sentence are not learned
    from."""
    answer_prompt: str = "I have thought for as long as I may. Here is my final answer."
    """What makes a model answer whose thinking was cut."""
    thinking: bool | None = None
    """What the chat template is told of thinking, as `enable_thinking`; by default nothing."""
    temperature: Annotated[float, Field(gt=0, le=10)] = 1.0
    """Sampling temperature; training uses the same."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the run; every sample has one of its own derived from it."""

    # budget: whichever comes first
    steps: Annotated[int, Field(ge=0)] = 50
    """Steps to run."""
    samples: Positive | None = None
    """Most samples to draw."""
    tokens: Positive | None = None
    """Most tokens to sample."""
    seconds: Annotated[float, Field(gt=0)] | None = None
    """Wall time, in seconds, after which nothing is sampled; what is finished by then is still
    graded, learned from and kept."""

    # learning
    train: bool = True
    """Learn from each step; false is the equal-budget search baseline."""
    objective: ObjectiveName = "entropic"
    """How rewards become advantages; plug-ins add to these (docs/plugins.md)."""
    beta: Annotated[float, Field(gt=0)] = 2.0
    """The constant of the constant-beta objective."""
    kl: Annotated[float, Field(ge=0)] = 0.1
    """Coefficient lambda of the KL shaping per token; 0 switches it off."""
    kl_loss: Annotated[float, Field(ge=0)] = 0.0
    """Coefficient of a KL loss that holds the model to the untrained one; TTRL's reference takes
    0.001. 0 switches it off."""
    minibatch: Positive | None = None
    """Groups per optimiser step; without it, a step learns from all of its groups at once."""
    invalid_ratio: Annotated[float, Field(gt=0)] | None = None
    """Learn from at most so many invalid attempts of a group per valid one, drawn at random and
    weighted so that the gradient stays unbiased; by default from all."""
    clip: Annotated[float, Field(gt=0)] | None = None
    """Clip the importance ratio to [1 - clip, 1 + clip]; off by default."""
    lr: Annotated[float, Field(gt=0)] = 4e-5
    """Learning rate of Adam, at its peak."""
    schedule: ScheduleName = "constant"
    """How the rate goes from the first step to the last: constant, or down a half cosine to 0."""
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of all steps in which the rate rises from 0 to its peak."""
    lora_rank: Positive = 32
    """Rank of the LoRA adapter, on all linear layers."""
    lora_alpha: Annotated[float, Field(gt=0)] = 32.0
    """Scale of the adapter: its output is multiplied by alpha / rank."""
    max_grad_norm: Annotated[float, Field(gt=0)] | None = 1.0
    """Gradients are clipped to this norm; `null` in a file, `none` on the command line, clips
    nothing, as the paper's implementation."""
    micro_batch_tokens: Positive = 8192
    """Padded tokens of one forward and backward pass."""

    # machine
    model: str | None = None
    """A cached name, a hub id or a path; without a GPU the embedded model is the default."""
    sampler: str = "transformers"
    """`transformers`, on the learner's own weights; `vllm`, an engine in this process;
    `vllm-server:URL,...`, servers; `replay:FILE` for scripted completions (which never trains)."""
    adapter_folder: str | None = None
    """Where the adapter of each step is written for a sampler with weights of its own; by default
    in memory, where the system has room there."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model lives."""
    load_in_4bit: bool = False
    """Base weights in 4 bits (QLoRA, arXiv 2305.14314), for the `transformers` sampler; needs the
    extra `qlora`."""
    gpus: Positive = 1
    """Processes that share sampling and learning, each with a copy of the model: one per GPU, or
    per share of the cores."""
    fsdp: bool = False
    """Divide the base weights among the processes (FSDP2) instead of copying them; for samplers
    with weights of their own."""
    accelerate_config: str | None = None
    """A file that `accelerate config` wrote, from which `gpus`, `fsdp`, `dtype`, `device` and
    `checkpointing` are taken where no option says them. It is read when the run begins."""
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    """Type of the base model's weights; auto is bfloat16 on a GPU and on processors that have
    instructions for it, else float32, which is then several times as fast. The adapter is always
    float32."""
    checkpointing: bool | None = None
    """Keep only the beginning of each layer of a micro-batch and compute the rest again for the
    backward pass: a third slower, and a fraction of the memory. By default on a GPU."""
    threads: Positive | None = None
    """CPU threads of the model; results on the CPU are reproducible for a fixed number."""
    workers: Positive | None = None
    """Grading processes."""
    keep_checkpoints: Annotated[int, Field(ge=1)] = 2
    """Checkpoints kept; older ones are removed."""
    report_to: TrackerName | None = None
    """Send each step's metrics to a tracker, too: tensorboard (into `tracker/` of the run), wandb,
    trackio or mlflow. Nothing but metrics and the run's name is sent; docs/reading-runs.md."""


class SolveConfig(RunConfig):
    """Options of `ttrl solve`."""

    # budget: whichever comes first
    until: float | None = None
    """Stop when the best score is this good or better."""
    patience: Positive | None = None
    """Stop after so many steps without a new best; by default never."""

    # search
    search: SearchName = "puct"
    """How parents are chosen: puct, or the ablations best-of-n and epsilon-greedy."""
    puct_c: Annotated[float, Field(ge=0)] = 1.0
    """PUCT's exploration constant c."""
    epsilon: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of random picks of epsilon-greedy."""
    visits: Literal["group", "sample"] = "group"
    """What counts as a visit in PUCT: one expansion of a group (the paper) or every sample."""
    archive_size: Positive = 1000
    """Most states kept besides the seeds."""
    children_per_parent: Positive = 2
    """Most children kept of each parent over its lifetime."""
    sandbox: SandboxName = "auto"
    """How programs are isolated: bwrap, namespaces, process (limits only), a plug-in, or auto for
    the strongest of the first three that works here; docs/sandbox.md."""
    reward_copies: bool = True
    """Reward a valid attempt whose data the archive held already when the step began, or that an
    earlier attempt of the step had; false counts it as invalid for learning, which keeps a small
    model from learning to copy its prompt, or to say one thing over and over."""


class VoteConfig(RunConfig):
    """Options of `ttrl vote`; the defaults of what it shares with solve are TTRL's."""

    group_size: Annotated[int, Field(ge=2)] = 64
    """Samples that vote on a question, N."""
    max_tokens: Positive = 3072
    """Longest completion, in tokens."""
    temperature: Annotated[float, Field(gt=0, le=10)] = 0.6
    """Sampling temperature; TTRL takes 1.0 for models trained to reason."""
    steps: Annotated[int, Field(ge=0)] = 0
    """Training steps, one round of questions each; 0 only votes. By default what `epochs` makes."""
    objective: ObjectiveName = "grpo"
    """How rewards become advantages; plug-ins add to these (docs/plugins.md)."""
    kl: Annotated[float, Field(ge=0)] = 0.0
    """Coefficient lambda of the KL shaping per token; 0 switches it off."""
    minibatch: Positive | None = 1
    """Questions per optimiser step."""
    lr: Annotated[float, Field(gt=0)] = 5e-5
    """Learning rate of Adam, at its peak: 100 times that of TTRL's full fine-tuning."""
    schedule: ScheduleName = "cosine"
    """How the rate goes from the first step to the last: constant, or down a half cosine to 0."""
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.03
    """Share of all steps in which the rate rises from 0 to its peak."""

    # voting
    epochs: Positive = 10
    """How often training goes through all questions, unless `steps` says."""
    train_n: Annotated[int, Field(ge=2)] | None = None
    """How many of a question's samples are learned from, the first ones; by default half of N."""
    reward: RewardName = "hard"
    """hard: 1 for the majority's answer, else 0. soft: the answer's share of the votes."""
    min_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Learn only from questions whose majority has at least this share of the samples."""
    last_number: bool = False
    """Take the last number of a completion for its answer, where no other rule finds one."""

    # when training stops by itself
    patience: Positive = 8
    """Steps in a row with a sign of collapse after which training stops."""
    parsed_floor: Annotated[float, Field(ge=0, le=1)] = 0.7
    """A sign of collapse: the share of samples with an answer, over what the untrained model had on
    the same questions, is under this."""
    entropy_floor: Annotated[float, Field(ge=0)] = 0.02
    """A sign of collapse: the mean entropy of the votes, in nats, is under this."""

    @field_validator("train_n")
    @classmethod
    def _at_most_n(cls, value: int | None, info: ValidationInfo) -> int | None:
        most = info.data.get("group_size")
        if value is not None and most is not None and value > most:
            msg = f"must be at most N, the samples of a question: {most}"
            raise ValueError(msg)
        return value

    @property
    def learned(self) -> int:
        """Samples of a question that are learned from, K."""
        return self.train_n or max(2, self.group_size // 2)


C = TypeVar("C", bound=RunConfig)
NO_VALUE = "none"
"""How the command line says null."""


def resolve(
    kind: type[C],
    defaults: Mapping[str, object],
    options: Mapping[str, object],
    *,
    where: str,
    names: Mapping[str, str] | None = None,
) -> C:
    """Override defaults by a file's `run:` section, and both by command-line options.

    Args:
        kind: SolveConfig or VoteConfig.
        defaults: The file's own values.
        options: Command-line values; None means not given, "none" no value at all where a field
            has one by default and need not.
        where: Names the file in the message when one of its values is refused.
        names: Command-line names that differ from their keys, such as group_size: --n.

    Raises:
        UsageError: If a key is unknown, a value is out of bounds, or no objective or sandbox has
            the name.
        SetupError: If a plug-in has the name of an objective or sandbox that is built in.
    """
    given = {
        key: None if value == NO_VALUE and _may_be_none(kind, key) else value
        for key, value in options.items()
        if value is not None
    }

    def named(key: str) -> str:
        option = (names or {}).get(key, f"--{key.replace('_', '-')}")
        return option if key in given else f"{where}: run.{key}"

    try:
        config = kind.model_validate({**defaults, **given})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        why = first["msg"].removeprefix("Value error, ")
        msg = f"{named(key)}: {why} (got {first.get('input')!r})"
        raise UsageError(msg) from error
    plugins.find("objective", config.objective, OBJECTIVES, where=named("objective"))
    if isinstance(config, SolveConfig):
        plugins.find("sandbox", config.sandbox, SANDBOXES, where=named("sandbox"))
    return config


def _may_be_none(kind: type[RunConfig], key: str) -> bool:
    """Decide whether a field has a value by default and may be without one."""
    field = kind.model_fields.get(key)
    if field is None or field.default is None:
        return False
    return type(None) in _kinds(field.annotation)
