"""`solver: newton`: every toy by full Newton steps in float64, one after the other. The yardstick."""

import threading

import numpy as np
import torch
from numpy.typing import NDArray

from autoscidact.statistics.nplm.basis import nystrom_basis
from autoscidact.statistics.nplm.memory import FLOAT64, MemoryPlan, plan_memory
from autoscidact.statistics.nplm.newton import newton
from autoscidact.statistics.nplm.problem import Problem, rows_of, toy_weights
from autoscidact.statistics.resources import Resources
from autoscidact.toys.sampler import ToyBatch


class NewtonSolver:
    """Fits each toy and width with `newton`; features of the pools are computed once where centres are shared."""

    def __init__(self, problem: Problem, resources: Resources) -> None:
        self.problem = problem
        self._lock = threading.Lock()
        self.report = {"fits": 0, "failed": 0}
        self._features: list[torch.Tensor] = []
        widths = len(problem.widths)
        self.plan: MemoryPlan = plan_memory(
            n_pool=len(problem.points) if problem.centers is not None else 0,
            n_reference=0,
            n_own=problem.n_ref + problem.n_data,
            n_centers=problem.n_centers,
            directions=[problem.n_centers] * widths,
            itemsize=FLOAT64,
            resources=resources,
            largest_batch=1,
        )
        self._stored = problem.centers is not None and set(self.plan.layouts) == {"stored"}
        if problem.centers is not None and self._stored:
            shared = problem.points[torch.from_numpy(problem.centers)]
            for width in problem.widths:
                basis = nystrom_basis(shared, width, problem.jitter, problem.basis_tolerance)
                self._features.append(basis.features(problem.points))

    def evaluate(self, toys: ToyBatch) -> NDArray[np.float64]:
        """t of shape (toys, widths); NaN where a fit failed."""
        widths = range(len(self.problem.widths))
        t = np.array([[self._fit(toys, place, width) for width in widths] for place in range(len(toys))])
        with self._lock:
            self.report["fits"] += t.size
            self.report["failed"] += int(np.isnan(t).sum())
        return t

    def _fit(self, toys: ToyBatch, place: int, width: int) -> float:
        problem, rows = self.problem, rows_of(toys, place)
        if self._stored:
            phi = self._features[width][rows]
        else:
            centers = problem.points[torch.from_numpy(problem.center_rows(toys, place))]
            basis = nystrom_basis(centers, problem.widths[width], problem.jitter, problem.basis_tolerance)
            phi = basis.features(problem.points[rows])
        n_data = len(toys.data[place])
        reference, data = toy_weights(problem.n_ref, n_data, problem.reference_weight)
        try:
            result = newton(phi, reference, data, problem.ridge(n_data), problem.newton_steps)
        except FloatingPointError:
            return float("nan")
        return result.t if result.converged or problem.newton_steps is not None else float("nan")
