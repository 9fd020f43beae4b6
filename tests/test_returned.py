"""What a verifier returns in the place of data, and data that look like it."""

from pathlib import Path
from typing import Any

import pytest

from tests._helpers import command, read_lines, solve, ttrl, write_lines, write_problem
from ttrl_cli.grading.verifier import Checker
from ttrl_cli.problem import load_problem
from ttrl_cli.records import Status

HEAD = """
from collections import namedtuple
import json
import numpy as np
from ttrl_cli import Invalid
Result = namedtuple("Result", "ok why")
"""
LONG = "too long"


def checker(folder: Path, returned: str, kind: str, seed: str, more: str = "") -> Checker:
    """The verifier that returns this expression; the score is 1 whatever it is given."""
    verify = f"{HEAD}{more}\ndef verify(data): return {returned}\ndef score(data): return 1\n"
    return Checker(load_problem(write_problem(folder, verify, seed=seed, solution={"kind": kind})))


def refused(made: Checker, data: Any) -> None:
    """See that a verdict was not taken for data."""
    verdict = made.judge(data)
    assert verdict.status is Status.INVALID, verdict.data
    assert "and not data: verify returns the data that it has verified" in verdict.reason


@pytest.mark.parametrize(
    "returned",
    [
        "(False, 'too long', data)",
        "(True, 'fine', data, 0.5)",
        "(True, data, 0.5)",
        "(False, 'too long', {})",
        "(np.bool_(False), 'too long', 7)",
        "Result(False, 'too long')",
        "(None, 'too long')",
        "(data, None)",
        "(data, '')",
        "(data, 'ok')",
        "(data, True)",
        "(0, 'invalid')",
        "(1, 'ok')",
        "{'ok': False}",
        "{'ok': True, 'error': None}",
        "{'ok': False, 'error': 'too long'}",
        "{'valid': False, 'reason': 'too long'}",
        "{'valid': np.bool_(True), 'data': data}",
        "{'is_valid': True, 'message': ''}",
        "{'isValid': False, 'errors': ['too long']}",
        "{'Success': False, 'msg': 'too long'}",
        "{'feasible': False, 'score': 3}",
        "{'status': 'error', 'message': 'too long'}",
        "{'valid': False, 'points': data}",
        "{'ok': False, 'points': data}",
        "'ok'",
        "'OK.'",
        "'Valid!'",
        "'yes'",
        "'invalid'",
        "'Invalid: too long'",
        "'error: too long'",
        "'infeasible'",
        "'FAILED (too long)'",
        "Invalid('too long')",
        "ValueError('too long')",
        "np.array(False)",
    ],
)
def test_a_verdict_is_not_data(tmp_path: Path, returned: str):
    """What can only be a verdict makes nothing valid, a seed neither."""
    refused(checker(tmp_path, returned, "json", "[1, 2]"), [1, 2])


@pytest.mark.parametrize(
    ("refusal", "data", "seed", "kind"),
    [
        ("'too long'", "data", "[1, 2]", "json"),
        ("'2 points too many'", "data", "[1, 2]", "json"),
        ("''", "data", "[1, 2]", "json"),
        ("0", "data", "[1, 2]", "json"),
        ("-1", "data", "[7, 2]", "json"),
        ("np.int64(0)", "np.array(data)", "[7, 2]", "json"),
        ("(0, 'too long')", "data", "[7, 2]", "json"),
        ("[False, 'too long']", "data", "[1, 2]", "json"),
        ("{'error': 'too long'}", "data", "[1, 2]", "json"),
        ("{'error': 'too long'}", "data", '{"a": 1}', "json"),
        ("{}", "[1.5]", "[1, 2]", "json"),
        ("'too long'", "len(data)", "abc", "text"),
        ("'too long'", "data", "12 13", "text"),
        ("'too long'", "[int(x) for x in data.split()]", "12 13", "text"),
        ("0", "[int(x) + 1 for x in data.split()]", "12 13", "text"),
    ],
)
def test_a_verdict_beside_data(tmp_path: Path, refusal: str, data: str, seed: str, kind: str):
    """Where the seeds' data are of another form, a remark or 0 is a refusal: with a parent, too."""
    returned = f"{data} if len(data) < 6 else {refusal}"
    made = checker(tmp_path, returned, kind, seed)
    small = made.judge({"json": [5, 4], "text": "14 15"}[kind])
    if seed.startswith("{"):
        small = made.judge({"a": 2})
    assert small.valid, small.reason
    large = {"json": [3] * 8, "text": "14 15 16"}[kind]
    refused(made, large)
    fresh = made.judge(large, small.data)
    assert fresh.status is Status.INVALID, fresh.data


