"""`ttrl doctor`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from ttrl_cli.cli import options as o
from ttrl_cli.cli.fields import fields_of, with_options
from ttrl_cli.errors import SetupError, UsageError

if TYPE_CHECKING:
    from ttrl_cli.api.diagnose import Diagnosis
    from ttrl_cli.models.memory_plan import Plan
    from ttrl_cli.records import Json
    from ttrl_cli.sandbox.base import Property
    from ttrl_cli.sandbox.choose import Checked

_WIDTH = 12
_PLAN = "Memory of a model"


_PLANNED = (
    "sampler", "train", "groups", "group_size", "max_tokens", "lora_rank", "micro_batch_tokens",
    "checkpointing", "dtype", "load_in_4bit", "gpus", "fsdp", "accelerate_config",
)  # fmt: skip


@with_options([fields_of("SolveConfig")[name] for name in _PLANNED], panel=_PLAN)
def doctor(
    *,
    model: Annotated[
        str | None,
        typer.Option(
            help="Show what a run with this model needs in memory, and attack nothing.",
            rich_help_panel=_PLAN,
        ),
    ] = None,
    gpu_memory: Annotated[
        float | None,
        typer.Option(
            help="Plan for a GPU with so many GiB, whatever is here.", rich_help_panel=_PLAN
        ),
    ] = None,
    as_json: o.AsJson = False,
    chosen: Mapping[str, object],
) -> None:
    """Attack each sandbox on this machine and print what it covers and what it does not.

    Small programs try what the programs of a model must not be able to do; that takes about ten
    seconds for each sandbox. Exit code 3 where none isolates programs.

    With --model, the memory of a run is planned instead; exit code 3 where it does not suffice.

    Example: ttrl doctor --model smollm2-135m
    """
    from ttrl_cli import api
    from ttrl_cli.console import Console

    options = {"model": model, **chosen}
    console = Console()
    if model is not None:
        planned = api.memory_plan(options, gigabytes=gpu_memory)
        note = api.prompt_note(model)
        if note:
            console.warn(note)
        if as_json:
            console.result_json(_plan_as_json(planned))
        else:
            console.result(_describe_plan(planned))
        if planned.why_not:
            raise SetupError(planned.why_not)
        return
    if gpu_memory is not None or any(value is not None for value in options.values()):
        msg = "these options plan the memory of a model; name it: ttrl doctor --model MODEL"
        raise UsageError(msg)
    health = api.doctor()
    if as_json:
        console.result_json(_as_json(health))
    else:
        console.result(_describe(health))
    if health.warning:
        raise SetupError(health.warning)


def _describe_plan(planned: "Plan") -> str:
    """Describe a memory plan for people: a line for each item, the sums, and what they allow."""
    from ttrl_cli.models.memory_plan import gib

    shape = planned.shape
    billions = shape.parameters / 1e9
    count = f"{billions:.1f} billion" if billions >= 1 else f"{1000 * billions:.0f} million"
    lines = [
        f"{count} parameters in {planned.dtype}, {shape.layers} layers, context {shape.context:,}",
        f"{planned.device}: {gib(planned.total)}",
        "",
    ]
    when = {"always": "", "sampling": "while sampling", "update": "while learning"}
    lines += [
        f"{item.owner:<9}{item.what:<30}{gib(item.size):>10}  {when[item.phase]}".rstrip()
        for item in planned.items
    ]
    lines += [
        f"{'in all':<39}{gib(planned.during('sampling')):>10}  while sampling",
        f"{'':<39}{gib(planned.during('update')):>10}  while learning",
        "",
        f"keys and values of {planned.kv_tokens:,} tokens, {gib(planned.kv_token)} each: "
        f"{planned.kv_tokens / planned.sequence:.1f} samples of {planned.sequence:,} at a time",
    ]
    if planned.sleeps:
        lines.append("vLLM sleeps while the learner works: they do not fit side by side")
    return "\n".join(lines)


def _plan_as_json(planned: "Plan") -> "dict[str, Json]":
    return {
        "parameters": planned.shape.parameters,
        "dtype": planned.dtype,
        "device": planned.device,
        "total": planned.total,
        "items": [
            {"owner": item.owner, "what": item.what, "bytes": item.size, "phase": item.phase}
            for item in planned.items
        ],
        "sampling": planned.during("sampling"),
        "update": planned.during("update"),
        "kv_tokens": planned.kv_tokens,
        "sleeps": planned.sleeps,
        "why_not": planned.why_not,
    }


def _describe(health: "Diagnosis") -> str:
    """Describe the sandboxes for people: a line for each property, a column for each sandbox."""
    from ttrl_cli.sandbox.base import Property

    width = max(_WIDTH, *(len(checked.name) + 2 for checked in health.sandboxes))
    names = [checked.name for checked in health.sandboxes]
    lines = [f"{health.kernel}", "", _line("sandbox", names, width)]
    lines.append(_line("runs programs as it must", [_runs(c) for c in health.sandboxes], width))
    lines += [
        _line(name.value, [_cell(checked, name) for checked in health.sandboxes], width)
        for name in Property
    ]
    lines.append("")
    for checked in health.sandboxes:
        lines += _remarks(checked)
    lines.append(f"--sandbox auto takes: {health.chosen or 'none'}")
    lines.append("What each line means, and what no sandbox covers: docs/sandbox.md")
    return "\n".join(lines)


def _remarks(checked: "Checked") -> list[str]:
    """Return the lines about one sandbox below the table."""
    name, plugin = checked.name, checked.plugin
    lines = []
    if plugin is not None:
        use = "" if checked.works else ", and is refused until all it claims holds"
        lines.append(f"{name} comes from {plugin.package} {plugin.version}{use}")
    if checked.protections:
        lines.append(f"{name} also uses {', '.join(checked.protections)}")
    if checked.why_not:
        lines.append(f"{name}: {checked.why_not}")
    lines += [f"{name} does not hold to: {what}" for what in checked.contract]
    return lines + [f"{name}, {k}: {what}" for k, what in checked.broken.items()]


def _line(head: str, cells: list[str], width: int) -> str:
    return f"{head:<26}" + "".join(f"{cell:<{width}}" for cell in cells).rstrip()


def _runs(checked: "Checked") -> str:
    if checked.why_not:
        return "-"
    return "BROKEN" if checked.contract else "yes"


def _cell(checked: "Checked", name: "Property") -> str:
    if checked.why_not:
        return "-"
    if name in checked.broken:
        return "BROKEN"
    return "yes" if name in checked.held else "no"


def _as_json(health: "Diagnosis") -> "dict[str, Json]":
    return {
        "kernel": health.kernel,
        "chosen": health.chosen,
        "sandboxes": [
            {
                "name": checked.name,
                "plugin": checked.plugin and checked.plugin.as_json(),
                "why_not": checked.why_not,
                "contract": list(checked.contract),
                "covered": [name.value for name in checked.held],
                "broken": {name.value: what for name, what in checked.broken.items()},
                "protections": list(checked.protections),
            }
            for checked in health.sandboxes
        ],
    }
