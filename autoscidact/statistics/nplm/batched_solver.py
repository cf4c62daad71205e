"""`solver: batched`: the toys of a batch together, with centres that all toys share."""

import threading

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autoscidact.statistics.nplm.asimov import Asimov, asimov
from autoscidact.statistics.nplm.basis import NystromBasis, nystrom_basis
from autoscidact.statistics.nplm.batch import Block, fit_batch
from autoscidact.statistics.nplm.memory import MemoryPlan, plan_memory
from autoscidact.statistics.nplm.newton import newton
from autoscidact.statistics.nplm.problem import Problem, rows_of, toy_weights
from autoscidact.statistics.nplm.rows import KernelRows, OwnRows, Rows, SharedRows
from autoscidact.statistics.resources import Resources
from autoscidact.toys.sampler import ToyBatch

DECREMENT = 1e-8
"""Newton decrement below which a fit has converged. It must be this small because t can move where the objective
hardly does: on 1024 toys at six widths |t - t_exact| was at most 0.16 of 0.02 + 1e-4 t, and 1.4 of it at 2e-7."""
MAX_ITERATIONS = 80
DENSE_POOL = 4
"""Where R is drawn anew, products run over the whole pool if it has at most this times |R| + |D| events:
one matrix product for all toys is faster than a smaller one for each."""


