"""The template fit against MINUIT with two free parameters, closed forms, and what must not change it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iminuit import Minuit
from scipy.special import xlogy
from scipy.stats import kstest, norm

from autoscidact.statistics.template_fit import fit_signal_fraction


def templates(rng: np.random.Generator, n_bins: int) -> tuple[np.ndarray, np.ndarray]:
    background, signal = np.exp(-np.linspace(0, 4, n_bins)), np.exp(-np.linspace(3, 0, n_bins))
    background, signal = (rows * rng.uniform(0.8, 1.2, n_bins) for rows in (background, signal))
    return background / background.sum(), signal / signal.sum()


def log_likelihood(fraction: float, counts: np.ndarray, background: np.ndarray, signal: np.ndarray) -> float:
    """Up to a constant, of N events, naively."""
    total = 0.0
    for n, b, s in zip(counts, background, signal, strict=True):
        total += xlogy(n, (1 - fraction) * b + fraction * s)
    return total


def by_minuit(counts: np.ndarray, background: np.ndarray, signal: np.ndarray) -> tuple[float, float, bool]:
    """phi and delta chi2 of extended Poisson fits with a1 and a2 free, and whether MINUIT vouches for them."""

    def cost(a1: float, a2: float) -> float:
        expected = a1 * background + a2 * signal
        if not (expected > 0).all():
            return np.inf
        # Less its smallest conceivable value, or MINUIT's differences drown in rounding.
        return float(2 * np.sum(expected - counts + xlogy(counts, counts) - xlogy(counts, expected)))

    total = counts.sum()
    without, free = Minuit(cost, a1=total, a2=0.0), Minuit(cost, a1=total, a2=0.0)
    without.fixed["a2"] = True
    for fit in (without, free):
        fit.errordef, fit.strategy, fit.tol = Minuit.LIKELIHOOD, 2, 1e-5
        fit.errors["a1"], fit.errors["a2"] = np.sqrt(total), 0.1 * np.sqrt(total)
        for _ in range(3):
            fit.migrad()
    a1, a2 = free.values
    return a2 / (a1 + a2), without.fval - free.fval, without.valid and free.valid


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # MINUIT asks for a2 = infinity
def test_agrees_with_minuit() -> None:
    rng = np.random.default_rng(0)
    background, signal = templates(rng, 20)
    toys = [rng.poisson(2000 * ((1 - f) * background + f * signal)) for f in (-0.02, 0.0, 0.02, 0.1) for _ in range(50)]
    fit = fit_signal_fraction(np.array(toys, dtype=float), background[None], signal)
    lowest = -1 / (signal / background - 1).max()
    inside = 0
    for counts, fraction, delta in zip(toys, fit.fraction, fit.delta_chi2, strict=True):
        expected_fraction, expected_delta, valid = by_minuit(counts, background, signal)
        if valid:
            assert delta == pytest.approx(expected_delta, rel=1e-8, abs=1e-8)
            assert fraction == pytest.approx(expected_fraction, rel=1e-5, abs=1e-6)
        else:
            # Only where the best fit has an empty bin, which MINUIT cannot reach.
            assert fraction == pytest.approx(lowest)
            assert delta >= expected_delta - 1e-9
        inside += valid
    assert inside >= 190
    assert (fit.fraction < 0).any()
    np.testing.assert_array_equal(np.sign(fit.signed), np.sign(fit.fraction))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 30), st.integers(1, 300))
def test_no_fraction_fits_better(seed: int, n_bins: int, n_events: int) -> None:
    """Any templates, few events, many empty bins: nothing on the allowed interval beats the fit."""
    rng = np.random.default_rng(seed)
    background = rng.dirichlet(np.full(n_bins, 2.0)) * 0.999 + 0.001 / n_bins
    signal = rng.dirichlet(np.full(n_bins, 0.3))
    counts = rng.multinomial(n_events, rng.dirichlet(np.ones(n_bins))).astype(float)
    fit = fit_signal_fraction(counts[None], background[None], signal)
    ratio = signal / background - 1
    fraction, low, high = fit.fraction[0], -1 / ratio.max(), -1 / ratio.min()
    slack = 1e-9 * (high - low)
    assert low - slack <= fraction <= high + slack
    none = log_likelihood(0.0, counts, background, signal)
    for other in np.concatenate([np.linspace(low, high, 41)[1:-1], fraction + np.array([-1, 1]) * 1e-6 * (high - low)]):
        if low < other < high:
            gain = 2 * (log_likelihood(other, counts, background, signal) - none)
            assert gain <= fit.delta_chi2[0] + 1e-8 * (1 + abs(none))


@given(st.integers(1, 500), st.integers(0, 500), st.floats(0.01, 0.99))
def test_two_bins_in_closed_form(first: int, second: int, background: float) -> None:
    """With two bins and all of the signal in one, the fit is perfect: delta chi2 is the G-test's."""
    observed, template = np.array([[first, second]], dtype=float), np.array([[background, 1 - background]])
    fit = fit_signal_fraction(observed, template, np.array([1.0, 0.0]))
    n = first + second
    expected = 2 * (xlogy(observed, observed / n) - xlogy(observed, template)).sum()
    assert fit.delta_chi2[0] == pytest.approx(expected, rel=1e-9, abs=1e-9)
    # n q = (1 - phi) b + phi in the first bin.
    assert fit.fraction[0] == pytest.approx((first / n - background) / (1 - background), rel=1e-6, abs=1e-7)


