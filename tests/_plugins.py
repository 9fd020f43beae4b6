"""Distributions with plug-ins, laid out as an installer would, without one."""

import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path

EXAMPLE = Path(__file__).parent / "fixtures" / "plugin"


def install(
    site: Path,
    name: str,
    groups: Mapping[str, Mapping[str, str]],
    modules: Mapping[str, str] | None = None,
    *,
    version: str = "1.0",
) -> Path:
    """Put a distribution into a folder that is to be on the path; return the folder.

    Args:
        site: The folder.
        name: The distribution's name.
        groups: Its entry points: group -> name -> value.
        modules: Its files, by path.
        version: Its version.
    """
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = []
    for group, entries in groups.items():
        lines += [f"[{group}]", *(f"{key} = {value}" for key, value in entries.items()), ""]
    (info / "entry_points.txt").write_text("\n".join(lines))
    for file, text in (modules or {}).items():
        path = site / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return site


def install_example(site: Path, *, version: str | None = None) -> Path:
    """Put the example of docs/plugins.md into a folder, as its pyproject.toml says."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    groups = project["entry-points"]
    install(site, project["name"], groups, version=version or project["version"])
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(EXAMPLE / "ttrl_example", site / "ttrl_example", ignore=ignored)
    return site
