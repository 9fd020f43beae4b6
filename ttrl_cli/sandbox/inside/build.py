"""In place of a candidate: compile one, equally isolated, and send the program back.

A compiler runs what a model wrote, too: `#include`, `#embed` and inline assembly read files, and
templates compute. The answer is framed as a candidate's is, in the format `binary`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from . import program

REASON_CHARS = 1400


def run(request: dict[str, Any], descriptor: int) -> None:
    """Compile the source with the request's command, send the answer, and end this process.

    `{source}` and `{target}` in the command stand for the two files.
    """
    files = {"source": request["file"], "target": "candidate.out"}
    with open(files["source"], "w", encoding="utf-8", errors="replace") as file:
        file.write(request["source"])
    command = [word.format(**files) for word in request["command"]]
    done = subprocess.run(command, stderr=subprocess.PIPE, check=False)
    said = done.stderr.decode("utf-8", "replace")
    sys.stderr.write(said)
    if done.returncode != 0:
        # the first error says most: what follows is often its echo
        program.send(
            descriptor, *program.refusal("error", "does not compile: " + said[:REASON_CHARS])
        )
    else:
        with open(files["target"], "rb") as file:
            program.send(descriptor, "binary", file.read())
    sys.stderr.flush()
    os._exit(0)
