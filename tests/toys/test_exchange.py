"""Permutations as toys: uniform over labellings, exact for any sizes and seed, and an R without repetitions."""

import itertools
import os
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom, chisquare, ks_2samp, norm

from autoscidact.errors import UserError
from autoscidact.inference.pvalues import empirical_p
from autoscidact.toys.exchange import as_labelled, exchangeable_pools, exchangeable_reference, permutations_of
from autoscidact.toys.pools import Pools, build_pools
from autoscidact.toys.sampler import ToyBatch, draw_toys

FULL = os.environ.get("AUTOSCIDACT_FULL_CHECKS") == "1"


def pools_of(points: NDArray[np.float64], weights: NDArray[np.float64] | None = None, n_signal: int = 3) -> Pools:
    """Pools with R of half of the background; the last events are signal; the mass is the first coordinate."""
    n = len(points)
    is_signal = np.arange(n) >= n - n_signal
    weights = np.ones(n) if weights is None else weights
    observers = {"mass": points[:, 0]}
    return build_pools(
        points, np.arange(n) + 100, weights, is_signal, (n - n_signal) // 2, 1, False, 0, observers=observers
    )


def small(n_ref: int = 4, n_data: int = 2, seed: int = 0) -> Pools:
    """R and D of a few events, exchangeable."""
    pools = pools_of(np.random.default_rng(seed).normal(size=(60, 2)))
    return exchangeable_pools(pools, pools.reference[:n_ref], pools.background[:n_data])


@pytest.mark.statistical
def test_permutations_are_uniform_over_labellings() -> None:
    """15 ways to choose D of 6 events; chi-square false alarm 1 in 1000 (the seed is fixed)."""
    pools = small()
    n = 15_000 if FULL else 3000
    toys = draw_toys(pools, permutations_of(pools, 1), 0.0, range(n))
    for reference, data in zip(toys.reference, toys.data, strict=True):
        assert sorted([*reference, *data]) == list(range(6))
    counts = Counter(tuple(sorted(data)) for data in toys.data)
    assert set(counts) == set(itertools.combinations(range(6), 2))
    assert chisquare(list(counts.values())).pvalue > 0.001


