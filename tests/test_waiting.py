"""Threads that wait for each other leave their cores to others."""

import re
from pathlib import Path

import pytest

from tests._helpers import command


@pytest.mark.parametrize(
    ("given", "seen"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "active"}, "ACTIVE")]
)
def test_waiting_threads_sleep_unless_told_otherwise(
    tiny_model: Path, given: dict[str, str], seen: str
) -> None:
    """Torch's OpenMP is loaded with the policy PASSIVE, or with the user's own."""
    done = command("doctor", "--model", tiny_model, OMP_DISPLAY_ENV="true", **given)
    assert done.code == 0, done.err
    assert set(re.findall(r"OMP_WAIT_POLICY = '(\w+)'", done.err)) == {seen}
