"""The Frechet distance between R and D."""

import numpy as np
from numpy.typing import NDArray

from autoscidact.errors import UserError
from autoscidact.statistics.contract import AsymptoticLaw
from autoscidact.statistics.moments import Moments, moments
from autoscidact.statistics.resources import Resources
from autoscidact.statistics.tally import Tally
from autoscidact.toys.pools import Pools
from autoscidact.toys.sampler import ToyBatch
from autoscidact.toys.selection import data_matrix, grouped_matrix, reference_matrix

MAX_FEATURES = 2**24
"""Numbers that may be held to find the scale of t: 4096 events in up to about 90 dimensions, fewer events above."""


class Frechet:
    """t = c |R||D| / (|R|+|D|) times the squared Frechet distance of R and D, |R|, |D| being the expected sizes.

    The Frechet (2-Wasserstein) distance is that of the Gaussians with the means and covariances of
    R and D, as in the Frechet inception distance (Heusel et al. 2017, arXiv:1706.08500; App. B.2 of
    AutoSciDACT). Works with fewer events than dimensions.

    Near zero the squared distance is quadratic in the differences of means and covariances: without
    novelty a sum of squares of normal variables, far from normal itself. c, see `chi_square_scale`,
    gives t the mean and variance of a chi-square (Welch and Satterthwaite). Measured on 1000 to 4000 null
    toys of clusters in 4 and 32 dimensions, the asymptotic p at the null's 99 % quantile is then 0.4 to
    1.5 times 0.01; a normal law gives 0.01 to 0.08 times 0.01.

    Attributes:
        scale: c |R||D| / (|R|+|D|); known after `prepare`.
    """

    name = "frechet"
    asymptotic: AsymptoticLaw = "chi2"
    batch_size = 64
    variants = ("t",)

    def __init__(self) -> None:
        self.definition: dict[str, object] = {"statistic": self.name}
        self.scale = float("nan")
        self._tally = Tally()
        self._points: NDArray[np.float64] | None = None
        self._reference: Moments | None = None

    def prepare(self, pools: Pools, n_ref: int, n_data: int, seed: int, resources: Resources | None = None) -> None:
        """The scale of t, and the moments of R where it is fixed.

        Raises:
            UserError: R or D has less than the two events that a covariance needs.
        """
        if min(n_ref, n_data) < 2:
            raise UserError(f"frechet: toys.n_ref={n_ref} and toys.n_data={n_data} must both be at least 2")
        self._points = pools.points - pools.points[pools.reference].mean(axis=0)
        self.scale = chi_square_scale(self._points[pools.reference]) * n_ref * n_data / (n_ref + n_data)
        if not pools.resampled:
            one = np.zeros(len(self._points), dtype=np.int64)
            self._reference = moments(grouped_matrix([pools.reference], one, 1), self._points)

    @property
    def plan(self) -> str:
        """What is held in memory, in words."""
        return f"moments of {'one R' if self._reference is not None else 'R for each toy'} and of each D"

    def evaluate(self, toys: ToyBatch) -> NDArray[np.float64]:
        """t of shape (toys, 1); NaN where D has less than two events."""
        if self._points is None:
            raise RuntimeError("Frechet.evaluate was called before Frechet.prepare")
        n = len(self._points)
        r = self._reference or moments(reference_matrix(toys, n), self._points)
        d = moments(data_matrix(toys, n), self._points)
        distance = frechet_distance(r.means, r.covariances, d.means, d.covariances)
        return self._tally.add(self.scale * distance[:, None])

    def solver_report(self) -> dict[str, int]:
        """How many toys were evaluated, and failed."""
        return self._tally.report()


def frechet_distance(
    mean_r: NDArray[np.float64],
    covariance_r: NDArray[np.float64],
    mean_d: NDArray[np.float64],
    covariance_d: NDArray[np.float64],
) -> NDArray[np.float64]:
    """|mu_R - mu_D|^2 + tr(S_R + S_D - 2 (S_R^1/2 S_D S_R^1/2)^1/2), for many pairs at once.

    Dowson and Landau (1982), Eq. 4. Negative eigenvalues, which only rounding makes, count as zero.

    Args:
        mean_r, mean_d: (..., d), covariance_r, covariance_d: (..., d, d); leading axes broadcast.

    Returns:
        (...); NaN where a mean or covariance is.
    """
    # LAPACK refuses NaN; the traces carry it to the result.
    values, vectors = np.linalg.eigh(np.nan_to_num(covariance_r))
    root = (vectors * np.sqrt(values.clip(0.0))[..., None, :]) @ vectors.swapaxes(-1, -2)
    inner = root @ np.nan_to_num(covariance_d) @ root
    overlap = np.sqrt(np.linalg.eigvalsh(inner).clip(0.0)).sum(axis=-1)
    shift = ((mean_r - mean_d) ** 2).sum(axis=-1)
    traces = np.trace(covariance_r, axis1=-2, axis2=-1) + np.trace(covariance_d, axis1=-2, axis2=-1)
    return np.asarray(shift + traces - 2.0 * overlap)


def chi_square_scale(points: NDArray[np.float64]) -> float:
    """sum lambda / sum lambda^2, lambda being the variances that squared Frechet distances of samples are made of.

    With z the points in the eigenbasis of their covariance, s its eigenvalues and delta differences
    of means over two samples, the squared distance is, to leading order,
    sum_i (delta z_i)^2 + sum_ij (delta z_i z_j)^2 / (2 (s_i + s_j)) (the Bures metric; Bhatia, Jain and Lim 2019,
    Expositiones Mathematicae 37, 165): the squared difference of the means of features. lambda are
    the eigenvalues of the covariance of these features.

    Args:
        points: (n, d), centred.
    """
    n, d = points.shape
    values, vectors = np.linalg.eigh(points.T @ points / n)
    i, j = np.triu_indices(d)
    # Events may be sorted by class: evenly spaced ones could all be of one.
    few = np.random.default_rng(0).permutation(n)[: min(4096, max(2, MAX_FEATURES // (d + len(i))))]
    z = points[few] @ vectors
    total = values[i] + values[j]
    weight = np.where(i == j, 0.5, 1.0) * np.divide(1.0, total, out=np.zeros_like(total), where=total > 1e-12)
    features = np.concatenate([z, np.sqrt(weight) * z[:, i] * z[:, j]], axis=1)
    features -= features.mean(axis=0)
    squares = (features**2).sum(axis=1)
    gram = features.T @ features if d + len(i) < len(few) else features @ features.T
    # Products of different events only: an event with itself would add (sum lambda)^2 / n.
    pairs = ((gram**2).sum() - (squares**2).sum()) / (len(few) * (len(few) - 1))
    return float(squares.mean() / pairs)
