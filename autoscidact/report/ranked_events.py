"""Which events look least like the reference: the ranked list, and the excess above thresholds of the score."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoscidact.errors import UserError

FRACTIONS = (0.2, 0.1, 0.05, 0.02, 0.01)
RANK, ID, RATIO, SCORE = "rank", "id", "density_ratio", "log_ratio_"
"""Columns of the ranked list beside the observers; SCORE and the kernel width's name for each width."""

NO_TEST = (
    "These numbers describe the observed events, they test nothing: the score was fitted to the same events, which "
    "raises it where they happen to be many. The p-values above account for that, an excess here does not."
)


def ranked_events(
    ids: NDArray[Any],
    observers: Mapping[str, NDArray[Any]],
    log_ratio: Mapping[str, NDArray[np.float64]],
    best: str,
) -> pd.DataFrame:
    """Every observed event, those with the largest log density ratio first; equal ones by id, NaN last.

    Args:
        ids: (m,) of the events. observers: name to (m,) values, kept as they are.
        log_ratio: kernel width's name to (m,) f. best: the width that events are ranked by.

    Returns:
        Columns rank (from 1), id, the observers, density_ratio (e^f of `best`: the fitted number of events over the
        expected one, at the event's place), and log_ratio_NAME for each width.

    Raises:
        UserError: an observer bears the name of another column.
    """
    scores = {SCORE + name: np.asarray(f, dtype=float) for name, f in log_ratio.items()}
    for name in observers:
        if name in (RANK, ID, RATIO, *scores):
            raise UserError(f"observer {name}: the ranked list has a column of that name; rename the observer")
    f = scores[SCORE + best]
    order = np.lexsort((ids, -f))
    with np.errstate(over="ignore"):
        ratio = np.exp(f)
    columns: dict[str, NDArray[Any]] = {ID: np.asarray(ids), **observers, RATIO: ratio, **scores}
    table = pd.DataFrame({name: np.asarray(values)[order] for name, values in columns.items()})
    table.insert(0, RANK, np.arange(1, len(table) + 1))
    return table


def excess_table(
    score_reference: NDArray[np.float64],
    weight: float,
    score_data: NDArray[np.float64],
    fractions: Sequence[float] = FRACTIONS,
) -> pd.DataFrame:
    """Observed and expected events above upper quantiles of R's score; NO_TEST says what they are not.

    Args:
        score_reference: (n,) of R's events. weight: w_R, expected |D| / |R|. score_data: (m,) of the observed events.
        fractions: of R above each threshold, in (0, 1].

    Returns:
        Columns fraction, threshold (a score of R: events at it count as above), expected (w_R times R's events above),
        observed, excess (their difference) and ratio (NaN where nothing is expected).
    """
    rows = []
    for fraction in fractions:
        threshold = float(np.quantile(score_reference, 1 - fraction, method="higher"))
        expected = weight * int((score_reference >= threshold).sum())
        observed = int((score_data >= threshold).sum())
        ratio = observed / expected if expected > 0 else float("nan")
        rows.append((fraction, threshold, expected, observed, observed - expected, ratio))
    return pd.DataFrame(rows, columns=["fraction", "threshold", "expected", "observed", "excess", "ratio"])
