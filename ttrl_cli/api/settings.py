"""Settling a configuration: what depends on the machine, or on another option."""

import os
import sys
from pathlib import Path

from ttrl_cli.api.accelerate_config import require_divisible, with_accelerate_file
from ttrl_cli.api.tracking import require_tracker
from ttrl_cli.config import C, RunConfig
from ttrl_cli.errors import UsageError
from ttrl_cli.models import store
from ttrl_cli.objectives import by_name as objective_by_name
from ttrl_cli.sampler import registry


def settle(config: C) -> C:
    """Fix the options that depend on the machine or on other options.

    config.json then holds all values that a resumed run needs.

    Raises:
        UsageError: If options contradict each other.
        SetupError: If the model was never pulled, a plug-in is broken, or a tracker is not
            installed.
    """
    config = with_accelerate_file(config)
    require_divisible(config)
    require_tracker(config)
    settled: dict[str, object] = {
        "threads": config.threads or max(1, _cores() // config.gpus),
        "workers": workers(config),
    }
    replayed = registry.is_replay(config.sampler)
    if config.load_in_4bit and not replayed and config.sampler != "transformers":
        msg = f"--load-in-4bit: --sampler {config.sampler} would sample from other weights"
        raise UsageError(msg)
    # unknown names, broken plug-ins and models that were never pulled are found out before
    # anything is started
    registry.require_sampler(config.sampler)
    objective_by_name(config.objective, config.beta)
    if replayed:
        if config.gpus > 1:
            msg = f"--gpus {config.gpus}: scripted completions need no GPU"
            raise UsageError(msg)
        settled["train"] = False
        kind, _, file = config.sampler.partition(":")
        settled["sampler"] = f"{kind}:{Path(file).resolve()}" if file else kind
    else:
        folder = Path(store.resolve(config.model))
        named = config.model or store.DEFAULT_MODEL
        # a path must mean the same when the run is resumed from another folder
        settled["model"] = str(folder.resolve()) if named.startswith((".", "~")) else named
    return config.model_copy(update=settled)


def workers(config: RunConfig) -> int:
    """Return the number of grading processes: as configured, else one per core."""
    return config.workers or _cores()


def _cores() -> int:
    """Count the cores that this process may use; taskset and containers can reduce them."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
