"""Counts of evaluated toys, kept by several threads."""

from threading import Lock

import numpy as np
from numpy.typing import NDArray


class Tally:
    """How many toys a statistic has evaluated, and how many of them failed."""

    def __init__(self) -> None:
        self._toys = self._failed = 0
        self._lock = Lock()

    def add(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Counts the toys of t, (toys, variants), as failed where a variant is NaN; returns t."""
        with self._lock:
            self._toys += len(t)
            self._failed += int(np.isnan(t).any(axis=1).sum())
        return t

    def report(self) -> dict[str, int]:
        """The counts, for the run's summary."""
        with self._lock:
            return {"toys": self._toys} | ({"failed": self._failed} if self._failed else {})
