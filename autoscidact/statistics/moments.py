"""Means and covariances of many selections of events at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class Moments:
    """First and second moments of T selections of events.

    Attributes:
        sizes: (T,) number of events.
        means: (T, d); NaN where there is no event.
        covariances: (T, d, d), divided by size - 1; NaN below two events.
    """

    sizes: NDArray[np.float64]
    means: NDArray[np.float64]
    covariances: NDArray[np.float64]


def moments(selection: csr_matrix, points: NDArray[np.float64]) -> Moments:
    """Moments of the events that each row of a selection matrix holds.

    The covariance comes from sums of products, one of its rows at a time, so that no more than a
    copy of `points` is held. Points near the origin keep it exact: centre them first.

    Args:
        selection: (T, n), see `autoscidact.toys.selection`. points: (n, d).
    """
    d = points.shape[1]
    sizes = np.asarray(selection.sum(axis=1), dtype=np.float64).ravel()
    products = np.empty((len(sizes), d, d))
    for i in range(d):
        products[:, i, i:] = selection @ (points[:, i, None] * points[:, i:])
        products[:, i:, i] = products[:, i, i:]
    means = (selection @ points) / np.where(sizes > 0, sizes, np.nan)[:, None]
    spread = products - sizes[:, None, None] * means[:, :, None] * means[:, None, :]
    return Moments(sizes, means, spread / np.where(sizes > 1, sizes - 1, np.nan)[:, None, None])
