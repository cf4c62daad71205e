"""Whitened strain around a known time, for looking at events."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.ligo.layout import DETECTORS, RATE
from autoscidact.data.ligo.science_time import science_seconds
from autoscidact.data.ligo.spectrum_segments import asd_around
from autoscidact.data.ligo.strain_search import find_strain
from autoscidact.data.ligo.whitening import PADDING, whiten
from autoscidact.errors import UserError

_AROUND = 64


@dataclass(frozen=True)
class EventStrain:
    """What both detectors saw around a time.

    Attributes:
        gps: the time, GPS seconds.
        time: (n,) seconds since `gps`.
        strain: (2, n) in standard deviations of the noise, 30 to 1500 Hz; H1 and L1.
    """

    gps: float
    time: NDArray[np.float64]
    strain: NDArray[np.float64]


def event_strain(places: str | Path | Iterable[str | Path], gps: float, half: float = 0.5) -> EventStrain:
    """Whitens the strain around a time by the spectrum of good seconds up to 64 s around, without those within 4 s.

    Args:
        places: a folder, looked into at all depths, or files.
        gps: GPS seconds.
        half: seconds before and after.

    Raises:
        UserError: no files of both detectors cover it, with 2 s more on either side, or there is too little good
            strain around it.
    """
    strain = find_strain(places)
    first, last = int(np.floor(gps - half)) - PADDING, int(np.ceil(gps + half)) + PADDING
    span = next((span for span in strain.spans if span[0] <= first and last <= span[1]), None)
    if span is None:
        raise UserError(f"GPS {gps}: no files of both detectors from {first} until {last}; get those as well")
    start, end = max(span[0], first - _AROUND), min(span[1], last + _AROUND)
    detectors = [strain.read(name, start, end) for name in DETECTORS]
    values = np.stack([detector.strain for detector in detectors])
    good = science_seconds(detectors, extra=[gps])
    asd = asd_around(values, good, first + PADDING - start, last - PADDING - start)
    chosen = values[:, (first - start) * RATE : (last - start) * RATE]
    if asd is None or not np.isfinite(chosen).all():
        raise UserError(
            f"GPS {gps}: only {int(good.sum())} s of good strain of both detectors around; get longer files"
        )
    time = first + PADDING - gps + np.arange(chosen.shape[-1] - 2 * PADDING * RATE) / RATE
    inside = np.abs(time) <= half
    return EventStrain(gps, time[inside], whiten(chosen, asd)[:, inside])
