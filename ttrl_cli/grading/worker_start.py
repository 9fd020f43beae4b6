"""Processes that do not run the main script again.

A process that multiprocessing starts imports the script that the user started, under another name,
in case what it is to call is defined there. Our workers call nothing of it, and a script that has
no `if __name__ == "__main__":` would do all its work again in each.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any

_lock = threading.Lock()


class WorkerProcess(ForkServerProcess):
    """A process of a fork server that imports no main script."""

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Any:
        with _no_main_script():
            return ForkServerProcess._Popen(process_obj)


@contextmanager
def _no_main_script() -> Iterator[None]:
    """Hide the main module for the block; multiprocessing passes on the name that it finds there.

    Pools start processes from threads of their own, so one at a time.
    """
    with _lock:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main
