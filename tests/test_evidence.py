"""The evidence: statistics, the plan, what is run and what is not, the page."""

import json
import re
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from tests._helpers import digest, read_lines, write_lines, write_problem
from tests.evidence import page, plots, records
from tests.evidence.__main__ import alone, in_the_way, listing, main, make
from tests.evidence.evidence import FINDINGS, Evidence
from tests.evidence.plan import PLAN, ROOT, Arm, Run, Subject, runs
from tests.evidence.records import Experiment, Record
from tests.evidence.runs import Crew, State
from ttrl_cli.cli.main import app
from ttrl_cli.errors import UsageError
from ttrl_cli.report.experiment import digest_of_problem
from ttrl_cli.report.few_runs import (
    area,
    holm,
    last_third,
    permutation_test,
    smallest_p,
    spread,
    stratified_test,
)
from ttrl_cli.report.measures import MEASURES

# -- statistics ------------------------------------------------------------------------------------


def test_spread_by_hand():
    """Of 1, 2, 3 and 10 the median is 2.5 and the mean 4."""
    found = spread([10, 1, 3, 2])
    assert (found.n, found.median, found.low, found.high, found.mean) == (4, 2.5, 1, 10, 4)


def test_interval_of_two_runs_is_their_range():
    """Of two runs a quarter of the resamples is one value twice: the interval is the range."""
    assert spread([0, 1]).interval == (0, 1)
    assert spread([3, 3]).interval == (3, 3)


def test_area_by_hand():
    """From 1 to 0.8 over 10 samples, then to 0.6 over 30: (10 * 0.9 + 30 * 0.7) / 40 = 0.75."""
    assert area([0.8, 0.6], [10, 30], 1.0) == pytest.approx(0.75, abs=1e-15)


def test_area_of_a_flat_curve_is_its_score():
    """A run that never improves on its seed has the seed's score as its area."""
    assert area([7, 7, 7], [72, 72, 72], 7) == 7


@pytest.mark.parametrize("lengths", [(0, 0), (2, 1)])
def test_area_refuses_what_is_no_curve(lengths: tuple[int, int]):
    """No steps, or scores without samples, have no area."""
    with pytest.raises(ValueError, match="as many samples as scores"):
        area([1.0] * lengths[0], [1.0] * lengths[1], 1.0)


@pytest.mark.parametrize(("steps", "kept"), [(12, 4), (4, 2), (1, 1), (13, 5)])
def test_last_third_is_rounded_up(steps: int, kept: int):
    """Of 4 steps the last third is 2."""
    assert list(last_third(list(range(steps)))) == list(range(steps - kept, steps))


def test_permutation_test_by_hand():
    """1, 2 against 3, 4: of six splits two are as far apart, so p is 2/6."""
    found = permutation_test([1, 2], [3, 4])
    assert (found.effect, found.exact) == (-2, True)
    assert found.p == found.smallest == pytest.approx(2 / 6)


def test_permutation_test_of_a_middling_split():
    """1, 3 against 2, 4: of the differences -2, -1, 0, 0, 1, 2 four are at least 1: p = 4/6."""
    assert permutation_test([1, 3], [2, 4]).p == pytest.approx(4 / 6)


def test_four_against_four_cannot_go_below_a_thirty_fifth():
    """Four runs that are all better than four others have p = 2/70."""
    found = permutation_test([5, 6, 7, 8], [1, 2, 3, 4])
    assert found.p == found.smallest == smallest_p(4, 4) == pytest.approx(2 / 70)


def test_arms_of_unequal_size():
    """5 against 1, 2, 3 is the farthest of four splits, and has no mirror image: p = 1/4."""
    found = permutation_test([5], [1, 2, 3])
    assert found.effect == 3
    assert found.p == found.smallest == pytest.approx(1 / 4)


def test_equal_runs_show_nothing():
    """Where all runs are equal, every split is as far apart: p = 1."""
    assert permutation_test([2, 2, 2], [2, 2, 2]).p == 1


