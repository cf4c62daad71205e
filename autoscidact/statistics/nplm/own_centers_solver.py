"""`solver: batched` with `centers: toy`: each toy in the basis of its own centres."""

import threading

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autoscidact.statistics.nplm.basis import NystromBasis, nystrom_basis
from autoscidact.statistics.nplm.batch import Block, fit_batch
from autoscidact.statistics.nplm.batched_solver import DECREMENT, MAX_ITERATIONS
from autoscidact.statistics.nplm.kernel import squared_distances
from autoscidact.statistics.nplm.memory import FLOAT64, MemoryPlan, plan_memory
from autoscidact.statistics.nplm.newton import newton
from autoscidact.statistics.nplm.problem import Problem, rows_of, toy_weights
from autoscidact.statistics.nplm.rows import KernelRows, SharedRows
from autoscidact.statistics.resources import Resources
from autoscidact.toys.sampler import ToyBatch


class OwnCentersSolver:
    """One toy after the other: its distances once, then for each width features, an approximate Hessian and the fit.

    Attributes:
        report: how many fits there were, how many full Newton had to finish, how many failed.
    """

    def __init__(self, problem: Problem, resources: Resources, dtype: torch.dtype = torch.float32) -> None:
        self.problem, self.dtype, self.device = problem, dtype, torch.device(resources.device)
        self._precise = torch.float32 if self.device.type == "mps" else torch.float64
        self.report = {"fits": 0, "finished by full Newton": 0, "failed": 0}
        self._lock, self._threads = threading.Lock(), threading.local()
        n_toy = problem.n_ref + problem.n_data
        self.plan: MemoryPlan = plan_memory(
            n_pool=0,
            n_reference=0,
            n_own=n_toy,
            n_centers=problem.n_centers,
            # Kernel, its exponentials and the features of all events are in memory together.
            directions=[4 * problem.n_centers],
            itemsize=FLOAT64,
            resources=resources,
            largest_batch=1,
        )

    def evaluate(self, toys: ToyBatch) -> NDArray[np.float64]:
        """t of shape (toys, widths); NaN where a fit failed."""
        return np.array([self._toy(toys, place) for place in range(len(toys))])

    def _toy(self, toys: ToyBatch, place: int) -> list[float]:
        problem = self.problem
        points = problem.points[rows_of(toys, place)]
        centers = problem.points[torch.from_numpy(problem.center_rows(toys, place))]
        reference, data = toy_weights(problem.n_ref, len(toys.data[place]), problem.reference_weight)
        ridge = problem.ridge(len(toys.data[place]))
        held = self._workspace("distances", len(centers), len(points), torch.float64)
        distances = squared_distances(centers, points, out=held)
        total = (reference + data).to(self.device, self.dtype)[None]
        weights = data.to(self.device, self.dtype)[None]
        results = []
        for width in problem.widths:
            basis = nystrom_basis(centers, width, problem.jitter, problem.basis_tolerance)
            features = self._features(basis, distances)
            result = fit_batch(
                [Block(SharedRows(features), total, weights)],
                torch.tensor([ridge], dtype=self._precise, device=self.device),
                self._factor(features, total[0], ridge),
                torch.zeros(basis.n_directions, dtype=self._precise, device=self.device),
                DECREMENT,
                MAX_ITERATIONS,
            )
            t, converged = float(result.t[0]), bool(result.converged[0])
            if not converged:
                t = _finish(KernelRows(points, basis, self.plan.chunk), reference, data, ridge)
            with self._lock:
                self.report["fits"] += 1
                self.report["finished by full Newton"] += not converged
                self.report["failed"] += int(np.isnan(t))
            results.append(t)
        return results

    def _features(self, basis: NystromBasis, distances: Tensor) -> Tensor:
        """Features in float64, then rounded: (M, n) squared distances to (n, k), a transposed (k, n)."""
        n, k = distances.shape[1], basis.n_directions
        kernel = self._workspace("kernel", len(distances), n, torch.float64)
        product = self._workspace("product", k, n, torch.float64)
        rounded = self._workspace("features", k, n, self.dtype)
        torch.mul(distances, -0.5 / basis.width**2, out=kernel).exp_()
        torch.mm(basis.projection.T, kernel, out=product)
        return rounded.copy_(product).to(self.device).T

    def _factor(self, features: Tensor, weight: Tensor, ridge: float) -> Tensor:
        """Cholesky factor of the toy's Hessian at f = 0."""
        weighted = self._workspace("weighted", features.shape[1], features.shape[0], features.dtype).to(features.device)
        torch.mul(features.T, 0.25 * weight, out=weighted)
        hessian = (weighted @ features).to(self._precise)
        hessian.diagonal().add_(ridge)
        factor: Tensor = torch.linalg.cholesky(hessian)
        return factor

    def _workspace(self, purpose: str, n: int, k: int, dtype: torch.dtype) -> Tensor:
        # Each thread writes into memory of its own, again and again: new pages cost more than what is put into them.
        held: Tensor | None = getattr(self._threads, purpose, None)
        if held is None or held.numel() < n * k:
            held = torch.empty(n * k, dtype=dtype)
            setattr(self._threads, purpose, held)
        return held[: n * k].view(n, k)


def _finish(rows: KernelRows, reference: Tensor, data: Tensor, ridge: float) -> float:
    try:
        result = newton(rows, reference, data, ridge)
    except FloatingPointError:
        return float("nan")
    return result.t if result.converged else float("nan")
