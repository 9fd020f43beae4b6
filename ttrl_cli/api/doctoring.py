"""What this machine can do: its sandboxes, attacked for real."""

import platform
from dataclasses import dataclass

from ttrl_cli.errors import SetupError
from ttrl_cli.sandbox.backends import BACKENDS
from ttrl_cli.sandbox.choose import AUTO, Checked, check_backend, choose


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What `ttrl doctor` found out.

    Attributes:
        kernel: The system's name and version.
        sandboxes: What became of each backend's claims.
        chosen: The backend that `--sandbox auto` takes; empty if none works.
        warning: What is to be said about it; empty if nothing.
    """

    kernel: str
    sandboxes: tuple[Checked, ...]
    chosen: str
    warning: str


def doctor() -> Health:
    """Attack every backend on this machine; takes about ten seconds each."""
    try:
        chosen, warning = choose(AUTO)
    except SetupError as error:
        chosen, warning = "", str(error)
    return Health(
        kernel=f"{platform.system()} {platform.release()}",
        sandboxes=tuple(check_backend(backend) for backend in BACKENDS.values()),
        chosen=chosen,
        warning=warning,
    )
