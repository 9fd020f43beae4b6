"""`ttrl verify RUN --top N`: solutions of a run measured again, ranked, and gone on with."""

import json
import shutil
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import filelock
import pytest

from tests._helpers import Done, digest, read_lines, solve, ttrl, write_problem
from tests._measured import fenced, write_measured
from ttrl_cli.grading.trial import TrialSpec

SECRET = "a secret for tests alone"
SEARCH = TrialSpec(secret=SECRET).seed
# each call leaves a mark, so that calls can be counted; 9 is lucky on the trial of the search
MEASURE = f"""
from pathlib import Path

def measure(candidate, trial):
    with Path({{marks!r}}).open("a") as file:
        file.write("x")
    printed = int(candidate.run("").output)
    if printed == 9 and trial.seed == {SEARCH}:
        printed = 50
    return {{{{"printed": printed, "luck": trial.seed % 1000, "split": trial.split}}}}
"""
VERIFY = """
from ttrl_cli import Invalid

def verify(data):
    if data["printed"] == 13 and data["split"] == "held-out":
        raise Invalid("thirteen")
    return data

def score(data):
    return data["printed"] + data["luck"] / 1000
"""


def luck(trial: int, split: Any = "search") -> float:
    """What a trial of a shortlist adds to all scores."""
    return TrialSpec(secret=SECRET, split=split, purpose=f"shortlist/{trial}").seed % 1000 / 1000


