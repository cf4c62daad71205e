"""Past the last null toy: p, its interval, and quantiles of a generalised Pareto tail."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import ndtri_exp
from scipy.stats import chi2, norm

from autoscidact.inference.intervals import binomial_interval
from autoscidact.inference.null import AsymptoticNull
from autoscidact.inference.pareto import ParetoFit, allowed_pairs, bisect, excess_at, log_survival
from autoscidact.inference.pvalues import empirical_p

Array = NDArray[np.float64]


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
        """Point estimate, above 0 as far as numbers reach; at and below the threshold the empirical p.

        It is the most likely tail without an end point (shape at least 0), whether or not t lies past the end point of
        a better fit: no finite number of toys shows that t cannot be larger. So it falls with t throughout.
        """
        return np.exp(self.log_p(t))

    def interval(self, t: ArrayLike, confidence: float = 0.95) -> tuple[Array, Array]:
        """Interval of p(t) by profile likelihood over p_u, scale and shape; Clopper-Pearson at and below the threshold.

        Low is 0 where shapes below 0 that the toys allow end before t: from so few toys Z has no upper limit there.
        The point estimate always lies inside.
        """
        low, high = self.log_interval(t, confidence)
        return np.exp(low), np.exp(high)

    def log_p(self, t: ArrayLike) -> Array:
        """Logarithm of `p`, finite also where p underflows."""
        values = np.asarray(t, dtype=float)
        log_s = log_survival(self._excess(values), np.array(self.scale), np.array(self.shape))
        log_tail = _with_failed(self._log_above + log_s, self.n_failed / len(self.toys))
        return np.asarray(np.where(values > self.threshold, log_tail, np.log(empirical_p(values, self.toys))))

    def log_interval(self, t: ArrayLike, confidence: float = 0.95) -> tuple[Array, Array]:
        """Logarithms of the ends of `interval`; minus infinity where p may be 0."""
        values = np.asarray(t, dtype=float)
        scales, shapes, log_low, log_high = self._allowed(confidence)
        log_s = log_survival(self._excess(values)[..., None], scales, shapes)
        failed = self._failed(confidence)
        low = _with_failed((log_s + log_low).min(axis=-1), failed[0])
        high = np.maximum(_with_failed((log_s + log_high).max(axis=-1), failed[1]), self.log_p(values))
        n = len(self.toys)
        counted = binomial_interval(np.rint(empirical_p(values, self.toys) * (n + 1) - 1), n, confidence)
        with np.errstate(divide="ignore"):
            ends = np.log(counted[0]), np.log(counted[1])
        past = values > self.threshold
        return np.where(past, low, ends[0]), np.where(past, high, ends[1])

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
        failed_low, failed_high = self._failed(confidence)
        point = _excess_at(p, floor, self._log_above, np.array([self.scale]), np.array([self.shape])).max()
        low = _excess_at(p, failed_low, log_low, scales, shapes).min()
        high = max(point, _excess_at(p, failed_high, log_high, scales, shapes).max())
        return self._inverse(point), self._inverse(low), self._inverse(high)

    @property
    def _n_worked(self) -> int:
        return len(self.toys) - self.n_failed

    @property
    def _log_above(self) -> float:
        return float(np.log(self.n_exceedances / self._n_worked))

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
            deviance = 2 * (k * np.log(rate / tried) + (n - k) * np.log((1 - rate) / (1 - tried)))
            return np.asarray(deviance - pairs.left)

        most = np.full_like(pairs.left, rate)
        low = bisect(over_budget, 1e-9 * most, most)
        high = bisect(lambda tried: -over_budget(tried), most, np.full_like(most, 1 - 1e-9))
        return pairs.scales, pairs.shapes, np.log(low), np.log(high)

    def _excess(self, t: Array) -> Array:
        """y(t) - y(u), 0 below the threshold."""
        return np.asarray(np.maximum(norm.logsf(self.law.z(self.threshold)) - norm.logsf(self.law.z(t)), 0.0))

    def _inverse(self, excess: float) -> float:
        """t at which -log p of the law lies that far above its value at the threshold."""
        if np.isinf(excess):
            return float("inf")
        z = -float(ndtri_exp(norm.logsf(float(self.law.z(self.threshold))) - excess))
        low, step = float(np.min(self.toys)), float(self.threshold - np.min(self.toys))
        high = self.threshold + step
        while float(self.law.z(high)) < z:
            step *= 2
            high += step
        return float(brentq(lambda t: float(self.law.z(t)) - z, low, high, rtol=1e-12))


def _with_failed(log_p: Array, failed: float) -> Array:
    """log of failed + (1 - failed) p."""
    return log_p if failed == 0 else np.asarray(np.log(failed + (1 - failed) * np.exp(log_p)))


def _excess_at(p: float, failed: float, log_above: ArrayLike, scales: Array, shapes: Array) -> Array:
    """Excess that toys pass with probability p: `failed` of them, and of the rest exp(log_above) times S."""
    if p <= failed:
        return np.full_like(scales, np.inf)
    return excess_at(np.log((p - failed) / (1 - failed)) - np.asarray(log_above), scales, shapes)
