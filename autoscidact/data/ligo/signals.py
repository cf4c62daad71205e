"""Whitened signals from the sky, as both detectors see them, scaled to a signal-to-noise ratio."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.ligo.fourier import shifts, whitened
from autoscidact.data.ligo.layout import RATE, WINDOW, NoiseWindows
from autoscidact.data.ligo.priors import SNR, draw_snr
from autoscidact.data.ligo.sky import antenna_responses, draw_skies, travel_times
from autoscidact.data.ligo.snr import network_snr, optimal_snr
from autoscidact.data.ligo.truth import Truths
from autoscidact.data.ligo.waveforms import draw_waveforms
from autoscidact.data.ligo.whitening import whitening_response
from autoscidact.errors import UserError

Array = NDArray[np.float64]

CENTRES = (0.25, 0.75)
"""Part of the window in which signals have their centre: the middle half. What reaches one detector up to 5 ms before
the middle of both, and the other as much after it, is still inside."""

_BLOCK = 32
"""Signals made at once: their spectra stay near the processor."""


def draw_signals(
    class_name: str,
    noise: NoiseWindows,
    random: np.random.Generator,
    snr_range: tuple[float, float] = SNR,
    skies_a_waveform: int = 4,
) -> Iterator[tuple[slice, NDArray[np.float32], Truths]]:
    """Draws a signal of one class for every window of noise, whitened as the window was; see `injection.inject`.

    Yields:
        For some windows after the other: which these are, (m, 2, 16384) signals around a circle of 4 s that begins
        with the window's first sample, and (m,) records of `truth.TRUTH_TYPE` but for `snr_window`.

    Raises:
        UserError: as `injection.inject`.
    """
    if skies_a_waveform < 1:
        raise UserError(f"skies_a_waveform={skies_a_waveform}: give 1 or more")
    shared = skies_a_waveform if class_name == "bbh" else 1
    response = whitening_response(noise.asd)
    n_waveforms = -(-len(noise) // shared)
    # Binaries take as many waveforms at once as the others, which serve more signals.
    for first in range(0, n_waveforms, _BLOCK):
        spectra, drawn = draw_waveforms(class_name, min(_BLOCK, n_waveforms - first), random)
        drawn["waveform"] = first + np.arange(len(drawn))
        end = min((first + len(drawn)) * shared, len(noise))
        for start in range(first * shared, end, _BLOCK):
            rows = slice(start, min(start + _BLOCK, end))
            of_signal = np.arange(rows.start, rows.stop) // shared - first
            truths = drawn[of_signal]
            strain = _at_detectors(spectra[of_signal], truths, noise.gps[rows], random)
            index = noise.asd_index[rows]
            _scale(strain, truths, noise.asd[index], draw_snr(len(truths), snr_range, random))
            yield rows, whitened(strain, response[index]), truths


def _at_detectors(
    polarisations: NDArray[np.complex128], truths: Truths, gps: Array, random: np.random.Generator
) -> NDArray[np.complex128]:
    """(n, 2, 8193) what reaches the detectors; draws sky and centre, and notes them."""
    skies = draw_skies(len(truths), random)
    truths["centre"] = random.uniform(*CENTRES, len(truths)) * WINDOW / RATE
    times = travel_times(skies, gps)
    middle = times.mean(axis=1)
    truths["ra"], truths["dec"], truths["psi"] = skies.ra, skies.dec, skies.psi
    truths["gps"] = gps + truths["centre"] - middle
    truths["delay"] = times[:, 0] - times[:, 1]
    responses = antenna_responses(skies, gps)
    strain = responses[..., :1] * polarisations[:, None, 0] + responses[..., 1:] * polarisations[:, None, 1]
    strain *= shifts((truths["centre"] - middle)[:, None] + times)
    return np.asarray(strain)


def _scale(strain: NDArray[np.complex128], truths: Truths, asd: Array, wanted: Array) -> None:
    """Scales to a network signal-to-noise ratio, in place, and notes what goes with it."""
    snr = optimal_snr(strain, asd)
    factor = wanted / network_snr(snr)
    strain *= factor[:, None, None]
    truths["snr"] = wanted
    truths["snr_h1"], truths["snr_l1"] = (snr * factor[:, None]).T
    truths["hrss"] *= factor
    truths["distance"] /= factor
