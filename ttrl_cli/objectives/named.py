"""Objectives by name: those of this package, and those of plug-ins, whose results are checked."""

import contextlib
import inspect

import numpy as np

from ttrl_cli import plugins
from ttrl_cli.config import OBJECTIVES, ObjectiveName
from ttrl_cli.errors import SetupError
from ttrl_cli.objectives.base import Advantages, Objective
from ttrl_cli.objectives.entropic import constant_beta, entropic, entropic_valid
from ttrl_cli.objectives.normalised import grpo, mean_baseline
from ttrl_cli.plugins import Plugin
from ttrl_cli.records import BoolArray, FloatArray


def by_name(name: ObjectiveName, beta: float) -> Objective:
    """Return the objective that a configuration names; a plug-in is imported and tried.

    Args:
        name: One of the configuration's objectives, or a plug-in's.
        beta: The constant of `constant-beta`; the others ignore it.

    Raises:
        ValueError: If the objective is `constant-beta` and beta is negative or not finite.
        UsageError: If there is no objective of this name.
        SetupError: If the plug-in is broken.
    """
    plugin = plugins.find("objective", name, OBJECTIVES, where="--objective")
    if plugin is not None:
        return _from_plugin(plugin)
    if name == "constant-beta":
        return constant_beta(beta)
    objectives: dict[str, Objective] = {
        "entropic": entropic,
        "entropic-valid": entropic_valid,
        "mean-baseline": mean_baseline,
        "grpo": grpo,
    }
    return objectives[name]


def _from_plugin(plugin: Plugin) -> Objective:
    """Return a plug-in's objective, with what it returns checked each time.

    Raises:
        SetupError: If it cannot be imported, or does not do with four rewards what it must.
    """
    function = plugins.load(plugin)
    plugins.require_call(plugin, plugin.value, function, "rewards_G", "valid_G")
    takes_errors = "errors_G" in inspect.signature(function).parameters

    def objective(
        rewards_G: FloatArray, valid_G: BoolArray, errors_G: FloatArray | None = None
    ) -> Advantages:
        more = {"errors_G": errors_G} if takes_errors else {}
        with plugins.blamed(plugin, "computing advantages", passing=(ValueError,)):
            found = function(rewards_G.copy(), valid_G.copy(), **more)
        why = _no_advantages(found, valid_G.size)
        if why:
            msg = f"{plugin}: it returned {why}"
            raise SetupError(msg)
        checked: Advantages = found
        return checked

    with contextlib.suppress(ValueError):  # rewards that it cannot use
        objective(np.array([1.0, 2.0, 4.0, np.nan]), np.array([True, True, True, False]))
    return objective


def _no_advantages(found: object, size: int) -> str:
    """Say what is wrong with what an objective returned for so many samples; empty if nothing."""
    if not isinstance(found, Advantages):
        return f"a {type(found).__name__}, and no Advantages"
    values_G = found.values_G
    if not isinstance(values_G, np.ndarray) or values_G.dtype.kind != "f":
        return "advantages that are no array of floats"
    if values_G.shape != (size,):
        return f"advantages of the shape {values_G.shape}, and not ({size},)"
    return "" if np.isfinite(values_G).all() else "advantages that are not finite"
