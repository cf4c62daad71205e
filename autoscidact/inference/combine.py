"""Combining variants (kernel widths) into one statistic, calibrated on the same null toys."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtri

Rule = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""(..., variants) local p-values, inside (0, 1), to (...) combined score; SMALLER is more anomalous."""


_TIE = 1e-7
"""Too small to order ranks that differ, up to some 1e5 null toys; larger than rounding."""


def average_p(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the local p-values: the rule of Sec. 3.2 of AutoSciDACT (Grosso and Letizia 2025)."""
    return np.asarray(p.mean(axis=-1))


def average_z(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Minus the mean of the local Z: what App. A of AutoSciDACT says that its Fig. 3 shows."""
    return np.asarray(ndtri(p).mean(axis=-1))


def min_p(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """The smallest local p (Tippett's rule; min-p of Grosso and Letizia 2025).

    Equal ones, of which ranks make many, are ordered by the product: where every width but one puts an observation
    past all null toys it is then past those that one width puts first.
    """
    logs = np.log(p)
    return np.asarray(np.exp(logs.min(axis=-1) + _TIE * logs.sum(axis=-1)))


def product_p(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithm of the product of the local p (Fisher's rule)."""
    return np.asarray(np.log(p).sum(axis=-1))


def smooth_max(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Minus log-sum-exp of the local Z, a smooth maximum that grows with every one of them.

    Grosso and Letizia (2025) take a smooth maximum of the t themselves; Z puts widths whose t differ in scale on one.
    """
    return np.asarray(-logsumexp(-ndtri(p), axis=-1))


RULES: Mapping[str, Rule] = {
    "average_p": average_p,
    "average_z": average_z,
    "min_p": min_p,
    "product_p": product_p,
    "smooth_max": smooth_max,
}
"""Every rule by the name it has in the `variant` column of z_scores.csv."""


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
    # Middles of the ranks' steps: neither 0 nor 1, where a rule may take Z or the logarithm.
    observed_score = rule((observed_rank - 0.5) / (n + 1.0))
    limit = observed_score + 1e-12 * np.abs(observed_score)
    result = np.empty(len(t))
    for i, row in enumerate(t):
        # The observed row joins the ranking, so it may push a null row down by one place.
        score = rule((null_rank + (row >= null) - 0.5) / (n + 1.0))
        result[i] = (1.0 + np.count_nonzero(score <= limit[i])) / (n + 1.0)
    return result


def uncalibrated_p(t: NDArray[np.float64], null: NDArray[np.float64], rule: Rule = average_p) -> NDArray[np.float64]:
    """The combined score itself, read as a p-value: NOT uniform under the null. Only for showing that."""
    n = len(null)
    rank = 1 + np.stack([n - np.searchsorted(np.sort(o), v, side="left") for o, v in zip(null.T, t.T, strict=True)], 1)
    return rule(rank / (n + 1.0))
