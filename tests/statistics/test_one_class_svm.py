"""The one-class SVM's tags against scikit-learn's own, event by event, and their rate in background."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom
from sklearn.svm import OneClassSVM as Reference

from autoscidact.errors import UserError
from autoscidact.statistics.one_class_svm import OneClassSVM, tagging_threshold
from autoscidact.toys.labelled import LabelledPoints
from autoscidact.toys.pools import Pools, build_pools
from autoscidact.toys.sampler import ToyBatch, ToyDefinition, draw_toys

N_REF, N_DATA = 1000, 200


def pools(resampled: bool = False, with_training: bool = True) -> Pools:
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=(4000, 2)), rng.normal(4.0, 0.3, size=(300, 2))])
    known = np.concatenate([rng.normal(size=(2000, 2)), rng.normal(4.0, 0.3, size=(100, 2))])
    training = LabelledPoints(known, np.arange(2100) >= 2000, np.ones(2100)) if with_training else None
    ids = np.arange(len(points))
    return build_pools(points, ids, np.ones(len(ids)), ids >= 4000, N_REF, N_DATA, resampled, seed=0, training=training)


def draw(pool: Pools, f_s: float, n: int, poisson: bool = False) -> ToyBatch:
    definition = ToyDefinition(pool.fingerprint, N_REF, N_DATA, pool.resampled, poisson, 0)
    return draw_toys(pool, definition, f_s, range(n))


def prepared(pool: Pools, **options: object) -> OneClassSVM:
    statistic = OneClassSVM(**options)
    statistic.prepare(pool, N_REF, N_DATA, 0)
    return statistic


def test_tags_events_as_scikit_learn_does() -> None:
    pool = pools()
    statistic = prepared(pool, nu=0.2, false_positive_rates=[0.05])
    toys = draw(pool, 0.05, 3, poisson=True)
    t = statistic.evaluate(toys)[:, 0]

    halves = np.array_split(np.random.default_rng(np.random.SeedSequence([0, 0x5F])).permutation(pool.reference), 2)
    svm = Reference(kernel="rbf", nu=0.2, gamma="scale").fit(pool.points[halves[0]])
    ordinary = sorted(-svm.score_samples(pool.points[[row]])[0] for row in halves[1])
    # 500 events make 501 places: 25 of them, nearest to 5 %, lie above the 25th largest.
    threshold = ordinary[-25]
    for i in range(3):
        scores = np.array([-svm.score_samples(pool.points[[row]])[0] for row in toys.data[i]])
        z = (scores.mean() - np.mean(ordinary)) / np.std(ordinary)
        assert t[i] == pytest.approx(np.mean(scores > threshold) + 1e-6 * z / (1 + abs(z)), abs=1e-12)


@pytest.mark.statistical
@pytest.mark.parametrize("resampled", [False, True])
def test_background_is_tagged_at_the_nominal_rate(resampled: bool) -> None:
    """Background that trained nothing is tagged as often as the rank of the threshold says; false alarm 2e-3 a rate.

    Held-out and new events being alike, the number tagged of N is beta-binomial, whatever the distribution.
    """
    pool = pools(resampled)
    statistic = prepared(pool, false_positive_rates=[0.02, 0.1, 0.4])
    for places, tagged in zip((10, 50, 200), statistic._features.T, strict=False):
        law = betabinom(len(pool.background), places, 501 - places)
        observed = tagged[pool.background].sum()
        assert law.ppf(1e-3) <= observed <= law.ppf(1 - 1e-3)


@given(st.integers(0, 2**32), st.integers(3, 400), st.floats(0.02, 0.9))
def test_threshold_is_exceeded_by_the_wanted_number(seed: int, n: int, rate: float) -> None:
    scores = np.random.default_rng(seed).normal(size=n)
    if rate * (n + 1) < 1:
        with pytest.warns(UserWarning, match="do not resolve"):
            threshold = tagging_threshold(scores, rate)
        assert threshold == scores.max()
    else:
        threshold = tagging_threshold(scores, rate)
        assert abs((np.sum(scores > threshold) + 1) / (n + 1) - rate) <= 0.5001 / (n + 1) or threshold == scores.min()


def test_null_toys_do_not_tie() -> None:
    pool = pools()
    t = prepared(pool).evaluate(draw(pool, 0.0, 200))
    assert t.shape == (200, 2)
    for values in t.T:
        assert len(np.unique(values)) == 200
        counts = values * N_DATA
        np.testing.assert_allclose(counts, np.round(counts), atol=N_DATA * 1e-6)


def test_ties_are_ordered_by_the_mean_score() -> None:
    pool = pools()
    statistic = prepared(pool)
    toys = draw(pool, 0.0, 200)
    t, z = statistic.evaluate(toys)[:, 0], [statistic._features[rows, -1].mean() for rows in toys.data]
    tags = np.array([statistic._features[rows, 0].sum() for rows in toys.data])
    for count in np.unique(tags):
        same = tags == count
        np.testing.assert_array_equal(np.argsort(t[same]), np.argsort(np.array(z)[same]))


def test_outliers_are_found() -> None:
    pool = pools()
    statistic = prepared(pool)
    null, signal = (statistic.evaluate(draw(pool, f_s, 100)) for f_s in (0.0, 0.05))
    z = (np.median(signal, axis=0) - null.mean(axis=0)) / null.std(axis=0)
    # 10 outliers: 2 +- 1.4 and 20 +- 4.3 events are tagged without them.
    assert z[0] > 5
    assert z[1] > 1.8


def test_alone_as_in_company_and_empty_data() -> None:
    pool = pools(resampled=True)
    statistic = prepared(pool)
    toys = draw(pool, 0.05, 4)
    alone = np.concatenate([statistic.evaluate(toys.take([i])) for i in range(4)])
    np.testing.assert_array_equal(alone, statistic.evaluate(toys))
    nothing = replace(toys.take([0]), data=(np.empty(0, dtype=np.int64),))
    np.testing.assert_array_equal(statistic.evaluate(nothing), 0.0)
    assert statistic.solver_report() == {"toys": 9}


def test_what_it_learns_from() -> None:
    """R where it is fixed; else labelled background, and the pool only where there is none. Never signal."""
    pool, other = pools(), replace(pools(), training=None)
    assert prepared(pool).definition == prepared(other).definition
    resampled = pools(resampled=True)
    moved = replace(
        resampled.training, points=np.where(resampled.training.is_signal[:, None], 9, 0) + pool.training.points
    )
    assert prepared(resampled).definition == prepared(replace(resampled, training=moved)).definition
    without = prepared(pools(resampled=True, with_training=False))
    assert without.definition != prepared(resampled).definition
    assert np.isfinite(without.evaluate(draw(resampled, 0.0, 3))).all()


def test_training_size_is_bounded() -> None:
    pool = pools()
    few = prepared(pool, max_train=50)
    assert few.definition != prepared(pool, max_train=60).definition
    assert np.median(few.evaluate(draw(pool, 0.1, 20))[:, 0]) > few.evaluate(draw(pool, 0.0, 20))[:, 0].max()


@pytest.mark.parametrize(
    "options",
    [
        {"nu": 0},
        {"nu": 1.5},
        {"nu": "much"},
        {"false_positive_rates": []},
        {"false_positive_rates": [0.1, 0.1]},
        {"false_positive_rates": [1.0]},
        {"max_train": 1},
        {"max_train": 1e4},
    ],
)
def test_options_are_checked(options: dict[str, object]) -> None:
    with pytest.raises(UserError, match=f"one_class_svm.{next(iter(options))}="):
        OneClassSVM(**options)


def test_too_few_events() -> None:
    points = np.random.default_rng(0).normal(size=(20, 2))
    pool = build_pools(points, np.arange(20), np.ones(20), np.zeros(20, dtype=bool), 3, 1, False, seed=0)
    with pytest.raises(UserError, match=r"3 background events cannot train it; raise toys\.n_ref"):
        OneClassSVM().prepare(pool, 3, 1, 0)
