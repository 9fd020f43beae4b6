"""What is wrong with a problem that its schema cannot say: functions, files, flags, regions."""

import ast
from collections.abc import Sequence
from pathlib import Path

from ttrl_cli.completions.edits import fault_of_regions
from ttrl_cli.errors import ProblemError
from ttrl_cli.problem.checked import Seed
from ttrl_cli.problem.files import read_by
from ttrl_cli.problem.spec import Command, ProblemSpec
from ttrl_cli.solutions import fault_of_file, fault_of_flag


def check_edits(file: Path, spec: ProblemSpec, seeds: Sequence[Seed]) -> None:
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


def check_functions(file: Path, folder: Path, spec: ProblemSpec) -> None:
    """Refuse functions and files of code that are missing or take the wrong arguments.

    Raises:
        ProblemError: If there is one.
    """
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


def check_solution(file: Path, folder: Path, spec: ProblemSpec) -> None:
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
    source = read_by(Path.read_bytes, file, folder, key, name)
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
