"""`ttrl check`: hostile data tell what is wrong with a verifier, and nothing where nothing is."""

import json
import math
from pathlib import Path

import pytest

from tests._helpers import Done, ttrl, write_problem
from ttrl_cli.grading.attacks import attacks

PROBLEMS = Path(__file__).parents[1] / "problems"
GOOD = """
import math
from ttrl_cli import Invalid

def verify(data):
    if type(data) is not list or len(data) != 3:
        raise Invalid("expected a list of three numbers")
    if not all(type(x) in (int, float) and 0 <= x <= 1 for x in data):
        raise Invalid("expected numbers between 0 and 1")
    return data

def score(data):
    return math.fsum(data)
"""
NUMPY = """
import numpy as np
from ttrl_cli import Invalid

def verify(data):
    array = np.array(data, dtype=float)
    if array.shape != (3,):
        raise Invalid("expected three numbers")
    return array

def score(array):
    return float(np.nan_to_num(array).clip(0, 1).sum())
"""
LENGTH = """
from ttrl_cli import Invalid

def verify(text):
    if "\\0" in text:
        raise ValueError("null bytes")
    return text

def score(text):
    return len(text) + 1
"""
CASES = {
    # name: (what GOOD has, what takes its place, the attack, what is said of it)
    "crashes": (
        "type(data) is not list or len(data)",
        "len(data)",
        "null alone",
        "crashes instead of raising Invalid: verifier raised TypeError",
    ),
    "does not look at types": (
        "type(x) in (int, float) and 0 <= x",
        "0 <= x",
        "text for its first number",
        "crashes instead of raising Invalid: verifier raised TypeError",
    ),
    "lets NaN through": (
        "0 <= x <= 1",
        "not (x < 0 or x > 1)",
        "NaN for its first number",
        "accepts data that are not finite",
    ),
    "believes a claim": (
        "    if type(data) is not list",
        "    if type(data) is dict and type(data.get('data')) is list:\\n"
        "        return [data['score']]\\n"
        "    if type(data) is not list",
        "claims beside the data as data",
        "lets a claim change the score from 1.5 to 1000000000",
    ),
    "counts its calls": (
        "return math.fsum(data)",
        "calls.append(1)\\n    return math.fsum(data) + len(calls)\\n\\ncalls = []",
        "true for its first number",
        "",
    ),
}


def check(folder: Path, verify: str, seed: str, kind: str, **keys: object) -> Done:
    """Run `ttrl check --json` on a problem with this verifier."""
    problem = write_problem(folder, verify, seed=seed, solution={"kind": kind}, **keys)
    return ttrl("check", problem, "--json")


def findings(done: Done) -> dict[str, str]:
    """What each attack found."""
    return {found["attack"]: found["what"] for found in done.json["findings"]}


def test_a_strict_verifier_stands(tmp_path: Path) -> None:
    """No attack finds anything: exit code 0."""
    done = check(tmp_path, GOOD, "[0.5, 0.5, 0.5]", "json")
    assert (done.code, done.json["findings"]) == (0, [])
    assert done.json["attacks"] > 60


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name][3]])
def test_a_fault_is_found(name: str, tmp_path: Path) -> None:
    """Each fault is told by an attack, with what the verifier did: exit code 2."""
    right, wrong, attack, what = CASES[name]
    assert right in GOOD
    done = check(
        tmp_path, GOOD.replace(right, wrong.replace("\\n", "\n")), "[0.5, 0.5, 0.5]", "json"
    )
    assert done.code == 2
    assert what in findings(done)[attack]
    assert "verifier: " in done.err


def test_another_value_on_a_second_call(tmp_path: Path) -> None:
    """A score that counts its calls is reported, with both values."""
    right, wrong, _, _ = CASES["counts its calls"]
    verify = GOOD.replace(right, wrong.replace("\\n", "\n"))
    found = findings(check(tmp_path, verify, "[0.5, 0.5, 0.5]", "json"))
    assert "another value on a second call: " in found["negative zero for every number"]


