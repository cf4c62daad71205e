"""Observed images: files in a folder or an archive, or an array, in the form of the dataset's own."""

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.checks import whole_setting
from autoscidact.data.contract import Events
from autoscidact.data.images.class_folders import images_below
from autoscidact.data.images.dataset import SIZE
from autoscidact.data.images.decoding import decode_file, fit_array, pixel_id
from autoscidact.data.images.image_arrays import read_image_array
from autoscidact.data.images.mirrors import opened_mirror
from autoscidact.data.observed import observed_events
from autoscidact.errors import UserError


def observed(file: str | Path, *, size: int = SIZE, **others: object) -> Events:
    """The images of a folder or archive at any depth, whatever its folders are called, or of an NPY or NPZ file.

    Ids come from the pixels, so that an image which the dataset holds as well is recognised.

    Args:
        file: folder, tar or zip archive, or a file for `read_image_array`.
        size: edge in pixels that images are fitted to, see `decoding.fit`.
        others: the other settings of `load`, which do not concern observed data.

    Returns:
        One class, "observed", every weight 1; observers `file`, or `row` of an array.

    Raises:
        UserError: names the file that cannot be used, or says that there is none.
    """
    path, size = Path(file).expanduser(), whole_setting("size", size, 1)
    if path.suffix.lower() in (".npy", ".npz"):
        images, _ = read_image_array(path)
        return array_events(images, np.arange(len(images)), size)
    with tempfile.TemporaryDirectory() as temporary, opened_mirror(path, Path(temporary)) as folder:
        found, _ = images_below(folder, folder, "", "")
        if not found:
            raise UserError(f"{path}: holds no images")
        pixels = np.stack([decode_file(image.path, image.name, size).pixels for image in found])
    return _events(pixels, {"file": np.array([image.name for image in found])})


def array_events(
    images: NDArray[np.uint8],
    rows: NDArray[np.integer],
    size: int,
    observers: dict[str, NDArray[np.generic]] | None = None,
) -> Events:
    """Some rows of an array of images as observed events; observer `row` beside those given.

    Args:
        images: (n, 3, height, width). rows: (k,) of it. size: edge in pixels.
        observers: (k,) arrays.
    """
    pixels = fit_array(np.ascontiguousarray(images[rows]), size)
    return _events(pixels, {"row": rows.astype(np.int64), **(observers or {})})


def _events(pixels: NDArray[np.uint8], observers: dict[str, NDArray[np.generic]]) -> Events:
    ids = np.array([pixel_id(image) for image in pixels], dtype=np.int64)
    return observed_events(pixels.astype(np.float32), ids, observers, ())
