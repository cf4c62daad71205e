"""Reconstructions of real glitches from a file."""

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autoscidact.errors import UserError

SERIES = "g_reconstructed"
"""Key of the series."""

LEAST_SHARE = 0.25
"""A case is left out if its series is weaker than this part of what its SNR promises: the reconstruction failed."""


def read_glitches(path: Path) -> NDArray[np.float32]:
    """Whitened series of single glitches from an NPZ file; never unpickled.

    Made for reconstructions as those of DeepExtractor, from glitches of O3 that Gravity Spy labelled: 2 s at 4096 Hz,
    the glitch about 1 s from the start, in units in which the whitened noise has a standard deviation near 48. The
    scale is of no importance: glitches are scaled when they are injected. Beside the key `snr`, cases are left out
    whose series is much weaker for its SNR than those of most: two of the 60 that were at hand.

    Args:
        path: of a file with (k, samples) floats in `g_reconstructed` and, if it likes, (k,) in `snr`.

    Returns:
        (up to k, samples).

    Raises:
        UserError: the file cannot be read, a key is missing or holds something else.

    References:
        T. Dooney et al., Phys. Rev. D 112 (2025), arXiv:2501.18423.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            if SERIES not in file.files:
                raise UserError(f"{path}: no array {SERIES!r} in it, but {', '.join(file.files) or 'none at all'}")
            series = file[SERIES]
            snr = file["snr"] if "snr" in file.files else None
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile) as error:
        # A TypeError: a single array, of an NPY file.
        raise UserError(f"{path}: cannot be read as an NPZ file ({str(error)[:200]})") from error
    if series.ndim != 2 or not series.size or series.dtype.kind != "f":
        raise UserError(
            f"{path}: {SERIES} holds {series.dtype} of shape {series.shape}; it must be floats (k, samples)"
        )
    bad = np.flatnonzero(~np.isfinite(series).all(axis=1))
    if len(bad):
        raise UserError(f"{path}: {SERIES} has NaN or infinite values in {len(bad)} cases, the first is {bad[0]}")
    if snr is None:
        return np.asarray(series, dtype=np.float32)
    if snr.shape != series.shape[:1] or snr.dtype.kind not in "fiu" or not (snr > 0).all():
        raise UserError(f"{path}: snr holds {snr.dtype} of shape {snr.shape}; it must be one number above 0 a case")
    ratio = np.linalg.norm(series.astype(np.float64), axis=1) / snr
    return np.asarray(series[ratio >= LEAST_SHARE * np.median(ratio)], dtype=np.float32)
