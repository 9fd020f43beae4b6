"""How much CPU time and memory it takes to read answers, each in a process of its own.

    python -m tests._reading < ANSWERS

An answer is a line of JSON: how to make its bytes, an expression of `npy`, `text` and `numpy`.
Printed is a line of JSON for each; see `Measured`.
"""

import gc
import io
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy

from ttrl_cli.sandbox.protocol import MalformedError, decode, split_frame

ROUNDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What it took to read an answer, the least of some rounds.

    Attributes:
        why: Why it is refused; empty if it is read.
        seconds: CPU time of reading it.
        reference: CPU time that Python and numpy take for the same values by themselves.
        memory: The process's most memory, above that of one that reads nothing, in MiB.
        length: Of the answer, in MiB.
    """

    why: str
    seconds: float
    reference: float
    memory: float
    length: float


def measure(answers: Sequence[str]) -> list[Measured]:
    """Measure answers in a process that has imported next to nothing."""
    done = subprocess.run(
        [sys.executable, "-m", "tests._reading"],
        input="".join(json.dumps(answer) + "\n" for answer in answers),
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parents[1],
        # memory that is freed goes back to the system, so that none of it is used for reading
        env=os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [Measured(**json.loads(line)) for line in done.stdout.splitlines()]


def npy(array: numpy.ndarray) -> bytes:
    """A frame with an array, as a program sends it."""
    file = io.BytesIO()
    numpy.save(file, array, allow_pickle=array.dtype.hasobject)
    return frame(b"npy", file.getvalue())


def text(value: str) -> bytes:
    """A frame with JSON, as a program sends it."""
    return frame(b"json", value.encode())


def frame(kind: bytes, payload: bytes) -> bytes:
    """A frame of a kind."""
    return b"%s %d\n" % (kind, len(payload)) + payload


def read(answer: bytes) -> str:
    """Read an answer; return why it is refused, or nothing."""
    try:
        decode(answer)
    except MalformedError as error:
        return str(error)
    return ""


def make_values(answer: bytes) -> str:
    """Make the values of an answer that is read, and check nothing."""
    kind, payload = split_frame(answer)
    gc.disable()
    if kind == "npy":
        numpy.load(io.BytesIO(payload)).tolist()
    else:
        json.loads(str(payload, "utf-8"))
    return ""


def measured(work: Callable[[], str]) -> tuple[str, float, float]:
    """Do some work in a child; return what it says, its CPU seconds and its most memory in MiB."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        before = resource.getrusage(resource.RUSAGE_SELF)
        said = work()
        after = resource.getrusage(resource.RUSAGE_SELF)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        os.write(writer, json.dumps([said[:500], seconds]).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        written = pipe.read()
    _, status, usage = os.wait4(child, 0)
    assert status == 0
    said, seconds = json.loads(written)
    return said, seconds, usage.ru_maxrss / 1024


def main() -> None:
    """Measure the answers of standard input."""
    names = {"npy": npy, "text": text, "numpy": numpy}
    for line in sys.stdin:
        answer: bytes = eval(json.loads(line), names)  # noqa: S307 - expressions of our own
        idle = measured(str)[2]
        why, seconds, most = measured(partial(read, answer))
        reference = 0.0
        if not why:
            seconds = min(seconds, *(measured(partial(read, answer))[1] for _ in range(ROUNDS - 1)))
            reference = min(measured(partial(make_values, answer))[1] for _ in range(ROUNDS))
        figures = Measured(
            why=why,
            seconds=seconds,
            reference=reference,
            memory=most - idle,
            length=len(answer) / 2**20,
        )
        sys.stdout.write(json.dumps(asdict(figures)) + "\n")


if __name__ == "__main__":
    main()
