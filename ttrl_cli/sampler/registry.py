"""Samplers by name: "module:factory", imported when asked for, plus plug-ins.

A plug-in's factory takes a `SamplerContext` and the text after the colon of `--sampler
NAME:ARGUMENT`; see docs/plugins.md.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ttrl_cli import plugins
from ttrl_cli.config import RunConfig
from ttrl_cli.errors import SetupError, UsageError
from ttrl_cli.plugins import Plugin
from ttrl_cli.sampler.base import Sampler

if TYPE_CHECKING:
    from ttrl_cli.models.load import LoadedModel
    from ttrl_cli.models.tokenizer import Codec

SAMPLERS = {
    "transformers": "ttrl_cli.sampler.registry:transformers_sampler",
    "vllm": "ttrl_cli.sampler.registry:vllm_sampler",
    "vllm-server": "ttrl_cli.sampler.registry:vllm_server_sampler",
    "replay": "ttrl_cli.sampler.registry:replay_sampler",
}
_METHODS: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "load": (["adapter"], []),
    "sample": (["prompts_P"], ["step", "stop"]),
    "cursor": ([], []),
    "seek": (["cursor"], []),
    "close": ([], []),
}
"""The positional and the keyword arguments of a sampler's methods."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerContext:
    """The arguments of a sampler's factory.

    Attributes:
        config: The run's configuration.
        model: Loads the model, once, when first called; shared with the learner.
        codec: Loads the model's tokenizer alone, for samplers with weights of their own.
    """

    config: RunConfig
    model: "Callable[[], LoadedModel]"
    codec: "Callable[[], Codec]"


def is_replay(sampler: str) -> bool:
    """Decide whether a sampler replays completions, so that it has no model to learn from."""
    return sampler.partition(":")[0] == "replay"


def is_plugin(sampler: str) -> bool:
    """Decide whether a sampler comes from another package; it may not know our models.

    Raises:
        UsageError: If the name is not known.
        SetupError: If it has more than one meaning.
    """
    return find_sampler(sampler) is not None


def samples_here(sampler: str) -> bool:
    """Decide whether more processes on this machine make a sampler faster.

    They do not for scripted completions and for servers.
    """
    return sampler.partition(":")[0] not in ("replay", "vllm-server")


def make_sampler(name: str, context: SamplerContext) -> Sampler:
    """Build the sampler that `--sampler NAME[:ARGUMENT]` names.

    Raises:
        UsageError: If the name is not known.
        SetupError: If it is a plug-in's, and that is broken.
    """
    kind, _, argument = name.partition(":")
    plugin = find_sampler(name)
    if plugin is not None:
        return _of_plugin(plugin, context, argument)
    module, _, attribute = SAMPLERS[kind].partition(":")
    factory: Any = getattr(importlib.import_module(module), attribute)
    sampler: Sampler = factory(context, argument)
    return sampler


def find_sampler(name: str) -> Plugin | None:
    """Return the plug-in that `--sampler NAME[:ARGUMENT]` names, None if it is built in.

    Raises:
        UsageError: If the name is not known.
        SetupError: If it has more than one meaning.
    """
    kind = name.partition(":")[0]
    return plugins.find("sampler", kind, SAMPLERS, where=f"--sampler {name}")


def require_sampler(name: str) -> None:
    """Refuse a sampler that is not known, or whose plug-in cannot be imported.

    Raises:
        UsageError: If the name is not known.
        SetupError: If the plug-in is broken.
    """
    plugin = find_sampler(name)
    if plugin is not None:
        _factory(plugin)


def _factory(plugin: Plugin) -> Callable[[SamplerContext, str], Any]:
    factory: Callable[[SamplerContext, str], Any] = plugins.load(plugin)
    plugins.require_call(plugin, plugin.value, factory, "context", "argument")
    return factory


def _of_plugin(plugin: Plugin, context: SamplerContext, argument: str) -> Sampler:
    """Build a plug-in's sampler.

    Raises:
        SetupError: If it is broken, or what it makes is no sampler.
    """
    factory = _factory(plugin)
    with plugins.blamed(plugin, f"{plugin.value} with {argument!r}"):
        made = factory(context, argument)
    for method, (positional, keywords) in _METHODS.items():
        what = f"{method} of the {type(made).__name__} that {plugin.value} made"
        found = getattr(made, method, None)
        plugins.require_call(plugin, what, found, *positional, keywords=keywords)
    sampler: Sampler = made
    return sampler


