"""Whole runs of `ttrl solve` on scripted completions, and on a tiny model where it learns."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests._helpers import (
    DISTINCT,
    NUMBER,
    command,
    digest,
    read_lines,
    solve,
    ttrl,
    write_lines,
    write_problem,
)

KEYS = {
    "run",
    "status",
    "problem",
    "best",
    "seed_score",
    "best_known",
    "samples",
    "steps",
    "seconds",
}
FAILS = """
from ttrl_cli import Invalid

def verify(text):
    if text == "bug":
        raise OSError("a bug of the machine")
    if text == "bad":
        raise Invalid("refused")
    return text

def score(text):
    return {"inf": float("inf"), "nan": float("nan")}.get(text, float(len(text)))
"""
PROGRAM = """
def verify(data):
    return data

def score(data):
    return {"value": sum(data), "feedback": f"the sum is {sum(data)}"}
"""


def attempts(run: Path) -> list[Any]:
    """The attempts of a run."""
    return read_lines(run / "attempts.jsonl")


def statuses(run: Path) -> list[str]:
    """How each attempt ended, in order."""
    return [attempt["verdict"]["status"] for attempt in attempts(run)]


def states(run: Path) -> dict[str, Any]:
    """All states of a run's archive log by their id."""
    lines = read_lines(run / "archive.jsonl")
    return {s["id"]: s for line in lines for s in line.get("states", line.get("children"))}


# -- where the solution stands ----------------------------------------------------------------


def test_the_rule_that_found_a_solution(tmp_path: Path):
    """A program is scored wherever it stands in its completion, and its line says where."""
    fence, run = "```", "def run():\n    return [9, 9]\n"
    documented = run.replace(
        "):\n", f'):\n    """So:\n\n    {fence}\n    run()\n    {fence}\n    """\n'
    )
    rules = {
        f"{fence}python\n{run}{fence}\nIt prints:\n{fence}\n18\n{fence}": "block",
        f"{fence}python\n{documented}{fence}": "block",
        f"{run}{fence}": "text",
        f"{fence}python\n{run}": "open-block",
        f"<thinking>{fence}\ndef run():\n    return [99]\n{fence}</thinking>\n{run}": "text",
    }
    problem = write_problem(
        tmp_path / "p",
        PROGRAM,
        seed="def run():\n    return [1]",
        solution={"kind": "program"},
        run={"groups": 1, "group_size": len(rules), "steps": 1, "workers": 1},
    )
    done = solve(problem, tmp_path / "run", rules)
    assert done.code == 0, done.err
    verdicts = [attempt["verdict"] for attempt in attempts(tmp_path / "run")]
    assert [verdict["score"] for verdict in verdicts] == [18.0] * len(rules)
    assert [verdict["rule"] for verdict in verdicts] == list(rules.values())
    assert not any("answer" in verdict for verdict in verdicts)


# -- copies ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("reward_copies", "second"), [(True, 5.0), (False, None)])
def test_copies(tmp_path: Path, *, reward_copies: bool, second: float | None):
    """Without reward_copies, data of the archive or of an earlier attempt earns no reward."""
    options = {"groups": 1, "group_size": 3, "steps": 2, "reward_copies": reward_copies}
    problem = write_problem(tmp_path / "p", run=options)
    solve(problem, tmp_path / "run", ["5", "5", "7", "5", "8", "1"])
    verdicts = [attempt["verdict"] for attempt in attempts(tmp_path / "run")]
    seed = 1.0 if reward_copies else None
    assert [v["reward"] for v in verdicts] == [5.0, second, 7.0, second, 8.0, seed]
    assert [v["status"] for v in verdicts] == ["ok"] * 6
    assert verdicts[3]["score"] == 5.0
    advantage = attempts(tmp_path / "run")[3]["advantage"]
    assert (advantage == -1.0) is not reward_copies


# -- the result ------------------------------------------------------------------------------


