"""CIFAR-5m: images that a diffusion model, trained on CIFAR-10, made (arXiv:2010.08127)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.cifar10.layout import CLASSES
from autoscidact.data.images.image_arrays import read_image_array
from autoscidact.errors import UserError


def first_images(folder: Path, n: int) -> tuple[NDArray[np.uint8], list[str], list[str]]:
    """The first `n` images of part0.npz, part1.npz, ...; one part at a time is in memory, 3 GB of the published ones.

    Args:
        folder: where the parts lie, anywhere below.

    Returns:
        (n, 3, 32, 32) images, the names of their classes, and of the images.

    Raises:
        UserError: there are no parts, too few images, or a part that is none.
    """
    pixels: list[NDArray[np.uint8]] = []
    labels: list[str] = []
    names: list[str] = []
    for path in sorted(folder.rglob("part*.npz")):
        if len(names) == n:
            break
        images, codes = read_image_array(path)
        if codes is None or codes.min() < 0 or codes.max() >= len(CLASSES):
            raise UserError(f"{path}: no part of CIFAR-5m (labels Y from 0 to 9 are missing)")
        taken = min(n - len(names), len(images))
        # A copy, so that the part itself can go.
        pixels.append(np.ascontiguousarray(images[:taken]))
        labels += [CLASSES[code] for code in codes[:taken]]
        names += [f"{path.name}/{row:07d}" for row in range(taken)]
    if len(names) < n:
        raise UserError(
            f"dataset.cifar5m={n}: {folder} holds {len(names)} images of CIFAR-5m; put part0.npz ... there, or give a "
            "smaller number"
        )
    return np.concatenate(pixels), labels, names
