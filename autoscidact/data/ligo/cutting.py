"""Windows out of whole seconds of whitened strain."""

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.ligo.layout import DETECTORS, RATE, WINDOW, WINDOWS_A_SECOND


def cut_windows(series: NDArray[np.floating]) -> NDArray[np.float32]:
    """(2, seconds * 4096) to (seconds * 20, 2, 200): each window within a second, of which 96 samples are left over."""
    used = series.reshape(len(DETECTORS), -1, RATE)[..., : WINDOWS_A_SECOND * WINDOW]
    return np.ascontiguousarray(used.reshape(len(DETECTORS), -1, WINDOW).transpose(1, 0, 2), dtype=np.float32)


def window_starts(n: int) -> NDArray[np.float64]:
    """(n,) seconds from the first sample of all to that of each window."""
    second, place = np.divmod(np.arange(n), WINDOWS_A_SECOND)
    return np.asarray(second + place * WINDOW / RATE)
