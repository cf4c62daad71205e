"""Rows of an observation, on numbers small enough to count by hand and against the pieces they are made of."""

import os
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest, kstest, norm

from autoscidact.errors import UserError
from autoscidact.inference.combine import RULES, combined_p
from autoscidact.inference.null import ChiSquareNull, NormalNull
from autoscidact.inference.observation import MAX_Z, ObservedSignificance, observed_significances
from autoscidact.inference.significance import significances
from autoscidact.inference.tail import fit_tail

FULL = os.environ.get("AUTOSCIDACT_FULL_CHECKS") == "1"
NAN, INF = float("nan"), float("inf")
Array = NDArray[np.float64]

WIDTHS = {"a": 0.5, "b": 1.5, "c": 4.0}


def correlated(n: int, seed: int, df: int = 8, shift: float = 0.0) -> Array:
    """(n, 3) chi-squares that share most of their fluctuations, as kernel widths do."""
    rng = np.random.default_rng(seed)
    normals = np.sqrt(0.7) * rng.normal(size=(n, df, 1)) + np.sqrt(0.3) * rng.normal(size=(n, df, 3))
    return np.asarray((normals**2).sum(axis=1) + shift)


def by_variant(rows: list[ObservedSignificance]) -> dict[str, ObservedSignificance]:
    return {row.variant: row for row in rows}


def test_one_variant_by_hand() -> None:
    null = np.arange(1.0, 20.0)[:, None]
    (row,) = observed_significances("nplm", {"q50": 1.5}, null, np.array([17.5]), "chi2", "permutation")
    assert (row.statistic, row.variant, row.width, row.calibration) == ("nplm", "q50", 1.5, "permutation")
    assert (row.n_null, row.t_observed) == (19, 17.5)
    # 18 and 19 of the 19 are at or above.
    assert row.p_empirical == pytest.approx(3 / 20)
    exact = binomtest(2, 19).proportion_ci(0.95, method="exact")
    assert (row.p_empirical_low, row.p_empirical_high) == pytest.approx((exact.low, exact.high))
    assert row.z_empirical == pytest.approx(norm.isf(3 / 20))
    assert not row.z_empirical_is_bound
    law = ChiSquareNull.fit(null[:, 0])
    assert (row.p_asymptotic, row.asymptotic_ks_p) == (pytest.approx(float(law.p(17.5))), law.ks_p)
    # Too few toys for a tail, and no signal.
    assert row.n_tail == 0
    assert np.isnan([row.p_tail, row.z_tail_low, row.tail_fit_p, row.f_s, row.z_expected, row.z_expected_q84]).all()
    assert not row.z_expected_is_bound


def test_past_every_toy_the_empirical_z_is_a_bound_and_the_tail_goes_on() -> None:
    null = correlated(500, 0)[:, :1]
    (row,) = observed_significances("nplm", {"a": 1.0}, null, np.array([60.0]), "chi2")
    assert row.z_empirical_is_bound
    assert row.p_empirical_low == 0.0
    tail = fit_tail(null[:, 0], ChiSquareNull.fit(null[:, 0]))
    assert tail is not None
    low, high = tail.interval(60.0)
    assert (row.p_tail, row.p_tail_low, row.p_tail_high) == pytest.approx(
        (float(tail.p(60.0)), float(low), float(high))
    )
    assert row.z_tail == pytest.approx(norm.isf(row.p_tail))
    assert row.z_tail_low == pytest.approx(norm.isf(row.p_tail_high))
    assert row.z_tail > row.z_empirical
    assert (row.n_tail, row.tail_fit_p) == (tail.n_exceedances, tail.fit_p)


def test_an_enormous_t_keeps_a_finite_z() -> None:
    (row,) = observed_significances("nplm", {"a": 1.0}, correlated(500, 5)[:, :1], np.array([1e5]), "chi2")
    assert row.z_tail_low < row.z_tail < INF
    assert row.z_tail_high == INF


def test_combinations_are_the_rules_and_the_largest_z() -> None:
    null, observed = correlated(400, 1), np.array([20.0, 24.0, 9.0])
    rows = by_variant(observed_significances("nplm", WIDTHS, null, observed, "chi2"))
    assert list(rows) == [*WIDTHS, *RULES, MAX_Z]
    for rule in RULES:
        assert rows[rule].p_empirical == combined_p(observed[None, :], null, RULES[rule])[0]
        assert np.isnan([rows[rule].t_observed, rows[rule].p_tail, rows[rule].p_asymptotic, rows[rule].width]).all()
    laws = [ChiSquareNull.fit(column) for column in null.T]
    largest = np.array([max(float(law.z(t)) for law, t in zip(laws, row, strict=True)) for row in null])
    seen = max(rows[name].z_asymptotic for name in WIDTHS)
    assert rows[MAX_Z].t_observed == pytest.approx(seen)
    assert rows[MAX_Z].p_empirical == (1 + (largest >= seen).sum()) / 401
    tail = fit_tail(largest, NormalNull.fit(largest))
    assert tail is not None
    assert rows[MAX_Z].p_tail == pytest.approx(float(tail.p(seen)))
    # The look-elsewhere effect: less significant than the best width on its own.
    assert rows[MAX_Z].p_tail > rows["b"].p_tail
    assert np.isnan([rows[MAX_Z].p_asymptotic, rows[MAX_Z].asymptotic_ks_p]).all()
    assert rows[MAX_Z].asymptotic_law == "-"


