"""A problem made in Python, in the place of a folder with a problem.yaml."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import yaml

from ttrl_cli.api.shipping import ship
from ttrl_cli.errors import ProblemError, UsageError
from ttrl_cli.escapes import dumps
from ttrl_cli.problem import PROBLEM_FILE, Direction, Transform, load_problem
from ttrl_cli.records import Json

Function: TypeAlias = Callable[[Any], Any]
_WHERE = "Problem"
_ARGUMENTS = {
    "verifier": "verify",
    "solution.kind": "kind",
    "solution.language": "language",
    "solution.entry": "entry",
    "solution.files": "program_files",
    "solution.flags": "flags",
    "reward.transform": "transform",
}
"""Arguments whose keys in problem.yaml have other names."""
_SECTIONS = ("limits", "environment", "run", "settings")
_ENDINGS = {"json": ".json", "text": ".txt", "python": ".py", "cpp": ".cpp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A problem for `solve`, of functions instead of files; docs/problem.md describes each key.

    Whatever the grading processes need is taken when it is made: functions with their modules'
    files, or their text where they were typed into a notebook. A run keeps it as a problem's
    folder, so that `ttrl resume`, `ttrl verify` and the others work on it as on any run.

    Attributes:
        statement: What is asked.
        verify: Data -> data that the score may trust; raises `ttrl_cli.Invalid` to refuse it.
        score: Verified data -> a number, or {"value", "metrics", "feedback"}.
        seeds: Valid solutions to start from: JSON values, or texts if `kind` is text or program.
        direction: Whether a high or a low score is wanted.
        kind: What a solution is.
        name: A short name, which is in that of the run directory.
        certify: Verified data -> a bound that is a theorem.
        render: Verified data -> the text that prompts show.
        language: The language of a program.
        entry: The function of a Python program that returns the data.
        transform: From score to the reward used for learning.
        best_known: The best score known.
        best_known_source: Where that is from, in words.
        limits: What one candidate may use: seconds, memory_mb and so on.
        environment: Where programs run: python, imports.
        prompt: system, examples, and the text of a template.
        run: Options that the problem prefers; those of `solve` override them.
        settings: Values that `solve(..., settings=...)` changes: name -> default, or a mapping.
        files: Files that the functions read; they lie in the working directory of each call.
        program_files: Files that programs read; they lie in the working folder of each.
        flags: Flags for the compiler of C++ programs.

    Raises:
        UsageError: If an argument is wrong; the message names it.
    """

    statement: str
    verify: Function
    score: Function
    seeds: Sequence[Json]
    direction: Direction = "maximize"
    kind: Literal["program", "text", "json"] = "json"
    name: str = "problem"
    certify: Function | None = None
    render: Function | None = None
    language: Literal["python", "cpp"] = "python"
    entry: str = "run"
    transform: Transform | None = None
    best_known: float | None = None
    best_known_source: str | None = None
    limits: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, object] = field(default_factory=dict)
    prompt: Mapping[str, object] = field(default_factory=dict)
    run: Mapping[str, object] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    files: Sequence[Path | str] = ()
    program_files: Sequence[Path | str] = ()
    flags: Sequence[str] = ()
    _contents: Mapping[str, bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_contents", _contents_of(self))
        with self.folder() as folder, arguments_named(folder):
            load_problem(folder)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Write the problem into a temporary folder, which is there inside of the block."""
        with tempfile.TemporaryDirectory(prefix="ttrl-") as temporary:
            folder = Path(temporary) / "problem"
            self._fill(folder)
            yield folder

    def save(self, folder: Path | str) -> Path:
        """Write the problem into a new folder, for the command line; return its path.

        Raises:
            UsageError: If the folder exists, or cannot be made.
        """
        path = Path(folder)
        try:
            self._fill(path)
        except FileExistsError:
            msg = f"{path} exists already, and nothing is ever overwritten; choose another name"
            raise UsageError(msg) from None
        except OSError as error:
            msg = f"{path} cannot be made: {error.strerror}"
            raise UsageError(msg) from error
        return path

    def _fill(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        for name, content in self._contents.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)


@contextmanager
def arguments_named(folder: Path) -> Iterator[None]:
    """Name the argument, and not the key and file, where a problem in a folder is wrong.

    Raises:
        ProblemError: If the block raises it.
    """
    try:
        yield
    except ProblemError as error:
        key = _ARGUMENTS.get(error.key, error.key)
        why = error.why.replace(f"{folder.resolve()}/", "").replace(f"{folder}/", "")
        raise ProblemError(_WHERE, key, why) from error


def _contents_of(problem: Problem) -> dict[str, bytes]:
    """Return the files of a problem's folder by path.

    Raises:
        ProblemError: If an argument cannot be written into a file.
    """
    if problem.kind not in ("program", "text", "json"):
        raise ProblemError(_WHERE, "kind", f"expected program, text or json (got {problem.kind!r})")
    shipment = ship(_functions(problem), _WHERE)
    seeds = {f"seeds/{_seed_name(problem, i)}": _seed(problem, i) for i in range(_count(problem))}
    statement = _text("statement", problem.statement) + b"\n"
    if not statement.strip():
        raise ProblemError(_WHERE, "statement", "is empty")
    contents = {**_extra_files(problem, "files"), **_extra_files(problem, "program_files")}
    contents |= {"statement.md": statement, **seeds}
    prompt = dict(problem.prompt)
    if prompt.get("template") is not None:
        contents["prompt.md"] = _text("prompt.template", prompt["template"])
        prompt["template"] = "prompt.md"
    for name in sorted(contents.keys() & shipment.files.keys()):
        raise ProblemError(_WHERE, "files", f"a function's file is called {name} as well")
    raw = _yaml(problem, shipment.references, list(seeds), prompt)
    return {**shipment.files, **contents, PROBLEM_FILE: raw}


def _functions(problem: Problem) -> dict[str, Function]:
    given = {"verify": problem.verify, "score": problem.score}
    optional = {"certify": problem.certify, "render": problem.render}
    return given | {name: one for name, one in optional.items() if one is not None}


def _yaml(
    problem: Problem,
    references: Mapping[str, str],
    seeds: list[str],
    prompt: Mapping[str, object],
) -> bytes:
    """Return the contents of problem.yaml; what is as by default is left out."""
    program: dict[str, object] = {"language": problem.language, "entry": problem.entry}
    further = {
        "files": [Path(file).name for file in problem.program_files],
        "flags": list(problem.flags),
    }
    program |= {key: value for key, value in further.items() if value}
    keys: dict[str, object] = {
        "name": problem.name,
        "statement": "statement.md",
        "direction": problem.direction,
        "solution": {"kind": problem.kind, **(program if problem.kind == "program" else {})},
        "verifier": references["verify"],
        **{key: reference for key, reference in references.items() if key != "verify"},
        "reward": {"transform": problem.transform} if problem.transform else None,
        "best_known": problem.best_known,
        "best_known_source": problem.best_known_source,
        "seeds": seeds,
    }
    sections = {name: getattr(problem, name) for name in _SECTIONS}
    keys |= {key: dict(given) for key, given in {**sections, "prompt": prompt}.items() if given}
    kept = {key: value for key, value in keys.items() if value is not None}
    try:
        text = yaml.safe_dump(kept, sort_keys=False, allow_unicode=True)
    except yaml.YAMLError as error:
        why = f"{', '.join(_SECTIONS)} or prompt hold more than plain data: {error}"
        raise ProblemError(_WHERE, "", why) from error
    return text.encode("utf-8")


def _count(problem: Problem) -> int:
    """Return how many seeds there are.

    Raises:
        ProblemError: If they are not a list of some.
    """
    if isinstance(problem.seeds, str | bytes) or not isinstance(problem.seeds, Sequence):
        why = f"expected a list of solutions (got {type(problem.seeds).__name__})"
        raise ProblemError(_WHERE, "seeds", why)
    return len(problem.seeds)


def _seed_name(problem: Problem, place: int) -> str:
    kind = problem.language if problem.kind == "program" else problem.kind
    return f"{place}{_ENDINGS.get(kind, '.txt')}"


def _seed(problem: Problem, place: int) -> bytes:
    seed, key = problem.seeds[place], f"seeds[{place}]"
    if problem.kind == "json":
        return _text(key, json_text(_WHERE, key, seed))
    return _text(key, seed)


def _text(key: str, value: object) -> bytes:
    if not isinstance(value, str):
        raise ProblemError(_WHERE, key, f"expected a text (got {type(value).__name__})")
    try:
        return value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ProblemError(_WHERE, key, f"is not text: {error.reason}") from error


def json_text(where: str, key: str, value: Json) -> str:
    """Return a value as JSON; tuples and arrays are lists.

    Raises:
        ProblemError: If it is not plain data.
    """
    try:
        text = dumps(plain(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise ProblemError(where, key, f"is not plain data: {error}") from error
    return text


def plain(value: Any) -> Json:
    """Return a value as lists, dicts with keys of text, numbers, texts, truth values and None.

    Raises:
        TypeError: If it holds anything else.
    """
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                msg = f"the key {key!r} is not text"
                raise TypeError(msg)
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if hasattr(value, "tolist") and hasattr(value, "dtype"):  # of numpy, or of what is like it
        return plain(value.tolist())
    return value


def _extra_files(problem: Problem, argument: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    given: Sequence[Path | str] = getattr(problem, argument)
    for place, file in enumerate(given):
        path = Path(file)
        try:
            found[path.name] = path.read_bytes()
        except OSError as error:
            why = f"{path} cannot be read: {error.strerror}"
            raise ProblemError(_WHERE, f"{argument}[{place}]", why) from error
    return found