def test_rounding_does_not_decide():
    """0.1, 0.7 and 0.2, 0.6 have equal means, but not in floating point; every split counts."""
    assert 0.1 + 0.7 != 0.2 + 0.6
    assert permutation_test([0.1, 0.7], [0.2, 0.6]).p == 1


def test_many_runs_are_split_at_random():
    """With more splits than are counted p is that of random ones, near the exact one, never 0."""
    exact = permutation_test([1, 3, 4], [2, 5, 6])
    drawn = permutation_test([1, 3, 4], [2, 5, 6], most=5)
    assert not drawn.exact
    assert drawn.p == pytest.approx(exact.p, abs=0.03)
    assert drawn == permutation_test([1, 3, 4], [2, 5, 6], most=5)
    apart = permutation_test(range(100, 120), range(20), rng=np.random.default_rng(1))
    assert not apart.exact
    assert apart.p == apart.smallest == pytest.approx(1 / 10_001)


def test_holm_by_hand():
    """0.01 of three is 0.03; 0.03 is 0.06; 0.04 would be 0.04, and is not below the one before."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1, 1]
    assert holm([]) == []


def test_stratified_test_by_hand():
    """Two problems on which 3, 4 meets 1, 2: of 36 ways two are as far apart."""
    found = stratified_test([([3, 4], [1, 2]), ([3, 4], [1, 2])])
    assert found.effect == 1
    assert found.p == found.smallest == pytest.approx(2 / 36)


def test_problems_that_disagree_cancel():
    """Better on one problem and as much worse on another is no effect."""
    found = stratified_test([([3, 4], [1, 2]), ([1, 2], [3, 4])])
    assert (found.effect, found.p) == (0.5, 1)


def test_scores_of_different_problems_are_never_compared():
    """Scaling one problem's scores changes nothing."""
    one, other = ([3, 1], [2, 4]), ([5, 6], [1, 7])
    scaled = ([5000, 6000], [1000, 7000])
    assert stratified_test([one, other]) == stratified_test([one, scaled])


def test_equal_scores_count_half():
    """7 against 7 and 6: half a pair and a whole one, 75%."""
    assert stratified_test([([7], [7, 6])]).effect == pytest.approx(0.75)


def test_one_problem_is_wilcoxons_test():
    """5, 6, 9 against 1, 2, 7 has rank sum 13 of a mean of 10.5: 8 of 20 splits are as far off."""
    assert stratified_test([([5, 6, 9], [1, 2, 7])]).p == pytest.approx(8 / 20)


# -- the plan --------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", [run for run in runs() if run.seed == 0], ids=lambda run: run.name)
def test_the_command_takes_every_arm(run: Run):
    """The command line parses each arm's arguments, to the values that the plan sets."""
    root: Any = typer.main.get_command(app)
    command = root.commands[run.subject.kind]
    parsed = command.make_context("ttrl", [str(run.subject.source), *run.arguments()]).params
    names = {"group_size": "n"} if run.subject.kind == "vote" else {}
    given = {key: parsed[names.get(key, key)] for key in run.options}
    assert given == run.options
    config = run.config().model_dump()
    assert {key: config[key] for key in run.options} == run.options


def test_no_run_is_made_twice():
    """No two runs have one problem and one configuration, and no two one name."""
    every = runs()
    made = [(run.subject.source, run.config().model_dump_json()) for run in every]
    assert len(set(made)) == len({run.name for run in every}) == len(every)


@pytest.mark.parametrize("subject", PLAN, ids=lambda subject: subject.name)
def test_arms_draw_equal_samples(subject: Subject):
    """All arms of a problem have the same groups, samples and steps; votes but for their steps."""
    keys = ["groups", "group_size", *(["steps"] if subject.kind == "solve" else [])]
    arms = [*subject.arms, *subject.ablations]
    configs = [Run(subject=subject, arm=arm, seed=0).config().model_dump() for arm in arms]
    assert len({tuple(config[key] for key in keys) for config in configs}) == 1


