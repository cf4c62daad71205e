"""Between time and frequency on a circle of 4 s: signals around time 0, shifted and whitened there."""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from autoscidact.data.ligo.layout import FFT_SECONDS, FREQUENCIES, RATE

Array = NDArray[np.float64]

CIRCLE = FFT_SECONDS * RATE
"""Samples around."""


def spectra_around_zero(series: NDArray[np.floating], before: int) -> NDArray[np.complex128]:
    """Fourier transforms of short series.

    Args:
        series: (..., samples), at most 4 s.
        before: samples before time 0; they go to the end of the circle.

    Returns:
        (..., 8193) at `layout.FREQUENCIES`, in the units of the series times seconds.
    """
    around = np.zeros((*series.shape[:-1], CIRCLE))
    around[..., : series.shape[-1] - before] = series[..., before:]
    around[..., CIRCLE - before :] = series[..., :before]
    return np.asarray(scipy.fft.rfft(around, axis=-1) / RATE, dtype=np.complex128)


def shifts(seconds: Array) -> NDArray[np.complex128]:
    """(..., 8193) factors that make Fourier transforms those of signals (...) seconds later."""
    # Two short tables and their product: a fiftieth of the exponentials.
    n = int(np.ceil(np.sqrt(len(FREQUENCIES))))
    turn = -2j * np.pi * np.asarray(seconds)[..., None] / FFT_SECONDS
    coarse, fine = np.exp(turn * (n * np.arange(n))), np.exp(turn * np.arange(n))
    product = coarse[..., :, None] * fine[..., None, :]
    return np.asarray(product.reshape(*product.shape[:-2], -1)[..., : len(FREQUENCIES)])


def whitened(strain: NDArray[np.complexfloating], response: Array) -> NDArray[np.float32]:
    """(..., 16384) whitened series around the circle, from Fourier transforms.

    Args:
        strain: (..., 8193) at `layout.FREQUENCIES`, strain per Hz.
        response: (..., 8193) of `whitening.whitening_response`.
    """
    # Strain is too small for single precision; what is whitened is not.
    spectrum = (strain * (response * RATE)).astype(np.complex64)
    return np.asarray(scipy.fft.irfft(spectrum, CIRCLE, axis=-1))
