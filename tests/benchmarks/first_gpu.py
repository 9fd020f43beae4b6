"""Does this work on your GPU? Every part of a run once, in less than ten minutes.

    make first-gpu                                  or: python tests/benchmarks/first_gpu.py
    python tests/benchmarks/first_gpu.py --device cpu    the same steps on the CPU, as a rehearsal

Nothing is downloaded: weights of a stated shape are random. What is not installed (vLLM, TRL) is
named as left out. The last lines are a table to paste into an issue; first-gpu.json has all of it.

doctor          what `ttrl doctor` says of the machine
solve           two steps of `ttrl solve` with each sampler
sync            two updates beside a vLLM engine, awake and asleep meanwhile: it must follow the
                learner (1 is in step)
fresh lengths   updates on rows of lengths that none before had; the last must be as fast as the
                others, and the peak of memory within the plan
rate            tokens a second against vLLM's own loop over the same engine
update          our update against TRL's GRPOTrainer on the same rows
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from _figures import say
from first_gpu_parts import LOADS
from gpu import QUIET, machine

TTRL = (sys.executable, "-m", "ttrl_cli")
_LONGEST = 240
"""Seconds after which a check has failed."""
_SYNC_ERROR = 0.25
"""How far from 1 a slope may be, beyond three standard errors."""
_SLOWER = 1.5
"""How much slower an update on fresh lengths may be than the ones before."""
_OFFLINE = {"HF_HUB_OFFLINE": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What became of one check.

    Attributes:
        name: What was checked.
        state: ok, failed or left out.
        said: The figures in words, or the reason.
        seconds: What it took.
        figures: All figures.
    """

    name: str
    state: str
    said: str
    seconds: float = 0.0
    figures: Any = field(default=None)


class Machine:
    """Runs checks on a device, each in a process of its own.

    Args:
        shape: A name in `LOADS`.
        device: cuda or cpu.
        folder: Where the model and what is measured go.
    """

    def __init__(self, shape: str, device: str, folder: Path) -> None:
        self._shape, self._device, self._folder = shape, device, folder
        self.checks: list[Check] = []

    def check(self, name: str, run: Callable[[], Any], judge: Callable[[Any], str]) -> None:
        """Run a check and note what became of it.

        Args:
            name: Its name.
            run: Does it; a `CalledProcessError` or a `TimeoutExpired` fails it.
            judge: Returns the figures in words; an `AssertionError` fails the check.
        """
        say(f"{name} ...")
        started, found = time.monotonic(), None
        try:
            found = run()
            state, said = "ok", judge(found)
        except AssertionError as error:
            state, said = "failed", str(error)
        except subprocess.CalledProcessError as error:
            state, said = "failed", f"exit code {error.returncode}: {_last_line(error.stderr)}"
        except subprocess.TimeoutExpired:
            state, said = "failed", f"not done after {_LONGEST} seconds"
        took = time.monotonic() - started
        self.checks.append(Check(name=name, state=state, said=said, seconds=took, figures=found))

    def leave_out(self, name: str, why: str) -> None:
        """Note a check that cannot be made here."""
        self.checks.append(Check(name=name, state="left out", said=why))

    def part(self, name: str) -> Any:
        """Run a part of first_gpu_parts.py; return its figures."""
        script = Path(__file__).with_name("first_gpu_parts.py")
        options = ("--shape", self._shape, "--device", self._device)
        self._run(sys.executable, str(script), name, *options, "--folder", str(self._folder))
        return json.loads((self._folder / f"{name}.json").read_text())

    def doctor(self) -> str:
        """Return what `ttrl doctor` says of the machine and the model, on both streams."""
        model = ("--model", str(self._folder / "model"))
        done = subprocess.run(
            [*TTRL, "doctor", *model],
            check=False,
            capture_output=True,
            text=True,
            env=QUIET | _OFFLINE,
            timeout=_LONGEST,
        )
        return done.stdout + done.stderr

    def solve(self, sampler: str) -> list[dict[str, Any]]:
        """Return the metrics of a two-step run."""
        load, out = LOADS[self._shape], self._folder / f"run-{sampler}"
        options: dict[str, Any] = {
            "model": self._folder / "model",
            "device": self._device,
            "dtype": load.dtype,
            "sampler": sampler,
            "groups": load.prompts,
            "group-size": load.group,
            "max-tokens": load.tokens,
            "lora-rank": load.rank,
            "objective": "mean-baseline",
            "steps": 2,
            "out": out,
        }
        given = [str(word) for key, value in options.items() for word in (f"--{key}", value)]
        self._run(*TTRL, "solve", str(_problem(self._folder)), *given, "--quiet", accepted=(0, 4))
        return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]

    def _run(self, *command: str, accepted: tuple[int, ...] = (0,)) -> None:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            env=QUIET | _OFFLINE,
            timeout=_LONGEST,
        )
        if done.returncode not in accepted:
            sys.stderr.write(done.stderr)
            raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)


def _last_line(text: str | None) -> str:
    return ((text or "").strip().splitlines() or ["nothing was said"])[-1][:200]


