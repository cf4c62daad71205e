"""p-values and Z: one function for each, used everywhere."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri_exp
from scipy.stats import norm


def empirical_p(t: ArrayLike, null: ArrayLike) -> NDArray[np.float64]:
    """(1 + k) / (1 + n), k being the null values at or above t: valid at any n, never 0.

    Davison and Hinkley (1997), Sec. 4.2; Phipson and Smyth (2010).

    Args:
        t: any shape; null: (n,).
    """
    ordered = np.sort(np.asarray(null, dtype=float))
    at_or_above = len(ordered) - np.searchsorted(ordered, np.asarray(t, dtype=float), side="left")
    return np.asarray((1.0 + at_or_above) / (1.0 + len(ordered)))


def paper_p(t: ArrayLike, null: ArrayLike) -> NDArray[np.float64]:
    """k / n, k being the null values above t (Eq. 9 of AutoSciDACT): 0 past the last toy. For comparison only."""
    ordered = np.sort(np.asarray(null, dtype=float))
    above = len(ordered) - np.searchsorted(ordered, np.asarray(t, dtype=float), side="right")
    return np.asarray(above / len(ordered))


def resolution(n_null: int) -> float:
    """The smallest empirical p that n null toys can give; a p that small is only a bound."""
    return 1.0 / (1.0 + n_null)


def z_from_p(p: ArrayLike) -> NDArray[np.float64]:
    """One-sided Gaussian significance, Z = Phi^-1(1 - p); negative for p above 1/2."""
    return np.asarray(norm.isf(np.asarray(p, dtype=float)))


def z_from_log_p(log_p: ArrayLike) -> NDArray[np.float64]:
    """Z from log p, exact where p itself would underflow."""
    return np.asarray(-ndtri_exp(np.asarray(log_p, dtype=float)))
