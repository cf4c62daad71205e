"""The Nystrom centres that all toys share: NPLM and the MMD use the same ones."""

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from autoscidact.toys.pools import Pools


def center_count(n_centers: int | Literal["auto"], n_ref: int, n_data: int) -> int:
    """M; "auto" is sqrt(|R| + |D|) (Letizia et al. 2022, arXiv:2204.02317)."""
    return math.isqrt(n_ref + n_data) if n_centers == "auto" else int(n_centers)


def shared_centers(pools: Pools, n_centers: int, seed: int) -> NDArray[np.int64]:
    """(M,) pool rows of centres, drawn from the reference without replacement."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0xCE]))
    return rng.choice(pools.reference, n_centers, replace=False)
