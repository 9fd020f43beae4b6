"""A verifier or measure that is a command: JSON on stdin and stdout, limited in time and output.

The command is the problem's own and trusted: it runs in the problem's folder with our environment.
"""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ttrl_cli.errors import Invalid, ProblemError
from ttrl_cli.grading.functions import BrokenProblemError
from ttrl_cli.problem import Command, Problem
from ttrl_cli.records import Json
from ttrl_cli.sandbox.base import MIB
from ttrl_cli.sandbox.orphans import kill_group, no_orphans
from ttrl_cli.sandbox.pipes import End, Stream, read_until_end
from ttrl_cli.sandbox.protocol import MalformedError, read_json

TRIES = 2
"""A command that runs out of time is run once more."""
_OPTIONAL = ("error", "per_trial", "metrics", "feedback")
_KEYS = frozenset({"valid", "reason", "score", "data", *_OPTIONAL})
_STDERR_BYTES = 2000


class CommandVerifier:
    """Asks a problem's command for verdicts.

    Args:
        problem: Whose data are verified.
        command: What to run.
    """

    def __init__(self, problem: Problem, command: Command) -> None:
        self._settings = {"settings": dict(problem.settings)} if problem.settings else {}
        self._asking = Asking(
            what="the verifier command",
            folder=problem.folder,
            command=command.command,
            seconds=problem.spec.limits.seconds,
            output_mb=problem.spec.limits.output_mb,
        )

    def ask(self, data: Json) -> Mapping[str, Any]:
        """Run the command on data; return data and value, and what else it says of the score.

        Raises:
            Invalid: If the command says that the data are not valid.
            BrokenProblemError: If it fails, takes too long, or answers in any other way.
        """
        answer = _checked(self._asking.answer({"data": data, **self._settings}))
        if not answer["valid"]:
            raise Invalid(answer.get("reason") or "invalid")
        if "score" not in answer:
            msg = "the verifier command calls the data valid and gives no score"
            raise BrokenProblemError(msg)
        kept = {key: answer[key] for key in _OPTIONAL if key in answer}
        return {"data": answer.get("data", data), "value": answer["score"], **kept}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A command of the problem that is asked: JSON on stdin, JSON on stdout.

    Attributes:
        what: How messages call it.
        folder: The problem's folder, in which it runs.
        command: Program and arguments.
        seconds: Most that one run may take.
        output_mb: Most that it may print, in MiB.
    """

    what: str
    folder: Path
    command: Sequence[str]
    seconds: float
    output_mb: float

    def answer(self, given: Mapping[str, Json]) -> Json:
        """Run the command, twice if it takes too long; return what it printed.

        Raises:
            BrokenProblemError: If it fails, takes too long, or prints no JSON.
        """
        for tries in range(1, TRIES + 1):
            end, code, streams = self._run(given)
            if end is not End.TIMEOUT or tries == TRIES:
                break
        return self._read(end, code, streams)

    def _run(self, given: Mapping[str, Json]) -> tuple[End, int, list[Stream]]:
        deadline = time.monotonic() + self.seconds
        with no_orphans(), tempfile.TemporaryFile() as stdin:
            stdin.write(json.dumps(given).encode("ascii"))
            stdin.seek(0)
            with subprocess.Popen(
                self.command,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self.folder,
                start_new_session=True,
            ) as process:
                streams = self._streams(process)
                end = read_until_end(streams, pid=process.pid, deadline=deadline)
                return end, kill_group(process), streams

    def _streams(self, process: subprocess.Popen[bytes]) -> list[Stream]:
        limit = int(self.output_mb * MIB)
        pipes = [pipe.fileno() for pipe in (process.stdout, process.stderr) if pipe is not None]
        return [
            Stream(descriptor=pipes[0], limit=limit),
            Stream(descriptor=pipes[1], limit=limit, keep=_STDERR_BYTES),
        ]

    def _read(self, end: End, code: int, streams: list[Stream]) -> Json:
        printed, complaints = streams
        if end is End.TIMEOUT:
            msg = f"{self.what} took more than {self.seconds:g} s, {TRIES} times"
        elif end is End.OVERFLOW:
            msg = f"{self.what} printed more than limits.output_mb"
        elif code != 0:
            said = complaints.data.decode("utf-8", "replace").strip()
            msg = f"{self.what} ended with status {code}: {said or 'it said nothing'}"
        else:
            try:
                return read_json(bytes(printed.data))
            except MalformedError as error:
                msg = f"{self.what} printed {error}"
        raise BrokenProblemError(msg)


def check_command(
    problem: Problem, command: Sequence[str], key: str, folder: Path | None = None
) -> None:
    """Refuse a command whose program does not exist.

    Args:
        problem: The problem.
        command: Program and arguments.
        key: The key of problem.yaml that they stand under.
        folder: Where they run; None for the problem's folder.

    Raises:
        ProblemError: If the program is neither on the PATH nor in the folder.
    """
    name, place = command[0], folder or problem.folder
    if shutil.which(name) is None and shutil.which(str(place / name)) is None:
        why = f"no such program: {name} (looked on the PATH and in {place})"
        if (place / name).is_file():
            why = f"{place / name} is not executable: chmod +x {name}"
        raise ProblemError(problem.file, key, why)


def _checked(answer: Json) -> Mapping[str, Any]:
    """Check that the answer is an object with `valid` and no unknown key, and return it."""
    if not isinstance(answer, dict) or not isinstance(answer.get("valid"), bool):
        msg = "the verifier command must print a JSON object with the key valid, true or false"
        raise BrokenProblemError(msg)
    unknown = sorted(answer.keys() - _KEYS)
    if unknown:
        msg = f"the verifier command printed the unknown key {unknown[0]!r}"
        raise BrokenProblemError(msg)
    if not isinstance(answer.get("reason", ""), str):
        msg = "the verifier command's reason must be text"
        raise BrokenProblemError(msg)
    return answer
