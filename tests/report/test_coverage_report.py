"""The table and figure of coverage hold what a naive count gives."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import betabinom, binom, norm

from autoscidact.report.coverage import coverage_table, draw_uniformity, readable_coverage

STEPS = np.arange(1, 202) / 201


@pytest.fixture
def p() -> dict[float, dict[str, np.ndarray]]:
    """p of 80 pseudo-observations at f_s = 0 and of 30 at 0.1; one fit failed."""
    rng = np.random.default_rng(0)
    null = {"w1": rng.choice(STEPS, 80), "min_p": rng.choice(STEPS, 80)}
    signal = {"w1": rng.choice(STEPS[:20], 30), "min_p": np.where(np.arange(30) == 3, np.nan, 1 / 201)}
    return {0.0: null, 0.1: signal}


def test_a_row_for_each_variant_level_and_fraction(p: dict[float, dict[str, np.ndarray]]) -> None:
    table = coverage_table("nplm", "toys", p, 200, shared=True)
    assert len(table) == 2 * 2 * 3
    assert not table.duplicated(["variant", "f_s", "level"]).any()
    for row in table.itertuples():
        values = p[row.f_s][row.variant]
        counted = sum(bool(value <= norm.sf(row.level)) for value in values)
        assert (row.k, row.n) == (counted, len(values))
        assert row.rate == pytest.approx(counted / len(values))
        assert row.nominal == pytest.approx(norm.sf(row.level))
        assert row.attainable == max([step for step in STEPS if step <= row.nominal], default=0.0)
        assert row.low <= row.rate <= row.high
        assert pd.isna(row.expected_low) == (row.f_s > 0)
        assert pd.isna(row.uniformity_p) == (row.f_s > 0)
    # A failed fit finds nothing.
    power = table[(table.f_s == 0.1) & (table.variant == "min_p") & (table.level == 2)]
    assert power.rate.item() == pytest.approx(29 / 30)


@pytest.mark.parametrize("shared", [True, False])
def test_expected_rates_are_those_of_counts(shared: bool, p: dict[float, dict[str, np.ndarray]]) -> None:
    table = coverage_table("nplm", "toys", p, 200, shared)
    for row in table[table.f_s == 0].itertuples():
        j = round(row.attainable * 201)
        law = betabinom(80, j, 201 - j) if shared and j else binom(80, row.attainable)
        assert (row.expected_low * 80, row.expected_high * 80) == pytest.approx(tuple(law.ppf([0.025, 0.975])))
        assert row.inside == (row.expected_low <= row.rate <= row.expected_high)


def test_p_that_are_too_small_are_marked() -> None:
    honest, bad = np.linspace(0, 1, 100), np.linspace(0, 0.2, 100)
    table = coverage_table("nplm", "toys", {0.0: {"honest": honest, "bad": bad}, 0.2: {"bad": bad}}, 1999, shared=True)
    of = table[table.f_s == 0].set_index(["variant", "level"])
    assert of.inside["honest"].all()
    assert not of.inside["bad", 1.0]
    assert of.uniformity_p["honest", 1.0] > 0.5
    assert of.uniformity_p["bad", 1.0] < 1e-6
    titles, cells = readable_coverage(table)
    assert titles == ["statistic", "variant", "calibration", "f_S", "1 sigma", "2 sigma", "3 sigma", "uniform p"]
    assert all(len(row) == len(titles) for row in cells)
    marked = {(row[1], row[3]): [cell.endswith("!") for cell in row[4:7]] for row in cells}
    assert marked["honest", "0"] == [False] * 3
    assert marked["bad", "0"][0]
    assert [row[7] for row in cells if row[3] == "0.2"] == [""]
    assert [row[4] for row in cells if row[3] == "0.2"] == ["79%"]


def test_levels_that_the_toys_do_not_reach_say_so() -> None:
    table = coverage_table("nplm", "permutation", {0.0: {"w1": np.arange(1, 101) / 101}}, 100, shared=False)
    _, (row,) = readable_coverage(table)
    assert row[6] == "not reached"
    assert "[" in row[4]


def test_tables_of_several_calibrations_stand_together(p: dict[float, dict[str, np.ndarray]]) -> None:
    tables = [coverage_table("nplm", name, p, 200, name == "toys") for name in ("toys", "permutation")]
    _, cells = readable_coverage(pd.concat(tables))
    assert len({tuple(row[:4]) for row in cells}) == len(cells) == 8


def test_the_figure_draws_the_share_at_or_below_each_p() -> None:
    p = np.array([0.5, 0.01, 0.2, np.nan, 0.03])
    figure = draw_uniformity({"w1": p}, "nplm toys")
    (axes,) = figure.axes
    line = next(line for line in axes.lines if line.get_label() == "w1")
    np.testing.assert_allclose(line.get_xdata(), [0.01, 0.03, 0.2, 0.5])
    np.testing.assert_allclose(line.get_ydata(), [0.25, 0.5, 0.75, 1.0])
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["calibrated", "w1"]
