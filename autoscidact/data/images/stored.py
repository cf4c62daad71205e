"""Prepared images: pixels on disk, names and labels in memory."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.contract import Events
from autoscidact.data.images.index import INDEX
from autoscidact.data.images.shard_files import FORMAT, PIXELS, RECORD
from autoscidact.data.labels import encode_labels
from autoscidact.data.sharded_array import ShardedArray
from autoscidact.errors import UserError

SHARDS_FOLDER = "shards"
"""Of `dataset.path`: where `prepare` leaves what is read here."""


@dataclass(frozen=True)
class StoredImages:
    """Prepared images.

    Attributes:
        pixels: (n, 3, size, size) float32 from 0 to 255 where it is indexed; a byte a value on disk.
        labels: (n,) name of the class.
        pools: (n,) name of the part of the dataset.
        ids: (n,) from the pixels.
        files: (n,) name of the file.
        edges: (n, 2) width and height of the file's image.
    """

    pixels: ShardedArray
    labels: NDArray[np.str_]
    pools: NDArray[np.str_]
    ids: NDArray[np.int64]
    files: NDArray[np.str_]
    edges: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, mask: NDArray[np.bool_]) -> "StoredImages":
        """The images of a mask."""
        return StoredImages(
            self.pixels.select(mask),
            self.labels[mask],
            self.pools[mask],
            self.ids[mask],
            self.files[mask],
            self.edges[mask],
        )

    def events(self, classes: Sequence[str] | None = None) -> Events:
        """As events of weight 1, with the name of the file as observer; where images differ in size, that too.

        Args:
            classes: names in the order of their labels; by default those that are there.
        """
        codes, names = encode_labels(self.labels) if classes is None else (None, tuple(classes))
        labels = np.array([names.index(label) for label in self.labels]) if codes is None else codes
        observers: dict[str, NDArray[np.generic]] = {"file": self.files}
        if len(self) and (self.edges != self.edges[0]).any():
            observers |= {"width": self.edges[:, 0], "height": self.edges[:, 1]}
        return Events(
            features=self.pixels,
            labels=labels.astype(np.int64),
            classes=names,
            ids=self.ids,
            weights=np.ones(len(self)),
            observers=observers,
        )


def open_images(path: str | Path, size: int, name: str = "images") -> StoredImages:
    """Opens what `prepare` left in a folder; no pixel is read. Repeated images are left out.

    Args:
        path: `dataset.path`.
        size: edge in pixels that they must have.
        name: of the dataset, for messages.

    Raises:
        UserError: nothing prepared, another size, a damaged index, or a shard that is not whole.
    """
    folder = Path(path).expanduser() / SHARDS_FOLDER
    index = _read_index(folder, name)
    if index["size"] != size:
        raise UserError(
            f"{folder}: prepared with dataset.size={index['size']}, not {size}; give that number, or prepare the "
            "dataset again"
        )
    shards = [shard for shard in index["shards"] if len(shard["repeated_rows"]) < shard["n"]]
    chosen, paths = [], []
    for shard in shards:
        pixels = folder / (shard["name"] + PIXELS)
        if not pixels.is_file() or pixels.stat().st_size != shard["bytes"]:
            raise UserError(f"{pixels}: this shard is not whole; delete {shard['name']}{RECORD} and prepare again")
        kept = np.setdiff1d(np.arange(shard["n"]), np.array(shard["repeated_rows"], dtype=np.int64))
        paths.append(pixels)
        chosen.append(kept)
    sizes = np.array([len(kept) for kept in chosen], dtype=np.int64)
    whole = [None if len(kept) == shard["n"] else kept for kept, shard in zip(chosen, shards, strict=True)]
    bounds = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    def gathered(key: str, dtype: Any) -> NDArray[Any]:
        parts = [np.array(shard[key], dtype=dtype)[kept] for shard, kept in zip(shards, chosen, strict=True)]
        return np.concatenate(parts)

    return StoredImages(
        pixels=ShardedArray(tuple(paths), bounds, tuple(whole), (3, size, size), np.dtype("<f4")),
        labels=np.repeat(np.array([shard["label"] for shard in shards]), sizes),
        pools=np.repeat(np.array([shard["pool"] for shard in shards]), sizes),
        ids=gathered("ids", np.int64),
        files=gathered("files", np.str_),
        edges=gathered("edges", np.int32),
    )


def _read_index(folder: Path, name: str) -> dict[str, Any]:
    path = folder / INDEX
    if not path.is_file():
        raise UserError(f"{path}: no such file; make it with autoscidact prepare dataset={name}")
    try:
        index: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        needed = {"name", "pool", "label", "n", "bytes", "files", "ids", "edges", "repeated_rows"}
        whole = bool(index["shards"]) and all(
            needed <= shard.keys() and len(shard["files"]) == len(shard["ids"]) == len(shard["edges"]) == shard["n"]
            for shard in index["shards"]
        )
        version, _ = index["format"], int(index["size"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: damaged; prepare the dataset again") from error
    if version != FORMAT or not whole:
        raise UserError(f"{path}: of another version or damaged; prepare the dataset again")
    return index
