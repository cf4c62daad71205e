"""Median and spread of one Z over several seeds, some of which may be only bounds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FEWEST = 5
"""Of fewer values than this, quantiles at 16 and 84 % say little: smallest and largest are given instead."""

_FAR = 1e12  # stands for infinity, between two of which no quantile can be interpolated


@dataclass(frozen=True)
class Spread:
    """n values in three numbers; each may be only a lower bound.

    Attributes:
        low, high: the range that holds 16 to 84 % of the values or, of fewer than FEWEST, all of them.
    """

    n: int
    median: float
    low: float
    high: float
    median_is_bound: bool
    low_is_bound: bool
    high_is_bound: bool


def spread(values: ArrayLike, is_bound: ArrayLike) -> Spread:
    """Median and range of `values`, linear between neighbours.

    A value that is a bound may in truth be as large as one likes. Whatever changes when all bounds are raised is
    therefore itself a bound: the median of 1, 2 and >3 is 2, that of 1, >3 and >3 is >3, that of 1 and >3 is >2.

    Args:
        values: (n,), at least one; infinite ones are allowed, NaN is not. is_bound: (n,).
    """
    found: NDArray[np.float64] = np.clip(np.asarray(values, dtype=float), -_FAR, _FAR)
    raised = np.where(np.asarray(is_bound, dtype=bool), _FAR, found)
    ends = (0.16, 0.84) if len(found) >= FEWEST else (0.0, 1.0)
    low, median, high = (_quantile(found, part) for part in (ends[0], 0.5, ends[1]))
    bounds = [_quantile(raised, part) > value for part, value in ((ends[0], low), (0.5, median), (ends[1], high))]
    return Spread(len(found), median, low, high, bounds[1], bounds[0], bounds[2])


def _quantile(values: NDArray[np.float64], part: float) -> float:
    found = float(np.quantile(values, part))
    # An interpolation towards infinity ends there, wherever it began.
    return float(np.sign(found)) * np.inf if abs(found) > 1e-3 * _FAR else found