def test_ends_of_the_interval() -> None:
    background, signal = np.array([[0.9, 0.09, 0.01]]), np.array([0.0, 0.3, 0.7])
    # Nothing where signal is densest: p_3 = 0 fits best. Nothing where there is no signal: all is signal.
    fit = fit_signal_fraction(np.array([[950.0, 50.0, 0.0], [0.0, 3.0, 20.0], [0.0, 0.0, 5.0]]), background, signal)
    low, no_background = -0.01 / (0.7 - 0.01), 1.0
    np.testing.assert_allclose(fit.fraction, [low, no_background, no_background], rtol=1e-12)
    first = 950 * np.log1p(low * (-1.0)) + 50 * np.log1p(low * (0.3 / 0.09 - 1))
    np.testing.assert_allclose(
        fit.delta_chi2,
        [2 * first, 2 * (3 * np.log(0.3 / 0.09) + 20 * np.log(70)), 2 * 5 * np.log(70)],
        rtol=1e-12,
    )


def test_nothing_to_fit() -> None:
    background, counts = np.array([[0.5, 0.3, 0.2]]), np.array([[5.0, 3.0, 2.0], [1.0, 0.0, 9.0]])
    same = fit_signal_fraction(counts, background, background[0])
    np.testing.assert_array_equal(same.signed, 0.0)
    empty = fit_signal_fraction(np.zeros((2, 3)), background, np.array([0.0, 0.5, 0.5]))
    np.testing.assert_array_equal(empty.signed, 0.0)
    exact = fit_signal_fraction(counts[:1], background, np.array([0.0, 0.0, 1.0]))
    np.testing.assert_allclose(exact.signed, 0.0, atol=1e-12)


def test_empty_background_bin_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        fit_signal_fraction(np.ones((1, 2)), np.array([[1.0, 0.0]]), np.array([0.5, 0.5]))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32))
def test_order_of_bins_and_splitting_one_in_proportion_change_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    background, signal = templates(rng, 8)
    counts = rng.poisson(300 * background, (4, 8)).astype(float)
    fit = fit_signal_fraction(counts, background[None], signal)
    order = rng.permutation(8)
    shuffled = fit_signal_fraction(counts[:, order], background[None, order], signal[order])
    np.testing.assert_allclose(shuffled.delta_chi2, fit.delta_chi2, rtol=1e-9, atol=1e-10)
    in_two = [np.concatenate([template * 0.4, template * 0.6]) for template in (background, signal)]
    part = rng.binomial(counts.astype(int), 0.4).astype(float)
    split = fit_signal_fraction(np.concatenate([part, counts - part], axis=1), in_two[0][None], in_two[1])
    np.testing.assert_allclose(split.delta_chi2, fit.delta_chi2, rtol=1e-9, atol=1e-10)


def test_own_background_for_each_toy_is_one_fit_each() -> None:
    rng = np.random.default_rng(3)
    signal = templates(rng, 12)[1]
    background = np.array([templates(rng, 12)[0] for _ in range(6)])
    counts = rng.poisson(500 * background).astype(float)
    together = fit_signal_fraction(counts, background, signal)
    for i in range(6):
        alone = fit_signal_fraction(counts[i : i + 1], background[i : i + 1], signal)
        assert alone.signed[0] == together.signed[i]


@pytest.mark.statistical
def test_signed_root_is_standard_normal() -> None:
    """Wilks: with the true templates sign(phi) sqrt(delta chi2) is N(0, 1). False alarm 1e-3; 4000 toys see 2 %."""
    rng = np.random.default_rng(11)
    background, signal = templates(rng, 20)
    fit = fit_signal_fraction(rng.multinomial(20_000, background, 4000).astype(float), background[None], signal)
    root = np.sign(fit.signed) * np.sqrt(np.abs(fit.signed))
    assert kstest(root, norm.cdf).pvalue > 1e-3