@pytest.mark.parametrize("subject", PLAN, ids=lambda subject: subject.name)
def test_an_ablation_changes_one_thing(subject: Subject):
    """An ablation's configuration differs from the first arm's in one key."""
    base = Run(subject=subject, arm=subject.arms[0], seed=0).config().model_dump()
    for arm in subject.ablations:
        config = Run(subject=subject, arm=arm, seed=0).config().model_dump()
        assert len([key for key in base if base[key] != config[key]]) == 1, arm.name


def test_seeds_come_in_rounds():
    """Every arm has its run of a seed before any has one of the next.

    Each problem has four or more, each ablation three.
    """
    seeds = [run.seed for run in runs()]
    assert seeds == sorted(seeds)
    solved = [subject for subject in PLAN if subject.kind == "solve"]
    assert all(len(arm.seeds) >= 4 for subject in solved for arm in subject.arms)
    assert all(len(arm.seeds) >= 3 for subject in solved for arm in subject.ablations)


# -- making runs -----------------------------------------------------------------------------------

# numbers as they come: better ones, a copy, one that is invalid
SCRIPT = ["2", "3", "none", "5", "5", "4", "7", "6", "9", "8", "11", "10"]
STOPPING = """
import os
import time
from multiprocessing import parent_process
from pathlib import Path

import psutil

from ttrl_cli import Invalid

MOMENT = Path({moment!r})

def verify(text):
    if MOMENT.exists() and text == "5":
        MOMENT.unlink()
        command = psutil.Process(parent_process().pid)
        os.kill(command.ppid(), 2)  # whoever started it, and who needs a moment to pass it on
        time.sleep(5)
    try:
        return int(text)
    except ValueError:
        raise Invalid("not a whole number") from None

def score(number):
    return number
"""
PUCT = Arm(name="puct", words="PUCT", options={}, seeds=range(2))
SEEDS = Arm(name="seeds", words="from the seeds", options={"search": "best-of-n"}, seeds=range(1))


def evidence(folder: Path, *arms: Arm, **options: Any) -> Evidence:
    """A problem, solved by scripted completions in 3 steps of 4 samples, and places for all of it.

    Its verifier interrupts whoever started the command when it sees the first 5, if there is a file
    `moment`.
    """
    docs = folder / "docs"
    (docs / "evidence").mkdir(parents=True, exist_ok=True)
    (docs / "evidence" / FINDINGS).write_text("## Found\n\nNothing.\n")
    verify = STOPPING.format(moment=str(folder / "moment"))
    write_problem(folder / "p", verify, run={"groups": 2, "group_size": 2})
    script = write_lines(folder / "script", SCRIPT)
    shared = {"sampler": f"replay:{script}", "train": False, "steps": 3, **options}
    subject = Subject(
        name="number", title="A number", source=folder / "p", options=shared, arms=arms
    )
    return Evidence([subject], folder / "runs", docs)


def run_all(what: Evidence, only: str = "", *, jobs: int = 1, anew: bool = False) -> list[str]:
    """Make what is to be made; what was said of each run."""
    said: list[str] = []
    Crew(what.out, jobs, said.append).work(what.to_do(only, anew=anew))
    return said


def standing_of(what: Evidence) -> dict[str, State]:
    """How the runs stand."""
    return {name: it.state for name, it in what.standings().items()}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """A plan of three runs, all made and written up, two at a time."""
    what = evidence(tmp_path_factory.mktemp("done"), PUCT, SEEDS)
    assert make(what, "", 2, anew=False) == 0
    return what


def test_all_runs_are_made(done: Evidence):
    """Each run of the plan is done, with its seed, its options and all of its steps."""
    for run in done.runs:
        config = json.loads((done.out / run.name / "config.json").read_text())
        assert config["seed"] == run.seed
        assert config["search"] == run.arm.options.get("search", "puct")
        assert len(read_lines(done.out / run.name / "metrics.jsonl")) == 3
    assert set(standing_of(done).values()) == {State.DONE}


