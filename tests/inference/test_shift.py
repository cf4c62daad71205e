"""Shares of rejected sub-samples, against counts by hand and laws that are known."""

import numpy as np
import pytest

from autoscidact.inference.shift import shifts

N = 400


def test_no_shift_rejects_as_often_as_it_says():
    random = np.random.default_rng(0)
    null, parts = random.chisquare(5, (2000, 2)), random.chisquare(5, (N, 2))
    rows = shifts("nplm", {"q25": 1.0, "q75": 2.0}, null, parts, "chi2")
    single = [row for row in rows if row.variant in ("q25", "q75")]
    assert len(single) == 2
    for row in single:
        # 400 draws of 5 %: outside this once in 10000 times.
        assert 0.015 <= row.rejected <= 0.1
        assert row.rejected_low < 0.05 < row.rejected_high
        assert abs(row.z_median) < 0.25


def test_a_shift_is_counted_and_failed_fits_are_not():
    null = np.arange(1.0, 101.0)[:, None]
    # p of t is (1 + number at or above) / 101: 96.5 has 4 above, 95.5 has 5 above.
    parts = np.array([[96.5], [95.5], [200.0], [np.nan]])
    (row,) = shifts("frechet", {"t": float("nan")}, null, parts, "normal")
    assert row.rejected == pytest.approx(2 / 4)
    assert (row.n_null, row.n_subsamples) == (100, 4)
    assert row.t_null == pytest.approx(50.5)


def test_the_best_width_after_looking_is_no_row():
    random = np.random.default_rng(1)
    rows = shifts("nplm", {"q25": 1.0, "q75": 2.0}, random.chisquare(5, (50, 2)), random.chisquare(5, (9, 2)), "chi2")
    names = [row.variant for row in rows]
    assert "best_width" not in names
    assert {"q25", "q75", "min_p", "average_p"} <= set(names)
    combined = next(row for row in rows if row.variant == "min_p")
    assert np.isnan(combined.rejected)
    assert np.isfinite(combined.z_median)
