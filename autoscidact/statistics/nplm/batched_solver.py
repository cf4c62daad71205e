"""`solver: batched`: the toys of a batch together, in products of pool features computed once."""

import threading

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autoscidact.statistics.nplm.asimov import Asimov, asimov
from autoscidact.statistics.nplm.basis import nystrom_basis
from autoscidact.statistics.nplm.batch import Block, fit_batch
from autoscidact.statistics.nplm.newton import newton
from autoscidact.statistics.nplm.problem import Problem, rows_of, toy_weights
from autoscidact.toys.sampler import ToyBatch

DECREMENT = 1e-6
"""Newton decrement below which a fit has converged: |t - t_exact| then stays below 0.02 + 1e-4 t."""
MAX_ITERATIONS = 80


class BatchedSolver:
    """Quasi-Newton in batches from the Asimov solution; what does not converge is finished by full Newton.

    Attributes:
        report: how many fits there were, how many full Newton had to finish, how many failed.
    """

    def __init__(self, problem: Problem, dtype: torch.dtype = torch.float32) -> None:
        self.problem = problem
        self.dtype = dtype
        self.report = {"fits": 0, "finished by full Newton": 0, "failed": 0}
        self._lock = threading.Lock()
        self._asimov: dict[float, list[Asimov]] = {}
        self._features: list[Tensor] = []
        self._projections = []
        assert problem.centers is not None
        shared = problem.points[torch.from_numpy(problem.centers)]
        for width in problem.widths:
            basis = nystrom_basis(shared, width, problem.jitter, problem.basis_tolerance)
            self._projections.append(basis)
            # Whitening divides by small eigenvalues: computed in float64, and only then rounded.
            self._features.append(basis.features(problem.points).to(dtype))

    def evaluate(self, toys: ToyBatch) -> NDArray[np.float64]:
        """t of shape (toys, widths); NaN where a fit failed."""
        starts = self._starts(toys.f_s)
        return np.stack([self._fit(toys, w, starts[w]) for w in range(len(self.problem.widths))], axis=1)

    def _starts(self, f_s: float) -> list[Asimov]:
        with self._lock:
            if f_s not in self._asimov:
                self._asimov[f_s] = [asimov(self.problem, basis, f_s) for basis in self._projections]
            return self._asimov[f_s]

    def _fit(self, toys: ToyBatch, width: int, start: Asimov) -> NDArray[np.float64]:
        problem, features = self.problem, self._features[width]
        rows, weight = _padded(toys.data)
        data = Block(_gather(features, rows), weight.to(self.dtype), is_data=True)
        if len(toys.reference) == 1:
            reference = Block(features[torch.from_numpy(toys.reference[0])], problem.reference_weight, is_data=False)
        else:
            own = _gather(features, torch.from_numpy(toys.reference))
            reference = Block(own, problem.reference_weight, is_data=False)
        ridge = torch.tensor([problem.ridge(len(d)) for d in toys.data], dtype=torch.float64)
        result = fit_batch([reference, data], ridge, start.factor, start.beta, DECREMENT, MAX_ITERATIONS)
        t = result.t.numpy().copy()
        missing = np.flatnonzero(~result.converged.numpy())
        for place in missing:
            t[place] = self._finish(toys, int(place), width)
        with self._lock:
            self.report["fits"] += len(t)
            self.report["finished by full Newton"] += len(missing)
            self.report["failed"] += int(np.isnan(t).sum())
        return t

    def _finish(self, toys: ToyBatch, place: int, width: int) -> float:
        problem, n_data = self.problem, len(toys.data[place])
        phi = self._projections[width].features(problem.points[rows_of(toys, place)])
        reference, data = toy_weights(problem.n_ref, n_data, problem.reference_weight)
        try:
            result = newton(phi, reference, data, problem.ridge(n_data))
        except FloatingPointError:
            return float("nan")
        return result.t if result.converged else float("nan")


def _gather(features: Tensor, rows: Tensor) -> Tensor:
    """(n, k) features at (T, m) rows, to (T, m, k)."""
    return features.index_select(0, rows.reshape(-1)).view(*rows.shape, -1)


def _padded(data: tuple[NDArray[np.int64], ...]) -> tuple[Tensor, Tensor]:
    """Rows of unequal length as (T, m) with weights (T, m), 0 in the padding."""
    longest = max(map(len, data))
    rows, weight = np.zeros((len(data), longest), dtype=np.int64), np.zeros((len(data), longest))
    for i, d in enumerate(data):
        rows[i, : len(d)] = d
        weight[i, : len(d)] = 1.0
    return torch.from_numpy(rows), torch.from_numpy(weight)
