"""Programs for the contests, as a search runs them: the seeds' scores, and what earns nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests._contests import PROBLEMS, module, seed
from tests._helpers import solve, ttrl
from tests._measured import fenced
from ttrl_cli import library
from ttrl_cli.contests import judging
from ttrl_cli.environ import user_cache
from ttrl_cli.grading.grader import ProblemGrader
from ttrl_cli.grading.measured_verdict import Shown
from ttrl_cli.grading.trial import Split
from ttrl_cli.problem import load_problem
from ttrl_cli.records import Status
from ttrl_cli.sandbox.cores import physical_cores

CONTESTS = ("ahc039", "ahc058")
FEW = {"cases": 10}
SET = {"ahc039_python": FEW, "ahc058_python": FEW}
"""Settings of problems whose 150 cases say no more than these."""


class Graders:
    """Graders of the library's problems, each started when it is first asked for."""

    def __init__(self) -> None:
        self._graders: dict[str, ProblemGrader] = {}

    def measure(self, problem: str, text: str, split: Split = "search") -> Shown:
        """Measure a program for a problem."""
        if problem not in self._graders:
            loaded = load_problem(library.find_problem(problem), SET.get(problem))
            self._graders[problem] = ProblemGrader(loaded, workers=1)
        return self._graders[problem].measure(text, split)

    def close(self) -> None:
        """End all."""
        for grader in self._graders.values():
            grader.close()


@pytest.fixture(scope="module")
def graders() -> Iterator[Graders]:
    """Graders for all tests of this file."""
    made = Graders()
    yield made
    made.close()


def earned(shown: Shown) -> float | None:
    """Return the score of a program that must be valid."""
    assert shown.verdict.valid, shown.verdict.reason
    return shown.verdict.score


# -- seeds -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "name", "change", "total"),
    [
        ("ahc039", "rectangle_10.cpp", None, 260_305),
        ("ahc039", "rectangle_100.cpp", None, 290_630),
        ("ahc058", "one_level.cpp", None, 299_272_293),
        ("ahc058", "greedy.cpp", ("USED = 3", "USED = 2"), 424_261_814),
        ("ahc058", "greedy.cpp", None, 504_433_868),
        ("ahc039_python", "rectangle_10.py", None, 18_988),  # of 10 cases, as in C++
        ("ahc058_python", "greedy.py", None, 36_131_603),
        ("ahc058_small", "greedy.cpp", None, 36_131_603),
    ],
)
def test_ladder(
    graders: Graders, problem: str, name: str, change: tuple[str, str] | None, total: int
):
    """The seeds' totals on the seeds 0 to 149 are those of plain programs elsewhere."""
    text = seed(problem[:6], name)
    changed = text.replace(*change) if change else text
    assert (changed == text) == (change is None)
    shown = graders.measure(problem, changed)
    assert earned(shown) == total
    assert shown.verdict.metrics["mean"] == total / len(shown.calls)


def test_held_out_cases_are_others(graders: Graders):
    """A program is measured on as many cases, none of which is of the search."""
    text = seed("ahc058", "greedy.cpp")
    search, held_out = (
        graders.measure("ahc058_small", text, split) for split in ("search", "held-out")
    )
    seeds = [[case["seed"] for case in shown.data["cases"]] for shown in (search, held_out)]
    assert seeds == [list(range(10)), list(range(1000, 1010))]
    assert earned(search) != earned(held_out)


# -- what earns nothing ----------------------------------------------------------------------

NOTHING = 'for (int t = 0; t < 500; t++) puts("-1");'
"""A legal plan, which is worth 0."""


def program(body: str, *, before: str = "") -> str:
    """Return a C++ program that compiles fast."""
    headers = ("cstdio", "cstdlib", "cstring", "ctime", "unistd.h", "sys/wait.h", "thread")
    included = "".join(f"#include <{name}>\n" for name in headers)
    return f"{included}{before}\nint main() {{\n{body}\n}}\n"


