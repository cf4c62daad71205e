"""Events as rows of whitened features: stored, each toy's own, or computed from the kernel as they are needed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from autoscidact.statistics.nplm.basis import NystromBasis
from autoscidact.statistics.nplm.kernel import gaussian_kernel

CHUNK = 16384
"""Rows at a time: logits of a batch of toys then stay in the processor's cache between the steps of one pass."""


ALL = slice(None)


class Chunk(Protocol):
    """Some rows, for all or some of the toys. f = phi beta and its adjoint, for T toys at once."""

    @property
    def toys(self) -> slice: ...

    @property
    def rows(self) -> slice: ...

    def logits(self, beta: Tensor) -> Tensor:
        """(T, k) to (T, rows)."""
        ...

    def adjoint(self, coefficient: Tensor) -> Tensor:
        """Sum over rows of coefficient times phi, (T, rows) to (T, k)."""
        ...

    def gram(self, weight: Tensor) -> Tensor:
        """phi^T diag(weight) phi, (rows,) to (k, k)."""
        ...


class Rows(Protocol):
    """n events of a fit or of a batch of fits."""

    n: int

    def chunks(self) -> Iterator[Chunk]: ...

    def take(self, toys: Tensor) -> "Rows":
        """The rows for some of the toys."""
        ...


@dataclass(frozen=True)
class _Shared:
    features: Tensor
    rows: slice
    toys: slice

    def logits(self, beta: Tensor) -> Tensor:
        return beta @ self.features.T

    def adjoint(self, coefficient: Tensor) -> Tensor:
        return coefficient @ self.features

    def gram(self, weight: Tensor) -> Tensor:
        return self.features.T @ (weight[:, None] * self.features)


class SharedRows:
    """Stored features that all toys share: one matrix product serves them all.

    Args:
        features: (n, k).
    """

    def __init__(self, features: Tensor) -> None:
        self.features, self.n = features, len(features)

    def chunks(self) -> Iterator[Chunk]:
        for start in range(0, self.n, CHUNK):
            rows = slice(start, min(start + CHUNK, self.n))
            yield _Shared(self.features[rows], rows, ALL)

    def take(self, toys: Tensor) -> "SharedRows":
        return self


@dataclass(frozen=True)
class _Own:
    features: Tensor
    rows: slice
    toys: slice

    def logits(self, beta: Tensor) -> Tensor:
        # A row times a transposed matrix: the form that the BLAS batches without falling back to scalar loops.
        return torch.bmm(beta[:, None, :], self.features.transpose(1, 2))[:, 0, :]

    def adjoint(self, coefficient: Tensor) -> Tensor:
        return torch.bmm(coefficient[:, None, :], self.features)[:, 0, :]

    def gram(self, weight: Tensor) -> Tensor:
        raise NotImplementedError("toys with rows of their own have no common Gram matrix")


class OwnRows:
    """Features of events that each toy has for itself.

    Args:
        features: (toys, n, k).
        places: which of them, in order; all when None.
    """

    def __init__(self, features: Tensor, places: Tensor | None = None) -> None:
        self.features, self.n = features, features.shape[1]
        self.places = torch.arange(len(features)) if places is None else places

    def chunks(self) -> Iterator[Chunk]:
        # Toy by toy: its features are then still in the processor's nearest cache when the adjoint follows the logits.
        for toy, place in enumerate(self.places.tolist()):
            yield _Own(self.features[place : place + 1], slice(0, self.n), slice(toy, toy + 1))

    def take(self, toys: Tensor) -> "OwnRows":
        # Nothing is copied: that would cost as much as an iteration.
        return OwnRows(self.features, self.places[toys.cpu()])


@dataclass(frozen=True)
class _Kernel:
    kernel: Tensor
    projection: Tensor
    rows: slice
    toys: slice

    def logits(self, beta: Tensor) -> Tensor:
        return (beta.double() @ self.projection.T) @ self.kernel.T

    def adjoint(self, coefficient: Tensor) -> Tensor:
        return (coefficient.double() @ self.kernel) @ self.projection

    def gram(self, weight: Tensor) -> Tensor:
        # Not P^T (K^T W K) P, which is cheaper: rounding in the middle is divided by the smallest eigenvalues.
        features = self.kernel @ self.projection
        return features.T @ (weight[:, None] * features)


class KernelRows:
    """Features computed from the kernel, chunk by chunk, at each pass: for events that do not fit in memory.

    In float64 throughout: without the rounding to stored features, the kernel and the
    projection nearly cancel in the weak directions.

    Args:
        points: (n, d) float64. basis: of the features.
    """

    def __init__(self, points: Tensor, basis: NystromBasis, chunk: int = CHUNK) -> None:
        self.points, self.basis, self.n, self.chunk = points, basis, len(points), chunk

    def chunks(self) -> Iterator[Chunk]:
        for start in range(0, self.n, self.chunk):
            rows = slice(start, min(start + self.chunk, self.n))
            kernel = gaussian_kernel(self.points[rows], self.basis.centers, self.basis.width)
            yield _Kernel(kernel, self.basis.projection, rows, ALL)

    def take(self, toys: Tensor) -> "KernelRows":
        return self
