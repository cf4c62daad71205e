"""Writes strain files in GWOSC's layout."""

from pathlib import Path

import h5py
import numpy as np

QUALITY_NAMES = ("DATA", "CBC_CAT1", "CBC_CAT2", "CBC_CAT3", "BURST_CAT1", "BURST_CAT2", "BURST_CAT3")
INJECTION_NAMES = ("NO_CBC_HW_INJ", "NO_BURST_HW_INJ", "NO_DETCHAR_HW_INJ", "NO_CW_HW_INJ", "NO_STOCH_HW_INJ")
START = 1256656000
"""In O3b, a day before its first event."""


def write_strain(
    folder: Path,
    detector: str = "H1",
    start: int = START,
    seconds: int = 32,
    *,
    strain=None,
    quality=None,
    injections=None,
    rate: int = 4096,
    name: str | None = None,
) -> Path:
    """White noise of 1e-23 a sample by default, every flag set but that of continuous waves."""
    if strain is None:
        strain = 1e-23 * np.random.default_rng([start, ord(detector[0])]).standard_normal(seconds * rate)
    path = folder / (name or f"{detector[0]}-{detector}_GWOSC_O3b_4KHZ_R1-{start}-{seconds}.hdf5")
    folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["strain/Strain"] = strain
        file["strain/Strain"].attrs["Xspacing"] = 1 / rate
        file["meta/GPSstart"], file["meta/Duration"], file["meta/Detector"] = start, seconds, detector
        for place, mask, names, short, default in (
            ("quality/simple", "DQmask", QUALITY_NAMES, "DQShortnames", 127),
            ("quality/injections", "Injmask", INJECTION_NAMES, "InjShortnames", 23),
        ):
            values = quality if mask == "DQmask" else injections
            file[f"{place}/{mask}"] = np.full(seconds, default, np.uint32) if values is None else values
            file[f"{place}/{short}"] = np.array([n.encode() for n in names])
    return path


def write_pair(folder: Path, start: int = START, seconds: int = 32, **arguments) -> list[Path]:
    """Files of both detectors."""
    return [write_strain(folder, detector, start, seconds, **arguments) for detector in ("H1", "L1")]
