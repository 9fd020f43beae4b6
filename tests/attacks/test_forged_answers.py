"""Nothing must come back but data, strictly parsed: what a program answers past the protocol."""

import json
from pathlib import Path

import pytest

from tests._sandboxes import LIMITS, attack
from tests.attacks._programs import Hostile, attempt, forged, still_works
from tests.attacks.programs import forgery
from ttrl_cli.records import Status
from ttrl_cli.sandbox.base import Property
from ttrl_cli.sandbox.session import Sandbox

LARGE = LIMITS.model_copy(update={"output_mb": 8})
NO_ANSWER = [
    b"json 1\n7json 1\n8",
    b"json 1\n7garbage",
    b"json 1\n7\n",
    b"json 9\n7",
    b"json 0\n",
    b"json 01\n7",
    b"json -1\n7",
    b"json 1 \n7",
    b"json 999999999999\n7",
    b"json " + b"9" * 1000 + b"\n7",
    b"j" * 100_000,
    b"\n",
    b"pickle 1\n7",
    b"JSON 1\n7",
    b"json 3\nNaN",
    b"json 10\n[Infinity]",
    b"json 9\n-Infinity",
    b"json 5\n1e999",
    b"json 5001\n1" + b"0" * 5000,
    b"json 200001\n" + b"[" * 100_000 + b"1" + b"]" * 100_000,
    b"json 100000\n" + b"[" * 100_000,
    b"json 500000\n" + b'{"a":' * 100_000,
    b"json 2\n\xff\xff",
    b'json 8\n"\\ud800"',
    b"json 3\n{,}",
]
NO_REFUSAL = [
    b'{"status": "ok", "reason": ""}',
    b'{"status": "failed", "reason": "the sandbox"}',
    b'{"status": "timeout", "reason": "x"}',
    b'{"status": "invalid", "reason": "x"}',
    b'{"status": 1, "reason": "x"}',
    b'{"status": "error"}',
    b'{"status": ["error"], "reason": {}}',
    b"[]",
]


@attack(Property.DATA_ONLY)
def test_a_forged_answer_is_data_only(sandbox: Sandbox) -> None:
    """A frame that a program writes by itself is worth what it could have returned."""
    result = forged(sandbox, b"json 3\n[7]")
    assert (result.status, result.data) == (Status.OK, [7])


@attack(Property.DATA_ONLY)
def test_a_claimed_score_is_data_only(sandbox: Sandbox) -> None:
    """A score in the data comes back as the plain dict that it is."""
    data = {"score": 1e9, "valid": True, "status": "ok", "reward": 1.0}
    result = attempt(sandbox, forgery.claim, data=data)
    assert (result.status, result.data) == (Status.OK, data)


@attack(Property.DATA_ONLY)
@pytest.mark.parametrize("frame", NO_ANSWER, ids=lambda frame: repr(frame[:20]))
def test_a_frame_that_is_not_one_answer_is_malformed(sandbox: Sandbox, frame: bytes) -> None:
    """Two answers, garbage, wrong lengths, bombs and numbers that are none are refused."""
    result = forged(sandbox, frame)
    assert (result.status, result.data) == (Status.MALFORMED, None)
    assert result.reason
    still_works(sandbox)


@attack(Property.DATA_ONLY)
def test_answering_and_returning_is_malformed(sandbox: Sandbox) -> None:
    """A program that forges an answer and then gives its own has answered twice."""
    result = attempt(sandbox, forgery.forge_and_return, frame="json 1\n7")
    assert (result.status, result.data) == (Status.MALFORMED, None)


@attack(Property.DATA_ONLY)
def test_a_child_cannot_answer_a_second_time(sandbox: Sandbox) -> None:
    """Where a child returns from the entry as its parent does, the parent alone answers."""
    result = attempt(sandbox, forgery.return_twice)
    assert (result.status, result.data) == (Status.OK, "parent")
    still_works(sandbox)