def test_no_combination_without_widths_or_of_one() -> None:
    null = correlated(200, 2)
    rows = observed_significances("mmd", {"a": NAN, "b": NAN}, null[:, :2], null[0, :2], "normal")
    assert [row.variant for row in rows] == ["a", "b"]
    assert len(observed_significances("nplm", {"a": 1.0}, null[:, :1], null[0, :1], "chi2")) == 1


def test_expected_beside_observed_is_that_of_signal_toys() -> None:
    null, signal = correlated(300, 3), correlated(60, 4, shift=6.0)
    rows = by_variant(observed_significances("nplm", WIDTHS, null, null[0], "chi2", f_s=0.02, signal=signal))
    reference = {row.variant: row for row in significances("nplm", WIDTHS, null, {0.02: signal})}
    for name in (*WIDTHS, *RULES):
        row, expected = rows[name], reference[name]
        assert (row.f_s, row.z_expected) == (0.02, expected.z_empirical)
        assert (row.z_expected_q16, row.z_expected_q84) == (expected.z_empirical_q16, expected.z_empirical_q84)
        assert row.z_expected_is_bound == expected.z_empirical_is_bound
    assert rows[MAX_Z].z_expected_q16 <= rows[MAX_Z].z_expected <= rows[MAX_Z].z_expected_q84
    without = by_variant(observed_significances("nplm", WIDTHS, null, null[0], "chi2"))
    for name, row in rows.items():
        assert (row.p_empirical, row.n_tail) == (without[name].p_empirical, without[name].n_tail)


def test_a_failed_observed_fit_is_refused_and_named() -> None:
    with pytest.raises(UserError, match=r"nplm: the fit to the observed data failed at b, .*nplm\.penalty"):
        observed_significances("nplm", WIDTHS, correlated(200, 0), np.array([3.0, NAN, 4.0]), "chi2")


def test_failed_null_toys_count_against_a_discovery_everywhere() -> None:
    null = correlated(500, 6)
    broken = null.copy()
    broken[:4, 1] = NAN
    rows = by_variant(observed_significances("nplm", WIDTHS, broken, np.full(3, 300.0), "chi2"))
    for name in ("b", "max_z"):
        assert rows[name].p_empirical == 5 / 501
        assert rows[name].p_tail >= 4 / 500 * (1 - 1e-12)
    assert rows["a"].p_empirical == 1 / 501
    assert rows["min_p"].p_empirical >= 1 / 501


def test_t_at_or_below_0_leaves_no_chi_square_but_a_tail() -> None:
    null = correlated(300, 7) - 5.0
    rows = by_variant(observed_significances("nplm", WIDTHS, null, np.full(3, 15.0), "chi2"))
    assert np.isnan(rows["a"].p_asymptotic)
    assert 0 < rows["a"].p_tail < 0.1
    assert 0 < rows[MAX_Z].p_tail < 0.1


def test_t_next_to_0_has_a_z_that_breaks_no_mean() -> None:
    null = np.abs(correlated(300, 8, df=30))
    null[0] = 1e-9
    rows = by_variant(observed_significances("nplm", WIDTHS, null, np.full(3, 50.0), "chi2"))
    assert np.isfinite(rows[MAX_Z].p_tail)


def test_null_toys_all_alike_are_refused() -> None:
    with pytest.raises(UserError, match="sees nothing to vary"):
        observed_significances("nplm", {"a": 1.0}, np.ones((50, 1)), np.array([2.0]), "chi2")


@given(st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_the_order_of_null_toys_means_nothing(seed: int) -> None:
    null, observed = correlated(150, seed), correlated(1, seed + 1)[0]
    shuffled = np.random.default_rng(seed).permutation(null)
    for one, other in zip(
        observed_significances("nplm", WIDTHS, null, observed, "chi2"),
        observed_significances("nplm", WIDTHS, shuffled, observed, "chi2"),
        strict=True,
    ):
        for field in fields(one):
            first, second = getattr(one, field.name), getattr(other, field.name)
            assert first == (second if isinstance(first, str) else pytest.approx(second, rel=1e-6, nan_ok=True))


@pytest.mark.statistical
def test_every_p_is_uniform_or_conservative_without_signal() -> None:
    """Observations from the null, each with its own null toys. P(p <= 0.1) of nine variants, once in 1000 each.

    An empirical p is exact. A tail's point estimate has no end point, and so is at most a little too large; 0.13 is
    what the error of 150 toys could hide.
    """
    repetitions = 600 if FULL else 80
    rows = [
        by_variant(observed_significances("nplm", WIDTHS, table[1:], table[0], "chi2"))
        for table in (correlated(151, 100 + seed) for seed in range(repetitions))
    ]
    for name in (*WIDTHS, *RULES, MAX_Z):
        p = np.array([row[name].p_empirical for row in rows])
        assert kstest(p - 0.5 / 151, "uniform").pvalue > 1e-3
        tail = np.array([row[name].p_tail for row in rows])
        if not np.isnan(tail).any():
            k = int((tail <= 0.1).sum())
            assert binomtest(k, repetitions, 0.13, alternative="greater").pvalue > 1e-3
