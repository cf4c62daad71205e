"""Shards of segments that somebody else has whitened and cut, as they are."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from autoscidact.data.contract import SPLITS, Split
from autoscidact.data.ligo.challenge_arrays import find_arrays, read_segments
from autoscidact.data.ligo.plan import CHUNK, Chunk
from autoscidact.data.ligo.shard_index import FORMAT, write_index
from autoscidact.data.ligo.truth import no_truths
from autoscidact.data.splits import stratified_split
from autoscidact.files import array_hash, write_array


def prepare_arrays(
    folder: Path, named: Mapping[str, str] | None, shards: Path, split: Mapping[Split, float], seed: int
) -> str:
    """Divides the segments of each class among the splits at random, writes them, and says how many there are.

    Args:
        folder: with the arrays. named: class to file, see `challenge_arrays.find_arrays`.
        shards: the folder to fill.
        split: shares of the splits.
        seed: of the division.

    Raises:
        UserError: names the file that is missing or holds something else.
    """
    found = find_arrays(folder, named)
    chunks: list[Chunk] = []
    counts = []
    for name, path in found.items():
        segments = read_segments(path)
        recipe = array_hash(segments)[:10]
        of_segment = stratified_split(np.zeros(len(segments), dtype=np.int64), split, seed)
        for k, kind in enumerate(SPLITS):
            rows = np.flatnonzero(of_segment == k)
            for number, start in enumerate(range(0, len(rows), CHUNK)):
                chosen = rows[start : start + CHUNK]
                # The rows too: another division of the same array is other files.
                chunk = Chunk(name, kind, number, len(chosen), f"{recipe}{array_hash(chosen)[:6]}")
                write_array(chunk.truths(shards), no_truths(len(chosen)))
                write_array(chunk.events(shards), segments[chosen])
                chunks.append(chunk)
        counts.append(f"{len(segments)} {name} ({path.name})")
    write_index(
        shards,
        chunks,
        {"format": FORMAT, "source": "arrays", "seed": seed, "split": dict(split), "classes": list(found)},
    )
    return "segments as they are: " + ", ".join(counts)
