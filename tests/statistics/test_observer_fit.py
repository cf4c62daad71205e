"""The fit of an observer: against MINUIT, closed forms and naive histograms; its level, its power, what it refuses."""

import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iminuit import Minuit
from scipy.special import xlogy
from scipy.stats import kstest, kstwobign

from autoscidact.errors import UserError
from autoscidact.inference.pvalues import empirical_p
from autoscidact.statistics.observer_fit import MIN_EXPECTED, ObserverFit, fit_signal_rate
from autoscidact.statistics.template_fit import fit_signal_fraction
from autoscidact.toys.pools import Pools, build_pools
from autoscidact.toys.sampler import ToyBatch, ToyDefinition, draw_toys

N_REF, N_DATA = 400, 40
N_BACKGROUND, N_SIGNAL = 12_000, 1000
FULL = os.environ.get("AUTOSCIDACT_FULL_CHECKS") == "1"


def pools(resampled: bool = False, weighted: bool = False) -> Pools:
    """Background masses that rise from 110 to 180 and a peak at 125, 2.5 wide; 20 observed events, some far outside."""
    rng = np.random.default_rng(0)
    mass = np.concatenate(
        [
            110 + 70 * np.sqrt(rng.uniform(size=N_BACKGROUND)),
            rng.normal(125, 2.5, N_SIGNAL),
            rng.uniform(0, 1000, 20),
        ]
    )
    n, others = len(mass), N_BACKGROUND + N_SIGNAL
    points = rng.normal(size=(n, 2))
    weights = rng.uniform(0.5, 2.0, n) if weighted else np.ones(n)
    is_signal = np.arange(n) >= N_BACKGROUND
    pool = build_pools(points, np.arange(n), weights, is_signal, N_REF, N_DATA, resampled, seed=0)
    return replace(
        pool, signal=pool.signal[pool.signal < others], observed=np.arange(others, n), observers={"m4l": mass}
    )


def draw(pool: Pools, f_s: float, n: int, first: int = 0) -> ToyBatch:
    definition = ToyDefinition(pool.fingerprint, N_REF, N_DATA, pool.resampled, True, 0)
    return draw_toys(pool, definition, f_s, range(first, first + n))


def prepared(pool: Pools, **options: object) -> ObserverFit:
    statistic = ObserverFit("m4l", **options)
    statistic.prepare(pool, N_REF, N_DATA, 0)
    return statistic


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("resampled", [False, True])
def test_is_the_fits_of_naive_histograms(resampled: bool, weighted: bool) -> None:
    """Few enough bins that none is merged; events outside [115, 175] count in the first and the last."""
    pool = pools(resampled, weighted)
    statistic, toys = prepared(pool, n_bins=10, range=[115.0, 175.0]), draw(pool, 0.1, 4)
    edges = np.linspace(115, 175, 11)
    edges[[0, -1]] = -np.inf, np.inf
    mass = pool.observers["m4l"]
    template = np.histogram(mass[pool.signal], edges, weights=pool.weights[pool.signal])[0]
    template = template / template.sum()
    for i, t in enumerate(statistic.evaluate(toys)):
        counts = np.histogram(mass[toys.data[i]], edges)[0][None].astype(float)
        reference = np.maximum(np.histogram(mass[toys.reference_of(i)], edges)[0], 0.5)[None]
        shape = fit_signal_fraction(counts, reference / reference.sum(), template).signed[0]
        rate = fit_signal_rate(counts, reference * N_DATA / N_REF, template)[0]
        np.testing.assert_allclose(t, [shape, rate], rtol=1e-9, atol=1e-9)


