"""The Nystrom centres that all toys share: NPLM and the MMD use the same ones."""

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from autoscidact.errors import UserError
from autoscidact.toys.pools import Pools


def center_count(n_centers: int | Literal["auto"], n_ref: int, n_data: int) -> int:
    """M; "auto" is sqrt(|R| + |D|) (Letizia et al. 2022, arXiv:2204.02317)."""
    return math.isqrt(n_ref + n_data) if n_centers == "auto" else int(n_centers)


def shared_centers(pools: Pools, n_centers: int, seed: int) -> NDArray[np.int64]:
    """(M,) pool rows of centres, drawn from the reference without replacement.

    Raises:
        UserError: fewer different events in the reference than centres.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0xCE]))
    # A reference that was drawn by weight holds events more than once; a centre twice would be a singular basis.
    rows = pools.reference if pools.resampled else np.unique(pools.reference)
    if n_centers > len(rows):
        raise UserError(f"nplm.n_centers={n_centers}: the reference holds only {len(rows)} different events")
    return rng.choice(rows, n_centers, replace=False)