class BatchedSolver:
    """Quasi-Newton in batches from the Asimov solution; what does not converge is finished by full Newton.

    Attributes:
        plan: what is stored, computed and streamed.
        report: how many fits there were, how many full Newton had to finish, how many failed.
    """

    def __init__(self, problem: Problem, resources: Resources, dtype: torch.dtype = torch.float32) -> None:
        if problem.centers is None:
            raise ValueError("BatchedSolver needs centres that all toys share")
        self.problem, self.dtype, self.device = problem, dtype, torch.device(resources.device)
        # Apple's devices have no float64; their coefficients are then as precise as their features.
        self._precise = torch.float32 if self.device.type == "mps" else torch.float64
        self.report = {"fits": 0, "finished by full Newton": 0, "failed": 0}
        self._lock, self._threads = threading.Lock(), threading.local()
        self._asimov: dict[float, list[Asimov]] = {}
        pools, shared = problem.pools, problem.points[torch.from_numpy(problem.centers)]
        self.bases = [nystrom_basis(shared, w, problem.jitter, problem.basis_tolerance) for w in problem.widths]
        self._resampled = pools.resampled
        n_toy = problem.n_ref + problem.n_data
        self._dense = pools.resampled and len(pools.background) <= DENSE_POOL * n_toy
        # With one matrix product for the whole pool, only the signal is a toy's own.
        n_own = problem.n_data // 4 if self._dense else n_toy if pools.resampled else problem.n_data
        self.plan: MemoryPlan = plan_memory(
            n_pool=len(problem.points),
            n_reference=0 if pools.resampled else problem.n_ref,
            n_own=n_own,
            n_shared=len(pools.background) if self._dense else 0,
            n_centers=problem.n_centers,
            directions=[basis.n_directions for basis in self.bases],
            itemsize=torch.empty(0, dtype=dtype).element_size(),
            resources=resources,
        )
        self._stored: list[Tensor | None] = []
        self._reference: list[Tensor | None] = []
        fixed = None if pools.resampled else torch.from_numpy(pools.reference)
        for basis, layout in zip(self.bases, self.plan.layouts, strict=True):
            stored = self._features(basis, problem.points) if layout == "stored" else None
            self._stored.append(stored)
            if fixed is None or layout == "streamed":
                self._reference.append(None)
            elif stored is not None:
                self._reference.append(stored[fixed.to(self.device)])
            else:
                self._reference.append(self._features(basis, problem.points[fixed]))

    def evaluate(self, toys: ToyBatch) -> NDArray[np.float64]:
        """t of shape (toys, widths); NaN where a fit failed."""
        starts = self._starts(toys.f_s)
        columns = []
        for width, layout in enumerate(self.plan.layouts):
            if layout == "streamed":
                single = [self._fit(toys.take([i]), width, starts[width]) for i in range(len(toys))]
                columns.append(np.concatenate(single))
            else:
                columns.append(self._fit(toys, width, starts[width]))
        return np.stack(columns, axis=1)

    def _starts(self, f_s: float) -> list[Asimov]:
        with self._lock:
            if f_s not in self._asimov:
                self._asimov[f_s] = [asimov(self.problem, basis, f_s) for basis in self.bases]
            return self._asimov[f_s]

    def _fit(self, toys: ToyBatch, width: int, start: Asimov) -> NDArray[np.float64]:
        problem = self.problem
        ridge = torch.tensor([problem.ridge(len(d)) for d in toys.data], dtype=self._precise, device=self.device)
        factor, beta = (x.to(self.device, self._precise) for x in (start.factor, start.beta))
        result = fit_batch(self._blocks(toys, width), ridge, factor, beta, DECREMENT, MAX_ITERATIONS)
        t = result.t.double().cpu().numpy().copy()
        missing = np.flatnonzero(~result.converged.cpu().numpy())
        for place in missing:
            t[place] = self._finish(toys, int(place), width)
        with self._lock:
            self.report["fits"] += len(t)
            self.report["finished by full Newton"] += len(missing)
            self.report["failed"] += int(np.isnan(t).sum())
        return t

    def _blocks(self, toys: ToyBatch, width: int) -> list[Block]:
        weight = self.problem.reference_weight
        if self.plan.layouts[width] == "streamed":
            streamed = self._streamed(toys.reference_of(0), width)
            return [Block(streamed, weight, 0.0), Block(self._streamed(toys.data[0], width), 1.0, 1.0)]
        if self._dense and self._stored[width] is not None:
            return self._dense_blocks(toys, width)
        stored = self._reference[width]
        if stored is not None:
            reference = Block(SharedRows(stored), weight, 0.0)
        else:
            reference = Block(OwnRows(self._own(torch.from_numpy(toys.reference), width, "reference")), weight, 0.0)
        return [reference, self._own_data(toys.data, width)]

    def _dense_blocks(self, toys: ToyBatch, width: int) -> list[Block]:
        """R and D of each toy as weights on the whole background pool; apart, its data from elsewhere."""
        pools, n_toys = self.problem.pools, len(toys)
        place = np.full(len(pools.points), -1)
        place[pools.background] = np.arange(len(pools.background))
        total, data = torch.zeros(2, n_toys, len(pools.background), dtype=self.dtype)
        # Signal, observed events and those of alternative samples.
        apart = tuple(d[place[d] < 0] for d in toys.data)
        for toy, d in enumerate(toys.data):
            rows = torch.from_numpy(place[d[place[d] >= 0]])
            data[toy].index_add_(0, rows, torch.ones(len(rows), dtype=self.dtype))
            rows = torch.from_numpy(place[toys.reference_of(toy)])
            total[toy].index_add_(0, rows, torch.full((len(rows),), self.problem.reference_weight, dtype=self.dtype))
        total += data
        stored = self._stored[width]
        assert stored is not None
        # A pool is background followed by signal nearly always; then this is a view and costs nothing.
        last = int(pools.background[-1]) + 1
        contiguous = len(pools.background) == last
        features = stored[:last] if contiguous else stored[torch.from_numpy(pools.background).to(self.device)]
        blocks = [Block(SharedRows(features), total.to(self.device), data.to(self.device))]
        if any(map(len, apart)):
            blocks.append(self._own_data(apart, width))
        return blocks

    def _own_data(self, data: tuple[NDArray[np.int64], ...], width: int) -> Block:
        rows, weight = _padded(data)
        weights = weight.to(self.device, self.dtype)
        return Block(OwnRows(self._own(rows, width, "data")), weights, weights)

    def _own(self, rows: Tensor, width: int, purpose: str) -> Tensor:
        """Features at (T, m) rows, (T, m, k): gathered where they are stored, else computed."""
        flat, stored = rows.reshape(-1), self._stored[width]
        if stored is not None:
            features = self._workspace(purpose, len(flat), stored.shape[1])
            torch.index_select(stored, 0, flat.to(self.device), out=features)
        else:
            features = self._features(self.bases[width], self.problem.points[flat])
        return features.view(*rows.shape, -1)

    def _workspace(self, purpose: str, n: int, k: int) -> Tensor:
        # Each thread gathers into memory of its own, again and again: new pages cost more than what is put into them.
        held: Tensor | None = getattr(self._threads, purpose, None)
        if held is None or held.numel() < n * k:
            held = torch.empty(n * k, dtype=self.dtype, device=self.device)
            setattr(self._threads, purpose, held)
        return held[: n * k].view(n, k)

    def _features(self, basis: NystromBasis, points: Tensor) -> Tensor:
        # Whitening divides by small eigenvalues: computed in float64, and only then rounded.
        features = torch.empty(len(points), basis.n_directions, dtype=self.dtype)
        for start in range(0, len(points), self.plan.chunk):
            rows = slice(start, start + self.plan.chunk)
            features[rows] = basis.features(points[rows]).to(self.dtype)
        return features.to(self.device)

    def _streamed(self, rows: NDArray[np.int64], width: int) -> Rows:
        basis = self.bases[width]
        points = self.problem.points[torch.from_numpy(rows)].to(self.device)
        return KernelRows(points, basis.to(self.device), self.plan.chunk)

    def _finish(self, toys: ToyBatch, place: int, width: int) -> float:
        problem, n_data = self.problem, len(toys.data[place])
        rows = KernelRows(problem.points[rows_of(toys, place)], self.bases[width], self.plan.chunk)
        reference, data = toy_weights(problem.n_ref, n_data, problem.reference_weight)
        try:
            result = newton(rows, reference, data, problem.ridge(n_data))
        except FloatingPointError:
            return float("nan")
        return result.t if result.converged else float("nan")


def _padded(data: tuple[NDArray[np.int64], ...]) -> tuple[Tensor, Tensor]:
    """Rows of unequal length as (T, m) with weights (T, m), 0 in the padding."""
    longest = max(map(len, data))
    rows, weight = np.zeros((len(data), longest), dtype=np.int64), np.zeros((len(data), longest))
    for i, d in enumerate(data):
        rows[i, : len(d)] = d
        weight[i, : len(d)] = 1.0
    return torch.from_numpy(rows), torch.from_numpy(weight)
