"""Which segments of strain a spectrum is taken from: good ones, near a block, none of them in it."""

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.ligo.science_time import runs
from autoscidact.data.ligo.spectrum_estimate import LEAST_SEGMENTS, estimated_asd, periodograms

_MOST_SEGMENTS = 63
_LONG = 64


def segment_seconds(good: NDArray[np.bool_]) -> int:
    """Length of segments: 4 s, or 2 s where less than 64 s are good, for lines then matter less than numbers."""
    return 4 if good.sum() >= _LONG else 2


def segment_starts(good: NDArray[np.bool_], length: int) -> NDArray[np.int64]:
    """(m,) first seconds of segments that overlap by half, all of them good."""
    starts: list[int] = []
    for start, end in runs(good):
        starts += range(start, end - length + 1, length // 2)
    return np.asarray(starts, dtype=np.int64)


def nearest_segments(starts: NDArray[np.int64], length: int, start: int, end: int) -> NDArray[np.int64]:
    """Indices of an odd number of segments, 63 at most, outside of the seconds `start` until `end`; nearest first."""
    apart = np.flatnonzero((starts + length <= start) | (starts >= end))
    distance = np.abs(starts[apart] + length / 2 - (start + end) / 2)
    n = min(len(apart), _MOST_SEGMENTS)
    return np.asarray(apart[np.argsort(distance, kind="stable")[: max(0, n - 1 + n % 2)]])


def asd_around(
    strain: NDArray[np.float64], good: NDArray[np.bool_], start: int, end: int
) -> NDArray[np.float64] | None:
    """Amplitude spectral density of good seconds around some that are left out.

    Args:
        strain: (detectors, samples).
        good: (seconds,) that may be used.
        start, end: seconds left out, from the strain's start.

    Returns:
        (detectors, 8193), or None if there are too few seconds.
    """
    length = segment_seconds(good)
    starts = segment_starts(good, length)
    chosen = nearest_segments(starts, length, start, end)
    return None if len(chosen) < LEAST_SEGMENTS else estimated_asd(periodograms(strain, starts[chosen], length))
