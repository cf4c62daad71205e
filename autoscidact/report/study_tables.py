"""Tables of a study: Z of every test at every setting, and the signal fraction that each needs for 3 sigma."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from autoscidact.errors import UserError
from autoscidact.inference.threshold import Measured, fraction_for_z, fraction_ratio
from autoscidact.report.headline import asymptotic_variant, empirical_variant, single_variant
from autoscidact.report.runs import Run, measured

NAN = float("nan")
LEAST_FRACTIONS = 3
"""Signal fractions that a scan needs for a crossing of 3 sigma to be interpolated."""


@dataclass(frozen=True)
class StudyRun:
    """One discovery of a study: which arm and random model, the scanned settings, and what came out."""

    arm: str
    settings: Mapping[str, Any]
    model: int
    run: Run


def points_table(runs: Sequence[StudyRun]) -> pd.DataFrame:
    """Every row of every z_scores.csv, with what was set."""
    parts = []
    for one in runs:
        part = one.run.table.copy()
        for place, (key, value) in enumerate({"arm": one.arm, "model": one.model, **one.settings}.items()):
            part.insert(place, key, [_name(value)] * len(part))
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def z_table(runs: Sequence[StudyRun]) -> pd.DataFrame:
    """One row an arm, statistic, setting and f_s: Z of the variant that stands for the statistic, over all models.

    `z` is asymptotic, or empirical where there is no law; `error` that of the mean over models or, where there is one
    model, of the toys with and without signal. `law_ks_p`: the smallest Kolmogorov-Smirnov p of the law's fits.
    """
    rows = []
    for one in runs:
        for statistic, part in one.run.table.groupby("statistic", sort=False):
            chosen, combined = asymptotic_variant(part), empirical_variant(part)
            for f_s in part.f_s.unique():
                best = part[(part.variant == chosen) & (part.f_s == f_s)].iloc[0]
                other = part[(part.variant == combined) & (part.f_s == f_s)].iloc[0]
                lawful = not np.isnan(best.z_asymptotic)
                kind = "asymptotic" if lawful else "empirical"
                band = best[f"z_{kind}_q84"] - best[f"z_{kind}_q16"]
                rows.append(
                    {
                        "arm": one.arm,
                        "statistic": statistic,
                        "variant": chosen,
                        **{key: _name(value) for key, value in one.settings.items()},
                        "f_s": f_s,
                        "model": one.model,
                        "z": best[f"z_{kind}"],
                        "error": _error(best[f"z_{kind}"], band, best.n_toys, best.n_null),
                        "law_ks_p": best.asymptotic_ks_p,
                        "empirical_variant": combined,
                        "z_empirical": other.z_empirical,
                        "z_empirical_is_bound": bool(other.z_empirical_is_bound),
                    }
                )
    table = pd.DataFrame(rows)
    keys = ["arm", "statistic", "variant", *runs[0].settings, "f_s"]
    return pd.DataFrame([_over_models(keys, group) for _, group in table.groupby(keys, sort=False, dropna=False)])


def _error(z: float, band: float, n_toys: int, n_null: int) -> float:
    """Of the median of the signal toys, whose band is two standard deviations wide, and of a normal null's fit."""
    return float(np.hypot(1.2533 * band / 2 / np.sqrt(n_toys), np.sqrt((1 + z * z / 2) / n_null)))


def _over_models(keys: list[str], group: pd.DataFrame) -> dict[str, Any]:
    n = len(group)
    return {
        **{key: group[key].iloc[0] for key in keys},
        "n_models": n,
        "z": group.z.mean(),
        "error": group.z.std(ddof=1) / np.sqrt(n) if n > 1 else group.error.iloc[0],
        "law_ks_p": group.law_ks_p.min(),
        "empirical_variant": group.empirical_variant.iloc[0],
        "z_empirical": group.z_empirical.mean(),
        "z_empirical_is_bound": bool(group.z_empirical_is_bound.any()),
    }


def thresholds_table(runs: Sequence[StudyRun], base: Mapping[str, Any] | None) -> pd.DataFrame:
    """f_S needed for 3 sigma at every setting and, with a base, its ratio to that setting's on the same toys.

    Only of single models and scans of at least LEAST_FRACTIONS fractions. `bound` is "<" or ">" where 3 sigma lies
    before or past the scan.
    """
    rows = []
    for one in runs if all(run.model == 0 for run in runs) else ():
        for statistic, part in one.run.table.groupby("statistic", sort=False):
            if part.f_s.nunique() < LEAST_FRACTIONS:
                continue
            variant, law, toys = _headline(one.run, str(statistic))
            try:
                found = fraction_for_z(*toys, law)
            except UserError:  # a law that does not describe these toys: no threshold, rather than a wrong one
                continue
            row = {
                "arm": one.arm,
                "statistic": statistic,
                "variant": variant,
                **{key: _name(value) for key, value in one.settings.items()},
                "f_s_3_sigma": found.fraction,
                "low": found.low,
                "high": found.high,
                "bound": found.bound,
            }
            if base:
                other = _base_run(runs, one, base)
                row |= {"ratio_to_base": NAN, "ratio_low": NAN, "ratio_high": NAN}
                if other is not None and other is not one and not found.bound:
                    row |= _ratio(toys, other.run, str(statistic), law)
            rows.append(row)
    return pd.DataFrame(rows)


def _ratio(toys: Measured, base: Run, statistic: str, law: Any) -> dict[str, float]:
    _, _, other = _headline(base, statistic)
    try:
        ratio = fraction_ratio(toys, other, law)
    except (ValueError, UserError):  # other toys, or a law that fails: nothing to compare
        return {}
    return {"ratio_to_base": ratio.ratio, "ratio_low": ratio.low, "ratio_high": ratio.high}


def _base_run(runs: Sequence[StudyRun], one: StudyRun, base: Mapping[str, Any]) -> StudyRun | None:
    wanted = {**one.settings, **base}
    return next((run for run in runs if run.arm == one.arm and dict(run.settings) == wanted), None)


def _headline(run: Run, statistic: str) -> tuple[str, Any, Measured]:
    """The variant that stands for a statistic, its law, and t of its toys."""
    part = run.table[run.table.statistic == statistic]
    variant = single_variant(part)
    law = part[part.variant == variant].asymptotic_law.iloc[0]
    return variant, (None if law == "-" else law), measured(run.toys, statistic, variant)


def _name(value: Any) -> Any:
    # None would be read back from CSV as a missing number.
    return "null" if value is None else value
