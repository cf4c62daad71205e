"""How clearly one Gaussian cluster would show on top of another: the criterion that makes App. A.1 solvable."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from scipy.stats import chi2

N_BACKGROUND = 10_000
N_SIGNAL = 100
# A cut that leaves a handful of 10000 events owes its significance to their fluctuations, and S/B grows without bound
# as the cut shrinks; no cut is credited with less background than this, which can only lower a significance.
MIN_BACKGROUND = 10.0
# Cuts are tried at the radii that keep 0.5, 1.0, ..., 99.5 % of the signal.
_KEPT = np.linspace(0.005, 0.995, 199)

Array = NDArray[np.float64]


def asimov_significance(signal: ArrayLike, background: ArrayLike) -> Array:
    """Median significance, in standard deviations, of `signal` events expected on `background`: never above S/sqrt(B).

    References:
        Cowan, Cranmer, Gross, Vitells, Eur. Phys. J. C 71 (2011) 1554, arXiv:1007.1727, Eq. 97.
    """
    s, b = np.asarray(signal, dtype=np.float64), np.asarray(background, dtype=np.float64)
    return np.sqrt(np.maximum(0.0, 2.0 * ((s + b) * np.log1p(s / b) - s)))


def pair_separation(
    mean_i: Array, width_i: Array, mean_j: Array, width_j: Array, normals: Array
) -> tuple[float, float]:
    """Best significance of 100 events of cluster i on 10000 of cluster j, and of 100 of j on 10000 of i.

    The cut is an ellipsoid about the signal's mean, a ball in its Mahalanobis metric, and its radius is optimised, as
    AutoSciDACT App. A.1 describes ("a cumulative distribution about the mean of the Gaussian, assuming a scenario of
    1 percent ... in a sample size of 10000 events"). The signal kept is exact (chi-square with d degrees of freedom).
    The background kept is a Monte Carlo integral: half the points are drawn from either cluster and weighted by the
    balance heuristic (Veach and Guibas 1995), so that small cuts around i hold points even where j is rare.

    Args:
        mean_i, width_i, mean_j, width_j: (d,) means and standard deviations along the axes.
        normals: (n, d) standard normal numbers, shared by all pairs.
    """
    x = np.concatenate([mean_i + width_i * normals, mean_j + width_j * normals])
    distance_i = (((x - mean_i) / width_i) ** 2).sum(axis=1)
    distance_j = (((x - mean_j) / width_j) ** 2).sum(axis=1)
    log_ratio = 0.5 * (distance_i - distance_j) + np.log(width_i).sum() - np.log(width_j).sum()
    return _best_cut(distance_i, expit(log_ratio), normals), _best_cut(distance_j, expit(-log_ratio), normals)


def _best_cut(distance: Array, weight: Array, normals: Array) -> float:
    n, d = normals.shape
    # `weight` is p_bkg / (p_sig + p_bkg); each of the 2n points stands for 2/2n of the background times that.
    bins = np.searchsorted(chi2.ppf(_KEPT, d), distance)
    kept = np.cumsum(np.bincount(bins, weights=weight, minlength=len(_KEPT) + 1))[:-1] / n
    background = np.maximum(N_BACKGROUND * kept, MIN_BACKGROUND)
    return float(asimov_significance(N_SIGNAL * _KEPT, background).max())
