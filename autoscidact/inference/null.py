"""Null distributions: from null toys to p and Z, with what the toys can resolve."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import chdtr, digamma, gammaln, ndtr
from scipy.stats import chi2, kstest, norm

from autoscidact.errors import UserError
from autoscidact.inference.pvalues import empirical_p, resolution, z_from_log_p, z_from_p
from autoscidact.statistics.contract import AsymptoticLaw


@dataclass(frozen=True)
class EmpiricalNull:
    """The null toys themselves.

    Attributes:
        toys: (n,) t of the null toys.
    """

    toys: NDArray[np.float64]

    def p(self, t: ArrayLike) -> NDArray[np.float64]:
        """Empirical p, (1 + k) / (1 + n)."""
        return empirical_p(t, self.toys)

    def z(self, t: ArrayLike) -> NDArray[np.float64]:
        """Z of the empirical p; a bound where `is_bound` says so."""
        return z_from_p(self.p(t))

    def is_bound(self, t: ArrayLike) -> NDArray[np.bool_]:
        """True where t lies past every null toy, so that p is only bounded from above."""
        return self.p(t) <= resolution(len(self.toys)) * (1 + 1e-12)


@dataclass(frozen=True)
class ChiSquareNull:
    """A chi-square distribution fitted to the null toys (Letizia et al. 2022; Sec. 3.2 of AutoSciDACT).

    Attributes:
        df: degrees of freedom, by maximum likelihood.
        ks_p: Kolmogorov-Smirnov p of the toys against the fit. As df was fitted to the same
            toys it is somewhat too large; a small value still means that asymptotic Z is not to be trusted.
    """

    df: float
    ks_p: float

    @classmethod
    def fit(cls, toys: ArrayLike) -> "ChiSquareNull":
        """Fits df: digamma(df/2) + log 2 = mean log t, the likelihood equation of the chi-square.

        Returns a null with df = NaN where some t is not positive (no chi-square has such values).
        """
        values = np.asarray(toys, dtype=float)
        if (values <= 0).any():
            return cls(float("nan"), float("nan"))
        target = float(np.mean(np.log(values)))
        df = float(brentq(lambda nu: digamma(nu / 2) + np.log(2) - target, 1e-8, 4 * values.max() + 100))
        return cls(df, float(kstest(values, lambda t: chdtr(df, t)).pvalue))

    def p(self, t: ArrayLike) -> NDArray[np.float64]:
        """Survival function of the fitted chi-square; underflows to 0 far out, where `z` does not."""
        return np.asarray(chi2.sf(np.asarray(t, dtype=float), self.df))

    def z(self, t: ArrayLike) -> NDArray[np.float64]:
        """Z of the asymptotic p, computed from its logarithm."""
        return z_from_log_p(log_survival(t, self.df))


@dataclass(frozen=True)
class NormalNull:
    """A normal distribution fitted to the null toys: for sums over many events.

    Attributes:
        mean, spread: of the toys. ks_p: as of `ChiSquareNull`.
    """

    mean: float
    spread: float
    ks_p: float

    @classmethod
    def fit(cls, toys: ArrayLike) -> "NormalNull":
        """Takes the toys' mean and standard deviation."""
        values = np.asarray(toys, dtype=float)
        mean, spread = float(values.mean()), float(values.std(ddof=1))
        return cls(mean, spread, _normal_ks_p(values, mean, spread))

    def p(self, t: ArrayLike) -> NDArray[np.float64]:
        """Survival function of the fitted normal distribution."""
        return np.asarray(norm.sf(self.z(t)))

    def z(self, t: ArrayLike) -> NDArray[np.float64]:
        """(t - mean) / spread."""
        return np.asarray((np.asarray(t, dtype=float) - self.mean) / self.spread)


@dataclass(frozen=True)
class SignedRootNull:
    """sign(t) sqrt|t| is normal: for the likelihood ratio of one signed parameter (Cowan et al. 2011, Sec. 2).

    Theory gives mean 0 and spread 1 for templates without error. A finite reference widens it and, where it is the same
    for all toys, shifts it, so both are fitted; but bins that are nearly always empty narrow the null without making
    a signal more significant, so never to less than theory's.

    Attributes:
        root: of sign(t) sqrt|t|.
    """

    root: NormalNull

    @classmethod
    def fit(cls, toys: ArrayLike) -> "SignedRootNull":
        """Takes mean and standard deviation of the toys' signed roots, at least 0 and 1."""
        roots = signed_root(toys)
        mean, spread = max(0.0, float(roots.mean())), max(1.0, float(roots.std(ddof=1)))
        return cls(NormalNull(mean, spread, _normal_ks_p(roots, mean, spread)))

    @property
    def ks_p(self) -> float:
        """Kolmogorov-Smirnov p of the signed roots against the fit."""
        return self.root.ks_p

    def p(self, t: ArrayLike) -> NDArray[np.float64]:
        """Survival function of the normal distribution fitted to the signed roots."""
        return self.root.p(signed_root(t))

    def z(self, t: ArrayLike) -> NDArray[np.float64]:
        """(sign(t) sqrt|t| - mean) / spread."""
        return self.root.z(signed_root(t))


def signed_root(t: ArrayLike) -> NDArray[np.float64]:
    """sign(t) sqrt|t|."""
    values = np.asarray(t, dtype=float)
    return np.asarray(np.sign(values) * np.sqrt(np.abs(values)))


def _normal_ks_p(values: NDArray[np.float64], mean: float, spread: float) -> float:
    return float(kstest(values, lambda t: ndtr((t - mean) / spread)).pvalue)


AsymptoticNull = ChiSquareNull | NormalNull | SignedRootNull


def fit_asymptotic(law: AsymptoticLaw, toys: ArrayLike) -> AsymptoticNull:
    """The null distribution of this law, fitted to null toys."""
    families: dict[AsymptoticLaw, type[AsymptoticNull]] = {
        "chi2": ChiSquareNull,
        "normal": NormalNull,
        "signed_root": SignedRootNull,
    }
    return families[law].fit(toys)


def log_survival(t: ArrayLike, df: float) -> NDArray[np.float64]:
    """Logarithm of the chi-square's survival function, finite also where the function itself underflows.

    Far out it is log Q(a, x), a = df/2, x = t/2, by Legendre's continued fraction (Abramowitz and
    Stegun 6.5.31), which 30 terms give to a relative 1e-13 there; scipy's logsf is minus infinity.
    """
    values = np.asarray(t, dtype=float)
    log_p = np.asarray(chi2.logsf(values, df))
    far = (log_p < -640) & np.isfinite(values)
    a = df / 2
    x = np.where(far, values / 2, a + 1)
    rest = x + 61 - a
    for k in range(30, 0, -1):
        rest = x + 2 * k - 1 - a - k * (k - a) / rest
    return np.where(far, -x + a * np.log(x) - gammaln(a) - np.log(rest), log_p)


def check_null(toys: NDArray[np.float64], name: str) -> None:
    """Raises UserError where null toys cannot calibrate anything: too few, or all alike."""
    if len(toys) < 2:
        raise UserError(f"{name}: {len(toys)} null toys cannot calibrate; raise toys.n_null")
    if np.ptp(toys) == 0:
        raise UserError(f"{name}: all {len(toys)} null toys give t={toys[0]:g}; the statistic sees nothing to vary")
