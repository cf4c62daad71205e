"""The Frechet distance against closed forms and scipy, its invariances, and its law without novelty."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.linalg import sqrtm
from scipy.stats import chi2

from autoscidact.errors import UserError
from autoscidact.inference.null import ChiSquareNull
from autoscidact.statistics.frechet import Frechet, chi_square_scale, frechet_distance
from autoscidact.toys.pools import Pools, build_pools
from autoscidact.toys.sampler import ToyBatch, ToyDefinition, draw_toys


def covariance(rng: np.random.Generator, d: int) -> NDArray[np.float64]:
    root = rng.normal(size=(d, d))
    return root @ root.T


def make_pools(resampled: bool, d: int = 3, n_ref: int = 200, n_data: int = 40, n: int = 3000) -> Pools:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 2.0 * rng.integers(2, size=(n, 1))
    return build_pools(points, np.arange(n), np.ones(n), np.arange(n) >= n - 100, n_ref, n_data, resampled, 0)


def draw(pools: Pools, n: int = 4, n_ref: int = 200, n_data: int = 40, poisson: bool = True) -> ToyBatch:
    definition = ToyDefinition(pools.fingerprint, n_ref, n_data, pools.resampled, poisson, 0)
    return draw_toys(pools, definition, 0.0, range(n))


def prepared(pools: Pools, n_ref: int = 200, n_data: int = 40) -> Frechet:
    statistic = Frechet()
    statistic.prepare(pools, n_ref, n_data, 0)
    return statistic


def distance_of_samples(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    s, r = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(s + r - 2 * sqrtm(s @ r).real))


def test_commuting_gaussians() -> None:
    """|mu_1 - mu_2|^2 + sum (sigma_1 - sigma_2)^2, the same in any common eigenbasis."""
    rng = np.random.default_rng(0)
    a, b, shift = rng.uniform(0, 3, 5), rng.uniform(0, 3, 5), rng.normal(size=5)
    basis = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    for q in (np.eye(5), basis):
        result = frechet_distance(np.zeros(5), q @ np.diag(a**2) @ q.T, shift, q @ np.diag(b**2) @ q.T)
        assert result == pytest.approx((shift**2).sum() + ((a - b) ** 2).sum(), rel=1e-12)


def test_scipys_matrix_root_and_symmetry() -> None:
    rng = np.random.default_rng(0)
    s, r = (np.stack([covariance(rng, 4) for _ in range(3)]) for _ in range(2))
    mean, other = rng.normal(size=(2, 3, 4))
    result = frechet_distance(mean, s, other, r)
    for i in range(3):
        root = sqrtm(s[i])
        expected = ((mean[i] - other[i]) ** 2).sum() + np.trace(s[i] + r[i] - 2 * sqrtm(root @ r[i] @ root).real)
        assert result[i] == pytest.approx(expected, rel=1e-10)
    np.testing.assert_allclose(frechet_distance(other, r, mean, s), result, rtol=1e-10)
    np.testing.assert_allclose(frechet_distance(mean, s, mean, s), 0.0, atol=1e-12)


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("resampled", [False, True])
def test_is_the_distance_of_samples(resampled: bool, n: int) -> None:
    pools = make_pools(resampled)
    toys, statistic = draw(pools, n), prepared(pools)
    naive = [distance_of_samples(pools.points[toys.reference_of(i)], pools.points[toys.data[i]]) for i in range(n)]
    np.testing.assert_allclose(statistic.evaluate(toys)[:, 0] / statistic.scale, naive, rtol=1e-8)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_rotations_and_translations_change_nothing(seed: int, resampled: bool) -> None:
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    pools = make_pools(resampled)
    toys = draw(pools)
    moved = replace(pools, points=pools.points @ rotation + 10 * rng.normal(size=3))
    t = prepared(pools).evaluate(toys)
    np.testing.assert_allclose(prepared(moved).evaluate(toys), t, rtol=1e-8)
    np.testing.assert_allclose(prepared(replace(pools, points=3.0 * pools.points)).evaluate(toys), t, rtol=1e-8)


@pytest.mark.parametrize("resampled", [False, True])
def test_fewer_events_than_dimensions(resampled: bool) -> None:
    pools = make_pools(resampled, d=32, n_ref=20, n_data=8)
    toys, statistic = draw(pools, 4, 20, 8), prepared(pools, 20, 8)
    t = statistic.evaluate(toys)[:, 0]
    for i, value in enumerate(t):
        x, y = pools.points[toys.reference_of(i)], pools.points[toys.data[i]]
        # The nuclear norm of S_R^1/2 S_D^1/2 from centred events themselves: no square root of a singular matrix.
        roots = [(z - z.mean(0)) / np.sqrt(len(z) - 1) for z in (x, y)]
        overlap = np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum()
        expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + sum((root**2).sum() for root in roots) - 2 * overlap
        assert value / statistic.scale == pytest.approx(expected, rel=1e-6)


def test_constant_axis_adds_nothing() -> None:
    pools = make_pools(False)
    toys = draw(pools)
    flat = replace(pools, points=np.column_stack([pools.points, np.zeros(len(pools.points))]))
    np.testing.assert_allclose(prepared(flat).evaluate(toys), prepared(pools).evaluate(toys), rtol=1e-6)


def test_scale_of_a_gaussian() -> None:
    """lambda are s_i (means), s_i / 2 (variances) and s_i s_j / (s_i + s_j) (covariances)."""
    s = np.array([4.0, 1.0, 0.25])
    points = np.random.default_rng(0).normal(size=(4096, 3)) * np.sqrt(s)
    pairs = [s[i] * s[j] / (s[i] + s[j]) for i in range(3) for j in range(i)]
    variances = np.concatenate([s, s / 2, pairs])
    assert chi_square_scale(points - points.mean(0)) == pytest.approx(variances.sum() / (variances**2).sum(), rel=0.1)


@pytest.mark.parametrize("resampled", [False, True])
def test_null_follows_the_chi_square_in_its_tail(resampled: bool) -> None:
    """Asymptotic p at the 95 % quantile of 1000 null toys within a factor 1.7 of 0.05.

    The quantile's own error is 14 %; the rest is allowed to the shape, which a chi-square has but nearly.
    """
    pools = make_pools(resampled, n_ref=400, n_data=80)
    t = prepared(pools, 400, 80).evaluate(draw(pools, 1000, 400, 80, poisson=False))[:, 0]
    null = ChiSquareNull.fit(t)
    assert 0.05 / 1.7 < chi2.sf(np.quantile(t, 0.95), null.df) < 0.05 * 1.7


def test_too_few_events() -> None:
    pools = make_pools(False)
    with pytest.raises(UserError, match=r"toys.n_data=1 must both be at least 2"):
        prepared(pools, 200, 1)
    toys = draw(pools, 3)
    single = replace(toys, data=(toys.data[0][:1], toys.data[1], toys.data[2][:0]))
    statistic = prepared(pools)
    np.testing.assert_array_equal(np.isnan(statistic.evaluate(single)[:, 0]), [True, False, True])
    assert statistic.solver_report() == {"toys": 3, "failed": 2}
