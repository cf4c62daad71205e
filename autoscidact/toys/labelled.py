"""Labelled events beside the pools, for tests that are shown what the signal is."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from autoscidact.files import array_hash


@dataclass(frozen=True)
class LabelledPoints:
    """Labelled events that no toy draws from: what supervised tests learn from.

    Attributes:
        points: (n, d) float64, standardised as the pools are.
        is_signal: (n,) which of them are the held-out class.
        weights: (n,) float64.
    """

    points: NDArray[np.float64]
    is_signal: NDArray[np.bool_]
    weights: NDArray[np.float64]

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all of it."""
        return array_hash(self.points, self.is_signal, self.weights)

    def standardised(self, mean: NDArray[np.float64], scale: NDArray[np.float64]) -> "LabelledPoints":
        """The same events, (points - mean) / scale."""
        points = (np.asarray(self.points, dtype=np.float64) - mean) / scale
        return LabelledPoints(points, self.is_signal, self.weights)
