"""Programs that try to carry what they were given from one call to the next."""

import builtins
import json
import os
import sys
import tempfile
from pathlib import Path

PLACES = ("/tmp", "/dev/shm", "/var/tmp", str(Path.home()), ".")
NAME = "carried-canary"


def keep(canary: str) -> str:
    """Leave the canary wherever something may be left."""
    vars(json)["carried"] = canary
    vars(builtins)["carried"] = canary
    os.environ["CARRIED"] = canary
    sys.argv.append(canary)
    for place in (*PLACES, tempfile.gettempdir()):
        try:
            (Path(place) / NAME).write_text(canary)
        except OSError:
            continue
    print(canary)
    print(canary, file=sys.stderr)
    if os.fork() == 0:  # a process that stays, with the canary in its command line
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(60)", canary])
    return canary


def look() -> list[str]:
    """Return what is left of a canary, anywhere."""
    found = [str(vars(module).get("carried", "")) for module in (json, builtins)]
    found += [os.environ.get("CARRIED", ""), *sys.argv]
    for place in (*PLACES, tempfile.gettempdir()):
        try:
            found.append((Path(place) / NAME).read_text())
        except OSError:
            continue
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return [text for text in found if "CANARY" in text]


def given(**arguments: object) -> list[str]:
    """Return the names of all arguments."""
    return sorted(arguments)
