"""Shards of decoded images: plain arrays named by what they hold, each with a record."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.images.decoding import pixel_id
from autoscidact.files import content_hash, write_array, write_text

# Changes whenever what stands in a shard does, so that shards made before are made again.
FORMAT = 1

PIXELS, RECORD = ".npy", ".json"
_SHARD_BYTES = 1 << 26


@dataclass(frozen=True)
class ShardRecipe:
    """One shard to make: images of one class and one pool.

    Attributes:
        pool, label: of all of its images.
        names: of the files.
        contents: a hash of each file's content.
        size: edge in pixels.
    """

    pool: str
    label: str
    names: tuple[str, ...]
    contents: tuple[str, ...]
    size: int

    @property
    def name(self) -> str:
        """Of the shard's files, without their endings: another one as soon as an image, a name or the size changes."""
        key = content_hash([FORMAT, self.pool, self.label, self.names, self.contents, self.size], 16)
        kind = "".join(letter if letter.isalnum() else "-" for letter in self.label)[:40]
        return "_".join(filter(None, (self.pool, kind, key)))

    def is_made(self, folder: Path, skip_bad: bool) -> bool:
        """Whether the shard is in `folder`, whole, with no image left out unless that is wanted."""
        if not (folder / f"{self.name}{RECORD}").is_file():
            return False
        # Without bad images it is the same shard: to leave them out may come as an afterthought.
        return skip_bad or not self.record(folder)["bad"]

    def record(self, folder: Path) -> dict[str, Any]:
        """What `save` wrote of it."""
        record: dict[str, Any] = json.loads((folder / f"{self.name}{RECORD}").read_text(encoding="utf-8"))
        return record

    def save(
        self,
        folder: Path,
        pixels: NDArray[np.uint8],
        edges: Sequence[tuple[int, int]],
        bad: dict[str, str] | None = None,
    ) -> None:
        """Writes the images and, last, the record: what has one is whole.

        Args:
            pixels: (n, 3, size, size) of those that are not bad, in the order of `names`.
            edges: width and height of each before it was fitted.
            bad: name of a file that cannot be used to what is wrong with it.
        """
        bad = bad or {}
        write_array(folder / f"{self.name}{PIXELS}", pixels)
        record = {
            "name": self.name,
            "pool": self.pool,
            "label": self.label,
            "n": len(pixels),
            "bytes": (folder / f"{self.name}{PIXELS}").stat().st_size,
            "files": [name for name in self.names if name not in bad],
            "ids": [pixel_id(image) for image in pixels],
            "edges": [list(pair) for pair in edges],
            "bad": bad,
        }
        write_text(folder / f"{self.name}{RECORD}", json.dumps(record))


def images_in_a_shard(size: int) -> int:
    """How many images of an edge make 64 MB; at most 5000, so that an interrupted run has not much to do again."""
    return max(1, min(5000, _SHARD_BYTES // (3 * size * size)))