def test_a_done_run_is_never_made_again(done: Evidence):
    """Nothing is to be made, not even anew, of what is there."""
    before = {path: path.stat().st_mtime_ns for path in done.out.rglob("*.jsonl")}
    assert run_all(done) == run_all(done, anew=True) == []
    assert {path: path.stat().st_mtime_ns for path in done.out.rglob("*.jsonl")} == before


def test_figures_are_those_of_the_runs(done: Evidence):
    """The recorded curve, samples and options are those of metrics.jsonl and config.json."""
    (experiment,) = records.load(done.docs / "evidence", done.plan)
    run = done.runs[0]
    (record, _) = experiment.of("puct")
    lines = read_lines(done.out / run.name / "metrics.jsonl")
    assert record.column("solve/best_score") == [line["solve/best_score"] for line in lines]
    assert record.column("solve/best_score")[-1] == 11
    assert record.column("sample/completions") == [4, 4, 4]
    assert (record.seed_score, record.totals["samples"]) == (1, 12)
    assert record.config["steps"] == 3
    assert experiment.direction == "maximize"


def test_commits_are_noted(done: Evidence):
    """Each record names the commit its run was made at, as git does."""
    (experiment,) = records.load(done.docs / "evidence", done.plan)
    for record in experiment.records:
        (commit,) = record.made["commits"]
        assert commit


def test_what_is_recorded_need_not_be_made(done: Evidence, tmp_path: Path):
    """Where runs/ is gone, docs/evidence counts; --anew makes the runs all the same."""
    elsewhere = Evidence(done.plan, tmp_path / "runs", done.docs)
    assert elsewhere.to_do("", anew=False) == []
    assert [run.name for run in elsewhere.to_do("", anew=True)] == [run.name for run in done.runs]
    before = elsewhere.text()
    elsewhere.report()
    assert elsewhere.text() == before
    assert "3 of 3 runs" in before


def test_only_a_pattern(done: Evidence, tmp_path: Path):
    """A pattern chooses by problem, arm and seed."""
    elsewhere = Evidence(done.plan, tmp_path / "runs", done.docs)
    chosen = {only: len(elsewhere.to_do(only, anew=True)) for only in ("", "puct", "*/1", "ac1")}
    assert chosen == {"": 3, "puct": 2, "*/1": 1, "ac1": 0}


def test_records_of_other_options_do_not_count(tmp_path: Path, done: Evidence):
    """Once the plan asks for another temperature, runs recorded at the old one are to be made."""
    shutil.copytree(done.docs, tmp_path / "docs")
    (subject,) = done.plan
    hotter = Subject(
        name="number",
        title="A number",
        source=subject.source,
        options={**subject.options, "temperature": 0.5},
        arms=subject.arms,
    )
    changed = Evidence([hotter], tmp_path / "runs", tmp_path / "docs")
    assert len(changed.to_do("", anew=False)) == 3
    changed.report()
    assert "0 of 3 runs" in changed.text()


def test_an_interrupt_saves_the_step_and_goes_on_later(
    tmp_path: Path, done: Evidence, capsys: pytest.CaptureFixture[str]
):
    """Ctrl-C ends the run under way after its step, begins no other and writes the page; exit 130.

    Then all goes on, to what it would have been, and Ctrl-C does again what it did before.
    """
    what = evidence(tmp_path, PUCT)
    before = signal.getsignal(signal.SIGINT)
    (tmp_path / "moment").touch()
    assert make(what, "", 1, anew=False) == 130
    assert standing_of(what) == {"number/puct/0": State.STOPPED, "number/puct/1": State.MISSING}
    assert len(read_lines(what.out / "number/puct/0/metrics.jsonl")) == 1
    assert "0 of 2 runs" in (what.docs / "evidence.md").read_text()
    assert "number/puct/1" not in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is before
    assert run_all(what, "/0") == ["number/puct/0: goes on", "number/puct/0: done"]
    assert digest(what.out / "number/puct/0") == digest(done.out / "number/puct/0")


