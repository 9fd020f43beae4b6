"""The processes that share a run with this one: starting them, following, sending them home."""

import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ttrl_cli import peers
from ttrl_cli.config import RunConfig
from ttrl_cli.errors import SetupError, UsageError
from ttrl_cli.learner.parallel import Probed, Restore, Update
from ttrl_cli.peers import CPU_VARIABLE, SAYS_READY, Peers
from ttrl_cli.sampler.base import SeparateSampler
from ttrl_cli.sampler.parallel import Load, Sample, Score, Sleep, scores, share, stop_flag

if TYPE_CHECKING:
    from ttrl_cli.api.machinery import Machinery

_GRACE = 30
"""Seconds that a process has to end when it is told to."""


@dataclass(frozen=True, slots=True)
class _Begin:
    """Load what this configuration says."""

    config: RunConfig


@dataclass(frozen=True, slots=True)
class _End:
    """There is nothing more to do."""


class Crew:
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
        self._before: dict[str, str | None] = {}
        if peers.size() not in (1, config.gpus):
            msg = f"--gpus {config.gpus}: {peers.size()} processes were launched"
            raise UsageError(msg)
        _as_launched(config)
        try:
            if peers.size() == 1:
                self._start(config)
            self.peers = Peers()
            self.peers.tell(_Begin(config))
        except BaseException:
            self.abandon()
            raise

    def dismiss(self) -> None:
        """Tell all others that they are done."""
        self.peers.tell(_End())

    def disband(self) -> None:
        """Leave, and see that they have gone; after all that uses the processes' groups."""
        peers.leave()
        for process in self._started:
            try:
                process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
        self._forget()

    def abandon(self) -> None:
        """End all others where they stand: they may be waiting for what is not going to happen."""
        for process in self._started:
            process.kill()
            process.wait()
        peers.leave()
        self._forget()

    def _forget(self) -> None:
        """Take back the variables that this process was given."""
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

    def _start(self, config: RunConfig) -> None:
        """Start the others, out of reach of the terminal's Ctrl-C."""
        count, on_cpu = config.gpus, _on_cpu(config)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count)}
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
        given = {**shared, "RANK": "0", "LOCAL_RANK": "0"}
        self._before = {name: os.environ.get(name) for name in given}
        os.environ.update(given)


def _as_launched(config: RunConfig) -> None:
    """Refuse processes that were launched for what this run would not do.

    Raises:
        UsageError: If a launcher was told of FSDP and this run was not, or the other way about of
            the CPU; or of DeepSpeed.
    """
    import torch

    from ttrl_cli.models.load import choose_device

    if os.environ.get("ACCELERATE_USE_DEEPSPEED", "").lower() == "true":
        msg = "launched with DeepSpeed, which is not supported; --fsdp divides weights"
        raise UsageError(msg)
    if os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true" and not config.fsdp:
        msg = "launched with FSDP, which this run is not to use; see --accelerate-config"
        raise UsageError(msg)
    for_gpus = torch.cuda.is_available() and not peers.told_of_cpu()
    if peers.size() > 1 and for_gpus and choose_device(config.device) == "cpu":
        msg = f"launched for GPUs, and the run is to be on the CPU; set {CPU_VARIABLE}=true"
        raise UsageError(msg)


def _on_cpu(config: RunConfig) -> bool:
    """Whether the model is to be on the CPU.

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


def _say_ready() -> None:
    """Let process 0 know that this one has come as far as joining, and then be silent."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def follow() -> None:
    """What a process that is not the first does: as it is told, until it is sent home."""
    import torch  # noqa: F401 # what takes long is to be done before this process says so

    from ttrl_cli.api.machinery import Machinery

    if peers.started_here():
        _say_ready()
    mine = Peers()
    began: object = mine.tell()
    assert isinstance(began, _Begin)
    with Machinery.local(began.config, mine) as machinery:
        order: object
        while not isinstance(order := mine.tell(), _End):
            _obey(order, machinery, mine)
    peers.leave()


def _obey(order: object, machinery: "Machinery", mine: Peers) -> None:
    """Do what process 0 says."""
    sampler, learner = machinery.sampler, machinery.learner
    match order:
        case Sample(prompts_P, step):
            told = partial(mine.sees_flag, stop_flag(step))
            for completion in sampler.sample(share(prompts_P, mine), step=step, stop=told):
                mine.send(completion)
            mine.send(None)
        case Load(adapter):
            sampler.load(adapter)
        case Update(round_):
            learner.update(round_)
        case Probed(probes):
            assert machinery.scorer is not None
            machinery.scorer.logprobs(probes)
        case Restore(folder, None):
            learner.warm_start(folder)
        case Restore(folder, int(policy)):
            learner.load(folder, policy=policy)
        case Score():
            assert isinstance(sampler, SeparateSampler)
            scores(sampler, order, mine)
        case Sleep(on):
            assert isinstance(sampler, SeparateSampler)
            sampler.sleep() if on else sampler.wake_up()
        case _:
            msg = f"nobody knows what to do about {order!r}"
            raise AssertionError(msg)
