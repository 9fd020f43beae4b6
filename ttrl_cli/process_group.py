"""Several processes that work on one run: what they tell each other, and what they add up.

Process 0 owns archive, grading and commits; the others follow it. They are started with the
variables that `accelerate launch` and `torchrun` set, by either or by process 0 itself.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from ttrl_cli.errors import SetupError, first_line

if TYPE_CHECKING:
    import torch

_PATIENCE = timedelta(days=30)
"""Timeout of messages. Long on purpose: process 0 may grade for hours between two of them."""

_MEETING = timedelta(minutes=30)
"""How long the processes of a run may take to meet; torch's default."""

CPU_VARIABLE = "ACCELERATE_USE_CPU"
"""The variable by which accelerate says that GPUs are to be left alone."""

T = TypeVar("T")


SAYS_READY = "TTRL_SAYS_READY"
"""The variable by which a process that was started by process 0 itself knows that it was."""

_LAUNCHED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""What `accelerate launch` and `torchrun` tell each process."""


def rank() -> int:
    """Return the rank of this process; 0 if there is only one.

    Raises:
        SetupError: If RANK is not a whole number from 0 on.
    """
    return _number("RANK", 0)


def size() -> int:
    """Return how many processes were started together.

    Raises:
        SetupError: If WORLD_SIZE is not a whole number from 1 on.
    """
    return _number("WORLD_SIZE", 1)


def started_here() -> bool:
    """Decide whether this process was started by process 0 of its run."""
    return bool(os.environ.get(SAYS_READY))


def host_store() -> Any:
    """Open the TCPStore in which the processes of a run meet, at a free port of this machine.

    The port is taken from here on: one that was merely free once may be taken by others before the
    processes have started.
    """
    from torch import distributed

    made: Any = distributed
    return made.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False, timeout=_MEETING)


def require_launched() -> None:
    """Refuse a process that was started with others but lacks the variables to find them.

    Raises:
        SetupError: If a variable is missing or has an impossible value; the message names it.
    """
    own, count = rank(), size()
    if own == 0 and count == 1:
        return
    missing = [name for name in _LAUNCHED if not os.environ.get(name)]
    if missing:
        found = f"RANK is {own}" if os.environ.get("RANK") else f"WORLD_SIZE is {count}"
        msg = (
            f"{found}, and {_listed(missing)} {'is' if len(missing) == 1 else 'are'} not set: "
            "start several processes by accelerate launch or --gpus, or unset RANK and WORLD_SIZE"
        )
        raise SetupError(msg)
    if own >= count:
        msg = f"RANK is {own}, which must be less than WORLD_SIZE, {count}"
        raise SetupError(msg)
    _number("LOCAL_RANK", 0)
    if not 0 < _number("MASTER_PORT", 0) < 2**16:
        msg = f"MASTER_PORT is {os.environ['MASTER_PORT']!r}, which is no port"
        raise SetupError(msg)


def _number(name: str, default: int) -> int:
    """Read a variable that holds a number; an empty one counts as not set.

    Raises:
        SetupError: If it holds anything else, or a number that is too small.
    """
    text = os.environ.get(name, "").strip() or str(default)
    least = 1 if name == "WORLD_SIZE" else 0
    if not (text.isascii() and text.isdigit() and int(text) >= least):
        msg = f"{name} is {text!r} in the environment, and must be a whole number from {least} on"
        raise SetupError(msg)
    return int(text)


def _listed(names: list[str]) -> str:
    """Join names with commas and "and"."""
    return ", ".join(names[:-1]) + (" and " if names[1:] else "") + names[-1]


def told_of_cpu() -> bool:
    """Decide whether this process was told to use no GPU, by accelerate's variable."""
    return os.environ.get(CPU_VARIABLE, "").lower() in ("1", "on", "t", "true", "y", "yes")


@contextmanager
def _together() -> Iterator[None]:
    """Turn torch's error for a lost process into a SetupError.

    Raises:
        SetupError: If another process is not there any more.
    """
    try:
        yield
    except RuntimeError as error:
        raise SetupError(_missing(error)) from error


@contextmanager
def naming_lost_processes() -> Iterator[None]:
    """Like `_together`, for forward and backward passes that contain collectives.

    Other errors are raised unchanged.

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
    return f"a process of this run has ended, or never came ({first_line(error)[:200]})"


def leave() -> None:
    """Leave the process group, so that this process can begin another run."""
    from accelerate import PartialState
    from torch import distributed

    PartialState._reset_state()
    # a vLLM engine that was shut down has left for all of this process
    if distributed.is_initialized():
        distributed.destroy_process_group()


class ProcessGroup:
    """The processes of a run, seen from one of them.

    What is not said to be for one side is called by all of them, in the same order.

    Args:
        store: What process 0 hosts where it started the others itself; they join it.
    """

    def __init__(self, store: Any = None) -> None:
        import torch
        from accelerate import PartialState
        from torch import distributed

        self._distributed: Any = distributed
        on_cpu = told_of_cpu()
        with _together():
            if store is None and started_here():
                host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
                store = self._distributed.TCPStore(host, port, is_master=False, timeout=_MEETING)
            given = {} if store is None else {"store": store, "rank": rank(), "world_size": size()}
            # the usual patience for meeting, and for gradients, which all have at about one time
            state = PartialState(cpu=on_cpu or not torch.cuda.is_available(), **given)
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

    def broadcast(self, message: T | None = None) -> T:
        """Broadcast process 0's message, and return it; the others' argument is ignored.

        Raises:
            SetupError: If another process is not there any more; the methods below raise it too,
                except those for flags.
        """
        box = [message]
        with _together():
            self._distributed.broadcast_object_list(box, src=0, group=self._objects)
        said: Any = box[0]
        return said  # type: ignore[no-any-return]

    def all_gather(self, value: T) -> list[T]:
        """Return the values of all processes, by rank."""
        found: list[Any] = [None] * self.size
        with _together():
            self._distributed.all_gather_object(found, value, group=self._objects)
        return found

    def all_reduce(self, tensors: Sequence["torch.Tensor"]) -> None:
        """Replace each tensor by its sum over all processes, in one transfer."""
        import torch

        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        with _together():
            self._distributed.all_reduce(flat)
        parts = flat.split_with_sizes([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def send(self, value: object) -> None:
        """Send a value from another process to process 0, which calls `receive` for it."""
        with _together():
            self._distributed.send_object_list([value], dst=0, group=self._pairs[self.rank])

    def receive(self, other: int) -> Any:
        """Return the value that another process sends to process 0.

        May be called in one thread for each of the other processes.
        """
        box: list[Any] = [None]
        with _together():
            self._distributed.recv_object_list(box, src=other, group=self._pairs[other])
        return box[0]

    def raise_flag(self, name: str) -> None:
        """Raise a flag that the other processes can check while they are busy."""
        self._store.set(name, "1")

    def sees_flag(self, name: str) -> bool:
        """Decide whether a flag was raised."""
        return bool(self._store.check([name]))

    def _open_store(self) -> Any:
        made = self._distributed
        host = os.environ.get("MASTER_ADDR", "127.0.0.1")
        if self.rank == 0:
            store = made.TCPStore(host, 0, is_master=True, wait_for_workers=False)
            self.broadcast(store.port)
            return store
        port = self.broadcast(0)
        return made.TCPStore(host, port, is_master=False)
