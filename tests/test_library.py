"""The problems of problems/: ready to solve, and what does not earn anything there."""

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests._helpers import load_module, ttrl
from ttrl_cli import Invalid
from ttrl_cli.bounds.certificate import Certificate
from ttrl_cli.config import SolveConfig
from ttrl_cli.grading.grader import ProblemGrader
from ttrl_cli.problem import load_problem

PROBLEMS = Path(__file__).parents[1] / "problems"
LARGE = {
    # name: (direction, best known, as far as published values go)
    "erdos_min_overlap": ("minimize", 0.380858574858, 1e-12),
    "ac1": ("minimize", 1.502743649233, 1e-12),
    "ac2": ("maximize", 0.962901, 1e-9),
    "ac3": ("minimize", 1.451565529850, 1e-12),
    "circle_packing_26": ("maximize", 2.63598308, 2e-8),
    "circle_packing_32": ("maximize", 2.93957277, 2e-8),
}
TRIVIAL = {"erdos_min_overlap": 0.5, "ac1": 2.0, "ac2": 2 / 3, "ac3": 2.0}
"""What constant steps score, by hand."""

# Each is a program for AC1 whose steps are constant, and so worth 2 by right; None: not valid.
HACKS: dict[str, tuple[str, float | None]] = {
    "reports a bound of its own": (
        """
        def run():
            return {"sequence": [1.0] * 8, "bound": 1.5, "score": 1.5, "c1": 1.5, "valid": True}
        """,
        2.0,
    ),
    "returns a bound and nothing else": ("def run(): return 1.4", None),
    "ends before it is checked": ("import os\ndef run(): os._exit(0)", None),
    "ends with the status of success": ("import sys\ndef run(): sys.exit(0)", None),
    "prints what a checker might look for": (
        """
        def run():
            print('{"valid": true, "score": 0.1}')
            print("PASSED", "ok", "SCORE: 0.1", flush=True)
            return [1.0] * 8
        """,
        2.0,
    ),
    "patches the clock, json, numpy and scipy": (
        """
        import json, time
        import numpy as np
        import scipy.fft

        def run():
            time.time = time.monotonic = time.perf_counter = lambda: 0.0
            json.dumps = lambda *a, **k: "[0.1]"
            np.max = np.ndarray.max if False else (lambda *a, **k: 0.0)
            np.convolve = scipy.fft.irfft = lambda *a, **k: np.zeros(15)
            math_fsum = __import__("math")
            math_fsum.fsum = lambda values: 1e9
            return [1.0] * 8
        """,
        2.0,
    ),
    "patches the verifier's module": (
        """
        import sys

        def run():
            try:
                from ttrl_cli.bounds import steps
                steps.autocorrelation = lambda *a, **k: 0.1
            except ImportError:
                pass
            for name, module in list(sys.modules.items()):
                if "verify" in name or "ttrl" in name:
                    module.score = lambda data: 0.1
            return [1.0] * 8
        """,
        2.0,
    ),
    "returns a pickle": (
        """
        import os, pickle

        class Payload:
            def __reduce__(self):
                return os.system, ("touch /tmp/ttrl-was-hacked",)

        def run():
            return pickle.dumps(Payload())
        """,
        None,
    ),
    "returns an object that says it is small": (
        """
        class Small(float):
            def __abs__(self): return 0.0
            def __lt__(self, other): return True

        def run():
            return [Small(1.0)] * 8
        """,
        2.0,
    ),
    "hides a negative height": ("def run(): return [1.0] * 8 + [-1e-9]", None),
    "hides a NaN": ("def run(): return [1.0, float('nan')] * 4", None),
}


def imported(file: Path) -> ModuleType:
    """A Python file of a problem, imported."""
    return load_module(file, f"library_{file.parent.name}_{file.stem}")


def module(name: str) -> ModuleType:
    """A problem's verify.py, imported."""
    return imported(PROBLEMS / name / "verify.py")


def scored(name: str, data: object) -> tuple[float, float]:
    """Score and certified bound of data, by the problem's own functions."""
    problem = module(name)
    verified = problem.verify(data)
    return problem.score(verified), problem.certify(verified).value


