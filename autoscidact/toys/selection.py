"""Toys as sparse matrices: sums over a toy's events of any per-event feature are one matrix product."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from autoscidact.toys.sampler import ToyBatch


def data_matrix(toys: ToyBatch, n_events: int) -> csr_matrix:
    """(toys, n_events), how often each toy's data hold each event of the pools.

    `data_matrix(toys, n) @ features` are the sums of (n, k) features over the data of every toy, (toys, k).
    """
    return _counts(list(toys.data), n_events)


def reference_matrix(toys: ToyBatch, n_events: int) -> csr_matrix:
    """(1, n_events) where all toys share R, else (toys, n_events): how often R holds each event."""
    return _counts(list(toys.reference), n_events)


def _counts(rows: list[NDArray[np.int64]], n_events: int) -> csr_matrix:
    lengths = np.array([len(row) for row in rows])
    columns = np.concatenate(rows) if rows else np.empty(0, dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    # Events that were drawn twice add up in the product as they are.
    return csr_matrix((np.ones(len(columns)), columns, starts), shape=(len(rows), n_events))