@pytest.mark.parametrize(
    ("returned", "data", "kept", "seed", "kind"),
    [
        # the data themselves, whatever they are
        ("data", {"ok": False}, {"ok": False}, "[1]", "json"),
        ("data", {"valid": True, "reason": "x"}, {"valid": True, "reason": "x"}, "[1]", "json"),
        ("dict(data)", {"ok": False}, {"ok": False}, '{"ok": true}', "json"),
        ("{**data}", {"ok": True, "x": 1}, {"ok": True, "x": 1}, "[1]", "json"),
        ("data", "too long", "too long", "[1]", "json"),
        ("data", 0, 0, "[1]", "json"),
        ("data", False, False, "[1]", "json"),
        ("tuple(data)", [True, "a"], [True, "a"], "[1]", "json"),
        ("tuple(data)", [False, [1], "b"], [False, [1], "b"], "[1]", "json"),
        ("[*data]", [False, "too long"], [False, "too long"], "[1]", "json"),
        # texts
        ("data.strip()", " ok ", "ok", "12", "text"),
        ("data.lower()", "Invalid: no", "invalid: no", "12", "text"),
        ("data.strip()", "too long", "too long", "12", "text"),
        ("' '.join(data.split())", "3  4", "3 4", "1 2", "text"),
        ("hex(int(data))", "64206", "0xface", "9", "text"),
        ("format(int(data), 'x')", "64206", "face", "9", "text"),
        ("'true' if data == 'a or not a' else data", "a or not a", "true", "a", "text"),
        ("''.join('LR'[int(x)] for x in data)", "0101", "LRLR", "11", "text"),
        # of another form than they were given
        ("' '.join(map(str, data))", [1, 2], "1 2", "[3, 4]", "json"),
        ("''.join(data)", ["p", "ass"], "pass", '["a"]', "json"),
        ("json.dumps(data)", [1, 2], "[1, 2]", "[3, 4]", "json"),
        ("sum(data)", [0, 0], 0, "[3, 4]", "json"),
        ("max(data)", [0, 1], 1, "[3, 4]", "json"),
        ("int(data)", "0", 0, "5", "text"),
        ("int(data) - 1", "1", 0, "5", "text"),
        ("json.loads(data)", "0", 0, "[1, 2]", "text"),
        ("json.loads(data)", '"ab"', "ab", "[1, 2]", "text"),
        ("data[0]", ["abc"], "abc", "[[1, 2]]", "json"),
        ("data['x']", {"x": "abc"}, "abc", '{"x": [1]}', "json"),
        ("data['x']", {"x": 0}, 0, '{"x": [1]}', "json"),
        # parts that are truth values, and keys that a verdict might have
        ("(data['closed'], [1.5])", {"closed": True}, [True, [1.5]], '{"closed": false}', "json"),
        ("tuple(x > 1 for x in data)", [1, 2, 3], [False, True, True], "[1]", "json"),
        ("(len(data) > 1, 2.5)", [1], [False, 2.5], "[1]", "json"),
        ("{'valid': 3, 'ok': [1]}", [1], {"valid": 3, "ok": [1]}, "[1]", "json"),
        ("{'passed': True, 'points': data}", [1], {"passed": True, "points": [1]}, "[2]", "json"),
        ("{'status': 'closed', 'score': 1}", [1], {"status": "closed", "score": 1}, "[2]", "json"),
        ("{'error': 0.5}", [1], {"error": 0.5}, "[2]", "json"),
        ("{}", {}, {}, '{"a": 1}', "json"),
        ("[]", [1], [], "[2]", "json"),
        ("(len(data), 'cycle')", [5], [1, "cycle"], "[2, 3]", "json"),
        ("[len(data), 'cycle']", [5], [1, "cycle"], "[2, 3]", "json"),
    ],
)
def test_data_are_not_a_verdict(
    tmp_path: Path, returned: str, data: Any, kept: Any, seed: str, kind: str
):
    """Honest data are kept, whatever they are like, and with a parent of the seed's form."""
    made = checker(tmp_path, returned, kind, seed)
    verdict = made.judge(data)
    assert (verdict.status, verdict.data) == (Status.OK, kept), verdict.reason
    assert verdict.data == made.judge(data, kept).data


