"""Images that come as arrays, not as files, in the shards that decoded files are in."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.images.decoding import fit_array
from autoscidact.data.images.shard_files import ShardRecipe, images_in_a_shard


def write_array_shards(
    pixels: NDArray[np.uint8],
    labels: Sequence[str],
    names: Sequence[str],
    pool: str,
    folder: Path,
    size: int,
) -> list[ShardRecipe]:
    """Writes images class by class; shards that are there already are kept.

    Args:
        pixels: (n, 3, height, width).
        labels: (n,) names of the classes.
        names: (n,) of the images.
        pool: of all of them.
        folder: of the shards.
        size: edge in pixels, see `decoding.fit`.

    Returns:
        The recipes, classes in alphabetical order.
    """
    recipes = []
    of_class, length = np.asarray(labels), images_in_a_shard(size)
    for label in sorted(set(labels)):
        members = np.flatnonzero(of_class == label)
        for rows in (members[start : start + length] for start in range(0, len(members), length)):
            here = np.ascontiguousarray(pixels[rows])
            content = hashlib.sha256(here.data).hexdigest()
            recipe = ShardRecipe(pool, label, tuple(names[row] for row in rows), (content,), size)
            if not recipe.is_made(folder, skip_bad=False):
                height, width = pixels.shape[2:]
                recipe.save(folder, fit_array(here, size), [(width, height)] * len(rows))
            recipes.append(recipe)
    return recipes
