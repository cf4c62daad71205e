"""The Mahalanobis distance of the data to the nearest background class, summed over events."""

import math

import numpy as np
from numpy.typing import NDArray

from autoscidact.errors import UserError
from autoscidact.files import array_hash
from autoscidact.statistics.contract import AsymptoticLaw
from autoscidact.statistics.moments import Moments, moments
from autoscidact.statistics.resources import Resources
from autoscidact.statistics.small_classes import join_small_classes
from autoscidact.statistics.tally import Tally
from autoscidact.toys.pools import Pools
from autoscidact.toys.sampler import ToyBatch
from autoscidact.toys.selection import data_matrix, grouped_matrix

SINGULAR = 1e-12
"""A covariance is singular where its smallest eigenvalue is below this times its largest."""
FLUCTUATION = 5.0
"""A re-sampled class is large enough when it stays so after a downward fluctuation of this many standard deviations."""


class Mahalanobis:
    """Sum over x in D of d(x) = min over classes i of (x - mu_i)^T Sigma_i^-1 (x - mu_i), mu_i and Sigma_i from R.

    Sec. 5 of AutoSciDACT, "Mahalanobis baseline". Every class has its own full covariance; one with too few events in R
    is counted to the nearest. The label of an event matters only where the event is in R. An axis or direction that is
    constant over the whole reference pool is left out: no distance can be measured along it.

    Variants: "sum" is the paper's. Every event adds to it, ordinary ones as well, so where signal is added
    to a |D| that does not fluctuate it counts events, which no experiment knows beforehand: the more so the more
    dimensions there are, and however ordinary the signal. Where |D| does fluctuate, that swamps it. "excess" is
    sum over D of d(x) - c, c the mean distance over R (over the pool that R is drawn from, where it is drawn anew):
    an ordinary event adds nothing on average. At equal |D| the two are the same test.
    """

    name = "mahalanobis"
    asymptotic: AsymptoticLaw = "normal"
    batch_size = 64
    variants = ("sum", "excess")

    def __init__(self) -> None:
        self._definition: dict[str, object] = {}
        self._tally = Tally()
        self._distances: NDArray[np.float64] | None = None

    @property
    def definition(self) -> dict[str, object]:
        """What fixes t; known after `prepare`."""
        return self._definition

    def prepare(self, pools: Pools, n_ref: int, n_data: int, seed: int, resources: Resources | None = None) -> None:
        """Finds the classes and, where R is fixed, the distances of all events.

        Raises:
            UserError: no labels; every class too small for a covariance in every R; a singular covariance.
        """
        if pools.labels is None:
            raise UserError(
                "mahalanobis needs the class of each background event, and these have none; "
                "name the column of classes by dataset.label, or leave mahalanobis out of statistic"
            )
        self._points = _varying_directions(pools.points, pools.reference)
        names, codes = np.unique(pools.labels[pools.reference], return_inverse=True)
        # A fixed R was drawn by weight already.
        drawn = pools.weights[pools.reference] if pools.resampled else np.ones(len(codes))
        sizes, least = _sizes(codes, drawn, n_ref, self._points.shape[1], pools.resampled)
        _check_sizes(names, sizes, least, pools.resampled)
        self._names, codes = join_small_classes(names, codes, self._points[pools.reference], sizes, least)
        self._classes = np.zeros(len(pools.points), dtype=np.int64)
        self._classes[pools.reference] = codes
        # Centred by class: sums of products would lose the digits of a compact class far from the origin.
        self._means = self._moments([pools.reference], self._points).means
        in_reference = np.zeros((len(pools.points), 1))
        in_reference[pools.reference] = 1.0
        self._centred = self._points - in_reference * self._means[self._classes]
        of_pool = self._moments([pools.reference], self._centred)
        whitening, regular = _whitening(of_pool.covariances)
        if not regular.all():
            raise UserError(
                f"mahalanobis: class {self._names[~regular][0]} does not vary in every direction that the background "
                "does, so no distance to it can be measured; train again, or leave mahalanobis out of statistic"
            )
        means = self._means + of_pool.means
        ordinary = nearest_class_distance(self._points[pools.reference], means, whitening)
        drawn_by = pools.weights[pools.reference] if pools.resampled else None
        self._ordinary = float(np.average(ordinary, weights=drawn_by))
        if not pools.resampled:
            self._distances = nearest_class_distance(self._points, means, whitening)
        self._definition = {"statistic": self.name, "classes": array_hash(codes)}

    @property
    def plan(self) -> str:
        """What is held in memory, in words."""
        if self._distances is not None:
            return f"distances of {len(self._distances)} events to {len(self._names)} classes of one R"
        return f"{len(self._names)} classes, their means and covariances anew for each toy"

    def evaluate(self, toys: ToyBatch) -> NDArray[np.float64]:
        """t of shape (toys, 2); NaN where a re-sampled R gives a class no covariance."""
        if self._distances is not None:
            return self._both(toys, data_matrix(toys, len(self._distances)) @ self._distances)
        n_classes, d = self._means.shape
        of_classes = self._moments(list(toys.reference), self._centred)
        whitening, regular = _whitening(of_classes.covariances)
        means = self._means + of_classes.means.reshape(-1, n_classes, d)
        whitening = whitening.reshape(-1, n_classes, d, d)
        t = [
            nearest_class_distance(self._points[rows], mean, matrices).sum()
            for rows, mean, matrices in zip(toys.data, means, whitening, strict=True)
        ]
        return self._both(toys, np.where(regular.reshape(-1, n_classes).all(axis=1), t, np.nan))

    def solver_report(self) -> dict[str, int]:
        """How many toys were evaluated, and failed."""
        return self._tally.report()

    def _both(self, toys: ToyBatch, total: NDArray[np.float64]) -> NDArray[np.float64]:
        sizes = np.array([len(rows) for rows in toys.data])
        return self._tally.add(np.stack([total, total - sizes * self._ordinary], axis=1))

    def _moments(self, rows: list[NDArray[np.int64]], points: NDArray[np.float64]) -> Moments:
        return moments(grouped_matrix(rows, self._classes, len(self._names)), points)


