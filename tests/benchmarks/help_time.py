"""How long does `ttrl --help` take? Beside the `trl --help` of the library that we train with.

python tests/benchmarks/help_time.py

Each is a process of its own, from start to end, after one run of each that is not counted. A test
asserts that ours imports neither torch nor transformers.
"""

import subprocess
import sys
from functools import partial
from pathlib import Path

from _figures import Figure, emit, medians, seconds

ROUNDS = 11
BIN = Path(sys.executable).parent
WAYS: dict[str, list[Path | str]] = {
    "ttrl": [BIN / "ttrl", "--help"],
    "trl": [BIN / "trl", "--help"],
    "bare": [Path(sys.executable), "-c", "pass"],
}


def run(command: list[Path | str]) -> float:
    """The wall time of a command."""
    words = [str(word) for word in command]
    return seconds(lambda: subprocess.run(words, check=True, capture_output=True))


def main() -> None:
    """Emit the figure."""
    for command in WAYS.values():
        run(command)
    ways = {name: partial(run, command) for name, command in WAYS.items()}
    found = medians(ways, ROUNDS)
    emit(
        Figure(
            name="help",
            what="`ttrl --help`",
            against="`trl --help`",
            ours=found["ttrl"],
            alternative=found["trl"],
            unit="s",
            lower=True,
            target="0.3 s",
            note=f"A bare `python -c pass` takes {found['bare']:.3f} s.",
        )
    )


if __name__ == "__main__":
    main()
