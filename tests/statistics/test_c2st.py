"""The classifier two-sample test against a classifier fitted naively, and its law without novelty."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import kstest, norm

from autoscidact.errors import UserError
from autoscidact.statistics.c2st import C2ST, held_out_accuracy
from autoscidact.toys.pools import Pools, build_pools
from autoscidact.toys.sampler import ToyBatch, ToyDefinition, draw_toys

N_REF, N_DATA = 1000, 200


def pools(resampled: bool = False, n_ref: int = N_REF) -> Pools:
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=(8000, 2)), rng.normal(3.0, 0.3, size=(300, 2))])
    ids = np.arange(len(points))
    return build_pools(points, ids, np.ones(len(ids)), ids >= 8000, n_ref, N_DATA, resampled, seed=0)


def draw(pool: Pools, f_s: float, n: int, poisson: bool = False) -> ToyBatch:
    n_ref = N_REF if pool.resampled else len(pool.reference)
    return draw_toys(pool, ToyDefinition(pool.fingerprint, n_ref, N_DATA, pool.resampled, poisson, 0), f_s, range(n))


def prepared(pool: Pools) -> C2ST:
    statistic = C2ST()
    statistic.prepare(pool, N_REF, N_DATA, 0)
    return statistic


def gaussian(x: np.ndarray, y: np.ndarray, width: float) -> np.ndarray:
    return np.array([[np.exp(-np.sum((a - b) ** 2) / (2 * width**2)) for b in y] for a in x])


def test_is_the_accuracy_of_a_classifier_fitted_naively() -> None:
    pool = pools()
    statistic, toys = prepared(pool), draw(pool, 0.3, 2)
    for i in range(2):
        rng = np.random.default_rng(
            np.random.SeedSequence([0, 0xC257], spawn_key=(round(0.3 * 1e12), int(toys.index[i])))
        )
        size = len(toys.data[i])
        chosen = [rng.choice(events, size, replace=False) for events in (toys.reference[0], toys.data[i])]
        half = size // 2
        x = statistic._features[np.concatenate([rows[:half] for rows in chosen])]
        sign = np.repeat([-1.0, 1.0], half)

        def loss(w: np.ndarray, x: np.ndarray = x, sign: np.ndarray = sign) -> float:
            return np.logaddexp(0, -sign * (x @ w[:-1] + w[-1])).sum() + w[:-1] @ w[:-1] / 2

        w = minimize(loss, np.zeros(x.shape[1] + 1), method="BFGS", options={"gtol": 1e-7}).x
        right, truth = 0, 0.0
        for rows, label in zip(chosen, (-1, 1), strict=True):
            for row in rows[half:]:
                p = 1 / (1 + np.exp(-label * (statistic._features[row] @ w[:-1] + w[-1])))
                right, truth = right + (p > 0.5), truth + p
        n_test = 2 * (size - half)
        assert statistic.evaluate(toys)[i, 0] == pytest.approx(right / n_test + 1e-6 * truth / n_test, abs=1e-10)


def test_features_are_those_of_the_kernel() -> None:
    """On their own landmarks, Nystroem features reproduce the Gaussian kernel at the median distance of R."""
    pool = pools(n_ref=60)
    statistic = C2ST()
    statistic.prepare(pool, 60, N_DATA, 0)
    x = pool.points[pool.reference]
    distances = [np.linalg.norm(x[i] - x[j]) for i in range(60) for j in range(i)]
    assert statistic.definition["width"] == pytest.approx(np.median(distances), rel=1e-9)
    features = statistic._features[pool.reference]
    np.testing.assert_allclose(features @ features.T, gaussian(x, x, np.median(distances)), atol=1e-6)


@pytest.mark.statistical
@pytest.mark.parametrize("resampled", [False, True])
def test_accuracy_without_novelty_is_that_of_guessing(resampled: bool) -> None:
    """N(1/2, 1/(4 n_test)), up to the steps of 1/n_test; false alarm 1e-3."""
    pool = pools(resampled)
    t = prepared(pool).evaluate(draw(pool, 0.0, 300))[:, 0]
    steps = np.random.default_rng(0).uniform(-0.5, 0.5, 300) / N_DATA
    assert kstest(t + steps, norm(0.5, 0.5 / np.sqrt(N_DATA)).cdf).pvalue > 1e-3
    assert len(np.unique(t)) == 300


def test_pure_signal_is_told_apart() -> None:
    pool = pools()
    toys = draw(pool, 0.0, 1)
    t = prepared(pool).evaluate(replace(toys, data=(pool.signal,)))
    assert 0.95 < t[0, 0] <= 1.000001
    half = draw(pool, 1.0, 10)
    # Half of D looks like R: at best three in four.
    assert prepared(pool).evaluate(half)[:, 0].mean() == pytest.approx(0.75, abs=0.03)


def test_random_choices_follow_seed_fraction_and_index_alone() -> None:
    pool = pools()
    statistic, toys = prepared(pool), draw(pool, 0.1, 6, poisson=True)
    t = statistic.evaluate(toys)
    with ThreadPoolExecutor(3) as pool_of_threads:
        alone = list(pool_of_threads.map(lambda i: statistic.evaluate(toys.take([i]))[0], [5, 0, 3, 1, 2, 4]))
    np.testing.assert_array_equal(np.array(alone), t[[5, 0, 3, 1, 2, 4]])
    assert statistic.solver_report() == {"toys": 12}
    assert (statistic.evaluate(replace(toys, f_s=0.2)) != t).any()
    assert (statistic.evaluate(replace(toys, index=toys.index + 1)) != t).any()


def test_data_larger_than_reference_are_thinned_out_and_single_events_fail() -> None:
    pool = pools(n_ref=50)
    statistic = C2ST()
    statistic.prepare(pool, 50, N_DATA, 0)
    t = statistic.evaluate(draw(pool, 1.0, 20))
    # 25 of each class train and test.
    assert np.isfinite(t).all()
    np.testing.assert_allclose(50 * t, np.round(50 * t), atol=5.1e-5)
    single = replace(draw(pool, 0.0, 1), data=(pool.background[:1],))
    assert np.isnan(statistic.evaluate(single)).all()
    assert statistic.solver_report() == {"toys": 21, "failed": 1}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 60))
def test_classes_may_be_exchanged(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    features, rows = rng.normal(size=(200, 5)), rng.permutation(200)
    one, other = rows[:size], rows[size : 2 * size]
    t = held_out_accuracy(features, one, other)
    assert 0 <= t <= 1.000001
    assert held_out_accuracy(features, other, one) == pytest.approx(t, abs=1e-12)


def test_coinciding_events_have_no_width() -> None:
    rng = np.random.default_rng(0)
    points = np.where(rng.uniform(size=(400, 1)) < 0.9, 0.0, rng.normal(size=(400, 2)))
    pool = build_pools(points, np.arange(400), np.ones(400), np.zeros(400, dtype=bool), 100, 20, False, seed=0)
    with pytest.raises(UserError, match=r"c2st: .*too many points coincide; leave c2st out"):
        C2ST().prepare(pool, 100, 20, 0)