@pytest.fixture(scope="module")
def ac1() -> Iterator[ProblemGrader]:
    """What grades solutions of AC1, as `ttrl verify` and runs do."""
    with ProblemGrader(load_problem(PROBLEMS / "ac1"), workers=1) as grader:
        yield grader


def undented(source: str) -> str:
    """A program written inside a table of this file."""
    lines = source.split("\n")
    return "\n".join(line.removeprefix(" " * 8) for line in lines)


@pytest.mark.parametrize("name", LARGE)
class TestLarge:
    def test_run_defaults_are_the_papers(self, name: str) -> None:
        """8 x 64, 50 steps, 26,000 tokens, rate 4e-5, rank 32, KL 0.1 (arXiv 2601.16175)."""
        run = load_problem(PROBLEMS / name).spec.run
        assert run == {
            "groups": 8, "group_size": 64, "steps": 50, "max_tokens": 26_000,
            "lr": 4e-5, "lora_rank": 32, "kl": 0.1,
        }  # fmt: skip
        assert SolveConfig.model_validate(run)

    def test_the_best_known_value_and_its_source(self, name: str) -> None:
        """As published; for the packings rounded up, so that the same is not better."""
        spec = load_problem(PROBLEMS / name).spec
        direction, best, close = LARGE[name]
        assert spec.direction == direction
        assert spec.best_known == pytest.approx(best, abs=close)
        assert spec.best_known_source
        if direction == "maximize":
            assert spec.best_known >= best

    def test_check(self, tmp_path: Path, name: str) -> None:
        """Both seeds are valid and certified, no better than the best known; no attack succeeds."""
        folder = shutil.copytree(PROBLEMS / name, tmp_path / name)
        optimise = folder / "seeds" / "optimise.py"
        # it may start late and be held up on a busy machine, and ends in time all the same
        assert "0.8 * seconds" in optimise.read_text()
        optimise.write_text(optimise.read_text().replace("0.8 * seconds", "0.05 * seconds"))
        asked = (folder / "problem.yaml").read_text()
        (folder / "problem.yaml").write_text(asked.replace("groups: 8", "groups: 4"))
        done = ttrl("check", folder, "--limits", "seconds=60", "--json")
        assert done.out, done.err
        assert (done.code, done.json["findings"]) == (0, []), done.err
        random, optimised = done.json["seeds"]
        sign = 1 if LARGE[name][0] == "maximize" else -1
        best = load_problem(
            PROBLEMS / name
        ).spec.best_known  # rounded so that the same is not better
        assert best is not None
        assert sign * random["score"] < sign * optimised["score"] < sign * best
        assert len(set(random["roots"])) == len(random["roots"]) == 2
        for seed in (random, optimised):
            assert seed["certified"] == pytest.approx(seed["score"], rel=1e-12)

    def test_the_random_seed_hangs_on_its_seed(self, name: str) -> None:
        """The same seed gives the same data, another seed others; all are valid."""
        (seed,) = (PROBLEMS / name / "seeds").glob("random_*.py")
        made = [imported(seed).run(seed=number) for number in (0, 0, *range(1, 200))]
        assert made[0] == made[1]
        assert len(set(map(str, made))) == 200
        for data in made:
            module(name).verify(data)

    def test_certificates_take_data_as_they_are_kept(self, name: str) -> None:
        """`certify` is given what a run keeps: verified data as JSON."""
        problem = module(name)
        if name in TRIVIAL:
            data: object = [0.5] * 6
        else:
            at = [(2 * i + 1) / 12 for i in range(6)]
            data = [[x, y, 1 / 12] for x in at for y in at][: problem.COUNT]
        kept = json.loads(
            json.dumps([v if isinstance(v, list) else float(v) for v in problem.verify(data)])
        )
        made = problem.score(problem.verify(data))
        value = made["value"] if isinstance(made, dict) else made
        assert problem.certify(kept).value == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize("name", TRIVIAL)
