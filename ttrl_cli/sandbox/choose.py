"""Which backend to use here: the strongest that works, or the one that was asked for.

One of another package is used only if it is asked for by name, passes the contract and resists an
attack on each property it claims, every time a run begins: `auto` never takes it.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ttrl_cli import plugins
from ttrl_cli.errors import SetupError
from ttrl_cli.plugins import Plugin
from ttrl_cli.sandbox.backends import BACKENDS
from ttrl_cli.sandbox.base import Backend, Property, SandboxError, SandboxSpec
from ttrl_cli.sandbox.contract import check_contract
from ttrl_cli.sandbox.inside.confine import FILTER
from ttrl_cli.sandbox.mounts import private_folders
from ttrl_cli.sandbox.outside import AUTO, backend_of, find_outside, make, warning_of
from ttrl_cli.sandbox.self_check import QUICK, canary_variable, self_check
from ttrl_cli.sandbox.session import Sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Which of a backend's claims hold on this machine.

    Attributes:
        name: What the backend is called.
        why_not: Why it cannot be used at all; empty if it can.
        contract: What is wrong with how it runs programs.
        broken: What an attack achieved, by the property that it broke.
        held: The properties that held.
        protections: What the kernel has beyond namespaces.
        plugin: Where it comes from; None if it is built in.
    """

    name: str
    why_not: str
    contract: tuple[str, ...] = ()
    broken: dict[Property, str]
    held: tuple[Property, ...]
    protections: Sequence[str] = ()
    plugin: Plugin | None = None

    @property
    def works(self) -> bool:
        """Whether it starts and everything that was checked holds."""
        return not (self.why_not or self.contract or self.broken)

    @property
    def complaint(self) -> str:
        """What does not hold, in words; empty if all does."""
        broken = [f"{name}: {achieved}" for name, achieved in self.broken.items()]
        return self.why_not or "; ".join([*self.contract, *broken])


def check_backend(
    backend: Backend, properties: Sequence[Property] = tuple(Property), *, contract: bool = False
) -> Checked:
    """Attack the properties that a backend claims, and report which hold.

    Args:
        backend: The backend.
        properties: What to attack, as far as it is claimed.
        contract: Whether to check how it runs programs as well.
    """
    claimed = [name for name in properties if name in backend.claims]
    try:
        with canary_variable(), Sandbox(backend, usual_spec()) as sandbox:
            sandbox.start()
            protections = sandbox.protections
            if FILTER not in protections and Property.SYSTEM_CALLS in claimed:
                claimed.remove(Property.SYSTEM_CALLS)  # no filter for this machine
            wrong = check_contract(sandbox) if contract else []
            found = self_check(sandbox, claimed)
    except (SetupError, SandboxError) as error:
        return Checked(name=backend.name, why_not=str(error), broken={}, held=())
    return Checked(
        name=backend.name,
        why_not="",
        contract=tuple(wrong),
        broken={name: achieved for name, achieved in found.items() if achieved},
        held=tuple(name for name, achieved in found.items() if not achieved),
        protections=protections,
    )


def check_outside(plugin: Plugin) -> Checked:
    """Check a plug-in's backend: what it is, how it runs programs, and all that it claims."""
    try:
        find_outside(plugin.name)  # the name may have another meaning as well
        checked = check_backend(make(plugin), contract=True)
    except SetupError as error:
        return Checked(name=plugin.name, why_not=str(error), broken={}, held=(), plugin=plugin)
    return replace(checked, plugin=plugin)


def check_all() -> list[Checked]:
    """Check every backend, those of other packages too."""
    built_in = [check_backend(backend, contract=True) for backend in BACKENDS.values()]
    return built_in + [check_outside(plugin) for plugin in plugins.declared("sandbox")]


def choose(name: str) -> tuple[str, str]:
    """Choose a backend; return its name, and a warning, which is empty if there is none.

    Args:
        name: A backend's name, or "auto" for the strongest built-in one that works.

    Raises:
        UsageError: If there is no backend of this name.
        SetupError: If the backend that was asked for does not work here.
    """
    if name != AUTO:
        return name, _warning(name)
    reasons: list[str] = []
    for known in BACKENDS.values():
        checked = check_backend(known, QUICK)
        if checked.works:
            return known.name, "" if known.isolated else _fallback(reasons)
        reasons.append(f"{known.name}: {checked.complaint}")
    raise SetupError("no sandbox works here: " + "; ".join(reasons))


def _warning(name: str) -> str:
    """Check the backend that was asked for; return what the user should know about it.

    Raises:
        UsageError: If there is no backend of this name.
        SetupError: If it does not work here.
    """
    asked = backend_of(name)
    quick = name in BACKENDS
    checked = check_backend(asked, QUICK if quick else tuple(Property), contract=not quick)
    if not checked.works:
        msg = f"--sandbox {name}: {checked.complaint}; `ttrl doctor` says more"
        raise SetupError(msg)
    if quick:
        return "" if asked.isolated else _NOT_ISOLATED
    return warning_of(asked)


def usual_spec() -> SandboxSpec:
    """Return the spec of a sandbox for no problem in particular."""
    return SandboxSpec(hidden=private_folders())


_NOT_ISOLATED = (
    "programs run with limits only: they can read and change whatever you can, and use the network"
)


def _fallback(reasons: list[str]) -> str:
    known = [] if shutil.which("bwrap") else ["installing bubblewrap may help"]
    return "; ".join([_NOT_ISOLATED, *reasons, *known, "`ttrl doctor` says more"])
