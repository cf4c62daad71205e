"""Waveforms of every class of signal from the sky, with the parameters that were drawn for them."""

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.ligo.binaries import binary_spectra, draw_binaries
from autoscidact.data.ligo.bursts import burst_spectra, draw_bursts
from autoscidact.data.ligo.layout import FFT_SECONDS, SKY_CLASSES
from autoscidact.data.ligo.snr import IN_BAND
from autoscidact.data.ligo.truth import Truths
from autoscidact.errors import UserError


def draw_waveforms(class_name: str, n: int, random: np.random.Generator) -> tuple[NDArray[np.complex128], Truths]:
    """Draws `n` signals of a class from `priors.PRIORS`.

    Args:
        class_name: of `layout.SKY_CLASSES`.

    Returns:
        (n, 2, 8193) Fourier transforms of h+ and hx at `layout.FREQUENCIES`, strain per Hz, as if 4 s were a circle:
        the centre of a burst or the merger of a binary is at time 0, what is before it at the end. Below 25 Hz and
        above the band they need not be complete. And (n,) records of `truth.TRUTH_TYPE` with the class's parameters.

    Raises:
        UserError: an unknown class, or lalsuite is not installed.
    """
    if class_name not in SKY_CLASSES:
        raise UserError(f"class {class_name!r}: no waveform; choose from {', '.join(SKY_CLASSES)}")
    if class_name == "bbh":
        truths = draw_binaries(n, random)
        spectra = binary_spectra(truths)
    else:
        truths = draw_bursts(class_name, n, random)
        spectra = burst_spectra(class_name, truths)
    truths["hrss"] = root_sum_square(spectra)
    return spectra, truths


def root_sum_square(spectra: NDArray[np.complex128]) -> NDArray[np.float64]:
    """(n,) root of the integral over time of h+^2 + hx^2 in the band, from (n, 2, 8193) spectra, 1/sqrt(Hz)."""
    power = np.square(np.ascontiguousarray(spectra[..., IN_BAND]).view(np.float64)).sum(axis=(1, 2))
    return np.asarray(np.sqrt(2 / FFT_SECONDS * power))