@attack(Property.DATA_ONLY)
def test_a_child_does_not_answer_for_a_dead_program(sandbox: Sandbox) -> None:
    """An answer that is written when the program has already failed is no success."""
    for _ in range(5):
        result = attempt(sandbox, forgery.answer_for_the_dead)
        assert (result.status, result.data) == (Status.ERROR, None)
    still_works(sandbox)


@attack(Property.OUTPUT)
def test_an_endless_answer_is_cut_off(sandbox: Sandbox) -> None:
    """A frame that is written without end is refused, long before its announced length."""
    result = attempt(sandbox, forgery.forge_without_end)
    assert (result.status, result.reason) == (Status.OUTPUT, "returned more than 1 MiB")
    still_works(sandbox)


@attack(Property.DATA_ONLY)
def test_a_pickle_is_never_loaded(sandbox: Sandbox, tmp_path: Path) -> None:
    """An npy array that holds a pickle is refused, and the code in it does not run."""
    canary = tmp_path / "canary"
    result = attempt(sandbox, forgery.forge_a_pickle, canary=str(canary))
    assert result.status is Status.MALFORMED
    assert "real numbers" in result.reason
    assert not canary.exists()


@attack(Property.DATA_ONLY)
@pytest.mark.parametrize("text", NO_REFUSAL, ids=bytes.decode)
def test_a_refusal_cannot_claim_what_is_not_its_own(sandbox: Sandbox, text: bytes) -> None:
    """A refusal with any other status than a program's own failures is malformed."""
    result = forged(sandbox, b"refusal %d\n" % len(text) + text)
    assert (result.status, result.data) == (Status.MALFORMED, None)


@attack(Property.DATA_ONLY)
def test_a_refusal_carries_no_data(sandbox: Sandbox) -> None:
    """A forged refusal is a failure, whatever else it holds."""
    text = b'{"status": "error", "reason": "x", "data": 1, "score": 9}'
    result = forged(sandbox, b"refusal %d\n" % len(text) + text)
    assert (result.status, result.data, result.reason) == (Status.ERROR, None, "x")


@attack(Property.DATA_ONLY)
def test_a_reason_is_cut_where_it_is_read(sandbox: Sandbox) -> None:
    """A forged refusal of megabytes gives a reason of 2,000 characters: its end."""
    result = attempt(sandbox, forgery.forge_a_long_reason, limits=LARGE)
    assert (result.status, len(result.reason)) == (Status.ERROR, 2000)
    assert result.reason.endswith("xxxthe end")
    still_works(sandbox)


@attack(Property.DATA_ONLY)
@pytest.mark.parametrize(
    "failure",
    [
        forgery.raise_with_a_long_name,
        forgery.raise_a_long_text,
        forgery.raise_a_group,
        forgery.return_a_long_key,
        forgery.return_a_long_field,
        forgery.exit_with_a_long_text,
    ],
)
def test_no_reason_is_long(sandbox: Sandbox, failure: Hostile) -> None:
    """Whatever a program raises or returns, what it is told of that fits a screen."""
    result = attempt(sandbox, failure, limits=LARGE)
    assert result.status in (Status.ERROR, Status.MALFORMED)
    assert 0 < len(result.reason) <= 2000


@attack(Property.DATA_ONLY)
@pytest.mark.parametrize("depth", [100, 900, 950])
def test_deep_data_that_were_read_can_be_written(sandbox: Sandbox, depth: int) -> None:
    """Data nested deeply are refused, or shallow enough to be stored from a deeper stack."""

    def deeper(levels: int, data: object) -> str:
        return deeper(levels - 1, data) if levels else json.dumps(data)

    result = forged(sandbox, b"json %d\n" % (2 * depth + 1) + b"[" * depth + b"1" + b"]" * depth)
    if result.status is Status.OK:
        assert deeper(100, result.data).count("[") == depth
    else:
        assert result.status is Status.MALFORMED
