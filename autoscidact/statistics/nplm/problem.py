"""What the solvers of NPLM share: the pools in whitened bases, and the events of one toy."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autoscidact.toys.pools import Pools
from autoscidact.toys.sampler import ToyBatch


@dataclass(frozen=True)
class Problem:
    """NPLM on given pools: everything about the fits that is the same for all toys.

    Attributes:
        pools: where the toys' rows point to.
        points: (n, d) float64 tensor of all pool events.
        n_ref, n_data: |R| and the expected |D|.
        widths: kernel widths.
        centers: rows of the shared Nystrom centres, or None where each toy draws its own.
        n_centers: M.
        penalty: lambda.
        newton_steps: None converges.
        jitter, basis_tolerance: definition of the basis.
        seed: of the centres.
    """

    pools: Pools
    points: Tensor
    n_ref: int
    n_data: int
    widths: tuple[float, ...]
    centers: NDArray[np.int64] | None
    n_centers: int
    penalty: float
    newton_steps: int | None
    jitter: float
    basis_tolerance: float | None
    seed: int

    @property
    def reference_weight(self) -> float:
        """w_R = expected |D| / |R|."""
        return self.n_data / self.n_ref

    def ridge(self, n_data: int) -> float:
        """n lambda for a toy with this many data events."""
        return self.penalty * (self.n_ref + n_data)

    def center_rows(self, toys: ToyBatch, place: int) -> NDArray[np.int64]:
        """Rows of the centres of one toy: the shared ones, or its own draw from R and D."""
        if self.centers is not None:
            return self.centers
        entropy = [self.seed, round(toys.f_s * 1e12), int(toys.index[place]), 0xCE]
        rng = np.random.default_rng(np.random.SeedSequence(entropy))
        return rng.choice(np.concatenate([toys.reference_of(place), toys.data[place]]), self.n_centers, replace=False)


def toy_weights(n_ref: int, n_data: int, reference_weight: float) -> tuple[Tensor, Tensor]:
    """Weights (r, d) of `newton.newton` for a toy whose rows are R followed by D."""
    reference = torch.zeros(n_ref + n_data, dtype=torch.float64)
    data = torch.zeros_like(reference)
    reference[:n_ref] = reference_weight
    data[n_ref:] = 1.0
    return reference, data


def rows_of(toys: ToyBatch, place: int) -> Tensor:
    """Rows of R followed by rows of D, for one toy."""
    return torch.from_numpy(np.concatenate([toys.reference_of(place), toys.data[place]]))
