"""Digests of whole runs on scripted completions, which no change of the code's shape may change.

Exponentials differ in their last digit from processor to processor. So these runs take the
objective without one, and of the others the advantages are compared to nine digits.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests._helpers import Done, digest, read_lines, solve, ttrl, write_lines, write_problem

FIXTURES = Path(__file__).with_name("fixtures")
LIST = """
from ttrl_cli import Invalid

def verify(data):
    if not isinstance(data, list) or not data:
        raise Invalid("not a list of numbers")
    return [float(x) for x in data]

def score(data):
    return sum(data)
"""
TEXTS = [
    "2",
    "no number",
    "5",
    "```\n7\n```",
    "<think>3</think>9",
    "7",
    "\\boxed{4}",
    "<think>8",
]
JSONS = ["[2, 3]", "```json\n[4]\n```", "nothing", "[9.5]", "```\n[1, 2, 3]\n```", "{}", "[4]"]
PROGRAMS = [
    "```python\ndef run():\n    return [4, 5]\n```",
    "```python\ndef run(seed):\n    print('seed', seed)\n    return [seed % 7 + 1]\n```",
    "```python\ndef run(parent):\n    return [*parent, 1]\n```",
    "```python\n1/0\n```",
    "```python\ndef run(:\n```",
]
CPP = [
    '```cpp\n#include <cstdio>\nint main() { std::puts("[2.5, 3]"); }\n```',
    '```cpp\n#include <cstdio>\nint main() { std::puts("no JSON"); }\n```',
    '```cpp\n#include <iostream>\nint main() { std::cout << "[7]"; return 0; }\n```',
]
SCRIPTS: dict[str, tuple[str, dict[str, Any], Sequence[str]]] = {
    "text": ("1", {"solution": {"kind": "text"}}, TEXTS),
    "json": ("[1]", {"solution": {"kind": "json"}, "verify": LIST}, JSONS),
    "program": (
        "def run():\n    return [1]\n",
        {"solution": {"kind": "program"}, "verify": LIST},
        PROGRAMS,
    ),
    "roots": (
        "def run(seed):\n    return [seed % 9, 1]\n",
        {"solution": {"kind": "program"}, "verify": LIST},
        PROGRAMS,
    ),
    "cpp": (
        '#include <cstdio>\nint main() { std::puts("[1]"); }\n',
        {"solution": {"kind": "program", "language": "cpp"}, "verify": LIST},
        CPP,
    ),
}
QUESTIONS = [
    {"id": "sum", "question": "1 + 1?", "answer": "2"},
    {"id": "half", "question": "1 / 2?"},
    {"id": "letter", "question": "Which?", "choices": ["red", "blue"], "answer": "B"},
]
ANSWERS = [
    "Answer: 1", "Answer: 2", "\\boxed{2}", "none", "Answer: 1/2", "\\boxed{0.5}", "(B)",
    "The answer is 50%.", "#### B", "<think>\\boxed{7}</think>Answer: A",
]  # fmt: skip

GOLDENS = {
    "text": "1a248920688f1d2629a973bae32b944f1ecdf48c2be62691f9fb4a4beb59463c",
    "json": "883a91740ff5edd1b5140e557df18cad0f142fff80b23531e29dab281722c557",
    "program": "73f92fab06b1bcf5169d03fc55f24b55aad1d2e1de3bfd08a30a77a1c48f20b2",
    "roots": "4a2303c62783303cd983631107a74d5837fb22cd904acf4e2c11670bd063c9d6",
    "cpp": "4426e0a57c17a8b9277bcc0c393189f0d8b6a61c25178ddfcb098d04ece18a1d",
    "best-of-n": "95251129fdcb2b2018427c5e89a42008aadc853696db547e03c24e8e5d279782",
    "epsilon-greedy": "3e98324940fa6423ea7428bb95da792e28ae704fae126bb55af93b7df3408078",
    "visits": "56e4e54e57d6509b6c41626fcdf54ce43c5b532bc8dbf89e8e2605100c846488",
    "copies": "c077e50239e8fc57732c6bca3ea65343ad07365424acb29dc83ed21577fc24bc",
    "frozen": "883a91740ff5edd1b5140e557df18cad0f142fff80b23531e29dab281722c557",
    "vote": "37ed0fa1af497dbf8bb3701ce4f2696918d841af47e1b456d0d7dd7eb079f5fb",
    "soft": "a23cbaf22aaa592f1b82e1b921194a27f960b39e3a9cb06bdea2648b87b9a16e",
    "plain": "04efa48d9009e2f713bd1dac2b4179a7e4d4cd2f7d3f5edd8d7d67ae1b0a9b39",
}
ADVANTAGES = {  # of the first step, [P, G]
    "entropic": [2, -0.6736706438, -1, 2, -0.6736706438, -1, -0.8904540845, 2, -0.8904540845],
    "entropic-valid": [2, -0.6736706438, -1, 2, -0.6736706438, -1, -0.8904540845, 2, -0.8904540845],
    "constant-beta": [2, -0.7293294335, -1, 2, -0.9981762361, -1, -0.761594156, 2, -0.761594156],
    "mean-baseline": [2, 1, -3, 4.333333333, 0.8333333333, -5.166666667,
                      -0.3333333333, 0.6666666667, -0.3333333333],
    "grpo": [0.7559286603, 0.3779643302, -1.13389299, 0.9019298194, 0.1734480422,
             -1.075377862, -0.5773492692, 1.154698538, -0.5773492692],
}  # fmt: skip


def search(tmp_path: Path, kind: str, **run: object) -> Done:
    """Search for three steps on the scripted completions of a kind of solution."""
    seed, keys, completions = SCRIPTS[kind]
    given = {"objective": "mean-baseline", "workers": 1, "threads": 1, "seed": 7}
    shape = {"steps": 3, "groups": 3, "group_size": 3}
    problem = write_problem(tmp_path / "problem", seed=seed, run=given | shape | run, **keys)
    return solve(problem, tmp_path / "run", completions)


@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [
        ("text", "text", {}),
        ("json", "json", {}),
        ("program", "program", {}),
        ("roots", "roots", {}),
        ("cpp", "cpp", {}),
        ("best-of-n", "json", {"search": "best-of-n"}),
        ("epsilon-greedy", "json", {"search": "epsilon-greedy"}),
        ("visits", "json", {"visits": "sample"}),
        ("copies", "json", {"reward_copies": False}),
        ("frozen", "json", {"train": False}),
    ],
)
def test_a_search(tmp_path: Path, name: str, kind: str, options: Mapping[str, object]) -> None:
    """A search comes out as it always did: every kind of solution, and every ablation."""
    done = search(tmp_path, kind, **options)
    assert done.code == 0, done.err
    assert digest(tmp_path / "run") == GOLDENS[name]


@pytest.mark.parametrize("objective", ADVANTAGES)
def test_an_objective(tmp_path: Path, objective: str) -> None:
    """Each objective gives the attempts of a search the advantages that it always did."""
    assert search(tmp_path, "json", objective=objective).code == 0
    attempts = read_lines(tmp_path / "run" / "attempts.jsonl")
    found = [attempt["advantage"] for attempt in attempts[:9]]
    assert found == pytest.approx(ADVANTAGES[objective], rel=1e-9)


def test_a_search_that_is_resumed(tmp_path: Path) -> None:
    """One that is stopped after a step, and resumed, comes out as if it had not been."""
    assert search(tmp_path, "json", steps=1).code == 0
    done = ttrl("resume", tmp_path / "run", "--steps", 3)
    assert done.code == 0, done.err
    assert digest(tmp_path / "run") == GOLDENS["json"]


def test_a_run_of_an_older_release_is_resumed(tmp_path: Path) -> None:
    """A run of the code that had DeepSpeed goes on, as if the code had never changed."""
    run = shutil.copytree(FIXTURES / "run_with_deepspeed", tmp_path / "run", symlinks=True)
    replay = write_lines(tmp_path / "replay", JSONS)
    config = (run / "config.json").read_text()
    assert '"deepspeed": false' in config
    (run / "config.json").write_text(config.replace("REPLAY", str(replay)))
    done = ttrl("resume", run, "--steps", 3)
    assert done.code == 0, done.err
    assert digest(run) == GOLDENS["json"]


@pytest.mark.parametrize(
    ("name", "options"), [("vote", ()), ("soft", ("--reward", "soft")), ("plain", ("--steps", 0))]
)
def test_a_vote(tmp_path: Path, name: str, options: Sequence[object]) -> None:
    """A vote comes out as it always did, with training and without."""
    questions = write_lines(tmp_path / "q.jsonl", QUESTIONS)
    replay = write_lines(tmp_path / "r.jsonl", ANSWERS)
    given = ("--n", 5, "--groups", 2, "--steps", 3, "--seed", 7, *options)
    done = ttrl(
        "vote", questions, "--out", tmp_path / "run", "--sampler", f"replay:{replay}", *given
    )
    assert done.code == 0, done.err
    assert digest(tmp_path / "run") == GOLDENS[name]
