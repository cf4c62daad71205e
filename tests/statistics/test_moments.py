"""Means and covariances by selection matrices against numpy's."""

import numpy as np
from scipy.sparse import csr_matrix

from autoscidact.statistics.moments import moments
from autoscidact.statistics.tally import Tally


def test_moments_are_numpys() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(50, 3)) @ rng.normal(size=(3, 3)) + 2.0
    counts = rng.integers(0, 3, size=(4, 50))
    result = moments(csr_matrix(counts.astype(float)), points)
    for i, count in enumerate(counts):
        chosen = np.repeat(points, count, axis=0)
        assert result.sizes[i] == len(chosen)
        np.testing.assert_allclose(result.means[i], chosen.mean(0), rtol=1e-12)
        np.testing.assert_allclose(result.covariances[i], np.cov(chosen, rowvar=False), rtol=1e-10)


def test_too_few_events_have_no_moments() -> None:
    result = moments(csr_matrix(np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]])), np.array([[1.0], [3.0]]))
    np.testing.assert_array_equal(result.means[:, 0], [np.nan, 3.0, 2.0])
    np.testing.assert_array_equal(result.covariances[:, 0, 0], [np.nan, np.nan, 2.0])


def test_tally_counts_toys_with_a_failed_variant() -> None:
    tally = Tally()
    assert tally.report() == {"toys": 0}
    tally.add(np.array([[1.0, np.nan], [0.0, 1.0]]))
    tally.add(np.zeros((3, 2)))
    assert tally.report() == {"toys": 5, "failed": 1}
