"""What a legal plan is, and the score of one: exact, in integers."""

import math
import re

from ttrl_cli import Invalid

from .generate import APPLES, KINDS, LEVELS, TURNS

_INTEGER = re.compile(rb"-1|[0-9]{1,3}")  # ASCII digits alone: int() takes others, and 1_0


def score(makes, costs, output):
    """Return a case's score: 100,000 times the binary logarithm of the apples, rounded.

    Args:
        makes: The apples that a machine of level 0 makes, by kind.
        costs: What strengthening costs, by level and kind.
        output: What the program printed.

    Raises:
        Invalid: If it is not legal.
    """
    apples = played(makes, costs, parse(output))
    if not apples:
        raise Invalid("no apple is left at the end")
    exact = 1e5 * math.log2(float(apples))  # never below 0, so that halves are rounded up
    return math.floor(exact) + (exact - math.floor(exact) >= 0.5)


def parse(output):
    """Return the plan, a list of (level, kind), or None for a turn in which nothing is done."""
    if not output.isascii():
        raise Invalid("the output is not ASCII")
    lines = [line.strip() for line in output.encode().split(b"\n")]
    plan = [_turn(line) for line in lines if line and not line.startswith(b"#")]
    if len(plan) != TURNS:
        raise Invalid(f"the output has {len(plan)} turns, and not {TURNS}")
    return plan


def _turn(line):
    words = line.split()
    if words == [b"-1"]:
        return None
    if len(words) == 2 and all(map(_INTEGER.fullmatch, words)):
        level, kind = map(int, words)
        if 0 <= level < LEVELS and 0 <= kind < KINDS:
            return level, kind
    raise Invalid(f"no turn of the game is {line[:40].decode()!r}")


def played(makes, costs, plan):
    """Return the apples at the end.

    Raises:
        Invalid: If a machine is strengthened that there are not enough apples for.
    """
    counts = [[1] * KINDS for _ in range(LEVELS)]
    powers = [[0] * KINDS for _ in range(LEVELS)]
    apples = APPLES
    for turn, action in enumerate(plan):
        if action is not None:
            level, kind = action
            price = costs[level][kind] * (powers[level][kind] + 1)
            if price > apples:
                raise Invalid(f"turn {turn}: machine {level} {kind} costs {price} of {apples}")
            apples -= price
            powers[level][kind] += 1
        apples += _produced(makes, counts, powers)
    return apples


def _produced(makes, counts, powers):
    """Let all machines work, the lowest level first; return the apples they make."""
    made = sum(
        makes[kind] * counts[0][kind] * power for kind, power in enumerate(powers[0]) if power
    )
    for level in range(1, LEVELS):
        for kind, power in enumerate(powers[level]):
            if power:
                counts[level - 1][kind] += counts[level][kind] * power
    return made
