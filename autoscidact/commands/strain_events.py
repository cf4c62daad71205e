"""Pictures of the known gravitational waves in a folder of strain, which are left out of the background."""

from pathlib import Path

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from autoscidact.data.ligo.event_strain import event_strain
from autoscidact.data.ligo.known_events import EVENTS
from autoscidact.data.ligo.layout import RATE
from autoscidact.data.ligo.strain_search import find_strain
from autoscidact.errors import UserError
from autoscidact.report.strain_event import draw_event

_BAND = (35.0, 350.0)
_LIGHT = 0.0101
"""Seconds: a little more than light takes from one detector to the other."""


def draw_known_events(strain: Path, folder: Path) -> list[Path]:
    """Draws each known event that both detectors cover, as `folder`/NAME.png.

    Args:
        strain: folder of GWOSC's files.
    """
    spans = find_strain(strain).spans
    drawn = []
    for name, gps in EVENTS.items():
        if not any(start < gps < end for start, end in spans):
            continue
        try:
            event = event_strain(strain, gps)
        except UserError as error:
            print(f"{name} is not drawn: {error}")
            continue
        delay, inverted = best_delay(event.strain)
        path = folder / f"{name}.png"
        draw_event(
            path,
            event.time,
            event.strain,
            shown=(-0.15, 0.15),
            delay=delay,
            inverted=inverted,
            title=f"{name}, seconds after GPS {gps:.1f}\ngrey: 30-1500 Hz, coloured: {_BAND[0]:.0f}-{_BAND[1]:.0f} Hz",
            band=_BAND,
        )
        drawn.append(path)
    return drawn


def best_delay(strain: NDArray[np.float64], near: float = 0.1) -> tuple[float, bool]:
    """By how many seconds H1 comes after L1 where they agree best, and whether L1 is upside down then.

    Args:
        strain: (2, n) whitened, the event in the middle.
        near: seconds to either side of it that are compared.
    """
    smooth = scipy.signal.sosfiltfilt(scipy.signal.butter(4, _BAND, "bandpass", fs=RATE, output="sos"), strain)
    middle, reach = strain.shape[1] // 2, round(near * RATE)
    h1 = smooth[0, middle - reach : middle + reach]
    shifts = np.arange(-round(_LIGHT * RATE), round(_LIGHT * RATE) + 1)
    found = np.array([np.dot(h1, smooth[1, middle - reach - k : middle + reach - k]) for k in shifts])
    best = int(np.abs(found).argmax())
    return float(shifts[best]) / RATE, bool(found[best] < 0)
