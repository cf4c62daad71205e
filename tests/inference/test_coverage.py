"""Rates of false alarms, uniformity and power, against exact distributions."""

import os

import numpy as np
import pytest
from scipy.stats import binomtest, ks_2samp, kstest, norm

from autoscidact.inference.coverage import coverage, power, uniformity
from autoscidact.inference.pvalues import empirical_p

FULL = os.environ.get("AUTOSCIDACT_FULL_CHECKS") == "1"


def test_rates_by_hand() -> None:
    p = np.array([0.001, 0.02, 0.1, 0.15, 0.5, 0.9, 1.0, 0.7, 0.3, 0.2])
    rows = coverage(p)
    assert [row.rate.k for row in rows] == [4, 2, 1]
    assert [row.rate.level for row in rows] == [1, 2, 3]
    for row in rows:
        assert row.rate.nominal == row.rate.attainable == pytest.approx(norm.sf(row.rate.level))
        exact = binomtest(row.rate.k, 10).proportion_ci(0.95, method="exact")
        assert (row.rate.low, row.rate.high) == pytest.approx((exact.low, exact.high))
        # The rate is in the band exactly where its own Clopper-Pearson interval holds the nominal one.
        assert row.inside == (row.rate.low <= row.rate.nominal <= row.rate.high)


def test_band_and_interval_agree_for_every_count() -> None:
    for k in range(201):
        p = np.where(np.arange(200) < k, 0.01, 0.9)
        (row,) = coverage(p, levels=[1.0])
        assert row.inside == (row.rate.low <= row.rate.nominal <= row.rate.high)


def test_attainable_p_are_those_of_the_null_toys() -> None:
    rows = power(np.array([1 / 501, 1.0]), n_null=500)
    assert [row.attainable for row in rows] == pytest.approx([79 / 501, 11 / 501, 0])
    (row,) = coverage(np.full(50, 0.5), levels=[3.0], n_null=500)
    assert (row.rate.rate, row.expected_low, row.expected_high, row.inside) == (0, 0, 0, True)
    # 1 - 0.8413 = 0.1587 is 20/126 to four digits; a level that is one of the steps counts as reached.
    step = float(norm.isf(20 / 126))
    assert power(np.full(10, 20 / 126), levels=[step], n_null=125)[0].k == 10


def test_power_is_the_rate_at_each_level() -> None:
    z = np.array([0.5, 1.5, 2.5, 3.5])
    assert [row.rate for row in power(norm.sf(z))] == [0.75, 0.5, 0.25]
    assert power(np.ones(30))[0].low == 0.0


def shared_null_p(n: int, m: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return empirical_p(rng.normal(size=m), rng.normal(size=n))


@pytest.mark.statistical
def test_calibrated_tests_lie_inside_as_often_as_stated() -> None:
    """Exact: the bands hold at least 95 % of calibrated tests. Each of three once in 1000.

    With shared null toys the plain binomial band holds far fewer, which is why there are two.
    """
    repetitions = 3000 if FULL else 500
    inside, plain = np.zeros(3), np.zeros(3)
    for seed in range(repetitions):
        p = shared_null_p(500, 500, seed)
        inside += [row.inside for row in coverage(p, n_null=500, n_shared=500)]
        plain += [row.inside for row in coverage(p, n_null=500)]
    for k in inside:
        assert binomtest(int(k), repetitions, 0.95, alternative="less").pvalue > 1e-3
    assert plain[0] / repetitions < 0.9


@pytest.mark.statistical
def test_own_null_toys_for_each_observation() -> None:
    """Permutations: p are independent, in steps. The three rates and the uniformity, once in 1000 each."""
    repetitions = 1000 if FULL else 200
    inside, p_uniform = np.zeros(3), np.empty(repetitions)
    for seed in range(repetitions):
        rng = np.random.default_rng([1, seed])
        p = (1 + rng.integers(0, 100, 300)) / 100
        inside += [row.inside for row in coverage(p, n_null=99)]
        p_uniform[seed] = uniformity(p, n_null=99)
    for k in inside:
        assert binomtest(int(k), repetitions, 0.95, alternative="less").pvalue > 1e-3
    assert kstest(p_uniform, "uniform").pvalue > 1e-3


@pytest.mark.statistical
def test_uniformity_with_shared_null_toys() -> None:
    """KS p uniform over calibrated tests, once in 1000; without saying that the toys are shared it is not."""
    repetitions = 1000 if FULL else 200
    tables = [shared_null_p(400, 300, seed) for seed in range(repetitions)]
    said = [uniformity(p, 400, 400) for p in tables]
    assert kstest(said, "uniform").pvalue > 1e-3
    assert kstest([uniformity(p, 400) for p in tables], "uniform").pvalue < 1e-3


def test_uniformity_against_scipys_two_samples_and_continuous_p() -> None:
    rng = np.random.default_rng(0)
    t, null = rng.normal(size=700) + 0.12, rng.normal(size=900)
    p = empirical_p(t, null)
    assert uniformity(p, 900, 900) == pytest.approx(ks_2samp(t, null, method="asymp").pvalue, rel=0.15)
    smooth = rng.uniform(size=100)
    assert uniformity(smooth) == kstest(smooth, "uniform").pvalue
    assert uniformity(p, 900, 900) == uniformity(p, 900, 900)


def test_a_test_that_cries_wolf_is_caught() -> None:
    p = np.random.default_rng(0).uniform(size=500) ** 2
    assert not any(row.inside for row in coverage(p))
    assert uniformity(p) < 1e-6
