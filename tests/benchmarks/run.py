"""Run benchmarks, keep their figures in docs/benchmarks.json and write docs/benchmarks.md from it.

    python tests/benchmarks/run.py [SCRIPT ...] [--rounds N]
    python tests/benchmarks/run.py --check

Without names, all of SCRIPTS. Each is a process of its own, with this interpreter; libraries that
its alternatives need are installed here first where they are missing. The figures of a script take
the place of those it gave before; those of scripts that are not run, or that fail, stay as they
are. A target that is missed is no failure.
"""

import argparse
import ast
import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _figures import say
from packaging.requirements import Requirement

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FIGURES = ROOT / "docs" / "benchmarks.json"
GENERATE = [sys.executable, str(ROOT / "docs" / "generate.py"), "benchmarks.md"]
SCRIPTS = (
    "help_time.py",
    "start_speed.py",
    "sample_speed.py",
    "update_speed.py",
    "lean_speed.py",
    "neighbours.py",
    "loop_speed.py",
    "overlap.py",
    "archive_speed.py",
    "sandbox_speed.py",
    "call_speed.py",
    "contest_speed.py",
    "voting_speed.py",
    "verifier_speed.py",
    "luck.py",
)
APART = {
    "certified_bounds.py": "needs published constructions that are not ours to ship",
    "gpu.py": "needs a GPU and vLLM: make bench-gpu",
    "gpu_model.py": "counts what an update asks of a GPU, and measures nothing",
    "first_gpu.py": "needs a GPU: make first-gpu",
    "first_gpu_parts.py": "what first_gpu.py runs",
    "report_speed.py": "needs Chromium",
}
"""Scripts that are run by hand, and why."""
LIBRARIES = ("torch", "transformers", "trl", "peft")
"""Whose versions are kept with every figure."""

Record = dict[str, Any]


def main() -> None:
    """Run what is asked for; the status is 1 if a script failed, or the page is not current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scripts", nargs="*", type=_named, metavar="SCRIPT")
    parser.add_argument("--check", action="store_true", help="only compare the page")
    parser.add_argument("--rounds", type=int, help="passed on; the notes of figures say it")
    given = parser.parse_args()
    if given.check:
        sys.exit(subprocess.run([*GENERATE, "--check"], check=False).returncode)
    options = () if given.rounds is None else ("--rounds", str(given.rounds))
    scripts = given.scripts or SCRIPTS
    failed = [script for script in scripts if not _run_and_keep(script, options)]
    _tell(json.loads(FIGURES.read_text(encoding="utf-8")))
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def _named(name: str) -> str:
    """A script's file name from that, from a path or from its stem."""
    script = Path(name).stem + ".py"
    if script not in SCRIPTS:
        msg = f"unknown: {name}; known: {', '.join(SCRIPTS)}"
        raise argparse.ArgumentTypeError(msg)
    return script


def _run_and_keep(script: str, options: Sequence[str]) -> bool:
    """Run a script and put its figures in the file and on the page; False if it failed."""
    say(f"== {script}")
    started = time.monotonic()
    try:
        _install(script)
        found = figures_of(script, options)
        known = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
        text = json.dumps(merged(known, found, script), indent=1, sort_keys=True) + "\n"
    except (ValueError, OSError, subprocess.CalledProcessError) as error:
        say(f"== {script} failed: {error}")
        return False
    FIGURES.write_text(text, encoding="utf-8")
    subprocess.run(GENERATE, check=True)
    say(f"== {script}: {len(found)} figures in {time.monotonic() - started:.0f} s")
    return True


def _install(script: str) -> None:
    """Install the libraries that a script's constant LIBRARIES names, where they are missing.

    Raises:
        CalledProcessError: If pip fails.
    """
    missing = [name for name in libraries(script) if not _installed(Requirement(name))]
    if missing:
        say(f"== installing {', '.join(missing)}")
        pip = [sys.executable, "-m", "pip", "install", "--quiet"]
        # what is here already must not change: we measure it
        subprocess.run(
            [*pip, "--constraint", str(ROOT / "constraints.txt"), *missing],
            check=True,
            stdout=sys.stderr,
        )


def libraries(script: str) -> tuple[str, ...]:
    """The requirements in a script's constant LIBRARIES; none where it has no such constant."""
    for node in ast.parse((HERE / script).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "LIBRARIES":
            return tuple(ast.literal_eval(node.value))
    return ()


def _installed(wanted: Requirement) -> bool:
    try:
        return wanted.specifier.contains(importlib.metadata.version(wanted.name), prereleases=True)
    except importlib.metadata.PackageNotFoundError:
        return False


def figures_of(script: str, options: Sequence[str] = ()) -> dict[str, Record]:
    """Run a script; its figures by name, with where and how they were measured.

    Raises:
        ValueError: If it prints what is no figure.
        CalledProcessError: If it fails.
    """
    command = [sys.executable, str(HERE / script), *options]
    load = os.getloadavg()[0]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    around = {
        "command": f"python tests/benchmarks/{script}",
        "machine": machine(),
        "load": round(load, 1),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "versions": {name: importlib.metadata.version(name) for name in LIBRARIES},
    }
    found: dict[str, Record] = {}
    for line in done.stdout.splitlines():
        record = json.loads(line)
        if not isinstance(record, dict) or "name" not in record:
            msg = f"no figure: {line:.80}"
            raise ValueError(msg)
        name = record.pop("name")
        if name in found:
            msg = f"two figures are called {name}"
            raise ValueError(msg)
        found[name] = {key: _rounded(value) for key, value in record.items()} | around
    if not found:
        msg = "it printed no figure"
        raise ValueError(msg)
    return found


def merged(known: dict[str, Record], found: dict[str, Record], script: str) -> dict[str, Record]:
    """All figures, those of one script being the ones found now.

    Those of scripts that are no longer among SCRIPTS go.

    Raises:
        ValueError: If another script has a figure of the same name.
    """
    kept = {*SCRIPTS} - {script}
    others = {n: record for n, record in known.items() if script_of(record) in kept}
    if twice := sorted(others.keys() & found.keys()):
        msg = f"another script has a figure called {twice[0]}: {others[twice[0]]['command']}"
        raise ValueError(msg)
    return others | found


def script_of(record: Record) -> str:
    """The script that gave a figure."""
    return str(record["command"]).rpartition("/")[2]


def _rounded(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value


def machine() -> str:
    """The processor, how many cores of it we may use, and whether it computes in bfloat16."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    model, flags = platform.machine(), ""
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        about = {key.strip(): value.strip() for key, _, value in (x.partition(":") for x in lines)}
        model, flags = about.get("model name", model), about.get("flags", "")
    has = "with" if {"avx512_bf16", "amx_bf16"} & set(flags.split()) else "without"
    return f"{cores} cores of {model}, {has} bfloat16 instructions"


def _tell(figures: dict[str, Record]) -> None:
    for name, record in sorted(figures.items()):
        if record["met"] is False:
            say(f"missed: {name} is {record['ours']:.4g} {record['unit']}, not {record['target']}")


if __name__ == "__main__":
    main()
