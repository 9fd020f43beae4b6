"""Programs that leave something behind."""

import glob
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable


def leave_an_orphan_and_return(duration: str) -> bool:
    """Leave an orphan, and end well."""
    leave_an_orphan(duration)
    return True


def leave_an_orphan_and_sleep(duration: str) -> None:
    """Leave an orphan, and run until time is up."""
    leave_an_orphan(duration)
    time.sleep(1000)


def leave_an_orphan_and_exit(duration: str) -> None:
    """Leave an orphan, and end badly."""
    leave_an_orphan(duration)
    os._exit(3)


def leave_an_orphan(duration: str) -> None:
    """Fork twice, in a session of its own, and sleep there for so long; print if it was seen."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 64)
            os.execlp("sleep", "sleep", duration)
        os._exit(0)
    os.wait()
    for _ in range(3000):
        if any(duration in words(path).split("\0") for path in glob.glob("/proc/*/cmdline")):
            print("seen alive", flush=True)
            break
        time.sleep(0.01)


def words(path: str) -> str:
    """Return a file's text, or none."""
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def leave_folders() -> list[list[str]]:
    """Leave closed folders wherever it can; return what was there before."""
    seen = [sorted(os.listdir(p)) for p in ("/tmp", "/dev/shm", os.getcwd())]
    for name, path in zip("abcd", ("/tmp", "/dev/shm", tempfile.gettempdir(), "."), strict=True):
        os.makedirs(f"{path}/{name}/deeper")
        os.chmod(f"{path}/{name}", 0)
    return seen


def return_a_number() -> int:
    """End well."""
    return 1


def fail() -> float:
    """Raise an error."""
    return 1 / 0


def exit_at_once() -> None:
    """End without an answer."""
    os._exit(3)


def leave_a_child() -> int:
    """Leave a child that waits for a signal."""
    if os.fork() == 0:
        signal.pause()
    return 1


def leave_a_file() -> int:
    """Leave an open temporary file."""
    return tempfile.mkstemp()[0]


def leave_a_thread() -> None:
    """Leave a thread that sleeps."""
    threading.Thread(target=time.sleep, args=[9]).start()


KINDS: list[Callable[[], object]] = [
    return_a_number,
    fail,
    exit_at_once,
    leave_a_child,
    leave_a_file,
    leave_a_thread,
]
