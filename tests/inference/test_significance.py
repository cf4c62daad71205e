"""From t to rows of Z, on numbers small enough to count by hand."""

import numpy as np
import pytest
from scipy.stats import chi2, norm

from autoscidact.errors import UserError
from autoscidact.inference.combine import combined_p
from autoscidact.inference.null import ChiSquareNull
from autoscidact.inference.significance import BEST_WIDTH, COMBINED, Significance, significances

NAN, INF = float("nan"), float("inf")


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)[:, None]


def by_variant(rows: list[Significance]) -> dict[tuple[str, float], Significance]:
    found = {(row.variant, row.f_s): row for row in rows}
    assert len(found) == len(rows)
    return found


NULL = column(*range(1, 20))  # 1 .. 19: empirical p has steps of 1/20


def test_one_variant_by_hand() -> None:
    (row,) = significances("nplm", {"q50": 1.5}, NULL, {0.1: column(18, 16.5, 10.5, 30, 17)})
    assert (row.statistic, row.variant, row.width, row.f_s) == ("nplm", "q50", 1.5, 0.1)
    assert (row.n_null, row.n_toys, row.n_failed) == (19, 5, 0)
    # Sorted: 10.5 16.5 17 18 30; of the null 17, 18 and 19 are at or above the median toy.
    assert row.t_median == 17
    assert row.p_empirical == pytest.approx(4 / 20)
    assert row.z_empirical == pytest.approx(norm.isf(4 / 20))
    assert not row.z_empirical_is_bound
    # The 16 % and 84 % toys are the second and the fourth of five.
    assert row.z_empirical_q16 == pytest.approx(norm.isf(4 / 20))
    assert row.z_empirical_q84 == pytest.approx(norm.isf(3 / 20))
    fitted = ChiSquareNull.fit(NULL[:, 0])
    assert (row.chi2_df, row.asymptotic_ks_p) == (fitted.df, fitted.ks_p)
    assert row.p_asymptotic == pytest.approx(chi2.sf(17, fitted.df))
    assert row.z_asymptotic == pytest.approx(norm.isf(chi2.sf(17, fitted.df)))
    assert row.z_asymptotic_q16 == pytest.approx(norm.isf(chi2.sf(16.5, fitted.df)))
    assert row.z_asymptotic_q84 == pytest.approx(norm.isf(chi2.sf(18, fitted.df)))


def test_past_every_null_toy_is_a_bound_and_a_tie_with_the_last_is_not() -> None:
    rows = by_variant(significances("nplm", {"a": 1.0}, NULL, {0.1: column(19, 19, 19), 0.2: column(19.5, 20, 21)}))
    assert not rows["a", 0.1].z_empirical_is_bound
    assert rows["a", 0.1].p_empirical == 2 / 20
    assert rows["a", 0.2].z_empirical_is_bound
    assert rows["a", 0.2].p_empirical == 1 / 20
    assert rows["a", 0.2].z_empirical == pytest.approx(norm.isf(1 / 20))


def test_a_failed_signal_toy_counts_against_discovery() -> None:
    toys = column(30, 30, 5, 5, NAN)
    (row,) = significances("nplm", {"a": 1.0}, NULL, {0.1: toys})
    assert row.n_failed == 1
    # As -inf it is the lowest of five; dropped, the median of 5 5 30 30 would have been 17.5.
    assert row.t_median == 5
    assert row.p_empirical == 16 / 20
    (worse,) = significances("nplm", {"a": 1.0}, NULL, {0.1: column(30, 30, NAN, NAN, NAN)})
    assert (worse.t_median, worse.p_empirical, worse.z_empirical) == (-INF, 1.0, -INF)


def test_a_failed_null_toy_counts_against_discovery() -> None:
    null = NULL.copy()
    null[:2] = NAN
    (row,) = significances("nplm", {"a": 1.0}, null, {0.1: column(1e6)})
    assert row.n_null == 19
    assert row.p_empirical == 3 / 20
    assert not row.z_empirical_is_bound
    assert row.chi2_df == ChiSquareNull.fit(null[2:, 0]).df


def test_failed_toys_in_one_width_count_against_the_combination() -> None:
    null = np.column_stack([NULL, NULL])
    toys = np.array([[30.0, 30.0], [30.0, NAN], [30.0, 30.0]])
    rows = by_variant(significances("nplm", {"a": 1.0, "b": 2.0}, null, {0.1: toys}))
    assert rows["b", 0.1].n_failed == rows["average_p", 0.1].n_failed == 1
    assert rows["a", 0.1].n_failed == 0
    expected = combined_p(np.array([[30.0, 30.0], [30.0, -INF], [30.0, 30.0]]), null)
    assert rows["average_p", 0.1].p_empirical == sorted(expected)[1]
    assert rows["average_p", 0.1].z_empirical_q16 == pytest.approx(norm.isf(max(expected)))
    half = null.copy()
    half[3, 1] = NAN
    failed = by_variant(significances("nplm", {"a": 1.0, "b": 2.0}, half, {0.1: toys}))
    assert failed["average_p", 0.1].p_empirical >= rows["average_p", 0.1].p_empirical


