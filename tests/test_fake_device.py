"""What a second device would be asked to do: learner and sampler over fake tensors.

`_on_fake_device` runs them in a process of its own, where nothing on one device meets anything on
another without failing; these tests hold what was counted there to bounds. See `_fake_device`.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_family

REPO = Path(__file__).parents[1]

PROMPTS, MICRO_BATCHES, STEPS = 2, 8, 16
"""Behind each of two prompts of 100 tokens, rows of 26,000, 9,000 and 2,000 tokens are alone, and
those of 3,300 and 2,600 share the 8,192 of a micro-batch."""


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one process counted."""
    folder = make_family("qwen3", tmp_path_factory.mktemp("model"))
    command = [sys.executable, "-m", "tests._on_fake_device", str(folder)]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_nothing_of_an_update_is_planned_by_shape(counted: dict[str, Any]) -> None:
    """Rows of ten lengths from 2k to 26k tokens attend by calls that have no plan for a shape."""
    for work in ("update", "scoring"):
        assert counted[work]["planned"] == 0
        assert counted[work]["variable-length attention"] > 0


def test_an_update_hands_over_little(counted: dict[str, Any]) -> None:
    """An upload a prompt, two a micro-batch; the process waits for sums and norm, once each."""
    update = counted["update"]
    assert update["uploads"] <= PROMPTS + 2 * MICRO_BATCHES
    assert update["waits"] <= 2


def test_scoring_hands_over_little(counted: dict[str, Any]) -> None:
    """An upload a prompt; a micro-batch goes up and its log-probabilities come down."""
    assert counted["scoring"]["uploads"] <= PROMPTS + MICRO_BATCHES
    assert counted["scoring"]["waits"] <= MICRO_BATCHES


def test_products_are_in_the_type_of_the_weights(counted: dict[str, Any]) -> None:
    """No product of an update, the adapter's included, has factors in float32."""
    assert counted["update"]["float32 products"] == 0


@pytest.mark.parametrize("when", ["devices", "loaded"])
def test_the_optimiser_lives_with_the_weights(counted: dict[str, Any], when: str) -> None:
    """Masters are float32 on the device, moments beside them, step counts here; so when loaded."""
    assert counted[when] == [
        "exp_avg on gpux:0",
        "exp_avg_sq on gpux:0",
        "step on cpu",
        "torch.float32 weights on gpux:0",
    ]


def test_a_drawn_token_waits_three_times_at_most(counted: dict[str, Any]) -> None:
    """For what was drawn, its log-probability, and whether that is finite."""
    sampling = counted["sampling"]
    assert len(counted["written"]) == 12
    assert counted["written"][-1] <= STEPS
    assert sampling["waits"] <= 3 * STEPS + 8
    assert sampling["uploads"] <= 8 * STEPS
