"""Images in blocks that are named by what they hold."""

import hashlib
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.contract import Features
from autoscidact.data.known_files import KnownFiles
from autoscidact.data.sharded_array import ShardedArray
from autoscidact.errors import UserError
from autoscidact.files import make_folder, sha256_of
from autoscidact.progress import progress

BLOCK = 256
"""Images of a block, at most: what an interruption may cost."""


@dataclass(frozen=True)
class ImageBlock:
    """Neighbouring images of a file or an array, those included that a dataset leaves out.

    Attributes:
        name: other images, another order or another type have another name.
        wanted: rows of the block that belong to the dataset, rising; None for all.
        images: of the whole file or array: a path, or the array itself.
        start, stop: rows of it.
    """

    name: str
    wanted: NDArray[np.int64] | None
    images: Path | NDArray[Any]
    start: int
    stop: int

    def __len__(self) -> int:
        """Images of the block."""
        return self.stop - self.start

    def read(self, rows: slice) -> NDArray[np.float32]:
        """(k, 3, height, width): some of the block's images. Raises UserError where the file cannot be read."""
        images = opened(self.images) if isinstance(self.images, Path) else self.images
        return images[self.start : self.stop][rows].astype(np.float32)


def image_blocks(features: Features, folder: Path) -> list[ImageBlock]:
    """Blocks that hold all images, in their order; those that hold none of them are left out.

    A file is read once to be named by its content, which is remembered as long as its size and time stay the same.

    Args:
        features: (n, 3, height, width).
        folder: where checksums of files are remembered.

    Raises:
        UserError: a file that cannot be read.
    """
    if not isinstance(features, ShardedArray):
        parts = [(start, min(start + BLOCK, len(features))) for start in range(0, len(features), BLOCK)]
        named = [(_array_name(features[start:stop]), start, stop) for start, stop in parts]
        return [ImageBlock(name, None, features, start, stop) for name, start, stop in named]
    names, blocks = _file_names(features.paths, folder), []
    for path, chosen, (first, last) in zip(
        features.paths, features.chosen, itertools.pairwise(features.bounds.tolist()), strict=True
    ):
        length, rows = len(opened(path)), np.arange(last - first) if chosen is None else chosen
        for start in range(0, length, BLOCK):
            stop = min(start + BLOCK, length)
            here = rows[(rows >= start) & (rows < stop)] - start
            if len(here):
                wanted = None if len(here) == stop - start else here
                blocks.append(ImageBlock(f"{names[path]}_{start:07d}", wanted, path, start, stop))
    return blocks


def opened(path: Path) -> NDArray[Any]:
    """A .npy file, mapped. Raises UserError where it is missing or damaged."""
    try:
        mapped: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path}: missing or damaged; delete it and prepare the dataset again") from error
    return mapped


def _array_name(images: NDArray[Any]) -> str:
    digest = hashlib.sha256(f"{images.dtype.str}{images.shape}".encode())
    digest.update(np.ascontiguousarray(images).data)
    return digest.hexdigest()[:24]


def _stamp(path: Path) -> str:
    # The folder too: files of the same name and size may be written in one tick of the clock.
    stat = path.stat()
    return f"{path.resolve()} {stat.st_ino} {stat.st_size} {stat.st_mtime_ns}"


def _file_names(paths: tuple[Path, ...], folder: Path) -> dict[Path, str]:
    known, names = KnownFiles(make_folder(folder)), {}
    try:
        keys = {path: _stamp(path) for path in paths}
        unread = [path for path, key in keys.items() if known.get(key, "sha256") is None]
        if unread:
            with progress("files of images checked", len(unread)) as bar:
                for path in unread:
                    known.put(keys[path], sha256=sha256_of(path))
                    bar.advance()
    except OSError as error:
        raise UserError(f"{error.filename}: cannot be read ({error.strerror}); prepare the dataset again") from error
    for path, key in keys.items():
        facts = known.get(key, "sha256")
        assert facts is not None
        names[path] = str(facts[0])[:24]
    return names
