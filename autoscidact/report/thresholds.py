"""The signal fraction that each test needs to reach a given Z, asymptotically and by the null toys alone."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from autoscidact.errors import UserError
from autoscidact.inference.pvalues import resolution, z_from_p
from autoscidact.inference.threshold import Threshold, fraction_for_z
from autoscidact.report.distributions import LAWS
from autoscidact.report.gather import Gathered
from autoscidact.report.headline import empirical_variant, single_variant
from autoscidact.report.runs import measured
from autoscidact.statistics.contract import AsymptoticLaw


@dataclass(frozen=True)
class Needed:
    """What one test needs.

    Attributes:
        statistic: its name.
        asymptotic, empirical: of variant `asymptotic_variant` and `empirical_variant`; the reason in words where
            there is none. `low` and `high` are NaN where no error is known.
    """

    statistic: str
    asymptotic_variant: str
    asymptotic: Threshold | str
    empirical_variant: str
    empirical: Threshold | str


def needed_fractions(gathered: Gathered, z: float = 3.0, n_bootstrap: int = 200, seed: int = 0) -> list[Needed]:
    """f_S at which the median toy reaches `z`, for each statistic's headline variants.

    From the toys' t with a bootstrap error (`fraction_for_z`); combinations of widths have no t, so their f_S is
    interpolated linearly in the table, without error.
    """
    return [_needed(gathered, name, z, n_bootstrap, seed) for name in gathered.statistics]


def _needed(gathered: Gathered, statistic: str, z: float, n_bootstrap: int, seed: int) -> Needed:
    rows = gathered.of(statistic)
    single, calibrated = single_variant(rows), empirical_variant(rows)
    law = LAWS.get(str(rows[rows.variant == single].asymptotic_law.iloc[0]))
    n_null = int(rows.n_null.iloc[0])
    asymptotic: Threshold | str = "no asymptotic law"
    if law is not None:
        asymptotic = _from_toys(gathered, statistic, single, law, z, n_bootstrap, seed)
    if float(z_from_p(resolution(n_null))) < z:
        empirical: Threshold | str = f"past what {n_null} null toys resolve"
    elif np.isfinite(rows[rows.variant == calibrated].t_median).any():
        empirical = _from_toys(gathered, statistic, single_variant(rows), None, z, n_bootstrap, seed)
    else:
        empirical = interpolated(rows[rows.variant == calibrated], z)
    return Needed(statistic, single, asymptotic, calibrated, empirical)


def _from_toys(
    gathered: Gathered, statistic: str, variant: str, law: AsymptoticLaw | None, z: float, n_bootstrap: int, seed: int
) -> Threshold | str:
    null, by_fraction = measured(gathered.toys, statistic, variant)
    if not len(null) or not by_fraction:
        return "no toys"
    try:
        return fraction_for_z(null, by_fraction, law, z, n_bootstrap, seed)
    except UserError as error:
        return "the law cannot describe the null toys" if law else str(error).partition(":")[0]


def interpolated(rows: pd.DataFrame, z: float) -> Threshold:
    """f_S where empirical Z, joined by straight lines, first reaches `z`; a bound at the ends of the scan.

    Args:
        rows: of z_scores.csv, of one variant, by f_s.
    """
    fractions, values = rows.f_s.to_numpy(dtype=float), rows.z_empirical.to_numpy(dtype=float)
    reached = np.flatnonzero(values >= z)
    if not len(reached):
        return Threshold(float(fractions[-1]), np.nan, np.nan, ">")
    if reached[0] == 0:
        return Threshold(float(fractions[0]), np.nan, np.nan, "<")
    after = int(reached[0])
    before = max(values[after - 1], -10.0)
    share = (z - before) / (values[after] - before)
    return Threshold(float(fractions[after - 1] + share * np.diff(fractions)[after - 1]), np.nan, np.nan, "")


def threshold_text(threshold: Threshold | str) -> str:
    """For people, in percent: "1.23 % (1.1 to 1.4)", "< 0.5 %", "> 10 %", or why there is none."""
    if isinstance(threshold, str):
        return threshold
    if threshold.bound:
        return f"{threshold.bound} {100 * threshold.fraction:.3g} %"
    text = f"{100 * threshold.fraction:#.3g} %"
    if np.isnan(threshold.low):
        return text
    low = "below the scan" if threshold.low == 0 else f"{100 * threshold.low:#.3g}"
    high = "past the scan" if np.isinf(threshold.high) else f"{100 * threshold.high:#.3g}"
    return f"{text} ({low} to {high})"
