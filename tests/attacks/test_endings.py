"""However a program ends, it must be an error of its own, and the next one must run."""

import signal

import pytest

from tests._sandboxes import LIMITS, attack, run
from tests.attacks._programs import Hostile, attempt, still_works
from tests.attacks.programs import endings
from ttrl_cli.records import Status
from ttrl_cli.sandbox.base import Property
from ttrl_cli.sandbox.session import Sandbox

SHORT = LIMITS.model_copy(update={"seconds": 0.1})
ENDINGS: list[tuple[Hostile, str]] = [
    (endings.recurse, "RecursionError"),
    (endings.divide, "ZeroDivisionError"),
    (endings.read_nothing, "killed by SIGSEGV"),
    (endings.exit_with_0, "ended without an answer"),
    (endings.exit_with_7, "exit status 7"),
    (endings.exit_by_exception, "SystemExit"),
    (endings.abort, "killed by SIG"),
    (endings.interrupt, "KeyboardInterrupt"),
    (endings.become_another, "ended without an answer"),
]
UNPARSABLE = {
    "minus": "x = " + "-" * 200_000 + "1",
    "not": "x = " + "not " * 100_000 + "1",
    "invert": "x = " + "~" * 50_000 + "1",
    "lambda": "x = " + "lambda: " * 50_000 + "1",
    "sum": "x = " + "+".join(["1"] * 100_000),
    "brackets": "x = " + "[" * 1000 + "]" * 1000,
    "open": "x = " + "(" * 150 + "1" + ")" * 149,
    "attributes": "x" + ".a" * 100_000,
}


@attack(Property.DATA_ONLY)
@pytest.mark.parametrize(("end", "reason"), ENDINGS)
def test_whatever_ends_a_program_is_an_error(sandbox: Sandbox, end: Hostile, reason: str) -> None:
    """A program that ends without data ends as ERROR, with the reason."""
    result = attempt(sandbox, end)
    assert (result.status, result.data) == (Status.ERROR, None)
    assert reason in result.reason
    still_works(sandbox)


@attack(Property.DATA_ONLY)
@pytest.mark.parametrize("source", UNPARSABLE.values(), ids=UNPARSABLE)
def test_source_that_the_parser_cannot_take_is_an_error(sandbox: Sandbox, source: str) -> None:
    """A program nested too deeply to be compiled is at fault itself, and is told how."""
    result = run(sandbox, source + "\ndef run(): return 1")
    assert (result.status, result.data) == (Status.ERROR, None)
    assert "SyntaxError" in result.reason or "RecursionError" in result.reason
    still_works(sandbox)


@attack(Property.DATA_ONLY)
@pytest.mark.parametrize(
    "overflow",
    [endings.overflow_in_callbacks, endings.overflow_in_the_parser, endings.overflow_in_hash],
)
def test_an_overflowing_stack_is_an_error(sandbox: Sandbox, overflow: Hostile) -> None:
    """Recursion without a limit breaks the program alone."""
    result = attempt(sandbox, overflow)
    assert result.status in (Status.ERROR, Status.MEMORY)
    assert (result.data, bool(result.reason)) == (None, True)
    still_works(sandbox)


@attack(Property.DATA_ONLY)
@pytest.mark.parametrize("number", [*range(1, 32), 34, 40, 64])
def test_a_signal_to_itself_ends_a_program_or_is_ignored(sandbox: Sandbox, number: int) -> None:
    """Every signal that a program sends itself gives a result, and never data that are not."""
    stops = {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
    limits = SHORT if number in stops else LIMITS
    result = attempt(sandbox, endings.signal_itself, limits=limits, number=number)
    if result.status is Status.OK:
        assert result.data == "alive"
    else:
        assert result.data is None
        assert result.status is (Status.TIMEOUT if number in stops else Status.ERROR) or (
            number == signal.SIGXCPU
        )
    still_works(sandbox)
