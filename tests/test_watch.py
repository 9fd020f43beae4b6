"""The collapse watch, on histories written by hand."""

import pytest

from ttrl_cli.voting.collapse import (
    CollapseLimits,
    Health,
    bad_streak,
    collapse,
    last_good_policy,
    sign,
)

LIMITS = CollapseLimits(patience=3, parsed_floor=0.7, entropy_floor=0.02)


def health(step: int, *, parsed: float = 0.9, before: float = 0.9, entropy: float = 0.5) -> Health:
    """A healthy step, unless it is said otherwise."""
    return Health(step=step, parsed=parsed, parsed_before=before, entropy=entropy, share=0.5)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (health(1), ""),
        (health(1, parsed=0.63), ""),  # 0.7 * 0.9: at the floor is not under it
        (health(1, parsed=0.62), "62% of the samples had an answer, 90% before training"),
        (health(1, parsed=0.1, before=0.1), ""),  # poor from the start is no fall
        (health(1, parsed=0.0, before=0.0, entropy=0.5), ""),
        (health(1, entropy=0.02), ""),
        (health(1, entropy=0.019), "the votes are all but unanimous (entropy 0.019 nats)"),
    ],
)
def test_sign(given: Health, why: str):
    """A step is bad if parsed answers fell against the untrained model, or nobody disagrees."""
    assert sign(given, LIMITS) == why


def test_only_a_streak_is_a_collapse():
    """Two bad steps, a good one and two bad ones are noise; three in a row are not."""
    bad = [health(step, entropy=0.0) for step in (11, 12)]
    history = [*bad, health(13), health(14, entropy=0.0), health(15, entropy=0.0)]
    assert bad_streak(history, LIMITS) == 2
    assert collapse(history, LIMITS) == ""
    history.append(health(16, parsed=0.2))
    assert collapse(history, LIMITS) == (
        "3 steps in a row: 20% of the samples had an answer, 90% before training"
    )
    assert collapse([], LIMITS) == ""


def test_weights_last_seen_healthy():
    """Step 13 was the last good one, and its samples were written by the update of step 12."""
    history = [health(12), health(13), health(14, entropy=0.0), health(15, entropy=0.0)]
    assert last_good_policy(history, LIMITS) == 12
    # bad from the first training step on: the weights before it
    assert last_good_policy([health(11, entropy=0.0)], LIMITS) == 10
