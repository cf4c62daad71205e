"""Gaussian clusters hidden by noise axes and a rotation: the paper's benchmark with a known answer (App. A.1)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import special_ortho_group

from autoscidact.data.checks import check_dataset, whole_setting
from autoscidact.data.contract import Dataset, Events, Split
from autoscidact.data.labels import class_name
from autoscidact.data.separation import pair_separation
from autoscidact.data.splits import check_seed, stratified_split
from autoscidact.errors import UserError

MEAN_RANGE = (0.0, 1.0)
WIDTH_RANGE = (0.02, 0.5)
# Points of the Monte Carlo integral, and how far above the limit a pair needs no closer look: few points reject most
# candidates at once, many are spent on pairs within a sigma of the limit.
_LOOKS = ((500, np.inf), (10_000, 1.0), (100_000, 0.0))
_MAX_TRIES = 3_000


@dataclass(frozen=True)
class Clusters:
    """N Gaussian clusters with independent axes.

    Attributes:
        means: (n, d).
        widths: (n, d) standard deviations.
    """

    means: NDArray[np.float64]
    widths: NDArray[np.float64]


def draw_clusters(n_classes: int, n_meaningful: int, min_separation: float, seed: np.random.SeedSequence) -> Clusters:
    """Draws clusters one at a time, keeping those that are separated from all earlier ones in both directions.

    Means are U(0, 1) and widths U(0.02, 0.5) along each axis; separation is `pair_separation` in standard deviations.

    Raises:
        UserError: no room was found for a cluster.
    """
    model_seed, integral_seed = seed.spawn(2)
    random = np.random.default_rng(model_seed)
    normals = np.random.default_rng(integral_seed).standard_normal((_LOOKS[-1][0], n_meaningful))
    kept: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []

    def separated(mean: NDArray[np.float64], width: NDArray[np.float64]) -> bool:
        undecided = kept
        for points, margin in _LOOKS:
            unsure = []
            for other in undecided:
                separation = min(pair_separation(mean, width, *other, normals[:points]))
                if separation < min_separation:
                    return False
                if separation < min_separation + margin:
                    unsure.append(other)
            undecided = unsure
        return True

    while len(kept) < n_classes:
        for _ in range(_MAX_TRIES):
            mean, width = random.uniform(*MEAN_RANGE, n_meaningful), random.uniform(*WIDTH_RANGE, n_meaningful)
            if separated(mean, width):
                kept.append((mean, width))
                break
        else:
            raise UserError(
                f"dataset synthetic: found no room for cluster {len(kept) + 1} of {n_classes} in {n_meaningful} "
                f"dimensions at {min_separation:g} sigma; raise dataset.n_meaningful, lower dataset.n_classes or "
                "dataset.min_separation, or try another dataset.seed"
            )
    return Clusters(np.stack([mean for mean, _ in kept]), np.stack([width for _, width in kept]))


def load(
    *,
    name: str,
    signal: str | int | None,
    split: Mapping[Split, float],
    seed: int,
    n_classes: int = 6,
    n_meaningful: int = 5,
    n_noise: int = 10,
    n_per_class: int = 20_000,
    min_separation: float = 3.5,
    path: str | None = None,
    label: str | None = None,
) -> Dataset:
    """Classes cluster0, cluster1, ... in n_meaningful + n_noise features, all axes rotated together.

    The clusters, the rotation, each class's events and each class's noise have random streams of their own: with the
    same seed, more events a class extend the arrays, and more noise axes leave the clusters as they are.

    Args:
        signal: the class held out; None is the last cluster.
        split, seed: see `stratified_split`; the seed also defines the clusters and events.
        n_per_class: events a class.
        min_separation: least significance, in standard deviations, of 1 % of any cluster on any other.
        path, label: not used by this dataset; refused if given.

    Raises:
        UserError: a size out of range, or clusters that cannot be placed.

    References:
        AutoSciDACT, Sec. 5 and App. A.1.
    """
    if path is not None or label is not None:
        raise UserError("dataset=synthetic makes its own events; for a file use dataset=custom dataset.path=FILE")
    n_classes, n_meaningful = whole_setting("n_classes", n_classes, 2), whole_setting("n_meaningful", n_meaningful, 1)
    n_noise, n_per_class = whole_setting("n_noise", n_noise, 0), whole_setting("n_per_class", n_per_class, 2)
    cluster_seed, rotation_seed, event_seed, noise_seed = np.random.SeedSequence(check_seed(seed)).spawn(4)
    clusters = draw_clusters(n_classes, n_meaningful, min_separation, cluster_seed)

    n_axes = n_meaningful + n_noise
    rotation = np.eye(1)
    if n_axes > 1:
        rotation = special_ortho_group.rvs(n_axes, random_state=np.random.default_rng(rotation_seed))
    features = np.empty((n_classes * n_per_class, n_axes), dtype=np.float32)
    for k, (events_of, noise_of) in enumerate(
        zip(event_seed.spawn(n_classes), noise_seed.spawn(n_classes), strict=True)
    ):
        normals = np.random.default_rng(events_of).standard_normal((n_per_class, n_meaningful))
        noise = np.random.default_rng(noise_of).random((n_per_class, n_noise))
        straight = np.concatenate([clusters.means[k] + clusters.widths[k] * normals, noise], axis=1)
        features[k * n_per_class : (k + 1) * n_per_class] = straight @ rotation.T

    labels = np.repeat(np.arange(n_classes, dtype=np.int64), n_per_class)
    classes = tuple(f"cluster{k}" for k in range(n_classes))
    events = Events(
        features=features,
        labels=labels,
        classes=classes,
        ids=np.arange(len(labels), dtype=np.int64),
        weights=np.ones(len(labels)),
        feature_names=tuple(f"x{k}" for k in range(n_axes)),
    )
    held_out = classes[-1] if signal is None else class_name(signal)
    return check_dataset(Dataset(name, events, held_out, stratified_split(labels, split, seed)))
