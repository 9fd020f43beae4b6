"""Samplers with weights of their own: that adapters reach them, and that a stale one is found."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests._helpers import DISTINCT, flags, read_lines, ttrl, write_problem
from tests._separate import Separate, Stale, Twice, own_model
from ttrl_cli.api.runtime import Runtime
from ttrl_cli.config import RunConfig
from ttrl_cli.console import Console, RunView
from ttrl_cli.errors import SetupError, StaleSamplerError
from ttrl_cli.grading.votes import AnswerGrader
from ttrl_cli.learner import adapter_files
from ttrl_cli.learner.adapter_files import AdapterFiles
from ttrl_cli.learner.lora import LoraLearner
from ttrl_cli.loop.staleness import (
    COMPLETION_TOKENS,
    PROMPT_TOKENS,
    ROWS,
    SlopeCheck,
    _Baseline,
    probes,
    slope,
)
from ttrl_cli.loop.step import restore_weights
from ttrl_cli.models.load import load_model
from ttrl_cli.records import FloatArray, Probe, Round, Row
from ttrl_cli.rundir import RunDir
from ttrl_cli.sampler import registry


def random_row(
    *, prompt: int = 1, tokens: int = 6, prompt_tokens: int = 9, advantage: float = 1.0
) -> Row:
    """A row of random tokens; its log-probabilities are those of a fair draw."""
    rng = np.random.default_rng([prompt, tokens])
    return Row(
        prompt_ids_S=np.full(prompt_tokens, 2 + prompt, dtype=np.int64),
        token_ids_T=rng.integers(2, 258, tokens),
        logprobs_T=np.full(tokens, -math.log(258)),
        advantages_T=np.full(tokens, advantage),
    )


def write_nothing(folder: Path) -> None:
    """An adapter of one byte."""
    (folder / "adapter_model.safetensors").write_bytes(b"x")
    (folder / "adapter_model.safetensors").chmod(0o600)


# the slope


def test_a_sampler_that_follows_has_slope_one() -> None:
    """The same changes on both sides: slope 1, no error."""
    changes = np.array([0.1, -0.2, 0.05, 0.3])
    found = slope(changes, changes)
    assert (found.value, found.error) == (pytest.approx(1.0), pytest.approx(0.0, abs=1e-12))
    assert found.fresh
    assert not found.stale


def test_a_sampler_that_stands_still_has_slope_zero() -> None:
    """No change against some: slope 0, no error, out of step."""
    found = slope(np.array([0.1, -0.2, 0.05]), np.zeros(3))
    assert (found.value, found.error) == (0.0, 0.0)
    assert found.stale


def test_a_slope_by_hand() -> None:
    """DL = (1, 2), dS = (1, 1): slope 3 / 5; rest (0.4, -0.2), variance 0.2, error sqrt(0.04)."""
    found = slope(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    assert found.value == pytest.approx(0.6)
    assert found.error == pytest.approx(0.2)
    assert not found.fresh
    assert not found.stale


@pytest.mark.parametrize("tokens", [0, 1, 4])
def test_without_a_change_nothing_is_said(tokens: int) -> None:
    """An update that changed nothing, or fewer than two tokens, leave it open."""
    found = slope(np.zeros(tokens), np.ones(tokens))
    assert found.error == math.inf
    assert not found.fresh
    assert not found.stale


def test_noise_leaves_small_changes_open() -> None:
    """Engine noise of ten times the changes: neither in step nor out of it, whichever is true."""
    rng = np.random.default_rng(0)
    changes = 0.001 * rng.normal(size=200)
    for truth in (changes, np.zeros(200)):
        found = slope(changes, truth + 0.01 * rng.normal(size=200))
        assert not found.fresh
        assert not found.stale


# probes


def test_probes_come_from_as_many_prompts_as_there_are() -> None:
    """Of two prompts with three rows each, two rows of each are taken."""
    rows = [random_row(prompt=p, tokens=t) for p in (1, 2) for t in (3, 4, 5)]
    found = probes(rows)
    assert [int(probe.prompt_ids_S[0]) for probe in found] == [3, 4, 3, 4]
    assert len(found) == ROWS


def test_probes_are_cut() -> None:
    """The end of a long prompt, the beginning of a long completion."""
    long = random_row(tokens=1000, prompt_tokens=5000)
    (probe,) = probes([long])
    assert len(probe.prompt_ids_S) == PROMPT_TOKENS
    np.testing.assert_array_equal(probe.token_ids_T, long.token_ids_T[:COMPLETION_TOKENS])


def test_nothing_to_learn_from_is_no_probe() -> None:
    """No rows, no probes."""
    assert probes([]) == ()


# adapters as files


def test_no_path_is_used_twice(tmp_path: Path) -> None:
    """The newest two adapters are kept, and every path is new."""
    files = AdapterFiles(tmp_path)
    found = [files.publish(write_nothing, 1) for _ in range(4)]
    assert len(set(found)) == 4
    assert [path.exists() for path in found] == [False, False, True, True]
    assert [path.stat().st_mode & 0o777 for path in found[-1].iterdir()] == [0o644]
    assert [path.stat().st_mode & 0o777 for path in tmp_path.iterdir()] == [0o755]
    files.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """With the option's name."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match=r"/file cannot be written: .*--adapter-folder"):
        AdapterFiles(tmp_path / "file").publish(write_nothing, 1)


