"""Images that are compared with CIFAR-10: CIFAR-5m, CIFAR-10.1, or any others."""

import warnings
from pathlib import Path

import numpy as np

from autoscidact.data.checks import whole_setting
from autoscidact.data.cifar10.layout import CLASSES, SIZE
from autoscidact.data.contract import Events
from autoscidact.data.images.image_arrays import read_image_array
from autoscidact.data.images.observed import array_events
from autoscidact.data.images.observed import observed as observed_images
from autoscidact.data.splits import check_seed
from autoscidact.errors import UserError

# Keeps the choice of observed images apart from every other use of the same seed.
_STREAM = 0xC1FA


def observed(
    file: str | Path, *, size: int = SIZE, n_observed: int | None = None, seed: int = 0, **others: object
) -> Events:
    """The images of a folder, an archive or an array as observed events.

    Args:
        file: part0.npz, ... of CIFAR-5m; cifar10.1_v4_data.npy or _v6_ of CIFAR-10.1; any other array of
            `read_image_array`; or a folder or archive of image files.
        size: edge in pixels.
        n_observed: at most so many of an array, drawn at random; all by default.
        seed: of that choice.
        others: the other settings of `load`, which do not concern observed data.

    Returns:
        One class, "observed". Observers: `file`, or `row` and, where labels are known, `kind` with the name of the
        class; the test sees neither.

    Raises:
        UserError: names the file that cannot be used.

    References:
        CIFAR-10.1: B. Recht et al., arXiv:1806.00451. CIFAR-5m: P. Nakkiran et al., arXiv:2010.08127.
    """
    path = Path(file).expanduser()
    if path.suffix.lower() not in (".npy", ".npz"):
        return observed_images(path, size=size)
    images, labels = read_image_array(path)
    beside = path.with_name(path.name.replace("_data.npy", "_labels.npy"))
    if labels is None and beside != path and beside.is_file():
        labels = _labels(beside)
    rows = np.arange(len(images))
    if n_observed is not None and whole_setting("n_observed", n_observed, 1) < len(rows):
        random = np.random.default_rng(np.random.SeedSequence([check_seed(seed), _STREAM]))
        rows = np.sort(random.choice(rows, int(n_observed), replace=False))
        warnings.warn(
            f"{path}: {len(rows)} of {len(images)} images are tested, drawn at random as dataset.n_observed says",
            UserWarning,
            stacklevel=2,
        )
    known = labels is not None and len(labels) == len(images) and labels.min() >= 0 and labels.max() < len(CLASSES)
    kinds = {"kind": np.array(CLASSES)[labels[rows]]} if labels is not None and known else {}
    return array_events(images, rows, whole_setting("size", size, 1), kinds)


def _labels(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.integer]]:
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path}: cannot be read ({str(error)[:200]})") from error
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise UserError(f"{path}: holds {found.dtype} of shape {found.shape}, not labels")
    return np.asarray(found)