def test_seeds_of_several_forms(tmp_path: Path):
    """What the verifier returns for one of the seeds is data, whatever the parent's are like."""
    keys = {"solution": {"kind": "json"}, "seeds": ["seed.txt", "other.txt"]}
    verify = "def verify(data): return ' '.join(map(str, data)) if len(data) > 3 else data\n"
    folder = write_problem(tmp_path, verify + "def score(data): return 1\n", seed="[1]", **keys)
    (folder / "other.txt").write_text("[1, 2, 3, 4]")
    made = Checker(load_problem(folder))
    assert made.judge([5, 6, 7, 8, 9], [1]).data == "5 6 7 8 9"


VERDICTS = """
def verify(data):
    if len(data) > 3:
        return "too long: {} numbers".format(len(data))
    return data

def score(data):
    return len(data)
"""


def test_a_run_learns_nothing_of_remarks(tmp_path: Path):
    """A remark longer than any data does not win a run by its length."""
    problem = write_problem(tmp_path / "p", VERDICTS, seed="[1, 2]", solution={"kind": "json"})
    replay = write_lines(tmp_path / "r", ["[1, 2, 3]", "[1, 2, 3, 4]"])
    done = ttrl(
        "solve", problem, "--out", tmp_path / "run", "--sampler", f"replay:{replay}",
        "--steps", 1, "--json",
    )  # fmt: skip
    assert (done.json["best"]["score"], done.json["valid"]) == (3.0, 2), done.err


@pytest.mark.parametrize("kind", ["json", "program"])
def test_check_finds_it(tmp_path: Path, kind: str):
    """`ttrl check` names the data of which the verifier returned a remark."""
    seed = {"json": "[1, 2]", "program": "def run():\n    return [1, 2]\n"}[kind]
    verify = VERDICTS.replace(
        "    if len(data)",
        "    if type(data) is not list or not all(type(x) is int for x in data):\n"
        "        raise ValueError('no list')\n    if len(data)",
    ).replace("> 3", "!= 2")
    problem = write_problem(
        tmp_path / "p", verify, seed=seed, solution={"kind": kind}, limits={"seconds": 20}
    )
    done = command("check", problem, "--json")
    found = {one["attack"]: one["what"] for one in done.json["findings"]}
    assert done.code == 2
    assert found["one element too many"].startswith(
        "verifier returned 'too long: 3 numbers' and not data: verify returns the data"
    )


def test_verify_refuses_it(tmp_path: Path):
    """`ttrl verify` calls a solution not valid of which the verifier returned a remark."""
    problem = write_problem(tmp_path / "p", VERDICTS, seed="[1, 2]", solution={"kind": "json"})
    (tmp_path / "s.json").write_text("[1, 2, 3, 4]")
    done = ttrl("verify", problem, tmp_path / "s.json", "--json")
    assert (done.code, done.json["valid"]) == (4, False)
    assert "'too long: 4 numbers' and not data" in done.json["reason"]


DIGITS = "9" * 4000
JSON = {"kind": "json"}
HUGE = {
    # name: what verify returns of two integers that were read
    "alone": "data[0] * data[1]",
    "in a list": "[0, data[0] * data[1]]",
    "in an object": "{'a': {'b': -data[0] * data[1]}}",
    "beside a remark": "(data, data[0] * data[1])",
}


@pytest.mark.parametrize("returned", HUGE.values(), ids=HUGE)
def test_an_integer_too_long_to_be_written(tmp_path: Path, returned: str):
    """A product of too many digits is refused with a reason, and the run goes on and resumes."""
    verify = f"def verify(data):\n    return {returned}\n\ndef score(data):\n    return 1.0\n"
    problem = write_problem(tmp_path / "p", verify, seed="[1, 2]", solution=JSON)
    replay = [f"[{DIGITS}, {DIGITS}]", "[3, 4]"]
    done = solve(problem, tmp_path / "run", replay, "--steps", 1, "--groups", 1, "--group-size", 2)
    assert done.code == 0, done.err
    first, second = (line["verdict"] for line in read_lines(tmp_path / "run" / "attempts.jsonl"))
    assert (first["status"], second["status"]) == ("invalid", "ok")
    assert first["reason"] == (
        "verifier returned what cannot be kept: the data holds an integer of more than 4300 digits"
    )


def test_check_tries_long_integers(tmp_path: Path):
    """A verifier whose arithmetic leaves what can be written is found out."""
    verify = (
        "def verify(data):\n    return [x * x for x in data]\n\ndef score(data):\n    return 1\n"
    )
    problem = write_problem(tmp_path / "p", verify, seed="[1, 2]", solution=JSON)
    done = ttrl("check", problem, "--json")
    found = [one["attack"] for one in done.json["findings"]]
    assert "an integer of 4,000 digits for its first number" in found
