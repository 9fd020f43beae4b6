"""The schema of problem.yaml: a section per class; docs/problem.md is made from it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Discriminator, Field, Tag, model_validator

from ttrl_cli.yaml_input import Section

PROBLEM_FILE = "problem.yaml"
Direction = Literal["minimize", "maximize"]
Transform = Literal["identity", "negate", "reciprocal"]

CONFIRM_MOST = 4
"""Most would-be bests of a step that are measured again, unless the problem says otherwise."""


class _Section(Section, BaseModel):
    """A section of problem.yaml; BaseModel is named for ruff, which looks no further."""


class Solution(_Section):
    """The solution that a completion must hold."""

    kind: Literal["program", "text", "json"]
    """program: code that is run; text: the text is the solution; json: data."""
    language: Literal["python", "cpp"] = "python"
    """The language of a program. C++ is compiled by g++ and prints its data as JSON on stdout."""
    entry: str = "run"
    """The function of a Python program that returns the data."""
    files: list[str] = []
    """Files of the problem that programs may read, in their working folder under the same names."""
    edit: Literal["none", "diff"] = "none"
    """diff: a completion may change its parent by SEARCH/REPLACE blocks; none: it is a whole
    solution."""
    region: bool = False
    """Whether only what stands between lines with EVOLVE-BLOCK-START and EVOLVE-BLOCK-END may
    change. Every seed needs them."""
    flags: list[str] = []
    """Flags for the compiler of C++ programs, behind -std=c++20 -O2, such as -O3 -march=native."""


class Command(_Section):
    """A verifier that is a command: JSON on stdin, JSON on stdout."""

    command: Annotated[list[str], Field(min_length=1)]
    """Program and arguments, run in the problem's folder.

    It reads {"data": ...} and prints {"valid": bool, "reason": str, "score": number, "metrics":
    {...}, "feedback": str, "error": number, "per_trial": [numbers], "data": ...}; `data`, where
    printed, replaces what it was given.
    """


class Evaluator(_Section):
    """Another tool's evaluator, which runs the program by itself."""

    evaluate: Annotated[str, Field(min_length=1)]
    """A Python file with a function `evaluate`.

    It is given the path of a program and returns {"combined_score": NUMBER, ...}, or an object with
    such `metrics` and perhaps `artifacts`. It runs with the program in one sandboxed process: its
    scores are unverified.
    """


def _form_of_verifier(raw: object) -> str:
    """Return which form of `verifier` a value is meant to be."""
    if isinstance(raw, Evaluator) or (isinstance(raw, dict) and "evaluate" in raw):
        return "Evaluator"
    return "Command" if isinstance(raw, dict | Command) else "str"


class Measure(_Section):
    """The problem's code that drives the candidate; FILE.py:FUNCTION alone is short for it."""

    function: str | None = None
    """FILE.py:FUNCTION, (candidate, trial) -> data, plain JSON values; it runs in the grading
    worker, and calls the candidate."""
    command: Annotated[list[str], Field(min_length=1)] | None = None
    """In its place a program and arguments, run in the problem's folder: it reads {"solution",
    "split", "seed", "settings"} as JSON and prints the data."""
    seconds: Annotated[float, Field(gt=0)] = 600.0
    """Most that measuring one candidate may take; what a candidate uses up is its own failure.
    Waiting for a free core does not count."""
    confirm_most: Annotated[int, Field(ge=0)] = CONFIRM_MOST
    """Of scores with an error: most solutions of a step that are measured again, on fresh trials,
    before one of them may become the best; 0 takes every score at its word."""


class Reward(_Section):
    """From score to the reward used for learning."""

    transform: Transform | None = None
    """identity, negate or reciprocal; by default identity to maximize and negate to minimize."""


class Limits(_Section):
    """The limits of one candidate."""

    seconds: Annotated[float, Field(gt=0)] = 600.0
    """Wall time of a program, and of verifying its data."""
    memory_mb: Annotated[int, Field(ge=16)] = 4096
    """Memory of a program's processes together, and the address space of each, in MiB."""
    cpus: Annotated[int, Field(ge=1)] = 1
    """CPU cores a program is told it may use."""
    output_mb: Annotated[float, Field(gt=0)] = 16.0
    """Most a program may print, and most it may return, in MiB each."""
    disk_mb: Annotated[float, Field(gt=0)] = 256.0
    """Most that a program's temporary files may take, in MiB; they are kept in memory."""
    processes: Annotated[int, Field(ge=1)] = 256
    """Most processes and threads of a program at once."""
    compile_seconds: Annotated[float, Field(gt=0)] = 30.0
    """Wall time of compiling a program."""
    gpus: Annotated[int, Field(ge=0, le=0)] = 0
    """GPUs of a program; 0 is the one value supported."""
    repeats: Annotated[int, Field(ge=1, le=1)] = 1
    """Runs of a program; 1 is the one value supported."""


