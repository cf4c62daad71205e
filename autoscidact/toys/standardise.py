"""Standardisation of embedded events by the background."""

import warnings

import numpy as np
from numpy.typing import NDArray

from autoscidact.errors import UserError


def mean_and_scale(
    points: NDArray[np.floating], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weighted mean and standard deviation of each axis; 1 where an axis is constant.

    Args:
        points: (n, d) background events. weights: (n,).

    Returns:
        (d,) mean and (d,) scale.

    Raises:
        UserError: every axis is constant.
    """
    points = np.asarray(points, dtype=np.float64)
    mean = np.average(points, axis=0, weights=weights)
    scale = np.sqrt(np.average((points - mean) ** 2, axis=0, weights=weights))
    flat = ~(scale > 1e-12 * np.maximum(1.0, np.abs(mean)))
    if flat.all():
        raise UserError("every axis of the embedding is constant over the background; the encoder has collapsed")
    if flat.any():
        axes = ", ".join(map(str, np.flatnonzero(flat)))
        warnings.warn(f"axes {axes} of the embedding are constant over the background", UserWarning, stacklevel=2)
        scale = np.where(flat, 1.0, scale)
    return mean, scale