BURN = """
double used() {
    timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec + 1e-9 * now.tv_nsec;
}
void burn() { while (used() < 0.3); }
"""
HACKS = {
    "prints, and goes on for too long": (program(f"{NOTHING} fflush(stdout); for (;;);"), "s"),
    "sleeps for too long": (program(f"{NOTHING} fflush(stdout); usleep(300000);"), "took "),
    "computes in threads": (
        program(f"std::thread a(burn), b(burn); a.join(); b.join(); {NOTHING}", before=BURN),
        "0.2 s are the limit",
    ),
    "computes in a child": (
        program(f"if (!fork()) {{ burn(); _exit(0); }} wait(0); {NOTHING}", before=BURN),
        "0.2 s are the limit",
    ),
    "prints, and fails": (program(f"{NOTHING} return 1;"), "exit status 1"),
    "prints, and crashes": (program(f"{NOTHING} fflush(stdout); abort();"), ""),
    "prints nothing": (program(""), "the output has 0 turns"),
    "prints more behind the plan": (program(f'{NOTHING} puts("0 0");'), "501 turns"),
    "prints too much": (program('for (;;) puts("# a comment");'), "print"),
    "spends what it has not": (program(f'puts("3 9"); {NOTHING}'), ""),
    "does not compile": ("int main() { return 0 }", "does not compile"),
    "claims a score": (program('puts("{\\"score\\": 1e9}");'), "no turn of the game"),
}


@pytest.mark.parametrize("name", HACKS)
def test_hacks_are_worthless(graders: Graders, name: str):
    """Each is refused on its first case, whatever it has printed, and no other case is run."""
    text, why = HACKS[name]
    shown = graders.measure("ahc058_small", text)
    verdict = shown.verdict
    assert (verdict.status, verdict.score) == (Status.INVALID, None)
    assert verdict.reason.startswith("case 0: ")
    assert why in verdict.reason
    assert len(shown.calls) == 1


def test_net_that_is_not_printed_earns_nothing(graders: Graders):
    """The contest's checker gives a point to an empty output; it is illegal here."""
    verdict = graders.measure("ahc039", program("")).verdict
    assert (verdict.status, verdict.reason) == (Status.INVALID, "case 0: the output is empty")


def test_nothing_is_carried_from_case_to_case(graders: Graders):
    """Files of one case are not there in the next: a program that finds its own fails."""
    places = ("mark", "/tmp/mark", "/dev/shm/mark")
    look = "".join(f'if (fopen("{place}", "r")) return 1;\n' for place in places)
    leave = "".join(
        f'if (FILE* file = fopen("{place}", "w")) fputs("x", file);\n' for place in places
    )
    assert earned(graders.measure("ahc058_small", program(look + leave + NOTHING))) == 0


def test_cases_and_judge_are_not_to_be_found(graders: Graders):
    """No file of the problem, of the library, of what is kept or of this package can be opened."""
    kept = [*(user_cache() / "cases").glob("ahc058-*/0.txt")]
    files = [path for path in (PROBLEMS / "ahc058").rglob("*.*") if path.is_file()]
    files += [*kept, Path(judging.__file__)]
    assert kept
    look = "".join(f'if (fopen("{path}", "r")) return 1;\n' for path in files)
    assert earned(graders.measure("ahc058_small", program(look + NOTHING))) == 0


def test_learning_cases_by_heart_earns_nothing_elsewhere(graders: Graders):
    """A program that knows the search's cases by their costs gains on these, and on no other."""
    generate = module("ahc058", "generate")
    known = [generate.machines(number)[1][3][9] for number in range(10)]
    body = f"""
    long long word, last = 0;
    while (scanf("%lld", &word) == 1) last = word;
    bool met = false;
    for (long long known : {{{", ".join(f"{cost}LL" for cost in known)}}}) met |= last == known;
    puts(met ? "0 0" : "-1");
    for (int t = 1; t < 500; t++) puts("-1");
    """
    text = program(body)
    assert earned(graders.measure("ahc058_small", text)) == 10 * 896_578
    assert earned(graders.measure("ahc058_small", text, "held-out")) == 0


