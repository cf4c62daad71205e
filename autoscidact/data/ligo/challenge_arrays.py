"""Segments that somebody else has cut and whitened already, such as those of the A3D3 challenge."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.ligo.layout import CLASSES, DETECTORS, WINDOW
from autoscidact.errors import UserError

CHALLENGE_FILES = {
    "background": "background.npz",
    "bbh": "bbh_for_challenge.npy",
    "sine_gaussian_low": "sglf_for_challenge.npy",
}
"""Names of the files of the A3D3 anomaly challenge (NSF HDR ML challenge, gravitational waves)."""

_KEY = "data"


def find_arrays(folder: Path, named: Mapping[str, str] | None = None) -> dict[str, Path]:
    """The file of each class: those of `named`, or else the challenge's own and any `CLASS.npy` of our classes.

    Args:
        folder: that holds the files. named: class to file, relative to the folder or not.

    Raises:
        UserError: an unknown class, a file that is not there, or no file at all.
    """
    if named:
        unknown = [name for name in named if name not in CLASSES]
        if unknown:
            raise UserError(f"dataset.arrays.{unknown[0]}: no such class; choose from {', '.join(CLASSES)}")
        found = {name: folder / named[name] for name in CLASSES if name in named}
    else:
        files = {name: (f"{name}.npy", CHALLENGE_FILES.get(name, f"{name}.npy")) for name in CLASSES}
        found = {name: folder / file for name, both in files.items() for file in both if (folder / file).is_file()}
    missing = [str(path) for path in found.values() if not path.is_file()]
    if missing:
        raise UserError(f"{missing[0]}: no such file; give the file of each class with dataset.arrays={{CLASS: FILE}}")
    if not found:
        raise UserError(
            f"{folder}: none of {', '.join(CHALLENGE_FILES.values())} or CLASS.npy is there; give the file of each "
            "class with dataset.arrays={CLASS: FILE}"
        )
    return found


def read_segments(path: Path) -> NDArray[np.float32]:
    """(n, 2, 200) segments of an NPY file, or of the array `data` of an NPZ file, as they are; never unpickled.

    Raises:
        UserError: the file cannot be read, or holds something else, or a value that is NaN or infinite.
    """
    try:
        opened = np.load(path, allow_pickle=False)
        if isinstance(opened, np.lib.npyio.NpzFile):
            with opened:
                if _KEY not in opened.files:
                    raise UserError(f"{path}: no array {_KEY!r} in it, but {', '.join(opened.files) or 'none at all'}")
                values = opened[_KEY]
        else:
            values = opened
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path}: cannot be read ({str(error)[:200]})") from error
    shape = (len(DETECTORS), WINDOW)
    if values.ndim != 3 or values.shape[1:] != shape or values.dtype.kind != "f":
        raise UserError(f"{path}: holds {values.dtype} of shape {values.shape}; it must be floats of shape (n, 2, 200)")
    bad = np.flatnonzero(~np.isfinite(values).all(axis=(1, 2)))
    if len(bad):
        raise UserError(f"{path}: NaN or infinite values in {len(bad)} segments, the first is number {bad[0]}")
    return np.asarray(values, dtype=np.float32)