def test_finds_the_best(tmp_path: Path):
    """The best of all completions is the result, in JSON, on disk and by `best` and `show`."""
    problem = write_problem(tmp_path / "p", best_known=50)
    run = tmp_path / "run"
    done = solve(problem, run, ["3", "x", "17", "5", "```\n9\n```", "4", "-2", ""])
    assert done.code == 0
    said = done.json
    assert said.keys() >= KEYS
    path = str(run / "best" / "solution.txt")
    best = {"id": "1.1.0", "step": 1, "score": 17.0, "certified": None, "path": path}
    assert said["best"] == best
    assert (said["run"], said["status"], said["problem"]) == (str(run), "done", "number")
    assert (said["seed_score"], said["best_known"]) == (1.0, 50.0)
    assert (said["samples"], said["steps"], said["valid"]) == (8, 2, 6)
    assert said["stopped_by"] == "steps"
    assert said["seconds"] > 0

    assert ttrl("best", run).out == "17\n"
    assert ttrl("best", run, "--data").json == 17
    assert ttrl("show", run, "--json").json.items() >= said.items()
    shown = ttrl("show", run).out
    assert "best score   17  (step 1, 1.1.0)" in shown
    assert "2 steps, 8 samples (6 valid)" in shown
    assert [a["verdict"]["score"] for a in attempts(run)] == [3, None, 17, 5, 9, 4, -2, None]


def test_the_first_of_equals_is_the_best(tmp_path: Path):
    """Of equal scores in a step the first in (group, index) order wins, however grades come in."""
    slow = "import time\n    time.sleep(0.5 * (number == 7))\n    return min(number, 7)"
    run = {"groups": 1, "group_size": 600, "steps": 1, "workers": 3}
    verify = slow.join(NUMBER.rsplit("return number", 1))
    problem = write_problem(tmp_path / "p", verify, run=run)
    # so many that grades of later ones come in while the rest is still being sampled
    done = solve(problem, tmp_path / "run", ["7", *["8"] * 599])
    assert done.json["best"]["id"] == "1.0.0"
    assert ttrl("best", tmp_path / "run").out == "7\n"


def test_minimises(tmp_path: Path):
    """To minimise, the lowest score is the best one."""
    problem = write_problem(tmp_path / "p", seed="9", direction="minimize")
    done = solve(problem, tmp_path / "run", ["12", "4", "7"])
    assert (done.json["best"]["score"], done.json["seed_score"]) == (4.0, 9.0)


def test_a_seed_may_stay_the_best(tmp_path: Path):
    """Where nothing beats the seed, the seed is the result, found in step 0."""
    problem = write_problem(tmp_path / "p", seed="100")
    done = solve(problem, tmp_path / "run", ["12"])
    assert done.code == 0
    assert (done.json["best"]["id"], done.json["best"]["step"]) == ("seed.0", 0)
    assert ttrl("best", tmp_path / "run").out == "100\n"


def test_check(tmp_path: Path):
    """`ttrl check` gives each seed's score, for people and as JSON."""
    problem = write_problem(tmp_path / "p", seeds=["seed.txt", "two.txt"], best_known=7)
    (problem / "two.txt").write_text("2")
    said = ttrl("check", problem, "--json").json
    assert (said["problem"], said["direction"]) == ("number", "maximize")
    assert [(s["name"], s["score"]) for s in said["seeds"]] == [("seed.txt", 1.0), ("two.txt", 2.0)]
    text = ttrl("check", problem).out
    assert text.startswith("number: ok, to maximize\n  seed.txt  score 1  (")
    assert "  best known  7\n" in text
    assert text.endswith(" attacks on the verifier, 0 findings\n")


def test_the_run_explains_itself(tmp_path: Path):
    """The resolved options of a run are in its config.json, those of the machine included."""
    problem = write_problem(tmp_path / "p")
    solve(problem, tmp_path / "run", ["2"], "--seed", 5, "--steps", 1)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (config["seed"], config["steps"], config["groups"]) == (5, 1, 2)
    assert config["train"] is False
    assert config["threads"] >= 1


