"""What the hostile programs have in common; written into each that imports it."""

import ctypes
import os
import subprocess
from collections.abc import Callable, Mapping

ARM = os.uname().machine == "aarch64"
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(number: int | tuple[int, int], *arguments: object) -> int:
    """Make a system call by its number, or by those of x86_64 and aarch64."""
    number = number[ARM] if isinstance(number, tuple) else number
    longs = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return _checked(libc.syscall(ctypes.c_long(number), *longs))


def c_call(name: str, *arguments: object) -> int:
    """Call a function of the C library that returns a negative number on failure."""
    return _checked(getattr(libc, name)(*arguments))


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def error_of(function: Callable[..., object], *arguments: object) -> int:
    """Return the error number of a call; 0 where it succeeds."""
    try:
        function(*arguments)
    except OSError as error:
        return error.errno or -1
    return 0


def command(*words: str) -> str:
    """Return what a command prints; it fails as system calls do."""
    done = subprocess.run(
        words, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    if done.returncode:
        raise OSError(done.returncode, done.stderr)
    return done.stdout


def gains(tries: Mapping[str, Callable[[], object]]) -> dict[str, str]:
    """Return what each of these functions gave, but for those that were refused."""
    found = {}
    for name, function in tries.items():
        try:
            found[name] = repr(function())[:200]
        except OSError:
            continue
    return found


def read(path: str) -> str:
    """Return the start of a file."""
    with open(path, errors="replace") as file:
        return file.read(1000)


def write(path: str, mode: str = "w") -> int:
    """Write a character, or a byte, to a file."""
    with open(path, mode) as file:
        return file.write(b"x" if "b" in mode else "x")
