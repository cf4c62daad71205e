"""Whitened noise in windows."""

import numpy as np
import scipy.fft

from autoscidact.data.ligo.cutting import cut_windows, window_starts
from autoscidact.data.ligo.layout import DETECTORS, RATE, WINDOWS_A_SECOND, NoiseWindows
from autoscidact.data.ligo.psd import simulated_asd
from autoscidact.data.ligo.whitening import band_pass

_SECONDS = 64


def simulated_noise(n: int, seed: int | np.random.SeedSequence) -> NoiseWindows:
    """`n` windows of Gaussian noise with the spectrum of O3, whitened by it.

    Noise that is whitened by its own spectrum is white, whatever it was: so white noise is band-passed here.

    Args:
        seed: same seed, same windows.
    """
    random = np.random.default_rng(seed)
    seconds = -(-n // WINDOWS_A_SECOND)
    parts = []
    for start in range(0, seconds, _SECONDS):
        length = min(_SECONDS, seconds - start) * RATE
        factor = band_pass(np.arange(length // 2 + 1) * RATE / length)
        white = scipy.fft.rfft(random.standard_normal((len(DETECTORS), length), dtype=np.float32))
        series = scipy.fft.irfft(white * (factor / np.sqrt(np.mean(factor[1:] ** 2))).astype(np.float32), length)
        parts.append(cut_windows(series))
    windows = np.concatenate(parts)[:n]
    return NoiseWindows(windows, simulated_asd()[None], np.zeros(n, dtype=np.int64), window_starts(n))