def test_a_sampler_of_others_needs_no_model_of_ours(tmp_path: Path):
    """A plug-in's model may be known to it alone; where something is learned, it must be ours."""
    info = tmp_path / "plugins" / "mine-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[ttrl.samplers]\nmine = mine:make\n")
    (info.parent / "mine.py").write_text(
        "from pathlib import Path\n"
        "from ttrl_cli.sampler.replay import ReplaySampler\n"
        "def make(context, argument):\n    return ReplaySampler(Path(argument))\n"
    )
    path = f"{Path(__file__).parents[1]}:{info.parent}"
    script = write_lines(tmp_path / "r", ["2", "3"])
    words = ["solve", write_problem(tmp_path / "p"), "--sampler", f"mine:{script}", "--steps", 1]
    words += ["--model", "my-own-server-model", "--json"]
    done = command(*words, "--no-train", "--out", tmp_path / "run", PYTHONPATH=path)
    assert (done.code, done.json["best"]["score"]) == (0, 3.0), done.err
    done = command(*words, "--out", tmp_path / "learns", PYTHONPATH=path)
    assert done.code == 3
    assert "my-own-server-model" in done.err


# -- budgets ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("samples", "sizes"), [(8, [4, 4]), (6, [4, 2]), (5, [4, 1]), (3, [3]), (1, [1])]
)
def test_samples(tmp_path: Path, samples: int, sizes: list[int]):
    """A budget in samples is exact, also where it divides a group."""
    problem = write_problem(tmp_path / "p")
    done = solve(problem, tmp_path / "run", ["2"], "--steps", 9, "--samples", samples)
    assert (done.json["samples"], done.json["stopped_by"]) == (samples, "samples")
    steps = [attempt["step"] for attempt in attempts(tmp_path / "run")]
    assert [steps.count(step + 1) for step in range(len(sizes))] == sizes
    assert len(steps) == samples


def test_seconds(tmp_path: Path):
    """A budget in seconds ends the run soon after, with what was finished by then."""
    verify = NUMBER.replace("    try:", "    import time; time.sleep(0.2)\n    try:")
    problem = write_problem(tmp_path / "p", verify)
    done = solve(problem, tmp_path / "run", ["2"], "--steps", 999, "--seconds", 4)
    assert done.json["stopped_by"] == "seconds"
    assert done.json["seconds"] >= 4
    assert done.json["steps"] < 999
    assert len(attempts(tmp_path / "run")) == done.json["samples"] > 0


def test_steps_of_the_problem_and_of_the_command_line(tmp_path: Path):
    """The problem's `run:` section sets the steps, and an option overrides it."""
    problem = write_problem(tmp_path / "p")
    assert solve(problem, tmp_path / "a", ["2"]).json["steps"] == 2
    assert solve(problem, tmp_path / "b", ["2"], "--steps", 3).json["steps"] == 3


def test_tokens(tmp_path: Path, tiny_model: Path):
    """A budget in tokens ends sampling at the first completion that reaches it."""
    problem = write_problem(tmp_path / "p", DISTINCT)
    out = tmp_path / "run"
    options = ["--no-train", "--max-tokens", 300, "--dtype", "float32", "--group-size", 8, "--json"]
    done = ttrl("solve", problem, "--out", out, "--model", tiny_model, "--tokens", 1, *options)
    said = done.json
    assert (said["stopped_by"], said["steps"]) == ("tokens", 1)
    # of 16 completions of different lengths, the first to be finished
    assert said["samples"] == len(attempts(out)) < 8
    assert said["tokens"] == sum(attempt["tokens"] for attempt in attempts(out)) < 300


# -- going on --------------------------------------------------------------------------------

SCRIPT = ["3", "x", "8", "5", "11", "2", "", "13", "9"]


def test_resume_of_a_finished_run(tmp_path: Path):
    """Resuming a finished run says so, exits 0 and changes nothing."""
    problem = write_problem(tmp_path / "p")
    first = solve(problem, tmp_path / "run", SCRIPT)
    before = digest(tmp_path / "run")
    done = ttrl("resume", tmp_path / "run", "--json")
    assert done.code == 0
    assert "was finished already (steps); nothing was done" in done.err
    assert done.json == first.json
    assert digest(tmp_path / "run") == before


