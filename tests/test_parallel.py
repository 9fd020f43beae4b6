"""Two processes that share a run, on the CPU: the command as a user would start it."""

import json
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests._helpers import (
    DISTINCT,
    PATIENCE,
    SCRIPT,
    command,
    digest,
    flags,
    followers,
    kill_the_other,
    read_lines,
    solve,
    spawn,
    ttrl,
    until,
    wait,
    write_lines,
    write_problem,
)
from ttrl_cli.process_group import host_store
from ttrl_cli.records import Message, Prompt
from ttrl_cli.sampler.parallel import share

GIVEN = {
    "device": "cpu",
    "dtype": "float32",
    "threads": 1,
    "lora_rank": 4,
    "lr": 1e-3,
    "max_tokens": 24,
    "groups": 2,
    "group_size": 8,
    "steps": 3,
    "objective": "mean-baseline",
    "kl": 0.1,
}


@pytest.fixture
def problem(tmp_path: Path) -> Path:
    """A problem that any text solves; longer is better."""
    return write_problem(tmp_path / "problem", DISTINCT, seed="a")


def options(model: Path, **changed: Any) -> list[Any]:
    """Options of the command line."""
    return flags(GIVEN | {"model": model} | changed)


def sampled_and_graded(run: Path) -> list[tuple[str, str, float]]:
    """What was sampled, and how it was graded."""
    return [
        (line["id"], line["text"], line["verdict"]["score"])
        for line in read_lines(run / "attempts.jsonl")
    ]