@pytest.mark.parametrize(
    ("kind", "seed", "total"),
    [
        ("json", "[[0.5], [0.25]]", "data[0][0]"),
        ("json", '{"x": 0.5}', "data['x']"),
        ("text", "half", "len(data)"),
    ],
)
def test_a_score_that_is_drawn(kind: str, seed: str, total: str, tmp_path: Path) -> None:
    """A verifier that accepts nothing but the seed is tried with that, twice."""
    honest = seed if kind == "text" else json.loads(seed)
    verify = f"""
import random
from ttrl_cli import Invalid

def verify(data):
    if type(data) is not type(SEED) or data != SEED:
        raise Invalid("no")
    return data

def score(data):
    return {total} + random.random()

SEED = {honest!r}
"""
    found = findings(check(tmp_path, verify, seed, kind))
    assert "another value on a second call" in found["an honest solution"]


def test_a_change_of_mind(tmp_path: Path) -> None:
    """A verifier that remembers what it has seen accepts once and refuses once."""
    remembers = GOOD.replace(
        "    return data",
        "    if str(data) in seen:\n        raise Invalid('seen')\n    seen.add(str(data))\n"
        "    return data\n\nseen = set()",
    )
    found = findings(check(tmp_path, remembers, "[0.5, 0.5, 0.5]", "json"))
    assert found["negative zero for every number"] == "refuses it once and accepts it once"


def test_other_data_on_a_second_call(tmp_path: Path) -> None:
    """The same score for other verified data is another value, too."""
    turns = """    calls.append(1)
    return data[len(calls) % 2 :] + data[: len(calls) % 2]

calls = []"""
    done = check(tmp_path, GOOD.replace("    return data", turns), "[0.1, 0.2, 0.3]", "json")
    assert "another value on a second call" in findings(done)["1e-320 for its first number"]


def test_a_verifier_may_do_what_it_likes_with_its_data(tmp_path: Path) -> None:
    """Each call has data of its own: one that empties them is not at fault."""
    empties = GOOD.replace(
        "    return data", "    kept = list(data)\n    data.clear()\n    return kept"
    )
    done = check(tmp_path, empties, "[0.5, 0.5, 0.5]", "json")
    assert (done.code, done.json["findings"]) == (0, [])


def test_what_numpy_makes_of_data(tmp_path: Path) -> None:
    """`np.array(data, dtype=float)` raises on most of it, and takes NaN for a number."""
    found = findings(check(tmp_path, NUMPY, "[0.5, 0.5, 0.5]", "json"))
    assert "verifier raised ValueError" in found["lists of different lengths"]
    assert "verifier raised OverflowError" in found["an integer of 400 digits for its first number"]
    assert "not finite" in found["infinity for every number"]
    assert "verifier raised TypeError" in found["a complex number for its first number"]


def test_texts(tmp_path: Path) -> None:
    """Solutions that are texts are attacked by texts alone."""
    found = findings(check(tmp_path, LENGTH, "a text", "text"))
    crash = "crashes instead of raising Invalid: verifier raised ValueError: null bytes"
    assert found == {"a null byte": crash, "the solution with a null byte": crash}


def test_a_verifier_that_hangs_or_dies(tmp_path: Path) -> None:
    """The time it took, or the death of its process, is the finding; the others go on."""
    start = "def verify(data):\n"
    hangs = GOOD.replace(start, start + "    while type(data) is list and not data: pass\n")
    limits = {"seconds": 1, "memory_mb": 1024}
    found = findings(check(tmp_path / "hangs", hangs, "[0, 0, 1]", "json", limits=limits))
    assert list(found) == ["an empty list"]
    assert "more than 3 s" in found["an empty list"]
    dies = GOOD.replace(start, start + "    if type(data) is str and not data: os._exit(9)\n")
    dies = "import os\n" + dies
    found = findings(check(tmp_path / "dies", dies, "[0, 0, 1]", "json"))
    assert list(found) == ["empty text"]
    assert "worker died" in found["empty text"]


def test_a_command(tmp_path: Path) -> None:
    """A verifier that is a command gets what JSON can hold, and must answer."""
    script = (
        "import json, sys\ndata = json.load(sys.stdin)['data']\n"
        "print(json.dumps({'valid': True, 'score': sum(data)}))\n"
    )
    keys = {"verifier": {"command": ["python3", "-I", "-S", "judge.py"]}, "score": None}
    write_problem(tmp_path)
    (tmp_path / "judge.py").write_text(script)
    done = check(tmp_path, GOOD, "[1, 2]", "json", **keys)
    found = findings(done)
    assert "ended with status 1" in found["null alone"]
    assert "an empty list" not in found
    assert not any("NaN" in name or "array" in name for name in found)