def test_more_steps_equal_a_longer_run(tmp_path: Path):
    """A finished run taken on with --steps equals one that had them from the start."""
    problem = write_problem(tmp_path / "p")
    solve(problem, tmp_path / "a", SCRIPT, "--steps", 2)
    done = ttrl("resume", tmp_path / "a", "--steps", 5, "--json")
    assert (done.code, done.json["steps"], done.json["samples"]) == (0, 5, 20)
    solve(problem, tmp_path / "b", SCRIPT, "--steps", 5)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    assert len({digest(tmp_path / "a"), digest_of_other_seed(problem, tmp_path / "c")}) == 2


def digest_of_other_seed(problem: Path, out: Path) -> str:
    """A run that differs must differ in its digest."""
    solve(problem, out, SCRIPT[1:], "--steps", 5)
    return digest(out)


def test_warm_start_killed_before_its_first_commit(tmp_path: Path):
    """A warm start that died before step 0 was committed is still a warm start when resumed."""
    problem = write_problem(tmp_path / "p")
    solve(problem, tmp_path / "old", ["5", "30"], "--steps", 1)
    new = tmp_path / "new"
    solve(problem, new, ["8"], "--steps", 1, "--from", tmp_path / "old")
    whole = digest(new)
    # what a kill before the first commit leaves behind
    shutil.rmtree(new / "checkpoints")
    status = json.loads((new / "status.json").read_text())
    status |= {"phase": "running", "totals": dict.fromkeys(status["totals"], 0)}
    (new / "status.json").write_text(json.dumps(status))
    early = ttrl("show", new, "--digest")
    assert (early.code, "nothing was committed yet" in early.err) == (2, True)
    assert ttrl("resume", new, "--json").code == 0
    assert digest(new) == whole


def test_more_samples(tmp_path: Path):
    """A run that its samples ended goes on with more of them."""
    problem = write_problem(tmp_path / "p")
    solve(problem, tmp_path / "run", SCRIPT, "--samples", 4, "--steps", 9)
    done = ttrl("resume", tmp_path / "run", "--samples", 7, "--json")
    assert (done.json["samples"], done.json["stopped_by"]) == (7, "samples")


def test_warm_start(tmp_path: Path):
    """A warm start carries the archive over, its ids set apart from the new run's own."""
    problem = write_problem(tmp_path / "p")
    solve(problem, tmp_path / "old", ["5", "30", "6", "7"], "--steps", 1)
    with (tmp_path / "old" / "archive.jsonl").open("a") as file:
        file.write('{"event": "torn')  # a run that died may serve as well
    done = solve(problem, tmp_path / "new", ["8"], "--steps", 1, "--from", tmp_path / "old")
    assert done.code == 0, done.err
    assert done.json["best"]["score"] == 30.0
    assert ttrl("best", tmp_path / "new").out == "30\n"
    ids = set(states(tmp_path / "new"))
    assert ids >= {"old/seed.0", "old/seed.1", "old/1.0.1", "seed.0", "seed.1"}
    assert states(tmp_path / "new")["old/1.0.1"]["parent"] == "old/seed.0"
    assert {a["parent"] for a in attempts(tmp_path / "new")} & {"old/1.0.0", "old/1.0.1"}

    again = solve(problem, tmp_path / "third", ["9"], "--steps", 1, "--from", tmp_path / "new")
    assert again.json["best"]["score"] == 30.0
    assert "new/old/1.0.1" in states(tmp_path / "third")


def test_warm_start_from_another_problem(tmp_path: Path):
    """A run of another problem is refused by both names, and no run directory is made."""
    solve(write_problem(tmp_path / "p"), tmp_path / "old", ["5"])
    other = write_problem(tmp_path / "q", name="other")
    done = solve(other, tmp_path / "new", ["8"], "--from", tmp_path / "old")
    assert done.code == 2
    assert "a solve run of number, not a solve run of other" in done.err
    assert not (tmp_path / "new").exists()


# -- what the next prompt is made of ---------------------------------------------------------


