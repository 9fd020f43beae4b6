"""The problem's own code as its author knows it: where it runs, what it imports, how it ends."""

import sys
import uuid
from pathlib import Path
from textwrap import dedent

import psutil
import pytest

from tests._helpers import command, command_line, ttrl, write_lines, write_problem
from ttrl_cli.grading.verifier import Checker
from ttrl_cli.problem import load_problem
from ttrl_cli.records import Status

HEAD = "from ttrl_cli import Invalid\n"
SUM = "def score(data):\n    return sum(data)\n"


def write_summing(folder: Path, verify: str, **keys: object) -> Path:
    """Write a problem whose solutions are lists of numbers, scored by their sum."""
    keys = {"solution": {"kind": "json"}, "seed": "[1, 2]", "limits": {"seconds": 20}} | keys
    code = HEAD + dedent(verify)
    return write_problem(folder, code if "def score" in code else code + SUM, **keys)  # type: ignore[arg-type]


def checker(folder: Path, verify: str, **keys: object) -> Checker:
    """The problem's own code, loaded into this process."""
    return Checker(load_problem(write_summing(folder, verify, **keys)))


# -- where it runs ---------------------------------------------------------------------------

PLACES = {
    "a file that is opened": """
        import json
        def verify(data):
            with open("target.json") as file:
                return [*data, json.load(file)]
        """,
    "a file that is opened on import": """
        from pathlib import Path
        TARGET = int(Path("target.json").read_text())
        def verify(data):
            return [*data, TARGET]
        """,
    "a relative import": """
        from .target import TARGET
        def verify(data):
            return [*data, TARGET]
        """,
    "a relative import of a module": """
        from . import target
        def verify(data):
            return [*data, target.TARGET]
        """,
    "a plain import": """
        import target
        def verify(data):
            return [*data, target.TARGET]
        """,
    "an import in a function": """
        def verify(data):
            from target import TARGET
            return [*data, TARGET]
        """,
    "a package beside it": """
        from deep.inner import TARGET
        def verify(data):
            return [*data, TARGET]
        """,
    "the working directory": """
        import os
        def verify(data):
            return [*data, 40 * os.path.exists("verify.py")]
        """,
}


def target(folder: Path, value: int = 40) -> None:
    """Lay a data file, a module and a package beside verify.py, which all say the same."""
    (folder / "deep").mkdir(parents=True)
    (folder / "target.json").write_text(str(value))
    (folder / "target.py").write_text(f"TARGET = {value}\n")
    (folder / "deep" / "inner.py").write_text("from target import TARGET\n")


@pytest.mark.parametrize("case", PLACES)
def test_in_the_problems_folder(tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch):
    """Files and modules beside verify.py are found wherever the caller is, who stays there."""
    target(tmp_path / "p")
    monkeypatch.chdir(tmp_path)
    verdict = checker(tmp_path / "p", PLACES[case]).judge([1])
    assert (verdict.status, verdict.data) == (Status.OK, [1, 40]), verdict.reason
    assert Path.cwd() == tmp_path


@pytest.mark.parametrize("case", PLACES)
def test_problems_do_not_mix(tmp_path: Path, case: str):
    """Two problems with siblings of the same names each have their own, also in turns."""
    target(tmp_path / "p", 40)
    target(tmp_path / "q", 50)
    one, two = (checker(tmp_path / name, PLACES[case]) for name in "pq")
    last = [one.judge([1]).data, two.judge([1]).data, one.judge([2]).data]
    where = "the working directory"  # the one case whose answer is the same for both
    assert last == [[1, 40], [1, 40 if case == where else 50], [2, 40]]


def test_a_file_in_a_subfolder(tmp_path: Path):
    """A verifier in a subfolder imports what lies beside it, relatively and not."""
    folder = write_summing(
        tmp_path, "def verify(data): return data\n", verifier="code/main.py:verify"
    )
    (folder / "code").mkdir()
    (folder / "code" / "rest.py").write_text("MORE = 3\n")
    (folder / "code" / "main.py").write_text(
        "from .rest import MORE\nimport rest\ndef verify(d): return [*d, MORE, rest.MORE]\n"
    )
    assert Checker(load_problem(folder)).judge([1]).data == [1, 3, 3]


