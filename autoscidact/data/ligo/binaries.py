"""Waveforms of binary black holes: inspiral, merger and ringdown with precessing spins."""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from autoscidact.data.ligo.fourier import shifts
from autoscidact.data.ligo.lal_packages import load_lal
from autoscidact.data.ligo.layout import FFT_SECONDS, FREQUENCIES, RATE
from autoscidact.data.ligo.priors import PRIORS
from autoscidact.data.ligo.truth import Truths, no_truths
from autoscidact.data.ligo.whitening import band_pass

DISTANCE = 100.0
"""Mpc, before the signal is scaled."""

F_MIN = 25.0
"""Hz. Two black holes of 10 solar masses take 3.3 s from here to the merger: all of it fits into 4 s, which a signal
given by its spectrum goes round in. Nothing passes from below 26 Hz, so that the beginning makes no step."""

F_REFERENCE = 20.0
"""Hz, where spins are what they are said to be."""


def draw_binaries(n: int, random: np.random.Generator) -> Truths:
    """(n,) parameters of binary black holes from `priors.PRIORS`, at `DISTANCE`, in isotropic orientations."""
    priors = PRIORS["bbh"]
    truths = no_truths(n)
    masses = np.stack([priors[name].draw(n, random) for name in ("mass_1", "mass_2")])
    truths["mass_1"], truths["mass_2"] = masses.max(axis=0), masses.min(axis=0)
    for which in (1, 2):
        size = priors[f"spin_{which}"].draw(n, random)
        cosine, azimuth = random.uniform(-1.0, 1.0, n), random.uniform(0.0, 2 * np.pi, n)
        sine = np.sqrt(1 - cosine**2)
        for axis, part in zip("xyz", (sine * np.cos(azimuth), sine * np.sin(azimuth), cosine), strict=True):
            truths[f"spin_{which}{axis}"] = size * part
    truths["inclination"] = np.arccos(random.uniform(-1.0, 1.0, n))
    truths["phase"] = priors["phase"].draw(n, random)
    truths["distance"] = DISTANCE
    return truths


def binary_spectra(truths: Truths) -> NDArray[np.complex128]:
    """Polarisations by the model IMRPhenomPv2.

    Args:
        truths: (n,) as `draw_binaries` gives them.

    Returns:
        (n, 2, 8193) Fourier transforms of h+ and hx at `layout.FREQUENCIES`, strain per Hz. Time 0 is the merger:
        there the wave carries most energy, the envelope of (dh+/dt)^2 + (dhx/dt)^2 being largest. It comes some ms
        before the model's own time 0. There is nothing below `F_MIN` or above the band.

    Raises:
        UserError: lalsuite is not installed.

    References:
        M. Hannam et al., Phys. Rev. Lett. 113 (2014) 151101; S. Husa et al., S. Khan et al., Phys. Rev. D 93 (2016)
        044006, 044007 (lalsimulation.SimInspiralChooseFDWaveform).
    """
    lal, lalsimulation = load_lal()
    spectra = np.zeros((len(truths), 2, len(FREQUENCIES)), dtype=np.complex128)
    end = int(np.flatnonzero(band_pass())[-1]) + 1
    for both, truth in zip(spectra, truths, strict=True):
        made = lalsimulation.SimInspiralChooseFDWaveform(
            *(float(truth[name]) * lal.MSUN_SI for name in ("mass_1", "mass_2")),
            *(float(truth[f"spin_{which}{axis}"]) for which in (1, 2) for axis in "xyz"),
            float(truth["distance"]) * 1e6 * lal.PC_SI,
            *(float(truth["inclination"]), float(truth["phase"])),
            # Longitude of the node, eccentricity, mean anomaly.
            *(0.0, 0.0, 0.0),
            *(1 / FFT_SECONDS, F_MIN, FREQUENCIES[end], F_REFERENCE),
            None,
            lalsimulation.IMRPhenomPv2,
        )
        for of_polarisation, series in zip(both, made, strict=True):
            of_polarisation[:end] = series.data.data[:end]
    # Positive frequencies alone make a complex series of half the rate, whose absolute value is the envelope. Factors
    # 2 pi i f are derivatives: of strain itself, heavy binaries that precess may have more long before they merge.
    rate_of_change = scipy.fft.ifft(spectra[..., :-1] * FREQUENCIES[:-1], axis=-1)
    luminosity = np.square(np.abs(rate_of_change)).sum(axis=1)
    spectra *= shifts(-2 * luminosity.argmax(axis=-1) / RATE)[:, None]
    return spectra
