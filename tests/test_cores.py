"""Physical cores as locks: no more timed programs at once than there are, whoever runs them."""

import multiprocessing
import re
import threading
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from tests._helpers import PATIENCE, read_lines, spawn, until, wait, write_lines
from tests._measured import fenced, write_measured
from ttrl_cli.errors import SetupError
from ttrl_cli.grading.clock import Clock
from ttrl_cli.sandbox import cores as module
from ttrl_cli.sandbox.cores import Cores, physical_cores


@pytest.fixture
def cores(tmp_path: Path) -> Cores:
    """Three cores."""
    return Cores(tmp_path, ["a", "b", "c"])


def test_cores_are_held_one_by_one(cores: Cores):
    """As many programs hold a core as there are; one more waits, and gets the first free one."""
    with cores.taken(1), cores.taken(1):
        with cores.taken(1), cores.spare(1) as free:
            assert not free
        with cores.spare(1) as free:
            assert free


def test_several_cores_are_held_together(cores: Cores):
    """Whoever needs two gets two or waits; who needs more than there are gets all."""
    with cores.taken(2):
        with cores.spare(2) as free:
            assert not free
        with cores.spare(1) as free:
            assert free
    with cores.taken(99), cores.spare(1) as free:
        assert not free


def test_nobody_overtakes_who_waits(cores: Cores):
    """While somebody waits for all cores, spare ones are not given to others."""
    got, done = threading.Event(), threading.Event()

    def wait_for_all() -> None:
        with cores.taken(3):
            got.set()
            done.wait(PATIENCE)

    thread = threading.Thread(target=wait_for_all)
    with cores.taken(1):
        thread.start()
        until(lambda: _refused(cores))
        assert not got.is_set()
    assert got.wait(PATIENCE)
    done.set()
    thread.join()


def _refused(cores: Cores) -> bool:
    with cores.spare(1) as free:
        return not free


def _hold(folder: str, held: object) -> None:
    with Cores(Path(folder), ["a"]).taken(1):
        held.set()  # type: ignore[attr-defined]
        time.sleep(PATIENCE)


def test_a_dead_process_holds_nothing(tmp_path: Path):
    """The system releases the core of a process that was killed."""
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    process: BaseProcess = context.Process(target=_hold, args=(str(tmp_path), held))
    process.start()
    cores = Cores(tmp_path, ["a"])
    try:
        assert held.wait(PATIENCE)
        with cores.spare(1) as free:
            assert not free
    finally:
        process.kill()
        process.join()
    with cores.taken(1):
        pass


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path):
    """A link in the place of the locks' folder is not followed."""
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(SetupError, match="not a folder of this user"):
        module._own_folder(tmp_path / "link")


def test_this_machine_has_cores():
    """There is at least one physical core, and each is named once."""
    assert len(set(physical_cores())) == len(physical_cores()) == len(Cores.of_this_machine()) >= 1


def test_a_clock_stands_still_only_while_nothing_runs():
    """Waiting does not count, unless a call runs meanwhile."""
    clock = Clock()
    with clock.waiting():
        before = clock.used()
        time.sleep(0.02)
        assert clock.used() == before
        with clock.running():
            time.sleep(0.02)
            assert clock.used() >= before + 0.02
        after = clock.used()
        time.sleep(0.02)
        assert clock.used() == after
    time.sleep(0.02)
    assert clock.used() >= after + 0.02


TIMES = """
import time
def run(n):
    began = time.monotonic()
    end = time.process_time() + 0.03
    while time.process_time() < end: pass
    return [began, time.monotonic()]
"""
MEASURE = """
import json
from pathlib import Path

LOG = Path({log!r})

def measure(candidate, trial):
    outcomes = candidate.map([{{"n": n}} for n in range(4)])
    assert all(o.ok for o in outcomes), outcomes
    with LOG.open("a") as file:
        file.write("".join(json.dumps(o.data) + "\\n" for o in outcomes))
    return {{"right": 1}}
"""


def test_two_runs_share_the_cores(tmp_path: Path):
    """Two runs on one machine never have more timed programs under way than physical cores."""
    log = tmp_path / "log"
    problem = write_measured(tmp_path / "p", MEASURE.format(log=str(log)), seed=TIMES)
    run = {"groups": 1, "group_size": 4, "steps": 1, "workers": 2, "threads": 1}
    text = (problem / "problem.yaml").read_text()
    (problem / "problem.yaml").write_text(re.sub(r"run:\n(  .*\n)+", f"run: {run}\n", text))
    replay = write_lines(tmp_path / "replay", [fenced(f"{TIMES}# {n}") for n in range(4)])
    runs = [
        spawn("solve", problem, "--out", tmp_path / name, "--sampler", f"replay:{replay}", "-q")
        for name in ("one", "two")
    ]
    for process in runs:
        done = wait(process)
        assert done.code == 0, done.err
    spans = read_lines(log)
    assert len(spans) == 2 * (1 + 4) * 4
    edges = sorted([(began, 1) for began, _ in spans] + [(ended, -1) for _, ended in spans])
    most = at_once = 0
    for _, change in edges:
        at_once += change
        most = max(most, at_once)
    assert 1 <= most <= len(physical_cores())