class Alone:
    """ProcessGroup of which only the numbers are needed."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank = rank
        self.size = size


@pytest.mark.parametrize(("n", "size"), [(8, 2), (7, 3), (2, 4), (1, 1)])
def test_every_sample_has_one_process(n: int, size: int) -> None:
    """The shares of a prompt are its samples, each once, and differ by one at most."""
    prompt = Prompt(key="q", group=3, messages=(Message(role="user", content="?"),), n=n)
    shares = [share([prompt], Alone(rank, size)) for rank in range(size)]  # type: ignore[arg-type]
    indices = [index for cut in shares for mine in cut for index in mine.indices]
    assert indices == list(range(n))
    lengths = [sum(mine.n for mine in cut) for cut in shares]
    assert max(lengths) - min(lengths) <= 1


def test_the_port_where_processes_meet_is_taken() -> None:
    """Nobody else gets it while they start."""
    store = host_store()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((store.host, store.port))


def test_searching_alone_two_processes_are_as_one(
    tmp_path: Path, tiny_model: Path, problem: Path
) -> None:
    """Without learning, a run of two processes has the digest of a run of one.

    `accelerate launch` starts the two: process 0 is the command and the other follows.
    """
    one, two = tmp_path / "one", tmp_path / "two"
    given = [problem, *options(tiny_model), "--no-train", "--quiet"]
    done = ttrl("solve", *given, "--gpus", 1, "--out", one)
    assert done.code == 0, done.err
    launch("solve", *given, "--gpus", 2, "--out", two)
    assert len(sampled_and_graded(two)) == 48
    assert digest(one) == digest(two)


def launch(*arguments: object) -> None:
    """Have accelerate start the command in two processes."""
    words = [SCRIPT.with_name("accelerate"), "launch", "--cpu", "--num_processes", 2]
    words += ["--num_machines", 1, "--num_cpu_threads_per_process", 1, "--mixed_precision", "no"]
    words += ["--dynamo_backend", "no", "--module", "ttrl_cli", *arguments]
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr


def test_learning_two_processes_do_what_one_does(
    tmp_path: Path, tiny_model: Path, problem: Path
) -> None:
    """Gradients are summed in another order: same texts, log-probabilities and metrics to 1e-4.

    A run of two that is stopped and resumed has the digest of one that was not.
    """
    one, two, halves = (tmp_path / name for name in ("one", "two", "halves"))
    for run, gpus, steps in ((one, 1, 3), (two, 2, 3), (halves, 2, 2)):
        given = [*options(tiny_model, gpus=gpus, steps=steps), "--out", run, "--quiet"]
        start = ttrl if gpus == 1 else command
        done = start("solve", problem, *given)
        assert done.code == 0, done.err
    assert sampled_and_graded(one) == sampled_and_graded(two)
    lines = zip(read_lines(one / "attempts.jsonl"), read_lines(two / "attempts.jsonl"), strict=True)
    for ours, theirs in lines:
        assert ours["logprob"] == pytest.approx(theirs["logprob"], rel=1e-4)
        assert ours["advantage"] == pytest.approx(theirs["advantage"], rel=1e-6)
    figures = zip(read_lines(one / "metrics.jsonl"), read_lines(two / "metrics.jsonl"), strict=True)
    for ours, theirs in figures:
        for key in ("train/grad_norm", "train/kl_base", "train/tokens", "train/entropy"):
            assert ours[key] == pytest.approx(theirs[key], rel=1e-4), key
    assert command("resume", halves, "--steps", 3, "--quiet").code == 0
    assert digest(halves) == digest(two)


def test_the_deadline_ends_sampling_in_all(tmp_path: Path, tiny_model: Path, problem: Path) -> None:
    """Out of tokens: each process stops soon after, and what was finished by then is kept."""
    run = tmp_path / "run"
    given = [*options(tiny_model, gpus=2, steps=1, max_tokens=3000), "--tokens", 500]
    done = command("solve", problem, *given, "--out", run, "--quiet")
    assert done.code == 0, done.err
    kept = read_lines(run / "attempts.jsonl")
    assert 0 < len(kept) < 16


def test_a_vote_in_two_processes(tmp_path: Path, counting_model: Path) -> None:
    """`ttrl vote --gpus 2` prints a line per question and trains."""
    questions = write_lines(tmp_path / "q.jsonl", [{"question": "1+1?"}, {"question": "2+2?"}])
    given = {"model": counting_model, "device": "cpu", "dtype": "float32", "threads": 1, "n": 4}
    given |= {"lora-rank": 4, "max-tokens": 8, "groups": 2, "steps": 1, "gpus": 2}
    given |= {"out": tmp_path / "run"}
    flat = [part for key, value in given.items() for part in (f"--{key}", value)]
    done = command("vote", *flat, "--quiet", "--last-number", questions)
    assert done.code == 0, done.err
    assert len([json.loads(line) for line in done.out.splitlines()]) == 2


def test_ctrl_c_finishes_the_step_of_all(tmp_path: Path, tiny_model: Path, problem: Path) -> None:
    """One interrupt to the foreground: the step is saved, exit code 130, nobody is left behind."""
    run = tmp_path / "run"
    given = [*options(tiny_model, gpus=2, steps=10_000), "--out", run]
    process = spawn("solve", problem, *given)
    until(lambda: (run / "metrics.jsonl").exists() and read_lines(run / "metrics.jsonl"))
    assert len(followers()) == 1
    process.send_signal(signal.SIGINT)
    done = wait(process)
    assert done.code == 130
    assert "go on with: ttrl resume" in done.err
    assert "Traceback" not in done.err
    until(lambda: not followers())
    steps = len(read_lines(run / "metrics.jsonl"))
    assert json.loads((run / "status.json").read_text())["totals"]["steps"] == steps


def test_a_process_that_dies_ends_the_run(tmp_path: Path, tiny_model: Path, problem: Path) -> None:
    """Exit code 3 and a sentence, not a wait for ever; the run can be resumed."""
    run = tmp_path / "run"
    given = [*options(tiny_model, gpus=2, steps=10_000), "--out", run]
    process = spawn("solve", problem, *given)
    assert kill_the_other(run, process).code == 3


def test_scripts_are_not_shared(tmp_path: Path, problem: Path) -> None:
    """`--gpus` with scripted completions is a mistake."""
    done = solve(problem, tmp_path / "run", ["a"], "--gpus", 2)
    assert done.code == 2
    assert "--gpus 2" in done.err


def test_gpus_that_are_not_there(tmp_path: Path, tiny_model: Path, problem: Path) -> None:
    """A number above that of the GPUs is refused before anything is started."""
    given = options(tiny_model, gpus=99, device="cuda")
    done = ttrl("solve", problem, *given, "--out", tmp_path / "run")
    assert done.code == 3
    assert not (tmp_path / "run").exists()
