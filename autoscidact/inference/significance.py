"""From the t of null and signal toys to rows of Z: one row per statistic, variant and signal fraction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoscidact.inference.combine import RULES, combined_p
from autoscidact.inference.null import AsymptoticNull, ChiSquareNull, EmpiricalNull, check_null, fit_asymptotic
from autoscidact.inference.pvalues import resolution, z_from_p
from autoscidact.statistics.contract import AsymptoticLaw

NAN = float("nan")
BEST_WIDTH = "best_width"
COMBINED = (*RULES, BEST_WIDTH)
"""Variants that are no single width: the rules of `combine`, and the best width."""


@dataclass(frozen=True)
class Significance:
    """What toys at one signal fraction say, for one variant of one statistic.

    The median toy stands for the experiment to expect, q16 and q84 for its spread. Empirical
    values come from the null toys themselves, asymptotic ones from the statistic's law fitted to
    them (`asymptotic_law`, for a chi-square with `chi2_df`; Kolmogorov-Smirnov p `asymptotic_ks_p`).
    NaN: not defined for this variant.
    """

    statistic: str
    variant: str
    width: float
    f_s: float
    n_null: int
    n_toys: int
    n_failed: int
    t_median: float
    p_empirical: float
    z_empirical: float
    z_empirical_is_bound: bool
    z_empirical_q16: float
    z_empirical_q84: float
    p_asymptotic: float
    z_asymptotic: float
    z_asymptotic_q16: float
    z_asymptotic_q84: float
    asymptotic_law: str
    chi2_df: float
    asymptotic_ks_p: float


def significances(
    statistic: str,
    variants: Mapping[str, float],
    null: NDArray[np.float64],
    toys: Mapping[float, NDArray[np.float64]],
    law: AsymptoticLaw = "chi2",
) -> list[Significance]:
    """All rows of one statistic: each variant and, if these are kernel widths, every combination and the best one.

    Failed fits (NaN) count against a discovery: a null toy whose fit failed is above
    everything, a signal toy whose fit failed below everything.

    Args:
        variants: name to kernel width (NaN where the statistic has none).
        null: (n, variants) t of null toys. toys: signal fraction to (m, variants).
        law: the statistic's, for asymptotic p.

    Raises:
        UserError: the null toys cannot calibrate.
    """
    names = list(variants)
    finite = np.where(np.isnan(null), np.inf, null)
    rows: list[Significance] = []
    for i, variant in enumerate(names):
        check_null(null[~np.isnan(null[:, i]), i], f"{statistic} {variant}")
        empirical = EmpiricalNull(finite[:, i])
        fitted = fit_asymptotic(law, null[~np.isnan(null[:, i]), i])
        for f_s, t in toys.items():
            rows.append(_one(statistic, variant, variants[variant], f_s, t[:, i], empirical, fitted, law))
    if len(names) > 1 and not np.isnan(list(variants.values())).any():
        rows += [_combined(statistic, rule, f_s, finite, t) for rule in RULES for f_s, t in toys.items()]
        rows += _best(rows, names, statistic)
    return rows


def _one(
    statistic: str,
    variant: str,
    width: float,
    f_s: float,
    t: NDArray[np.float64],
    empirical: EmpiricalNull,
    fitted: AsymptoticNull,
    law: AsymptoticLaw,
) -> Significance:
    failed = np.isnan(t)
    values = np.where(failed, -np.inf, t)
    median = float(np.median(values))
    low, high = np.quantile(values, [0.16, 0.84], method="nearest")
    z_low, z_median, z_high = empirical.z([low, median, high])
    return Significance(
        statistic=statistic,
        variant=variant,
        width=width,
        f_s=f_s,
        n_null=len(empirical.toys),
        n_toys=len(t),
        n_failed=int(failed.sum()),
        t_median=median,
        p_empirical=float(empirical.p(median)),
        z_empirical=float(z_median),
        z_empirical_is_bound=bool(empirical.is_bound(median)),
        z_empirical_q16=float(z_low),
        z_empirical_q84=float(z_high),
        p_asymptotic=float(fitted.p(median)),
        z_asymptotic=float(fitted.z(median)),
        z_asymptotic_q16=float(fitted.z(low)),
        z_asymptotic_q84=float(fitted.z(high)),
        asymptotic_law=law,
        chi2_df=fitted.df if isinstance(fitted, ChiSquareNull) else NAN,
        asymptotic_ks_p=fitted.ks_p,
    )


def permutation_significances(
    statistic: str, variants: Mapping[str, float], p: Mapping[float, NDArray[np.float64]], n_permutations: int
) -> list[Significance]:
    """Rows of a statistic that each toy calibrates itself, by permuting which of its events are data.

    Args:
        variants: name to kernel width. p: signal fraction to (m, variants) permutation p. n_permutations: of each toy.
    """
    return [
        _from_p(statistic, variant, width, f_s, values[:, i], n_permutations)
        for i, (variant, width) in enumerate(variants.items())
        for f_s, values in p.items()
    ]


def _combined(statistic: str, rule: str, f_s: float, null: NDArray[np.float64], t: NDArray[np.float64]) -> Significance:
    p = combined_p(np.where(np.isnan(t), -np.inf, t), null, RULES[rule])
    return _from_p(statistic, rule, NAN, f_s, p, len(null), np.asarray(np.isnan(t).any(axis=1)))


def _from_p(
    statistic: str,
    variant: str,
    width: float,
    f_s: float,
    p: NDArray[np.float64],
    n_null: int,
    failed: NDArray[np.bool_] | None = None,
) -> Significance:
    failed = np.isnan(p) if failed is None else failed
    low, median, high = np.quantile(np.where(np.isnan(p), 1.0, p), [0.16, 0.5, 0.84], method="nearest")
    return Significance(
        statistic=statistic,
        variant=variant,
        width=width,
        f_s=f_s,
        n_null=n_null,
        n_toys=len(p),
        n_failed=int(failed.sum()),
        t_median=NAN,
        p_empirical=float(median),
        z_empirical=float(z_from_p(median)),
        z_empirical_is_bound=bool(median <= resolution(n_null) * (1 + 1e-12)),
        z_empirical_q16=float(z_from_p(high)),
        z_empirical_q84=float(z_from_p(low)),
        p_asymptotic=NAN,
        z_asymptotic=NAN,
        z_asymptotic_q16=NAN,
        z_asymptotic_q84=NAN,
        asymptotic_law="-",
        chi2_df=NAN,
        asymptotic_ks_p=NAN,
    )


def _best(rows: list[Significance], names: list[str], statistic: str) -> list[Significance]:
    """The variant with the largest asymptotic Z over all fractions, as Fig. 3 of AutoSciDACT shows it.

    It is chosen by looking at the signal toys, so no look-elsewhere effect is paid.
    """
    known = not any(np.isnan(row.z_asymptotic) for row in rows if row.variant in names)

    def total(name: str) -> float:
        return total_z([row.z_asymptotic if known else row.z_empirical for row in rows if row.variant == name])

    best = max(names, key=total)
    return [Significance(**{**vars(row), "variant": BEST_WIDTH}) for row in rows if row.variant == best]


def total_z(z: Sequence[float]) -> float:
    """By what the best width is chosen: the sum of Z over the fractions, each between -5 and 5.

    Past 5 every width has seen enough, and an empirical Z is infinite where every null toy lies on one side.
    """
    return float(np.clip(z, -5.0, 5.0).sum())
