"""Features in files, for tests of what reads them."""

import itertools

import numpy as np

from autoscidact.data.sharded_array import ShardedArray


def stored(folder, values, n_shards=3, seed=0):
    """The values as a `ShardedArray` over files of unequal length in a folder."""
    random = np.random.default_rng(seed)
    cuts = np.sort(random.choice(np.arange(1, len(values)), n_shards - 1, replace=False))
    bounds = np.concatenate([[0], cuts, [len(values)]]).astype(np.int64)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for k, (start, stop) in enumerate(itertools.pairwise(bounds)):
        paths.append(folder / f"{k}.npy")
        # Several processes may ask for the same files: none may write what another one reads.
        if not paths[-1].exists():
            np.save(paths[-1], values[start:stop])
    return ShardedArray(tuple(paths), bounds, (None,) * n_shards, values.shape[1:], values.dtype)