def transformers_sampler(context: SamplerContext, argument: str) -> Sampler:
    """Make a sampler in this process, on the model that the learner trains."""
    from ttrl_cli.models.memory_plan import plan_here
    from ttrl_cli.models.tokenizer import folder_of
    from ttrl_cli.sampler.layout import budget_forcing
    from ttrl_cli.sampler.transformers import TransformersSampler

    _refuse_argument("transformers", argument)
    config = context.config
    planned = plan_here(config, folder_of(config.model), engine=False)
    on_gpu = planned.device == "cuda"
    # on a CPU the bounds of an update, which few runs reach, would refuse what has always worked
    _require_room(planned.why_not if on_gpu else planned.why_no_row, config)
    return TransformersSampler(
        context.model(),
        max_tokens=config.max_tokens,
        temperature=config.temperature,
        seed=config.seed,
        answer=budget_forcing(config),
        # what a CPU's memory has room for changes by the minute, and samples by rounding with it
        kv_tokens=planned.kv_tokens if on_gpu else None,
    )


def vllm_sampler(context: SamplerContext, argument: str) -> Sampler:
    """Make a sampler in this process, on its own vLLM engine."""
    from dataclasses import replace

    from ttrl_cli.models.load import set_threads
    from ttrl_cli.models.memory_plan import plan_here
    from ttrl_cli.models.tokenizer import folder_of
    from ttrl_cli.sampler.layout import budget_forcing
    from ttrl_cli.sampler.vllm import VllmSampler
    from ttrl_cli.sampler.vllm_engine import start_engine

    _refuse_argument("vllm", argument)
    config, folder = context.config, folder_of(context.config.model)
    planned = plan_here(config, folder, engine=True)
    _require_room(planned.why_not, config)
    set_threads(config.threads)
    codec = context.codec()  # before any weights: its template may not work
    engine = start_engine(folder, config, planned)
    longest = min(codec.max_context, engine.model_config.max_model_len)
    return VllmSampler(
        engine,
        replace(codec, max_context=longest),
        max_tokens=config.max_tokens,
        temperature=config.temperature,
        seed=config.seed,
        answer=budget_forcing(config),
        sleeps=planned.sleeps,
    )


def vllm_server_sampler(context: SamplerContext, argument: str) -> Sampler:
    """Make a sampler on vLLM servers, given by their addresses."""
    from ttrl_cli.sampler.layout import budget_forcing
    from ttrl_cli.sampler.vllm_server import VllmServerSampler

    config = context.config
    urls = [url.strip() for url in argument.split(",") if url.strip()]
    if not urls or not all(url.startswith(("http://", "https://")) for url in urls):
        msg = f"--sampler vllm-server:URL[,URL...] needs addresses of servers (got {argument!r})"
        raise UsageError(msg)
    return VllmServerSampler(
        urls,
        context.codec(),
        max_tokens=config.max_tokens,
        temperature=config.temperature,
        seed=config.seed,
        answer=budget_forcing(config),
    )


def _require_room(why_not: str, config: RunConfig) -> None:
    """Refuse a run that does not fit, before its weights are loaded.

    Raises:
        SetupError: If there is a reason.
    """
    if why_not:
        model = f" --model {config.model}" if config.model else " --model MODEL"
        msg = f"--sampler {config.sampler}: {why_not}; see: ttrl doctor{model}"
        raise SetupError(msg)


def _refuse_argument(name: str, argument: str) -> None:
    if argument:
        msg = f"--sampler {name} takes no argument (got {argument!r})"
        raise UsageError(msg)


def replay_sampler(context: SamplerContext, argument: str) -> Sampler:
    """Make a sampler that replays completions from a file."""
    from pathlib import Path

    from ttrl_cli.sampler.replay import ReplaySampler

    del context
    if not argument:
        msg = "--sampler replay:FILE needs a file"
        raise UsageError(msg)
    return ReplaySampler(Path(argument))