def test_a_file_with_a_dot_in_its_name(tmp_path: Path):
    """A verifier whose file name is no module name is loaded all the same."""
    folder = write_summing(
        tmp_path, "def verify(data): return data\n", verifier="verify.v2.py:verify"
    )
    (folder / "verify.v2.py").write_text("def verify(data): return [*data, 7]\n")
    assert Checker(load_problem(folder)).judge([1]).data == [1, 7]


def test_what_the_code_puts_on_the_path(tmp_path: Path):
    """A place that verify.py puts on the path is there in later calls, and for it alone."""
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "of_mine.py").write_text("WORTH = 8\n")
    verify = f"""
        import sys
        sys.path.insert(0, {str(tmp_path / "library")!r})
        def verify(data):
            from of_mine import WORTH
            return [*data, WORTH]
        """
    before = list(sys.path)
    made = checker(tmp_path / "p", verify)
    assert [made.judge([1]).data, made.judge([2]).data] == [[1, 8], [2, 8]]
    assert sys.path == before


def test_modules_of_others_stay(tmp_path: Path):
    """A sibling that is called like an installed module stands for it in the problem alone."""
    import yaml

    write_summing(tmp_path, "import yaml\ndef verify(data): return [*data, yaml.WHO]\n")
    (tmp_path / "yaml.py").write_text("WHO = 6\n")
    assert Checker(load_problem(tmp_path)).judge([1]).data == [1, 6]
    import yaml as again

    assert again is yaml


@pytest.mark.parametrize("key", ["certify", "render"])
def test_other_functions_run_there_too(tmp_path: Path, key: str):
    """Certify and render find the problem's files as well."""
    target(tmp_path)
    name = {"certify": "bound", "render": "show"}[key]
    verify = f"""
        def verify(data): return data
        def {name}(data):
            with open("target.json") as file:
                return file.read()
        """
    made = checker(tmp_path, verify, **{key: f"verify.py:{name}"})
    if key == "certify":
        assert made.certify([1], "").value == 40
    else:
        assert made.judge([1]).shown == "40"


MOVES = {
    "into a folder": "os.chdir('deep')",
    "out of it": "os.chdir('/')",
    "through a descriptor": "os.fchdir(os.open('/', os.O_RDONLY))",
    "into a folder that is gone": ("os.mkdir('gone'); os.chdir('gone'); os.rmdir(os.getcwd())"),
}


@pytest.mark.parametrize("case", MOVES)
def test_each_function_is_called_there(tmp_path: Path, case: str):
    """A function that changes the working directory moves no other, nor the next call."""
    target(tmp_path)
    verify = f"""
        import os
        def read(data):
            with open("target.json") as file:
                found = file.read()
            {MOVES[case]}
            return found
        def verify(data): return [*data, int(read(data))]
        def score(data): return int(read(data)) + sum(data)
        """
    here = Path.cwd()
    made = checker(tmp_path, verify, render="verify.py:read", certify="verify.py:read")
    for data in ([1], [2]):
        verdict = made.judge(data)
        assert (verdict.status, verdict.shown) == (Status.OK, "40"), verdict.reason
        assert verdict.score == 80 + data[0]
        assert made.certify(data, "").value == 40
        assert Path.cwd() == here


def test_a_resumed_run_has_siblings_and_data(tmp_path: Path):
    """A run's own copy of the problem has what verify.py imports and opens, when it is resumed."""
    target(tmp_path / "p")
    verify = """
        from .target import TARGET
        def verify(data):
            with open("target.json") as file:
                return [*data, TARGET, int(file.read())]
        """
    write_summing(tmp_path / "p", verify)
    replay = write_lines(tmp_path / "r", ["[3]"])
    made = ("--out", tmp_path / "run", "--sampler", f"replay:{replay}", "--steps", 1)
    assert ttrl("solve", tmp_path / "p", *made).code == 0
    (tmp_path / "p").rename(tmp_path / "elsewhere")
    done = ttrl("resume", tmp_path / "run", "--steps", 2, "--json")
    assert (done.code, done.json["best"]["score"]) == (0, 83.0)


