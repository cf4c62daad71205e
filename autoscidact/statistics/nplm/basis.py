"""The whitened Nystrom basis: f(x) = phi(x) . beta with the ridge penalty |beta|^2."""

from dataclasses import dataclass

import torch
from torch import Tensor

from autoscidact.statistics.nplm.kernel import gaussian_kernel

FALKON_JITTER = 1e-13
"""What Falkon adds to K_MM in float64, times M: part of the definition of t, not a numerical detail."""


@dataclass(frozen=True)
class NystromBasis:
    """phi(x) = k(x, C) P with P = U Lambda^(-1/2), K_CC + jitter M I = U Lambda U^T.

    Attributes:
        centers: (M, d) float64, the Nystrom centres C.
        width: kernel width.
        projection: (M, k) float64, P, strongest direction first; k <= M directions are kept.
    """

    centers: Tensor
    width: float
    projection: Tensor

    @property
    def n_directions(self) -> int:
        """k, the length of beta."""
        return self.projection.shape[1]

    def kernel(self, squared_distances: Tensor) -> Tensor:
        """k from squared distances to the centres, (n, M) to (n, M)."""
        return torch.exp(squared_distances * (-0.5 / self.width**2))

    def to(self, device: torch.device) -> "NystromBasis":
        """The same basis on another device."""
        return NystromBasis(self.centers.to(device), self.width, self.projection.to(device))

    def features(self, x: Tensor) -> Tensor:
        """(n, d) float64 to (n, k) float64; every row has norm at most about 1."""
        return gaussian_kernel(x, self.centers, self.width) @ self.projection


def nystrom_basis(
    centers: Tensor, width: float, jitter: float = FALKON_JITTER, tolerance: float | None = None
) -> NystromBasis:
    """Builds the basis that makes Falkon's penalty alpha^T (K_CC + jitter M I) alpha equal |beta|^2.

    Args:
        centers: (M, d) float64.
        jitter: added to the diagonal of K_CC, times M.
        tolerance: directions whose eigenvalue is below this times the largest are dropped
            (None keeps all M). Like the jitter it changes the statistic that is computed:
            null and signal must use the same.

    Raises:
        ValueError: width, jitter or tolerance out of range.
    """
    if not width > 0:
        raise ValueError(f"kernel width must be positive, not {width}")
    if jitter < 0 or (tolerance is not None and not 0 <= tolerance < 1):
        raise ValueError(f"jitter {jitter} or tolerance {tolerance} out of range")
    centers = centers.to(torch.float64)
    gram = gaussian_kernel(centers, centers, width)
    gram.diagonal().add_(jitter * len(centers))
    # MPS and some other devices have no float64 eigh: M is small, the host does it as well.
    eigenvalues, vectors = torch.linalg.eigh(gram.cpu())
    eigenvalues, vectors = eigenvalues.flip(0), vectors.flip(1)
    floor = torch.finfo(torch.float64).eps * eigenvalues[0]
    keep = eigenvalues > floor if tolerance is None else eigenvalues > max(tolerance * eigenvalues[0], floor)
    projection = vectors[:, keep] / eigenvalues[keep].sqrt()
    return NystromBasis(centers, float(width), projection.to(centers.device))
