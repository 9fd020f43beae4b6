"""Which backend to use here: the strongest that works, or the one that was asked for."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from ttrl_cli.errors import SetupError
from ttrl_cli.sandbox.backends import BACKENDS
from ttrl_cli.sandbox.base import Backend, Property, SandboxError, SandboxSpec
from ttrl_cli.sandbox.inside.confine import FILTER
from ttrl_cli.sandbox.mounts import private_folders
from ttrl_cli.sandbox.self_check import QUICK, canary_variable, self_check
from ttrl_cli.sandbox.session import Sandbox

AUTO = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Which of a backend's claims hold on this machine.

    Attributes:
        backend: The backend.
        why_not: Why it cannot be used at all; empty if it can.
        broken: What an attack achieved, by the property that it broke.
        held: The properties that held.
        protections: What the kernel has beyond namespaces.
    """

    backend: Backend
    why_not: str
    broken: dict[Property, str]
    held: tuple[Property, ...]
    protections: Sequence[str] = ()

    @property
    def works(self) -> bool:
        """Whether it starts and everything that was checked holds."""
        return not self.why_not and not self.broken


def check_backend(backend: Backend, properties: Sequence[Property] = tuple(Property)) -> Checked:
    """Attack the properties that a backend claims, and report which hold."""
    claimed = [name for name in properties if name in backend.claims]
    try:
        with canary_variable(), Sandbox(backend, usual_spec()) as sandbox:
            sandbox.start()
            protections = sandbox.protections
            if FILTER not in protections and Property.SYSTEM_CALLS in claimed:
                claimed.remove(Property.SYSTEM_CALLS)  # no filter for this machine
            found = self_check(sandbox, claimed)
    except (SetupError, SandboxError) as error:
        return Checked(backend=backend, why_not=str(error), broken={}, held=())
    return Checked(
        backend=backend,
        why_not="",
        broken={name: achieved for name, achieved in found.items() if achieved},
        held=tuple(name for name, achieved in found.items() if not achieved),
        protections=protections,
    )


def choose(name: str) -> tuple[str, str]:
    """Choose a backend; return its name, and a warning, which is empty if there is none.

    Args:
        name: A backend's name, or "auto" for the strongest that works.

    Raises:
        SetupError: If the backend that was asked for does not work here.
    """
    if name != AUTO:
        checked = check_backend(BACKENDS[name], QUICK)
        if not checked.works:
            msg = f"--sandbox {name}: {_complaint(checked)}; `ttrl doctor` says more"
            raise SetupError(msg)
        return name, "" if checked.backend.isolated else _NOT_ISOLATED
    reasons: list[str] = []
    for backend in BACKENDS.values():
        checked = check_backend(backend, QUICK)
        if checked.works:
            return backend.name, "" if backend.isolated else _fallback(reasons)
        reasons.append(f"{backend.name}: {_complaint(checked)}")
    raise SetupError("no sandbox works here: " + "; ".join(reasons))


def usual_spec() -> SandboxSpec:
    """Return the spec of a sandbox for no problem in particular."""
    return SandboxSpec(hidden=private_folders())


def _complaint(checked: Checked) -> str:
    return checked.why_not or "; ".join(f"{k}: {what}" for k, what in checked.broken.items())


_NOT_ISOLATED = (
    "programs run with limits only: they can read and change whatever you can, and use the network"
)


def _fallback(reasons: list[str]) -> str:
    known = [] if shutil.which("bwrap") else ["installing bubblewrap may help"]
    return "; ".join([_NOT_ISOLATED, *reasons, *known, "`ttrl doctor` says more"])
