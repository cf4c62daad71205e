"""Clopper-Pearson intervals against scipy's, and against what defines them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from autoscidact.inference.intervals import binomial_interval


@given(st.integers(1, 3000), st.floats(0, 1), st.sampled_from([0.5, 0.68, 0.95, 0.999]))
def test_against_scipy(n: int, part: float, confidence: float) -> None:
    k = round(part * n)
    expected = binomtest(k, n).proportion_ci(confidence, method="exact")
    low, high = binomial_interval(k, n, confidence)
    np.testing.assert_allclose([low, high], [expected.low, expected.high], rtol=1e-7, atol=1e-12)


def test_closed_forms_at_the_ends_and_arrays() -> None:
    low, high = binomial_interval([0, 10], 10)
    np.testing.assert_allclose(low, [0, 0.025**0.1], rtol=1e-12)
    np.testing.assert_allclose(high, [1 - 0.025**0.1, 1], rtol=1e-12)
    low, high = binomial_interval(np.zeros((3, 1)), np.array([5, 50]))
    assert low.shape == high.shape == (3, 2)


@pytest.mark.parametrize("n", [1, 7, 60])
@pytest.mark.parametrize("confidence", [0.68, 0.95])
def test_covers_every_rate_at_least_as_often_as_it_says(n: int, confidence: float) -> None:
    """Exact: the sum over k of P(k) where the interval of k holds the rate."""
    k = np.arange(n + 1)
    low, high = binomial_interval(k, n, confidence)
    for rate in np.linspace(0.001, 0.999, 173):
        assert binom.pmf(k[(low <= rate) & (rate <= high)], n, rate).sum() >= confidence - 1e-12


@pytest.mark.parametrize(("k", "n", "confidence"), [(-1, 5, 0.9), (6, 5, 0.9), (0, 0, 0.9), (1, 5, 1.0)])
def test_impossible_counts_are_refused(k: int, n: int, confidence: float) -> None:
    with pytest.raises(ValueError, match=r"counts|confidence"):
        binomial_interval(k, n, confidence)
