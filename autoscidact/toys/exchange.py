"""R and D as one pool from which both are drawn anew: permuting labels, seen as toys."""

import numpy as np
from numpy.typing import NDArray

from autoscidact.errors import UserError
from autoscidact.toys.pools import Pools
from autoscidact.toys.sampler import OBSERVED, ToyBatch, ToyDefinition
from autoscidact.toys.sizes import equal_weights


def exchangeable_pools(pools: Pools, reference: NDArray[np.int64], data: NDArray[np.int64]) -> Pools:
    """Pools of the events of R and D alone, both of which draw from all of them without replacement.

    Toys of |R| and |D| events use up this pool: each is a random permutation of the labels R and D. Whatever a
    statistic chooses by looking at R (kernel widths, Nystrom centres) it chooses here by looking at R and D alike,
    so that under the null all labellings are exchangeable and p is exact, whatever the sample sizes
    (Lehmann and Romano 2005, Sec. 15.2; Hemerik and Goeman 2018, doi:10.1007/s11749-017-0571-1).

    The events stand in an order of their own, by their points. Were R first and D last, a statistic that picks events
    by their place with one seed (centres) would pick as many of D for every observation, but another number for each
    permutation: at seed 0, |R|=200, |D|=50, one null observation in three was then above 1 sigma instead of one in six.

    Args:
        reference, data: rows of `pools`, different ones.

    Returns:
        R and D together without class labels (observed events have none), D being `observed`; then the signal events,
        for statistics that know what they look for.

    Raises:
        ValueError: an event is in R and in D, or twice in R.
    """
    if len(np.unique(np.concatenate([reference, data]))) != len(reference) + len(data):
        raise ValueError("permutations need different events in R and D")
    both = np.concatenate([reference, data])
    order = np.lexsort(pools.points[both].T)
    rows = np.concatenate([both[order], pools.signal])
    n = len(both)
    everything = np.arange(n)
    return Pools(
        points=pools.points[rows],
        ids=np.arange(len(rows)),
        weights=np.concatenate([np.ones(n), pools.weights[pools.signal]]),
        reference=everything,
        background=everything,
        signal=np.arange(n, len(rows)),
        mean=pools.mean,
        scale=pools.scale,
        labels=None,
        training=pools.training,
        observed=np.flatnonzero(order >= len(reference)),
        observers={name: values[rows] for name, values in pools.observers.items()},
    )


def permutations_of(pools: Pools, seed: int) -> ToyDefinition:
    """What defines the permutations of `exchangeable_pools`: toy i is the i-th of them."""
    n_data = len(pools.observed)
    return ToyDefinition(pools.fingerprint, len(pools.reference) - n_data, n_data, True, False, seed)


def as_labelled(pools: Pools) -> ToyBatch:
    """R and D as they are, as a batch of one toy of `exchangeable_pools`."""
    return ToyBatch(
        reference=np.setdiff1d(pools.reference, pools.observed)[None, :],
        data=(pools.observed,),
        n_signal=np.zeros(1, dtype=np.int64),
        index=np.array([OBSERVED], dtype=np.int64),
        expected=float(len(pools.observed)),
        f_s=0.0,
    )


def exchangeable_reference(pools: Pools, n_ref: int, seed: int) -> NDArray[np.int64]:
    """Rows of an R in which no event is twice: the pools' own where they draw without replacement.

    Of events with unequal weights, those are taken whose weight exceeds a uniform number times the largest
    ("unweighting"): a sample of the weighted distribution, at most |R| events of it.

    Raises:
        UserError: fewer than a tenth of |R| are left.
    """
    is_background = np.ones(len(pools.points) - pools.n_appended, dtype=bool)
    is_background[pools.signal] = False
    background = np.flatnonzero(is_background)
    weights = pools.weights[background]
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0x5EF, 1]))
    if equal_weights(weights):
        return rng.choice(pools.background, n_ref, replace=False) if pools.resampled else pools.reference
    kept = background[rng.random(len(background)) < weights / weights.max()]
    if len(kept) < n_ref / 10:
        raise UserError(
            f"permutations need events of equal weight: of {len(background)} only {len(kept)} are left when the "
            f"heaviest count as often as they weigh (weights from {weights.min():.3g} to {weights.max():.3g}); "
            "calibrate with toys"
        )
    return np.sort(rng.permutation(kept)[:n_ref])
