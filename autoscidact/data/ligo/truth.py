"""What was injected into an event, as one record for all classes; what does not apply is NaN.

field                      unit        meaning
gps                        s           when the centre passes the Earth's centre; the first sample's without signal
centre                     s           from the first sample to the centre, at the middle between the detectors
delay                      s           by which it reaches H1 later than L1
ra, dec, psi               rad         right ascension, declination, polarisation angle
snr, snr_h1, snr_l1        1           optimal signal-to-noise ratio of all of it, in the band
snr_window                 1           of what falls into the event's samples, both detectors
waveform                   -           number within one call; events that share it have one source, seen anew
hrss                       1/sqrt(Hz)  root of the integral of h+^2 + hx^2 in the band
distance                   Mpc         luminosity distance
mass_1, mass_2             solar       in the detector's frame, mass_1 the larger
spin_1x ... spin_2z        1           at 20 Hz
inclination, phase         rad         of the orbit; phase also that of an ellipse of polarisation
frequency                  Hz          centre of the spectrum
quality                    1           of a sine-Gaussian
duration, bandwidth        s, Hz       two standard deviations; of a Gaussian, and of a glitch, duration is one
eccentricity               1           of the ellipse of polarisation: 0 circular, 1 linear
f_high                     Hz          where a cusp or kink is cut off
detector                   -           of a glitch: index in `layout.DETECTORS`
family                     -           of a simulated glitch: index in `glitch_families.FAMILIES`
case                       -           of a real glitch: its number
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.ligo.layout import NoiseWindows

Truths = NDArray[np.void]

_FIELDS = (
    *("gps", "centre", "delay", "ra", "dec", "psi", "snr", "snr_h1", "snr_l1", "snr_window", "waveform"),
    *("hrss", "distance", "mass_1", "mass_2", "spin_1x", "spin_1y", "spin_1z", "spin_2x", "spin_2y", "spin_2z"),
    *("inclination", "phase", "frequency", "quality", "duration", "bandwidth", "eccentricity", "f_high", "seed"),
    *("detector", "family", "case"),
)

TRUTH_TYPE: np.dtype[Any] = np.dtype([(name, "<f8") for name in _FIELDS])


def no_truths(n: int) -> Truths:
    """(n,) records of TRUTH_TYPE in which everything is NaN."""
    truths = np.empty(n, dtype=TRUTH_TYPE)
    truths.view("<f8")[:] = np.nan
    return truths


def no_truth(noise: NoiseWindows) -> Truths:
    """(n,) records of windows without a signal: only their time is known."""
    truths = no_truths(len(noise))
    truths["gps"] = noise.gps
    return truths
