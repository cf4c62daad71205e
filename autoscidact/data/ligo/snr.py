"""How loud a signal is: optimal signal-to-noise ratio, of spectra and of what is in a window."""

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.ligo.layout import BAND, FFT_SECONDS, FREQUENCIES
from autoscidact.data.ligo.whitening import band_pass

Array = NDArray[np.float64]

IN_BAND = slice(int(np.searchsorted(FREQUENCIES, BAND[0])), int(np.searchsorted(FREQUENCIES, BAND[1], "right")))
"""Of `layout.FREQUENCIES`: those of the band."""


def optimal_snr(strain: NDArray[np.complexfloating], asd: Array) -> Array:
    """Signal-to-noise ratio that a matched filter has on average, within 30 to 1500 Hz.

    The root of 4 times the integral of |h(f)|^2 / S(f), S the one-sided power spectral density.

    Args:
        strain: (..., 8193) Fourier transform of the signal in a detector, strain per Hz, at `layout.FREQUENCIES`.
        asd: (..., 8193) amplitude spectral density, root of S, strain per sqrt(Hz).

    Returns:
        (...).

    References:
        Allen et al., Phys. Rev. D 85 (2012) 122006, eq. 4.5 (FINDCHIRP).
    """
    whitened = strain[..., IN_BAND] / asd[..., IN_BAND]
    parts = np.ascontiguousarray(whitened).view(whitened.real.dtype)
    return np.asarray(np.sqrt(4 / FFT_SECONDS * np.einsum("...i,...i->...", parts, parts)), dtype=np.float64)


def whitened_snr(signal: NDArray[np.floating]) -> Array:
    """The same of a whitened, band-passed signal in time: what some of its samples contribute.

    Noise of standard deviation 1 in the band has less freedom than as many independent samples, by the band's part of
    all frequencies. The band's edges are not sharp: what is loudest below 30 Hz comes out a few per cent larger here.

    Args:
        signal: (..., samples) in standard deviations of the noise.

    Returns:
        (...).
    """
    part = float(np.mean(band_pass()[1:] ** 2))
    return np.asarray(np.sqrt(part * np.square(signal, dtype=np.float64).sum(axis=-1)))


def network_snr(snr: Array) -> Array:
    """(...) ratio of detectors together, from (..., detectors): in quadrature, for their noise is independent."""
    return np.asarray(np.sqrt(np.square(snr).sum(axis=-1)))