def test_check_and_verify_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The commands grade in the problem's folder, whatever folder they are called from."""
    target(tmp_path / "p")
    write_summing(
        tmp_path / "p", PLACES["a file that is opened"].replace("return", "return data or")
    )
    (tmp_path / "s.json").write_text("[5]")
    monkeypatch.chdir(tmp_path)
    assert "score 3" in command("check", "p").out
    assert ttrl("verify", "p", "s.json", "--json").json["score"] == 5


# -- processes of its own --------------------------------------------------------------------

POOLS = {
    "Pool": "from multiprocessing import Pool\n",
    "fork": "import multiprocessing\nPool = multiprocessing.get_context('fork').Pool\n",
    "spawn": "import multiprocessing\nPool = multiprocessing.get_context('spawn').Pool\n",
    "forkserver": "import multiprocessing\nPool = multiprocessing.get_context('forkserver').Pool\n",
    "executor": "from concurrent.futures import ProcessPoolExecutor as Pool\n",
}
MAPPED = (
    """
import target

class Box:
    def __init__(self, inside):
        self.inside = inside

def square(box):
    with open("target.json") as file:
        return Box(box.inside ** 2 + int(file.read()) - target.TARGET)

def verify(data):
    with Pool(2) as pool:
        return [box.inside for box in pool.map(square, [Box(x) for x in data])]

"""
    + SUM
)


@pytest.mark.parametrize("case", POOLS)
def test_a_verifier_with_processes(tmp_path: Path, case: str):
    """However a verifier starts processes, they know its functions, classes, siblings and files."""
    target(tmp_path)
    write_summing(tmp_path, POOLS[case] + MAPPED, limits={"seconds": 60})
    (tmp_path / "s.json").write_text("[2, 3]")
    done = command("verify", tmp_path, tmp_path / "s.json", "--json", cwd=tmp_path.parent)
    assert (done.code, done.json["score"]) == (0, 13.0), done.err
    assert "Traceback" not in done.err


# -- how it ends -----------------------------------------------------------------------------

HANGS = {
    "asleep": "import time; time.sleep(600)",
    "busy": "while True: pass",
    "in C": "import re; re.match(r'(a+)+$', 'a' * 60 + 'b')",
    "waiting for a process": "subprocess.run(['sleep', '600'])",
    "deaf": (
        "import signal, time\n"
        "        signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    ),
}


@pytest.mark.parametrize("case", HANGS)
def test_a_verifier_that_hangs(tmp_path: Path, case: str):
    """It has limits.seconds, twice, and what it started ends with it."""
    marker = uuid.uuid4().hex
    verify = """
        import subprocess, sys
        def verify(data):
            if len(data) == 1:
                {0}
            return data
        """.replace("{{0}}", "{0}")
    started = (
        f"subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)', '{marker}'])"
    )
    hang = HANGS[case].replace("\n        ", "\n                ")
    body = f"{started}\n                {hang}"
    write_summing(tmp_path, verify.format(body), limits={"seconds": 1})
    (tmp_path / "s.json").write_text("[2]")
    done = ttrl("verify", tmp_path, tmp_path / "s.json")
    assert done.code == 3
    assert "verifying took more than 1 s (limits.seconds), 2 times" in done.err
    alive = [p for p in psutil.process_iter() if marker in command_line(p)]
    assert alive == []


def test_a_verifier_within_its_limit_is_left_alone(tmp_path: Path):
    """The limit holds for each call, not for all that a worker does one after the other."""
    write_summing(
        tmp_path, "import time\ndef verify(d): time.sleep(0.4); return d\n", limits={"seconds": 3}
    )
    replay = write_lines(tmp_path / "r", [f"[{n}]" for n in range(12)])
    done = ttrl(
        "solve", tmp_path, "--out", tmp_path / "run", "--sampler", f"replay:{replay}",
        "--steps", 1, "--groups", 1, "--group-size", 12, "--workers", 1, "--json",
    )  # fmt: skip
    assert (done.code, done.json["valid"]) == (0, 12), done.err


# -- what it returns -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("returned", "shown"),
    [
        ("True", "True"),
        ("False", "False"),
        ("None", "None"),
        ("np.bool_(True)", "np.True_"),
        ("np.all(np.array(data) > 0)", "np.True_"),
        ("(True, 'ok')", "(True, 'ok')"),
        ("(False, 'too small')", "(False, 'too small')"),
        ("(True, None)", "(True, None)"),
        ("(True, data)", "(True, [1, 2])"),
        ("(np.bool_(True), '')", "(np.True_, '')"),
        ("{'valid': True, 'reason': ''}", "{'valid': True, 'reason': ''}"),
    ],
)
def test_verify_returns_the_data(tmp_path: Path, returned: str, shown: str):
    """A verifier that answers yes or no is told that verify returns the data."""
    verdict = checker(tmp_path, f"import numpy as np\ndef verify(data): return {returned}\n").judge(
        [1, 2]
    )
    assert verdict.status is Status.INVALID
    assert verdict.reason == (
        f"verifier returned {shown} and not data: verify returns the data that it has verified, "
        "and raises Invalid for what it refuses"
    )


