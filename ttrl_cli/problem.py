"""problem.yaml -> Problem: the schema, and every check that needs no code of the problem to run.

Everything wrong with a problem file is found here, before a model is loaded or a process started,
and is reported with the file and the key. The problem's Python files are parsed, not imported:
importing them is left to the grading workers.
"""

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Discriminator, Field, Tag, ValidationError, model_validator

from ttrl_cli import settings
from ttrl_cli.completions.edits import fault_of_regions
from ttrl_cli.config import SolveConfig
from ttrl_cli.errors import ProblemError
from ttrl_cli.reading import read_user_text
from ttrl_cli.settings import SettingError, Value
from ttrl_cli.solutions import fault_of_file, fault_of_flag
from ttrl_cli.yaml_input import Section, first_error, parse_yaml

PROBLEM_FILE = "problem.yaml"
_SUFFIX = ".yaml"
Direction = Literal["minimize", "maximize"]
Transform = Literal["identity", "negate", "reciprocal"]

CONFIRM_MOST = 4
"""Most would-be bests of a step that are measured again, unless the problem says otherwise."""

T = TypeVar("T")
_DEFINITIONS = ast.FunctionDef | ast.ClassDef


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """A solution to start from: the file's name in the problem's folder, and its text."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A checked problem.

    Attributes:
        folder: The folder that holds problem.yaml.
        file: problem.yaml itself, or another file beside it that takes its place.
        spec: Its contents.
        statement: The statement's text.
        template: The Jinja text of the user message; None for the built-in one.
        seeds: The seed solutions, in order.
        origin: The folder that this one is a run's copy of; None if it is no copy.
        measured_in: Where a measure command runs; None for the problem's folder.
        settings: The value of each setting.
        given: The values that were given in place of defaults, even if they are equal to those.
    """

    folder: Path
    file: Path
    spec: ProblemSpec
    statement: str
    template: str | None
    seeds: tuple[Seed, ...]
    origin: Path | None = None
    measured_in: Path | None = None
    settings: Mapping[str, Value] = field(default_factory=dict)
    given: Mapping[str, Value] = field(default_factory=dict)

    @property
    def shown_files(self) -> tuple[str, ...]:
        """The files that programs find in their working folder, as paths from the problem's."""
        evaluator = self.spec.evaluator
        own = [] if evaluator is None else [evaluator]
        return tuple(dict.fromkeys([*own, *self.spec.solution.files]))

    def signed(self, score: float) -> float:
        """Return the score with its sign turned so that higher is better."""
        return -score if self.spec.direction == "minimize" else score

    def reward(self, score: float) -> float:
        """Return the reward that learning sees for a score.

        Raises:
            ValueError: If the transform is reciprocal and the score is not positive.
        """
        name = self.spec.reward.transform
        if name is None:
            name = "negate" if self.spec.direction == "minimize" else "identity"
        return _TRANSFORMS[name](score)

    def reward_error(self, score: float, error: float) -> float:
        """Return the standard error of a score's reward, to first order in the score's own.

        Args:
            score: A score that has a reward.
            error: Its standard error.
        """
        if self.spec.reward.transform == "reciprocal":
            return error / score / score  # a square may overflow, or be 0
        return error

    def better(self, score: float, other: float) -> bool:
        """Decide whether `score` beats `other` in the problem's direction."""
        return self.signed(score) > self.signed(other)


def _reciprocal(score: float) -> float:
    if score <= 0:
        msg = f"reward.transform is reciprocal, which needs a score above 0 (got {score!r})"
        raise ValueError(msg)
    return 1.0 / score


_TRANSFORMS: dict[str, Callable[[float], float]] = {
    "identity": lambda score: score,
    "negate": lambda score: -score,
    "reciprocal": _reciprocal,
}


