"""p-values and Z against counting, against scipy, and far out where floating point gives up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from autoscidact.inference.pvalues import empirical_p, paper_p, resolution, z_from_log_p, z_from_p

# Few different values, so that ties are common: they are where `>=` and `>` part.
values = st.integers(-3, 3).map(float) | st.just(float("inf")) | st.just(float("-inf"))
nulls = st.lists(values, min_size=1, max_size=30)


@settings(deadline=None)
@given(st.lists(values, min_size=1, max_size=10), nulls)
def test_empirical_p_counts(t: list[float], null: list[float]) -> None:
    counted = [(1 + sum(n >= x for n in null)) / (1 + len(null)) for x in t]
    assert empirical_p(t, null).tolist() == counted


@settings(deadline=None)
@given(values, nulls)
def test_paper_p_counts(t: float, null: list[float]) -> None:
    assert paper_p(t, null) == sum(n > t for n in null) / len(null)


@settings(deadline=None)
@given(st.lists(values, min_size=2, max_size=10), nulls)
def test_empirical_p_is_never_zero_never_above_one_and_falls_with_t(t: list[float], null: list[float]) -> None:
    p = empirical_p(sorted(t), null)
    assert p.min() >= resolution(len(null)) > 0
    assert p.max() <= 1
    assert (np.diff(p) <= 0).all()


def test_past_the_last_toy_p_is_the_resolution_and_the_papers_is_zero() -> None:
    null = np.arange(99.0)
    assert empirical_p(1e9, null) == resolution(99) == 0.01
    assert paper_p(1e9, null) == 0
    # A tie with the last toy: it is at t, not above it.
    assert empirical_p(98.0, null) == 0.02
    assert paper_p(98.0, null) == 0


def test_shape_is_that_of_t() -> None:
    null = np.arange(10.0)
    assert empirical_p(1.0, null).shape == ()
    assert empirical_p(np.zeros((2, 3)), null).shape == (2, 3)
    assert z_from_p(np.full((2, 3), 0.1)).shape == (2, 3)


def test_order_of_the_null_does_not_matter_and_it_is_left_alone() -> None:
    null = np.random.default_rng(0).normal(size=50)
    before = null.copy()
    np.testing.assert_array_equal(empirical_p(null, null), empirical_p(null, null[::-1]))
    np.testing.assert_array_equal(null, before)


def test_p_of_exchangeable_values_is_exactly_uniform() -> None:
    """Each of n + 1 values in turn as the observed one, the others as null: every p once."""
    pool = np.random.default_rng(1).normal(size=21)
    p = [float(empirical_p(x, np.delete(pool, i))) for i, x in enumerate(pool)]
    np.testing.assert_allclose(sorted(p), np.arange(1, 22) / 21, rtol=1e-14)


@pytest.mark.parametrize(
    ("p", "z"),
    [(0.5, 0.0), (0.158655253931457, 1.0), (1.349898031630095e-3, 3.0), (2.866515718791939e-7, 5.0), (0.975, -1.95996)],
)
def test_z_is_one_sided(p: float, z: float) -> None:
    assert z_from_p(p) == pytest.approx(z, abs=2e-5)
    assert z_from_p(p) == norm.isf(p)
    assert z_from_log_p(np.log(p)) == pytest.approx(z, abs=2e-5)


def test_z_and_p_are_inverse() -> None:
    z = np.linspace(-6, 37, 200)
    np.testing.assert_allclose(z_from_log_p(norm.logsf(z)), z, rtol=1e-9, atol=1e-9)
    z = np.linspace(-5, 35, 100)
    np.testing.assert_allclose(z_from_p(norm.sf(z)), z, rtol=1e-9, atol=1e-9)


def log_tail(z: float) -> float:
    """log of the Gaussian's upper tail, by its asymptotic series (Abramowitz and Stegun 26.2.12)."""
    series = 1 - z**-2 + 3 * z**-4 - 15 * z**-6
    return -(z**2) / 2 - np.log(z * np.sqrt(2 * np.pi)) + np.log(series)


@pytest.mark.parametrize("log_p", [-800.0, -5e3, -1e5, -1e8])
def test_deep_tail_where_p_underflows(log_p: float) -> None:
    assert np.exp(log_p) == 0
    z = float(z_from_log_p(log_p))
    assert np.isfinite(z)
    # Z rounds at 1e-16 of itself, which log p feels twice; ndtri_exp adds as little.
    assert log_tail(z) == pytest.approx(log_p, rel=5e-12)


def test_ends_of_the_scale() -> None:
    assert z_from_log_p(0.0) == -np.inf
    assert z_from_log_p(-np.inf) == np.inf
    assert np.isnan(z_from_log_p(np.nan))
    assert z_from_p(1.0) == -np.inf
