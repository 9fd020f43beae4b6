"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from ttrl_cli.errors import UsageError

ADVANCED = "Advanced"
LEARNING = "Learning"
BUDGET = "Budget: whichever comes first"

Out = Annotated[Path | None, typer.Option(help="Run directory to make (default runs/NAME-K).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors and warnings.")]
Model = Annotated[
    str | None, typer.Option(help="A pulled name, a path or a hub id (default smollm2-135m).")
]
Sampler = Annotated[
    str | None,
    typer.Option(
        help="transformers, vllm, vllm-server:URL,..., or replay:FILE for scripted completions."
    ),
]
Seed = Annotated[int | None, typer.Option(help="Seed of all random numbers of the run.")]
Steps = Annotated[int | None, typer.Option(help="Steps to run.", rich_help_panel=BUDGET)]
Samples = Annotated[int | None, typer.Option(help="Most samples.", rich_help_panel=BUDGET)]
Tokens = Annotated[int | None, typer.Option(help="Most sampled tokens.", rich_help_panel=BUDGET)]
Seconds = Annotated[
    float | None, typer.Option(help="Most wall time in seconds.", rich_help_panel=BUDGET)
]
MaxTokens = Annotated[int | None, typer.Option(help="Longest completion, in tokens.")]
AnswerTokens = Annotated[
    int | None,
    typer.Option(help="Room for an answer of completions cut at --max-tokens."),
]
Thinking = Annotated[
    bool | None,
    typer.Option(
        "--thinking/--no-thinking",
        help="Tell the chat template to think, or not to.",
        show_default=False,
    ),
]
AdapterFolder = Annotated[
    str | None,
    typer.Option(
        help="Where adapters are written for vLLM and its servers (default: in memory).",
        rich_help_panel=ADVANCED,
    ),
]
Checkpointing = Annotated[
    bool | None,
    typer.Option(
        "--checkpointing/--no-checkpointing",
        help="Compute activations twice to save memory (default: on a GPU).",
        rich_help_panel=ADVANCED,
        show_default=False,
    ),
]
Temperature = Annotated[float | None, typer.Option(help="Sampling temperature.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu or cuda.", rich_help_panel=ADVANCED)]
Gpus = Annotated[
    int | None,
    typer.Option(help="Processes that share the work, one per GPU.", rich_help_panel=ADVANCED),
]
Fsdp = Annotated[
    bool | None,
    typer.Option(
        "--fsdp/--no-fsdp",
        help="Divide base weights among the processes, for vLLM to sample.",
        rich_help_panel=ADVANCED,
        show_default=False,
    ),
]
AccelerateConfig = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="A file of `accelerate config`: --gpus, --fsdp and more.",
        rich_help_panel=ADVANCED,
    ),
]
Dtype = Annotated[
    str | None,
    typer.Option(help="Base weights: auto, bfloat16 or float32.", rich_help_panel=ADVANCED),
]
LoadIn4Bit = Annotated[
    bool | None,
    typer.Option(
        "--load-in-4bit/--no-load-in-4bit",
        help="Base weights in 4 bits (QLoRA).",
        rich_help_panel=ADVANCED,
        show_default=False,
    ),
]
Threads = Annotated[
    int | None, typer.Option(help="CPU threads of the model.", rich_help_panel=ADVANCED)
]
Sandbox = Annotated[
    str | None,
    typer.Option(
        help="What keeps programs in: bwrap, namespaces, process (limits only), or auto (default): "
        "the strongest that works here.",
        rich_help_panel=ADVANCED,
    ),
]
Limits = Annotated[
    str | None,
    typer.Option(
        metavar="KEY=VALUE,...",
        help="Limits instead of the problem's own, such as seconds=10,memory_mb=512.",
    ),
]
Workers = Annotated[int | None, typer.Option(help="Grading processes.", rich_help_panel=ADVANCED)]
Lr = Annotated[float | None, typer.Option(help="Peak learning rate.", rich_help_panel=LEARNING)]
LoraRank = Annotated[
    int | None, typer.Option(help="Rank of the adapter.", rich_help_panel=LEARNING)
]
LoraAlpha = Annotated[
    float | None, typer.Option(help="Scale of the adapter.", rich_help_panel=LEARNING)
]
KlLoss = Annotated[
    float | None,
    typer.Option(help="Coefficient of a KL loss (default 0).", rich_help_panel=LEARNING),
]
Clip = Annotated[
    float | None, typer.Option(help="Clip the importance ratio.", rich_help_panel=LEARNING)
]
MicroBatchTokens = Annotated[
    int | None, typer.Option(help="Tokens of one training pass.", rich_help_panel=ADVANCED)
]


def parse_limits(text: str | None) -> dict[str, str]:
    """Parse the keys and values of --limits.

    Raises:
        UsageError: If it is not KEY=VALUE,... with each key once.
    """
    found: dict[str, str] = {}
    for part in text.split(",") if text is not None else []:
        key, equals, value = part.partition("=")
        if not equals or not key.strip() or key.strip() in found:
            msg = f"--limits: expected KEY=VALUE,... with each key once (got {text!r})"
            raise UsageError(msg)
        found[key.strip()] = value.strip()
    return found
