"""Anomalies of known shape on Gaussian clusters: a benchmark that needs no embedding."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.checks import check_dataset, whole_setting
from autoscidact.data.contract import Dataset, Events, Split
from autoscidact.data.splits import check_seed, stratified_split
from autoscidact.errors import UserError

N_CLUSTERS = 5


@dataclass(frozen=True)
class Clusters:
    """Gaussian clusters of one shape.

    Attributes:
        means: (clusters, d).
        widths: (d,) standard deviations along each axis, the same for all clusters.
    """

    means: NDArray[np.float64]
    widths: NDArray[np.float64]


Shape = Callable[[Clusters, int, np.random.Generator], NDArray[np.float64]]
"""(clusters, n, generator) to (n, d) signal events."""


def draw_clusters(dimension: int, rng: np.random.Generator) -> Clusters:
    """Means from N(0, 1.5²), widths from U(0.3, 0.8), along each axis."""
    return Clusters(1.5 * rng.normal(size=(N_CLUSTERS, dimension)), rng.uniform(0.3, 0.8, dimension))


def narrow(clusters: Clusters, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """At the centre of the first cluster, 0.3 times as wide."""
    events = clusters.means[0] + 0.3 * clusters.widths * rng.normal(size=(n, len(clusters.widths)))
    return np.asarray(events)


def broad(clusters: Clusters, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Across the two clusters furthest apart: one Gaussian of mean and covariance of both together."""
    scaled = clusters.means / clusters.widths
    pairs = [(i, j) for i in range(N_CLUSTERS) for j in range(i)]
    i, j = max(pairs, key=lambda pair: float(np.linalg.norm(scaled[pair[0]] - scaled[pair[1]])))
    middle, half = (clusters.means[i] + clusters.means[j]) / 2, (clusters.means[i] - clusters.means[j]) / 2
    within = clusters.widths * rng.normal(size=(n, len(middle)))
    return np.asarray(middle + half * rng.normal(size=(n, 1)) + within)


def tail(clusters: Clusters, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Outside all clusters, half as wide as they are and 5 widths or more from the mean of each.

    It lies outwards of the cluster that is furthest from the clusters' common mean, so that, by
    the triangle inequality, no other is nearer.
    """
    scaled = clusters.means / clusters.widths
    outwards = scaled - scaled.mean(axis=0)
    distance = np.linalg.norm(outwards, axis=1)
    last = int(np.argmax(distance))
    centre = scaled[last] + 5.0 * outwards[last] / distance[last]
    return np.asarray(clusters.widths * (centre + 0.5 * rng.normal(size=(n, len(centre)))))


SHAPES: dict[str, Shape] = {"narrow": narrow, "broad": broad, "tail": tail}


def load(
    *,
    name: str,
    signal: str | None,
    split: Mapping[Split, float],
    seed: int,
    dimension: int = 4,
    n_background: int = 60_000,
    n_signal: int = 10_000,
    path: str | None = None,
    label: str | None = None,
) -> Dataset:
    """Five equal background clusters, cluster0 to cluster4, and one signal class named after its shape.

    The clusters and each class's events have random streams of their own: with the same seed, all
    shapes come with the same background, and more events extend the arrays.

    Args:
        signal: a key of `SHAPES`.
        split, seed: see `stratified_split`; the seed also defines the clusters and events.
        dimension: d, features of an event.
        n_background: background events in all. n_signal: signal events.
        path, label: not used by this dataset; refused if given.

    Raises:
        UserError: an unknown shape, or a size out of range.

    References:
        The measurement of docs/basis_tolerance.md has such clusters and shapes.
    """
    if path is not None or label is not None:
        raise UserError("dataset=shapes makes its own events; for a file use dataset=custom dataset.path=FILE")
    if signal not in SHAPES:
        raise UserError(f"dataset.signal={signal}: dataset=shapes has the shapes {', '.join(SHAPES)}")
    dimension, n_signal = whole_setting("dimension", dimension, 1), whole_setting("n_signal", n_signal, 2)
    n_background = whole_setting("n_background", n_background, 2 * N_CLUSTERS)
    cluster_seed, *event_seeds = np.random.SeedSequence(check_seed(seed)).spawn(2 + N_CLUSTERS)
    clusters = draw_clusters(dimension, np.random.default_rng(cluster_seed))
    signal_rng, *background_rngs = map(np.random.default_rng, event_seeds)

    parts = [SHAPES[signal](clusters, n_signal, signal_rng)]
    for k, rng in enumerate(background_rngs):
        size = n_background // N_CLUSTERS + (k < n_background % N_CLUSTERS)
        parts.append(clusters.means[k] + clusters.widths * rng.normal(size=(size, dimension)))
    labels = np.repeat(np.arange(len(parts), dtype=np.int64), [len(part) for part in parts])
    events = Events(
        features=np.concatenate(parts).astype(np.float32),
        labels=labels,
        classes=(signal, *(f"cluster{k}" for k in range(N_CLUSTERS))),
        ids=np.arange(len(labels), dtype=np.int64),
        weights=np.ones(len(labels)),
        feature_names=tuple(f"x{k}" for k in range(dimension)),
    )
    return check_dataset(Dataset(name, events, signal, stratified_split(labels, split, seed)))