@pytest.mark.parametrize(("room", "inside"), [(4, True), (5, False)])
def test_memory_is_used_where_it_has_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, inside: bool
) -> None:
    """Four adapters must fit into the file system in memory, or temporary files are used."""
    free = adapter_files.shutil.disk_usage(tmp_path).free
    monkeypatch.setattr(adapter_files, "_MEMORY", tmp_path)
    files = AdapterFiles()
    # others may write to the disk meanwhile; a thousandth more or less does not
    size = int(free / 4 * 0.999) if room == 4 else int(free / 4 * 1.001)
    folder = files.publish(write_nothing, size)
    assert folder.is_relative_to(tmp_path) is inside
    files.close()


# the watch, over real updates


@pytest.fixture
def config(tiny_model: Path) -> RunConfig:
    """The tiny model, at a rate at which one update is seen."""
    return RunConfig(
        model=str(tiny_model), dtype="float32", device="cpu", lora_rank=4, lr=1e-2, kl=0.0
    )


class Bench:
    """A learner, a sampler with weights of its own, and the watch over both."""

    def __init__(self, config: RunConfig, kind: type[Separate], files: AdapterFiles) -> None:
        self.learner = LoraLearner(load_model(config), config, files)
        self.sampler = kind(**own_model(config))
        self.sampler.load(self.learner.adapter)
        self.watch = SlopeCheck(self.sampler, self.learner)

    def step(self, step: int, rows: list[Row]) -> dict[str, float]:
        """One update, as the loop makes it."""
        round_ = Round(step=step, rows=tuple(rows), normalizer=1.0)
        self.watch.before([round_], self.learner.adapter)
        self.learner.update(round_)
        self.sampler.load(self.learner.adapter)
        return self.watch.after(self.learner.adapter)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[AdapterFiles]:
    """Where adapters go."""
    opened = AdapterFiles(tmp_path)
    yield opened
    opened.close()


def test_a_sampler_in_step_passes(config: RunConfig, files: AdapterFiles) -> None:
    """Each update reaches the sampler: slope 1, and no gap."""
    bench = Bench(config, Separate, files)
    for step in (1, 2, 3):
        metrics = bench.step(step, [random_row(), random_row(prompt=2)])
        assert metrics["policy/sync"] == pytest.approx(1.0, abs=1e-3)
        assert metrics["policy/logprob_gap"] < 1e-4
    assert len(set(bench.sampler.paths)) == 4


def test_a_stale_sampler_is_found_at_once(config: RunConfig, files: AdapterFiles) -> None:
    """A sampler that keeps its first weights stops the run at the first update."""
    bench = Bench(config, Stale, files)
    with pytest.raises(StaleSamplerError, match="from policy 0 to 1"):
        bench.step(1, [random_row()])


