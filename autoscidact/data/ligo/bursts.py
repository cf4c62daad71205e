"""Waveforms of bursts: sine-Gaussians, Gaussians, cosmic strings and white noise."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.ligo.fourier import spectra_around_zero
from autoscidact.data.ligo.lal_packages import load_lal
from autoscidact.data.ligo.layout import BAND, FREQUENCIES, RATE
from autoscidact.data.ligo.priors import LEAST_TIME_BANDWIDTH, PRIORS
from autoscidact.data.ligo.truth import Truths, no_truths

STRING_POWERS = {"cusp": -4 / 3, "kink": -5 / 3, "kink_kink": -2.0}
"""Class to the power of frequency that |h(f)| of a cosmic string's burst falls with."""

_HRSS = 1e-21


def draw_bursts(class_name: str, n: int, random: np.random.Generator) -> Truths:
    """(n,) parameters of bursts of one class from `priors.PRIORS`."""
    truths = no_truths(n)
    for name, prior in PRIORS[class_name].items():
        truths[name] = prior.draw(n, random)
    if class_name == "white_noise_burst":
        half = np.maximum(truths["bandwidth"], LEAST_TIME_BANDWIDTH / truths["duration"]) / 2
        truths["bandwidth"] = 2 * half
        truths["frequency"] = random.uniform(BAND[0] + half, BAND[1] - half)
        truths["seed"] = random.integers(1, 2**31, n)
    return truths


def burst_spectra(class_name: str, truths: Truths) -> NDArray[np.complex128]:
    """Polarisations of bursts.

    Args:
        truths: (n,) as `draw_bursts` gives them.

    Returns:
        (n, 2, 8193) Fourier transforms of h+ and hx at `layout.FREQUENCIES`, strain per Hz; the centre is at time 0.

    Raises:
        UserError: lalsuite is not installed.

    References:
        Cosmic strings: T. Damour, A. Vilenkin, Phys. Rev. D 64 (2001) 064008, as in LIGO-Virgo-KAGRA, Phys. Rev. Lett.
        126 (2021) 241102: A f^-q, times exp(1 - f / f_high) above f_high; only h+. The others are
        lalsimulation.SimBurstSineGaussian, SimBurstGaussian and GenerateBandAndTimeLimitedWhiteNoiseBurst.
    """
    if class_name in STRING_POWERS:
        return _strings(STRING_POWERS[class_name], truths["f_high"])
    spectra = np.empty((len(truths), 2, len(FREQUENCIES)), dtype=np.complex128)
    for both, truth in zip(spectra, truths, strict=True):
        series = _series(class_name, truth)
        values = np.stack([of_polarisation.data.data for of_polarisation in series])
        both[:] = spectra_around_zero(values, -round(float(series[0].epoch) * RATE))
    return spectra


def _strings(power: float, f_high: NDArray[np.float64]) -> NDArray[np.complex128]:
    spectra = np.zeros((len(f_high), 2, len(FREQUENCIES)), dtype=np.complex128)
    # Kinks that collide have no cut-off.
    cut = np.where(np.isnan(f_high), np.inf, f_high)[:, None]
    positive = FREQUENCIES[1:]
    spectra[:, 0, 1:] = _HRSS * positive**power * np.exp(np.minimum(1 - positive / cut, 0.0))
    return spectra


def _series(class_name: str, truth: Any) -> Any:
    lal, lalsimulation = load_lal()
    if class_name == "gaussian":
        return lalsimulation.SimBurstGaussian(float(truth["duration"]), _HRSS, 1 / RATE)
    ellipse = (float(truth["eccentricity"]), float(truth["phase"]))
    if class_name == "white_noise_burst":
        shape = (float(truth[name]) for name in ("duration", "frequency", "bandwidth"))
        return lalsimulation.GenerateBandAndTimeLimitedWhiteNoiseBurst(
            *shape, *ellipse, 1.0, 1 / RATE, lal.gsl_rng("ranlux", int(truth["seed"]))
        )
    return lalsimulation.SimBurstSineGaussian(
        float(truth["quality"]), float(truth["frequency"]), _HRSS, *ellipse, 1 / RATE
    )
