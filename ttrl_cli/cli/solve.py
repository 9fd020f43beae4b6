"""`ttrl solve PROBLEM`."""

from pathlib import Path
from typing import Annotated

import typer

from ttrl_cli.cli import options as o
from ttrl_cli.cli.running import print_summary, run_view

ProblemPath = Annotated[
    Path, typer.Argument(metavar="PROBLEM", help="A problem.yaml, or the folder that holds one.")
]


def solve(
    problem: ProblemPath,
    *,
    out: o.Out = None,
    start_from: Annotated[
        Path | None,
        typer.Option("--from", metavar="RUN", help="Start from this run's archive and adapter."),
    ] = None,
    model: o.Model = None,
    sampler: o.Sampler = None,
    seed: o.Seed = None,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
    steps: o.Steps = None,
    samples: o.Samples = None,
    tokens: o.Tokens = None,
    seconds: o.Seconds = None,
    groups: Annotated[int | None, typer.Option(help="Parents per step.")] = None,
    group_size: Annotated[int | None, typer.Option(help="Samples per parent.")] = None,
    max_tokens: o.MaxTokens = None,
    answer_tokens: o.AnswerTokens = None,
    thinking: o.Thinking = None,
    temperature: o.Temperature = None,
    search: Annotated[str | None, typer.Option(help="puct, best-of-n or epsilon-greedy.")] = None,
    train: Annotated[
        bool | None,
        typer.Option(
            "--train/--no-train",
            help="Learn from each step, or search alone with the same budget.",
            rich_help_panel=o.LEARNING,
            show_default=False,
        ),
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(
            help="entropic, entropic-valid, constant-beta, mean-baseline or grpo.",
            rich_help_panel=o.LEARNING,
        ),
    ] = None,
    lr: o.Lr = None,
    lora_rank: o.LoraRank = None,
    lora_alpha: o.LoraAlpha = None,
    kl: Annotated[
        float | None,
        typer.Option(help="Coefficient of the KL shaping.", rich_help_panel=o.LEARNING),
    ] = None,
    kl_loss: o.KlLoss = None,
    beta: Annotated[
        float | None,
        typer.Option(help="Constant of constant-beta.", rich_help_panel=o.LEARNING),
    ] = None,
    clip: o.Clip = None,
    puct_c: Annotated[
        float | None, typer.Option(help="PUCT's c.", rich_help_panel=o.ADVANCED)
    ] = None,
    epsilon: Annotated[
        float | None, typer.Option(help="epsilon-greedy's share.", rich_help_panel=o.ADVANCED)
    ] = None,
    visits: Annotated[
        str | None,
        typer.Option(help="PUCT counts each group, or each sample.", rich_help_panel=o.ADVANCED),
    ] = None,
    micro_batch_tokens: o.MicroBatchTokens = None,
    checkpointing: o.Checkpointing = None,
    adapter_folder: o.AdapterFolder = None,
    device: o.Device = None,
    gpus: o.Gpus = None,
    fsdp: o.Fsdp = None,
    accelerate_config: o.AccelerateConfig = None,
    dtype: o.Dtype = None,
    load_in_4bit: o.LoadIn4Bit = None,
    threads: o.Threads = None,
    workers: o.Workers = None,
    sandbox: o.Sandbox = None,
) -> None:
    """Search and learn on one problem; print its best verified solution.

    Options override the problem's own `run:` section. Ctrl-C finishes and saves the step; a second
    Ctrl-C stops at once. Either way, `ttrl resume` goes on.
    """
    chosen = {
        "model": model,
        "sampler": sampler,
        "seed": seed,
        "steps": steps,
        "samples": samples,
        "tokens": tokens,
        "seconds": seconds,
        "groups": groups,
        "group_size": group_size,
        "max_tokens": max_tokens,
        "answer_tokens": answer_tokens,
        "thinking": thinking,
        "temperature": temperature,
        "search": search,
        "train": train,
        "objective": objective,
        "lr": lr,
        "lora_rank": lora_rank,
        "lora_alpha": lora_alpha,
        "kl": kl,
        "kl_loss": kl_loss,
        "beta": beta,
        "clip": clip,
        "puct_c": puct_c,
        "epsilon": epsilon,
        "visits": visits,
        "micro_batch_tokens": micro_batch_tokens,
        "checkpointing": checkpointing,
        "adapter_folder": adapter_folder,
        "device": device,
        "gpus": gpus,
        "fsdp": fsdp,
        "accelerate_config": accelerate_config,
        "dtype": dtype,
        "load_in_4bit": load_in_4bit,
        "threads": threads,
        "workers": workers,
        "sandbox": sandbox,
    }
    with run_view(quiet=quiet) as view:
        from ttrl_cli import api

        summary = api.solve(
            problem,
            options=chosen,
            out=out,
            reporter=view,
            start_from=start_from,
            started=view.started,
        )
    print_summary(summary, as_json=as_json, quiet=quiet)
