"""Which variant of a statistic stands for it where only one can be shown."""

import numpy as np
import pandas as pd

from autoscidact.inference.significance import BEST_WIDTH, COMBINED, total_z

CALIBRATED = ("min_p", "average_p")
"""Combinations of kernel widths that stand for a statistic in empirical Z, the first there is."""

CHOSEN = {"one_class_svm": "fpr=10%", "mahalanobis": "excess"}
"""Variants that stand for statistics without kernel widths."""


def asymptotic_variant(rows: pd.DataFrame) -> str:
    """The variant whose asymptotic Z is shown: the best width, chosen after the fact as in Fig. 3 of AutoSciDACT.

    Args:
        rows: of z_scores.csv, of one statistic.
    """
    variants = list(rows.variant.unique())
    return BEST_WIDTH if BEST_WIDTH in variants else _single(rows, variants)


def empirical_variant(rows: pd.DataFrame) -> str:
    """The variant whose empirical Z is shown: the smallest p over all widths, with the look-elsewhere effect paid."""
    variants = list(rows.variant.unique())
    return next((name for name in CALIBRATED if name in variants), asymptotic_variant(rows))


def _single(rows: pd.DataFrame, variants: list[str]) -> str:
    chosen = CHOSEN.get(str(rows.statistic.iloc[0]))
    return chosen if chosen in variants else variants[0]


def single_variant(rows: pd.DataFrame) -> str:
    """The variant with t of its own behind `asymptotic_variant`: the width that the best width is."""
    name = asymptotic_variant(rows)
    if name != BEST_WIDTH:
        return name
    best = rows[rows.variant == BEST_WIDTH]
    alone = rows[~rows.variant.isin(COMBINED)]
    same = alone[np.isclose(alone.width, best.width.iloc[0], rtol=1e-12, atol=0)]
    return str(same.variant.iloc[0]) if len(same) else best_single(rows)


def best_single(rows: pd.DataFrame) -> str:
    """The width with the largest asymptotic Z summed over all f_S (empirical where there is none).

    The rule of `inference.significance`, for fractions that come from several runs.
    """

    alone = rows[~rows.variant.isin(COMBINED)]
    kind = "z_empirical" if alone.z_asymptotic.isna().any() else "z_asymptotic"
    totals = {str(name): total_z(part[kind].tolist()) for name, part in alone.groupby("variant", sort=False)}
    return max(totals, key=lambda name: totals[name])
