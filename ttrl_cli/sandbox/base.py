"""The contract of the sandbox: what is run, how it ends, and what a backend keeps a program from.

A candidate that fails is a `ProgramResult`. A sandbox that fails raises `SandboxError`; that is
ours, is tried again, and is never a reward.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from ttrl_cli.errors import SetupError
from ttrl_cli.problem import Limits
from ttrl_cli.records import Json, Status

MIB = 1 << 20


class SandboxError(OSError):
    """The sandbox, not the candidate, did not do what it should."""


class MissingModuleError(SetupError):
    """A module that programs need cannot be imported.

    Attributes:
        module: Its name.
    """

    def __init__(self, module: str, why: str) -> None:
        super().__init__(f"programs {why}")
        self.module = module


class Property(StrEnum):
    """What a backend may claim; each is the name of attacks in the tests and of probes here."""

    WALL_TIME = "wall time"
    CPU_TIME = "CPU time"
    MEMORY = "memory of all processes"
    PROCESSES = "number of processes"
    OPEN_FILES = "open files"
    DISK = "temporary files"
    OUTPUT = "output and result size"
    DATA_ONLY = "data only"
    NO_LEFTOVERS = "no leftovers"
    ENVIRONMENT = "environment"
    PROCESSES_HIDDEN = "other processes"
    FILES_HIDDEN = "private files"
    FILES_READ_ONLY = "writing outside"
    NETWORK = "network"
    PRIVILEGES = "privileges"
    SYSTEM_CALLS = "system calls"

    @property
    def means(self) -> str:
        """What holds where the property does, in a sentence without its full stop."""
        return _MEANINGS[self]


_MEANINGS = {
    Property.WALL_TIME: "a program is killed when its time is up, whatever it does",
    Property.CPU_TIME: "its processes together use no more CPU time than its cores have",
    Property.MEMORY: "its processes together hold no more memory than the limit",
    Property.PROCESSES: "it has no more processes and threads than the limit",
    Property.OPEN_FILES: "it has no more open files than the limit",
    Property.DISK: "its files, wherever it may write, take no more space than the limit",
    Property.OUTPUT: "what it prints and what it returns is cut off at the limit",
    Property.DATA_ONLY: "nothing comes back but JSON or a numeric array, strictly parsed",
    Property.NO_LEFTOVERS: "when it ends, none of its processes or files is left",
    Property.ENVIRONMENT: "it sees no environment variable of ours",
    Property.PROCESSES_HIDDEN: "it can see, signal or read no process but its own",
    Property.FILES_HIDDEN: "home, run folder and whatever is neither system nor interpreter do "
    "not exist for it",
    Property.FILES_READ_ONLY: "it can write nowhere but in its own temporary folder",
    Property.NETWORK: "it reaches no network, not even this machine's own",
    Property.PRIVILEGES: "it has no privilege, and can gain none",
    Property.SYSTEM_CALLS: "the kernel's rarer system calls do not exist for it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSpec:
    """The spec of a sandbox: what the candidates of one problem find in it.

    Attributes:
        python: The interpreter; None for the one that runs this.
        imports: Modules that must be there, imported before candidates start.
        cpus: Cores that a candidate is told it may use.
        hidden: Folders that candidates must not see, even where they see a folder above them.
        files: A folder whose files candidates find in their own, to read; None if there is none.
    """

    python: str | None = None
    imports: Sequence[str] = ()
    cpus: int = 1
    hidden: Sequence[Path] = ()
    files: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program to run.

    Attributes:
        source: Its text.
        entry: The function to call.
        arguments: Keyword arguments; those that the entry does not accept are left out.
        flags: Further flags for the compiler.
    """

    source: str
    entry: str = "run"
    arguments: dict[str, Json] = field(default_factory=dict)
    flags: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramResult:
    """How a program's run ended.

    Attributes:
        status: OK, or ERROR, TIMEOUT, MEMORY, OUTPUT, MALFORMED.
        data: What the entry returned, as plain JSON values; None unless OK.
        output: The end of what was printed, stdout and stderr together.
        reason: Why the status is not OK; empty when it is.
        seconds: Wall time, without that of compiling.
        cpu_seconds: CPU time of all its processes.
        compile_seconds: Wall time of compiling; 0 where nothing was compiled.
    """

    status: Status
    data: Json
    output: str
    reason: str
    seconds: float
    cpu_seconds: float = 0.0
    compile_seconds: float = 0.0


class Backend(Protocol):
    """A way to isolate programs.

    Attributes:
        name: What `--sandbox` calls it.
        isolated: Whether candidates live in namespaces of their own.
        claims: What it keeps programs from, on a kernel that has all it asks for.
    """

    name: str
    isolated: bool
    claims: frozenset[Property]

    def command(self, server: Sequence[str], spec: SandboxSpec) -> list[str]:
        """Return the command that starts a fork server.

        Args:
            server: The fork server's own command line, as seen from inside.
            spec: What candidates find in the sandbox.

        Raises:
            SetupError: If something that is needed is not installed.
        """


def kill_after(limits: Limits) -> float:
    """Return the seconds after which a program is killed.

    It is more than the program is promised, so that the program can still answer.
    """
    return limits.seconds + max(1.0, 0.05 * limits.seconds)


def cpu_seconds(limits: Limits) -> int:
    """Return the most CPU time that a program's processes may take together, in seconds."""
    return math.ceil(kill_after(limits) * limits.cpus) + 1