def test_program_builds_on_its_parent(tmp_path: Path):
    """A program gets its parent's data; its output and feedback are kept for the next prompt."""
    problem = write_problem(
        tmp_path / "p",
        PROGRAM,
        seed="def run():\n    print('from the seed')\n    return [1]\n",
        solution={"kind": "program"},
        run={"groups": 1, "group_size": 2, "steps": 3, "search": "epsilon-greedy", "epsilon": 0},
    )
    grow = "```python\ndef run(parent):\n    print('grew', parent)\n    return parent + [2]\n```"
    done = solve(problem, tmp_path / "run", [grow, "no code"])
    assert done.code == 0, done.err
    kept = states(tmp_path / "run")
    seed = kept["seed.0"]
    assert (seed["data"], seed["output"]) == ([1], "from the seed\n")
    assert seed["feedback"] == "the sum is 1"
    assert kept["1.0.0"]["data"] == [1, 2]
    assert (kept["2.0.0"]["data"], kept["2.0.0"]["parent"]) == ([1, 2, 2], "1.0.0")
    assert kept["3.0.0"]["output"] == "grew [1, 2, 2]\n"
    assert kept["3.0.0"]["feedback"] == "the sum is 7"
    assert ttrl("best", tmp_path / "run", "--data").json == [1, 2, 2, 2]
    assert ttrl("best", tmp_path / "run").out.startswith("def run(parent):")
    assert (tmp_path / "run" / "best" / "solution.py").exists()


def test_parent_is_in_the_prompt(tmp_path: Path, tiny_model: Path):
    """The text sampled from holds the parent, its scores, output and feedback."""
    problem = write_problem(
        tmp_path / "p",
        "def verify(x):\n  return x\n"
        "def score(x):\n  return {'value': 1, 'feedback': 'shorter!'}\n"
        "def render(x):\n  return f'<<{x}>>'\n",
        seed="abc",
        render="verify.py:render",
        prompt={"template": "ask.md"},
    )
    # the prompt itself is not logged, but one too long for the model is refused
    (problem / "ask.md").write_text("{{ (solution ~ after ~ feedback) * 1000 }}")
    options = ["--no-train", "--max-tokens", 8, "--dtype", "float32", "--steps", 1]
    out = tmp_path / "run"
    done = ttrl("solve", problem, "--out", out, "--model", tiny_model, *options)
    assert done.code == 2
    # <<abc>>, 1 and shorter! are 16 bytes, so 16 tokens; <user>, <end> and <assistant> add 6, 1, 11
    assert "the shortest prompt has 16018 tokens; the model's context is only 4096" in done.err
    assert json.loads((out / "status.json").read_text())["phase"] == "failed"


# -- what goes wrong -------------------------------------------------------------------------


def test_our_failures_are_masked(tmp_path: Path):
    """An attempt that failed on our side has no advantage and moves no other's."""
    problem = write_problem(
        tmp_path / "p", FAILS, run={"groups": 1, "group_size": 4, "steps": 1, "workers": 1}
    )
    done = solve(problem, tmp_path / "a", ["bug", "22", "bad", "333"], "--objective", "grpo")
    assert done.code == 0
    assert statuses(tmp_path / "a") == ["failed", "ok", "invalid", "ok"]
    failed, *others = [attempt["advantage"] for attempt in attempts(tmp_path / "a")]
    assert failed is None
    options = ["--objective", "grpo", "--group-size", 3]
    solve(problem, tmp_path / "b", ["22", "bad", "333"], *options)
    assert others == [attempt["advantage"] for attempt in attempts(tmp_path / "b")]
    assert "a bug of the machine" in attempts(tmp_path / "a")[0]["verdict"]["reason"]


@pytest.mark.parametrize("objective", ["entropic", "grpo", "mean-baseline", "entropic-valid"])
def test_a_group_of_our_failures(tmp_path: Path, objective: str):
    """A group in which all failed on our side is passed over, and the others count."""
    problem = write_problem(tmp_path / "p", FAILS)
    script = ["bug", "bug", "22", "333"]
    done = solve(problem, tmp_path / "run", script, "--steps", 1, "--objective", objective)
    assert done.code == 0, done.err
    advantages = [attempt["advantage"] for attempt in attempts(tmp_path / "run")]
    assert advantages[:2] == [None, None]
    assert advantages[3] > 0


