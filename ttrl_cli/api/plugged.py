"""The plug-ins of a run: noted when it begins, and asked for when it is resumed."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from ttrl_cli import plugins
from ttrl_cli.config import OBJECTIVES, SANDBOXES, RunConfig, SolveConfig
from ttrl_cli.errors import SetupError, UsageError
from ttrl_cli.loop.step import Reporter
from ttrl_cli.plugins import Kind, Plugin
from ttrl_cli.records import Json
from ttrl_cli.rundir import RunDir
from ttrl_cli.sampler.registry import SAMPLERS


def noted(config: RunConfig, problem: Path | None = None) -> list[dict[str, Json]]:
    """Return what provenance.json says of a run's plug-ins.

    Args:
        config: The run's configuration, whose names are known.
        problem: The problem's folder, which a plug-in may have brought.

    Raises:
        SetupError: If a name has more than one meaning.
    """
    found = [_find(asked) for asked in _asked(config)]
    found.append(None if problem is None else plugins.problem_plugin(problem))
    return [plugin.as_json() for plugin in found if plugin is not None]


def require_plugins(run: RunDir, reporter: Reporter) -> None:
    """Refuse to go on with a run whose plug-ins are not installed; say where a version differs.

    A problem that a package brought is not asked for: the run has a copy of it.

    Raises:
        SetupError: If a plug-in of the run is not installed, or of another package.
    """
    for asked in _asked(run.config):
        if asked.name in asked.builtin:
            _find(asked)  # a package may have come to declare the same name
            continue
        begun = _begun_with(run, asked)
        try:
            plugin = _find(asked)
        except UsageError as error:
            raise SetupError(_missing(run, asked, begun)) from error
        assert plugin is not None  # the name is not built in
        if begun is None:
            continue
        if plugin.package != begun["package"]:
            msg = f"{_missing(run, asked, begun)} (here, {plugin.package} declares one)"
            raise SetupError(msg)
        if plugin.version != begun["version"]:
            reporter.warned(f"{plugin}: the run was begun with version {begun['version']}")


class _Asked(NamedTuple):
    """A name that a configuration asks for, among those that are built in."""

    kind: Kind
    name: str
    builtin: Collection[str]


def _asked(config: RunConfig) -> Iterator[_Asked]:
    yield _Asked("sampler", config.sampler.partition(":")[0], SAMPLERS)
    yield _Asked("objective", config.objective, OBJECTIVES)
    if isinstance(config, SolveConfig):
        yield _Asked("sandbox", config.sandbox, SANDBOXES)


def _find(asked: _Asked) -> Plugin | None:
    return plugins.find(asked.kind, asked.name, asked.builtin, where=f"--{asked.kind}")


def _begun_with(run: RunDir, asked: _Asked) -> dict[str, Json] | None:
    """Return what a run's provenance says of a plug-in; None if it was begun before it did."""
    found: list[dict[str, Json]] = run.provenance().get("plugins", [])
    return next((p for p in found if (p["kind"], p["name"]) == asked[:2]), None)


def _missing(run: RunDir, asked: _Asked, begun: dict[str, Json] | None) -> str:
    what = f"{run.path} was begun with the {asked.kind} {asked.name!r}"
    if begun is None:
        return f"{what}, which no package here declares"
    package, version = begun["package"], begun["version"]
    return (
        f"{what} of {package} {version}, which is not installed: pip install {package}=={version}"
    )
