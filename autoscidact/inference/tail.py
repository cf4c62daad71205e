"""Past the last null toy: a generalised Pareto tail of the null, with the interval that the toys allow."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import ndtri_exp
from scipy.stats import chi2, norm

from autoscidact.inference.anderson_darling import pareto_fit_p
from autoscidact.inference.intervals import binomial_interval
from autoscidact.inference.null import AsymptoticNull
from autoscidact.inference.pareto import ParetoFit, allowed_pairs, best_scales, bisect, fit_pareto, log_survival
from autoscidact.inference.pvalues import empirical_p

Array = NDArray[np.float64]

MIN_TOYS = 100
MIN_EXCEEDANCES = 40
MAX_EXCEEDANCES = 1000
LARGEST_FRACTION = 0.4
"""Of the null toys, that may count as its tail."""

ACCEPTED_FIT = 0.05
_SHRINK = 0.8


@dataclass(frozen=True)
class GeneralisedParetoTail:
    """Toys above a threshold follow p(t) = p_u S(y(t) - y(u)), S generalised Pareto, y = -log p of a fitted law.

    Attributes:
        toys: (n,) t of the null toys; inf where the fit failed.
        law: what gives y(t).
        threshold: u, in t.
        excess: (n_exceedances,) y(t) - y(u) of the toys above it.
        best: the fit, shape and scale free.
        shape, scale: those of the point estimate, shape at least 0.
        fit_p: Anderson-Darling p of the exceedances against the best fit; a small one says not to trust the tail.
    """

    toys: Array
    law: AsymptoticNull
    threshold: float
    excess: Array
    best: ParetoFit
    shape: float
    scale: float
    fit_p: float

    @property
    def n_exceedances(self) -> int:
        """Toys that the tail is fitted to."""
        return len(self.excess)

    @property
    def n_failed(self) -> int:
        """Null toys without a t, which lie above everything, so that no p can be below their part."""
        return int(np.isinf(self.toys).sum())

    def p(self, t: ArrayLike) -> Array:
        """Point estimate; never 0. At and below the threshold the empirical p.

        It is the most likely tail without an end point (shape at least 0), whether or not t lies past the end point of
        a better fit: no finite number of toys shows that t cannot be larger. So it falls with t throughout.
        """
        values = np.asarray(t, dtype=float)
        x = np.maximum(self._excess(values), 0.0)
        above = self.n_exceedances / self._n_worked
        tail = above * np.exp(log_survival(x, np.array(self.scale), np.array(self.shape)))
        floor = self.n_failed / len(self.toys)
        return np.where(values > self.threshold, floor + (1 - floor) * tail, empirical_p(values, self.toys))

    def interval(self, t: ArrayLike, confidence: float = 0.95) -> tuple[Array, Array]:
        """Interval of p(t) by profile likelihood over p_u, scale and shape; Clopper-Pearson at and below the threshold.

        Low is 0 where shapes below 0 that the toys allow end before t: from so few toys Z has no upper limit there.
        The point estimate always lies inside.
        """
        values = np.atleast_1d(np.asarray(t, dtype=float))
        x = np.maximum(self._excess(values), 0.0)
        scales, shapes, log_low, log_high = self._allowed(confidence)
        log_s = log_survival(x[:, None], scales, shapes)
        failed_low, failed_high = self._failed(confidence)
        low = failed_low + (1 - failed_low) * np.exp((log_s + log_low).min(axis=1))
        high = failed_high + (1 - failed_high) * np.exp((log_s + log_high).max(axis=1))
        n = len(self.toys)
        inside = binomial_interval(np.rint(empirical_p(values, self.toys) * (n + 1) - 1), n, confidence)
        past = values > self.threshold
        low, high = np.where(past, low, inside[0]), np.where(past, np.maximum(high, self.p(values)), inside[1])
        return low.reshape(np.shape(t)), high.reshape(np.shape(t))

    def quantile(self, p: float, confidence: float = 0.95) -> tuple[float, float, float]:
        """t that the null exceeds with probability p: (point, low, high), the inverses of `p` and `interval`.

        inf where failed null toys, or for `high` those that there may be, make up more than p.

        Raises:
            ValueError: p does not lie in the tail.
        """
        if not 0 < p < self.n_exceedances / self._n_worked:
            raise ValueError(f"p={p:g} must lie between 0 and {self.n_exceedances / self._n_worked:g}, the tail")
        scales, shapes, log_low, log_high = self._allowed(confidence)
        floor = self.n_failed / len(self.toys)
        above = np.log(self.n_exceedances / self._n_worked)
        point = _excess_at(above, p, floor, np.array([self.scale]), np.array([self.shape])).max()
        failed_low, failed_high = self._failed(confidence)
        low = _excess_at(log_low, p, failed_low, scales, shapes).min()
        high = max(point, _excess_at(log_high, p, failed_high, scales, shapes).max())
        start = -norm.logsf(float(self.law.z(self.threshold)))
        return self._inverse(start + point), self._inverse(start + low), self._inverse(start + high)

    @property
    def _n_worked(self) -> int:
        return len(self.toys) - self.n_failed

    def _failed(self, confidence: float) -> tuple[float, float]:
        """Interval of the part of toys that fail; none at all where none has."""
        if self.n_failed == 0:
            return 0.0, 0.0
        low, high = binomial_interval(self.n_failed, len(self.toys), confidence)
        return float(low), float(high)

    def _allowed(self, confidence: float) -> tuple[Array, Array, Array, Array]:
        """Pairs of scale and shape in the likelihood region, and the range that each leaves to log p_u."""
        pairs = allowed_pairs(self.excess, self.best, float(chi2.ppf(confidence, 1)))
        k, n = self.n_exceedances, self._n_worked
        rate = k / n

        def over_budget(tried: Array) -> Array:
            return 2 * (k * np.log(rate / tried) + (n - k) * np.log((1 - rate) / (1 - tried))) - pairs.left

        most = np.full_like(pairs.left, rate)
        low = bisect(over_budget, 1e-9 * most, most)
        high = bisect(lambda tried: -over_budget(tried), most, np.full_like(most, 1 - 1e-9))
        return pairs.scales, pairs.shapes, np.log(low), np.log(high)

    def _excess(self, t: Array) -> Array:
        return np.asarray(norm.logsf(self.law.z(self.threshold)) - norm.logsf(self.law.z(t)))

    def _inverse(self, y: float) -> float:
        """t at which -log p of the law is y."""
        if np.isinf(y):
            return y
        z = -float(ndtri_exp(-y))
        low, step = float(np.min(self.toys)), float(self.threshold - np.min(self.toys))
        high = self.threshold + step
        while float(self.law.z(high)) < z:
            step *= 2
            high += step
        return float(brentq(lambda t: float(self.law.z(t)) - z, low, high, rtol=1e-12))


def fit_tail(null: ArrayLike, law: AsymptoticNull) -> GeneralisedParetoTail | None:
    """Peaks over a threshold (Pickands 1975), as Knijnenburg et al. (2009) use them for permutations.

    Two departures from the latter. The exceedances are of y = -log p of the law fitted to the same toys, not of t: if
    the law holds their distribution is exponential (shape 0) from any threshold on, and if it does not y is still
    nearer to it than t. And p past the fitted end point is not 0, see `GeneralisedParetoTail.p`.

    The number of exceedances starts at 0.4 n (at most 1000) and falls by a fifth at a time, to no fewer than 40, until
    their Anderson-Darling p exceeds 0.05; if it never does the last fit stands, and its `fit_p` says so.

    MEASURED

    Args:
        null: (n,) t of the null toys; inf where the fit failed, never NaN.
        law: fitted to the toys that have a t; increasing in t. It need not describe them well.

    Returns:
        None where there is no tail to fit: fewer than 100 toys that worked, or all toys above the threshold alike.

    Raises:
        ValueError: a NaN among the toys, or from the law.
    """
    toys = np.asarray(null, dtype=float)
    ordered = np.sort(toys[~np.isinf(toys)])
    if np.isnan(toys).any() or np.isnan(law.z(ordered)).any():
        raise ValueError("null toys and the law's Z of them must not be NaN")
    if len(ordered) < MIN_TOYS:
        return None
    n_tail = min(MAX_EXCEEDANCES, int(LARGEST_FRACTION * len(ordered)))
    while True:
        tail = _fit(toys, ordered, law, n_tail)
        if tail is None or tail.fit_p > ACCEPTED_FIT or n_tail == MIN_EXCEEDANCES:
            return tail
        n_tail = max(MIN_EXCEEDANCES, int(_SHRINK * n_tail))


def _fit(toys: Array, ordered: Array, law: AsymptoticNull, n_tail: int) -> GeneralisedParetoTail | None:
    threshold = float(ordered[-n_tail - 1] + ordered[-n_tail]) / 2
    above = ordered[ordered > threshold]
    excess = np.asarray(norm.logsf(law.z(threshold)) - norm.logsf(law.z(above)))
    if len(above) < 2 or np.ptp(excess) == 0:
        return None
    best = fit_pareto(excess)
    shape = max(best.shape, 0.0)
    scale = best.scale if shape == best.shape else float(best_scales(excess, np.zeros(1))[0])
    fit_p = pareto_fit_p(excess, best.scale, best.shape)
    return GeneralisedParetoTail(toys, law, threshold, excess, best, shape, scale, fit_p)


def _excess_at(log_above: ArrayLike, p: float, floor: float, scales: Array, shapes: Array) -> Array:
    """Excess x with floor + (1 - floor) p_u S(x) = p."""
    if p <= floor:
        return np.full_like(scales, np.inf)
    ratio = np.asarray(log_above) - np.log((p - floor) / (1 - floor))
    exponential = np.abs(shapes) < 1e-9
    safe = np.where(exponential, 1.0, shapes)
    return np.asarray(scales * np.where(exponential, ratio, np.expm1(safe * ratio) / safe))
