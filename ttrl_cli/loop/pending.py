"""The step under way as a log: completions and verdicts are written as they come.

A run that is killed within a step takes from it what it has already paid for. Where sampling had
ended, nothing is sampled again; where it had not, the sampler starts the step over, since what it
draws may depend on what is drawn beside it, and a completion that comes again has its verdict.
Failures of ours are not kept. The commit empties the log.

    step        the step and its prompts; whatever else was in the log is of another one
    completion  one sampled completion; prompts' tokens once a group
    sampled     sampling has ended: the sampler's cursor
    verdict     the verdict on a completion
    again       the verdict on a solution that was measured again
"""

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ttrl_cli.records import Again, Completion, Json, Overflow, Prompt, Status, Verdict
from ttrl_cli.rundir import RunDir, files

PENDING_FILE = "pending.jsonl"
_ARRAYS = ("prompt_ids_S", "token_ids_T", "logprobs_T", "sampled_T")
_Key = tuple[int, int]


@dataclass(slots=True, kw_only=True)
class Kept:
    """What is known of the step under way.

    Attributes:
        completions: By (group, index).
        verdicts: The same.
        sampled: Whether sampling has ended.
        cursor: The sampler's state when it had ended.
        again: Verdicts on solutions that were measured again, by key and solution.
    """

    completions: dict[_Key, Completion] = field(default_factory=dict)
    verdicts: dict[_Key, Verdict] = field(default_factory=dict)
    sampled: bool = False
    cursor: Json = None
    again: dict[tuple[str, str], Verdict] = field(default_factory=dict)

    def verdict(self, completion: Completion) -> Verdict | None:
        """Return the verdict on a completion; None if it is not known."""
        key = (completion.group, completion.index)
        known = self.completions.get(key)
        same = known is not None and known.text == completion.text
        return self.verdicts.get(key) if same else None


class Pending:
    """Writes the log of the step under way, and reads what an earlier session wrote.

    Args:
        run: The run directory.

    Attributes:
        kept: What was known of the step under way when it began.
    """

    def __init__(self, run: RunDir) -> None:
        self._path = run.path / PENDING_FILE
        self._prompt_ids: dict[int, bytes] = {}
        self.kept = Kept()

    def begin(self, step: int, prompts_P: Sequence[Prompt]) -> Kept:
        """Begin a step, or go on with it; return what is known of it.

        Raises:
            UnwritableError: If the log cannot be written.
        """
        asked = [[prompt.group, prompt.key, prompt.first, prompt.n] for prompt in prompts_P]
        first = {"event": "step", "step": step, "prompts": asked}
        lines = list(self._lines())
        self._prompt_ids = {}
        if not lines or {k: lines[0].get(k) for k in first} != first:
            files.write_lines(self._path, [first])
            self.kept = Kept()
        else:
            self.kept = _kept(lines[1:])
        return self.kept

    def completion(self, completion: Completion) -> None:
        """Keep a completion."""
        fields = {name: getattr(completion, name) for name in completion.__slots__}
        packed = {name: _packed(fields[name]) for name in _ARRAYS}
        ids = completion.prompt_ids_S.tobytes()
        if self._prompt_ids.get(completion.group) == ids:
            del packed["prompt_ids_S"]
        self._prompt_ids[completion.group] = ids
        overflow = None if completion.overflow is None else asdict(completion.overflow)
        line = {**fields, **packed, "overflow": overflow}
        if "prompt_ids_S" not in packed:
            del line["prompt_ids_S"]
        self._append({"event": "completion", **line})

    def sampled(self, cursor: Json) -> None:
        """Note that sampling has ended, and the sampler's state."""
        self._append({"event": "sampled", "cursor": cursor})

    def verdict(self, key: _Key, verdict: Verdict) -> None:
        """Keep a verdict; one that is a failure of ours is given another try after a kill."""
        if verdict.status is not Status.FAILED:
            group, index = key
            self._append({"event": "verdict", "group": group, "index": index, **asdict(verdict)})

    def again(self, asked: Again, verdict: Verdict) -> None:
        """Keep the verdict on a solution that was measured again, as `verdict` does."""
        if verdict.status is not Status.FAILED:
            named = {"key": asked.key, "asked": asked.solution}
            self._append({"event": "again", **named, **asdict(verdict)})

    def clear(self) -> None:
        """Empty the log: the step is committed."""
        files.truncate(self._path, 0)

    def _append(self, line: dict[str, Json]) -> None:
        files.append_lines(self._path, [line])

    def _lines(self) -> Iterator[dict[str, Json]]:
        """Yield the lines; cut off one that was not written to its end."""
        if not self._path.exists():
            return
        good = 0
        with self._path.open("rb") as file:
            for raw in file:
                try:
                    line = json.loads(raw) if raw.endswith(b"\n") else None
                except ValueError:
                    line = None
                if not isinstance(line, dict):
                    break
                good += len(raw)
                line.pop("schema_version", None)
                yield line
        files.truncate(self._path, good)


def _kept(lines: Sequence[dict[str, Json]]) -> Kept:
    kept = Kept()
    prompt_ids: dict[int, Json] = {}
    for line in lines:
        event = line.pop("event")
        if event == "completion":
            prompt_ids.setdefault(line["group"], line.get("prompt_ids_S"))
            line.setdefault("prompt_ids_S", prompt_ids[line["group"]])
            prompt_ids[line["group"]] = line["prompt_ids_S"]
            completion = _completion(line)
            key = (completion.group, completion.index)
            if kept.verdict(completion) is None:
                kept.verdicts.pop(key, None)
            kept.completions[key] = completion
        elif event == "verdict":
            key = (line.pop("group"), line.pop("index"))
            kept.verdicts[key] = _verdict(line)
        elif event == "again":
            asked = (line.pop("key"), line.pop("asked"))
            kept.again[asked] = _verdict(line)
        else:
            kept.sampled, kept.cursor = True, line["cursor"]
    return kept


def _completion(line: dict[str, Json]) -> Completion:
    arrays = {name: _unpacked(line[name]) for name in _ARRAYS}
    overflow = None if line["overflow"] is None else Overflow(**line["overflow"])
    return Completion(**{**line, **arrays, "overflow": overflow})


def _verdict(line: dict[str, Json]) -> Verdict:
    lists = {name: tuple(line.get(name, ())) for name in ("per_trial", "again")}
    return Verdict(**{**line, **lists, "status": Status(line["status"])})


def _packed(array: Any) -> Json:
    """Return an array's type and numbers as JSON, exactly."""
    if array is None:
        return None
    return [array.dtype.str, base64.b64encode(array.tobytes()).decode("ascii")]


def _unpacked(packed: Json) -> Any:
    if packed is None:
        return None
    kind, numbers = packed
    return np.frombuffer(base64.b64decode(numbers), np.dtype(kind)).copy()