def test_a_sampler_that_falls_behind_later_is_found(config: RunConfig, files: AdapterFiles) -> None:
    """One that follows for two updates and then stops following is found at the third.

    Its weights are then one step old, which successive updates of a direction resemble.
    """
    bench = Bench(config, Separate, files)
    bench.step(1, [random_row()])
    bench.step(2, [random_row()])
    bench.sampler.behind = True
    with pytest.raises(StaleSamplerError, match="from policy 2 to 3"):
        bench.step(3, [random_row()])


@pytest.mark.parametrize("kind", [Separate, Stale])
def test_changes_below_the_noise_add_up(
    config: RunConfig, files: AdapterFiles, kind: type[Separate]
) -> None:
    """Where one update drowns in the engines' noise, several do not: the truth comes out."""
    bench = Bench(config.model_copy(update={"lr": 1e-4}), kind, files)
    bench.sampler.noise = 0.05
    rows = [random_row(tokens=100), random_row(prompt=2, tokens=100)]
    first = bench.step(1, rows)
    assert not first["policy/sync"] - 3 * first["policy/sync_error"] > 0.5
    if kind is Stale:
        with pytest.raises(StaleSamplerError, match="from policy 0 to"):
            [bench.step(step, rows) for step in range(2, 60)]
        return
    decided = []
    for step in range(2, 60):
        metrics = bench.step(step, rows)
        decided.append(metrics["policy/sync"] - 3 * metrics["policy/sync_error"] > 0.5)
    assert any(decided)


class Coarse(Separate):
    """Rounds, so that a small change of its weights is no change of what it says."""

    def logprobs(self, probes: Sequence[Probe], replica: str = "copy") -> list[FloatArray]:
        return [np.round(logp_T, 1) for logp_T in super().logprobs(probes, replica)]


def test_a_change_that_an_engine_rounds_away_stays_open(
    config: RunConfig, files: AdapterFiles
) -> None:
    """It has the weights, and says the same as before; once the change is larger, it follows."""
    bench = Bench(config.model_copy(update={"lr": 1e-6}), Coarse, files)
    rows = [random_row(tokens=100), random_row(prompt=2, tokens=100)]
    assert bench.step(1, rows)["policy/sync"] < 0.5
    bench.learner._config = config
    assert bench.step(2, rows)["policy/sync"] == pytest.approx(1.0, abs=0.1)


def test_every_copy_is_watched_at_every_update(config: RunConfig, files: AdapterFiles) -> None:
    """A copy that is still open hides no other: one that stops following later is found then."""
    bench = Bench(config, Twice, files)
    assert isinstance(bench.sampler, Twice)
    bench.step(1, [random_row()])
    bench.watch._open["first"] = bench.watch._open.get("first") or _open_reference(bench)
    kept = files.publish(bench.learner._write, 1)
    bench.sampler.second = kept
    with pytest.raises(StaleSamplerError, match="second does not have the learner's weights"):
        bench.step(2, [random_row(prompt=2)])


def _open_reference(bench: Bench) -> Any:
    """What a comparison starts from that a noisy engine has left open."""
    chosen = probes([random_row(prompt=3)])
    scores = np.concatenate(bench.learner.logprobs(chosen))
    return _Baseline(chosen, 1, scores, scores)


def test_a_run_in_step_survives_many_looks_at_noise() -> None:
    """In 20,000 looks at noise around slope 1, none says that the sampler is stale.

    Three standard errors are about 0.45, as much as still lets anything be said.
    """
    rng = np.random.default_rng(1)
    looks = 0
    for _ in range(20_000):
        change = 0.1 * rng.normal(size=64)
        found = slope(change, change + 0.12 * rng.normal(size=64))
        looks += 3 * found.error < 0.5
        assert not found.stale
    assert looks > 10_000


def test_an_update_without_rows_says_nothing(config: RunConfig, files: AdapterFiles) -> None:
    """Nothing learned from, nothing to compare; the adapter is not written again."""
    bench = Bench(config, Separate, files)
    assert bench.step(1, []) == {}
    assert bench.sampler.paths[0] == bench.sampler.paths[1]


