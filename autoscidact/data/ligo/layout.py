"""What a segment of gravitational-wave data is: detectors, sampling, band, classes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE = 4096
"""Samples a second."""

WINDOW = 200
"""Samples of an event: 48.8 ms."""

WINDOWS_A_SECOND = RATE // WINDOW

DETECTORS = ("H1", "L1")
"""Hanford and Livingston, the channels of an event in this order."""

BAND = (30.0, 1500.0)
"""Hz: what is kept after whitening."""

FFT_SECONDS = 4
"""Length in which spectra are given and signals whitened; frequencies are multiples of a quarter Hz."""

FREQUENCIES = np.arange(FFT_SECONDS * RATE // 2 + 1) / FFT_SECONDS
"""Hz, (8193,): those of every spectrum."""

CLASSES = (
    "background",
    "glitch",
    "bbh",
    "sine_gaussian_low",
    "sine_gaussian_high",
    "gaussian",
    "cusp",
    "kink",
    "kink_kink",
    "white_noise_burst",
)
"""No signal; a disturbance in one detector; then signals from the sky, in both detectors."""

SKY_CLASSES = CLASSES[2:]


@dataclass(frozen=True)
class NoiseWindows:
    """Windows of whitened noise without a signal, and the spectra by which they were whitened.

    Attributes:
        windows: (n, 2, 200) float32, whitened and band-passed, of standard deviation 1 over long times.
        asd: (k, 2, 8193) amplitude spectral densities of the detectors, strain per sqrt(Hz), at `FREQUENCIES`.
        asd_index: (n,) which of the k each window was whitened by.
        gps: (n,) first sample's time in GPS seconds; of simulated noise, seconds from the start of the simulation.
    """

    windows: NDArray[np.float32]
    asd: NDArray[np.float64]
    asd_index: NDArray[np.int64]
    gps: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.windows)

    def take(self, index: NDArray[np.generic] | slice) -> "NoiseWindows":
        """The windows at `index`, with all spectra."""
        return NoiseWindows(self.windows[index], self.asd, self.asd_index[index], self.gps[index])