def test_a_step_of_our_failures_alone(tmp_path: Path):
    """A step in which all failed on our side ends the run with exit code 3, at the last commit."""
    problem = write_problem(tmp_path / "p", FAILS)
    done = solve(problem, tmp_path / "run", ["1", "22", "333", "4", "bug", "bug", "bug", "bug"])
    assert done.code == 3
    assert "step 2: all 4 attempts failed on our side" in done.err
    assert "OSError: a bug of the machine" in done.err
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    assert (status["phase"], status["totals"]["steps"]) == ("failed", 1)
    assert ttrl("best", tmp_path / "run").out == "333\n"


def test_no_valid_attempt(tmp_path: Path):
    """A run without a valid attempt ends with exit code 4, its empty rounds committed."""
    problem = write_problem(tmp_path / "p")
    done = solve(problem, tmp_path / "run", ["x"])
    assert done.code == 4
    assert "none of 8 attempts was valid" in done.err
    assert (done.json["steps"], done.json["best"]["id"]) == (2, "seed.0")
    assert set(statuses(tmp_path / "run")) == {"invalid"}
    assert (tmp_path / "run" / "checkpoints" / "step_000002" / "commit.json").exists()
    assert len(read_lines(tmp_path / "run" / "metrics.jsonl")) == 2


def test_scores_that_are_not_finite(tmp_path: Path):
    """A score that is NaN or infinite makes its attempt invalid, and the run goes on."""
    problem = write_problem(tmp_path / "p", FAILS)
    done = solve(problem, tmp_path / "run", ["nan", "inf", "22", "333"])
    assert done.code == 0
    assert done.json["best"]["score"] == 3.0
    assert statuses(tmp_path / "run") == ["invalid", "invalid", "ok", "ok"] * 2
    assert attempts(tmp_path / "run")[0]["verdict"]["reason"] == "score is not finite"


def test_odd_completions(tmp_path: Path):
    """Empty, huge, and badly encoded completions are attempts like others, and the run goes on."""
    problem = write_problem(tmp_path / "p")
    lines = [
        b'{"text": ""}',
        b'{"text": "' + b"7" * 2**20 + b'"}',
        b'{"text": "\\ud800 lone"}',
        b'{"text": "caf\xe9 \xff"}',
        b'{"text": "\\u0000"}',
        b'{"text": "12"}',
    ]
    replay = tmp_path / "odd.replay"
    replay.write_bytes(b"\n".join(lines))
    run = tmp_path / "run"
    options = ["--groups", 1, "--group-size", 6, "--steps", 1, "--json"]
    done = ttrl("solve", problem, "--out", run, "--sampler", f"replay:{replay}", *options)
    assert done.code == 0, done.err
    expected = ["malformed", "malformed", "invalid", "invalid", "invalid", "ok"]
    assert statuses(run) == expected
    texts = [attempt["text"] for attempt in attempts(run)]
    assert len(texts[1]) == 2**20
    assert texts[3] == "caf\ufffd \ufffd"
    assert done.json["best"]["score"] == 12.0
    assert len(digest(run)) == 64


def test_a_template_is_checked_before_the_run(tmp_path: Path):
    """A template with an unknown variable is refused by `check` and `solve`, before any run."""
    problem = write_problem(tmp_path / "p", prompt={"template": "ask.md"})
    (problem / "ask.md").write_text("{% if before is not none %}{{ beforehand }}{% endif %}")
    for done in (ttrl("check", problem), solve(problem, tmp_path / "run", ["2"])):
        assert done.code == 2
        assert "problem.yaml: prompt.template: ask.md: 'beforehand' is undefined" in done.err
    assert not (tmp_path / "run").exists()


def test_an_objective_that_cannot_use_a_reward(tmp_path: Path):
    """An objective that refuses a reward ends the run with exit code 3 and the attempts' ids."""
    problem = write_problem(tmp_path / "p")
    done = solve(problem, tmp_path / "run", ["-5"], "--objective", "grpo")
    assert done.code == 3
    assert "group 0 (1.0.0, 1.0.1)" in done.err


# -- with a model ----------------------------------------------------------------------------