def load_problem(path: Path, given: Mapping[str, object] | None = None) -> Problem:
    """Read and check a problem.

    Args:
        path: A problem.yaml, or the folder that holds one; or another YAML file beside it, which
            is a problem of its own that shares the folder's files.
        given: Values of its settings, by name; a text is read as a value of the setting's type.

    Raises:
        ProblemError: If anything is missing, unknown or malformed; the message names file and key.
    """
    file = path / PROBLEM_FILE if path.is_dir() else path
    spec = _read_spec(file)
    if file.resolve().suffix != _SUFFIX:
        why = f"must be named {PROBLEM_FILE}, in a folder of its own; variants beside it NAME.yaml"
        raise ProblemError(file, "", why)
    folder = file.resolve().parent
    _check_functions(file, folder, spec)
    _check_solution(file, folder, spec)
    values, changed = _settings(file, spec, given or {})
    seeds = tuple(
        Seed(name=name, text=_read(file, folder, f"seeds[{i}]", name))
        for i, name in enumerate(spec.seeds)
    )
    _check_edits(file, spec, seeds)
    return Problem(
        folder=folder,
        file=file.resolve(),
        spec=_with_entry(folder, spec, seeds[0].text),
        statement=_statement(file, folder, spec.statement, values),
        template=_read(file, folder, "prompt.template", spec.prompt.template)
        if spec.prompt.template
        else None,
        seeds=seeds,
        settings=values,
        given=changed,
    )


def _read_spec(file: Path) -> ProblemSpec:
    try:
        text = read_user_text(file)
    except FileNotFoundError:
        raise ProblemError(
            file, "", "no such file (expected a problem.yaml or its folder)"
        ) from None
    except (OSError, ValueError) as error:
        raise ProblemError(file, "", f"cannot be read: {error}") from error
    try:
        raw = parse_yaml(text)
    except ValueError as error:
        raise ProblemError(file, "", f"is not YAML: {error}") from error
    if not isinstance(raw, dict):
        raise ProblemError(file, "", "expected a mapping of keys such as name, statement, verifier")
    try:
        spec = ProblemSpec.model_validate(raw)
    except ValidationError as error:
        key, why = first_error(error)
        raise ProblemError(file, key, why) from error
    try:
        SolveConfig.model_validate(spec.run)
    except ValidationError as error:
        key, why = first_error(error)
        raise ProblemError(file, f"run.{key}", why) from error
    return spec


def _with_entry(folder: Path, spec: ProblemSpec, seed: str) -> ProblemSpec:
    """Return a spec whose entry is what an evaluator calls, unless that is not known or is named.

    By the entry, solutions are told from other blocks of a completion. It is the first function of
    the first seed that the evaluator's file names.
    """
    solution = spec.solution
    if (
        spec.evaluator is None
        or solution.language != "python"
        or "entry" in solution.model_fields_set
    ):
        return spec
    try:
        functions = [node.name for node in ast.parse(seed).body if isinstance(node, _DEFINITIONS)]
    except (SyntaxError, ValueError):
        return spec
    words = set(re.findall(r"\w+", (folder / spec.evaluator).read_text("utf-8", "replace")))
    named = [name for name in functions if name in words] or functions[-1:]
    if not named:
        return spec
    own = solution.model_copy(update={"entry": named[0]})
    return spec.model_copy(update={"solution": own})


def _check_edits(file: Path, spec: ProblemSpec, seeds: Sequence[Seed]) -> None:
    """Refuse edits of what is not text to people, and seeds without the regions they must have.

    Raises:
        ProblemError: If there is something wrong.
    """
    key = "solution.edit" if spec.solution.edit == "diff" else "solution.region"
    if spec.edits and spec.solution.kind == "json":
        raise ProblemError(file, key, "data cannot be edited line by line (solution.kind is json)")
    if spec.edits and spec.render is not None:
        why = "edits are made to the text that prompts show, and render shows another"
        raise ProblemError(file, key, why)
    for index, seed in enumerate(seeds if spec.solution.region else ()):
        wrong = fault_of_regions(seed.text)
        if wrong:
            raise ProblemError(file, f"seeds[{index}]", f"{seed.name}: {wrong} (solution.region)")


