"""Does the search say what it should: rates of false alarms, uniformity of p, and power."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import betabinom, binom, kstest, kstwobign, norm

from autoscidact.inference.intervals import binomial_interval

LEVELS = (1.0, 2.0, 3.0)
"""Z at which rates are shown."""


@dataclass(frozen=True)
class Rate:
    """How many of n pseudo-observations reach Z = level.

    Attributes:
        level: Z. nominal: the p that belongs to it.
        attainable: the largest p at or below `nominal` that the calibration can give; 0 where there is none.
        k, n: pseudo-observations with p <= nominal, and all of them. rate: k / n.
        low, high: 95 % Clopper-Pearson interval of the rate.
    """

    level: float
    nominal: float
    attainable: float
    k: int
    n: int
    rate: float
    low: float
    high: float


@dataclass(frozen=True)
class Coverage:
    """A rate of false alarms beside what a calibrated test gives.

    Attributes:
        rate: as found.
        expected_low, expected_high: the central 95 % of rates that a calibrated test gives.
        inside: whether the rate lies there.
    """

    rate: Rate
    expected_low: float
    expected_high: float
    inside: bool


def coverage(
    p: NDArray[np.float64],
    levels: Sequence[float] = LEVELS,
    n_null: int | None = None,
    n_shared: int | None = None,
) -> list[Coverage]:
    """Type-I error at each level, over pseudo-observations without signal.

    If p are empirical only multiples of 1/(1+n_null) occur, and the rate to expect at a level is the largest of those
    at or below it. If all pseudo-observations are compared with the SAME null toys their p are not independent: given n
    null toys the true rate below the j-th smallest p is Beta(j, n + 1 - j), so that k is beta-binomial, not binomial.
    With 500 of either the spread is 1.4 times the binomial one: a plain binomial interval would be missed by 17 % of
    calibrated tests.

    Args:
        p: (n,), p of each pseudo-observation.
        n_null: null toys or permutations behind each p; None where p is continuous.
        n_shared: how many null toys all p share; None where each p has its own, as with permutations.
    """
    rows = []
    for rate in power(p, levels, n_null):
        chance = binom(rate.n, rate.attainable)
        if n_shared is not None:
            j = np.floor(rate.attainable * (n_shared + 1) + 1e-9)
            if j > 0:
                chance = betabinom(rate.n, j, n_shared + 1 - j)
        low, high = chance.ppf([0.025, 0.975]) / rate.n
        rows.append(Coverage(rate, float(low), float(high), bool(low <= rate.rate <= high)))
    return rows


def power(p: NDArray[np.float64], levels: Sequence[float] = LEVELS, n_null: int | None = None) -> list[Rate]:
    """How often pseudo-observations, with signal or without, reach each level.

    Args:
        p: (m,). n_null: as in `coverage`.
    """
    rows = []
    for level in levels:
        nominal = float(norm.sf(level))
        attainable = nominal if n_null is None else float(np.floor(nominal * (1 + n_null) + 1e-9) / (1 + n_null))
        # Rounding must not push a p that equals its level over it.
        k = int(np.count_nonzero(p <= nominal * (1 + 1e-12)))
        low, high = binomial_interval(k, len(p))
        rows.append(Rate(float(level), nominal, attainable, k, len(p), k / len(p), float(low), float(high)))
    return rows


def uniformity(p: NDArray[np.float64], n_null: int | None = None, n_shared: int | None = None, seed: int = 0) -> float:
    """Kolmogorov-Smirnov p of p against the uniform distribution.

    Empirical p are steps of 1/(1+n_null); each is moved down by a random part of its step (with the seed given), which
    makes them exactly uniform if they are calibrated. Where all share n_shared null toys, both samples fluctuate: the
    test is then that of two samples, of effective size m n / (m + n).

    Args:
        p: (m,). n_null, n_shared: as in `coverage`.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0xC0]))
    spread = p if n_null is None else p - rng.uniform(size=len(p)) / (1 + n_null)
    found = kstest(np.clip(spread, 0.0, 1.0), "uniform")
    if n_shared is None:
        return float(found.pvalue)
    size = len(p) * n_shared / (len(p) + n_shared)
    return float(kstwobign.sf(np.sqrt(size) * found.statistic))
