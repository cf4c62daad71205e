"""The index of a folder of shards: which of them belong together, and what they hold."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from autoscidact.data.jetclass.layout import CLASSES
from autoscidact.data.jetclass.shard_recipe import FORMAT, ShardRecipe
from autoscidact.files import write_text

INDEX = "index.json"


def write_index(folder: Path, recipes: Iterable[ShardRecipe], n_particles: int, skipped: Mapping[str, str]) -> Path:
    """Writes `index.json` for shards that are made, in the order given.

    Args:
        folder: of the shards.
        recipes: their recipes; other shards may lie beside them, and the index does not name these.
        n_particles: particles kept of a jet.
        skipped: file to what is wrong with it, for those that were left out.

    Returns:
        The index.
    """
    shards = [recipe.record(folder) for recipe in recipes]
    index = {
        "format": FORMAT,
        "n_particles": n_particles,
        "classes": CLASSES,
        "counts": {name: sum(shard["counts"][k] for shard in shards) for k, name in enumerate(CLASSES)},
        "bad_jets": sum(shard["bad_jets"] for shard in shards),
        "skipped_files": dict(sorted(skipped.items())),
        "shards": shards,
    }
    write_text(folder / INDEX, json.dumps(index, indent=1) + "\n")
    return folder / INDEX
