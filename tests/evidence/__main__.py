"""Make the evidence: `python -m tests.evidence`, or `make evidence`.

Makes the runs of tests/evidence/plan.py that are neither in --out nor in docs/evidence, goes on
with those that were stopped, then writes docs/evidence/*.json, the plots and docs/evidence.md.
Ctrl-C saves the steps under way and writes the page of what there is; the next time it goes on.
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import filelock

from tests.evidence.evidence import Evidence, matches
from tests.evidence.plan import EVERY, PLAN, ROOT
from tests.evidence.runs import Crew, State
from ttrl_cli.errors import TtrlError, UsageError


def listing(evidence: Evidence, only: str) -> str:
    """What is done, what is missing, and what is in the way."""
    states, known = evidence.standings(), evidence.recorded()
    lines = []
    for run in evidence.runs:
        if matches(run, only):
            it = states[run.name]
            missing = it.state is State.MISSING and run.name in known
            state = "recorded in docs/evidence" if missing else it.state.value
            lines.append(f"{run.name:<40} {state}" + (f" ({it.note})" if it.note else ""))
    counts = Counter(line[41:].partition(" (")[0] for line in lines)
    total = ", ".join(f"{count} {state}" for state, count in counts.items())
    return "\n".join([*lines, f"{len(lines)} runs: {total}"])


def say(text: str) -> None:
    """Tell whoever watches."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def in_the_way(evidence: Evidence, only: str) -> list[str]:
    """Runs that can be neither used nor made, each with what to do."""
    states = evidence.standings()
    bad = {State.OTHER, State.UNREADABLE}
    return [
        f"{evidence.out / run.name} is {states[run.name].state.value} ({states[run.name].note}); "
        "move it away to have it made again"
        for run in evidence.runs
        if matches(run, only) and states[run.name].state in bad
    ]


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the folder of the runs.

    Raises:
        UsageError: If another process makes runs there; two would begin the same ones.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(folder / ".lock", timeout=0):
            yield
    except filelock.Timeout:
        msg = f"another process is making runs in {folder}; wait for it, or take another --out"
        raise UsageError(msg) from None


def make(evidence: Evidence, only: str, jobs: int, *, anew: bool) -> int:
    """Make what is to be made, then write the page; return the exit code."""
    todo = evidence.to_do(only, anew=anew)
    say(f"{len(todo)} of {len(evidence.runs)} runs to be made, {jobs} at a time")
    if not anew and (known := len(evidence.recorded())):
        say(f"{known} are in docs/evidence; --anew makes also those of them that are not here")
    crew = Crew(evidence.out, jobs, say)
    with alone(evidence.out):
        crew.work(todo)
    evidence.report()
    bad = in_the_way(evidence, only)
    for line in bad:
        say(line)
    if crew.stopped:
        return 130
    return 1 if crew.failed or bad else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.evidence", description=__doc__)
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    parser.add_argument("--jobs", type=int, default=max(1, cores // EVERY["threads"]))
    parser.add_argument("--only", default="", help="a pattern for PROBLEM/ARM/SEED")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "evidence")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs")
    parser.add_argument("--anew", action="store_true", help="also what is in docs/evidence already")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="only say what is done and what is not")
    what.add_argument("--report", action="store_true", help="only write the page")
    given = parser.parse_args(arguments)
    if given.jobs < 1:
        parser.error(f"--jobs: must be at least 1 (got {given.jobs})")
    evidence = Evidence(PLAN, given.out, given.docs)
    if not any(matches(run, given.only) for run in evidence.runs):
        parser.error(f"--only: no run of the plan is called like {given.only!r}; see --list")
    try:
        if given.list:
            sys.stdout.write(listing(evidence, given.only) + "\n")
            return 0
        if given.report:
            evidence.report()
            return 0
        return make(evidence, given.only, given.jobs, anew=given.anew)
    except TtrlError as error:
        say(f"error: {error}")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