def test_a_killed_run_is_resumed(tmp_path: Path):
    """A folder that says it is running, but whose process is gone, goes on."""
    what = evidence(tmp_path, SEEDS)
    run_all(what)
    status = what.out / "number/seeds/0/status.json"
    status.write_text(json.dumps(json.loads(status.read_text()) | {"phase": "running"}))
    assert standing_of(what) == {"number/seeds/0": State.STOPPED}
    assert run_all(what) == ["number/seeds/0: goes on", "number/seeds/0: done"]


def test_a_folder_without_a_run_is_set_aside(tmp_path: Path):
    """What was cut off before it began is renamed, not deleted, and the run made."""
    what = evidence(tmp_path, SEEDS)
    folder = what.out / "number/seeds/0"
    folder.mkdir(parents=True)
    (folder / "provenance.json").write_text("{}")
    assert standing_of(what) == {"number/seeds/0": State.CUT_OFF}
    run_all(what)
    assert standing_of(what) == {"number/seeds/0": State.DONE}
    assert (folder.with_name("0.cut-off-1") / "provenance.json").exists()


def test_a_run_with_other_options_is_left_alone(tmp_path: Path):
    """A run that is not the plan's is neither made over, nor gone on with, nor recorded."""
    run_all(evidence(tmp_path, SEEDS, temperature=0.5))
    what = evidence(tmp_path, SEEDS)
    assert standing_of(what) == {"number/seeds/0": State.OTHER}
    assert make(what, "", 1, anew=False) == 1
    (line,) = in_the_way(what, "")
    assert "temperature 0.5, planned 1.0" in line
    assert "0 of 1 runs" in what.text()


def test_steps_are_added_to_a_run_that_has_too_few(tmp_path: Path, done: Evidence):
    """A plan with more steps extends the run that is there, to what one run would have been."""
    run_all(evidence(tmp_path, SEEDS, steps=2))
    longer = evidence(tmp_path, SEEDS)
    assert standing_of(longer) == {"number/seeds/0": State.SHORT}
    run_all(longer)
    assert standing_of(longer) == {"number/seeds/0": State.DONE}
    assert digest(longer.out / "number/seeds/0") == digest(done.out / "number/seeds/0")
    assert standing_of(evidence(tmp_path, SEEDS, steps=2)) == {"number/seeds/0": State.OTHER}


def test_what_is_wrong_for_all_runs_ends_it(tmp_path: Path):
    """A problem whose seed is invalid fails once, with the command's own words, and not for all."""
    what = evidence(tmp_path, PUCT)
    (tmp_path / "p" / "seed.txt").write_text("none")
    said: list[str] = []
    crew = Crew(what.out, 1, said.append)
    crew.work(what.to_do("", anew=False))
    assert [run.name for run in crew.failed] == ["number/puct/0"]
    assert "failed with exit code 2" in said[-1]
    assert "seed.txt" in said[-1]


def test_two_do_not_make_the_same_runs(tmp_path: Path):
    """While one process makes runs in a folder another is told so, and begins none."""
    what = evidence(tmp_path, SEEDS)
    with alone(what.out), pytest.raises(UsageError, match="another process is making runs"):
        make(what, "", 1, anew=False)
    assert standing_of(what) == {"number/seeds/0": State.MISSING}


def test_the_list_says_what_is_there(tmp_path: Path, done: Evidence):
    """Done, recorded elsewhere and missing runs are told apart."""
    assert listing(done, "").endswith("3 runs: 3 done")
    elsewhere = Evidence(done.plan, tmp_path / "runs", done.docs)
    assert listing(elsewhere, "puct").endswith("2 runs: 2 recorded in docs/evidence")
    nowhere = Evidence(done.plan, tmp_path / "runs", tmp_path)
    assert listing(nowhere, "").endswith("3 runs: 3 missing")