@pytest.mark.parametrize(
    "name",
    ["ac1_16", "erdos_overlap_16", "sidon_100"],
)
def test_the_small_problems_stand(name: str) -> None:
    """Attacked by texts: nothing found."""
    done = ttrl("check", PROBLEMS / name, "--json")
    assert (done.code, done.json["findings"]) == (0, []), done.err


def test_certificates_of_the_seeds(tmp_path: Path) -> None:
    """Where a problem certifies, the seeds must be certified, and are shown with it."""
    certify = "\ndef certify(data):\n    return {half}\n"
    keys = {"certify": "verify.py:certify"}
    good = GOOD + certify.format(half="'3/2'")
    done = check(tmp_path / "good", good, "[0.5, 0.5, 0.5]", "json", **keys)
    assert done.json["seeds"][0]["certified"] == 1.5
    bad = GOOD + certify.format(half="None")
    done = check(tmp_path / "bad", bad, "[0.5, 0.5, 0.5]", "json", **keys)
    assert done.code == 2
    assert "problem.yaml: certify: certify must return" in done.err


def test_for_people(tmp_path: Path) -> None:
    """Findings are lines beneath the seeds."""
    problem = write_problem(tmp_path, LENGTH, seed="x", best_known=7, best_known_source="a guess")
    done = ttrl("check", problem)
    lines = done.out.splitlines()
    assert lines[0] == "number: its verifier is at fault, to maximize"
    assert lines[2] == "  best known  7  (a guess)"
    assert lines[3].endswith(" attacks on the verifier, 2 findings")
    assert lines[4].startswith("    a null byte: crashes")


HONEST = [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]


class TestAttacks:
    def test_all_that_the_data_may_be(self) -> None:
        """NaN, infinities, booleans, text, huge and tiny numbers: for one number, and for all."""
        found = {a.name: a for a in attacks(HONEST, 1.0, text=False, strict_json=False)}
        first = found["NaN for its first number"]
        assert math.isnan(first.data[0][0])
        assert (first.data[0][1:], first.data[1], first.finite) == (
            [0.2, 0.3],
            [0.4, 0.5, 0.6],
            False,
        )
        assert found["1e308 for every number"].data == [[1e308] * 3] * 2
        assert found["one element too few"].data == HONEST[:1]
        assert found["all elements in one row"].data == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
        assert found["an integer of 400 digits alone"].data == 10**400
        assert found["claims beside the data as circles"].data["circles"] == HONEST
        assert found["claims beside the data as circles"].score == 1.0
        assert found["negative zero alone"].finite
        assert found["the data in a list"].data == [HONEST]
        assert found["each element in a list"].data == [[HONEST[0]], [HONEST[1]]]
        assert found["the data and a claim in a list"].data == [HONEST, 1e9]
        assert found["the data as text"].data == json.dumps(HONEST)
        deep = found["lists nested 60 levels deep"].data
        for _ in range(60):
            (deep,) = deep
        assert deep == []
        assert HONEST == [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]

    def test_objects(self) -> None:
        """Data that are an object are spoilt inside, and lose each of their keys."""
        honest = {"x": 0.5, "y": [1.5]}
        found = {a.name: a.data for a in attacks(honest, 1.0, text=False, strict_json=False)}
        assert found["-1 for its first number"] == {"x": -1, "y": [1.5]}
        assert found["true for every number"] == {"x": True, "y": [True]}
        assert found["without the key x"] == {"y": [1.5]}
        assert found["claims beside the data"]["score"] == 1e9

    def test_strict_json(self) -> None:
        """For a command, only what strict JSON can hold."""
        for attack in attacks(HONEST, 1.0, text=False, strict_json=True):
            assert json.dumps(attack.data, allow_nan=False)
            assert attack.finite

    def test_names_are_different(self) -> None:
        """A finding names its attack."""
        for honest, text in ((HONEST, False), ("1 2 3", True), (0.5, False), ([], False)):
            names = [a.name for a in attacks(honest, 1.0, text=text, strict_json=False)]
            assert len(names) == len(set(names))
