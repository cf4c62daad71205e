"""What a shard of jets is made from, and what stands in its files."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from autoscidact.data.jetclass.file_identity import content_sha256
from autoscidact.data.jetclass.layout import OBSERVERS
from autoscidact.data.jetclass.root_files import BadFile, count_entries
from autoscidact.data.jetclass.root_sources import RootSource
from autoscidact.data.known_files import KnownFiles
from autoscidact.files import content_hash

PARTICLES, LABELS, OBSERVED, RECORD = ".particles.npy", ".labels.npy", ".observers.npy", ".json"
OBSERVED_TYPE = np.dtype([("entry", "<i8"), *((name, "<f4") for name in OBSERVERS)])

ENTRY_BITS = 25
"""An event's id holds the row of its file in the lower bits and the file's checksum in the upper ones."""

# Changes whenever what stands in a shard does, so that shards made before are made again.
FORMAT = 1


@dataclass(frozen=True)
class ShardRecipe:
    """One shard to make.

    Attributes:
        source: the ROOT file.
        path: where to read it, which is another place if it comes from an archive.
        sha256: of its content, see `content_sha256`.
        entries: first row, and the one after the last.
        n_particles: particles kept of a jet.
        skip_bad: whether bad jets are left out and counted.
        chunk: rows read at a time.
    """

    source: RootSource
    path: Path
    sha256: str
    entries: tuple[int, int]
    n_particles: int
    skip_bad: bool
    chunk: int

    @property
    def name(self) -> str:
        """Of the shard's files, without their endings; depends on the file's content and not on where it is."""
        key = content_hash([FORMAT, self.sha256, self.entries, self.n_particles], 10)
        return f"{Path(self.source.name).stem}_{self.entries[0]:07d}_{key}"

    def is_made(self, folder: Path) -> bool:
        """Whether the shard is in `folder`, whole, with no bad jet left out unless that is wanted."""
        # The record is written last. Without bad jets it is the same shard: `skip_bad` may come as an afterthought.
        is_there = (folder / f"{self.name}{RECORD}").is_file()
        return is_there and (self.skip_bad or self.record(folder)["bad_jets"] == 0)

    def record(self, folder: Path) -> dict[str, Any]:
        """What the index says of the shard."""
        record: dict[str, Any] = json.loads((folder / f"{self.name}{RECORD}").read_text(encoding="utf-8"))
        return record


def known_recipes(pattern: ShardRecipe, shard_size: int, known: KnownFiles) -> list[ShardRecipe]:
    """The shards of a file whose checksum and number of rows are known; none if they are not."""
    sha256, n = known.get(pattern.source.key(), "sha256", "rows") or ("", 0)
    return _divided(pattern, sha256, n, shard_size) if isinstance(n, int) else []


def opened_recipes(pattern: ShardRecipe, shard_size: int, known: KnownFiles, folder: Path) -> list[ShardRecipe]:
    """The shards of a file that is read from now on.

    Args:
        pattern: all of a recipe but for the checksum, the rows and the path.
        shard_size: rows of a shard.
        known: where the checksum and the number of rows are kept.
        folder: for a copy, if the file is in an archive.

    Raises:
        BadFile: names the file: it is missing, damaged or of another format, or holds too many jets.
    """
    source = pattern.source
    # Before the file is read: if it changes meanwhile, the next run finds another key.
    key, path = source.key(), source.taken_out(folder)
    recipes = known_recipes(pattern, shard_size, known)
    if not recipes:
        try:
            n = count_entries(path)
            if n >= 1 << ENTRY_BITS:
                raise BadFile(f"{path}: {n} jets in one file; more than {(1 << ENTRY_BITS) - 1} must be split")
            sha256 = content_sha256(path)
        except BadFile as error:
            source.put_away(path)
            raise source.named(error, path) from error
        known.put(key, sha256=sha256, rows=n)
        recipes = _divided(pattern, sha256, n, shard_size)
    return [replace(recipe, path=path) for recipe in recipes]


def _divided(pattern: ShardRecipe, sha256: str, n: int, shard_size: int) -> list[ShardRecipe]:
    rows = [(start, min(start + shard_size, n)) for start in range(0, n, shard_size)]
    return [replace(pattern, sha256=sha256, entries=entries) for entries in rows]
