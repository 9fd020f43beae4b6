"""Several processes that work on one run: what they tell each other, and what they add up.

Process 0 owns archive, grading and commits; the others follow it. They are started with the
variables that `accelerate launch` and `torchrun` set, by either or by process 0 itself.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from ttrl_cli.environment import variable
from ttrl_cli.errors import SetupError

if TYPE_CHECKING:
    import torch

_PATIENCE = timedelta(days=30)
"""How long to wait for a message: grading a step may take long, and nobody is to give up."""

CPU_VARIABLE = "ACCELERATE_USE_CPU"
"""The variable by which accelerate says that GPUs are to be left alone."""

T = TypeVar("T")


def rank() -> int:
    """The number of this process; 0 where there is one only."""
    return int(os.environ.get("RANK", "0"))


def size() -> int:
    """How many processes were started together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def told_of_cpu() -> bool:
    """Whether this process was started to leave GPUs alone, in any of accelerate's words."""
    return os.environ.get(CPU_VARIABLE, "").lower() in ("1", "on", "t", "true", "y", "yes")


@contextmanager
def _together() -> Iterator[None]:
    """Say in words that somebody is missing, where torch says it in its own."""
    try:
        yield
    except RuntimeError as error:
        raise SetupError(_missing(error)) from error


@contextmanager
def in_step() -> Iterator[None]:
    """The same around what the model computes by the help of all processes.

    Raises:
        SetupError: If another process is not there any more.
    """
    from torch import distributed

    try:
        yield
    except RuntimeError as error:
        if isinstance(error, distributed.DistError) or "gloo" in str(error):
            raise SetupError(_missing(error)) from error
        raise


def _missing(error: RuntimeError) -> str:
    why = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return f"a process of this run has ended, or never came ({why})"


def leave() -> None:
    """Leave the others, so that this process may begin another run."""
    from accelerate import PartialState
    from torch import distributed

    PartialState._reset_state()
    # a vLLM engine that was shut down has left for all of this process
    if distributed.is_initialized():
        distributed.destroy_process_group()


class Peers:
    """The processes of a run, seen from one of them.

    What is not said to be for one side is called by all of them, in the same order.
    """

    def __init__(self) -> None:
        import torch
        from accelerate import PartialState
        from torch import distributed

        self._distributed = distributed
        on_cpu = told_of_cpu()
        # DeepSpeed, where the launcher was told of it, would join in its own way, and say so
        with _together(), variable("ACCELERATE_USE_DEEPSPEED", "false"):
            # the usual patience for meeting, and for gradients, which all have at about one time
            state = PartialState(cpu=on_cpu or not torch.cuda.is_available())
            self.rank: int = state.process_index
            self.size: int = state.num_processes
            # objects do not travel by way of a GPU
            self._objects = distributed.new_group(backend="gloo", timeout=_PATIENCE)
            pairs = [
                distributed.new_group([0, other], backend="gloo", timeout=_PATIENCE)
                for other in range(1, self.size)
            ]
            self._pairs = [None, *pairs]
            self._store = self._open_store()

    def tell(self, message: T | None = None) -> T:
        """What process 0 says; the argument of the others is not looked at.

        Raises:
            SetupError: If another process is not there any more, as all of these methods do.
        """
        box = [message]
        with _together():
            self._distributed.broadcast_object_list(box, src=0, group=self._objects)
        said: Any = box[0]
        return said  # type: ignore[no-any-return]

    def gather(self, value: T) -> list[T]:
        """What each process has, by number."""
        found: list[Any] = [None] * self.size
        with _together():
            self._distributed.all_gather_object(found, value, group=self._objects)
        return found

    def add(self, tensors: Sequence["torch.Tensor"]) -> None:
        """Make each tensor the sum of all processes' own, in one transfer."""
        import torch

        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        with _together():
            self._distributed.all_reduce(flat)
        parts = flat.split_with_sizes([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def send(self, value: object) -> None:
        """Hand process 0 something, from another process; it asks by `receive`."""
        with _together():
            self._distributed.send_object_list([value], dst=0, group=self._pairs[self.rank])

    def receive(self, other: int) -> Any:
        """What another process hands process 0; may be called in a thread for each of them."""
        box: list[Any] = [None]
        with _together():
            self._distributed.recv_object_list(box, src=other, group=self._pairs[other])
        return box[0]

    def raise_flag(self, name: str) -> None:
        """Let the others see something while they are busy."""
        self._store.set(name, "1")

    def sees_flag(self, name: str) -> bool:
        """Whether a flag was raised."""
        return bool(self._store.check([name]))

    def _open_store(self) -> Any:
        made: Any = self._distributed
        host = os.environ.get("MASTER_ADDR", "127.0.0.1")
        if self.rank == 0:
            store = made.TCPStore(host, 0, is_master=True, wait_for_workers=False)
            self.tell(store.port)
            return store
        port = self.tell(0)
        return made.TCPStore(host, port, is_master=False)
