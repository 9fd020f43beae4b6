"""Where a run came from: command, versions, machine. Read without importing any of them."""

import os
import platform
import sys
from datetime import UTC, datetime
from importlib import metadata

from ttrl_cli import __version__
from ttrl_cli.records import Json

_PACKAGES = ("torch", "transformers", "peft", "trl", "accelerate", "numpy", "scipy", "vllm")


def provenance() -> dict[str, Json]:
    """Return the facts that are written to provenance.json before step 1."""
    return {
        "ttrl": __version__,
        "command": sys.argv,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
