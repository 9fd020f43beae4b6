"""Programs that replace parts of the interpreter, or draw random numbers."""

import atexit
import builtins
import json
import math
import os
import random
import sys
import threading
import time

import numpy as np
import numpy.fft


def patch_everything() -> list[int]:
    """Replace functions of many modules and of Python itself, and return."""

    def broken(*_: object, **__: object) -> None:
        raise SystemError("patched")

    time.time = time.monotonic = lambda: 0.0
    json.dumps = lambda *_, **__: "[0.25]"
    np.load = np.save = np.linalg.norm = broken
    random.random = os.read = broken
    sys.modules["math"] = sys.modules["numpy.fft"] = None
    sys.modules["evil"] = sys
    sys.path.insert(0, "/evil")
    os.environ["EVIL"] = "1"
    sys.evil = 1
    builtins.len = builtins.sum = builtins.print = broken
    return [9]


def look_for_patches() -> list[object]:
    """Use what the other one replaces."""
    return [
        len([1, 2]),
        sum([1, 2]),
        json.dumps([1]),
        time.time() > 1e9,
        time.monotonic() > 0,
        math.floor(1.5),
        float(np.linalg.norm([3, 4])),
        random.random() < 1,
        np.save.__module__,
        "evil" in sys.modules,
        "/evil" in sys.path,
        "EVIL" in os.environ,
        hasattr(sys, "evil"),
    ]


def patch_json() -> list[int]:
    """Replace what encodes its answer."""
    json.dumps = lambda *_, **__: "[0.25]"
    return [9]


def hook_everything() -> int:
    """Have Python call a function at every turn."""

    def hook(*_: object) -> None:
        print("hooked")

    atexit.register(hook)
    os.register_at_fork(before=hook, after_in_child=hook)
    sys.addaudithook(hook)
    sys.settrace(hook)
    sys.setprofile(hook)
    sys.meta_path.insert(0, hook)
    threading.settrace(hook)
    return 1


def draw(seed: int) -> list[float]:
    """Draw from the global generators, which the seed has set."""
    del seed
    return [random.random(), np.random.rand(), np.random.normal()]


def draw_unseeded() -> list[float]:
    """Draw from the global generators as they are found."""
    return [random.random(), np.random.rand()]


def seed_and_draw() -> list[float]:
    """Seed the global generators, and draw."""
    random.seed(1)
    np.random.seed(1)
    return draw_unseeded()
