"""Does a backend run programs as it must? A few honest ones, and some that fail, run for real.

The attacks of `self_check.py` say what a backend keeps programs from; these say that programs end
as `base.py` promises. A plug-in that loses data, mixes two programs up or takes a program's failure
for its own is found before it is used. The tests of the contract go further.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ttrl_cli.problem import Limits
from ttrl_cli.records import Json, Status
from ttrl_cli.sandbox.base import Program, ProgramResult
from ttrl_cli.sandbox.session import Sandbox

LIMITS = Limits(seconds=5, memory_mb=512, cpus=1, output_mb=1, disk_mb=4, processes=32)
_SHORT = LIMITS.model_copy(update={"seconds": 0.2})
_DATA: Json = {"a": [1, 2.5, None, True], "ß": "text"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A program, and what must come of it."""

    says: str
    source: str
    expected: Callable[[ProgramResult], bool]
    arguments: Mapping[str, Json] = field(default_factory=dict)
    limits: Limits = LIMITS


def check_contract(sandbox: Sandbox) -> list[str]:
    """Run the programs, in order; return what is wrong with how they ended.

    Raises:
        SetupError: If the sandbox cannot be started.
        SandboxError: If the sandbox fails.
    """
    return [why for case in _CASES if (why := _wrong(sandbox, case))]


def _wrong(sandbox: Sandbox, case: _Case) -> str:
    program = Program(source=case.source, arguments=dict(case.arguments))
    result = sandbox.run(program, case.limits)
    if case.expected(result):
        return ""
    reason = (result.reason.splitlines() or [""])[-1]
    return f"{case.says} (it ended as {result.status}: {reason or result.data!r:.80})"


def _returns(data: Json) -> Callable[[ProgramResult], bool]:
    return lambda result: (result.status, result.data) == (Status.OK, data)


def _ends(status: Status, reason: str = "") -> Callable[[ProgramResult], bool]:
    return lambda result: result.status is status and reason in result.reason


_CASES = (
    _Case(
        says="arguments and data pass unchanged",
        source="def run(parent): return parent",
        arguments={"parent": _DATA, "seed": 7},
        expected=_returns(_DATA),
    ),
    _Case(
        says="a large parent passes",
        source="def run(parent): return sum(parent)",
        arguments={"parent": [0.5] * 100_000},
        expected=_returns(50_000.0),
    ),
    _Case(
        says="what is printed is kept",
        source="import sys\ndef run():\n  print('one'); print('two', file=sys.stderr)",
        expected=lambda result: {"one", "two"} <= set(result.output.split()),
    ),
    _Case(
        says="what a program raises is its own error, with its words",
        source="def run(): raise ValueError('of mine')",
        expected=_ends(Status.ERROR, "ValueError: of mine"),
    ),
    _Case(
        says="source that does not compile is an error",
        source="def run(:",
        expected=_ends(Status.ERROR),
    ),
    _Case(
        says="ending without an answer is an error",
        source="import os\nos._exit(0)",
        expected=_ends(Status.ERROR),
    ),
    _Case(
        says="data that are not finite are refused",
        source="def run(): return [1.0, float('nan')]",
        expected=_ends(Status.MALFORMED),
    ),
    _Case(
        says="a program that takes too long is killed",
        source="def run():\n  while True: pass",
        limits=_SHORT,
        expected=_ends(Status.TIMEOUT),
    ),
    _Case(
        says="a program leaves files and changed modules, and the next one runs",
        source="import json\nopen('left', 'w').close()\njson.left = 1\ndef run(): return 1",
        expected=_returns(1),
    ),
    _Case(
        says="a program finds nothing of the one before",
        source="import json, os\ndef run(): return [os.path.exists('left'), hasattr(json, 'left')]",
        expected=_returns([False, False]),
    ),
)