def _settings(
    file: Path, spec: ProblemSpec, given: Mapping[str, object]
) -> tuple[dict[str, Value], dict[str, Value]]:
    """Return the value of each setting, and those that were given.

    Raises:
        ProblemError: If one is declared or set in a wrong way.
    """
    try:
        known = settings.declared(spec.settings)
        changed = settings.chosen(known, given)
    except SettingError as error:
        raise ProblemError(file, f"settings.{error.key}", error.why) from error
    return {key: setting.default for key, setting in known.items()} | changed, changed


def _statement(file: Path, folder: Path, value: str, values: Mapping[str, Value]) -> str:
    """Return the statement's text: a file's text if the value names a file, else the value.

    In a problem with settings, `{{ settings.NAME }}` stands for a value.
    """
    named = "\n" not in value and value.endswith((".md", ".txt"))
    text = _read(file, folder, "statement", value) if named else value
    try:
        return settings.filled(text, values).strip()
    except SettingError as error:
        why = f"names settings.{error.key}: {error.why}"
        raise ProblemError(file, "statement", why) from error


def _read(file: Path, folder: Path, key: str, name: str) -> str:
    return _read_by(read_user_text, file, folder, key, name)


def _read_by(read: Callable[[Path], T], file: Path, folder: Path, key: str, name: str) -> T:
    """Read a file of the problem's folder that a key names.

    Raises:
        ProblemError: If it lies outside the folder, does not exist or cannot be read.
    """
    path = folder / name
    if not path.resolve().is_relative_to(folder):
        raise ProblemError(file, key, f"{name} lies outside the problem's folder")
    try:
        return read(path)
    except FileNotFoundError:
        raise ProblemError(file, key, f"no such file: {path}") from None
    except (OSError, ValueError) as error:
        raise ProblemError(file, key, f"{path} cannot be read: {error}") from error


def _check_functions(file: Path, folder: Path, spec: ProblemSpec) -> None:
    if spec.evaluator is not None:
        _check_evaluator(file, folder, spec, spec.evaluator)
        return
    if isinstance(spec.verifier, Command):
        if spec.score is not None:
            raise ProblemError(file, "score", "a verifier command gives the score itself")
    elif spec.score is None:
        raise ProblemError(file, "score", "is missing")
    for key in ("verifier", "score", "certify", "render"):
        reference = getattr(spec, key)
        if isinstance(reference, str):
            _check_function(file, folder, key, reference, spec)
    _check_measure(file, folder, spec)


def _check_evaluator(file: Path, folder: Path, spec: ProblemSpec, name: str) -> None:
    """Refuse an evaluator that is no file with a function `evaluate`, and what goes without one."""
    for key in ("score", "certify", "render", "measure"):
        if getattr(spec, key) is not None:
            why = "goes with a verifier: an evaluator gives the score, which is not verified"
            raise ProblemError(file, key, why)
    if spec.solution.kind != "program":
        why = f"must be program: an evaluator runs programs (got {spec.solution.kind!r})"
        raise ProblemError(file, "solution.kind", why)
    if spec.solution.flags:
        why = "goes without an evaluator, which compiles the program by itself"
        raise ProblemError(file, "solution.flags", why)
    key = "verifier.evaluate"
    if why := fault_of_file(folder, name):
        raise ProblemError(file, key, why)
    alone = spec.model_copy(update={"settings": {}})  # which it knows nothing of
    _check_function(file, folder, key, f"{name}:evaluate", alone, ("the program's path",))


def _check_measure(file: Path, folder: Path, spec: ProblemSpec) -> None:
    """Refuse a `measure` that names no function, or both a function and a command."""
    measure = spec.measuring
    if measure is None:
        for key, set_ in (("inputs", spec.inputs != "secret"), ("held_out", spec.held_out)):
            if set_:
                raise ProblemError(file, key, "goes with measure, which this problem has not")
        return
    if (measure.function is None) == (measure.command is None):
        raise ProblemError(file, "measure", "expected either function or command")
    if spec.certify is not None:
        why = "goes with data that the solution is, and not with measure"
        raise ProblemError(file, "certify", why)
    if measure.function is not None:
        key = "measure" if isinstance(spec.measure, str) else "measure.function"
        _check_function(file, folder, key, measure.function, spec, MEASURE_TAKES)


