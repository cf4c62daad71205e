"""Glitches: a disturbance in one of the two detectors, and nothing but noise in the other."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal.windows import tukey

from autoscidact.data.ligo.fourier import CIRCLE, shifts, spectra_around_zero, whitened
from autoscidact.data.ligo.glitch_families import HALF, draw_glitches
from autoscidact.data.ligo.layout import DETECTORS, FREQUENCIES, RATE, WINDOW, NoiseWindows
from autoscidact.data.ligo.priors import SNR, draw_snr
from autoscidact.data.ligo.signals import CENTRES
from autoscidact.data.ligo.snr import optimal_snr, whitened_snr
from autoscidact.data.ligo.truth import Truths, no_truths
from autoscidact.data.ligo.whitening import whitening_response
from autoscidact.errors import UserError

REACH = 512
"""Samples, 125 ms, on each side of a real glitch's peak that are used; the outer half fades."""

_END = 64
"""Samples at each end of a case's series that fade."""

_WHITE = np.ones(len(FREQUENCIES))
"""Spectral density of what is whitened already."""

_BLOCK = 64


def inject_glitches(
    noise: NoiseWindows,
    random: np.random.Generator | int,
    snr_range: tuple[float, float] = SNR,
    cases: NDArray[np.floating] | None = None,
) -> tuple[NDArray[np.float32], Truths]:
    """Adds a glitch to one detector, chosen by chance, of every window of noise.

    Args:
        noise: n windows.
        random: generator, or its seed.
        snr_range: least and largest signal-to-noise ratio of the glitch, of uniform logarithm.
        cases: (k, m) whitened series at 4096 Hz with one real glitch each, at most 4 s and of any scale. They are
            chosen with equal chance, cut around their peak in the band, and get a random sign. None for simulated ones,
            see `glitch_families.FAMILIES`.

    Returns:
        (n, 2, 200) events, and (n,) records of `truth.TRUTH_TYPE`. The centre or peak is uniform in the middle half of
        the window.

    Raises:
        UserError: a bad range, or cases of a wrong shape or without anything in the band.

    References:
        AutoSciDACT, App. A.2.
    """
    random = np.random.default_rng(random)
    response = whitening_response(_WHITE)
    real = None if cases is None else _spectra_of_cases(cases, response)
    events, truths = noise.windows.astype(np.float32), no_truths(len(noise))
    for start in range(0, len(noise), _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, len(noise)))
        if real is None:
            series, truth = draw_glitches(len(rows), random)
            spectra = spectra_around_zero(series, HALF)
        else:
            truth = no_truths(len(rows))
            truth["case"] = random.integers(len(real), size=len(rows))
            spectra = real[truth["case"].astype(np.int64)] * random.choice([-1.0, 1.0], (len(rows), 1))
        truth["centre"] = random.uniform(*CENTRES, len(rows)) * WINDOW / RATE
        truth["gps"] = noise.gps[rows] + truth["centre"]
        truth["snr"] = draw_snr(len(rows), snr_range, random)
        detector = random.integers(len(DETECTORS), size=len(rows))
        truth["detector"] = detector
        truth["snr_h1"], truth["snr_l1"] = (np.where(detector == k, truth["snr"], 0.0) for k in range(len(DETECTORS)))
        factor = truth["snr"] / optimal_snr(spectra, _WHITE)
        signal = whitened(spectra * shifts(truth["centre"]) * factor[:, None], response)[..., :WINDOW]
        truth["snr_window"] = whitened_snr(signal)
        events[rows, detector] += signal
        truths[rows] = truth
    return events, truths


def _spectra_of_cases(cases: NDArray[np.floating], response: NDArray[np.float64]) -> NDArray[np.complex128]:
    """(k, 8193) spectra of what is around each peak, which is at time 0."""
    if cases.ndim != 2 or not 0 < cases.shape[1] <= CIRCLE or not len(cases):
        raise UserError(f"glitches: an array of shape {cases.shape}; it must be (cases, samples), at most {CIRCLE}")
    # The ends fade, for a step there would be taken for the peak.
    faded = cases * tukey(cases.shape[1], min(2 * _END / cases.shape[1], 1.0))
    in_band = whitened(spectra_around_zero(faded, 0), response)
    empty = np.flatnonzero(~(np.abs(in_band).max(axis=1) > 0))
    if len(empty):
        raise UserError(f"glitches: case {empty[0]} has nothing between 30 and 1500 Hz, or NaN; leave it out")
    peaks = np.abs(in_band[:, : cases.shape[1]]).argmax(axis=1)
    padded = np.pad(faded, ((0, 0), (REACH, REACH)))
    cut = padded[np.arange(len(cases))[:, None], peaks[:, None] + np.arange(2 * REACH)] * tukey(2 * REACH, 0.5)
    return spectra_around_zero(cut, REACH)
