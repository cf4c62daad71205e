"""Images in NumPy's files: NPY, or NPZ with one array of images and perhaps one of labels; never unpickled."""

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autoscidact.errors import UserError

_IMAGES, _LABELS = ("X", "x", "images", "data"), ("Y", "y", "labels")


def read_image_array(path: str | Path) -> tuple[NDArray[np.uint8], NDArray[np.integer] | None]:
    """Reads an NPY or NPZ file.

    An NPY array (n, height, width, 3) or (n, 3, height, width) of uint8 is mapped, not read. An NPZ file holds it as
    X, images or data, as CIFAR-5m does, or alone; labels, if any, as Y or labels.

    Returns:
        (n, 3, height, width) images, a view; and (n,) whole-number labels, or None.

    Raises:
        UserError: names the file: it cannot be read, or holds something else.
    """
    path = Path(path)
    labels = None
    try:
        if path.suffix.lower() == ".npz":
            with np.load(path, allow_pickle=False) as file:
                key = _key(file.files, path)
                images = file[key]
                labels = next((file[name] for name in _LABELS if name in file.files), None)
        else:
            images = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: cannot be read ({str(error)[:200]})") from error
    if images.dtype != np.uint8 or images.ndim != 4 or 3 not in (images.shape[1], images.shape[3]):
        raise UserError(
            f"{path}: holds {images.dtype} of shape {images.shape}; images are uint8 of shape (n, height, width, 3) "
            "or (n, 3, height, width)"
        )
    if labels is not None and (labels.shape != (len(images),) or labels.dtype.kind not in "iu"):
        raise UserError(f"{path}: holds {labels.dtype} labels of shape {labels.shape} for {len(images)} images")
    return images if images.shape[1] == 3 else images.transpose(0, 3, 1, 2), labels


def _key(names: list[str], path: Path) -> str:
    known = [name for name in _IMAGES if name in names]
    if not known and len(names) != 1:
        raise UserError(f"{path}: which of {', '.join(names)} holds the images? name it X, images or data")
    return known[0] if known else names[0]
