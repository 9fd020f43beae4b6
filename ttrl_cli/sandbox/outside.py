"""Sandboxes of other packages: what one must be before it is attacked."""

from collections.abc import Sequence
from typing import Any

from ttrl_cli import plugins
from ttrl_cli.errors import SetupError
from ttrl_cli.plugins import Plugin
from ttrl_cli.sandbox.backends import BACKENDS, Process
from ttrl_cli.sandbox.base import Backend, Property, SandboxSpec

AUTO = "auto"


def backend_of(name: str) -> Backend:
    """Return the backend that `--sandbox NAME` names; a plug-in is imported.

    Raises:
        UsageError: If there is no backend of this name.
        SetupError: If the plug-in is broken.
    """
    plugin = find_outside(name)
    return BACKENDS[name] if plugin is None else make(plugin)


def find_outside(name: str) -> Plugin | None:
    """Return the plug-in of a backend's name; None if the backend is built in.

    Raises:
        UsageError: If there is no backend of this name.
        SetupError: If the name has more than one meaning.
    """
    return plugins.find("sandbox", name, (AUTO, *BACKENDS), where="--sandbox")


def make(plugin: Plugin) -> Backend:
    """Make a plug-in's backend.

    Raises:
        SetupError: If it is broken: what it names cannot be imported or called, or makes something
            that is no backend, has another name, or claims less than the backend `process`.
    """
    factory = plugins.load(plugin)
    plugins.require_call(plugin, plugin.value, factory)
    with plugins.blamed(plugin, f"{plugin.value}()"):
        made = factory()
    command = getattr(made, "command", None)
    what = f"command of the {type(made).__name__} that {plugin.value} made"
    plugins.require_call(plugin, what, command, "server", "spec")
    why = _no_backend(plugin.name, made)
    if why:
        msg = f"{plugin}: {why}"
        raise SetupError(msg)
    return _Blamed(plugin, made)


class _Blamed:
    """A plug-in's backend, whose errors name it."""

    def __init__(self, plugin: Plugin, made: Backend) -> None:
        self.name = plugin.name
        self.isolated = made.isolated
        self.claims = frozenset(made.claims)
        self._plugin, self._made = plugin, made

    def command(self, server: Sequence[str], spec: SandboxSpec) -> list[str]:
        """Return the plug-in's command.

        Raises:
            SetupError: If the plug-in raises anything, or returns no list of words.
        """
        with plugins.blamed(self._plugin, "command"):
            words: Any = self._made.command(server, spec)
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            msg = f"{self._plugin}: command returned no list of words (got {words!r:.80})"
            raise SetupError(msg)
        return words


def _no_backend(name: str, made: Any) -> str:
    """Say why an object is no backend of this name; empty if it is one."""
    claims = getattr(made, "claims", None)
    if getattr(made, "name", None) != name:
        return f"its name must be {name!r} (got {getattr(made, 'name', None)!r})"
    if not isinstance(getattr(made, "isolated", None), bool):
        return f"isolated must be true or false (got {getattr(made, 'isolated', None)!r})"
    if not isinstance(claims, set | frozenset) or not all(isinstance(c, Property) for c in claims):
        return f"claims must be a set of Property (got {claims!r:.80})"
    missing = [claim.value for claim in Property if claim in Process.claims - claims]
    return f"it must claim what process does, and lacks {', '.join(missing)}" if missing else ""


def warning_of(made: Backend) -> str:
    """Say what a backend does not claim; empty if it claims everything."""
    missing = [name.value for name in Property if name not in made.claims]
    if not missing:
        return ""
    return f"the sandbox {made.name} does not cover: {', '.join(missing)} (docs/sandbox.md)"