# -- figures and page ------------------------------------------------------------------------------


def record(arm: str, seed: int, best: Sequence[float], distinct: Sequence[float]) -> Record:
    """A run on the overlap from a seed's score of 1, of two samples a step."""
    return Record(
        arm=arm,
        seed=seed,
        config={"kl": 0.0, "objective": "entropic", "search": "puct", "seed": seed},
        files="f",
        made={"commits": ["abc"], "cpus": 2, "python": "3.11", "packages": {"torch": "2"}},
        totals={"steps": 3, "samples": 6, "valid": 3, "tokens": 60, "seconds": 120.0},
        seed_score=1.0,
        steps={
            "solve/best_score": list(best),
            "solve/valid": list(distinct),
            "solve/distinct": list(distinct),
            "solve/step_best_score": [None, *best[1:]],
            "sample/completions": [2.0] * len(best),
        },
        figures={},
    )


LEARNING = [record("learning", seed, [0.8, 0.6, 0.4 + seed / 10], [0, 0.5, 0.5]) for seed in (0, 1)]
SEARCH = [record("search", seed, [1.0, 1.0, 0.8 + seed / 10], [0, 0, 0.25]) for seed in (0, 1)]
OVERLAP = Experiment(
    problem="erdos_overlap_16",
    direction="minimize",
    best_known=0.38,
    records=(*LEARNING, *SEARCH),
)


def test_a_file_reads_as_it_was_written():
    """Records come back from JSON as they were; what all have in common stands once."""
    text = records.to_json(OVERLAP)
    assert records.from_json(text) == OVERLAP
    assert text.count('"entropic"') == 1
    empty = Experiment(problem="p", direction=None, best_known=None, records=())
    assert records.from_json(records.to_json(empty)) == empty


def test_measures_by_hand():
    """The second learning run: best 0.5; area (0.9 + 0.7 + 0.55) / 3; new 1/3, at last 1/2."""
    values = [measure.of(LEARNING[1]) for measure in MEASURES]
    assert values == pytest.approx([0.5, (0.9 + 0.7 + 0.55) / 3, 1 / 3, 0.5])


def test_the_page_says_who_is_better():
    """Less is better: learning is 0.4 better in the mean; p is 2/6, alone in its table."""
    text = page.page(PLAN, [OVERLAP], "## Found\n\nThat it works.\n")
    assert (
        "| erdos_overlap_16 | learning | 2 | 0.45 | 0.4 to 0.5 | 0.45 (0.4 to 0.5) |  |  |  |"
        in text
    )
    row = "| erdos_overlap_16 | search | 2 | 0.85 | 0.8 to 0.9 | 0.85 (0.8 to 0.9) "
    assert row + "| +0.4 | 0.33 | 0.33 |" in text
    assert "no p can be below 0.33" in text
    assert "## Found\n\nThat it works.\n" in text
    assert f"4 of {len(runs(PLAN))} runs" in text
    assert "erdos_overlap_16/learning 2, 3;" in text


def test_the_page_says_where_learning_loses():
    """A loss is a negative gain, whichever way is better."""
    swapped = {"learning": SEARCH, "search": LEARNING}
    losing = [record(arm, it.seed, *_curves(it)) for arm, runs_ in swapped.items() for it in runs_]
    experiment = Experiment(
        problem="erdos_overlap_16", direction="minimize", best_known=None, records=tuple(losing)
    )
    text = page.page(PLAN, [experiment], "")
    assert "| -0.4 | 0.33 | 0.33 |" in text
    assert "| Best score | search | 1 | 0% | 0.33 | 1 |" in text


