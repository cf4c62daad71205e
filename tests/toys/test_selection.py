"""Sums by selection matrices are the sums of loops, and permuted labels are permutations."""

import numpy as np
import pytest
from scipy.stats import chi2

from autoscidact.toys.pools import Pools, build_pools
from autoscidact.toys.sampler import ToyBatch, ToyDefinition, draw_toys
from autoscidact.toys.selection import data_matrix, grouped_matrix, permuted_labels, reference_matrix


def toys(resampled: bool, weighted: bool = False, n: int = 5, first: int = 0) -> tuple[Pools, ToyBatch]:
    rng = np.random.default_rng(0)
    weights = rng.choice([1.0, 4.0], 600) if weighted else np.ones(600)
    pool = build_pools(
        rng.normal(size=(600, 3)), np.arange(600), weights, np.arange(600) >= 500, 100, 30, resampled, seed=0
    )
    definition = ToyDefinition(pool.fingerprint, 100, 30, resampled, True, 0)
    return pool, draw_toys(pool, definition, 0.2, range(first, first + n))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("resampled", [False, True])
def test_products_are_sums_over_events(resampled: bool, weighted: bool) -> None:
    pool, batch = toys(resampled, weighted)
    sums = data_matrix(batch, 600) @ pool.points
    np.testing.assert_allclose(sums, [pool.points[rows].sum(0) for rows in batch.data], atol=1e-12)
    sums = reference_matrix(batch, 600) @ pool.points
    assert len(sums) == (5 if resampled else 1)
    np.testing.assert_allclose(sums, [pool.points[rows].sum(0) for rows in batch.reference], atol=1e-12)


def test_groups_are_counted_apart() -> None:
    rows = [np.array([0, 3, 3, 5]), np.array([2]), np.array([], dtype=np.int64)]
    groups = np.array([0, 1, 2, 0, 1, 2])
    matrix = grouped_matrix(rows, groups, 3).toarray()
    expected = np.zeros((9, 6))
    for selection, events in enumerate(rows):
        for event in events:
            expected[3 * selection + groups[event], event] += 1
    np.testing.assert_array_equal(matrix, expected)


@pytest.mark.parametrize("resampled", [False, True])
def test_permuted_labels_keep_sizes_and_start_as_drawn(resampled: bool) -> None:
    _, batch = toys(resampled)
    for place in range(len(batch)):
        labels = permuted_labels(batch, place, 20, seed=0)
        n_data = len(batch.data[place])
        assert labels.shape == (21, 100 + n_data)
        np.testing.assert_array_equal(labels.sum(axis=1), n_data)
        np.testing.assert_array_equal(np.flatnonzero(labels[0]), 100 + np.arange(n_data))


def test_permutations_depend_on_seed_and_toy_alone() -> None:
    _, batch = toys(False)
    _, company = toys(False, n=3, first=2)
    labels = permuted_labels(batch, 3, 20, seed=0)
    np.testing.assert_array_equal(permuted_labels(company, 1, 20, seed=0), labels)
    np.testing.assert_array_equal(permuted_labels(batch, 3, 7, seed=0), labels[:8])
    assert not np.array_equal(permuted_labels(batch, 3, 20, seed=1)[1:], labels[1:])
    assert not np.array_equal(permuted_labels(batch, 2, 20, seed=0)[1:, :130], labels[1:, :130])


def test_held_events_keep_their_labels() -> None:
    _, batch = toys(False)
    held = np.concatenate([batch.reference[0][::3], batch.data[1][:2], [599]])
    labels = permuted_labels(batch, 1, 20, seed=0, held=held)
    rows = np.concatenate([batch.reference[0], batch.data[1]])
    still = np.isin(rows, held)
    assert (labels[:, still] == labels[0, still]).all()
    assert (labels[1:, ~still] != labels[0, ~still]).any(axis=0).all()
    np.testing.assert_array_equal(labels.sum(axis=1), len(batch.data[1]))


def test_every_event_is_data_as_often() -> None:
    """Counts over 4000 permutations against their binomial: chi-square within its 1e-4 quantiles."""
    _, batch = toys(True)
    labels = permuted_labels(batch, 0, 4000, seed=0)[1:]
    n, p = labels.shape[1], labels[0].mean()
    statistic = ((labels.sum(0) - 4000 * p) ** 2 / (4000 * p * (1 - p))).sum() * (n - 1) / n
    assert chi2(n - 1).ppf(1e-4) < statistic < chi2(n - 1).ppf(1 - 1e-4)
