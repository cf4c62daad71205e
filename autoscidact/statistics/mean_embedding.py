"""Kernel mean embeddings: the mean, over many selections of events, of Nystrom features at several widths."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import embedding_bag

from autoscidact.statistics.nplm.basis import nystrom_basis
from autoscidact.statistics.nplm.kernel import squared_distances

CHUNK = 8192


class MeanEmbedding:
    """phi(x) = k(x, C) K_CC^+1/2 at several widths side by side, less its mean over the reference.

    Features are stored in float32: as they are centred, the sums keep a relative 1e-6 of the
    difference between two means, which is all that is made of them.

    Args:
        points: (n, d) float64, all events. centers: rows of the Nystrom centres.
        widths: kernel widths. tolerance: directions of K_CC below this times its largest eigenvalue are dropped.
        reference: rows of the events whose mean is subtracted.
        memory: bytes that stored features may take; without room for them they are computed for each selection.

    Attributes:
        widths: (widths,) slices of the features, one for each width.
        trace, trace_of_square: (widths,) of the features' covariance over the reference.
        stored: (n, k) float32 features of all events, or None.
    """

    def __init__(
        self,
        points: NDArray[np.float64],
        centers: NDArray[np.int64],
        widths: Sequence[float],
        tolerance: float,
        reference: NDArray[np.int64],
        memory: int,
    ) -> None:
        self._points = torch.from_numpy(points)
        self._centers = self._points[torch.from_numpy(centers)]
        self._bases = [nystrom_basis(self._centers, width, 0.0, tolerance) for width in widths]
        ends = np.cumsum([0] + [basis.n_directions for basis in self._bases])
        self.widths = [slice(int(start), int(stop)) for start, stop in pairwise(ends)]
        self.n_features = int(ends[-1])
        self._offset = torch.zeros(self.n_features, dtype=torch.float64)
        self.trace, self.trace_of_square = self._centre(reference)
        self.stored: Tensor | None = None
        if len(points) * self.n_features * torch.float32.itemsize <= memory:
            self.stored = torch.empty(len(points), self.n_features, dtype=torch.float32)
            start = 0
            for block in self._blocks(np.arange(len(points))):
                self.stored[start : start + len(block)] = block
                start += len(block)

    def features(self, rows: NDArray[np.int64]) -> Tensor:
        """(len(rows), k) float32."""
        if self.stored is not None:
            return self.stored[torch.from_numpy(rows)]
        return torch.cat([block.float() for block in self._blocks(rows)])

    def means(self, selections: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
        """(selections, k), NaN for an empty one."""
        sizes = np.array([len(rows) for rows in selections], dtype=np.float64)
        if self.stored is not None:
            starts = torch.from_numpy(np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64))
            rows = torch.from_numpy(np.concatenate(list(selections)))
            sums = embedding_bag(rows, self.stored, starts, mode="sum").double().numpy()
        else:
            sums = np.stack([self._sum(rows) for rows in selections])
        result: NDArray[np.float64] = sums / np.where(sizes > 0, sizes, np.nan)[:, None]
        return result

    def _blocks(self, rows: NDArray[np.int64]) -> Iterator[Tensor]:
        """Features in float64, some rows at a time."""
        for start in range(0, len(rows), CHUNK):
            points = self._points[torch.from_numpy(rows[start : start + CHUNK])]
            distances = squared_distances(points, self._centers)
            yield torch.cat([basis.kernel(distances) @ basis.projection for basis in self._bases], 1) - self._offset

    def _sum(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        total = torch.zeros(self.n_features, dtype=torch.float64)
        for block in self._blocks(rows):
            total += block.sum(0)
        return total.numpy()

    def _centre(self, reference: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        self._offset = torch.from_numpy(self._sum(reference) / len(reference))
        products = [torch.zeros(s.stop - s.start, s.stop - s.start, dtype=torch.float64) for s in self.widths]
        for block in self._blocks(reference):
            for product, own in zip(products, self.widths, strict=True):
                product.addmm_(block[:, own].T, block[:, own])
        covariances = [product / len(reference) for product in products]
        trace = [float(covariance.trace()) for covariance in covariances]
        return np.array(trace), np.array([float(covariance.square().sum()) for covariance in covariances])
