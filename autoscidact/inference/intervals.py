"""Confidence interval of a rate that was counted."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv


def binomial_interval(
    k: ArrayLike, n: ArrayLike, confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Central interval of Clopper and Pearson (1934) for the rate behind k of n; never covers too rarely.

    Args:
        k, n: counts, any shapes that broadcast, 0 <= k <= n and n >= 1.
        confidence: between 0 and 1, half of the rest on either side.

    Returns:
        (low, high); 0 where k = 0, 1 where k = n.

    Raises:
        ValueError: counts that cannot be, or a confidence outside (0, 1).
    """
    hits, tries = np.broadcast_arrays(np.asarray(k, dtype=float), np.asarray(n, dtype=float))
    if (hits < 0).any() or (hits > tries).any() or (tries < 1).any():
        raise ValueError("counts must satisfy 0 <= k <= n and n >= 1")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence:g} must lie between 0 and 1")
    tail = (1 - confidence) / 2
    # The incomplete beta function has no parameter 0; those ends are known.
    low = np.where(hits == 0, 0.0, betaincinv(np.maximum(hits, 1), tries - hits + 1, tail))
    high = np.where(hits == tries, 1.0, betaincinv(hits + 1, np.maximum(tries - hits, 1), 1 - tail))
    return low, high
