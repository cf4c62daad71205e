"""Null distributions: the fitted chi-square against the truth and against scipy's fit, and what toys cannot say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import polygamma
from scipy.stats import chi2, kstest, norm

from autoscidact.errors import UserError
from autoscidact.inference.null import (
    ChiSquareNull,
    EmpiricalNull,
    NormalNull,
    SignedRootNull,
    check_null,
    fit_asymptotic,
    log_survival,
)
from autoscidact.inference.pvalues import empirical_p
from autoscidact.statistics.contract import AsymptoticLaw


@pytest.mark.parametrize("df", [0.3, 1.0, 7.5, 60.0, 900.0])
def test_df_recovers_the_truth_within_its_error(df: float) -> None:
    """The maximum-likelihood error of df is 1 / sqrt(n trigamma(df/2) / 4); five of them: one false alarm in 2e6."""
    n = 4000
    toys = chi2(df).rvs(n, random_state=3)
    null = ChiSquareNull.fit(toys)
    assert null.df == pytest.approx(df, abs=5 / np.sqrt(n * polygamma(1, df / 2) / 4))
    assert null.ks_p > 1e-3


@settings(max_examples=20, deadline=None)
@given(st.floats(0.5, 300), st.integers(2, 200), st.integers(0, 2**31))
def test_df_is_scipys(df: float, n: int, seed: int) -> None:
    """Same data, another maximiser of the same likelihood."""
    toys = chi2(df).rvs(n, random_state=seed)
    scipys, _, _ = chi2.fit(toys, floc=0, fscale=1)
    assert ChiSquareNull.fit(toys).df == pytest.approx(scipys, rel=2e-3)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 2e4), st.integers(2, 50), st.integers(0, 2**31))
def test_df_is_where_the_likelihood_peaks(df: float, n: int, seed: int) -> None:
    toys = np.maximum(chi2(df).rvs(n, random_state=seed), 1e-300)
    found = ChiSquareNull.fit(toys).df
    peak = chi2.logpdf(toys, found).sum()
    assert peak >= chi2.logpdf(toys, found * 0.99).sum()
    assert peak >= chi2.logpdf(toys, found * 1.01).sum()


def test_goodness_of_fit_is_the_kolmogorov_smirnov_p_and_sees_a_misfit() -> None:
    good = chi2(20).rvs(500, random_state=0)
    null = ChiSquareNull.fit(good)
    assert null.ks_p == kstest(good, "chi2", args=(null.df,)).pvalue
    # The mean of a chi-square with 20 degrees of freedom, and three times its spread.
    wide = np.abs(norm(20, 3 * np.sqrt(40)).rvs(500, random_state=0)) + 0.1
    assert ChiSquareNull.fit(wide).ks_p < 1e-3


@pytest.mark.parametrize("bad", [0.0, -1e-3])
def test_no_chi_square_has_values_that_are_not_positive(bad: float) -> None:
    null = ChiSquareNull.fit([3.0, 4.0, bad])
    assert np.isnan(null.df)
    assert np.isnan(null.ks_p)
    assert np.isnan(null.p([1.0, np.inf])).all()
    assert np.isnan(null.z([1.0, -np.inf])).all()


def test_asymptotic_p_and_z() -> None:
    null = ChiSquareNull(10.0, 1.0)
    t = np.array([1.0, 10.0, 40.0, 80.0])
    np.testing.assert_allclose(null.p(t), chi2(10).sf(t))
    np.testing.assert_allclose(null.z(t), norm.isf(chi2(10).sf(t)), rtol=1e-9)


def test_asymptotic_z_does_not_end_where_p_underflows() -> None:
    """chi2.sf(t, 2) = exp(-t/2) exactly; the Gaussian's asymptotic tail gives Z."""
    null = ChiSquareNull(2.0, 1.0)
    assert null.p(1e4) == 0
    z = float(null.z(1e4))
    assert -(z**2) / 2 - np.log(z * np.sqrt(2 * np.pi)) + np.log1p(-(z**-2)) == pytest.approx(-5e3, rel=1e-8)


@pytest.mark.parametrize("df", [0.01, 1.0, 37.3, 800.0, 1e4])
def test_log_survival_against_fifty_digits(df: float) -> None:
    mpmath = pytest.importorskip("mpmath")
    t = np.concatenate([[-1.0, 0.0, df / 2], df + np.sqrt(2 * df) * np.array([3.0, 30.0, 60.0]), [1e4 + 2 * df, 1e6]])
    with mpmath.workdps(50):
        half = [mpmath.mpf(max(0.0, value)) / 2 for value in t]
        exact = [float(mpmath.log(mpmath.gammainc(mpmath.mpf(df) / 2, x, regularized=True))) for x in half]
    np.testing.assert_allclose(log_survival(t, df), exact, rtol=1e-11, atol=1e-15)


