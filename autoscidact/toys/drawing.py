"""Drawing events: by weight, R and D disjoint, from the background as it is or as it might be."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoscidact.errors import UserError
from autoscidact.toys.pools import Pools
from autoscidact.toys.sizes import equal_weights
from autoscidact.toys.variations import varied_weights


@dataclass(frozen=True)
class Source:
    """What the background part of one toy's data is drawn from.

    Attributes:
        rows: the events, those of the pools' background first, then those of alternative samples.
        weights: how likely each is.
        growth: of the expected number of events.
        distinct: no event is drawn twice, as without variations where all weights are equal.
    """

    rows: NDArray[np.int64]
    weights: NDArray[np.float64]
    growth: float
    distinct: bool

    def without(self, places: NDArray[np.int64], n_background: int) -> "Source":
        """Without some of the first `n_background` events; what is left of these stands for all of them."""
        keep = np.ones(len(self.rows), dtype=bool)
        keep[places] = False
        weights = self.weights.copy()
        before, after = weights[:n_background].sum(), weights[:n_background][keep[:n_background]].sum()
        if after > 0 and n_background < len(weights):
            weights[:n_background] *= before / after
        return Source(self.rows[keep], weights[keep], self.growth, self.distinct)

    def draw(self, rng: np.random.Generator, size: int) -> NDArray[np.int64]:
        """(size,) events. Raises UserError where there are fewer."""
        return (draw_distinct if self.distinct else draw)(rng, self.rows, self.weights, size)


def background_source(rng: np.random.Generator, pools: Pools, varied: bool) -> Source:
    """The background of one toy: nominal, or with every source of uncertainty off by a random pull.

    Args:
        varied: one standard normal pull is drawn for each of the pools' variations.
    """
    nominal = pools.weights[pools.background]
    if not varied:
        return Source(pools.background, nominal, 1.0, distinct=False)
    rows = np.concatenate([pools.background, *(variation.rows for variation in pools.variations)])
    weights = np.concatenate([nominal, np.zeros(len(rows) - len(nominal))])
    variations = [variation.at(rows) for variation in pools.variations]
    shifted = varied_weights(weights, variations, rng.standard_normal(len(variations)))
    # Rates that are off by their whole size leave nothing: no event is expected.
    growth = float(shifted.sum() / weights.sum())
    return Source(rows, shifted if growth > 0 else weights, growth, equal_weights(nominal))


def draw(
    rng: np.random.Generator, rows: NDArray[np.int64], weights: NDArray[np.float64], size: int
) -> NDArray[np.int64]:
    """(size,) of `rows`: without replacement, or where weights differ with it and in proportion to them.

    Raises:
        UserError: fewer events than asked for.
    """
    if size == 0:
        return np.empty(0, dtype=np.int64)
    if np.all(weights == weights[0]):
        _check_enough(size, len(rows))
        return rng.choice(rows, size, replace=False)
    return rng.choice(rows, size, replace=True, p=weights / weights.sum())


def draw_distinct(
    rng: np.random.Generator, rows: NDArray[np.int64], weights: NDArray[np.float64], size: int
) -> NDArray[np.int64]:
    """(size,) different ones of `rows`, in proportion to weight: each that comes up is kept with probability w / max w.

    Unlike draws one after the other without replacement, this keeps the proportions however much of the pool is used,
    until nothing of it is left; then events are drawn with replacement.
    """
    order = rng.permutation(len(rows))
    kept = order[rng.random(len(rows)) * weights.max() < weights[order]]
    return rows[kept[:size]] if len(kept) >= size else draw(rng, rows, weights, size)


def draw_disjoint(
    rng: np.random.Generator, pools: Pools, source: Source, n_ref: int, n_background: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """R from the pools' background and D from `source`, with no event in both.

    Raises:
        UserError: fewer events than asked for.
    """
    rows, weights = pools.background, pools.weights[pools.background]
    if np.all(weights == weights[0]):
        _check_enough(n_ref + n_background, len(rows))
        if source.rows is rows:
            drawn = rng.choice(rows, n_ref + n_background, replace=False)
            return drawn[:n_ref], drawn[n_ref:]
        taken = rng.choice(len(rows), n_ref, replace=False)
        rest = source.without(taken, len(rows))
        return rows[taken], rest.draw(rng, n_background)
    # Drawn with replacement, R and D must not meet: each gets a random half of the pool.
    half = rng.permutation(len(rows))[: len(rows) // 2]
    rest = source.without(half, len(rows))
    return draw(rng, rows[half], weights[half], n_ref), rest.draw(rng, n_background)


def _check_enough(wanted: int, there: int) -> None:
    if wanted > there:
        raise UserError(
            f"a toy whose size fluctuates asks for {wanted} events of a pool of {there}; "
            "lower toys.n_data or f_s, or set toys.poisson=false"
        )
