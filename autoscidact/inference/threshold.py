"""The signal fraction at which the median toy reaches a given Z, with its error."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq
from scipy.stats import norm
from sklearn.isotonic import isotonic_regression

from autoscidact.errors import UserError
from autoscidact.inference.null import fit_asymptotic
from autoscidact.inference.pvalues import resolution, z_from_p
from autoscidact.statistics.contract import AsymptoticLaw

Bound = Literal["", "<", ">"]
Measured = tuple[NDArray[np.float64], Mapping[float, NDArray[np.float64]]]
"""t of the null toys, (n,), and t of the toys at each signal fraction, (m,); NaN where a fit failed."""


@dataclass(frozen=True)
class Threshold:
    """f_s at which the median toy reaches the wanted Z.

    Attributes:
        fraction: f_s, or the end of the scan where `bound` is set.
        low, high: 68 % interval; 0 and inf where it runs past the ends of the scan.
        bound: "<": the smallest f_s scanned exceeds Z already; ">": the largest does not reach it.
    """

    fraction: float
    low: float
    high: float
    bound: Bound


class Ratio(NamedTuple):
    """Quotient of two fractions with its 68 % interval; NaN where either fraction is a bound."""

    ratio: float
    low: float
    high: float


def fraction_for_z(
    null: NDArray[np.float64],
    toys: Mapping[float, NDArray[np.float64]],
    law: AsymptoticLaw | None,
    z: float = 3.0,
    n_bootstrap: int = 200,
    seed: int = 0,
) -> Threshold:
    """f_s at which the median toy reaches Z = z, and a bootstrap interval over null and signal toys together.

    Medians, with the null's at f_s = 0, are made monotone by isotonic regression (each weighted by its number of
    toys) and joined by a monotone cubic in f_s. A cubic, because Z begins as f_s^2 and goes over to f_s: at fractions
    that double, straight lines in f_s miss by up to 6 %, in log f_s by up to 11 %, the cubic by 1 % at most.

    With a law the median's Z is interpolated. Without, its t: it has to pass the null toys' critical value, and
    empirical Z would say nothing past the last of them. At few null toys that value is one of the largest, whose own
    error a bootstrap understates; prefer a law, or toys well past the number needed.

    Args:
        null, toys: as in `Measured`; toys at f_s = 0 are null toys and passed over.
        law: fitted to the null toys, and again to each resampling of them; None takes the null toys themselves.
        z: the Z to reach.
        n_bootstrap: resamplings. seed: of the resampling.

    Raises:
        UserError: no f_s above 0, too few null toys to resolve Z = z empirically, or a law that cannot describe them.
    """
    scan = _scan(toys)
    _check_resolution(len(null), law, z)
    picks = _bootstrap(null, scan, n_bootstrap, seed)
    fraction, bound = _crossing(null, scan, law, z)
    values = [_open(*_crossing(*_resampled((null, scan), pick), law, z)) for pick in picks]
    # "nearest" as in the quantiles of toys, and because inf cannot be interpolated.
    low, high = np.quantile(values, [0.16, 0.84], method="nearest")
    return Threshold(fraction, float(low), float(high), bound)


def fraction_ratio(
    first: Measured,
    second: Measured,
    law: AsymptoticLaw | None,
    z: float = 3.0,
    n_bootstrap: int = 200,
    seed: int = 0,
) -> Ratio:
    """How much more signal the first statistic needs than the second, both evaluated on the same toys.

    The bootstrap takes the same toys for both, so that what they share cancels and the ratio is known better
    than either fraction.

    Args:
        first, second: as in `Measured`, the same toys in the same order.
        law, z, n_bootstrap, seed: as in `fraction_for_z`.

    Raises:
        ValueError: the two do not hold the same numbers of toys at the same fractions.
        UserError: as `fraction_for_z`.
    """
    pair = [(null, _scan(toys)) for null, toys in (first, second)]
    sizes = [(len(null), {f: len(t) for f, t in scan.items()}) for null, scan in pair]
    if sizes[0] != sizes[1]:
        raise ValueError(f"the statistics were not evaluated on the same toys: {sizes[0]} and {sizes[1]}")
    _check_resolution(sizes[0][0], law, z)
    (one, one_bound), (other, other_bound) = (_crossing(*measured, law, z) for measured in pair)
    if one_bound or other_bound:
        return Ratio(float("nan"), float("nan"), float("nan"))
    ends = np.array(
        [
            [_open(*_crossing(*_resampled(measured, pick), law, z)) for measured in pair]
            for pick in _bootstrap(*pair[0], n_bootstrap, seed)
        ]
    )
    # Two fractions past the same end of the scan leave their quotient open on both sides.
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = ends[:, 0] / ends[:, 1]
    unknown = np.isnan(ratios)
    low = np.quantile(np.where(unknown, 0.0, ratios), 0.16, method="nearest")
    high = np.quantile(np.where(unknown, np.inf, ratios), 0.84, method="nearest")
    return Ratio(one / other, float(low), float(high))


def _scan(toys: Mapping[float, NDArray[np.float64]]) -> dict[float, NDArray[np.float64]]:
    scan = {f_s: toys[f_s] for f_s in sorted(toys) if f_s > 0}
    if not scan:
        raise UserError("f_s has no fraction above 0, so that none can reach any Z; add some to f_s")
    return scan


def _check_resolution(n_null: int, law: AsymptoticLaw | None, z: float) -> None:
    needed = int(1 / norm.sf(z))
    if law is None and n_null < needed:
        raise UserError(
            f"too few null toys for {z:g} sigma: {n_null} toys resolve Z up to {z_from_p(resolution(n_null)):.2f}; "
            f"at least {needed} are needed: raise toys.n_null"
        )


def _crossing(
    null: NDArray[np.float64], scan: Mapping[float, NDArray[np.float64]], law: AsymptoticLaw | None, z: float
) -> tuple[float, Bound]:
    """f_s where the median toy reaches z, or the end of the scan and which one."""
    worked = null[~np.isnan(null)]
    medians = [np.median(np.where(np.isnan(null), np.inf, null))]
    medians += [np.median(np.where(np.isnan(t), -np.inf, t)) for t in scan.values()]
    # Only where most fits failed: the lowest value seen stands for "below everything".
    score = np.clip(medians, worked.min(), None)
    goal = z
    if law is None:
        goal = _critical(null, z)
    else:
        score = fit_asymptotic(law, worked).z(score)
        if np.isnan(score).any():
            raise UserError(f"the {law} law cannot describe the null toys, so that none can reach {z:g} sigma")
    fractions = np.array([0.0, *scan])
    score = isotonic_regression(score, sample_weight=[len(null), *map(len, scan.values())])
    if score[1] >= goal:
        return float(fractions[1]), "<"
    if score[-1] < goal:
        return float(fractions[-1]), ">"
    curve = PchipInterpolator(fractions, score)
    after = int(np.argmax(score >= goal))
    if score[after] == goal:
        return float(fractions[after]), ""
    return float(brentq(lambda f: float(curve(f)) - goal, fractions[after - 1], fractions[after], rtol=1e-12)), ""


def _critical(null: NDArray[np.float64], z: float) -> float:
    """The smallest t whose empirical Z is z or more; inf where failed null toys, above everything, forbid any."""
    above = int(norm.sf(z) * (1 + len(null)) - 1 + 1e-9)
    ordered = np.sort(np.where(np.isnan(null), np.inf, null))
    return float(np.nextafter(ordered[-1 - above], np.inf))


def _bootstrap(
    null: NDArray[np.float64], scan: Mapping[float, NDArray[np.float64]], n_bootstrap: int, seed: int
) -> list[list[NDArray[np.int64]]]:
    """For each resampling the places of null toys, then of the toys at each fraction."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0xF5]))
    sizes = [len(null), *map(len, scan.values())]
    return [[rng.integers(0, n, n) for n in sizes] for _ in range(n_bootstrap)]


def _resampled(
    measured: Measured, pick: list[NDArray[np.int64]]
) -> tuple[NDArray[np.float64], dict[float, NDArray[np.float64]]]:
    null, scan = measured
    return null[pick[0]], {f_s: t[rows] for (f_s, t), rows in zip(scan.items(), pick[1:], strict=True)}


def _open(fraction: float, bound: Bound) -> float:
    """A fraction past an end of the scan is known only to lie beyond it."""
    return {"": fraction, "<": 0.0, ">": np.inf}[bound]