def test_average_p_row_is_the_median_toy_of_the_calibrated_combination() -> None:
    rng = np.random.default_rng(0)
    null, toys = rng.chisquare(8, (200, 3)), rng.chisquare(8, (41, 3)) + 6
    rows = by_variant(significances("nplm", {"a": 1.0, "b": 2.0, "c": 3.0}, null, {0.1: toys}))
    row = rows["average_p", 0.1]
    p = combined_p(toys, null)
    assert row.p_empirical == np.median(p)
    assert row.z_empirical == pytest.approx(norm.isf(np.median(p)))
    assert row.z_empirical_q16 <= row.z_empirical <= row.z_empirical_q84
    assert np.isnan(
        [row.width, row.t_median, row.p_asymptotic, row.z_asymptotic, row.chi2_df, row.asymptotic_ks_p]
    ).all()
    assert (row.n_null, row.n_toys, row.z_empirical_is_bound) == (200, 41, False)


def test_combination_past_every_null_toy_is_a_bound() -> None:
    rng = np.random.default_rng(0)
    null = rng.chisquare(8, (99, 3))
    rows = by_variant(significances("nplm", dict.fromkeys("abc", 1.0), null, {0.1: np.full((5, 3), 1e3)}))
    assert rows["average_p", 0.1].z_empirical_is_bound
    assert rows["average_p", 0.1].p_empirical == 0.01


def test_best_width_has_the_largest_asymptotic_z_over_all_fractions() -> None:
    rng = np.random.default_rng(0)
    null = rng.chisquare(8, (200, 2))
    toys = {0.01: np.tile([12.0, 13.0], (5, 1)), 0.1: np.tile([90.0, 40.0], (5, 1))}
    rows = by_variant(significances("nplm", {"a": 1.0, "b": 2.0}, null, toys))
    for f_s in toys:
        best, chosen = rows[BEST_WIDTH, f_s], rows["a", f_s]
        assert vars(best) == {**vars(chosen), "variant": BEST_WIDTH}


def test_best_width_goes_by_empirical_z_where_a_chi_square_has_no_meaning() -> None:
    """Width b has negative t, so its asymptotic Z is NaN; NaN must not win, nor lose, by being NaN."""
    rng = np.random.default_rng(0)
    null = rng.chisquare(8, (200, 2)) - [0.0, 20.0]
    toys = {0.1: np.tile([np.quantile(null[:, 0], 0.7), np.quantile(null[:, 1], 0.99)], (5, 1))}
    for order in (["a", "b"], ["b", "a"]):
        columns = [["a", "b"].index(name) for name in order]
        rows = by_variant(
            significances("nplm", dict.fromkeys(order, 1.0), null[:, columns], {0.1: toys[0.1][:, columns]})
        )
        assert np.isnan(rows["b", 0.1].z_asymptotic)
        assert np.isnan(rows["b", 0.1].chi2_df)
        assert rows[BEST_WIDTH, 0.1].t_median == rows["b", 0.1].t_median


def test_no_combination_of_a_single_variant() -> None:
    rows = significances("nplm", {"a": 1.0}, NULL, {0.1: NULL, 0.2: NULL})
    assert [(row.variant, row.f_s) for row in rows] == [("a", 0.1), ("a", 0.2)]


def test_order_of_the_rows() -> None:
    null = np.column_stack([NULL, NULL])
    rows = significances("nplm", {"a": 1.0, "b": 2.0}, null, {0.1: null, 0.2: null})
    assert [row.variant for row in rows] == ["a", "a", "b", "b", *np.repeat(COMBINED, 2)]
    assert [row.f_s for row in rows] == [0.1, 0.2] * (2 + len(COMBINED))


def test_null_toys_that_cannot_calibrate_name_the_variant() -> None:
    flat = np.column_stack([NULL, np.full_like(NULL, 3.0)])
    with pytest.raises(UserError, match="nplm b: all 19 null toys give t=3"):
        significances("nplm", {"a": 1.0, "b": 2.0}, flat, {0.1: NULL})


def test_variants_that_are_no_widths_are_not_combined() -> None:
    null = np.column_stack([NULL, NULL])
    rows = significances("one_class_svm", {"fpr=1%": NAN, "fpr=10%": NAN}, null, {0.1: null}, "normal")
    assert [row.variant for row in rows] == ["fpr=1%", "fpr=10%"]
    assert {row.asymptotic_law for row in rows} == {"normal"}
    assert rows[0].z_asymptotic == pytest.approx((10 - 10) / NULL.std(ddof=1))
