"""problem.yaml -> Problem: the schema, and every check that needs no code of the problem to run.

Everything wrong with a problem file is found here, before a model is loaded or a process started,
and is reported with the file and the key. The problem's Python files are parsed, not imported:
importing them is left to the grading workers.

    spec     the schema: sections and keys
    checked  a problem that was read: its texts, seeds and settings, and what a score is worth
    load     reading one
    checks   what a schema cannot say: functions that exist, files, flags, regions
    files    the texts of the problem's folder
"""

from ttrl_cli.problem.checked import Problem, Seed
from ttrl_cli.problem.checks import MEASURE_TAKES, split_reference, takes
from ttrl_cli.problem.load import load_problem
from ttrl_cli.problem.spec import (
    CONFIRM_MOST,
    PROBLEM_FILE,
    Command,
    Direction,
    Evaluator,
    Example,
    Limits,
    Measure,
    ProblemSpec,
    Solution,
    Transform,
)

__all__ = [
    "CONFIRM_MOST",
    "MEASURE_TAKES",
    "PROBLEM_FILE",
    "Command",
    "Direction",
    "Evaluator",
    "Example",
    "Limits",
    "Measure",
    "Problem",
    "ProblemSpec",
    "Seed",
    "Solution",
    "Transform",
    "load_problem",
    "split_reference",
    "takes",
]