TINY = ["--dtype", "float32", "--max-tokens", 8, "--groups", 2, "--group-size", 4, "--steps", 2]
CHOICES = [
    *(["--search", name] for name in ("puct", "best-of-n", "epsilon-greedy")),
    *(["--objective", name] for name in ("entropic-valid", "constant-beta", "mean-baseline")),
    ["--objective", "grpo", "--kl", "0", "--clip", "0.2"],
    ["--no-train"],
]


@pytest.mark.parametrize("choice", CHOICES, ids=" ".join)
def test_every_choice_runs(tmp_path: Path, tiny_model: Path, choice: list[str]):
    """Each search and each objective takes two steps with a model that learns, unless told not."""
    problem = write_problem(tmp_path / "p", DISTINCT)
    out = tmp_path / "run"
    done = ttrl("solve", problem, "--out", out, "--model", tiny_model, "--json", *TINY, *choice)
    assert done.code == 0, done.err
    assert (done.json["steps"], done.json["samples"]) == (2, 16)
    first, second = read_lines(out / "metrics.jsonl")
    learned = "--no-train" not in choice
    assert ("train/loss" in second) is learned
    assert first["sample/tokens"] > 0
    assert {a["policy"] for a in attempts(out)} == ({0, 1} if learned else {0})
    names = {path.name for path in (out / "checkpoints" / "step_000002").iterdir()}
    assert ("adapter_model.safetensors" in names) is learned
    assert all(attempt["logprob"] < 0 for attempt in attempts(out))


def test_warm_start_whose_seed_was_found_before(tmp_path: Path):
    """A seed that the old run had found and expanded does not displace it from the archive."""
    problem = write_problem(tmp_path / "p", run={"groups": 1, "group_size": 2, "steps": 3})
    solve(problem, tmp_path / "old", ["5", "6", "7", "8", "9", "3"])
    (problem / "seed.txt").write_text("6")
    done = solve(problem, tmp_path / "new", ["1"], "--from", tmp_path / "old")
    assert done.code == 0, done.err
    assert done.json["best"]["score"] == 9.0
    found = states(tmp_path / "new")
    assert {i for i in found if i.startswith("seed.")} == set()
    assert found["old/1.0.1"]["data"] == 6


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"direction": "minimize"}, "direction 'maximize', this one 'minimize'"),
        ({"run": {"archive_size": 1}}, "archive_size 1000, this one 1"),
        ({"run": {"children_per_parent": 1}}, "children_per_parent 2, this one 1"),
    ],
)
def test_warm_start_that_does_not_fit(tmp_path: Path, keys: dict[str, Any], why: str):
    """A warm start whose problem or archive rules differ is refused before a run is made."""
    solve(write_problem(tmp_path / "p"), tmp_path / "old", ["5", "30"])
    other = write_problem(tmp_path / "q", **keys)
    done = solve(other, tmp_path / "new", ["8"], "--from", tmp_path / "old")
    assert (done.code, why in done.err) == (2, True)
    assert not (tmp_path / "new").exists()


def test_search_alone_from_a_trained_run(tmp_path: Path, tiny_model: Path):
    """--from with --no-train samples from the trained adapter, and keeps it when resumed."""
    run = {"groups": 1, "group_size": 4, "max_tokens": 8, "threads": 1, "dtype": "float32"}
    problem = write_problem(tmp_path / "p", DISTINCT, run=run | {"lr": 0.05, "kl": 0})
    model = ["--model", tiny_model]
    assert ttrl("solve", problem, "--out", tmp_path / "old", *model, "--steps", 2).code == 0
    new = [tmp_path / "p", *model, "--no-train", "--steps", 1, "--from", tmp_path / "old"]
    assert ttrl("solve", *new, "--out", tmp_path / "new").code == 0
    weights = "adapter_model.safetensors"
    trained = (tmp_path / "old" / "checkpoints" / "step_000002" / weights).read_bytes()
    assert (tmp_path / "new" / "checkpoints" / "step_000001" / weights).read_bytes() == trained
    assert ttrl("resume", tmp_path / "new", "--steps", 2).code == 0
    assert ttrl("solve", *new[:-3], 2, *new[-2:], "--out", tmp_path / "two").code == 0
    assert attempts(tmp_path / "new")[-1]["text"] == attempts(tmp_path / "two")[-1]["text"]


