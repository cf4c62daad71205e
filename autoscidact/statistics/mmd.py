"""The maximum mean discrepancy on the Nystrom centres: one variant for each kernel width."""

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from autoscidact.errors import UserError
from autoscidact.statistics.contract import AsymptoticLaw
from autoscidact.statistics.mean_embedding import MeanEmbedding
from autoscidact.statistics.nplm.centers import center_count, shared_centers
from autoscidact.statistics.nplm.widths import KernelWidths
from autoscidact.statistics.resources import Resources
from autoscidact.statistics.tally import Tally
from autoscidact.toys.pools import Pools
from autoscidact.toys.sampler import ToyBatch
from autoscidact.toys.selection import permuted_labels


class MMD:
    """Nystrom maximum mean discrepancy (Chatalic et al. 2025, arXiv:2502.13570; App. B.2 of AutoSciDACT).

    t = c |R||D| / (|R|+|D|) |mean of phi over R - mean of phi over D|^2, phi being the features
    k(x, C) K_CC^+1/2 on the centres and at the widths that NPLM has for the same pools and seed, and
    |R|, |D| in the factor the expected sizes. It is the biased estimate (a V-statistic): its mean
    without novelty is not zero, which calibration on null toys takes care of.

    Without novelty t is a sum of squares of normal variables with variances c lambda_i, lambda_i
    being the eigenvalues of the covariance of phi. c = sum lambda / sum lambda^2, a constant for each
    width, gives it the mean and variance of a chi-square (Welch and Satterthwaite). Measured on 2000
    null toys of clusters in 4 dimensions at the paper's widths, the asymptotic p at the null's 99 %
    quantile is then 0.8 to 1.5 times 0.01 (0.2 to 2 times at sigma = 0.1); a normal law gives 0.01 to
    0.25 times 0.01.

    Args:
        kernel: rule for the widths.
        n_centers: M, or "auto" for sqrt(|R| + |D|).
        tolerance: directions of K_CC whose eigenvalue is below this times the largest are dropped.

    Attributes:
        scales: (widths,) c |R||D| / (|R|+|D|), what squared distances are multiplied with; known after `prepare`.
    """

    name = "mmd"
    asymptotic: AsymptoticLaw = "chi2"
    batch_size = 64

    def __init__(
        self, kernel: KernelWidths, n_centers: int | Literal["auto"] = "auto", tolerance: float = 1e-10
    ) -> None:
        if n_centers != "auto" and (isinstance(n_centers, bool) or not isinstance(n_centers, int)):
            raise UserError(f"mmd.n_centers={n_centers}: give a whole number, or auto for sqrt(|R|+|D|)")
        if not (isinstance(tolerance, float) and 0 < tolerance < 1):
            raise UserError(f"mmd.tolerance={tolerance}: give a number above 0 and below 1")
        self.kernel, self.n_centers, self.tolerance = kernel, n_centers, tolerance
        self.widths: dict[str, float] = {}
        self.scales: NDArray[np.float64] = np.empty(0)
        self._definition: dict[str, object] = {}
        self._embedding: MeanEmbedding | None = None
        self._resampled, self._seed = False, 0
        self._held: NDArray[np.int64] | None = None
        self._tally = Tally()

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of the widths; known after `prepare`."""
        return tuple(self.widths)

    @property
    def definition(self) -> dict[str, object]:
        """What fixes t; known after `prepare`."""
        return self._definition

    def prepare(self, pools: Pools, n_ref: int, n_data: int, seed: int, resources: Resources | None = None) -> None:
        """Chooses widths and centres, and computes the features of the pools where they fit.

        Raises:
            UserError: more centres than events.
        """
        n_centers, available = center_count(self.n_centers, n_ref, n_data), len(pools.reference)
        if not 1 <= n_centers <= available:
            raise UserError(f"mmd.n_centers={n_centers}: choose between 1 and the {available} events to draw from")
        self.widths = self.kernel.choose(pools.points[pools.reference], seed)
        self._resampled, self._seed = pools.resampled, seed
        centers = shared_centers(pools, n_centers, seed)
        self._held = None if pools.resampled else centers
        self._embedding = MeanEmbedding(
            pools.points,
            centers,
            list(self.widths.values()),
            self.tolerance,
            pools.reference,
            # The other half is left to batches and permutations.
            (resources or Resources()).memory // 2,
        )
        trace, trace_of_square = self._embedding.trace, self._embedding.trace_of_square
        # A width at which all events look alike gives t = 0, which calibration then refuses by name.
        constant = np.divide(trace, trace_of_square, out=np.ones_like(trace), where=trace_of_square > 0)
        self.scales = constant * n_ref * n_data / (n_ref + n_data)
        self._definition = {
            "statistic": self.name,
            "widths": self.widths,
            "n_centers": n_centers,
            "tolerance": self.tolerance,
            "seed": seed,
        }

    @property
    def plan(self) -> str:
        """What is held in memory, in words."""
        stored = self._embedding.stored if self._embedding is not None else None
        if stored is None:
            return "features do not fit into memory and are computed for each toy"
        return f"features of {len(stored)} events held, {stored.nelement() * stored.itemsize / 1024**2:.3g} MB"

    def evaluate(self, toys: ToyBatch) -> NDArray[np.float64]:
        """t of shape (toys, widths); NaN where D is empty."""
        embedding = self._prepared()
        difference = embedding.means(toys.data)
        # The embedding is centred at the mean of the reference: that of a fixed R is zero.
        if self._resampled:
            difference -= embedding.means(list(toys.reference))
        return self._tally.add(self._squares(difference))

    def permuted(self, toys: ToyBatch, n_permutations: int) -> NDArray[np.float64]:
        """t of each toy as it is, and with the labels R and D of its events permuted.

        Events of a fixed R that are centres stay in R. In R as drawn every centre meets itself, k = 1; moved to
        the smaller D it would weigh more, and narrow widths would find hardly any toy anomalous.

        Returns:
            (toys, 1 + n_permutations, widths), as it is first.
        """
        embedding, result = self._prepared(), []
        for place in range(len(toys)):
            reference, data = toys.reference_of(place), toys.data[place]
            features = embedding.features(np.concatenate([reference, data]))
            labels = permuted_labels(toys, place, n_permutations, self._seed, self._held)
            sums = (torch.from_numpy(labels).float() @ features).double().numpy()
            rest = features.sum(0, dtype=torch.float64).numpy() - sums
            result.append(self._squares(sums / len(data) - rest / len(reference)))
        t = np.stack(result)
        self._tally.add(t[:, 0])
        return t

    def solver_report(self) -> dict[str, int]:
        """How many toys were evaluated, and failed."""
        return self._tally.report()

    def _squares(self, difference: NDArray[np.float64]) -> NDArray[np.float64]:
        parts = [(difference[:, own] ** 2).sum(axis=1) for own in self._prepared().widths]
        return np.stack(parts, axis=1) * self.scales

    def _prepared(self) -> MeanEmbedding:
        if self._embedding is None:
            raise RuntimeError("MMD was used before MMD.prepare")
        return self._embedding
