"""Real noise for a folder: from files at hand, or downloaded before; what was left out of it is said and drawn."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from autoscidact.data.ligo.gwosc import fetch_strain
from autoscidact.data.ligo.layout import NoiseWindows
from autoscidact.data.ligo.real_noise import real_noise
from autoscidact.errors import UserError

STRAIN_FOLDER = "strain"
"""Of `dataset.path`: where downloaded files are kept."""


def real_background(folder: Path, mirror: str | None, gps: Sequence[float] | None) -> NoiseWindows:
    """Whitened windows of all good seconds.

    Args:
        folder: `dataset.path`.
        mirror: a folder with strain files, which is only read; None if they are downloaded.
        gps: first and last GPS second to download.

    Raises:
        UserError: names the file or the setting that cannot be used.
    """
    if gps is not None:
        start, end = _range(gps)
        fetch_strain(start, end, strain_folder(folder, None))
    noise = real_noise(strain_folder(folder, mirror))
    seconds = len(np.unique(np.floor(noise.gps)))
    print(f"good strain of both detectors: {seconds} s, {len(noise)} windows, whitened by {len(noise.asd)} spectra")
    return noise


def strain_folder(folder: Path, mirror: str | None) -> Path:
    """Where strain files are: in the user's folder, or where they are downloaded to."""
    return folder / STRAIN_FOLDER if mirror is None else Path(mirror).expanduser()


def _range(gps: Sequence[float]) -> tuple[int, int]:
    try:
        start, end = (int(value) for value in gps)
    except (TypeError, ValueError):
        start = end = 0
    if not 0 < start < end:
        raise UserError(f"dataset.gps={gps}: give the first and the last GPS second, as in [1256655642,1256663834]")
    return start, end