@given(seed=st.integers(0, 1000), n_ref=st.integers(1, 12), n_data=st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_the_labels_as_they_are(seed: int, n_ref: int, n_data: int) -> None:
    pools = pools_of(np.random.default_rng(seed).normal(size=(60, 2)))
    reference, data = pools.reference[:n_ref], pools.background[:n_data]
    together = exchangeable_pools(pools, reference, data)
    toy = as_labelled(together)
    for mine, theirs in ((toy.reference_of(0), reference), (toy.data[0], data)):
        assert sorted(map(tuple, together.points[mine])) == sorted(map(tuple, pools.points[theirs]))
    np.testing.assert_array_equal(together.observed, toy.data[0])
    np.testing.assert_array_equal(together.points[together.signal], pools.points[pools.signal])
    # Observers stay with their events.
    mass = together.points[:, 0] * together.scale[0] + together.mean[0]
    np.testing.assert_allclose(together.observers["mass"], mass, atol=1e-12)
    definition = permutations_of(together, 0)
    assert (definition.n_ref, definition.n_data) == (n_ref, n_data)
    assert toy.expected == n_data
    assert together.resampled


def test_pools_do_not_know_which_label_is_which() -> None:
    """The same events with R and D labelled otherwise: the same order, so the same permutations and centres."""
    pools = pools_of(np.random.default_rng(1).normal(size=(60, 2)))
    events = np.concatenate([pools.reference[:6], pools.background[:4]])
    rng = np.random.default_rng(2)
    first = exchangeable_pools(pools, events[:6], events[6:])
    for _ in range(5):
        events = rng.permutation(events)
        other = exchangeable_pools(pools, events[:6], events[6:])
        np.testing.assert_array_equal(other.points, first.points)
        assert other.fingerprint == first.fingerprint


def centred_distance(pools: Pools, toys: ToyBatch, seed: int) -> NDArray[np.float64]:
    """A statistic with centres: how much nearer D is to its nearest centre than R, centres being drawn by place."""
    rows = np.random.default_rng(seed).choice(pools.reference, 5, replace=False)
    distance = np.linalg.norm(pools.points[:, None] - pools.points[rows], axis=2).min(axis=1)
    return np.array([distance[toys.reference_of(i)].mean() - distance[data].mean() for i, data in enumerate(toys.data)])


@pytest.mark.statistical
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_p_is_exact_for_tiny_samples_and_any_seed(seed: int) -> None:
    """20 events of R, 10 of D and five centres drawn with one seed: p is uniform on multiples of 1/20.

    A centre is at distance 0 from itself: if the seed fixed how many of them are in D, as it does where D always
    stands last, p would be far from uniform. Central 99.9 % binomial intervals at three levels; the seeds are fixed.
    """
    n = 3000 if FULL else 500
    rng = np.random.default_rng([3, seed])
    p = np.empty(n)
    for i in range(n):
        pools = pools_of(rng.normal(size=(63, 2)), n_signal=3)
        together = exchangeable_pools(pools, pools.reference[:20], pools.background[:10])
        null = centred_distance(together, draw_toys(together, permutations_of(together, seed), 0.0, range(19)), seed)
        p[i] = empirical_p(centred_distance(together, as_labelled(together), seed), null)[0]
    for level in (0.05, 0.15, 0.5):
        low, high = binom(n, level).ppf([0.0005, 0.9995])
        assert low <= (p <= level + 1e-12).sum() <= high, (level, (p <= level + 1e-12).mean())


def test_an_event_in_both_or_twice_is_refused() -> None:
    pools = pools_of(np.random.default_rng(0).normal(size=(60, 2)))
    for reference in (pools.background[:3], np.repeat(pools.reference[:2], 2)):
        with pytest.raises(ValueError, match="different events"):
            exchangeable_pools(pools, reference, pools.background[:2])


def test_reference_of_equal_weights_is_the_pools_own() -> None:
    pools = pools_of(np.random.default_rng(0).normal(size=(60, 2)))
    np.testing.assert_array_equal(exchangeable_reference(pools, 28, 0), pools.reference)
    anew = replace(pools, reference=pools.background)
    drawn = exchangeable_reference(anew, 10, 0)
    assert len(np.unique(drawn)) == 10
    assert np.isin(drawn, pools.background).all()
    np.testing.assert_array_equal(drawn, exchangeable_reference(anew, 10, 0))
    assert not np.array_equal(drawn, exchangeable_reference(anew, 10, 1))


@pytest.mark.statistical
def test_reference_of_unequal_weights_follows_them() -> None:
    """Weights tilt a normal mass by exp(x/2 - 1/8), which moves its mean to 1/2; false alarm below 1 in 1000."""
    rng = np.random.default_rng(4)
    points = np.clip(rng.normal(size=(20_000, 1)), -3, 3)
    weights = np.exp(points[:, 0] / 2)
    pools = pools_of(points, weights)
    pools = pools.append(np.full((50, 1), 9.0), {})
    rows = exchangeable_reference(pools, 3000, 0)
    assert len(np.unique(rows)) == len(rows) == 3000
    assert not np.isin(rows, pools.signal).any()
    mass = pools.observers["mass"][rows]
    assert np.isfinite(mass).all()
    assert abs(mass.mean() - np.average(points[:, 0], weights=weights)) < 3.3 / np.sqrt(3000)
    assert ks_2samp(mass, norm(0.5).rvs(3000, random_state=0)).pvalue > 0.001


def test_very_unequal_weights_are_refused() -> None:
    weights = np.ones(2000)
    weights[::100] = 100.0
    pools = pools_of(np.random.default_rng(0).normal(size=(2000, 1)), weights)
    with pytest.raises(UserError, match=r"equal weight.*calibrate with toys"):
        exchangeable_reference(pools, 500, 0)
