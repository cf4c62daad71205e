"""From the t of null toys and of one observation to what may be claimed: one row a variant, and a row a combination."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoscidact.errors import UserError
from autoscidact.inference.combine import RULES
from autoscidact.inference.intervals import binomial_interval
from autoscidact.inference.null import AsymptoticNull, ChiSquareNull, NormalNull, fit_asymptotic
from autoscidact.inference.pareto_tail import GeneralisedParetoTail
from autoscidact.inference.pvalues import z_from_log_p
from autoscidact.inference.significance import Significance, significances
from autoscidact.inference.tail import fit_tail
from autoscidact.statistics.contract import AsymptoticLaw

NAN = float("nan")
MAX_Z = "max_z"
"""The combination that is a number and not a rank: the largest asymptotic Z over the widths."""

_OBSERVED, _EXPECTED = 0.0, 1.0
_LEAST_Z = -9.0


@dataclass(frozen=True)
class ObservedSignificance:
    """What one observation says, for one variant of one statistic.

    Empirical: (1 + k) / (1 + n), k of n null toys at or above the observation, with the 95 % Clopper-Pearson interval
    of the rate behind k; Z is a bound past the last toy. Asymptotic: the statistic's law fitted to the null toys, to be
    read with `asymptotic_ks_p`. Tail: the generalised Pareto tail of the null with its 95 % interval, fitted to
    `n_tail` toys and to be read with `tail_fit_p`; `z_tail_high` infinite means that the toys give Z no upper limit.
    Expected: empirical Z of the median toy with signal at fraction `f_s`, and of the 16 % and 84 % toys.
    NaN: not defined for this variant, or no such toys.
    """

    statistic: str
    variant: str
    width: float
    calibration: str
    n_null: int
    t_observed: float
    p_empirical: float
    p_empirical_low: float
    p_empirical_high: float
    z_empirical: float
    z_empirical_is_bound: bool
    p_asymptotic: float
    z_asymptotic: float
    asymptotic_law: str
    asymptotic_ks_p: float
    p_tail: float
    p_tail_low: float
    p_tail_high: float
    z_tail: float
    z_tail_low: float
    z_tail_high: float
    n_tail: int
    tail_fit_p: float
    f_s: float
    z_expected: float
    z_expected_q16: float
    z_expected_q84: float
    z_expected_is_bound: bool


def observed_significances(
    statistic: str,
    variants: Mapping[str, float],
    null: NDArray[np.float64],
    observed: NDArray[np.float64],
    law: AsymptoticLaw,
    calibration: str = "toys",
    f_s: float = NAN,
    signal: NDArray[np.float64] | None = None,
) -> list[ObservedSignificance]:
    """All rows of one statistic: each variant and, if these are kernel widths, every combination.

    Combinations are the rules of `combine`, whose p are empirical, and `max_z`: the largest asymptotic Z over the
    widths, calibrated on the null toys' own largest Z, so that the look-elsewhere effect is paid. As that is a number
    it has a tail, and with it a combined claim past the toys' reach.

    A null toy whose fit failed (NaN) is above everything, a signal toy whose fit failed below everything.

    Args:
        variants: name to kernel width (NaN where the statistic has none).
        null: (n, variants) t of null toys, however they were made: `calibration` names it.
        observed: (variants,) t of the observation.
        law: the statistic's, for asymptotic p and for the scale that the tail is fitted on.
        f_s, signal: signal fraction and (m, variants) t of toys that hold it.

    Raises:
        UserError: the fit to the observed data failed, or the null toys cannot calibrate.
    """
    failed = [name for name, t in zip(variants, observed, strict=True) if np.isnan(t)]
    if failed:
        raise UserError(
            f"{statistic}: the fit to the observed data failed at {', '.join(failed)}, which leaves nothing to claim; "
            "for nplm raise nplm.penalty or drop that kernel width"
        )
    toys = {_OBSERVED: observed[None, :]} | ({} if signal is None else {_EXPECTED: signal})
    found = significances(statistic, variants, null, toys, law)
    laws = [_increasing_law(law, _worked(null[:, i])) for i in range(len(variants))]
    tails = {name: fit_tail(_or(null[:, i], np.inf), laws[i]) for i, name in enumerate(variants)}
    if len(variants) > 1 and not np.isnan(list(variants.values())).any():
        z_null = largest_z(null, laws, np.inf)
        z_toys = {key: largest_z(t, laws, -np.inf)[:, None] for key, t in toys.items()}
        usable = np.where(np.isinf(z_null), NAN, z_null)
        found += significances(statistic, {MAX_Z: NAN}, usable[:, None], z_toys, "normal")
        tails[MAX_Z] = fit_tail(z_null, NormalNull.fit(z_null[np.isfinite(z_null)]))
    wanted = (*variants, *(RULES if MAX_Z in tails else ()), *((MAX_Z,) if MAX_Z in tails else ()))
    rows = {(row.variant, row.f_s): row for row in found}
    return [
        _row(rows[name, _OBSERVED], rows.get((name, _EXPECTED)), tails.get(name), calibration, f_s) for name in wanted
    ]


def largest_z(t: NDArray[np.float64], laws: list[AsymptoticNull], failed: float) -> NDArray[np.float64]:
    """The largest asymptotic Z over the widths, (n,) of (n, widths); `failed` where a width has no t."""
    z = np.stack([law.z(t[:, i]) for i, law in enumerate(laws)], axis=1)
    # A t so small that its p rounds to 1 has Z of minus infinity, of which no mean can be taken.
    z = np.maximum(z, _LEAST_Z)
    return np.where(np.isnan(t).any(axis=1), failed, z.max(axis=1))


def _row(
    seen: Significance,
    expected: Significance | None,
    tail: GeneralisedParetoTail | None,
    calibration: str,
    f_s: float,
) -> ObservedSignificance:
    low, high = binomial_interval(round(seen.p_empirical * (1 + seen.n_null)) - 1, seen.n_null)
    own_law = seen.variant != MAX_Z
    log_tail = np.full(3, NAN)
    if tail is not None:
        log_tail = np.array([tail.log_p(seen.t_median), *tail.log_interval(seen.t_median)])
    p_tail, p_tail_low, p_tail_high = np.exp(log_tail).tolist()
    z_tail, z_tail_high, z_tail_low = z_from_log_p(log_tail).tolist()
    return ObservedSignificance(
        statistic=seen.statistic,
        variant=seen.variant,
        width=seen.width,
        calibration=calibration,
        n_null=seen.n_null,
        t_observed=seen.t_median,
        p_empirical=seen.p_empirical,
        p_empirical_low=float(low),
        p_empirical_high=float(high),
        z_empirical=seen.z_empirical,
        z_empirical_is_bound=seen.z_empirical_is_bound,
        p_asymptotic=seen.p_asymptotic if own_law else NAN,
        z_asymptotic=seen.z_asymptotic if own_law else NAN,
        asymptotic_law=seen.asymptotic_law if own_law else "-",
        asymptotic_ks_p=seen.asymptotic_ks_p if own_law else NAN,
        p_tail=p_tail,
        p_tail_low=p_tail_low,
        p_tail_high=p_tail_high,
        z_tail=z_tail,
        z_tail_low=z_tail_low,
        z_tail_high=z_tail_high,
        n_tail=0 if tail is None else tail.n_exceedances,
        tail_fit_p=NAN if tail is None else tail.fit_p,
        f_s=f_s if expected else NAN,
        z_expected=expected.z_empirical if expected else NAN,
        z_expected_q16=expected.z_empirical_q16 if expected else NAN,
        z_expected_q84=expected.z_empirical_q84 if expected else NAN,
        z_expected_is_bound=expected.z_empirical_is_bound if expected else False,
    )


def _increasing_law(law: AsymptoticLaw, toys: NDArray[np.float64]) -> AsymptoticNull:
    """The law fitted to the toys; a normal one where t at or below 0 leaves no chi-square."""
    fitted = fit_asymptotic(law, toys)
    undefined = isinstance(fitted, ChiSquareNull) and np.isnan(fitted.df)
    return NormalNull.fit(toys) if undefined else fitted


def _worked(t: NDArray[np.float64]) -> NDArray[np.float64]:
    return t[~np.isnan(t)]


def _or(t: NDArray[np.float64], value: float) -> NDArray[np.float64]:
    return np.where(np.isnan(t), value, t)