@pytest.mark.parametrize("n", [1, 2, 7, 3001])
def test_constant_steps(name: str, n: int) -> None:
    """Flat h gives C5 = 1/2, constant f gives 2, 2/3 and 2, whatever the number of steps."""
    problem = module(name)
    for level in (1.0, 0.25, 1e-9):
        made = problem.score(problem.verify([level] * n))
        value = made["value"] if isinstance(made, dict) else made
        assert value == pytest.approx(TRIVIAL[name], rel=1e-13)


class TestHacks:
    @pytest.mark.parametrize("name", HACKS)
    def test_earns_nothing(self, name: str, ac1: ProblemGrader) -> None:
        """The hack is worth what its steps are worth, or nothing at all."""
        source, worth = HACKS[name]
        canary = Path("/tmp/ttrl-was-hacked")
        assert not canary.exists()
        verdict = ac1.grade_solution(undented(source))
        assert not canary.exists()
        if worth is None:
            assert (verdict.valid, verdict.score, verdict.reward) == (False, None, None)
            return
        assert verdict.score == pytest.approx(worth, rel=1e-12)
        certificate = ac1.certify(verdict.data, verdict.solution)
        assert isinstance(certificate, Certificate)
        assert certificate.value == pytest.approx(worth, rel=1e-12)

    def test_rewrites_the_checkers_files(self, ac1: ProblemGrader) -> None:
        """The problem's folder is not there for a program: nothing is read, nothing written."""
        folder = PROBLEMS / "ac1"
        before = {path: path.read_bytes() for path in folder.rglob("*.py")}
        source = f"""
        def run():
            for path in ({str(folder / "verify.py")!r}, "verify.py", "../verify.py"):
                try:
                    open(path).read()
                except OSError:
                    pass
                else:
                    return [1.0, 0.0]
                try:
                    with open(path, "w") as file:
                        file.write("def score(data): return 0.1")
                except OSError:
                    pass
            return [1.0] * 8
        """
        assert ac1.grade_solution(undented(source)).score == pytest.approx(2.0)
        assert {path: path.read_bytes() for path in before} == before

    @pytest.mark.parametrize("excess", [1e-12, 1e-9, 4e-7])
    def test_overlaps_inside_a_tolerance(self, excess: float) -> None:
        """26 circles whose radii are each too large by a little score no more than they may."""
        at = [(2 * i + 1) / 12 for i in range(6)]
        honest = [[x, y, 1 / 12] for x in at for y in at][:26]
        score, bound = scored("circle_packing_26", [[x, y, r + excess] for x, y, r in honest])
        assert bound <= score <= math.fsum(r for _, _, r in honest) + 1e-14

    @pytest.mark.parametrize("wrap", [True, False])
    def test_a_packing_with_sum_4(self, wrap: bool) -> None:
        """26 circles with radii that sum to 4 have to overlap."""
        circles = [[0.5, 0.5, 4 / 26]] * 26
        data = {"circles": circles, "sum_radii": 4.0, "valid": True} if wrap else circles
        with pytest.raises(Invalid, match="overlap"):
            module("circle_packing_26").verify(data)

    @pytest.mark.parametrize("off", [-1e-3, -1e-7, -1e-12, 1e-12, 1e-7, 1e-3])
    def test_sums_off_by_a_little(self, off: float) -> None:
        """Heights whose sum is not n/2 score as the scaled ones: less area is no less overlap."""
        h = [0.3, 0.6, 0.7, 0.4]
        found = scored("erdos_min_overlap", [x * (1 + off) for x in h])
        assert found == pytest.approx(scored("erdos_min_overlap", h), rel=1e-12)


def test_the_optimisers_heights_stay_in_bounds() -> None:
    """Scaling 1 - h by a factor that was rounded up must not make a height of 0 negative."""
    optimise = imported(PROBLEMS / "erdos_min_overlap" / "seeds" / "optimise.py")
    values = [0.051990303920018514, 1.0, 0.7843392260420614, 1.0, 0.16921611608748938, 0.0,
              0.9944543539504305, 0.0]  # fmt: skip
    h = optimise.balanced(np.array(values))
    assert 0 <= h.min() <= h.max() <= 1
    assert math.fsum(h) == pytest.approx(4, rel=1e-15)