def _check_solution(file: Path, folder: Path, spec: ProblemSpec) -> None:
    """Refuse files that programs cannot be shown, and flags that no compiler is to be given."""
    solution = spec.solution
    programs = solution.kind == "program" or spec.measure is not None
    if solution.files and not programs:
        raise ProblemError(file, "solution.files", "goes with programs, which alone read files")
    if solution.flags and solution.language != "cpp":
        raise ProblemError(file, "solution.flags", "goes with language: cpp")
    for place, name in enumerate(solution.files):
        twice = "comes twice" if name in solution.files[:place] else ""
        if why := fault_of_file(folder, name) or twice:
            raise ProblemError(file, f"solution.files[{place}]", why)
    for place, flag in enumerate(solution.flags):
        if why := fault_of_flag(flag):
            raise ProblemError(file, f"solution.flags[{place}]", why)


def split_reference(reference: str) -> tuple[str, str]:
    """Split "verify.py:score" into its file and function; either may be empty."""
    name, _, function = reference.rpartition(":")
    return name, function


MEASURE_TAKES = ("the candidate", "the trial")
"""The arguments of `measure`; the other functions take the data."""


def takes(arguments: Sequence[str]) -> str:
    """Say what a function must take."""
    counted = {1: "one argument", 2: "two arguments"}[len(arguments)]
    return f"must take {counted}, {' and '.join(arguments)}"


def _check_function(
    file: Path,
    folder: Path,
    key: str,
    reference: str,
    spec: ProblemSpec,
    arguments: Sequence[str] = ("the data",),
) -> None:
    """Refuse a reference to a function that does not exist or does not take these arguments."""
    name, function = split_reference(reference)
    if not name.endswith(".py") or not function.isidentifier():
        raise ProblemError(file, key, f"expected FILE.py:FUNCTION (got {reference!r})")
    source = _read_by(Path.read_bytes, file, folder, key, name)
    try:  # bytes: Python itself then takes heed of a byte order mark and a coding cookie
        tree = ast.parse(source)
    except SyntaxError as error:
        raise ProblemError(file, key, f"{folder / name}:{error.lineno}: {error.msg}") from error
    except ValueError as error:  # a null byte, before Python 3.12
        raise ProblemError(file, key, f"{folder / name}: {error}") from error
    bound = _bound_names(tree)
    if function not in bound and "*" not in bound:
        raise ProblemError(file, key, f"{folder / name} has no function {function!r}")
    node = bound.get(function)
    if isinstance(node, ast.AsyncFunctionDef):
        why = "must not be async: it is called, and nobody awaits it"
        raise ProblemError(file, key, f"{function} in {folder / name}:{node.lineno} {why}")
    if isinstance(node, ast.FunctionDef) and not _takes(len(arguments), node.args, spec):
        why = f"{function} in {folder / name}:{node.lineno} {takes(arguments)}"
        raise ProblemError(file, key, why + (", and may take settings" if spec.settings else ""))


def _bound_names(tree: ast.Module) -> dict[str, ast.AST]:
    """Return the names that a module may bind by def, assignment or import, with their nodes.

    Only importing the module tells for sure.
    """
    bound: dict[str, ast.AST] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound[node.name] = node
        elif isinstance(node, ast.Assign):
            bound |= {t.id: node for t in node.targets if isinstance(t, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            bound[node.target.id] = node
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {alias.asname or alias.name: node for alias in node.names}
    return bound


def _takes(count: int, arguments: ast.arguments, spec: ProblemSpec) -> bool:
    """Decide whether a function can be called with so many arguments, and told the settings."""
    positional = [*arguments.posonlyargs, *arguments.args]
    required = {one.arg for one in positional[count : len(positional) - len(arguments.defaults)]}
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    required |= {one.arg for one, default in pairs if default is None}
    accepts = len(positional) >= count or arguments.vararg is not None
    return accepts and required <= ({"settings"} if spec.settings else set())
