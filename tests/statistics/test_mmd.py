"""The Nystrom MMD against the exact one, NPLM's centres, and every way to compute it against the others."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics.pairwise import rbf_kernel

from autoscidact.errors import UserError
from autoscidact.inference.null import ChiSquareNull
from autoscidact.statistics.mmd import MMD
from autoscidact.statistics.nplm.statistic import NPLM
from autoscidact.statistics.nplm.widths import FixedWidths, QuantileWidths
from autoscidact.statistics.resources import Resources
from autoscidact.toys.pools import Pools, build_pools
from autoscidact.toys.sampler import ToyBatch, ToyDefinition, draw_toys
from autoscidact.toys.selection import permuted_labels

N_REF, N_DATA = 200, 60
WIDTHS = FixedWidths([0.3, 1.0, 5.0])


def make_pools(resampled: bool, n: int = 800) -> Pools:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(n, 2)) + 2.0 * rng.integers(2, size=(n, 1))
    return build_pools(points, np.arange(n), np.ones(n), np.arange(n) >= n - 100, N_REF, N_DATA, resampled, 0)


def draw(pools: Pools, n: int = 4, f_s: float = 0.1, poisson: bool = True) -> ToyBatch:
    definition = ToyDefinition(pools.fingerprint, N_REF, N_DATA, pools.resampled, poisson, 0)
    return draw_toys(pools, definition, f_s, range(n))


def prepared(pools: Pools, statistic: MMD | None = None, memory: int = 2**30) -> MMD:
    statistic = statistic or MMD(WIDTHS, 30)
    statistic.prepare(pools, N_REF, N_DATA, 0, Resources(memory=memory))
    return statistic


def squared(statistic: MMD, toys: ToyBatch) -> NDArray[np.float64]:
    return statistic.evaluate(toys) / statistic.scales


def exact(x: NDArray[np.float64], y: NDArray[np.float64], width: float) -> float:
    """Biased squared MMD, all pairs."""
    gamma = 0.5 / width**2
    return float(
        rbf_kernel(x, gamma=gamma).mean() + rbf_kernel(y, gamma=gamma).mean() - 2 * rbf_kernel(x, y, gamma).mean()
    )


def nystrom(x: NDArray[np.float64], y: NDArray[np.float64], centers: NDArray[np.float64], width: float) -> float:
    """v^T K_CC^+ v, v being the difference of kernel means at the centres."""
    gamma = 0.5 / width**2
    v = rbf_kernel(centers, x, gamma).mean(1) - rbf_kernel(centers, y, gamma).mean(1)
    return float(v @ np.linalg.pinv(rbf_kernel(centers, gamma=gamma), rcond=1e-10, hermitian=True) @ v)


def of_toys(pools: Pools, toys: ToyBatch, function) -> NDArray[np.float64]:
    parts = [(pools.points[toys.reference_of(i)], pools.points[toys.data[i]]) for i in range(len(toys))]
    return np.array([[function(x, y, width) for width in WIDTHS.widths] for x, y in parts])


def test_all_events_as_centres_give_the_exact_mmd() -> None:
    pools = make_pools(True, 500)
    toys = draw(pools, f_s=0.0)
    statistic = prepared(pools, MMD(WIDTHS, len(pools.background)))
    np.testing.assert_allclose(squared(statistic, toys), of_toys(pools, toys, exact), rtol=1e-4)


@pytest.mark.parametrize("resampled", [False, True])
def test_more_centres_come_closer_to_the_exact_mmd_from_below(resampled: bool) -> None:
    pools = make_pools(resampled)
    toys = draw(pools)
    target = of_toys(pools, toys, exact)
    missing = [1 - squared(prepared(pools, MMD(WIDTHS, n)), toys) / target for n in (5, 20, 80, 200)]
    assert np.all(np.stack(missing) > -1e-4)
    averages = np.mean(missing, axis=1)
    assert np.all(np.diff(averages, axis=0) <= 1e-4)
    assert np.all(averages[-1] < [0.15, 0.01, 0.001])


@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("resampled", [False, True])
def test_centres_and_widths_are_those_of_nplm(resampled: bool, n: int) -> None:
    pools = make_pools(resampled)
    quantiles = QuantileWidths([0.1, 0.9], 2.0)
    nplm, mmd = NPLM(quantiles), MMD(quantiles)
    nplm.prepare(pools, N_REF, N_DATA, 3)
    mmd.prepare(pools, N_REF, N_DATA, 3)
    assert mmd.widths == nplm.widths
    toys, centers = draw(pools, n), pools.points[nplm.center_rows()]
    expected = [
        [
            nystrom(pools.points[toys.reference_of(i)], pools.points[toys.data[i]], centers, w)
            for w in mmd.widths.values()
        ]
        for i in range(n)
    ]
    np.testing.assert_allclose(squared(mmd, toys), expected, rtol=1e-4)


@pytest.mark.parametrize("resampled", [False, True])
def test_features_held_or_computed_give_the_same(resampled: bool) -> None:
    pools = make_pools(resampled)
    toys = draw(pools)
    held, computed = prepared(pools), prepared(pools, memory=1)
    assert "held" in held.plan
    assert "computed" in computed.plan
    np.testing.assert_allclose(computed.evaluate(toys), held.evaluate(toys), rtol=1e-4)
    np.testing.assert_allclose(computed.permuted(toys, 3), held.permuted(toys, 3), rtol=1e-4)


@pytest.mark.parametrize("resampled", [False, True])
def test_permuted_is_a_loop_over_permuted_toys(resampled: bool) -> None:
    pools = make_pools(resampled)
    toys, statistic = draw(pools), prepared(pools)
    permuted = statistic.permuted(toys, 5) / statistic.scales
    np.testing.assert_allclose(permuted[:, 0], squared(statistic, toys), rtol=1e-4)
    centers = pools.points[statistic_centers(pools)]
    for place in range(len(toys)):
        rows = np.concatenate([toys.reference_of(place), toys.data[place]])
        held = None if resampled else statistic_centers(pools)
        for label, values in zip(permuted_labels(toys, place, 5, 0, held), permuted[place], strict=True):
            x, y = pools.points[rows[~label]], pools.points[rows[label]]
            np.testing.assert_allclose(values, [nystrom(x, y, centers, w) for w in WIDTHS.widths], rtol=1e-4)


def statistic_centers(pools: Pools) -> NDArray[np.int64]:
    nplm = NPLM(WIDTHS, 30)
    nplm.prepare(pools, N_REF, N_DATA, 0)
    return nplm.center_rows()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_rotations_and_translations_change_nothing(seed: int, resampled: bool) -> None:
    rng = np.random.default_rng(seed)
    pools = make_pools(resampled)
    toys = draw(pools)
    rotation = np.linalg.qr(rng.normal(size=(2, 2)))[0]
    moved = replace(pools, points=pools.points @ rotation + rng.normal(size=2))
    np.testing.assert_allclose(prepared(moved).evaluate(toys), prepared(pools).evaluate(toys), rtol=1e-3)


@pytest.mark.parametrize("resampled", [False, True])
def test_null_follows_the_chi_square_in_its_tail(resampled: bool) -> None:
    """Asymptotic p at the 95 % quantile of 1000 null toys within a factor 2 of 0.05.

    The quantile's own error is 14 %; the rest is allowed to the shape, which a chi-square has but nearly.
    """
    pools = make_pools(resampled, 4000)
    t = prepared(pools).evaluate(draw(pools, 1000, 0.0, poisson=False))
    for values in t.T:
        assert 0.025 < ChiSquareNull.fit(values).p(np.quantile(values, 0.95)) < 0.1


def test_empty_data_fail_alone() -> None:
    pools = make_pools(False)
    toys = draw(pools, 3)
    empty = replace(toys, data=(toys.data[0], toys.data[1][:0], toys.data[2]))
    for memory in (1, 2**30):
        statistic = prepared(pools, memory=memory)
        np.testing.assert_array_equal(np.isnan(statistic.evaluate(empty)[:, 0]), [False, True, False])
        assert statistic.solver_report() == {"toys": 3, "failed": 1}


def test_width_at_which_all_events_look_alike() -> None:
    t = prepared(make_pools(False), MMD(FixedWidths([1e12]), 30)).evaluate(draw(make_pools(False)))
    np.testing.assert_array_equal(t, 0.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_centers": 0}, r"mmd.n_centers=0: choose between 1 and the 200"),
        ({"n_centers": 201}, r"mmd.n_centers=201: choose between 1 and the 200"),
        ({"n_centers": "many"}, r"mmd.n_centers=many: give a whole number"),
        ({"n_centers": True}, r"mmd.n_centers=True: give a whole number"),
        ({"tolerance": 0.0}, r"mmd.tolerance=0.0: give a number above 0"),
        ({"tolerance": "tiny"}, r"mmd.tolerance=tiny: give a number above 0"),
    ],
)
def test_settings_that_are_none(options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        prepared(make_pools(False), MMD(WIDTHS, **options))
