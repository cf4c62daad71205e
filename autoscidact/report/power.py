"""How much of the power of a test that knows the signal is left to one that does not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from autoscidact.report.headline import asymptotic_variant, empirical_variant

LIMITS = ("supervised", "ideal_supervised")
LEAST = 1.0
"""Below this Z of the limit there is nothing to compare: the quotient of two fluctuations."""

Kind = Literal["asymptotic", "empirical"]


@dataclass(frozen=True)
class PowerRatio:
    """Z of a test and of a limit at one f_S.

    Attributes:
        limit: the statistic it is compared with. f_s: signal fraction. kind: of both Z.
        z: the test's. z_limit: the limit's.
        ratio: z / z_limit; NaN where the limit sees less than 1 sigma.
    """

    limit: str
    f_s: float
    kind: Kind
    z: float
    z_limit: float
    ratio: float


def power_ratios(table: pd.DataFrame, test: str = "nplm", limits: Sequence[str] = LIMITS) -> list[PowerRatio]:
    """Ratio of a test's Z to each limit's, asymptotic, and empirical where neither is a bound.

    Args:
        table: rows of z_scores.csv of one dataset. A statistic stands there with its headline variant: the best
            kernel width for asymptotic Z, the smallest p over the widths for empirical.

    Returns:
        By limit, kind and f_S; nothing for limits that are not in the table, or if `test` is not.
    """
    found: list[PowerRatio] = []
    mine = table[table.statistic == test]
    kinds: tuple[Kind, ...] = ("asymptotic", "empirical")
    for limit in limits:
        theirs = table[table.statistic == limit]
        if mine.empty or theirs.empty:
            continue
        for kind in kinds:
            one, other = _values(mine, kind), _values(theirs, kind)
            for f_s in sorted(set(one) & set(other)):
                z, z_limit = one[f_s], other[f_s]
                ratio = z / z_limit if z_limit >= LEAST else float("nan")
                found.append(PowerRatio(limit, f_s, kind, z, z_limit, ratio))
    return found


def _values(rows: pd.DataFrame, kind: Kind) -> dict[float, float]:
    variant = asymptotic_variant(rows) if kind == "asymptotic" else empirical_variant(rows)
    shown = rows[(rows.variant == variant) & np.isfinite(rows[f"z_{kind}"]) & (rows.f_s > 0)]
    if kind == "empirical":
        shown = shown[~shown.z_empirical_is_bound.astype(bool)]
    return dict(zip(shown.f_s.tolist(), shown[f"z_{kind}"].tolist(), strict=True))