def templates(rng: np.random.Generator, n_bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Expected background, about 60 events, and a signal that is a peak."""
    background, signal = rng.uniform(0.5, 1.5, n_bins), np.exp(-0.5 * (np.arange(n_bins) - n_bins // 3) ** 2)
    return 60 * background / background.sum(), signal / signal.sum()


def by_minuit(counts: np.ndarray, background: np.ndarray, signal: np.ndarray) -> float:
    """Signed delta chi2 of an extended Poisson fit, s bounded where a bin expects nothing."""

    def cost(s: float) -> float:
        expected = np.maximum(background + s * signal, 1e-300)
        return float(2 * np.sum(expected - counts + xlogy(counts, counts) - xlogy(counts, expected)))

    fit = Minuit(cost, s=0.5)
    fit.limits["s"] = (-np.min(background / signal), None)
    fit.errordef, fit.strategy, fit.tol = Minuit.LIKELIHOOD, 2, 1e-6
    for _ in range(3):
        fit.migrad()
    return float(np.sign(fit.values["s"]) * (cost(0.0) - fit.fval))


def test_rate_agrees_with_minuit() -> None:
    """100 toys with from -8 to 12 events of signal."""
    rng = np.random.default_rng(0)
    background, signal = templates(rng, 20)
    means = [np.maximum(background + s * signal, 0) for s in (-8, 0, 4, 12)]
    toys = np.array([rng.poisson(mean) for mean in means for _ in range(25)], dtype=float)
    found = fit_signal_rate(toys, background[None], signal)
    assert (found < 0).any()
    assert (found > 0).any()
    np.testing.assert_allclose(found, [by_minuit(n, background, signal) for n in toys], rtol=1e-6, atol=1e-6)


@given(st.integers(0, 300), st.floats(0.1, 200))
def test_rate_of_one_bin_in_closed_form(n: int, background: float) -> None:
    """s = n - B and t = sign(s) 2 [n ln(n / B) - (n - B)] (Cowan et al. 2011, Eq. 12 and text)."""
    t = fit_signal_rate(np.array([[float(n)]]), np.array([[background]]), np.array([1.0]))
    expected = 2 * (xlogy(n, n / background) - (n - background))
    assert t[0] == pytest.approx(np.sign(n - background) * expected, rel=1e-9, abs=1e-9)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 30), st.integers(0, 200))
def test_no_rate_fits_better(seed: int, n_bins: int, n_events: int) -> None:
    """Any templates, empty bins, bins without signal: nothing on the allowed interval beats the fit."""
    rng = np.random.default_rng(seed)
    background = rng.gamma(0.5, 4.0, n_bins) + 1e-3
    signal = rng.dirichlet(np.full(n_bins, 0.3))
    signal = np.where(rng.random(n_bins) < 0.3, 0.0, signal + 1e-9)
    signal = signal / signal.sum() if signal.any() else np.full(n_bins, 1 / n_bins)
    counts = rng.multinomial(n_events, rng.dirichlet(np.ones(n_bins))).astype(float)
    t = fit_signal_rate(counts[None], background[None], signal)[0]
    low = -np.min((background / np.maximum(signal, 1e-300))[signal > 0])
    s = np.concatenate([np.linspace(low, 0, 200)[1:], np.linspace(0, n_events + 1, 400)[1:]])
    gain = 2 * (xlogy(counts, 1 + s[:, None] * signal / background).sum(axis=1) - s)
    best = gain.argmax()
    slack = 1e-9 * (1 + abs(t))
    assert gain[best] <= abs(t) + slack
    # The scan is coarse, but on which side of zero the maximum lies it does see, unless it lies close by.
    assert np.sign(s[best]) == np.sign(t) or gain[best] <= slack
    order = rng.permutation(n_bins)
    shuffled = fit_signal_rate(counts[None, order], background[None, order], signal[order])[0]
    assert shuffled == pytest.approx(t, rel=1e-9, abs=1e-9)


@given(st.integers(0, 2**32))
def test_splitting_a_bin_in_proportion_and_company_change_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    background, signal = templates(rng, 12)
    counts = rng.poisson(background, (5, 12)).astype(float)
    t = fit_signal_rate(counts, background[None], signal)
    part = rng.binomial(counts.astype(int), 0.3).astype(float)
    both = [np.concatenate([x * 0.3, x * 0.7]) for x in (background, signal)]
    split = fit_signal_rate(np.concatenate([part, counts - part], axis=1), both[0][None], both[1])
    np.testing.assert_allclose(split, t, rtol=1e-9, atol=1e-10)
    alone = [fit_signal_rate(row[None], background[None], signal)[0] for row in counts]
    np.testing.assert_allclose(alone, t, rtol=1e-12, atol=1e-12)


def test_rate_without_data_or_background() -> None:
    background, signal = np.array([[3.0, 1.0, 2.0]]), np.array([0.5, 0.0, 0.5])
    # No data: as little signal as the bins allow, s = -4, and t = -2 * 4.
    np.testing.assert_allclose(fit_signal_rate(np.zeros((1, 3)), background, signal), -8.0)
    with pytest.raises(ValueError, match="positive"):
        fit_signal_rate(np.ones((1, 2)), np.array([[1.0, 0.0]]), np.array([0.5, 0.5]))


def test_asimov_data_give_the_expected_significance() -> None:
    """Counts equal to B + s p have their maximum at s, so t is the Asimov 2 sum n ln(1 + s p / B) - 2 s."""
    background, signal = templates(np.random.default_rng(2), 25)
    s = np.array([-1.0, 0.0, 3.0, 40.0])
    counts = background + s[:, None] * signal
    expected = np.sign(s) * 2 * (xlogy(counts, counts / background).sum(axis=1) - s)
    np.testing.assert_allclose(fit_signal_rate(counts, background[None], signal), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.statistical
@pytest.mark.parametrize("resampled", [False, True])
def test_p_of_null_toys_is_uniform(resampled: bool) -> None:
    """Both variants, 300 observations against 1000 null toys (3000 against 10000 in full). False alarm 1 % each."""
    pool, (n_null, n) = pools(resampled), (10_000, 3000) if FULL else (1000, 300)
    statistic = prepared(pool)
    t = np.concatenate([statistic.evaluate(draw(pool, 0.0, 100, first)) for first in range(0, n_null + n, 100)])
    for values in t.T:
        # Counts in bins tie: p is then larger than uniform, never smaller. Broken at random it is uniform.
        ranks = np.lexsort((np.random.default_rng(0).random(len(values)), values)).argsort()
        p = empirical_p(ranks[n_null:], ranks[:n_null])
        distance = kstest(p - 0.5 / (n_null + 1), "uniform").statistic
        assert kstwobign.sf(np.sqrt(n * n_null / (n + n_null)) * distance) > 0.01


@pytest.mark.statistical
@pytest.mark.parametrize("resampled", [False, True])
def test_finds_a_narrow_peak(resampled: bool) -> None:
    """8 events of a peak on 40: a median Z of 3.9 at best, 2.8 to 3.4 were seen with these R; here at least 2.3."""
    pool = pools(resampled)
    statistic = prepared(pool)
    null, signal = statistic.evaluate(draw(pool, 0.0, 300)), statistic.evaluate(draw(pool, 0.2, 100))
    assert (np.median(signal, axis=0) > np.quantile(null, 0.99, axis=0)).all()
    assert np.median(np.sign(null) * np.sqrt(np.abs(null)), axis=0) == pytest.approx([0, 0], abs=0.5)


def test_shape_does_not_count_events_and_rate_does() -> None:
    pool = pools()
    statistic, toys = prepared(pool), draw(pool, 0.0, 5)
    twice = replace(toys, data=tuple(np.concatenate([rows, rows]) for rows in toys.data))
    one, two = statistic.evaluate(toys), statistic.evaluate(twice)
    np.testing.assert_allclose(two[:, 0], 2 * one[:, 0], rtol=1e-8, atol=1e-8)
    assert (two[:, 1] > 2 * one[:, 1]).all()
    empty = statistic.evaluate(replace(toys.take([0]), data=(np.empty(0, dtype=np.int64),)))
    assert empty[0, 0] == 0.0
    assert empty[0, 1] < 0


def test_observed_events_far_outside_count_in_the_end_bins() -> None:
    pool = pools()
    mass = pool.observers["m4l"]
    near = replace(pool, observers={"m4l": np.clip(mass, 110.0, 180.0)})
    toys = ToyBatch(pool.reference[None], (pool.observed,), np.array([20]), np.array([2**62]), float(N_DATA), 0.0)
    t = prepared(pool, range=[112, 178]).evaluate(toys)
    assert np.isfinite(t).all()
    np.testing.assert_array_equal(t, prepared(near, range=[112, 178]).evaluate(toys))


def test_events_without_a_value_are_in_no_bin() -> None:
    pool, rng = pools(), np.random.default_rng(1)
    mass = np.where(rng.random(len(pool.points)) < 0.3, np.nan, pool.observers["m4l"])
    statistic, toys = prepared(replace(pool, observers={"m4l": mass}), range=[110, 180]), draw(pool, 0.1, 3)
    known = tuple(rows[np.isfinite(mass[rows])] for rows in toys.data)
    np.testing.assert_array_equal(statistic.evaluate(toys), statistic.evaluate(replace(toys, data=known)))


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 80), st.integers(0, 2**32))
def test_bins_hold_enough_of_r(n_bins: int, seed: int) -> None:
    pool = pools()
    mass = pool.observers["m4l"].copy()
    mass[pool.reference] = 110 + 70 * np.random.default_rng(seed).beta(0.3, 2, N_REF)
    statistic = prepared(replace(pool, observers={"m4l": mass}), n_bins=n_bins)
    in_r = np.asarray(statistic._bins[pool.reference].sum(axis=0)).ravel()
    assert 2 <= len(in_r) <= n_bins
    assert in_r.min() >= MIN_EXPECTED
    assert in_r.sum() == N_REF


def test_definition_names_the_values_and_the_bins() -> None:
    pool = pools()
    mass = pool.observers["m4l"].copy()
    mass[pool.background[0]] += 30.0
    definitions = [
        prepared(pool).definition,
        prepared(pool, n_bins=20).definition,
        prepared(pool, range=[110, 180]).definition,
        prepared(replace(pool, observers={"m4l": mass})).definition,
    ]
    assert all(a != b for i, a in enumerate(definitions) for b in definitions[i + 1 :])
    mass = pool.observers["m4l"].copy()
    mass[pool.observed] = 0.0
    assert prepared(replace(pool, observers={"m4l": mass})).definition == definitions[0]
    assert prepared(pool).plan == "m4l of 1000 signal events in 28 bins"


def test_refuses_what_it_cannot_fit() -> None:
    pool = pools()
    mass, unknown = pool.observers["m4l"], np.full(len(pool.points), np.nan)
    with pytest.raises(UserError, match=r"observer_fit\.observer=m4l .* observers \(mZ1, mZ2\)"):
        prepared(replace(pool, observers={"mZ1": mass, "mZ2": mass}))
    with pytest.raises(UserError, match=r"observers \(none\)"):
        prepared(replace(pool, observers={}))
    with pytest.raises(UserError, match="needs signal events"):
        prepared(replace(pool, signal=np.empty(0, dtype=np.int64)))
    with pytest.raises(UserError, match="no event of R has a value"):
        prepared(replace(pool, observers={"m4l": unknown}))
    only_background = np.where(np.isin(np.arange(len(mass)), pool.signal), np.nan, mass)
    with pytest.raises(UserError, match="no event of signal has a value"):
        prepared(replace(pool, observers={"m4l": only_background}))
    for values, options in ((np.ones(len(mass)), {}), (mass, {"range": [500.0, 900.0]})):
        with pytest.raises(UserError, match=r"cannot fill two bins of m4l .* observer_fit\.range"):
            prepared(replace(pool, observers={"m4l": values}), **options)
    with pytest.raises(RuntimeError, match="before"):
        ObserverFit("m4l").evaluate(draw(pool, 0.0, 1))


@pytest.mark.parametrize(
    "options",
    [{"n_bins": 1}, {"n_bins": 2.5}, {"range": [180, 110]}, {"range": [110]}, {"range": [110, float("inf")]}],
)
def test_options_are_checked(options: dict[str, object]) -> None:
    with pytest.raises(UserError, match=next(iter(options))):
        ObserverFit("m4l", **options)