@pytest.mark.parametrize(
    ("returned", "data", "kept"),
    [
        ("data", True, True),
        ("data", None, None),
        ("data", {"valid": True}, {"valid": True}),
        ("tuple(x > 1 for x in data)", [1, 2], [False, True]),
        ("(True, 5)", [1], [True, 5]),
        ("[True, 'a']", [1], [True, "a"]),
        ("0", [1], 0),
        ("{'valid': 1}", [1], {"valid": 1}),
    ],
)
def test_truth_values_in_data_are_data(tmp_path: Path, returned: str, data: object, kept: object):
    """Truth values that are the data, or a part of them, are kept."""
    verify = f"def verify(data): return {returned}\ndef score(data): return 1\n"
    assert checker(tmp_path, verify).judge(data).data == kept


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("np.bool_(True)", 1.0),
        ("True", 1.0),
        ("np.int8(3)", 3.0),
        ("np.uint64(2)", 2.0),
        ("np.float16(0.5)", 0.5),
        ("np.longdouble(0.25)", 0.25),
        ("np.float64(1e300)", 1e300),
        ("Fraction(1, 4)", 0.25),
        ("Decimal('0.5')", 0.5),
    ],
)
def test_metrics_are_numbers_of_any_kind(tmp_path: Path, metric: str, value: float):
    """Numpy's scalars, truth values, fractions and decimals are numbers in metrics."""
    verify = f"""
        import numpy as np
        from fractions import Fraction
        from decimal import Decimal
        def verify(data): return data
        def score(data): return {{"value": 1, "metrics": {{"m": {metric}}}}}
        """
    verdict = checker(tmp_path, verify).judge([1])
    assert (verdict.status, verdict.metrics) == (Status.OK, {"m": value}), verdict.reason


@pytest.mark.parametrize(
    "metric", ["'1'", "None", "1j", "np.complex64(1)", "np.nan", "Decimal('sNaN')", "[1]"]
)
def test_other_metrics_are_refused(tmp_path: Path, metric: str):
    """What is no finite real number is no metric."""
    verify = f"""
        import numpy as np
        from decimal import Decimal
        def verify(data): return data
        def score(data): return {{"value": 1, "metrics": {{"m": {metric}}}}}
        """
    verdict = checker(tmp_path, verify).judge([1])
    assert verdict.status is Status.INVALID
    assert "metric 'm' must be a finite number" in verdict.reason


@pytest.mark.parametrize("score", ["True", "np.bool_(True)"])
def test_a_truth_value_is_no_score(tmp_path: Path, score: str):
    """A score that is a truth value is a mistake, though a metric may be one."""
    verify = f"""
        import numpy as np
        def verify(data): return data
        def score(data): return {score}
        """
    assert "score must be a number (got bool" in checker(tmp_path, verify).judge([1]).reason