class Run:
    """A finished run on programs that print numbers, and the commands that make its shortlists."""

    def __init__(
        self, folder: Path, numbers: Sequence[object], *options: object, **keys: object
    ) -> None:
        self.marks = folder / "marks"
        problem = write_measured(
            folder / "p",
            MEASURE.format(marks=str(self.marks)),
            verify=VERIFY,
            seed="print(1)\n",
            **keys,
        )
        (folder / "secret").write_text(SECRET)
        self.path = folder / "run"
        texts = [one if isinstance(one, str) else fenced(f"print({one})") for one in numbers]
        done = solve(
            problem, self.path, texts, "--secret-file", folder / "secret", "--groups", 1,
            "--group-size", len(texts), "--steps", 1, *options,
        )  # fmt: skip
        assert done.code == 0, done.err

    def calls(self) -> int:
        """How often something was measured since the last call."""
        count = len(self.marks.read_text()) if self.marks.exists() else 0
        self.marks.unlink(missing_ok=True)
        return count

    def shortlist(self, *options: object) -> Done:
        """Make a shortlist."""
        return ttrl("verify", self.path, *options)

    def rows(self, *options: object) -> list[dict[str, Any]]:
        """Make a shortlist that works; return its lines of JSON."""
        done = self.shortlist(*options, "--json")
        assert done.code == 0, done.err
        return [json.loads(line) for line in done.out.splitlines()]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run whose best, 9, was lucky."""
    return Run(tmp_path, [3, 9, 5, 7, 2])


class TestRanking:
    def test_by_means_on_fresh_trials(self, run: Run) -> None:
        """Luck in the search is worth nothing here; errors are those of the spread, by hand."""
        rows = run.rows("--top", 3, "--repeat", 3)
        lucks = [luck(trial) for trial in range(3)]
        assert [row["rank"] for row in rows] == [1, 2, 3]
        assert [row["solution"] for row in rows] == ["print(9)", "print(7)", "print(5)"]
        for row, printed in zip(rows, (9, 7, 5), strict=True):
            assert row["scores"] == [printed + one for one in lucks]
            assert row["score"] == pytest.approx(printed + statistics.fmean(lucks))
            assert row["error"] == pytest.approx(statistics.stdev(lucks) / 3**0.5)
            assert (row["picked"], row["step"], row["reason"]) == ("top", 1, "")
        assert [row["id"] for row in rows] == ["1.0.1", "1.0.3", "1.0.2"]
        assert rows[0]["search_score"] == 50 + SEARCH % 1000 / 1000
        assert rows[0]["difference"] is None
        assert rows[1]["difference"]["value"] == pytest.approx(-2.0)
        assert rows[1]["difference"]["error"] == pytest.approx(0.0, abs=1e-12)

    def test_another_order_than_in_the_search(self, tmp_path: Path) -> None:
        """What the search took for the best comes second where it was only lucky."""
        rows = Run(tmp_path, [9, 20]).rows("--top", 2)
        assert [row["id"] for row in rows] == ["1.0.1", "1.0.0"]
        assert rows[0]["search_score"] < rows[1]["search_score"]
        assert rows[1]["difference"]["value"] == pytest.approx(-11.0)

    def test_the_lowest_first(self, tmp_path: Path) -> None:
        """Where less is better, the first has the lowest mean."""
        made = Run(tmp_path, [3, 5])
        text = (tmp_path / "run" / "problem" / "problem.yaml").read_text()
        minimized = text.replace("direction: maximize", "direction: minimize")
        (tmp_path / "run" / "problem" / "problem.yaml").write_text(minimized)
        rows = made.rows("--top", 3, "--repeat", 1)
        assert [row["solution"] for row in rows] == ["print(1)\n", "print(3)", "print(5)"]
        assert [row["error"] for row in rows] == [None] * 3

    def test_solutions_that_the_archive_did_not_keep(self, tmp_path: Path) -> None:
        """Attempts that were valid and not kept are read from their completions."""
        made = Run(tmp_path, [3, 9, 5, 7, 2], "--children-per-parent", 1)
        rows = made.rows("--top", 4, "--repeat", 1)
        assert [row["solution"] for row in rows] == [f"print({n})" for n in (9, 7, 5, 3)]

    def test_edits_of_their_parents(self, tmp_path: Path) -> None:
        """An attempt that edits its parent, and was not kept, is made from it once more."""
        edits = [
            f"<<<<<<< SEARCH\nprint(1)\n=======\nprint({n})\n>>>>>>> REPLACE" for n in (3, 9, 5)
        ]
        solution = {"kind": "program", "edit": "diff"}
        made = Run(tmp_path, edits, "--children-per-parent", 1, solution=solution)
        rows = made.rows("--top", 3, "--repeat", 1)
        assert [row["solution"].strip() for row in rows] == [f"print({n})" for n in (9, 5, 3)]

    def test_copies_count_once(self, tmp_path: Path) -> None:
        """Comments and blanks make no other solution; nor do the seeds of several roots."""
        copy = fenced("print( 9 )  # the same")
        made = Run(tmp_path, [3, 9, copy, 9, 3], "--children-per-parent", 1, "--groups", 2)
        rows = made.rows("--top", 9, "--random", 9, "--repeat", 1)
        assert [row["scores"][0] - luck(0) for row in rows] == pytest.approx([9, 3, 1])

    def test_for_people(self, run: Run) -> None:
        """A table: ranks, means with errors, paired differences, and the search's score."""
        done = run.shortlist("--top", 2, "--repeat", 2)
        head, first, second = done.out.splitlines()
        assert head.split("  ")[0] == "rank"
        mean = 9 + (luck(0) + luck(1)) / 2
        assert first.split()[:2] == ["1", "1.0.1"]
        assert f"{mean:.1f}" in first or f"{mean:.2f}" in first
        assert second.split()[:2] == ["2", "1.0.3"]
        assert "-2 +- " in second or "-2.0 +- " in second
        assert "0 of 4 measured" in done.err


class TestDrawnOnes:
    def test_are_others_and_always_the_same(self, tmp_path: Path) -> None:
        """Drawn from what is not among the best, by the run's seed; a rerun measures nothing."""
        numbers = list(range(20, 40))
        made = Run(tmp_path, numbers)
        rows = made.rows("--top", 2, "--random", 4, "--repeat", 1)
        drawn = {row["id"] for row in rows if row["picked"] == "random"}
        assert len(drawn) == 4
        assert drawn.isdisjoint({"1.0.19", "1.0.18"})
        assert made.calls() == 1 + 20 + 6
        assert made.rows("--top", 2, "--random", 4, "--repeat", 1) == rows
        assert made.calls() == 0
        (tmp_path / "other").mkdir()
        other = Run(tmp_path / "other", numbers, "--seed", 5)
        rows = other.rows("--top", 2, "--random", 4, "--repeat", 1)
        assert {row["id"] for row in rows if row["picked"] == "random"} != drawn

    def test_alone(self, run: Run) -> None:
        """--random without --top draws from all."""
        assert len(run.rows("--random", 3, "--repeat", 1)) == 3
        assert len(run.rows("--random", 99, "--repeat", 1)) == 6


