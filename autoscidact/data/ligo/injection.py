"""Signals from the sky in noise: what a detector records of both, cut to the events' length."""

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.ligo.layout import WINDOW, NoiseWindows
from autoscidact.data.ligo.priors import SNR
from autoscidact.data.ligo.signals import draw_signals
from autoscidact.data.ligo.snr import network_snr, whitened_snr
from autoscidact.data.ligo.truth import Truths, no_truths


def inject(
    class_name: str,
    noise: NoiseWindows,
    random: np.random.Generator | int,
    snr_range: tuple[float, float] = SNR,
    *,
    skies_a_waveform: int = 4,
) -> tuple[NDArray[np.float32], Truths]:
    """Adds a signal of one class to every window of noise.

    Every event has a direction, a polarisation angle, a centre and a network signal-to-noise ratio of its own. The
    ratio, of uniform logarithm within the range, is that of the whole signal; `snr_window` says what is in the window.
    The centre, uniform in the middle half of the window, is that of the mean of both detectors' times: these are up to
    21 ms from the time at the Earth's centre, which would leave the window.

    Args:
        class_name: of `layout.SKY_CLASSES`.
        noise: n windows.
        random: generator, or its seed.
        snr_range: least and largest network signal-to-noise ratio.
        skies_a_waveform: consecutive binary black holes that share a waveform; other classes' waveforms take little.

    Returns:
        (n, 2, 200) events, in standard deviations of the noise, and (n,) records of `truth.TRUTH_TYPE`.

    Raises:
        UserError: an unknown class, a bad range or number, or lalsuite is not installed.

    References:
        AutoSciDACT, App. A.2.
    """
    events, truths = noise.windows.astype(np.float32), no_truths(len(noise))
    random = np.random.default_rng(random)
    for rows, signals, of_signals in draw_signals(class_name, noise, random, snr_range, skies_a_waveform):
        inside = signals[..., :WINDOW]
        events[rows] += inside
        of_signals["snr_window"] = network_snr(whitened_snr(inside))
        truths[rows] = of_signals
    return events, truths


def normalise(events: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 2, 200) events of standard deviation 1, each detector of each event by itself; means are scaled, not removed.

    References:
        AutoSciDACT, App. A.2: "unit standard deviation on a per-sample basis".
    """
    return np.asarray(events / events.std(axis=-1, keepdims=True), dtype=np.float32)