def test_log_survival_is_continuous_where_the_series_takes_over() -> None:
    for df in (0.5, 20.0, 300.0):
        t = np.linspace(df + 200, df + 3000, 20001)
        slope = np.diff(log_survival(t, df))
        assert (slope < 0).all()
        assert np.abs(np.diff(slope)).max() < 1e-3
    assert log_survival([np.inf, -np.inf], 3.0).tolist() == [-np.inf, 0.0]
    assert log_survival(1e5, 3.0).shape == ()


@pytest.mark.parametrize("df", [1.0, 37.3, 5e3])
def test_asymptotic_z_grows_with_t_far_out(df: float) -> None:
    z = ChiSquareNull(df, 1.0).z(np.geomspace(df, 1e6, 200))
    assert np.isfinite(z).all()
    assert (np.diff(z) > 0).all()


def test_empirical_null() -> None:
    toys = np.random.default_rng(0).normal(size=99)
    null = EmpiricalNull(toys)
    t = np.array([-10.0, 0.0, toys.max(), np.nextafter(toys.max(), np.inf), 10.0])
    np.testing.assert_array_equal(null.p(t), empirical_p(t, toys))
    np.testing.assert_array_equal(null.z(t), norm.isf(empirical_p(t, toys)))
    # A tie with the largest toy is a count of one, not a bound.
    assert null.is_bound(t).tolist() == [False, False, False, True, True]


def test_a_failed_null_toy_is_above_everything() -> None:
    null = EmpiricalNull(np.append(np.arange(98.0), np.inf))
    assert null.p(1e300) == 0.02
    assert not null.is_bound(1e300)


def test_nulls_that_cannot_calibrate() -> None:
    with pytest.raises(UserError, match=r"nplm q1: 1 null toys cannot calibrate; raise toys\.n_null"):
        check_null(np.array([1.0]), "nplm q1")
    with pytest.raises(UserError, match="nplm q1: all 5 null toys give t=2"):
        check_null(np.full(5, 2.0), "nplm q1")
    check_null(np.array([1.0, 2.0]), "nplm q1")


def test_normal_null_against_scipy() -> None:
    toys = np.random.default_rng(0).normal(7.0, 3.0, 500)
    fitted = NormalNull.fit(toys)
    t = np.array([-5.0, 7.0, 20.0])
    np.testing.assert_allclose(fitted.p(t), norm(toys.mean(), toys.std(ddof=1)).sf(t))
    np.testing.assert_allclose(norm.sf(fitted.z(t)), fitted.p(t))
    # Z stays finite where p underflows.
    assert fitted.z(7 + 3 * 60.0) == pytest.approx(60, rel=0.15)
    assert fitted.ks_p > 0.01
    assert NormalNull.fit(toys**2).ks_p < 0.01


def test_signed_root_null_undoes_the_square() -> None:
    root = np.random.default_rng(1).normal(0.3, 1.2, 500)
    fitted = SignedRootNull.fit(np.sign(root) * root**2)
    expected = NormalNull.fit(root)
    assert fitted.root.mean == pytest.approx(expected.mean)
    np.testing.assert_allclose(fitted.z([-4.0, 0.0, 9.0]), expected.z([-2.0, 0.0, 3.0]))
    np.testing.assert_allclose(fitted.p([-4.0, 0.0, 9.0]), expected.p([-2.0, 0.0, 3.0]))


def test_signed_root_null_is_never_narrower_than_theory() -> None:
    root = np.random.default_rng(1).normal(-0.5, 0.4, 500)
    fitted = SignedRootNull.fit(np.sign(root) * root**2)
    np.testing.assert_allclose(fitted.z([4.0, 25.0]), [2.0, 5.0])
    assert fitted.ks_p < 1e-6


@pytest.mark.parametrize(("law", "family"), [("chi2", ChiSquareNull), ("normal", NormalNull)])
def test_every_law_has_its_family(law: AsymptoticLaw, family: type) -> None:
    toys = np.random.default_rng(2).chisquare(5, 100)
    assert fit_asymptotic(law, toys) == family.fit(toys)
