"""How long until `ttrl vote` samples, and what a demo run takes in memory.

python tests/benchmarks/start_speed.py [--rounds 5]

From the start of the command `ttrl vote --steps 0` on one question to the line on stderr that says
its first step begins, the embedded model being in the cache. The alternative is a script that
imports transformers, loads the same model and tokenizer and encodes the question. Memory: the most
that one process of `ttrl solve problems/erdos_overlap_16 --steps 3` has resident.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from _figures import ROUNDS, Figure, emit, medians, say

ROOT = Path(__file__).parents[2]
TTRL = Path(sys.executable).with_name("ttrl")
PLAIN = """
import sys
from transformers import AutoModelForCausalLM, AutoTokenizer
from ttrl_cli.models import store
folder = store.resolve("smollm2-135m")
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder)
turns = [{"role": "user", "content": "What is 2+3?"}]
tokenizer.apply_chat_template(turns, add_generation_prompt=True)
print("ready", file=sys.stderr, flush=True)
"""


def until(command: list[str], word: str) -> float:
    """Seconds from the start of a command to the first line on stderr with a word in it."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if word in line:
            took = time.perf_counter() - started
            process.stderr.read()
            process.wait()
            return took
    msg = f"{command[0]} never said {word!r}"
    raise RuntimeError(msg)


def vote(folder: Path) -> float:
    """Seconds until a vote samples."""
    questions = folder / "one.jsonl"
    questions.write_text(json.dumps({"question": "What is 2+3?"}) + "\n")
    out = folder / f"run-{time.monotonic_ns()}"
    options = ["--steps", "0", "--n", "2", "--max-tokens", "1", "--out", str(out)]
    return until([str(TTRL), "vote", *options, str(questions)], str(out))


def peak_gb(folder: Path) -> float:
    """The most that one process of a short demo run has resident, in GB."""
    options = ["--steps", "3", "--out", str(folder / "demo"), "--quiet"]
    problem = str(ROOT / "problems" / "erdos_overlap_16")
    process = subprocess.Popen([str(TTRL), "solve", problem, *options], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss * 1024 / 1e9


def main() -> None:
    """Emit both figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ways: dict[str, Callable[[], float]] = {
            "ours": lambda: vote(folder),
            "plain": lambda: until([sys.executable, "-c", PLAIN], "ready"),
        }
        say("start")
        for way in ways.values():
            way()  # not counted: files come from disk
        found = medians(ways, given.rounds)
        emit(
            Figure(
                name="start-vote",
                what="from `ttrl vote --steps 0` to the start of its first step of sampling",
                against="a script that loads the model through transformers and samples nothing",
                ours=found["ours"],
                alternative=found["plain"],
                unit="s",
                lower=True,
                target="5 s",
            )
        )
        say("memory")
        emit(
            Figure(
                name="demo-memory",
                what="peak memory of three steps of the demo",
                against="",
                ours=peak_gb(folder),
                alternative=None,
                unit="GB",
                lower=True,
                target="3 GB",
                note="One run: it hardly varies.",
            )
        )


if __name__ == "__main__":
    main()