def test_a_table_is_a_family():
    """A second comparison in the table doubles each p, and the smallest that there can be."""
    best_of_n = [record("best-of-n", it.seed, *_curves(it)) for it in SEARCH]
    both = Experiment(
        problem="erdos_overlap_16",
        direction="minimize",
        best_known=None,
        records=(*OVERLAP.records, *best_of_n),
    )
    text = page.page(PLAN, [both], "")
    assert text.count("| +0.4 | 0.33 | 0.67 |") == 2
    assert "no p can be below 0.33, and none below 0.67 after Holm's correction for 2" in text


def test_unequal_samples_are_not_hidden():
    """Runs of one problem with different numbers of samples are named in bold."""
    odd = Record(**{**_fields(SEARCH[0]), "totals": {**SEARCH[0].totals, "samples": 4}})
    mixed = Experiment(
        problem="erdos_overlap_16", direction="minimize", best_known=None, records=(*LEARNING, odd)
    )
    assert "**Erdos minimum overlap with 16 steps: the runs have unequal samples, 4 and 6.**" in (
        page.page(PLAN, [mixed], "")
    )
    assert "unequal" not in page.page(PLAN, [OVERLAP], "")


def test_runs_that_differ_unmeant_are_not_hidden():
    """An option that no arm sets, and that runs of a problem differ in, is named in bold."""
    first, *others = OVERLAP.records
    odd = Record(**{**_fields(first), "config": {**first.config, "dtype": "bfloat16"}})
    same = [Record(**{**_fields(it), "config": {**it.config, "dtype": "float32"}}) for it in others]
    mixed = Experiment(
        problem="erdos_overlap_16", direction="minimize", best_known=None, records=(odd, *same)
    )
    said = "**Erdos minimum overlap with 16 steps: the runs differ in dtype: bfloat16, float32.**"
    assert said in page.page(PLAN, [mixed], "")
    assert "the runs differ" not in page.page(PLAN, [OVERLAP], "")


def _rooted(it: Record, *roots: str) -> Record:
    return Record(**{**_fields(it), "roots": list(roots)})


def _page_of(*rooted: Record) -> str:
    return page.page(PLAN, [_experiment(rooted)], "")


def _experiment(rooted: Sequence[Record]) -> Experiment:
    return Experiment(
        problem="erdos_overlap_16", direction="minimize", best_known=None, records=tuple(rooted)
    )


def test_arms_share_their_roots():
    """The page says how many roots there are, and names the seeds whose runs have others."""
    fair = [_rooted(it, "a", "b", f"c{it.seed}") for it in OVERLAP.records]
    said = "Runs have 3 roots, 3 of them different, and the same in all runs of one seed."
    assert said in _page_of(*fair)
    unfair = [*fair[:-1], _rooted(fair[-1], "a", "d")]
    said = "Runs have 2 roots, 2 of them different or 3 roots, 3 of them different. "
    assert said + "**Runs of one seed began from different roots: seed 1.**" in _page_of(*unfair)
    assert records.from_json(records.to_json(_experiment(unfair))).records[-1].roots == ["a", "d"]


@pytest.mark.parametrize(
    ("groups", "files", "said"),
    [
        (2, "", "Its runs have 3 roots, the problem's 3 seeds: the same in every run."),
        (5, "", "**Older runs have repeated roots:** 5, of which 3 are different."),
        (5, "f", "Older runs did not note their roots, and the problem's files were others"),
    ],
)
def test_roots_of_older_runs(groups: int, files: str, said: str):
    """They were the problem's three seeds in turn, each of them graded once."""
    known = files or digest_of_problem(ROOT / "problems" / "erdos_overlap_16")
    older = [
        Record(**{**_fields(it), "files": known, "config": {**it.config, "groups": groups}})
        for it in OVERLAP.records
    ]
    assert said in _page_of(*older)


def test_what_the_machine_settles_is_open(tmp_path: Path):
    """A run whose plan leaves a type to the machine is the plan's, whatever the machine took."""
    what = evidence(tmp_path, SEEDS, dtype="auto")
    run_all(what)
    config = what.out / "number/seeds/0/config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"dtype": "bfloat16"}))
    assert standing_of(what) == {"number/seeds/0": State.DONE}


