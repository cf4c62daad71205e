"""Seconds of strain that are fit for a background: both detectors good, nothing known in them."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.ligo.known_events import EVENTS
from autoscidact.data.ligo.layout import RATE
from autoscidact.data.ligo.strain_files import DetectorStrain
from autoscidact.errors import UserError

QUALITY = ("DATA", "CBC_CAT1", "CBC_CAT2", "BURST_CAT1", "BURST_CAT2")
"""Flags that must be set: data there, and no known fault of instrument or surroundings (GWOSC's categories 1 and 2)."""

NO_INJECTIONS = ("NO_CBC_HW_INJ", "NO_BURST_HW_INJ", "NO_DETCHAR_HW_INJ", "NO_STOCH_HW_INJ")
"""Injection flags that must be set, where a file has them. Continuous waves are injected nearly always: far below the
noise in a window, they do no harm."""

EVENT_MARGIN = 4.0
"""Seconds left out before and after an event."""


def science_seconds(
    detectors: Sequence[DetectorStrain],
    *,
    quality: Sequence[str] = QUALITY,
    extra: Iterable[float] = (),
    margin: float = EVENT_MARGIN,
) -> NDArray[np.bool_]:
    """Seconds in which every detector has all samples, the flags are set, and no event is near.

    Args:
        detectors: strain of the same time.
        quality: names of flags that must be set.
        extra: GPS seconds of further events, beside `known_events.EVENTS`.
        margin: seconds left out before and after an event.

    Returns:
        (seconds,), from the strain's start on.

    Raises:
        UserError: names a flag that the files do not have, with those that they have.
    """
    good = np.ones(len(detectors[0].strain) // RATE, dtype=bool)
    for detector in detectors:
        good &= np.isfinite(detector.strain).reshape(-1, RATE).all(axis=1)
        unknown = [name for name in quality if name not in detector.flags]
        if unknown:
            raise UserError(
                f"quality flag {', '.join(unknown)}: not in the files of {detector.detector}; they have "
                f"{', '.join(detector.flags)}"
            )
        for name in (*quality, *(name for name in NO_INJECTIONS if name in detector.flags)):
            good &= detector.flags[name]
    seconds = detectors[0].start + np.arange(len(good))
    for event in (*EVENTS.values(), *extra):
        good &= (seconds + 1 <= event - margin) | (seconds >= event + margin)
    return good


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and one-past-last index of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]
