"""Programs that answer by themselves, or what is no data."""

import io
import json
import os
import time

import numpy as np

from tests.attacks.programs.answers import write_answer


def forge(frame: str) -> None:
    """Write a frame in place of an answer, and end.

    Args:
        frame: Its bytes, each as the character of that number.
    """
    write_answer(frame.encode("latin-1"))
    os._exit(0)


def forge_and_return(frame: str) -> int:
    """Write a frame, and then answer."""
    write_answer(frame.encode("latin-1"))
    return 8


def forge_without_end() -> None:
    """Write a frame that has no end."""
    write_answer(b"json 999999999999\n")
    while True:
        write_answer(b" " * (1 << 16))


def evaluate(expression: str) -> object:
    """Return the value of an expression."""
    return eval(expression, {"numpy": np})


def claim(data: dict[str, object]) -> dict[str, object]:
    """Return what it is given."""
    return data


def return_twice() -> str:
    """Return from the parent and from a child."""
    child = os.fork()
    if child:
        os.wait()
    return "parent" if child else "child"


def forge_a_pickle(canary: str) -> None:
    """Answer with an array of objects whose pickle makes a file."""

    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return (open, (canary, "w"))

    file = io.BytesIO()
    np.save(file, np.array([Bomb()], dtype=object), allow_pickle=True)
    write_answer(b"npy %d\n" % len(file.getvalue()) + file.getvalue())
    os._exit(0)


def forge_a_long_reason() -> None:
    """Answer with a refusal of megabytes."""
    words = {"status": "error", "reason": "x" * 7_000_000 + "the end"}
    text = json.dumps(words).encode()
    write_answer(b"refusal %d\n" % len(text) + text)
    os._exit(0)


def answer_for_the_dead() -> None:
    """Fail, and have a child write an answer then."""
    program = os.getpid()
    if os.fork() == 0:
        end = time.monotonic() + 2
        while os.getppid() == program and time.monotonic() < end:
            pass
        write_answer(b"json 1\n7")
        os._exit(0)
    time.sleep(0.05)
    os._exit(1)


def raise_with_a_long_name() -> None:
    """Raise an error whose class has a name of megabytes."""
    raise type("E" * 3_000_000, (Exception,), {})("why")


def raise_a_long_text() -> None:
    """Raise an error with a text of megabytes."""
    raise ValueError("why" * 1_000_000)


def raise_a_group() -> None:
    """Raise many errors at once."""
    raise ExceptionGroup("g", [ValueError("x" * 9999) for _ in range(99)])


def return_a_long_key() -> object:
    """Return data that cannot be sent, under keys of megabytes."""
    return {"k" * 3_000_000: {1: 2}, "x": {"y" * 3_000_000}}


def return_a_long_field() -> object:
    """Return an array that cannot be sent, with a long name of a field."""
    return np.zeros(1, [("n" * 60_000, "f8")])


def exit_with_a_long_text() -> None:
    """End with a text of megabytes."""
    raise SystemExit("bye" * 1_000_000)
