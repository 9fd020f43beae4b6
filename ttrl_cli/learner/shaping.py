"""The KL shaping of rows, against the reference model."""

from dataclasses import replace

import numpy as np

from ttrl_cli.objectives import kl_shaping
from ttrl_cli.records import FloatArray, Row


def shaped(rows: tuple[Row, ...], coefficient: float) -> tuple[Row, ...]:
    """Add the KL shaping to the advantages of rows that have reference log-probabilities."""
    advantages = kl_shaping(
        [row.advantages_T[row.counted_T] for row in rows],
        [row.logprobs_T[row.counted_T] for row in rows],
        [_reference(row)[row.counted_T] for row in rows],
        coefficient,
        [row.weight for row in rows],
    )
    return tuple(
        replace(row, advantages_T=_spread(row, advantages_N))
        for row, advantages_N in zip(rows, advantages, strict=True)
    )


def mean_drift(rows: tuple[Row, ...]) -> float:
    """Return the weighted mean of log pi_sampler - log pi_reference over tokens, in nats."""
    drift = np.concatenate([(row.logprobs_T - _reference(row))[row.counted_T] for row in rows])
    weight = np.concatenate([np.full(row.counted_T.sum(), row.weight) for row in rows])
    return float(np.average(drift, weights=weight))


def _spread(row: Row, counted_N: FloatArray) -> FloatArray:
    """Return values of a row's counted tokens at their indices, 0 elsewhere [T]."""
    spread_T = np.zeros(len(row.token_ids_T))
    spread_T[row.counted_T] = counted_N
    return spread_T


def _reference(row: Row) -> FloatArray:
    assert row.reference_logprobs_T is not None
    return row.reference_logprobs_T