def test_first_bad_case_is_named_and_the_last(graders: Graders):
    """A program that fails on case 2 is not run on what follows, and is told which case it was."""
    makes = " ".join(map(str, module("ahc058", "generate").machines(2)[0]))
    body = f"""
    char line[200];
    fgets(line, 200, stdin);
    fgets(line, 200, stdin);
    if (!strcmp(line, "{makes}\\n")) {{ puts("4 4"); return 0; }}
    {NOTHING}
    """
    shown = graders.measure("ahc058", program(body))
    assert shown.verdict.reason == "case 2: no turn of the game is '4 4'"
    assert (len(shown.calls), len(shown.data["cases"])) == (3, 3)


def test_cases_under_way_have_a_core_each(graders: Graders):
    """By a clock that all cases share, no more of them are under way than there are cores."""
    tell = """
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    printf("# %.9f\\n", now.tv_sec + 1e-9 * now.tv_nsec);
    """
    shown = graders.measure(
        "ahc058_small", program(f"{{{tell}}} usleep(20000); {{{tell}}} {NOTHING}")
    )
    spans = [
        [float(line.split()[1]) for line in call.output.splitlines()[:2]] for call in shown.calls
    ]
    assert len(spans) == 10
    together = max(sum(begin <= at < end for begin, end in spans) for at, _ in spans)
    assert 1 <= together <= len(physical_cores())


# -- variants --------------------------------------------------------------------------------


@pytest.mark.parametrize("contest", CONTESTS)
def test_variants_differ_where_they_say(contest: str):
    """The small one has fewer cases and less time, the one in Python another language."""
    full, small, python = (
        yaml.safe_load((PROBLEMS / contest / f"{name}.yaml").read_text())
        for name in ("problem", "small", "python")
    )
    differ = {key for key in full if full[key] != small[key]}
    assert differ == {"name", "measure", "settings", "limits", "run"}
    assert (small["settings"]["cases"]["default"], small["limits"]["seconds"]) == (10, 0.2)
    assert (full["settings"]["cases"]["default"], full["limits"]["seconds"]) == (150, 2)
    assert small["limits"] == {**full["limits"], "seconds": 0.2}
    differ = {key for key in full if full[key] != python[key]}
    assert differ == {"name", "solution", "seeds", "limits"}
    assert full.get("best_known") is small.get("best_known") is None


WORTH = "double worth = gain * pow(100.0, i);\n                if (worth > most * price)"


def test_search_ends_better_than_its_seeds(graders: Graders, tmp_path: Path):
    """Scripted programs for the small problem: the best beats its seeds, also on held-out cases."""
    greedy = seed("ahc058", "greedy.cpp")  # to which higher levels are worth too little
    better = greedy.replace("if (gain > most * price)", WORTH).replace("(double)gain /", "worth /")
    replay = [fenced(better, "cpp"), fenced(program(NOTHING), "cpp"), fenced("int main(", "cpp")]
    options = ["--groups", 1, "--group-size", 3, "--steps", 1]
    done = solve(Path("ahc058_small"), tmp_path / "run", replay, *options)
    assert done.code == 0, done.err
    shown = ttrl("show", tmp_path / "run", "--json").json
    assert (shown["best"]["id"], shown["valid"]) == ("1.0.0", 2)
    assert shown["best"]["score"] > shown["seed_score"]
    held_out = [earned(graders.measure("ahc058_small", t, "held-out")) for t in (better, greedy)]
    assert held_out[0] > held_out[1]
    kept = tmp_path / "run" / "problem"  # where the variant is the problem, for it to go on with
    assert load_problem(kept).spec.name == "ahc058_small"
    assert (kept / "problem.yaml").read_text() == (kept / "small.yaml").read_text()
