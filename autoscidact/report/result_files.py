"""A report's own numbers as tables for programs."""

from collections.abc import Sequence
from dataclasses import asdict

import pandas as pd

from autoscidact.report.gather import Gathered
from autoscidact.report.power import power_ratios
from autoscidact.report.thresholds import Needed


def needed_csv(findings: Sequence[tuple[Gathered, Sequence[Needed]]]) -> pd.DataFrame:
    """f_S needed for 3 sigma, one row a dataset, statistic and kind of Z; no numbers where there is no answer."""
    rows = []
    for gathered, needed in findings:
        for entry in needed:
            for kind in ("asymptotic", "empirical"):
                found = getattr(entry, kind)
                known = {} if isinstance(found, str) else asdict(found)
                why = found if isinstance(found, str) else ""
                rows.append(
                    {"dataset": gathered.dataset, "statistic": entry.statistic, "kind": kind, **known, "why": why}
                )
    return pd.DataFrame(rows)


def power_csv(findings: Sequence[tuple[Gathered, Sequence[Needed]]]) -> pd.DataFrame:
    """NPLM's Z over that of each supervised limit, one row a dataset, limit, kind of Z and f_S."""
    columns = ["dataset", "limit", "f_s", "kind", "z", "z_limit", "ratio"]
    rows = [{"dataset": g.dataset, **asdict(ratio)} for g, _ in findings for ratio in power_ratios(g.table)]
    return pd.DataFrame(rows, columns=columns)
