"""The resolved configuration of a run: every option, with its default and its bounds.

The same keys stand in three places: `run:` of a problem.yaml, the command line, and a run's
config.json. Importable without torch.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ttrl_cli.errors import UsageError

Positive = Annotated[int, Field(ge=1)]
ObjectiveName = Literal["entropic", "entropic-valid", "constant-beta", "mean-baseline", "grpo"]
SearchName = Literal["puct", "best-of-n", "epsilon-greedy"]


class RunConfig(BaseModel):
    """All options of a run, frozen. Unknown keys are refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )

    # what is sampled
    groups: Positive = 8
    """Prompts (parents or questions) per step, P."""
    group_size: Annotated[int, Field(ge=2)] = 64
    """Completions per prompt, G."""
    max_tokens: Positive = 26_000
    """Longest completion, in tokens."""
    temperature: Annotated[float, Field(gt=0, le=10)] = 1.0
    """Sampling temperature; training uses the same."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the run; every sample has one of its own derived from it."""

    # when it ends
    steps: Annotated[int, Field(ge=0)] = 50
    """Steps to run."""
    samples: Positive | None = None
    """Most samples to draw."""
    tokens: Positive | None = None
    """Most tokens to sample."""
    seconds: Annotated[float, Field(gt=0)] | None = None
    """Wall time, in seconds, after which nothing is sampled; what is finished by then is still
    graded, learned from and kept."""

    # how parents are chosen
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

    # how it learns
    train: bool = True
    """Learn from each step; false is the equal-budget search baseline."""
    objective: ObjectiveName = "entropic"
    """How rewards become advantages."""
    reward_copies: bool = True
    """Reward a valid attempt whose data the archive held already when the step began; false counts
    it as invalid for learning, which keeps a small model from learning to copy its prompt."""
    beta: Annotated[float, Field(gt=0)] = 2.0
    """The constant of the constant-beta objective."""
    kl: Annotated[float, Field(ge=0)] = 0.1
    """Coefficient lambda of the KL shaping per token; 0 switches it off."""
    clip: Annotated[float, Field(gt=0)] | None = None
    """Clip the importance ratio to [1 - clip, 1 + clip]; off by default."""
    lr: Annotated[float, Field(gt=0)] = 4e-5
    """Learning rate of Adam."""
    lora_rank: Positive = 32
    """Rank of the LoRA adapter, on all linear layers."""
    lora_alpha: Annotated[float, Field(gt=0)] = 32.0
    """Scale of the adapter: its output is multiplied by alpha / rank."""
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    """Gradients are clipped to this norm."""
    micro_batch_tokens: Positive = 8192
    """Padded tokens of one forward and backward pass."""

    # where it runs
    model: str | None = None
    """A cached name, a hub id or a path; without a GPU the embedded model is the default."""
    sampler: str = "transformers"
    """`transformers`, or `replay:FILE` for scripted completions (which never trains)."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model lives."""
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    """Type of the base model's weights; the adapter is always float32."""
    threads: Positive | None = None
    """CPU threads of the model; results on the CPU are reproducible for a fixed number."""
    workers: Positive | None = None
    """Grading processes."""
    keep_checkpoints: Annotated[int, Field(ge=1)] = 2
    """Checkpoints kept; older ones are removed."""


def resolve(defaults: dict[str, object], options: dict[str, object], *, where: str) -> RunConfig:
    """Lay a problem's `run:` section and command-line options over the defaults.

    Args:
        defaults: The problem's own values.
        options: Command-line values; None means not given.
        where: Named in the message when a value is refused.

    Raises:
        UsageError: If a key is unknown or a value is out of bounds.
    """
    given = {key: value for key, value in options.items() if value is not None}
    try:
        return RunConfig.model_validate({**defaults, **given})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        named = f"--{key.replace('_', '-')}" if key in given else f"{where}: run.{key}"
        msg = f"{named}: {first['msg']} (got {first.get('input')!r})"
        raise UsageError(msg) from error
