"""Toys as sparse matrices: sums over a toy's events of any per-event feature are one matrix product."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix

from autoscidact.toys.sampler import ToyBatch


def data_matrix(toys: ToyBatch, n_events: int) -> csr_matrix:
    """(toys, n_events), how often each toy's data hold each event of the pools.

    `data_matrix(toys, n) @ features` are the sums of (n, k) features over the data of every toy, (toys, k).
    """
    return _counts(toys.data, n_events)


def reference_matrix(toys: ToyBatch, n_events: int) -> csr_matrix:
    """(1, n_events) where all toys share R, else (toys, n_events): how often R holds each event."""
    return _counts(toys.reference, n_events)


def grouped_matrix(rows: Sequence[NDArray[np.int64]], groups: NDArray[np.int64], n_groups: int) -> csr_matrix:
    """Selections divided by group: how often each group of each selection holds each event.

    Args:
        rows: T selections of events. groups: (n_events,) 0 .. n_groups - 1 for the selected events.

    Returns:
        (T * n_groups, n_events), the groups of the first selection first.
    """
    columns = np.concatenate(rows)
    place = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    # Events that were drawn twice add up.
    return coo_matrix(
        (np.ones(len(columns)), (place * n_groups + groups[columns], columns)),
        shape=(len(rows) * n_groups, len(groups)),
    ).tocsr()


def permuted_labels(
    toys: ToyBatch, place: int, n_permutations: int, seed: int, held: NDArray[np.int64] | None = None
) -> NDArray[np.bool_]:
    """Which of a toy's events are its data, as drawn and with the labels R and D permuted.

    The permutations depend on (seed, signal fraction, index of the toy) alone, and the first
    n are the same however many are asked for.

    Args:
        place: of the toy in the batch.
        held: events that keep their label: those that play a part of their own in the statistic.

    Returns:
        (1 + n_permutations, |R| + |D|), the events being those of R followed by those of D; first row as drawn.
    """
    rows = np.concatenate([toys.reference_of(place), toys.data[place]])
    labels = np.tile(np.arange(len(rows)) >= len(toys.reference_of(place)), (1 + n_permutations, 1))
    moving = np.arange(len(rows)) if held is None else np.flatnonzero(~np.isin(rows, held))
    key = (round(toys.f_s * 1e12), int(toys.index[place]), 0x9E)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
    n_data = int(labels[0, moving].sum())
    labels[1:, moving] = False
    for permuted in labels[1:]:
        # Which events are data is all that a permutation changes: a draw of a subset, 7 times faster.
        permuted[moving[rng.choice(len(moving), n_data, replace=False, shuffle=False)]] = True
    return labels


def _counts(rows: Sequence[NDArray[np.int64]] | NDArray[np.int64], n_events: int) -> csr_matrix:
    lengths = np.array([len(row) for row in rows])
    columns = np.concatenate(list(rows)) if len(rows) else np.empty(0, dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    # Events that were drawn twice add up in the product as they are.
    return csr_matrix((np.ones(len(columns)), columns, starts), shape=(len(rows), n_events))
