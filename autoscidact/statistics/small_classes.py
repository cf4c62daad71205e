"""Classes that have too few events in R for a covariance of their own."""

import warnings

import numpy as np
from numpy.typing import NDArray


def join_small_classes(
    names: NDArray[np.str_],
    codes: NDArray[np.int64],
    points: NDArray[np.float64],
    sizes: NDArray[np.float64],
    least: float,
) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """Counts the events of small classes to the class whose mean is nearest to theirs, and says so.

    Args:
        names: (c,) of the classes. codes: (n,) class of each event.
        points: (n, d) the events.
        sizes: (c,) events of each class that a covariance would rest on.
        least: what it needs.

    Returns:
        Names and codes of the classes that are large enough, of which there must be one; as they were if all are.
    """
    small = sizes < least
    if not small.any():
        return names, codes
    means = np.stack([points[codes == k].mean(axis=0) for k in range(len(names))])
    large = np.flatnonzero(~small)
    nearest = large[((means[:, None] - means[large]) ** 2).sum(axis=2).argmin(axis=1)]
    joined = ", ".join(f"{names[k]} ({sizes[k]:.0f} in R) to {names[nearest[k]]}" for k in np.flatnonzero(small))
    warnings.warn(
        f"mahalanobis: classes too small for a covariance, which needs {least:.0f} events, are counted to the nearest: "
        f"{joined}",
        UserWarning,
        stacklevel=2,
    )
    number = np.cumsum(~small) - 1
    return names[~small], number[nearest[codes]]
