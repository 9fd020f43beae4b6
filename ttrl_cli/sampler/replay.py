"""Scripted completions: for tests, and for debugging a problem without a model.

A replay file is JSON lines `{"text": ..., "key": ..., "logprob": ...}`. Lines with a key (the id of
a question or of a parent) are served to it in order; the others to any other prompt, in order,
starting over at the end. Keyed lines are used up once and then leave their key to the others. A
prompt that finds nothing ends the run with a message.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import ConfigDict, Field, ValidationError

from ttrl_cli.config import Written
from ttrl_cli.errors import UsageError
from ttrl_cli.escapes import encodable
from ttrl_cli.reading import as_utf8
from ttrl_cli.records import Adapter, Completion, Json, Prompt

_NO_INTS = np.empty(0, dtype=np.int64)
_NO_FLOATS = np.empty(0, dtype=np.float64)


class ReplayLine(Written):
    """One line of a replay file."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    text: str
    """The completion."""
    key: str | None = None
    """Id of the question or parent it is meant for; without one, any prompt."""
    logprob: Annotated[float, Field(le=0)] | None = None
    """Sum of the log-probabilities of its tokens, in nats."""


class ReplaySampler:
    """Serves the lines of a file.

    Args:
        path: The replay file.

    Raises:
        UsageError: If the file cannot be read or a line is malformed, naming file and line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = list(_read(path))
        self._shared = [line for line in lines if line.key is None]
        self._keyed: dict[str, list[ReplayLine]] = {}
        for line in lines:
            if line.key is not None:
                self._keyed.setdefault(line.key, []).append(line)
        self._served_shared = 0
        self._served_keyed: dict[str, int] = {}

    def load(self, adapter: Adapter) -> None:
        """Do nothing: the script is the policy."""

    def sample(
        self, prompts_P: Sequence[Prompt], *, step: int, stop: Callable[[], bool]
    ) -> Iterator[Completion]:
        """Yield the next lines as completions, prompt by prompt. See `Sampler.sample`."""
        del step
        for prompt in prompts_P:
            for index in prompt.indices:
                if stop():
                    return
                line = self._next(prompt.key)
                yield Completion(
                    group=prompt.group,
                    index=index,
                    text=encodable(line.text),
                    seed=None,
                    prompt_ids_S=_NO_INTS,
                    token_ids_T=_NO_INTS,
                    logprobs_T=_NO_FLOATS,
                    logprob=line.logprob,
                    finished=True,
                )

    def cursor(self) -> Json:
        """Return how many lines of each list have been used; part of a checkpoint."""
        return {"shared": self._served_shared, "keyed": dict(self._served_keyed)}

    def seek(self, cursor: Json) -> None:
        """Continue from the state that `cursor` returned."""
        self._served_shared = int(cursor["shared"])
        self._served_keyed = {str(key): int(n) for key, n in cursor["keyed"].items()}

    def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def _next(self, key: str) -> ReplayLine:
        served = self._served_keyed.get(key, 0)
        mine = self._keyed.get(key, [])
        if served < len(mine):
            self._served_keyed[key] = served + 1
            return mine[served]
        if not self._shared:
            msg = f"{self._path}: nothing left to replay for {key}, and no line without a key"
            raise UsageError(msg)
        line = self._shared[self._served_shared % len(self._shared)]
        self._served_shared += 1
        return line


def _read(path: Path) -> Iterator[ReplayLine]:
    try:
        raw = as_utf8(path.read_bytes())
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        msg = f"--sampler replay:{path}: cannot be read: {why}"
        raise UsageError(msg) from error
    found = False
    for number, line in enumerate(raw.splitlines(), start=1):
        if not line.strip():
            continue
        found = True
        # bytes that are not UTF-8 are a completion's own business: the grader refuses them
        text = line.decode("utf-8", "replace")
        try:
            yield ReplayLine.model_validate(json.loads(text))
        except (ValueError, RecursionError) as error:
            why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            expected = '{"text": ..., "key": ..., "logprob": ...}'
            msg = f"{path}:{number}: {why}; expected {expected}"
            raise UsageError(msg) from error
    if not found:
        msg = f"{path}: no completions in it"
        raise UsageError(msg)
