"""Tables of a study, on toys whose answer is known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autoscidact.inference.significance import significances
from autoscidact.report.runs import Run
from autoscidact.report.study_figure import draw_scan, draw_widths, shown_fraction
from autoscidact.report.study_tables import StudyRun, points_table, thresholds_table, z_table
from autoscidact.report.tables import z_score_table
from autoscidact.report.toys import write_toys

FRACTIONS = (0.01, 0.02, 0.04)
N_NULL, N_TOYS = 4000, 4000


def one(strength: float, setting: object, tmp_path: Path, model: int = 0, noise: int = 0) -> StudyRun:
    """A normal statistic whose mean grows by `strength` a signal fraction of 1 %; the same toys for every strength."""
    rng = np.random.default_rng(noise)
    null = rng.normal(size=(N_NULL, 1))
    toys = {f_s: rng.normal(size=(N_TOYS, 1)) + 100 * strength * f_s for f_s in FRACTIONS}
    rows = significances("frechet", {"t": float("nan")}, null, toys, "normal")
    path = tmp_path / f"{strength}-{setting}-{model}.parquet"
    write_toys(path, {"frechet": (("t",), {"null": null} | {str(f_s): t for f_s, t in toys.items()})})
    run = Run(tmp_path, "made", z_score_table(rows, "made", 10, 5), pd.read_parquet(path), {"config": {}})
    return StudyRun("embedding", {"nplm.newton_steps": setting}, model, run)


def test_z_and_its_error(tmp_path: Path) -> None:
    z = z_table([one(1.0, 1, tmp_path)])
    assert z.z.to_numpy() == pytest.approx([1, 2, 4], abs=5 * 1.2533 / np.sqrt(N_TOYS) + 0.05)
    # The median of the signal toys, and mean and spread of the null toys.
    expected = np.hypot(1.2533 / np.sqrt(N_TOYS), np.sqrt((1 + np.array([1, 2, 4]) ** 2 / 2) / N_NULL))
    assert z.error.to_numpy() == pytest.approx(expected, rel=0.1)
    assert (z.n_models == 1).all()


def test_the_mean_over_models_and_its_error(tmp_path: Path) -> None:
    runs = [one(strength, 1, tmp_path, model) for model, strength in enumerate([0.5, 1.0, 1.5])]
    z = z_table(runs)
    assert z.z.to_numpy() == pytest.approx([1, 2, 4], abs=0.1)
    assert z.error.to_numpy() == pytest.approx(np.array([0.5, 1.0, 2.0]) / np.sqrt(3), rel=0.05)
    assert (z.n_models == 3).all()
    assert not len(thresholds_table(runs, None))


def test_thresholds_and_the_ratio_to_the_base_on_the_same_toys(tmp_path: Path) -> None:
    runs = [one(1.0, 1, tmp_path), one(1.5, None, tmp_path)]
    found = thresholds_table(runs, {"nplm.newton_steps": None}).set_index("nplm.newton_steps")
    assert found.f_s_3_sigma[1] == pytest.approx(0.03, rel=0.05)
    assert found.f_s_3_sigma["null"] == pytest.approx(0.02, rel=0.05)
    assert found.ratio_to_base[1] == pytest.approx(1.5, rel=0.05)
    assert found.ratio_low[1] < found.ratio_to_base[1] < found.ratio_high[1]
    assert np.isnan(found.ratio_to_base["null"])
    # The same toys: the ratio is known better than the quotient of two independent fractions would be.
    independent = np.hypot(*((found.high - found.low) / found.f_s_3_sigma))
    assert (found.ratio_high[1] - found.ratio_low[1]) / found.ratio_to_base[1] < independent


def test_points_hold_every_row_and_what_was_set(tmp_path: Path) -> None:
    points = points_table([one(1.0, 1, tmp_path), one(1.5, None, tmp_path)])
    assert len(points) == 2 * len(FRACTIONS)
    assert points["nplm.newton_steps"].tolist() == [1] * 3 + ["null"] * 3


def test_the_fraction_that_is_shown_is_neither_blind_nor_saturated(tmp_path: Path) -> None:
    assert shown_fraction(z_table([one(1.0, 1, tmp_path)])) in (0.02, 0.04)
    assert shown_fraction(z_table([one(3.0, 1, tmp_path)])) == 0.01


def test_figures_show_every_line(tmp_path: Path) -> None:
    runs = [one(1.0, 1, tmp_path), one(1.5, None, tmp_path)]
    z, thresholds = z_table(runs), thresholds_table(runs, None)
    figure = draw_scan("a title", z, thresholds, ["nplm.newton_steps"])
    above, below = figure.axes
    assert [text.get_text() for text in above.get_xticklabels()] == ["1", "null"]
    np.testing.assert_allclose(above.containers[0].lines[0].get_ydata(), z[z.f_s == shown_fraction(z)].z)
    np.testing.assert_allclose(below.containers[0].lines[0].get_ydata(), 100 * thresholds.f_s_3_sigma)
    assert len(draw_widths("a title", [_with_widths(runs[0].run)]).axes) == 2


def _with_widths(run: Run) -> Run:
    rng = np.random.default_rng(0)
    null = rng.chisquare(5, size=(200, 2))
    toys = {f_s: rng.chisquare(5, size=(50, 2)) + 300 * f_s for f_s in FRACTIONS}
    rows = significances("nplm", {"a": 1.0, "b": 2.0}, null, toys)
    return Run(run.folder, "made", z_score_table(rows, "made", 10, 5), run.toys, run.record)
