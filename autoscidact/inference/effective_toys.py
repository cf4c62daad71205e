"""What a pool of limited size makes of its toys: how many independent experiments they are worth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_REFERENCE = 5
"""|R| / |D| below which the reference's own fluctuations weaken the test visibly."""

MIN_DISJOINT = 10
"""Toys without a common event that a pool should be good for."""


@dataclass(frozen=True)
class EffectiveToys:
    """How independent toys are that share a pool.

    Attributes:
        n_toys: drawn. n_pool: events in the pool.
        n_pool_effective: (sum w)^2 / sum w^2 of its weights; all events where weights are equal.
        shared: part of its events that a toy has in common with another, on average; also the correlation between toys.
        disjoint: toys without a common event that the pool can make, 1 / shared.
        effective: independent toys whose average is as close to the population's as the average of these is.
    """

    n_toys: int
    n_pool: int
    n_pool_effective: float
    shared: float
    disjoint: float
    effective: float

    @property
    def spread_ratio(self) -> float:
        """By how much the toys' spread falls short of that between independent experiments: sqrt(1 - shared)."""
        return float(np.sqrt(1 - self.shared))


def effective_toys(n_toys: int, n_data: int, weights: NDArray[np.float64]) -> EffectiveToys:
    """For toys of n events, drawn without replacement from a pool of N, compared with one fixed R.

    Exact for a t that is a mean over the toy's events of any function g with variance s^2 in the population. Given the
    pool, a toy's t varies by (1 - n/N) s^2/n about the pool's own mean, which varies by s^2/N from pool to pool:
    together s^2/n, of which the part n/N is common to all toys of the pool. So n/N is the correlation between two toys
    (and the part of its events that a toy shares with another), and the average of K toys varies by

        (s^2/n) [n/N + (1 - n/N)/K],

    as that of K / (1 + (K - 1) n/N) independent toys would: never more than N/n, however many are drawn. The null's
    centre, and with it p, is known no better than that; its spread is too small by sqrt(1 - n/N). For other t this is
    the first order. Where R is drawn anew from the same pool the pool's mean drops out of t(R, D), and it is worse than
    the truth. With weights N is Kish's (sum w)^2 / sum w^2, which is the same reasoning for draws with probability w.

    Args:
        n_toys: K. n_data: n, background events of a toy. weights: (N,), of the events that toys draw from, positive.

    Raises:
        ValueError: an empty pool, or sizes below 1.
    """
    if len(weights) == 0 or n_toys < 1 or n_data < 1:
        raise ValueError("effective toys need a pool, at least one toy and at least one event in it")
    total = float(weights.sum() ** 2 / np.square(weights).sum())
    shared = min(1.0, n_data / total)
    return EffectiveToys(n_toys, len(weights), total, shared, 1 / shared, n_toys / (1 + (n_toys - 1) * shared))


def effective_reference(reference: NDArray[np.int64]) -> int:
    """Different events that R is worth: (sum m)^2 / sum m^2, m being how often it holds each."""
    times = np.unique(reference, return_counts=True)[1]
    return round(float(len(reference) ** 2 / np.square(times).sum()))


def size_warnings(n_ref: int, n_data: int, toys: EffectiveToys) -> list[str]:
    """Sentences to warn with: R not much larger than D, or a pool too small for its toys. Empty if all is well."""
    found = []
    if n_ref < MIN_REFERENCE * n_data:
        found.append(
            f"R is not much larger than D: |R|={n_ref} is {n_ref / n_data:.1f} times |D|={n_data}, so that t feels the "
            f"fluctuations of R as well; raise toys.n_ref to {MIN_REFERENCE * n_data}, or test fewer "
            "events (in discover: toys.n_data)"
        )
    if toys.disjoint < MIN_DISJOINT:
        weighted = (
            "" if toys.n_pool_effective > 0.99 * toys.n_pool else f" (worth {toys.n_pool_effective:.0f} by weight)"
        )
        found.append(
            f"toys overlap: a pool of {toys.n_pool} events{weighted} makes {toys.disjoint:.1f} toys of |D|={n_data} "
            f"without a common event, so that {toys.n_toys} toys are worth {toys.effective:.1f} independent ones and "
            f"their spread is too small by {1 - toys.spread_ratio:.0%}; test fewer events (in discover: "
            "toys.n_data), or add background events"
        )
    return found
