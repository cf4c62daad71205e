"""Noise spectra from a few segments of strain: their median, smoothed away from lines, without bias in 1/S."""

import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.typing import NDArray
from scipy.special import polygamma

from autoscidact.data.ligo.layout import FREQUENCIES, RATE

Array = NDArray[np.float64]

LEAST_SEGMENTS = 7
"""Fewer give no spectrum."""

_SMOOTH_HZ = 2.0
_LINE_HZ = 16.0
_LINE_FACTOR = 3.0
_LINE_EDGE_HZ = 1.5
_FREEDOM = 0.49


def periodograms(strain: Array, starts: NDArray[np.int64], seconds: int) -> Array:
    """One-sided power spectral densities of single segments under Hann windows.

    Args:
        strain: (..., samples).
        starts: (m,) first second of each segment.
        seconds: length of a segment; frequencies are multiples of 1 / seconds Hz.

    Returns:
        (..., m, seconds * 2048 + 1), strain^2 per Hz.
    """
    n = seconds * RATE
    window = np.hanning(n + 1)[:-1]
    found = np.empty((*strain.shape[:-1], len(starts), n // 2 + 1))
    for k, start in enumerate(starts):
        segment = strain[..., start * RATE : start * RATE + n]
        segment = segment - segment.mean(axis=-1, keepdims=True)
        found[..., k, :] = np.abs(scipy.fft.rfft(segment * window, axis=-1)) ** 2
    return np.asarray(found * (2 / (RATE * np.sum(window**2))))


def estimated_asd(power: Array) -> Array:
    """(..., 8193) amplitude spectral density at `layout.FREQUENCIES`, from periodograms.

    The median over segments disregards glitches. Away from lines, geometric means over 2 Hz make it steadier, for each
    of a few segments has an error of its own; lines, which stand out of 16 Hz around by a factor 3 in power, stay
    sharp. Both steps are corrected, so that noise whitened by it has power 1 on average; the corrections hold for
    independent segments that overlap by half.

    Args:
        power: (..., m, bins) of `periodograms`, m odd and at least `LEAST_SEGMENTS`.

    References:
        Allen et al., Phys. Rev. D 85 (2012) 122006, app. B (median and its bias).
    """
    m, bins = power.shape[-2:]
    spacing = RATE / 2 / (bins - 1)
    log = np.log(np.maximum(np.median(power, axis=-2) / median_bias(m), 1e-300))
    # The logarithm scatters as that of a mean over half as many segments, which follows a gamma distribution.
    freedom = _FREEDOM * m
    log_bias = float(polygamma(0, freedom) - np.log(freedom))
    around = scipy.ndimage.median_filter(log, (*(1,) * (log.ndim - 1), 2 * round(_LINE_HZ / spacing / 2) + 1))
    line = log - around > np.log(_LINE_FACTOR)
    line = scipy.ndimage.maximum_filter(line, (*(1,) * (log.ndim - 1), 2 * round(_LINE_EDGE_HZ / spacing) + 1))
    width = 2 * round(_SMOOTH_HZ / spacing / 2) + 1
    share = scipy.ndimage.uniform_filter1d((~line).astype(np.float64), width, axis=-1)
    mean = scipy.ndimage.uniform_filter1d(np.where(line, 0.0, log), width, axis=-1) / np.maximum(share, 1e-9)
    # Hann windows leave two thirds of the bins independent.
    independent = np.maximum(share * width * 2 / 3, 1.0)
    smooth = mean - log_bias + float(polygamma(1, freedom)) / (2 * independent)
    sharp = log - np.log1p(-1 / freedom)
    best = np.where(line, sharp, smooth)
    own = np.arange(bins) * spacing
    return np.exp(0.5 * np.apply_along_axis(lambda values: np.interp(FREQUENCIES, own, values), -1, best))


def median_bias(m: int) -> float:
    """Median of m exponential variables of mean 1, on average, m odd (Allen et al., eq. B12)."""
    return float(sum((-1) ** (k + 1) / k for k in range(1, m + 1)))
