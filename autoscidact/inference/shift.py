"""How many sub-samples of a data set a test rejects, and how far the typical one is from the null."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoscidact.inference.intervals import binomial_interval
from autoscidact.inference.null import EmpiricalNull
from autoscidact.inference.significance import BEST_WIDTH, significances
from autoscidact.statistics.contract import AsymptoticLaw

LEVEL = 0.05
_WHOLE = 1.0


@dataclass(frozen=True)
class Shift:
    """What the sub-samples say, for one variant of one statistic.

    Attributes:
        n_null, n_subsamples: how many there are.
        t_null, t_median: median t of null toys and of sub-samples; NaN for combinations.
        z_median, z_q16, z_q84: empirical Z of the median sub-sample, and of the 16 % and 84 % ones.
        z_is_bound: the toys resolve no larger Z.
        z_asymptotic: of the median sub-sample, by the statistic's law; NaN where there is none.
        rejected, rejected_low, rejected_high: share of sub-samples with p at or below 5 %, and its 95 % interval were
            they independent, which parts of one data set are not quite; NaN for combinations. 5 % without a shift.
    """

    statistic: str
    variant: str
    width: float
    n_null: int
    n_subsamples: int
    t_null: float
    t_median: float
    z_median: float
    z_q16: float
    z_q84: float
    z_is_bound: bool
    z_asymptotic: float
    rejected: float
    rejected_low: float
    rejected_high: float


def shifts(
    statistic: str,
    variants: Mapping[str, float],
    null: NDArray[np.float64],
    subsamples: NDArray[np.float64],
    law: AsymptoticLaw,
) -> list[Shift]:
    """All rows of one statistic; failed fits (NaN) count against a shift.

    Args:
        variants: name to kernel width (NaN where the statistic has none).
        null: (n, variants) t of null toys. subsamples: (m, variants) t of sub-samples.

    Raises:
        UserError: the null toys cannot calibrate.
    """
    names = list(variants)
    rows = []
    for found in significances(statistic, variants, null, {_WHOLE: subsamples}, law):
        if found.variant == BEST_WIDTH:
            continue  # a choice made after looking, which nobody has who sees one data set
        t_null = rejected = low = high = float("nan")
        if found.variant in names:
            column = names.index(found.variant)
            calibration = EmpiricalNull(np.where(np.isnan(null[:, column]), np.inf, null[:, column]))
            p = calibration.p(np.where(np.isnan(subsamples[:, column]), -np.inf, subsamples[:, column]))
            count = int((p <= LEVEL).sum())
            t_null, rejected = float(np.nanmedian(null[:, column])), count / len(p)
            low, high = (float(edge) for edge in binomial_interval(count, len(p)))
        rows.append(
            Shift(
                statistic=statistic,
                variant=found.variant,
                width=found.width,
                n_null=found.n_null,
                n_subsamples=found.n_toys,
                t_null=t_null,
                t_median=found.t_median if found.variant in names else float("nan"),
                z_median=found.z_empirical,
                z_q16=found.z_empirical_q16,
                z_q84=found.z_empirical_q84,
                z_is_bound=found.z_empirical_is_bound,
                z_asymptotic=found.z_asymptotic,
                rejected=rejected,
                rejected_low=low,
                rejected_high=high,
            )
        )
    return rows
