"""pending.jsonl: what a run that is killed within a step has already paid for."""

import json
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests._helpers import digest, read_lines, spawn, ttrl, wait, write_lines, write_problem
from tests._measured import SUM, fenced, write_measured
from ttrl_cli.config import SolveConfig
from ttrl_cli.loop.pending import Pending
from ttrl_cli.records import Completion, Overflow, Prompt, Status, Verdict
from ttrl_cli.rundir import RunDir

PROMPTS = [Prompt(key=f"seed.{g}", group=g, messages=(), n=2) for g in range(2)]


def completion(group: int = 0, index: int = 0, text: str = "x") -> Completion:
    """A completion with all that one can have."""
    return Completion(
        group=group,
        index=index,
        text=text,
        seed=7,
        prompt_ids_S=np.array([1, 2, 3 + group]),
        token_ids_T=np.array([4, 5]),
        logprobs_T=np.array([-0.1, -np.inf]),
        logprob=-0.1,
        finished=index == 0,
        sampled_T=None if group else np.array([True, False]),
        overflow=Overflow(tokens=3, context=2) if index else None,
    )


VERDICT = Verdict(
    status=Status.OK, score=1 / 3, reward=-1 / 3, data={"a": [1, 2.5]}, metrics={"m": 0.1}
)


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    """A run directory."""
    source = tmp_path / "source"
    source.mkdir()
    return RunDir.create(tmp_path / "run", "solve", "p", SolveConfig(), source)


def assert_same(one: Completion, other: Completion) -> None:
    """Compare completions, arrays included."""
    for name in Completion.__slots__:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), strict=True)


def test_what_was_kept_is_taken(run: RunDir):
    """Completions and verdicts come back exactly, and so does the sampler's cursor."""
    pending = Pending(run)
    assert not pending.begin(3, PROMPTS).completions
    written = [completion(g, i, f"{g}{i}") for g in range(2) for i in range(2)]
    for one in written:
        pending.completion(one)
    pending.verdict((0, 0), VERDICT)
    pending.verdict((1, 0), replace(VERDICT, status=Status.FAILED))
    pending.sampled({"shared": 4})
    kept = Pending(run).begin(3, PROMPTS)
    for one in written:
        assert_same(kept.completions[one.group, one.index], one)
    assert kept.verdict(written[0]) == VERDICT
    assert kept.verdict(written[2]) is None  # ours failed: graded again
    assert (kept.sampled, kept.cursor) == (True, {"shared": 4})


@pytest.mark.parametrize(
    ("step", "prompts"), [(4, PROMPTS), (3, PROMPTS[:1]), (3, [replace(PROMPTS[0], n=3)])]
)
def test_another_step_begins_anew(run: RunDir, step: int, prompts: list[Prompt]):
    """What was kept of another step, or of other prompts, is not taken."""
    pending = Pending(run)
    pending.begin(3, PROMPTS)
    pending.completion(completion())
    assert not Pending(run).begin(step, prompts).completions
    assert len(read_lines(run.path / "pending.jsonl")) == 1


def test_a_line_that_was_cut_off_is_dropped(run: RunDir):
    """A kill while a line is written costs that line alone."""
    pending = Pending(run)
    pending.begin(3, PROMPTS)
    pending.completion(completion())
    pending.verdict((0, 0), VERDICT)
    path = run.path / "pending.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    again = Pending(run)
    kept = again.begin(3, PROMPTS)
    assert list(kept.completions) == [(0, 0)]
    assert kept.verdict(completion()) is None
    again.verdict((0, 0), VERDICT)
    assert Pending(run).begin(3, PROMPTS).verdict(completion()) == VERDICT


def test_a_completion_that_differs_loses_its_verdict(run: RunDir):
    """A verdict is for the text it was given for."""
    pending = Pending(run)
    pending.begin(3, PROMPTS)
    pending.completion(completion())
    pending.verdict((0, 0), VERDICT)
    kept = pending.begin(3, PROMPTS)
    assert kept.verdict(completion(text="y")) is None
    pending.completion(completion(text="y"))
    assert Pending(run).begin(3, PROMPTS).verdict(completion(text="y")) is None


MEASURE = """
import os, signal, time
from multiprocessing import parent_process
from pathlib import Path

LOG, MOMENT, PENDING = Path({log!r}), Path({moment!r}), Path({pending!r})

def measure(candidate, trial):
    with LOG.open("a") as file:
        file.write("x")
    if MOMENT.exists() and LOG.stat().st_size == int(MOMENT.read_text()):
        MOMENT.unlink()
        while PENDING.read_text().count('"event": "verdict"') < {heard}:
            time.sleep(0.01)  # all that were measured before are heard of
        os.kill(parent_process().pid, signal.SIGKILL)
        signal.pause()
    return {{"right": candidate.run("1 2").output.count("3") + int(candidate.text[-4:]) / 1e4}}
"""


@pytest.mark.parametrize(
    ("killed_at", "heard"),
    [
        pytest.param(1 + 5, 4, id="first step"),
        pytest.param(1 + 8 + 8, 7, id="second step"),
    ],
)
def test_killed_while_a_step_is_graded(tmp_path: Path, killed_at: int, heard: int):
    """A killed run repeats at most the measuring that was under way, and ends as if not killed."""
    texts = [fenced(f"{SUM}# {n:04d}") for n in range(1, 17)]
    run = {"groups": 2, "group_size": 4, "steps": 2, "workers": 1, "threads": 1}
    found = {}
    for name in ("whole", "killed"):
        folder = tmp_path / name
        folder.mkdir()
        places = {n: str(folder / n) for n in ("log", "moment")}
        pending = str(folder / "run" / "pending.jsonl")
        measure = MEASURE.format(**places, pending=pending, heard=heard)
        problem = write_measured(folder / "p", measure, seed=f"{SUM}# 0000", run=run)
        replay = write_lines(folder / "replay", texts)
        secret = folder / "secret"
        secret.write_text("the same secret for both")
        if name == "killed":
            (folder / "moment").write_text(str(killed_at))
        options = ["--sampler", f"replay:{replay}", "--secret-file", secret, "-q"]
        done = wait(spawn("solve", problem, "--out", folder / "run", *options))
        if name == "killed":
            assert done.code == -signal.SIGKILL
            assert (folder / "run" / "pending.jsonl").stat().st_size > 0
            resumed = ttrl("resume", folder / "run")
            assert resumed.code == 0, resumed.err
        assert (folder / "run" / "pending.jsonl").read_bytes() == b""
        found[name] = (digest(folder / "run"), len((folder / "log").read_text()))
    assert found["whole"][1] == 1 + 16
    assert found["killed"][0] == found["whole"][0]
    assert found["killed"][1] == found["whole"][1] + 1  # the one that was under way


def test_votes_take_what_was_kept(run: RunDir, tmp_path: Path):
    """The log of a step is plain JSON lines with a schema version, for votes as for searches."""
    del tmp_path
    pending = Pending(run)
    pending.begin(1, PROMPTS)
    pending.completion(completion())
    lines = [json.loads(line) for line in (run.path / "pending.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["step", "completion"]
    assert all(line["schema_version"] == 1 for line in lines)


def test_a_run_without_a_kill_leaves_nothing(tmp_path: Path):
    """After a run the log of the step under way is empty."""
    problem = write_problem(tmp_path / "p")
    replay = write_lines(tmp_path / "replay", ["2", "3"])
    done = ttrl("solve", problem, "--out", tmp_path / "r", "--sampler", f"replay:{replay}")
    assert done.code == 0, done.err
    assert (tmp_path / "r" / "pending.jsonl").read_bytes() == b""
