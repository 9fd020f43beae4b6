"""Programs that end in every way but by an answer of their own."""

import ctypes
import os
import sys

HUGE = 10**9


def recurse() -> None:
    """Recurse until Python stops it."""
    recurse()


def divide() -> float:
    """Divide by 0."""
    return 1 / 0


def read_nothing() -> bytes:
    """Read at address 0."""
    return ctypes.string_at(0)


def exit_with_0() -> None:
    """End at once, without an error."""
    os._exit(0)


def exit_with_7() -> None:
    """End at once, with an error."""
    os._exit(7)


def exit_by_exception() -> None:
    """End as programs do."""
    sys.exit(0)


def abort() -> None:
    """Abort."""
    os.abort()


def interrupt() -> None:
    """Be interrupted."""
    raise KeyboardInterrupt


def become_another() -> None:
    """Become another program, which ends well."""
    os.execlp("true", "true")


def overflow_in_callbacks() -> None:
    """Recurse through C until the stack is used up."""
    sys.setrecursionlimit(HUGE)

    @ctypes.CFUNCTYPE(None)
    def call() -> None:
        call()

    call()


def overflow_in_the_parser() -> object:
    """Have the parser recurse until its stack is used up."""
    sys.setrecursionlimit(HUGE)
    return eval("-" * 10**6 + "1")


def overflow_in_hash() -> int:
    """Have hash recurse until the stack is used up."""
    sys.setrecursionlimit(HUGE)
    x: tuple[object, ...] = ()
    for _ in range(10**6):
        x = (x,)
    return hash(x)


def signal_itself(number: int) -> str:
    """Send a signal to itself."""
    os.kill(os.getpid(), number)
    return "alive"