def nearest_class_distance(
    points: NDArray[np.float64], means: NDArray[np.float64], whitening: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Squared Mahalanobis distance to the nearest class.

    Args:
        points: (n, d); means: (classes, d).
        whitening: (classes, d, d), W with W W^T the inverse of the class's covariance.

    Returns:
        (n,)
    """
    nearest = np.full(len(points), np.inf)
    for mean, matrix in zip(means, whitening, strict=True):
        z = (points - mean) @ matrix
        np.minimum(nearest, np.einsum("ij,ij->i", z, z), out=nearest)
    return nearest


def _whitening(covariances: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """W with W W^T = Sigma^-1, (T, d, d), and which Sigma are regular; any matrix where one is not."""
    finite = np.isfinite(covariances.sum(axis=(1, 2)))
    values, vectors = np.linalg.eigh(np.where(finite[:, None, None], covariances, 0.0))
    regular = finite & (values[:, 0] > SINGULAR * values[:, -1])
    return vectors / np.sqrt(np.where(regular[:, None], values, 1.0))[:, None, :], regular


def _varying_directions(points: NDArray[np.float64], reference: NDArray[np.int64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(points[reference], rowvar=False)))
    varies = values > SINGULAR * values[-1]
    return points if varies.all() else points @ vectors[:, varies]


def _sizes(
    codes: NDArray[np.int64], drawn: NDArray[np.float64], n_ref: int, d: int, resampled: bool
) -> tuple[NDArray[np.float64], float]:
    """(classes,) events in R, on average where it is drawn anew, and how many a covariance needs in every R."""
    sizes, needed = np.bincount(codes, drawn).astype(np.float64), d + 1
    if not resampled:
        return sizes, needed
    return n_ref * sizes / sizes.sum(), math.ceil((FLUCTUATION + math.sqrt(FLUCTUATION**2 + 4 * needed)) ** 2 / 4)


def _check_sizes(names: NDArray[np.str_], sizes: NDArray[np.float64], needed: float, resampled: bool) -> None:
    if (sizes < needed).all():
        smallest = int(np.argmin(sizes))
        raise UserError(
            f"mahalanobis: class {names[smallest]} has {sizes[smallest]:.0f} events in R{' on average' * resampled}, "
            f"and its covariance needs at least {needed}; raise toys.n_ref, or leave mahalanobis out of statistic"
        )
