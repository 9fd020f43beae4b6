"""Launch the processes that share a run with this one, which is process 0."""

import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from ttrl_cli import process_group
from ttrl_cli.config import RunConfig
from ttrl_cli.environ import variables
from ttrl_cli.errors import SetupError, UsageError
from ttrl_cli.process_group import CPU_VARIABLE, SAYS_READY, ProcessGroup

_GRACE = 30
"""Seconds that a process has to end when it is told to."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Order: load the sampler and the learner of this configuration."""

    config: RunConfig


@dataclass(frozen=True, slots=True)
class End:
    """Order: the run has ended."""


class Launcher:
    """The processes of a run, for process 0.

    They are those that `accelerate launch` or `torchrun` started, or else are started here: this
    process then stays the one that the user sees, with its terminal, its Ctrl-C and its exit code.

    Args:
        config: The run's configuration; `gpus` says how many processes there are to be.

    Raises:
        UsageError: If another number of processes was launched.
        SetupError: If there are too few GPUs.
    """

    def __init__(self, config: RunConfig) -> None:
        self._started: list[subprocess.Popen[bytes]] = []
        self._variables = ExitStack()
        if process_group.size() not in (1, config.gpus):
            msg = f"--gpus {config.gpus}: {process_group.size()} processes were launched"
            raise UsageError(msg)
        _as_launched(config)
        try:
            store = self._start(config) if process_group.size() == 1 else None
            self.group = ProcessGroup(store)
            self.group.broadcast(Begin(config))
        except BaseException:
            self.kill()
            raise

    def finish(self) -> None:
        """Tell the other processes that the run has ended."""
        self.group.broadcast(End())

    def join(self) -> None:
        """Leave the process group; wait for the other processes, and kill those that hang."""
        process_group.leave()
        for process in self._started:
            try:
                process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
        self._variables.close()

    def kill(self) -> None:
        """Kill the others at once; they may be blocked in a collective that will never complete."""
        for process in self._started:
            process.kill()
            process.wait()
        process_group.leave()
        self._variables.close()

    def _start(self, config: RunConfig) -> Any:
        """Start the other processes in sessions of their own, where Ctrl-C does not reach them.

        Returns:
            The store in which all meet.

        Raises:
            SetupError: If there are fewer GPUs than processes, or if a process ends before it is
                ready.
        """
        count, on_cpu = config.gpus, _on_cpu(config)
        store = process_group.host_store()
        shared = {"MASTER_ADDR": store.host, "MASTER_PORT": str(store.port)}
        shared["WORLD_SIZE"] = str(count)
        shared[CPU_VARIABLE] = str(on_cpu).lower()
        if on_cpu and config.threads is not None:
            shared["OMP_NUM_THREADS"] = str(config.threads)
        for number in range(1, count):
            own = {"RANK": str(number), "LOCAL_RANK": str(number)}
            self._started.append(
                subprocess.Popen(
                    # without -P, a file of the folder one is in could pass for a module
                    [sys.executable, "-P", "-m", "ttrl_cli"],
                    env=os.environ | shared | own | {SAYS_READY: "1"},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    start_new_session=True,
                )
            )
        for process in self._started:
            assert process.stdout is not None
            with process.stdout as said:
                ready = said.readline()
            if not ready:  # it ended instead
                msg = f"--gpus {count}: a process did not start (status {process.wait()})"
                raise SetupError(msg)
        self._variables.enter_context(variables({**shared, "RANK": "0", "LOCAL_RANK": "0"}))
        return store


def _as_launched(config: RunConfig) -> None:
    """Refuse processes whose launcher was configured for another kind of run.

    Raises:
        UsageError: If the launcher was told to use DeepSpeed; to use FSDP, and the run does not; or
            to use GPUs, and the run is on the CPU.
    """
    import torch

    from ttrl_cli.models.load import choose_device

    if os.environ.get("ACCELERATE_USE_DEEPSPEED", "").lower() == "true":
        msg = "launched with DeepSpeed, which is not supported; --fsdp divides weights"
        raise UsageError(msg)
    if os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true" and not config.fsdp:
        msg = "launched with FSDP, but this run does not use it; pass --fsdp or --accelerate-config"
        raise UsageError(msg)
    for_gpus = torch.cuda.is_available() and not process_group.told_of_cpu()
    if process_group.size() > 1 and for_gpus and choose_device(config.device) == "cpu":
        msg = f"launched for GPUs, and this run is on the CPU; set {CPU_VARIABLE}=true"
        raise UsageError(msg)


def _on_cpu(config: RunConfig) -> bool:
    """Decide whether the model runs on the CPU.

    Raises:
        SetupError: If there are fewer GPUs than processes.
    """
    import torch

    from ttrl_cli.models.load import choose_device

    if choose_device(config.device) == "cpu":
        return True
    if torch.cuda.device_count() < config.gpus:
        msg = f"--gpus {config.gpus}: there are {torch.cuda.device_count()} here"
        raise SetupError(msg)
    return False