def _curves(of: Record) -> tuple[list[float], list[float]]:
    return of.column("solve/best_score"), of.column("solve/distinct")


def _fields(of: Record) -> dict[str, Any]:
    return {name: getattr(of, name) for name in Record.__dataclass_fields__}


def test_votes_are_made_and_shown(tmp_path: Path, counting_model: Path):
    """A vote that learns and one that does not are run, recorded, drawn and written up."""
    sums = [{"question": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(4)]
    source = write_lines(tmp_path / "sums.jsonl", sums)
    run = "{group_size: 2, max_tokens: 4, epochs: 1, groups: 2, lora_rank: 2, dtype: float32}"
    source.with_suffix(".yaml").write_text(f"run: {run}\n")
    arms = (
        Arm(name="vote", words="learning", options={}, seeds=range(1)),
        Arm(name="hot", words="no learning", options={"steps": 0, "temperature": 2.0}, seeds=[0]),
    )
    options = {"model": str(counting_model)}
    subject = Subject(
        name="sums", title="Sums", source=source, kind="vote", options=options, arms=arms
    )
    what = evidence(tmp_path)
    votes = Evidence([subject], what.out, what.docs)
    assert make(votes, "", 2, anew=False) == 0
    assert votes.to_do("", anew=False) == []
    (experiment,) = records.load(votes.docs / "evidence", votes.plan)
    (learned,), (hot,) = experiment.of("vote"), experiment.of("hot")
    assert learned.figures["training"]["steps"] == 2
    assert set(hot.figures) == {"before"}
    text = votes.text()
    assert re.search(r"\| sums \| 0 \| \S+% \(\S+ to \S+\) -> \S+% ", text)
    assert re.search(r"\| sums \| 2 \| \S+% \(", text)
    assert "](evidence/voting.svg)" in text
    assert (votes.docs / "evidence" / "voting.svg").exists()
    elsewhere = Evidence([subject], tmp_path / "none", votes.docs)
    assert elsewhere.to_do("", anew=False) == []


def test_every_figure_of_the_page_is_drawn(tmp_path: Path):
    """The page names the figures that are drawn and no others, each below 60 KB."""
    drawn = plots.draw(PLAN, [OVERLAP], tmp_path)
    named = re.findall(r"\]\(evidence/(\S+\.svg)\)", page.page(PLAN, [OVERLAP], ""))
    assert [path.name for path in drawn] == named == ["erdos_overlap_16.svg"]
    assert all(path.stat().st_size < 60_000 for path in drawn)
    before = drawn[0].read_bytes()
    plots.draw(PLAN, [OVERLAP], tmp_path)
    assert drawn[0].read_bytes() == before


def test_the_page_is_current():
    """docs/evidence.md is what `make evidence` would write from docs/evidence."""
    shown = Evidence(PLAN, ROOT / "nowhere", ROOT / "docs").text()
    assert (ROOT / "docs" / "evidence.md").read_text(encoding="utf-8") == shown


def test_what_is_committed_is_small_and_there():
    """The figures are below 300 KB in all, the plots below 60 KB each, and none is missing."""
    folder = ROOT / "docs" / "evidence"
    assert sum(path.stat().st_size for path in folder.glob("*.json")) < 300_000
    named = re.findall(r"\]\((evidence/\S+\.svg)\)", (ROOT / "docs/evidence.md").read_text())
    assert all((ROOT / "docs" / name).stat().st_size < 60_000 for name in named)


def test_a_pattern_without_a_run_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """A pattern that no run is called like is a mistake, and not a plan with nothing to do."""
    with pytest.raises(SystemExit) as ended:
        main(["--only", "no-such-run", "--out", str(tmp_path), "--docs", str(tmp_path)])
    assert ended.value.code == 2
    assert "no run of the plan is called like 'no-such-run'" in capsys.readouterr().err
