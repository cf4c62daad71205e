"""The Mahalanobis statistic against scipy, under affine maps, and where it cannot be computed."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import mahalanobis

from autoscidact.errors import UserError
from autoscidact.statistics.mahalanobis import Mahalanobis
from autoscidact.toys.pools import Pools, build_pools
from autoscidact.toys.sampler import ToyBatch, ToyDefinition, draw_toys

N_REF, N_DATA = 300, 40
NAMES = np.array(["a", "b", "c", "signal"])


def make_pools(resampled: bool = False, shares: tuple[float, ...] = (0.5, 0.3, 0.2), d: int = 3) -> Pools:
    """Three clusters, each of its own shape, one of them compact and far off; and a signal between them."""
    rng = np.random.default_rng(0)
    classes = np.concatenate([rng.choice(3, 1000, p=shares), np.full(100, 3)])
    shapes = rng.normal(size=(4, d, d)) * np.array([1.0, 0.3, 1e-3, 0.5])[:, None, None]
    centers = rng.normal(size=(4, d)) * np.array([1.0, 2.0, 20.0, 2.0])[:, None]
    points = centers[classes] + np.einsum("nij,nj->ni", shapes[classes], rng.normal(size=(1100, d)))
    return build_pools(
        points, np.arange(1100), np.ones(1100), classes == 3, N_REF, N_DATA, resampled, 0, labels=NAMES[classes]
    )


def draw(pools: Pools, n: int = 4, f_s: float = 0.1) -> ToyBatch:
    definition = ToyDefinition(pools.fingerprint, N_REF, N_DATA, pools.resampled, True, 0)
    return draw_toys(pools, definition, f_s, range(n))


def evaluate(pools: Pools, toys: ToyBatch) -> NDArray[np.float64]:
    statistic = Mahalanobis()
    statistic.prepare(pools, N_REF, N_DATA, 0)
    return statistic.evaluate(toys)[:, 0]


def naive(pools: Pools, toys: ToyBatch, place: int) -> float:
    reference = toys.reference_of(place)
    labels = pools.labels[reference]
    classes = [pools.points[reference[labels == name]] for name in np.unique(labels)]
    measures = [(points.mean(0), np.linalg.inv(np.cov(points, rowvar=False))) for points in classes]
    return sum(min(mahalanobis(x, *measure) ** 2 for measure in measures) for x in pools.points[toys.data[place]])


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("resampled", [False, True])
def test_is_scipys(resampled: bool, n: int) -> None:
    pools = make_pools(resampled)
    toys = draw(pools, n)
    np.testing.assert_allclose(evaluate(pools, toys), [naive(pools, toys, i) for i in range(n)], rtol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_affine_maps_change_nothing(seed: int, resampled: bool) -> None:
    rng = np.random.default_rng(seed)
    rotation, other = (np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in range(2))
    matrix = rotation @ np.diag(np.exp(rng.uniform(-2, 2, size=3))) @ other
    pools = make_pools(resampled)
    toys = draw(pools)
    moved = replace(pools, points=pools.points @ matrix + rng.normal(size=3))
    np.testing.assert_allclose(evaluate(moved, toys), evaluate(pools, toys), rtol=1e-6)


def test_only_classes_within_the_reference_matter() -> None:
    pools = make_pools()
    toys = draw(pools)
    t = evaluate(pools, toys)
    labels = np.full(len(pools.points), "unknown", dtype="U30")
    labels[pools.reference] = np.char.add("long name of ", pools.labels[pools.reference])
    np.testing.assert_array_equal(evaluate(replace(pools, labels=labels), toys), t)
    one, renamed = Mahalanobis(), Mahalanobis()
    one.prepare(pools, N_REF, N_DATA, 0)
    renamed.prepare(replace(pools, labels=labels), N_REF, N_DATA, 0)
    assert one.definition == renamed.definition


def test_background_is_as_far_as_its_dimension() -> None:
    """d(x) of a Gaussian class follows a chi-square of d degrees: its mean over 20 toys of 40 within 4.5 errors."""
    rng = np.random.default_rng(1)
    points = rng.normal(size=(20000, 5))
    labels = np.full(20000, "only")
    pools = build_pools(points, np.arange(20000), np.ones(20000), np.arange(20000) < 0, 5000, 40, False, 0, labels)
    statistic = Mahalanobis()
    statistic.prepare(pools, 5000, 40, 0)
    t = statistic.evaluate(
        draw_toys(pools, ToyDefinition(pools.fingerprint, 5000, 40, False, False, 0), 0.0, range(20))
    )[:, 0]
    assert t.mean() / 40 == pytest.approx(5, abs=4.5 * np.sqrt(2 * 5 / 800))


@pytest.mark.parametrize("resampled", [False, True])
def test_constant_direction_is_left_out(resampled: bool) -> None:
    pools = make_pools(resampled)
    toys = draw(pools)
    t = evaluate(pools, toys)
    flat = np.column_stack([pools.points, np.zeros(len(pools.points))])
    np.testing.assert_allclose(evaluate(replace(pools, points=flat), toys), t, rtol=1e-12)
    oblique = np.column_stack([pools.points, pools.points @ [1.0, 2.0, -1.0]])
    np.testing.assert_allclose(evaluate(replace(pools, points=oblique), toys), t, rtol=1e-6)


@pytest.mark.parametrize("resampled", [False, True])
def test_class_without_extent(resampled: bool) -> None:
    pools = make_pools(resampled)
    points = pools.points.copy()
    points[pools.labels == "b", 1] = 0.5
    with pytest.raises(UserError, match="class b does not vary in every direction"):
        evaluate(replace(pools, points=points), draw(pools))


def test_no_labels() -> None:
    pools = make_pools()
    with pytest.raises(UserError, match="mahalanobis needs the class of each background event"):
        evaluate(replace(pools, labels=None), draw(pools))


@pytest.mark.filterwarnings("ignore:mahalanobis. classes too small")
def test_class_too_small_for_a_covariance_counts_to_the_nearest() -> None:
    pools = make_pools()
    rare = pools.reference[:3]
    means = {name: pools.points[pools.reference[pools.labels[pools.reference] == name]].mean(axis=0) for name in "abc"}
    nearest = min("abc", key=lambda name: np.sum((means[name] - pools.points[rare].mean(axis=0)) ** 2))
    labels, joined = pools.labels.copy(), pools.labels.copy()
    labels[rare], joined[rare] = "rare", nearest
    toys = draw(pools)
    with pytest.warns(UserWarning, match=rf"needs 4 events, .* nearest: rare \(3 in R\) to {nearest}"):
        found = evaluate(replace(pools, labels=labels), toys)
    np.testing.assert_array_equal(found, evaluate(replace(pools, labels=joined), toys))


def test_no_class_is_large_enough() -> None:
    pools = make_pools()
    labels = np.array([f"{name}{k // 3}" for k, name in enumerate(pools.labels)])
    with pytest.raises(UserError, match=r"class \w+ has \d events in R, .* needs at least 4"):
        evaluate(replace(pools, labels=labels), draw(pools))


def test_class_that_some_re_sampled_reference_would_lack() -> None:
    with pytest.warns(UserWarning, match=r"needs 33 events, .* nearest: c \(\d+ in R\) to [ab]"):
        evaluate(make_pools(True, (0.5, 0.45, 0.05)), draw(make_pools(True)))


def test_toy_that_lacks_a_class_fails_alone() -> None:
    pools = make_pools(True)
    toys = draw(pools, 2)
    first, second = toys.reference
    lacking = np.resize(first[pools.labels[first] != "c"], len(first))
    statistic = Mahalanobis()
    statistic.prepare(pools, N_REF, N_DATA, 0)
    t = statistic.evaluate(replace(toys, reference=np.stack([lacking, second])))[:, 0]
    assert np.isnan(t[0])
    assert np.isfinite(t[1])
    assert statistic.solver_report() == {"toys": 2, "failed": 1}


@pytest.mark.parametrize("resampled", [False, True])
def test_excess_is_the_sum_without_what_ordinary_events_add(resampled: bool) -> None:
    pools = make_pools(resampled)
    toys = draw(pools)
    statistic = Mahalanobis()
    statistic.prepare(pools, N_REF, N_DATA, 0)
    total, excess = statistic.evaluate(toys).T
    sizes = np.array([len(rows) for rows in toys.data])
    assert len(set(sizes)) > 1
    of_reference = np.array([naive(pools, replace(toys, data=(pools.reference,)), 0)]) / len(pools.reference)
    if not resampled:
        np.testing.assert_allclose(total - excess, sizes * of_reference, rtol=1e-6)
    np.testing.assert_allclose(np.diff((total - excess) / sizes), 0, atol=1e-9)


def test_ordinary_events_that_are_added_are_counted_by_the_sum_and_not_by_the_excess() -> None:
    """The "signal" is background: 4 % more events in 20 dimensions are 3 sigma of the sum and nothing of the excess."""
    rng = np.random.default_rng(2)
    points, is_signal = rng.normal(size=(24000, 20)), np.arange(24000) >= 20000
    labels = np.where(is_signal, "signal", "only")
    pools = build_pools(points, np.arange(24000), np.ones(24000), is_signal, 5000, 1000, False, 0, labels)
    statistic = Mahalanobis()
    statistic.prepare(pools, 5000, 1000, 0)
    definition = ToyDefinition(pools.fingerprint, 5000, 1000, False, False, 0)
    null, added = (statistic.evaluate(draw_toys(pools, definition, f_s, range(100))) for f_s in (0.0, 0.04))
    shift = (np.median(added, axis=0) - null.mean(axis=0)) / null.std(axis=0)
    assert shift[0] > 3
    assert abs(shift[1]) < 0.7  # the error of a median of 100 is 0.13; R's own fluctuation shifts both alike
