"""The index of a prepared folder: which chunks belong together, and how they were made."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autoscidact.data.ligo.layout import CLASSES, DETECTORS, WINDOW
from autoscidact.data.ligo.plan import Chunk
from autoscidact.errors import UserError
from autoscidact.files import write_text

INDEX = "index.json"
SHARDS_FOLDER = "shards"
"""Of `dataset.path`: where `prepare` leaves what `load` reads."""

FORMAT = 1


def write_index(folder: Path, chunks: Sequence[Chunk], recipe: Mapping[str, Any]) -> Path:
    """Writes `index.json` for chunks that are made; others may lie beside them, and the index does not name these.

    Args:
        recipe: settings by which they were made.
    """
    shards = [{"name": c.name, "class": c.class_name, "split": c.split, "number": c.number, "n": c.n} for c in chunks]
    index = {"format": FORMAT, "recipe": dict(recipe), "shards": shards}
    write_text(folder / INDEX, json.dumps(index, indent=1) + "\n")
    return folder / INDEX


def read_index(folder: Path) -> dict[str, Any]:
    """The index of a prepared folder.

    Raises:
        UserError: nothing is prepared, or the index or a file that it names is damaged.
    """
    path = folder / INDEX
    if not path.is_file():
        raise UserError(
            f"{path}: no such file; make it with autoscidact prepare dataset=ligo source=simulated, or with real strain"
        )
    try:
        index: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version, shards, recipe = index["format"], index["shards"], index["recipe"]
        whole = all(shard["class"] in CLASSES and shard["n"] > 0 and shard["split"] for shard in shards)
        whole &= isinstance(recipe["split"], dict) and isinstance(recipe["classes"], list)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: damaged; prepare the dataset again") from error
    if version != FORMAT or not whole:
        raise UserError(f"{path}: of another version or damaged; prepare the dataset again")
    for shard in shards:
        _check_size(folder / f"{shard['name']}.npy", shard["n"])
    return index


def _check_size(path: Path, n: int) -> None:
    values = n * len(DETECTORS) * WINDOW * np.dtype(np.float32).itemsize
    try:
        size = path.stat().st_size
    except OSError:
        size = -1
    if not values < size < values + 4096:  # NumPy's header
        raise UserError(f"{path}: missing or damaged; delete it and prepare the dataset again")
