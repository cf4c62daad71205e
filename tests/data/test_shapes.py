"""Anomaly shapes against the closed forms that define them."""

from pathlib import Path

import numpy as np
import pytest
from hydra.utils import instantiate
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from scipy.stats import chi2, kstest

from autoscidact.data import shapes
from autoscidact.data.shapes import N_CLUSTERS, SHAPES, Clusters, draw_clusters
from autoscidact.errors import UserError

CONFIG = Path(__file__).parents[2] / "configs" / "dataset" / "shapes.yaml"
SPLIT = {"train": 0.2, "val": 0.1, "test": 0.7}
# dataset.seed=0 with the default sizes.
PINNED_MEAN = [2.1655364320472, -1.3439189645786, 1.1039335052656, 0.0088155606076]
PINNED_WIDTH = [0.4000839766054, 0.6223432215406, 0.5374341172634, 0.5352934250826]
PINNED_EVENT = [-2.637559, -2.644874, 2.085019, -0.179135]


def load(**changes):
    return shapes.load(**({"name": "shapes", "signal": "tail", "split": SPLIT, "seed": 0} | changes))


def clusters_of(dimension: int, seed: int = 0) -> Clusters:
    """Those of `load` with the same seed."""
    return draw_clusters(dimension, np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0]))


def distances(events: np.ndarray, clusters: Clusters) -> np.ndarray:
    """(n, clusters) from the clusters' means, in widths."""
    return np.linalg.norm((events[:, None] - clusters.means) / clusters.widths, axis=2)


def test_default_sizes_suit_the_default_toys():
    cfg = OmegaConf.load(CONFIG)
    dataset = instantiate(cfg.dataset)
    assert dataset.events.features.shape == (70_000, 4)
    background, signal = dataset.subset("test", "background"), dataset.subset("test", "signal")
    assert len(background) == 42_000 >= 40_000
    # Twice the largest |D| to spare beside R, and signal for the strongest scan.
    assert len(background) - cfg.toys.n_ref > 2 * cfg.toys.n_data
    assert len(signal) == 7_000 > max(cfg.f_s) * cfg.toys.n_data


def test_published_numbers_do_not_drift():
    clusters = clusters_of(4)
    assert clusters.means[0] == pytest.approx(PINNED_MEAN, abs=1e-12)
    assert clusters.widths == pytest.approx(PINNED_WIDTH, abs=1e-12)
    assert load().events.features[0] == pytest.approx(PINNED_EVENT, abs=1e-5)


@pytest.mark.parametrize("dimension", [1, 2, 4, 8])
def test_background_is_the_gaussians_that_are_said(dimension: int):
    dataset, clusters = load(dimension=dimension, n_background=20_003), clusters_of(dimension)
    events = dataset.events
    assert events.classes == ("tail", "cluster0", "cluster1", "cluster2", "cluster3", "cluster4")
    assert np.bincount(events.labels).tolist() == [10_000, 4001, 4001, 4001, 4000, 4000]
    for k in range(N_CLUSTERS):
        from_mean = distances(events.features[events.labels == k + 1], clusters)[:, k]
        assert kstest(from_mean**2, chi2(dimension).cdf).pvalue > 1e-4


@pytest.mark.parametrize("dimension", [1, 2, 4, 8])
def test_moments_of_each_shape(dimension: int):
    clusters, n = clusters_of(dimension), 40_000
    scaled = clusters.means / clusters.widths
    gaps = np.linalg.norm(scaled[:, None] - scaled, axis=2)
    pair = np.unravel_index(np.argmax(gaps), gaps.shape)
    within = np.diag(clusters.widths**2)
    expected = {
        "narrow": (clusters.means[0], 0.09 * within),
        # Half of each cluster: the mixture's own moments, as numpy finds them.
        "broad": (clusters.means[list(pair)].mean(0), within + np.cov(clusters.means[list(pair)].T, bias=True)),
        "tail": (None, 0.25 * within),
    }
    for shape, (mean, covariance) in expected.items():
        events = SHAPES[shape](clusters, n, np.random.default_rng(1))
        assert events.shape == (n, dimension)
        spread = np.sqrt(np.diag(covariance))
        if mean is not None:
            assert np.abs((events.mean(0) - mean) / spread).max() < 5 / np.sqrt(n)
        difference = np.atleast_2d(np.cov(events.T)) - covariance
        assert np.abs(difference / np.outer(spread, spread)).max() < 5 * np.sqrt(2 / n)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), dimension=st.integers(1, 10))
def test_tail_is_outside_and_the_others_are_not(seed: int, dimension: int):
    rng = np.random.default_rng(seed)
    clusters = draw_clusters(dimension, rng)
    centre = {shape: draw(clusters, 4000, rng).mean(axis=0, keepdims=True) for shape, draw in SHAPES.items()}
    # The mean of 4000 events is off by less than 0.1 widths.
    assert distances(centre["tail"], clusters).min() == pytest.approx(5.0, abs=0.1)
    assert distances(centre["narrow"], clusters).min() < 0.1
    nearest = np.sort(distances(centre["broad"], clusters)[0])[:2]
    events = SHAPES["broad"](clusters, 4000, rng)
    # Across: an event of it is typically as far from the middle as the two clusters are.
    from_middle = np.linalg.norm((events - centre["broad"]) / clusters.widths, axis=1)
    assert np.quantile(from_middle, 0.9) > nearest[0]


def test_every_shape_comes_with_the_same_background():
    first, *others = (load(signal=shape).events for shape in SHAPES)
    for other in others:
        background = first.labels > 0
        assert np.array_equal(background, other.labels > 0)
        assert np.array_equal(first.features[background], other.features[background])
        assert not np.array_equal(first.features[~background], other.features[~background])


def test_more_events_extend_the_arrays():
    few = load(n_background=500, n_signal=100).events
    many = load(n_background=1500, n_signal=300).events
    for label in range(1 + N_CLUSTERS):
        np.testing.assert_array_equal(
            few.features[few.labels == label], many.features[many.labels == label][:100], strict=True
        )


def test_same_seed_same_arrays():
    first, again, other = load(seed=5), load(seed=5), load(seed=6)
    assert first.events.features.tobytes() == again.events.features.tobytes()
    assert first.fingerprint == again.fingerprint
    assert first.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"signal": "wide"}, r"dataset\.signal=wide: .* narrow, broad, tail"),
        ({"signal": None}, r"dataset\.signal=None: .* narrow, broad, tail"),
        ({"dimension": 0}, r"dataset\.dimension=0"),
        ({"dimension": 2.5}, r"dataset\.dimension=2\.5"),
        ({"n_background": 9}, r"dataset\.n_background=9: .* at least 10"),
        ({"n_signal": 1}, r"dataset\.n_signal=1"),
        ({"n_signal": "many"}, r"dataset\.n_signal=many"),
        ({"seed": -1}, r"dataset\.seed=-1"),
        ({"path": "x.csv"}, "dataset=custom"),
        ({"label": "kind"}, "dataset=custom"),
    ],
)
def test_bad_settings(changes, says):
    with pytest.raises(UserError, match=says):
        load(**changes)


def test_whole_floats_are_sizes():
    assert len(load(n_background=1e3, n_signal=1e2).events) == 1100
