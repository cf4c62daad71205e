"""From what distributions the parameters of signals are drawn: the one table of them.

Ranges are GWAK's (R. Raikman et al., arXiv:2309.11537, and their code github.com/ML4GW/gwak) unless said otherwise:
AutoSciDACT's App. A.2 names the classes and the sine-Gaussians' frequencies only. Amplitudes are not drawn: signals
are scaled to a signal-to-noise ratio.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoscidact.errors import UserError


@dataclass(frozen=True)
class Range:
    """Uniform between two values, or of uniform logarithm."""

    low: float
    high: float
    logarithmic: bool = False

    def draw(self, n: int, random: np.random.Generator) -> NDArray[np.float64]:
        """(n,) values."""
        return self.at(random.random(n))

    def at(self, part: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) values below which a `part`, 0 to 1, of all lies."""
        if self.logarithmic:
            return np.asarray(self.low * (self.high / self.low) ** part)
        return self.low + (self.high - self.low) * part


_ANGLE = Range(0.0, 2 * np.pi)
_ELLIPSE = {"eccentricity": Range(0.0, 1.0), "phase": _ANGLE}
_QUALITY = Range(25.0, 75.0)
# GWAK's fixed 1000 Hz is inside; above the band a cut-off would not be seen.
_F_HIGH = Range(100.0, 1500.0, logarithmic=True)

PRIORS: Mapping[str, Mapping[str, Range]] = {
    # GWAK begins at 5 solar masses, whose signals leave little in any 50 ms. Directions of the spins and of the orbit
    # are isotropic.
    "bbh": {
        "mass_1": Range(10.0, 100.0),
        "mass_2": Range(10.0, 100.0),
        "spin_1": Range(0.0, 0.99),
        "spin_2": Range(0.0, 0.99),
        "phase": _ANGLE,
    },
    "sine_gaussian_low": {"frequency": Range(64.0, 512.0), "quality": _QUALITY, **_ELLIPSE},
    "sine_gaussian_high": {"frequency": Range(512.0, 1024.0), "quality": _QUALITY, **_ELLIPSE},
    # GWAK has 1 to 20 ms; what is longer than 5 ms has most of its power below 30 Hz.
    "gaussian": {"duration": Range(1e-4, 5e-3, logarithmic=True)},
    "cusp": {"f_high": _F_HIGH},
    "kink": {"f_high": _F_HIGH},
    "kink_kink": {},
    # Ours, for a window of 50 ms and its band; the frequency is uniform where the whole bandwidth is in the band.
    "white_noise_burst": {
        "duration": Range(5e-3, 4e-2, logarithmic=True),
        "bandwidth": Range(100.0, 800.0, logarithmic=True),
        **_ELLIPSE,
    },
}
"""Class to parameter to range; SI units, masses in those of the Sun. Names are those of `truth.TRUTH_TYPE`."""

LEAST_TIME_BANDWIDTH = 1.0
"""A white noise burst's duration times its bandwidth is at least this; the uncertainty relation asks for 2/pi."""

SNR = (8.0, 40.0)
"""Network signal-to-noise ratio, of uniform logarithm between: from what searches find to beyond the loudest of O3."""


def draw_snr(n: int, snr_range: tuple[float, float], random: np.random.Generator) -> NDArray[np.float64]:
    """(n,) signal-to-noise ratios of uniform logarithm: neither what is just seen nor what is plain makes up most.

    Raises:
        UserError: see `checked_snr`.
    """
    return Range(*checked_snr(snr_range), logarithmic=True).draw(n, random)


def checked_snr(snr_range: Sequence[float]) -> tuple[float, float]:
    """The least and the largest ratio. Raises UserError unless these are two numbers, 0 < least <= largest."""
    try:
        low, high = (float(value) for value in snr_range)
    except (TypeError, ValueError):
        low = high = np.nan
    if not 0 < low <= high < np.inf:
        shown = list(snr_range) if isinstance(snr_range, tuple) else snr_range
        raise UserError(f"dataset.snr={shown}: give the least and the largest, as in [8,40]")
    return low, high
