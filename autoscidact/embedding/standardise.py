"""Features brought to mean 0 and standard deviation 1 of the training background."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.contract import Features

_CHUNK = 65536
_CHUNK_VALUES = 1 << 23
"""Values in double precision at once, 64 MB: few events where each is large."""


@dataclass(frozen=True)
class Standardisation:
    """x -> (x - mean) / scale.

    Attributes:
        mean, scale: (f,) float64; f is the number of features for tables, of channels for events of more than one
            axis, which are (channels, ...). `scale` is 1 for features that do not vary.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def fit(cls, features: Features, weights: NDArray[np.float64]) -> "Standardisation":
        """Weighted mean and standard deviation of (n, f) or (n, channels, ...) features.

        Args:
            features: training background only.
            weights: (n,) positive.
        """
        columns = features.shape[1]
        share = weights / weights.sum()
        total, squares = np.zeros(columns), np.zeros(columns)
        low, high = np.full(columns, np.inf), np.full(columns, -np.inf)
        for chunk, part in _chunks(features, share):
            total += part @ chunk.mean(axis=2)
            low = np.minimum(low, chunk.min(axis=(0, 2)))
            high = np.maximum(high, chunk.max(axis=(0, 2)))
        # A second pass, about the mean: the difference of two squares would lose the spread of far-off features.
        for chunk, part in _chunks(features, share):
            squares += part @ ((chunk - total[:, None]) ** 2).mean(axis=2)
        varies = high > low
        return cls(np.where(varies, total, low), np.where(varies & (squares > 0), np.sqrt(squares), 1.0))

    @classmethod
    def none(cls, n_features: int) -> "Standardisation":
        """x -> x, for encoders that declare `standardises_itself`."""
        return cls(np.zeros(n_features), np.ones(n_features))

    @property
    def changes_nothing(self) -> bool:
        """Whether this is `none`."""
        return not self.mean.any() and bool((self.scale == 1).all())

    def apply(self, features: NDArray[np.floating]) -> NDArray[np.float32]:
        """(n, ...) -> (n, ...) float32."""
        if self.changes_nothing:
            return features.astype(np.float32, copy=False)
        out = np.empty(features.shape, dtype=np.float32)
        shape = (1, -1) + (1,) * (features.ndim - 2)
        mean, scale = self.mean.reshape(shape), self.scale.reshape(shape)
        for rows in _slices(features):
            out[rows] = (features[rows].astype(np.float64) - mean) / scale
        return out


def _chunks(
    features: Features, share: NDArray[np.float64]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    # Double precision a piece at a time: a copy of all images would not fit beside them.
    for rows in _slices(features):
        chunk = features[rows].astype(np.float64)
        yield chunk.reshape(*chunk.shape[:2], -1), share[rows]


def _slices(features: Features | NDArray[np.floating]) -> Iterator[slice]:
    length = min(_CHUNK, max(1, _CHUNK_VALUES // math.prod(features.shape[1:])))
    for start in range(0, len(features), length):
        yield slice(start, start + length)