class Environment(_Section):
    """Where programs run."""

    python: str | None = None
    """An interpreter with packages of its own: an absolute path, or a name on the PATH; null is
    the one that runs ttrl."""
    imports: list[str] = []
    """Packages that programs may count on; `ttrl check` imports each."""


class Example(_Section):
    """A worked example, shown as an earlier turn of the conversation."""

    user: Annotated[str, Field(min_length=1)]
    """What was asked."""
    assistant: Annotated[str, Field(min_length=1)]
    """What was answered."""


class PromptSpec(_Section):
    """Replacements for the built-in prompt."""

    system: str | None = None
    """A system message."""
    examples: list[Example] = []
    """Worked examples ({user, assistant}), shown as earlier turns: small models need them."""
    template: str | None = None
    """A Jinja template file for the user message; docs/problem.md lists its variables."""


class ProblemSpec(_Section):
    """The contents of problem.yaml."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    """A short name: letters, digits, dots, dashes and underscores."""
    statement: Annotated[str, Field(min_length=1)]
    """What is asked: a file beside problem.yaml, or the text itself."""
    direction: Direction
    """The score's own direction; with an evaluator maximize, unless it says otherwise."""
    solution: Solution
    """The solution that a completion must hold."""
    measure: str | Measure | None = None
    """FILE.py:FUNCTION, (candidate, trial) -> the data that the verifier is given; by default a
    program is run once, without an input, and returns them."""
    inputs: Literal["secret", "public"] = "secret"
    """Of a problem with `measure`: whether the next prompt may show what a candidate printed."""
    held_out: bool = False
    """Of a problem with `measure`: when the run ends, measure its best solution on held-out trials,
    which nothing in the search has seen."""
    verifier: Annotated[
        Annotated[str, Tag("str")]
        | Annotated[Command, Tag("Command")]
        | Annotated[Evaluator, Tag("Evaluator")],
        Discriminator(_form_of_verifier),
    ]
    """FILE.py:FUNCTION, data -> data the score may trust (or raises Invalid); or a command; or
    another tool's evaluator."""
    score: str | None = None
    """FILE.py:FUNCTION, verified data -> a number or {"value", "error", "per_trial", "metrics",
    "feedback"}; `error` is one standard error of the value."""
    certify: str | None = None
    """FILE.py:FUNCTION, verified data -> a bound that is a theorem: a `Certificate` of
    ttrl_cli.bounds, or a number."""
    render: str | None = None
    """FILE.py:FUNCTION, verified data -> the text that prompts show; by default the solution."""
    reward: Reward = Reward()
    """From score to the reward used for learning."""
    best_known: float | None = None
    """The best score known, in the problem's own units."""
    best_known_source: str | None = None
    """Where that is from, in words."""
    seeds: Annotated[list[str], Field(min_length=1)]
    """Files with valid solutions to start from; repeated until there is one per group, a program
    that takes `seed` with another one each time."""
    limits: Limits = Limits()
    """The limits of one candidate."""
    environment: Environment = Environment()
    """Where programs run."""
    prompt: PromptSpec = PromptSpec()
    """Replacements for the built-in prompt."""
    settings: dict[str, object] = {}
    """Values that `--set KEY=VALUE` changes, by name: each its default, or {default, choices, min,
    max, help}. The default's type is the type of all values."""
    run: dict[str, object] = {}
    """Run options this problem prefers; the command line may override each."""

    @model_validator(mode="before")
    @classmethod
    def _evaluators_maximize(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and _form_of_verifier(raw.get("verifier")) == "Evaluator":
            return {"direction": "maximize", **raw}
        return raw

    @property
    def edits(self) -> bool:
        """Whether a completion is read beside its parent's text: as edits of it, or by regions."""
        return self.solution.edit == "diff" or self.solution.region

    @property
    def evaluator(self) -> str | None:
        """The file of another tool's evaluator; None where the problem verifies by itself."""
        return self.verifier.evaluate if isinstance(self.verifier, Evaluator) else None

    @property
    def measuring(self) -> Measure | None:
        """How candidates are measured, in the long form; None if they are run once instead."""
        if isinstance(self.measure, str):
            return Measure(function=self.measure)
        return self.measure
