"""Whitening and band-pass in one: strain becomes noise of standard deviation 1, flat in the band, absent elsewhere."""

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

from autoscidact.data.ligo.layout import BAND, FFT_SECONDS, FREQUENCIES, RATE

Array = NDArray[np.float64]

_EDGE = 4.0

PADDING = FFT_SECONDS // 2
"""Seconds that a sample of whitened strain depends on, before and after it."""


def band_pass(frequencies: Array = FREQUENCIES) -> Array:
    """(...) the factor of each frequency in Hz: 1 in the band, 0 beyond 4 Hz outside of it, a cosine between.

    Edges that are not sharp keep the filter short in time.
    """
    below = np.clip((BAND[0] - frequencies) / _EDGE, 0.0, 1.0)
    above = np.clip((frequencies - BAND[1]) / _EDGE, 0.0, 1.0)
    return np.cos(np.pi / 2 * np.maximum(below, above)) * (np.maximum(below, above) < 1)


def whitening_response(asd: Array) -> Array:
    """(..., 8193) factors that whiten Fourier transforms over 4 s at `layout.FREQUENCIES`.

    `irfft(rfft(x) * response)` of stationary noise with this spectrum has standard deviation 1: it is white noise of a
    density that makes up 1 in the band alone.

    Args:
        asd: (..., 8193) amplitude spectral density, strain per sqrt(Hz); infinite where nothing shall pass.
    """
    factor = band_pass()
    share = float(np.mean(factor[1:] ** 2))
    return np.asarray(factor / asd * np.sqrt(2.0 / (RATE * share)))


def whiten(strain: Array, asd: Array) -> Array:
    """Whitens long strain by a filter of 4 s, without any wrap-around.

    The filter's response is `whitening_response(filtered_asd(asd))` at `layout.FREQUENCIES`; it is symmetric in time,
    so that nothing is delayed.

    Args:
        strain: (..., samples).
        asd: (..., 8193) amplitude spectral density, strain per sqrt(Hz).

    Returns:
        (..., samples - 4 * 4096) in standard deviations of the noise: `PADDING` seconds are lost at either end.
    """
    taps = scipy.fft.fftshift(scipy.fft.irfft(whitening_response(asd), axis=-1), axes=-1)
    taps = taps * np.hanning(taps.shape[-1] + 1)[:-1]
    # The middle of an even number of taps is the one after the half: the first sample belongs to before the padding.
    return np.asarray(scipy.signal.oaconvolve(strain, taps, mode="valid", axes=-1)[..., 1:], dtype=np.float64)


def filtered_asd(asd: Array) -> Array:
    """(..., 8193) spectral density whose `whitening_response` is what `whiten` does with `asd`.

    The filter fades out in time, which blurs its response over half a Hz: lines are suppressed a little less. Infinite
    where nothing passes.
    """
    response = whitening_response(asd)
    around = np.pad(response, (*((0, 0),) * (asd.ndim - 1), (1, 1)), mode="reflect")
    blurred = 0.5 * response + 0.25 * (around[..., :-2] + around[..., 2:])
    unit = np.broadcast_to(whitening_response(np.ones_like(asd)), asd.shape)
    return np.asarray(np.divide(unit, blurred, out=np.full(asd.shape, np.inf), where=unit > 0))
