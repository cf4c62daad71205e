"""Combining variants (kernel widths) into one statistic, calibrated on the same null toys."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Rule = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""(..., variants) local p-values to (...) combined score; SMALLER is more anomalous."""


def average_p(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the local p-values: the rule of Sec. 3.2 of AutoSciDACT (Grosso and Letizia 2025)."""
    return np.asarray(p.mean(axis=-1))


def combined_p(t: NDArray[np.float64], null: NDArray[np.float64], rule: Rule = average_p) -> NDArray[np.float64]:
    """Global p-value of combined variants; pays the look-elsewhere effect and costs no extra toy.

    For each observed toy the n null toys and the observed one are ranked together, within
    each variant: n + 1 rows that are exchangeable under the null, so that the rank of the
    observed row's combined score is uniform whatever the dependence between variants.

    Args:
        t: (m, variants) observed; null: (n, variants).

    Returns:
        (m,) p = (1 + number of null rows with a score at or below the observed) / (1 + n).
    """
    n = len(null)
    # Rank of null rows among null rows: how many (self included) are at or above.
    ordered = np.sort(null, axis=0)
    null_rank = np.stack([n - np.searchsorted(o, v, side="left") for o, v in zip(ordered.T, null.T, strict=True)], 1)
    observed_rank = 1 + np.stack([n - np.searchsorted(o, v) for o, v in zip(ordered.T, t.T, strict=True)], 1)
    observed_score = rule(observed_rank / (n + 1.0))
    result = np.empty(len(t))
    for i, row in enumerate(t):
        # The observed row joins the ranking, so it may push a null row down by one place.
        score = rule((null_rank + (row >= null)) / (n + 1.0))
        result[i] = (1.0 + np.count_nonzero(score <= observed_score[i] * (1 + 1e-12))) / (n + 1.0)
    return result


def uncalibrated_p(t: NDArray[np.float64], null: NDArray[np.float64], rule: Rule = average_p) -> NDArray[np.float64]:
    """The combined score itself, read as a p-value: NOT uniform under the null. Only for showing that."""
    n = len(null)
    rank = 1 + np.stack([n - np.searchsorted(np.sort(o), v, side="left") for o, v in zip(null.T, t.T, strict=True)], 1)
    return rule(rank / (n + 1.0))