class TestGoingOn:
    def test_takes_what_is_there(self, run: Run) -> None:
        """More solutions and more trials measure what is missing, and nothing again."""
        run.calls()
        run.rows("--top", 2, "--repeat", 1)
        assert run.calls() == 2
        rows = run.rows("--top", 3, "--repeat", 2)
        assert run.calls() == 4
        assert [len(row["scores"]) for row in rows] == [2, 2, 2]
        log = read_lines(run.path / "shortlist" / "local.jsonl")
        assert [line["event"] for line in log] == ["begun"] + ["measured"] * 6

    def test_half_a_line(self, run: Run) -> None:
        """What a process that was killed had half written is measured again."""
        rows = run.rows("--top", 2, "--repeat", 2)
        log = run.path / "shortlist" / "local.jsonl"
        log.write_bytes(log.read_bytes()[:-20])
        run.calls()
        assert run.rows("--top", 2, "--repeat", 2) == rows
        assert run.calls() == 1

    def test_another_way_of_measuring(self, run: Run) -> None:
        """Figures that were made otherwise are not mixed: exit code 2, and what differs."""
        run.rows("--top", 1, "--repeat", 1)
        done = run.shortlist("--top", 1, "--repeat", 1, "--limits", "seconds=3")
        assert done.code == 2
        assert "local.jsonl was measured with limits {}, not {'seconds': '3'}" in done.err
        assert "choose another --name" in done.err
        limits = ("--limits", "seconds=3", "--name", "quick")
        run.rows("--top", 1, "--repeat", 1, *limits)
        assert (run.path / "shortlist" / "quick.jsonl").exists()

    def test_a_damaged_log(self, run: Run) -> None:
        """A log that somebody changed is named."""
        run.rows("--top", 1, "--repeat", 1)
        log = run.path / "shortlist" / "local.jsonl"
        for damage in ('{"event": "measured", "id": "1.0.1"}\n', "no json\n"):
            log.write_text(log.read_text().splitlines()[0] + "\n" + damage)
            done = run.shortlist("--top", 1)
            assert done.code == 2
            assert f"{log} is damaged" in done.err

    def test_one_process_at_a_time(self, run: Run) -> None:
        """Two of one name would measure everything twice."""
        run.rows("--top", 1, "--repeat", 1)
        with filelock.FileLock(run.path / "shortlist" / "local.lock"):
            done = run.shortlist("--top", 1)
        assert done.code == 2
        assert "another process is measuring this shortlist" in done.err

    def test_the_run_is_left_alone(self, run: Run) -> None:
        """Digest and status stay, and nothing says that a held-out score was seen."""
        before = digest(run.path), (run.path / "status.json").read_text()
        run.rows("--top", 2)
        assert (digest(run.path), (run.path / "status.json").read_text()) == before
        assert not (run.path / "held_out.jsonl").exists()


ELSEWHERE = """
import json, sys
from pathlib import Path
asked = json.load(sys.stdin)
assert sorted(asked) == ["seed", "settings", "solution", "split"], asked
if Path("broken").exists() and "9" in asked["solution"]:
    sys.exit("no such device")
printed = int(asked["solution"].removeprefix("print(").split(")")[0])
here = {"printed": 100 - printed, "luck": asked["seed"] % 1000, "split": asked["split"]}
print(json.dumps(here))
"""