def test_going_back_to_older_weights_is_no_change(config: RunConfig, files: AdapterFiles) -> None:
    """After the learner has loaded other weights, an open comparison is forgotten."""
    bench = Bench(config, Stale, files)
    round_ = Round(step=1, rows=(random_row(),), normalizer=1.0)
    bench.watch.before([round_], bench.learner.adapter)
    with torch.no_grad():
        for parameter in bench.learner._model.network.parameters():
            parameter.add_(0.01)
    bench.watch.forget()
    assert bench.watch.after(bench.learner.adapter) == {}


# whole runs


@pytest.fixture
def run_options(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Options of a run on the tiny model, with the samplers of these tests known by name."""
    monkeypatch.setitem(registry.SAMPLERS, "separate", "tests._separate:separate")
    monkeypatch.setitem(registry.SAMPLERS, "stale", "tests._separate:stale")
    given = {"model": tiny_model, "device": "cpu", "dtype": "float32", "lora-rank": 4, "lr": 1e-2}
    given |= {"max-tokens": 12, "threads": 1, "objective": "mean-baseline", "kl": 0}
    return flags(given)


def test_a_run_notes_that_its_sampler_is_in_step(tmp_path: Path, run_options: list[Any]) -> None:
    """metrics.jsonl has the slope of every step that learned; the run makes its steps."""
    problem = write_problem(tmp_path / "problem", DISTINCT, seed="a")
    run = tmp_path / "run"
    done = ttrl("solve", problem, "--out", run, "--sampler", "separate", "--json", *run_options)
    assert done.code == 0, done.err
    lines = read_lines(run / "metrics.jsonl")
    assert [line["policy/sync"] for line in lines] == [pytest.approx(1.0, abs=0.01)] * 2


def test_a_run_with_a_stale_sampler_stops(tmp_path: Path, run_options: list[Any]) -> None:
    """Exit code 3, a message that says what is wrong, and nothing of the step committed."""
    problem = write_problem(tmp_path / "problem", DISTINCT, seed="a")
    run = tmp_path / "run"
    done = ttrl("solve", problem, "--out", run, "--sampler", "stale", *run_options)
    assert done.code == 3
    assert "copy does not have the learner's weights" in done.err
    assert not (run / "metrics.jsonl").exists() or read_lines(run / "metrics.jsonl") == []


def test_going_back_to_a_commit_forgets_what_was_open(
    tmp_path: Path, run_options: list[Any]
) -> None:
    """A comparison that the noise left open says nothing of the weights of an earlier commit."""
    problem = write_problem(tmp_path / "problem", DISTINCT, seed="a")
    folder = tmp_path / "run"
    options = ["--sampler", "separate", *run_options]
    assert ttrl("solve", problem, "--out", folder, *options).code == 0
    run = RunDir.open(folder)
    with Runtime.load(run.config) as runtime:
        parts = runtime.parts(
            run, AnswerGrader(last_number=True), RunView(Console(quiet=True), started=0.0), 0.0
        )
        restore_weights(parts, 2)
        round_ = Round(step=3, rows=(random_row(),), normalizer=1.0)
        parts.staleness.before([round_], parts.learner.adapter)
        assert restore_weights(parts, 1) == 1
        assert parts.staleness.after(parts.learner.adapter) == {}


def test_a_run_without_learning_starts_from_anothers_adapter(
    tmp_path: Path, run_options: list[Any]
) -> None:
    """`--no-train --from RUN` hands a separate sampler the trained adapter, also when resumed."""
    problem = write_problem(tmp_path / "problem", DISTINCT, seed="a")
    options = ["--sampler", "separate", *run_options]
    trained, second = tmp_path / "trained", tmp_path / "second"
    assert ttrl("solve", problem, "--out", trained, *options).code == 0
    options += ["--from", trained, "--no-train"]
    assert ttrl("solve", problem, "--out", second, *options, "--steps", 1).code == 0
    assert ttrl("resume", second, "--steps", 2).code == 0
    newest = max((trained / "checkpoints").iterdir()) / "adapter_model.safetensors"
    for folder in (second / "checkpoints").iterdir():
        assert (folder / "adapter_model.safetensors").read_bytes() == newest.read_bytes()
