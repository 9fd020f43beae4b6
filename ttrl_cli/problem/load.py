"""Reading a problem."""

import ast
import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from ttrl_cli import settings
from ttrl_cli.config import SolveConfig
from ttrl_cli.errors import ProblemError
from ttrl_cli.problem.checked import Problem, Seed
from ttrl_cli.problem.checks import check_edits, check_functions, check_solution
from ttrl_cli.problem.files import read_text
from ttrl_cli.problem.spec import PROBLEM_FILE, ProblemSpec
from ttrl_cli.reading import read_user_text
from ttrl_cli.settings import SettingError, Value
from ttrl_cli.yaml_input import first_error, parse_yaml

_SUFFIX = ".yaml"
_DEFINITIONS = ast.FunctionDef | ast.ClassDef


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
    check_functions(file, folder, spec)
    check_solution(file, folder, spec)
    values, changed = _settings(file, spec, given or {})
    seeds = tuple(
        Seed(name=name, text=read_text(file, folder, f"seeds[{i}]", name))
        for i, name in enumerate(spec.seeds)
    )
    check_edits(file, spec, seeds)
    return Problem(
        folder=folder,
        file=file.resolve(),
        spec=_with_entry(folder, spec, seeds[0].text),
        statement=_statement(file, folder, spec.statement, values),
        template=read_text(file, folder, "prompt.template", spec.prompt.template)
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
    text = read_text(file, folder, "statement", value) if named else value
    try:
        return settings.filled(text, values).strip()
    except SettingError as error:
        why = f"names settings.{error.key}: {error.why}"
        raise ProblemError(file, "statement", why) from error
