"""The result of a study: every number as CSV, a summary to read, and its figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from autoscidact.files import write_text
from autoscidact.report.study_figure import draw_scan, draw_widths
from autoscidact.report.study_tables import StudyRun, points_table, thresholds_table, z_table
from autoscidact.report.style import save_formats
from autoscidact.report.tables import write_csv

__all__ = ["StudyRun", "write_study"]


def write_study(
    folder: Path, title: str, runs: Sequence[StudyRun], widths: bool, base: Mapping[str, Any] | None
) -> list[Path]:
    """Writes points.csv, z.csv, thresholds.csv, study.md and the figure as PNG, PDF and SVG.

    Args:
        title: of the figure and the summary.
        runs: every point; each has the same scanned keys.
        widths: draw every kernel width against f_S instead of Z against what was scanned.
        base: the setting that f_S needed for 3 sigma is compared with, on the same toys; None compares with none.

    Returns:
        the files.
    """
    z, thresholds = z_table(runs), thresholds_table(runs, base)
    write_csv(folder / "points.csv", points_table(runs))
    write_csv(folder / "z.csv", z)
    write_csv(folder / "thresholds.csv", thresholds)
    figure = draw_widths(title, [run.run for run in runs]) if widths else draw_scan(title, z, thresholds, scanned(runs))
    save_formats(figure, folder, "figure")
    write_text(folder / "study.md", _summary(title, z, thresholds))
    return [folder / name for name in ("points.csv", "z.csv", "thresholds.csv", "study.md", "figure.png")]


def scanned(runs: Sequence[StudyRun]) -> list[str]:
    """The keys that were scanned, in order."""
    return list(runs[0].settings)


def _summary(title: str, z: pd.DataFrame, thresholds: pd.DataFrame) -> str:
    parts = [f"# {title}", "", "Median Z; the error is that of the median toy, or of the mean over models.", ""]
    parts.append(_markdown(z.drop(columns=["z_empirical", "empirical_variant", "z_empirical_is_bound"])))
    if len(thresholds):
        parts += ["", "Signal fraction needed for 3 sigma (asymptotic, median toy), with 68 % intervals.", ""]
        parts.append(_markdown(thresholds))
    return "\n".join(parts) + "\n"


def _markdown(table: pd.DataFrame) -> str:
    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in table.itertuples(index=False)]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:.4g}"
    return "null" if value is None else str(value)