def test_a_parent_that_outgrows_the_context(tmp_path: Path, tiny_model: Path):
    """A parent too long for the model is a failed expansion; the run goes on with others."""
    verify = DISTINCT + "\ndef render(text):\n    return text * (1 if text == 'a' else 9999)\n"
    run = {"groups": 2, "group_size": 2, "max_tokens": 8, "threads": 1, "dtype": "float32"}
    problem = write_problem(
        tmp_path / "p", verify, seed="a", render="verify.py:render", run=run | {"steps": 4}
    )
    done = ttrl("solve", problem, "--out", tmp_path / "run", "--model", tiny_model, "--no-train")
    assert done.code == 0, done.err
    empty = [a for a in attempts(tmp_path / "run") if a["tokens"] == 0]
    assert empty
    assert {a["verdict"]["status"] for a in empty} == {"malformed"}


def test_the_seed_is_the_best_even_if_a_kill_came_early(tmp_path: Path):
    """A run killed before it could write its best solution has it again once it goes on."""
    problem = write_problem(tmp_path / "p", seed="3")
    solve(problem, tmp_path / "run", ["1"], "--steps", 1)
    (tmp_path / "run" / "best").unlink()
    done = ttrl("resume", tmp_path / "run", "--steps", 2, "--json")
    assert done.json["best"]["score"] == 3.0


def test_budgets_count_from_the_commit(tmp_path: Path):
    """What a resumed run has used is what was committed, whatever status.json says."""
    problem = write_problem(tmp_path / "p")
    solve(problem, tmp_path / "run", ["1"], "--steps", 1)
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    status |= {"phase": "running", "totals": status["totals"] | {"seconds": 5000.0}}
    (tmp_path / "run" / "status.json").write_text(json.dumps(status))
    done = ttrl("resume", tmp_path / "run", "--steps", 2, "--seconds", 100, "--json")
    assert (done.json["steps"], done.json["stopped_by"]) == (2, "steps")


def test_warm_start_of_an_adapter(tmp_path: Path, tiny_model: Path):
    """A warm start takes the other run's adapter over, and refuses one that does not fit."""
    problem = write_problem(tmp_path / "p", DISTINCT)
    options = ["--model", tiny_model, "--json", *TINY, "--lr", "0.01"]
    old, new, bad = tmp_path / "old", tmp_path / "new", tmp_path / "bad"
    assert ttrl("solve", problem, "--out", old, *options).code == 0
    assert ttrl("solve", problem, "--out", new, *options, "--from", old, "--steps", 0).code == 4
    weights = "adapter_model.safetensors"
    before = (old / "checkpoints" / "step_000002" / weights).read_bytes()
    assert (new / "checkpoints" / "step_000000" / weights).read_bytes() == before
    done = ttrl("solve", problem, "--out", bad, *options, "--from", old, "--lora-rank", 8)
    assert done.code == 2
    assert "that run has lora_rank 32, this one 8" in done.err
    assert not bad.exists()


def test_all_attempts_invalid_with_a_model(tmp_path: Path, tiny_model: Path):
    """Rounds in which nothing was valid are committed, learner and all."""
    problem = write_problem(tmp_path / "p")
    out = tmp_path / "run"
    done = ttrl("solve", problem, "--out", out, "--model", tiny_model, *TINY)
    assert done.code == 4
    assert json.loads((out / "status.json").read_text())["totals"]["steps"] == 2
    assert (out / "checkpoints" / "step_000002" / "adapter_model.safetensors").exists()


def test_replay_that_runs_dry(tmp_path: Path):
    """A replay file without a line for a parent ends the run with exit code 2 and that parent."""
    problem = write_problem(tmp_path / "p")
    replay = write_lines(tmp_path / "r.replay", [{"text": "5", "key": "seed.9"}])
    run = tmp_path / "run"
    done = ttrl("solve", problem, "--out", run, "--sampler", f"replay:{replay}")
    assert done.code == 2
    assert "nothing left to replay for seed.0" in done.err
