"""The machine's physical cores, shared by all runs of a user: a program that is timed holds one.

A core is a locked file; the system releases the lock when its holder dies. Whoever waits holds the
gate, another file, so that the first to wait is the first to be served, and that one who needs
several cores gets them while nobody else takes any.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Self

from ttrl_cli.errors import SetupError

_POLL_SECONDS = 0.002
_TOPOLOGY = Path("/sys/devices/system/cpu")


class Cores:
    """Physical cores to run timed programs on.

    Args:
        folder: The files that are locked; all runs that share a machine share it.
        names: The cores that this process may use.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._folder = folder
        self._names = tuple(names)

    @classmethod
    def of_this_machine(cls) -> Self:
        """Return the cores that this process may use.

        Raises:
            SetupError: If the folder of the locks is not ours.
        """
        # not below TMPDIR: each run has another
        return cls(_own_folder(Path(f"/tmp/ttrl-cores-{os.getuid()}")), physical_cores())

    def __len__(self) -> int:
        return len(self._names)

    @contextlib.contextmanager
    def taken(self, count: int) -> Iterator[None]:
        """Hold so many cores for the block, or all if there are fewer; wait until they are free."""
        with contextlib.ExitStack() as held:
            with _locked(self._folder / "gate") as gate:
                fcntl.flock(gate, fcntl.LOCK_EX)
                while not self._take(held, min(count, len(self))):
                    time.sleep(_POLL_SECONDS)
            yield

    @contextlib.contextmanager
    def spare(self, count: int) -> Iterator[bool]:
        """Hold so many cores for the block if they are free and nobody waits; yield whether."""
        with contextlib.ExitStack() as held:
            with _locked(self._folder / "gate") as gate:
                free = _try_lock(gate) and self._take(held, min(count, len(self)))
            yield free

    def _take(self, held: contextlib.ExitStack, count: int) -> bool:
        """Lock so many cores at once, or none."""
        with contextlib.ExitStack() as taken:
            found = 0
            for name in self._names:
                if found == count:
                    break
                with contextlib.ExitStack() as one:
                    if _try_lock(one.enter_context(_locked(self._folder / name))):
                        taken.push(one.pop_all())
                        found += 1
            if found < count:
                return False
            held.push(taken.pop_all())
            return True


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Open a file to lock it; the lock is released with it when the block ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _own_folder(path: Path) -> Path:
    """Make a folder that is ours alone, unless it is there.

    Raises:
        SetupError: If somebody else's file is in its place.
    """
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    status = path.lstat()
    if status.st_uid != os.getuid() or not path.is_dir() or path.is_symlink():
        msg = f"{path} is not a folder of this user; timed programs cannot share the cores"
        raise SetupError(msg)
    return path


@cache
def physical_cores() -> tuple[str, ...]:
    """Name the physical cores that this process may use; threads of one core count once.

    Where the system does not tell, each processor counts as a core.
    """
    if not hasattr(os, "sched_getaffinity"):
        return tuple(f"core-{number}" for number in range(os.cpu_count() or 1))
    return tuple(sorted({_core_of(number) for number in os.sched_getaffinity(0)}))


def _core_of(number: int) -> str:
    folder = _TOPOLOGY / f"cpu{number}" / "topology"
    try:
        words = [(folder / name).read_text() for name in ("physical_package_id", "core_id")]
        # a core's id may come again in another die of a package; its threads are always its own
        threads = (folder / "thread_siblings_list").read_text()
    except OSError:
        return f"cpu-{number}"
    first = threads.replace("-", ",").partition(",")[0]
    return "core-" + "-".join(word.strip() for word in [*words, first])
