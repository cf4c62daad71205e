"""The events that the benchmarks run on: clusters in 4 dimensions, and a small signal."""

import numpy as np

from autoscidact.toys.pools import Pools, build_pools

WIDTHS = [0.1, 1.5, 2.6, 3.6, 4.9, 9.8]
"""The six widths of App. A of AutoSciDACT."""


def benchmark_pools(n_ref: int, n_data: int, n_background: int, resampled: bool, n_signal: int = 8000) -> Pools:
    """Five Gaussian clusters and a narrow signal, standardised."""
    rng = np.random.default_rng(0)
    means = np.random.default_rng(1).normal(size=(5, 4)) * 1.5
    background = means[rng.integers(0, 5, n_background)] + rng.normal(size=(n_background, 4)) * [0.3, 0.6, 0.2, 0.5]
    signal = [2.0, -1.0, 1.0, 0.0] + 0.25 * rng.normal(size=(n_signal, 4))
    points = np.concatenate([background, signal])
    ids = np.arange(len(points))
    return build_pools(points, ids, np.ones(len(ids)), ids >= n_background, n_ref, n_data, resampled, seed=0)
