"""In place of a candidate: another tool's evaluator, which runs the candidate by itself.

Both share this process, so that whatever the evaluator says is no better than the candidate's own
word. The evaluator is a file with a function `evaluate`, which is given the path of the program and
returns a mapping of metrics, or an object with `metrics` and perhaps `artifacts`. What is sent back
is {"numbers": {NAME: NUMBER}, "words": {NAME: TEXT}, "artifacts": {NAME: TEXT}}.
"""

from __future__ import annotations

import importlib.util
import inspect
import math
import os
import sys
import traceback
import types
from collections.abc import Mapping
from typing import Any

from . import program
from .users import name_user

NAME = "evaluator"
SCORE = "combined_score"
UNLOADABLE = "the evaluator cannot be loaded: "
"""How a refusal begins where the program was not run at all."""
_MOST = 200  # metrics, and artifacts
_NAME_CHARS = 200
_WORD_CHARS = 500
_ARTIFACT_CHARS = 4000


class EvaluationResult:
    """What some evaluators return; it stands for OpenEvolve's class where that is not installed."""

    def __init__(self, metrics: Any = None, artifacts: Any = None) -> None:
        self.metrics = metrics or {}
        self.artifacts = artifacts or {}


def run(request: dict[str, Any], descriptor: int) -> None:
    """Answer one request, then end this process at once, even if threads are still running."""
    own = os.getpid()
    program.seed_generators(request["arguments"].get("seed") or 0)
    name_user()
    kind, payload = answer(request)
    sys.stdout.flush()
    if os.getpid() == own:  # else a process that it forked came back, too
        program.send(descriptor, kind, payload)
    os._exit(0)


def answer(request: dict[str, Any]) -> tuple[str, bytes]:
    """Let the evaluator judge the program; return what it said, or why it said nothing."""
    path = os.path.abspath(request["file"])
    own = os.path.abspath(request["evaluator"])
    try:
        with open(path, "w", encoding="utf-8", errors="replace") as file:
            file.write(request["source"])
        stand_in()
        try:
            judge = load(own)
        except Exception as error:  # noqa: BLE001 - whatever its file raises
            return program.refusal("error", f"{UNLOADABLE}{last_lines(error, own)}")
        return program.encode(described(judge(path)))
    except program.UnsendableError as error:
        return program.refusal("malformed", str(error))
    except MemoryError:
        return program.refusal("memory", "MemoryError: it used more memory than its limit")
    except BaseException as error:  # noqa: BLE001 - it may raise anything, SystemExit too
        return program.refusal("error", f"the evaluator raised {last_lines(error, own)}")


def load(path: str) -> Any:
    """Import the evaluator's file and return its function; its folder comes first for imports.

    Raises:
        TypeError: If it has no function `evaluate` that can be called and need not be awaited.
    """
    sys.path.insert(0, os.path.dirname(path))
    spec = importlib.util.spec_from_file_location(NAME, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module
    spec.loader.exec_module(module)
    function = getattr(module, "evaluate", None)
    if not callable(function):
        msg = "it has no function 'evaluate'"
        raise TypeError(msg)
    if inspect.iscoroutinefunction(function):
        msg = "evaluate must not be async: it is called, and nobody awaits it"
        raise TypeError(msg)
    return function


def stand_in() -> None:
    """Provide the class that evaluators import from OpenEvolve, where that is not installed."""
    if importlib.util.find_spec("openevolve") is not None:
        return
    package, module = (types.ModuleType(f"openevolve{end}") for end in ("", ".evaluation_result"))
    package.__path__ = []
    for one in (package, module):
        one.__dict__["EvaluationResult"] = EvaluationResult
        sys.modules[one.__name__] = one


def described(found: Any) -> dict[str, dict[str, Any]]:
    """Return what an evaluator returned: numbers, words and artifacts, by name.

    Raises:
        UnsendableError: If it is neither a mapping nor has one as its `metrics`.
    """
    metrics = found if isinstance(found, Mapping) else getattr(found, "metrics", None)
    if not isinstance(metrics, Mapping):
        msg = f"evaluate must return a mapping of metrics (got {type(found).__name__})"
        raise program.UnsendableError(msg)
    artifacts = None if isinstance(found, Mapping) else getattr(found, "artifacts", None)
    numbers: dict[str, Any] = {}
    words: dict[str, Any] = {}
    for key, value in list(metrics.items())[:_MOST]:
        name = str(key)[:_NAME_CHARS]
        number = number_of(value, name)
        if number is None:
            words[name] = encodable(str(value)[:_WORD_CHARS])
        else:
            numbers[name] = number
    shown = list(artifacts.items())[:_MOST] if isinstance(artifacts, Mapping) else []
    texts = {str(key)[:_NAME_CHARS]: text_of(value) for key, value in shown}
    return {"numbers": numbers, "words": words, "artifacts": texts}


def number_of(value: Any, name: str) -> float | None:
    """Return a metric as a finite number; None for anything else, a truth value included.

    The score may be a text, as float() reads it.
    """
    truth = type(value).__name__ in ("bool", "bool_")  # numpy's has another name in numpy 1
    if truth or (isinstance(value, (str, bytes)) and name != SCORE):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def text_of(value: Any) -> str:
    """Return an artifact as text."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return encodable(text[-_ARTIFACT_CHARS:])


def encodable(text: str) -> str:
    """Replace what is not UTF-8, as ttrl_cli.escapes.encodable, which is not there inside."""
    return text.encode("utf-8", "replace").decode("utf-8")


def last_lines(error: BaseException, path: str) -> str:
    """Return the traceback from the evaluator's own first frame on."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename != path:
        frames = frames.tb_next
    first = f"{type(error).__name__}\n"
    return first + "".join(traceback.format_exception(type(error), error, frames)).strip()