class TestElsewhere:
    @pytest.fixture
    def command(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> tuple[object, ...]:
        """A command in the current folder, on whose machine the order is another."""
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        Path("elsewhere.py").write_text(ELSEWHERE)
        assert run.path.is_absolute()
        return "--measure", f"'{sys.executable}' elsewhere.py"

    def test_a_command_measures(self, run: Run, command: tuple[object, ...]) -> None:
        """It runs in the current folder, and what it prints is verified and scored as always."""
        run.calls()
        rows = run.rows("--top", 2, "--repeat", 2, *command)
        assert run.calls() == 0
        assert [row["solution"] for row in rows] == ["print(7)", "print(9)"]
        assert rows[0]["scores"] == [93 + luck(0), 93 + luck(1)]
        assert rows[1]["difference"]["value"] == pytest.approx(-2)
        assert (run.path / "shortlist" / "command.jsonl").exists()

    def test_what_fails_on_our_side(self, run: Run, command: tuple[object, ...]) -> None:
        """What worked is ranked, exit code 3 says what did not, and the next call measures it."""
        Path("broken").touch()
        done = run.shortlist("--top", 3, "--repeat", 2, "--json", *command)
        assert done.code == 3
        assert "2 measurements of " in done.err
        assert "no such device" in done.err
        rows = [json.loads(line) for line in done.out.splitlines()]
        assert [row["rank"] for row in rows] == [1, 2, None]
        assert rows[2]["reason"] == "it was not measured"
        Path("broken").unlink()
        rows = run.rows("--top", 3, "--repeat", 2, *command)
        assert [row["rank"] for row in rows] == [1, 2, 3]

    def test_where_nothing_works(self, run: Run) -> None:
        """A command that always fails is asked a few times, and no more."""
        done = run.shortlist("--top", 5, "--repeat", 9, "--measure", "false")
        assert (done.code, done.out) == (3, "")
        assert "nothing could be measured: the measure command ended with status 1" in done.err

    @pytest.mark.parametrize(
        ("command", "why"),
        [
            ("", "expected a program and its arguments"),
            ("'unclosed", "No closing quotation"),
            ("no-such-program --fast", "no such program: no-such-program (looked on the PATH"),
        ],
    )
    def test_bad_commands(self, command: str, why: str, run: Run) -> None:
        """Refused before anything is measured: exit code 2."""
        done = run.shortlist("--top", 1, "--measure", command)
        assert (done.code, done.out) == (2, "")
        assert "--measure" in done.err
        assert why in done.err


class TestHeldOut:
    def test_is_on_record(self, run: Run) -> None:
        """Fresh trials of the split held-out; a run that goes on afterwards says so."""
        rows = run.rows("--top", 2, "--repeat", 2, "--held-out")
        assert rows[0]["scores"] == [9 + luck(trial, "held-out") for trial in range(2)]
        run.rows("--top", 3, "--repeat", 2, "--held-out")
        (line,) = read_lines(run.path / "held_out.jsonl")
        assert (line["event"], line["step"]) == ("shortlist", 1)
        assert "held_out_seen" not in ttrl("show", run.path, "--json").json
        assert ttrl("resume", run.path, "--steps", 2, "--json").json["held_out_seen"] == [1]

    def test_refused_there(self, tmp_path: Path) -> None:
        """A solution that a trial refuses has no rank, stands last, and says why."""
        made = Run(tmp_path, [13, 4])
        rows = made.rows("--top", 2, "--repeat", 1, "--held-out")
        assert [row["rank"] for row in rows] == [1, None]
        assert (rows[1]["score"], rows[1]["scores"]) == (None, [None])
        assert rows[1]["reason"] == "on trial 0: invalid: thirteen"
        done = made.shortlist("--top", 1, "--repeat", 1, "--held-out")
        assert done.code == 4
        assert "not valid" in done.out


class TestWithoutMeasure:
    def test_graded_again_with_other_seeds(self, tmp_path: Path) -> None:
        """Programs of a problem without trials are run again, all with the same fresh seeds."""
        program = "def run(seed):\n    return {} + seed % 1000"
        code = "def verify(data):\n    return data\ndef score(data):\n    return data\n"
        problem = write_problem(
            tmp_path / "p", code, seed=program.format(0), solution={"kind": "program"}
        )
        texts = [fenced(program.format(10_000)), fenced(program.format(20_000))] * 4
        assert solve(problem, tmp_path / "run", texts).code == 0
        done = ttrl("verify", tmp_path / "run", "--top", 2, "--repeat", 3, "--json")
        assert done.code == 0, done.err
        first, second = map(json.loads, done.out.splitlines())
        assert second["difference"]["value"] == -10_000
        assert second["difference"]["error"] == 0
        assert len(set(first["scores"])) == 3

    def test_texts(self, tmp_path: Path) -> None:
        """Texts score what they scored."""
        problem = write_problem(tmp_path / "p")
        assert solve(problem, tmp_path / "run", ["17", "5", "x", "4"]).code == 0
        done = ttrl("verify", tmp_path / "run", "--top", 2, "--repeat", 2, "--json")
        assert [json.loads(line)["score"] for line in done.out.splitlines()] == [17, 5]
        refused = ttrl("verify", tmp_path / "run", "--top", 2, "--held-out")
        assert refused.code == 2
        assert "has no measure, and so no trials" in refused.err


class TestUsage:
    @pytest.mark.parametrize(
        ("options", "why"),
        [
            (("solution.py", "--top", 1), "with nothing else"),
            (("--top", 1, "--certify"), "with nothing else"),
            (("--top", 1, "--trials", __file__), "with nothing else"),
            (("--top", 1, "--secret-file", __file__), "with nothing else"),
            (("--top", 1, "--set", "a=1"), "with nothing else"),
            (("--top", 1, "--certificate", __file__), "with nothing else"),
            (("--top", 1, "--name", "../x"), "--name ../x: expected letters"),
            (("--top", 1, "--name", ""), "--name : expected letters"),
            (("--top", 1, "--limits", "hours=1"), "--limits hours: unknown key"),
            (("--top", 1, "--sandbox", "tent"), "tent"),
            (("--top", 1, "--out", __file__), "exists already"),
            (("--top", 1, "--out", "no/where.jsonl"), "its folder does not exist"),
            (("--top", -1), "equal to 0"),
            (("--top", "x"), "nteger"),
            (("--repeat", 0, "--top", 1), "equal to 1"),
            (("--top", 0), "nothing to measure"),
            (("--repeat", 2), "nothing to measure"),
        ],
    )
    def test_refused(
        self, options: tuple[object, ...], why: str, tmp_path: Path, writing: Path
    ) -> None:
        """Exit code 2, nothing on standard output, and the option in the message."""
        done = ttrl("verify", writing, *options)
        assert (done.code, done.out) == (2, "")
        assert why in done.err
        assert not list(tmp_path.glob("*.jsonl"))

    def test_not_a_run(self, tmp_path: Path) -> None:
        """A folder that is no run, and none at all."""
        done = ttrl("verify", write_problem(tmp_path / "p"), "--top", 1)
        assert done.code == 2
        assert "is not a run directory" in done.err
        assert ttrl("verify", "--top", 1).code == 2

    def test_before_the_first_commit(self, run: Run) -> None:
        """A run without a commit has no solution: exit code 4, and no log."""
        shutil.rmtree(run.path / "checkpoints")
        done = run.shortlist("--top", 1)
        assert (done.code, done.out) == (4, "")
        assert f"{run.path} has no valid solution yet" in done.err
        assert not (run.path / "shortlist").exists()

    def test_to_a_file(self, run: Run, tmp_path: Path) -> None:
        """--out has the lines that --json prints; the table is printed all the same."""
        out = tmp_path / "found.jsonl"
        done = run.shortlist("--top", 2, "--repeat", 1, "--out", out)
        assert done.out.startswith("rank")
        assert [json.loads(line) for line in out.read_text().splitlines()] == run.rows(
            "--top", 2, "--repeat", 1
        )


@pytest.fixture(scope="module")
def writing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that nothing changes."""
    return Run(tmp_path_factory.mktemp("shared"), [3, 4]).path