def _problem(folder: Path) -> Path:
    """Write a problem that any text solves, the longer the better."""
    problem = folder / "problem"
    problem.mkdir(exist_ok=True)
    (problem / "problem.yaml").write_text(
        "name: length\nstatement: Write a long text.\ndirection: maximize\n"
        "solution: {kind: text}\nverifier: verify.py:verify\nscore: verify.py:score\n"
        "seeds: [seed.txt]\n"
    )
    (problem / "verify.py").write_text(
        "def verify(text):\n    return len(text)\n\n\ndef score(length):\n    return length\n"
    )
    (problem / "seed.txt").write_text("a")
    return problem


def judge_solve(steps: list[dict[str, Any]]) -> str:
    """Two steps, both of which learned; with an engine, one that follows."""
    assert len(steps) == 2, f"{len(steps)} steps of 2"
    said = [f"{step['time/step']:.1f} s" for step in steps]
    sync = [step["policy/sync"] for step in steps if "policy/sync" in step]
    return f"steps of {' and '.join(said)}" + (f", sync {sync[-1]:.2f}" if sync else "")


def judge_sync(found: dict[str, Any]) -> str:
    """A slope of 1 within its error."""
    said = f"sync {found['sync'][-1]:.3f} +- {found['sync_error'][-1]:.3f}"
    room = _SYNC_ERROR + 3 * found["sync_error"][-1]
    assert abs(found["sync"][-1] - 1) <= room, f"{said}: the engine does not follow the learner"
    return said


def judge_fresh(found: dict[str, Any]) -> str:
    """No update slower than the ones before, and a peak within the plan."""
    slower = found["last by median of the others"]
    said = (
        f"last update {slower:.2f} times the others; "
        f"peak {found['peak_gb']:.2f} GB of {found['planned_gb']:.2f} planned"
    )
    assert slower <= _SLOWER, f"{said}: lengths that are new cost time"
    return said


def judge_peak(found: dict[str, Any]) -> str:
    """As `judge_fresh`; on a GPU the plan is a bound."""
    said = judge_fresh(found)
    assert found["peak_gb"] <= found["planned_gb"], f"{said}: more than planned"
    return said


def judge_rate(found: list[dict[str, Any]]) -> str:
    """Tokens a second of both."""
    ours, bare = found[0]["ours"], found[0]["alternative"]
    return f"{ours:.0f} tokens/s, vLLM's loop {bare:.0f}: {ours / bare:.2f} times"


def judge_update(found: dict[str, dict[str, float]]) -> str:
    """Seconds and memory of both."""
    ours, theirs = found["ours"], found["trl"]
    return (
        f"{ours['seconds']:.2f} s and {ours['peak_gb']:.2f} GB, "
        f"TRL {theirs['seconds']:.2f} s and {theirs['peak_gb']:.2f} GB"
    )


def run_all(here: Machine, device: str) -> None:
    """Make every check, in order."""
    here.check("model", lambda: here.part("model"), lambda f: f"{f['parameters'] / 1e6:.0f} M")
    here.check("doctor", here.doctor, lambda said: f"{len(said.splitlines())} lines, see the file")
    here.check("solve, transformers", lambda: here.solve("transformers"), judge_solve)
    on_gpu = device == "cuda"
    here.check("fresh lengths", lambda: here.part("fresh"), judge_peak if on_gpu else judge_fresh)
    engine = ("solve, vllm", "sync, engine awake", "sync, engine asleep", "rate")
    if find_spec("vllm"):
        here.check(engine[0], lambda: here.solve("vllm"), judge_solve)
        here.check(engine[1], lambda: here.part("awake"), judge_sync)
        if on_gpu:
            here.check(engine[2], lambda: here.part("asleep"), judge_sync)
        else:
            here.leave_out(engine[2], "engines sleep on GPUs only")
        here.check(engine[3], lambda: here.part("rate"), judge_rate)
    else:
        for name in engine:
            here.leave_out(name, "vLLM is not installed: pip install 'ttrl-cli[vllm]'")
    if find_spec("trl") and find_spec("datasets"):
        both = ("ours", "trl")
        here.check("update", lambda: {way: here.part(way) for way in both}, judge_update)
    else:
        here.leave_out("update", "TRL is not installed")


def table(checks: list[Check], about: dict[str, str]) -> str:
    """Return the checks as a table in Markdown."""
    lines = [", ".join(f"{name} {what}" for name, what in about.items()), ""]
    lines += ["| check | state | figures | seconds |", "|---|---|---|---|"]
    lines += [
        f"| {check.name} | {check.state} | {check.said} | {check.seconds:.0f} |" for check in checks
    ]
    return "\n".join(lines)


def main() -> None:
    """Make all checks; the status is 1 if one failed."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--shape", choices=LOADS, default=None)
    parser.add_argument("--out", type=Path, default=Path("first-gpu.json"))
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        parser.error("torch sees no GPU; --device cpu rehearses the same steps without one")
    shape = given.shape or ("small" if given.device == "cuda" else "tiny")
    folder = Path(tempfile.mkdtemp(prefix="ttrl-first-gpu-"))
    os.environ |= _OFFLINE
    try:
        here = Machine(shape, given.device, folder)
        run_all(here, given.device)
    finally:
        shutil.rmtree(folder)
    about = {"shape": shape, "device": given.device, **machine()}
    record = {"about": about, "checks": [asdict(check) for check in here.checks]}
    given.out.write_text(json.dumps(record, indent=1) + "\n")
    sys.stdout.write(f"{table(here.checks, about)}\n")
    sys.exit(any(check.state == "failed" for check in here.checks))


if __name__ == "__main__":
    main()
