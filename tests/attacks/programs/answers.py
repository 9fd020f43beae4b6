"""How a program writes an answer by itself, past the code that sends what it returns."""

import os
import stat


def write_answer(frame: bytes) -> None:
    """Write bytes where answers go: to a descriptor that no program is told, so to every pipe."""
    for number in range(3, 64):
        if is_pipe(number):
            os.write(number, frame)


def is_pipe(number: int) -> bool:
    """Return whether a descriptor is that of a pipe."""
    try:
        return stat.S_ISFIFO(os.fstat(number).st_mode)
    except OSError:
        return False
