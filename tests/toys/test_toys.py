"""Pools and toys: sizes, disjointness, independence of everything that must not matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscidact.errors import UserError
from autoscidact.toys.pools import Pools, build_pools
from autoscidact.toys.sampler import ToyDefinition, draw_toys
from autoscidact.toys.sizes import check_disjoint, fitting_sizes


def pools(resampled: bool = False, weights: np.ndarray | None = None, n: int = 1000, n_signal: int = 100) -> Pools:
    rng = np.random.default_rng(0)
    points = rng.normal(3.0, 2.0, size=(n + n_signal, 3))
    ids = 7 * np.arange(n + n_signal)
    w = np.ones(n + n_signal) if weights is None else weights
    return build_pools(points, ids, w, np.arange(n + n_signal) >= n, 400, 100, resampled, seed=0)


def definition(pool: Pools, poisson: bool = False, seed: int = 0) -> ToyDefinition:
    return ToyDefinition(pool.fingerprint, 400, 100, pool.resampled, poisson, seed)


@settings(max_examples=30, deadline=None)
@given(st.booleans(), st.booleans(), st.floats(0, 0.5), st.integers(0, 10**6))
def test_sizes_and_disjointness(resampled: bool, poisson: bool, f_s: float, index: int) -> None:
    pool = pools(resampled)
    batch = draw_toys(pool, definition(pool, poisson), f_s, [index])
    reference, data = batch.reference_of(0), batch.data[0]
    assert len(reference) == 400
    assert len(np.intersect1d(reference, data)) == 0
    assert len(np.unique(data)) == len(data)
    assert np.isin(data, pool.signal).sum() == batch.n_signal[0]
    if not poisson:
        assert batch.n_signal[0] == round(f_s * 100)
        assert len(data) == 100 + batch.n_signal[0]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=2, max_size=6, unique=True))
def test_a_toy_does_not_depend_on_its_company(indices: list[int]) -> None:
    pool = pools(True)
    together = draw_toys(pool, definition(pool), 0.05, indices)
    for place, index in enumerate(indices):
        alone = draw_toys(pool, definition(pool), 0.05, [index])
        np.testing.assert_array_equal(alone.data[0], together.data[place])
        np.testing.assert_array_equal(alone.reference_of(0), together.reference_of(place))


def test_toys_differ_by_index_fraction_and_seed() -> None:
    pool = pools()
    one = draw_toys(pool, definition(pool), 0.0, [0]).data[0]
    others = [
        draw_toys(pool, definition(pool), 0.0, [1]).data[0],
        draw_toys(pool, definition(pool), 1e-9, [0]).data[0],
        draw_toys(pool, definition(pool, seed=1), 0.0, [0]).data[0],
    ]
    assert all(not np.array_equal(one, other) for other in others)


def test_every_event_is_as_likely_as_any_other() -> None:
    """Counts over 3000 toys against their binomial: chi-square below its 1 - 1e-4 quantile."""
    from scipy.stats import chi2

    pool = pools()
    data = np.concatenate(draw_toys(pool, definition(pool), 0.0, range(3000)).data)
    counts = np.bincount(data, minlength=1100)[pool.background]
    p = 100 / len(pool.background)
    statistic = ((counts - 3000 * p) ** 2 / (3000 * p * (1 - p))).sum()
    assert statistic < chi2(len(pool.background) - 1).ppf(1 - 1e-4)
    assert np.bincount(data, minlength=1100)[pool.reference].sum() == 0


def test_sampling_follows_weights() -> None:
    weights = np.where(np.arange(1100) % 2, 3.0, 1.0)
    pool = pools(weights=weights)
    data = np.concatenate(draw_toys(pool, definition(pool), 0.0, range(500)).data)
    heavy = weights[pool.background] == 3.0
    expected = 3 * heavy.sum() / (3 * heavy.sum() + (~heavy).sum())
    assert np.mean(weights[data] == 3.0) == pytest.approx(expected, abs=4 * np.sqrt(0.25 / len(data)))
    resampled = pools(True, weights)
    batch = draw_toys(resampled, definition(resampled), 0.0, range(20))
    assert all(len(np.intersect1d(batch.reference_of(i), batch.data[i])) == 0 for i in range(20))


def test_standardisation_is_of_the_background_alone() -> None:
    pool = pools()
    background = np.concatenate([pool.reference, pool.background])
    np.testing.assert_allclose(pool.points[background].mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(pool.points[background].std(0), 1, atol=1e-12)
    far = np.random.default_rng(0).normal(3.0, 2.0, size=(1100, 3))
    far[1000:] += 1e6
    moved = build_pools(far, np.arange(1100), np.ones(1100), np.arange(1100) >= 1000, 400, 100, False, seed=0)
    np.testing.assert_array_equal(moved.mean, pool.mean)


def test_fixed_reference_is_the_same_for_all_toys() -> None:
    pool = pools()
    batch = draw_toys(pool, definition(pool), 0.0, range(5))
    assert batch.reference.shape == (1, 400)
    np.testing.assert_array_equal(batch.reference[0], pool.reference)


def test_too_small_pool_says_what_would_fit() -> None:
    points = np.random.default_rng(0).normal(size=(100, 2))
    with pytest.raises(
        UserError, match=r"needs 120 background events, but the pool has 100; toys.n_ref=60 toys.n_data=12"
    ):
        build_pools(points, np.arange(100), np.ones(100), np.zeros(100, bool), 100, 20, False, 0)
    assert fitting_sizes(100) == (60, 12)
    build_pools(points, np.arange(100), np.ones(100), np.zeros(100, bool), 60, 12, False, 0)


@pytest.mark.parametrize(
    ("f_s", "message"),
    [(-0.1, "is not a fraction"), (1.1, "is not a fraction"), (float("nan"), "is not a fraction")],
)
def test_bad_fraction(f_s: float, message: str) -> None:
    pool = pools()
    with pytest.raises(UserError, match=message):
        draw_toys(pool, definition(pool), f_s, [0])


def test_more_signal_than_there_is() -> None:
    pool = pools(n_signal=5)
    with pytest.raises(UserError, match=r"asks for 10 signal events a toy, but the pool has 5; .* at most 0.05"):
        draw_toys(pool, definition(pool), 0.1, [0])


def test_a_fluctuating_toy_is_never_silently_smaller() -> None:
    pool = pools(n_signal=20)
    with pytest.raises(UserError, match=r"asks for \d+ events of a pool of 20; lower toys.n_data or f_s"):
        draw_toys(pool, definition(pool, poisson=True), 0.2, range(50))


def test_large_share_of_the_pool_is_a_warning() -> None:
    points = np.random.default_rng(0).normal(size=(100, 2))
    with pytest.warns(UserWarning, match="null's spread is too small by about 29%"):
        build_pools(points, np.arange(100), np.ones(100), np.zeros(100, bool), 60, 20, False, 0)


def test_overlap_is_named() -> None:
    check_disjoint(training=np.arange(5), toys=np.arange(5, 9))
    with pytest.raises(UserError, match=r"training and toys share 1 events \(id 4"):
        check_disjoint(training=np.arange(5), toys=np.arange(4, 9))


def test_collapsed_embedding_is_an_error_and_a_flat_axis_a_warning() -> None:
    points = np.random.default_rng(0).normal(size=(1000, 2))
    arguments = (np.arange(1000), np.ones(1000), np.zeros(1000, bool), 400, 100, False, 0)
    with pytest.warns(UserWarning, match="axes 1 of the embedding are constant"):
        build_pools(points * [1, 0], *arguments)
    with pytest.raises(UserError, match="encoder has collapsed"):
        build_pools(points * 0, *arguments)
