import time
from itertools import permutations

import numpy as np
import pytest
from scipy.stats import chi2, kstest

from autoscidact.data import synthetic
from autoscidact.data.synthetic import draw_clusters
from autoscidact.errors import UserError

# dataset.seed=0 with the default sizes.
PINNED_MEAN = [0.5651317655615, 0.9354331369767, 0.4798745470825, 0.7708334969532, 0.7546578806124]
PINNED_WIDTH = [0.1849535980432, 0.1946250192763, 0.4722016659573, 0.4299343188498, 0.3494712467996]
PINNED_EVENT = [0.194253, -0.356533, -1.129433]
SPLIT = {"train": 0.5, "val": 0.1, "test": 0.4}


def load(**changes):
    settings = {"name": "synthetic", "signal": None, "split": SPLIT, "seed": 0, "n_per_class": 500}
    return synthetic.load(**(settings | changes))


def fresh_separation(clusters, i, j, random, n=200_000):
    """App. A.1 recomputed naively: count background events of fresh draws inside ellipsoids about the signal's mean."""
    d = clusters.means.shape[1]
    x = random.normal(clusters.means[j], clusters.widths[j], size=(n, d))
    distance2 = np.sort((((x - clusters.means[i]) / clusters.widths[i]) ** 2).sum(axis=1))
    kept = np.linspace(0.005, 0.995, 199)
    b = np.maximum(10_000 * np.searchsorted(distance2, chi2.ppf(kept, d)) / n, 10.0)
    s = 100 * kept
    return np.sqrt(2 * ((s + b) * np.log(1 + s / b) - s)).max()


@pytest.mark.parametrize(
    ("n_classes", "n_meaningful", "seed"), [(3, 2, 0), (6, 5, 0), (6, 5, 1), (8, 2, 2), (12, 4, 0)]
)
def test_every_ordered_pair_is_separated_on_fresh_draws(n_classes, n_meaningful, seed):
    clusters = draw_clusters(n_classes, n_meaningful, 3.5, np.random.SeedSequence(seed))
    random = np.random.default_rng(999)
    found = [fresh_separation(clusters, i, j, random) for i, j in permutations(range(n_classes), 2)]
    # Both integrals count 200 to 5000 points near the limit: 0.1 sigma is three standard errors of the worst case.
    assert min(found) > 3.5 - 0.1


def test_the_check_of_separation_can_fail():
    clusters = draw_clusters(8, 2, 0.0, np.random.SeedSequence(0))
    random = np.random.default_rng(999)
    assert min(fresh_separation(clusters, i, j, random, 20_000) for i, j in permutations(range(8), 2)) < 3.0


def test_clusters_fill_the_stated_ranges():
    clusters = [draw_clusters(3, 5, 0.0, np.random.SeedSequence(seed)) for seed in range(100)]
    means, widths = np.ravel([c.means for c in clusters]), np.ravel([c.widths for c in clusters])
    assert kstest(means, "uniform").pvalue > 0.001
    assert kstest((widths - 0.02) / 0.48, "uniform").pvalue > 0.001


@pytest.mark.parametrize(
    ("n_classes", "n_meaningful", "n_noise"), [(3, 5, 0), (20, 5, 30), (20, 3, 0), (6, 5, 10), (3, 1, 0), (2, 1, 1)]
)
def test_sizes_of_the_paper_are_quick(n_classes, n_meaningful, n_noise):
    start = time.process_time()
    dataset = load(n_classes=n_classes, n_meaningful=n_meaningful, n_noise=n_noise)
    assert time.process_time() - start < 30
    assert dataset.events.features.shape == (500 * n_classes, n_meaningful + n_noise)
    assert dataset.events.classes == tuple(f"cluster{k}" for k in range(n_classes))
    assert dataset.signal == f"cluster{n_classes - 1}"


def test_same_seed_same_arrays():
    first, again, other = load(seed=5), load(seed=5), load(seed=6)
    assert first.events.features.tobytes() == again.events.features.tobytes()
    assert first.fingerprint == again.fingerprint
    assert first.fingerprint != other.fingerprint


def test_published_numbers_do_not_drift():
    """A change of the generator or of the order of its calls would silently change the benchmark."""
    clusters = draw_clusters(6, 5, 3.5, np.random.SeedSequence(0).spawn(4)[0])
    assert clusters.means[0] == pytest.approx(PINNED_MEAN, abs=1e-12)
    assert clusters.widths[5] == pytest.approx(PINNED_WIDTH, abs=1e-12)
    assert load().events.features[0, :3] == pytest.approx(PINNED_EVENT, abs=1e-5)


def test_more_events_extend_the_arrays():
    few, many = load(n_per_class=100).events, load(n_per_class=300).events
    for label in range(6):
        assert np.allclose(few.features[few.labels == label], many.features[many.labels == label][:100], atol=1e-6)


def test_noise_axes_leave_the_clusters_alone():
    """A rotation keeps distances, so subtracting the noise's part leaves the distances of the plain dataset."""
    plain, noisy = load(n_noise=0).events.features, load(n_noise=7).events.features
    means = [[f[k * 500 : (k + 1) * 500].mean(axis=0) for k in range(6)] for f in (plain, noisy)]
    gaps = [np.linalg.norm(np.array(m)[:, None] - np.array(m)[None], axis=-1) for m in means]
    # The noise means differ by sqrt(2/12/500) an axis at most by chance.
    assert np.allclose(gaps[0] ** 2, gaps[1] ** 2, atol=0.02)


def test_moments_and_rotation():
    """Unrotated by the principal axes of one class: the class's covariance has the widths' and U(0,1)'s eigenvalues."""
    dataset = load(n_per_class=20_000, n_noise=4)
    clusters = draw_clusters(6, 5, 3.5, np.random.SeedSequence(0).spawn(4)[0])
    for label in range(6):
        events = dataset.events.features[dataset.events.labels == label].astype(np.float64)
        expected = np.sort([*clusters.widths[label] ** 2, *[1 / 12] * 4])
        assert np.linalg.eigvalsh(np.cov(events.T)) == pytest.approx(expected, rel=0.08)


def test_no_axis_is_left_unrotated():
    """Before the rotation noise lies strictly in [0, 1] along its axis; afterwards no axis may look like that."""
    features = load(n_per_class=5000, n_noise=10).events.features
    for axis in features.T:
        assert axis.min() < -0.1 or axis.max() > 1.1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"n_classes": 20, "n_meaningful": 1}, r"no room for cluster.*dataset\.n_meaningful"),
        ({"n_classes": 1}, r"dataset\.n_classes=1"),
        ({"n_meaningful": 0}, r"dataset\.n_meaningful=0"),
        ({"n_noise": -1}, r"dataset\.n_noise=-1"),
        ({"n_per_class": 1}, r"dataset\.n_per_class=1"),
        ({"n_per_class": 10.5}, r"dataset\.n_per_class=10\.5"),
        ({"n_per_class": "many"}, r"dataset\.n_per_class=many"),
        ({"seed": -1}, r"dataset\.seed=-1"),
        ({"signal": "cluster6"}, "signal class 'cluster6' is not there"),
        ({"path": "x.csv"}, "dataset=custom"),
    ],
)
def test_bad_settings(changes, says):
    with pytest.raises(UserError, match=says):
        load(**changes)


def test_whole_floats_are_sizes():
    assert len(load(n_per_class=1e2).events) == 600
