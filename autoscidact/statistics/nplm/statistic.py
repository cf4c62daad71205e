"""NPLM as a `Statistic`: one variant for each kernel width."""

import math
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from autoscidact.errors import UserError
from autoscidact.statistics.contract import AsymptoticLaw
from autoscidact.statistics.nplm.basis import FALKON_JITTER
from autoscidact.statistics.nplm.batched_solver import BatchedSolver
from autoscidact.statistics.nplm.centers import center_count, shared_centers
from autoscidact.statistics.nplm.falkon_solver import FalkonSolver
from autoscidact.statistics.nplm.log_ratio import log_ratio
from autoscidact.statistics.nplm.memory import MemoryPlan
from autoscidact.statistics.nplm.newton_solver import NewtonSolver
from autoscidact.statistics.nplm.own_centers_solver import OwnCentersSolver
from autoscidact.statistics.nplm.problem import Problem
from autoscidact.statistics.nplm.widths import KernelWidths
from autoscidact.statistics.resources import Resources
from autoscidact.toys.pools import Pools
from autoscidact.toys.sampler import ToyBatch


class Solver(Protocol):
    """Evaluates toys of a `Problem`; `report` counts how the fits ended."""

    report: dict[str, int]
    plan: MemoryPlan

    def evaluate(self, toys: ToyBatch) -> NDArray[np.float64]: ...


class NPLM:
    """Kernel likelihood-ratio test (Sec. 3.2 of AutoSciDACT; Letizia et al. 2022, arXiv:2204.02317).

    Args:
        kernel: rule for the widths.
        n_centers: M, or "auto" for sqrt(|R| + |D|).
        penalty: ridge penalty lambda, on Falkon's scale.
        newton_steps: None converges; 1 is one Newton step, as public codes do.
        centers: "shared" by all toys (drawn from the reference), or drawn from each "toy".
        solver: "batched" (default), "newton" (float64, one toy after the other) or "falkon" (the library,
            if it is installed).
        jitter, basis_tolerance: definition of the basis, see `nystrom_basis`.
        precision: of the batched solver's features; coefficients and t are summed in float64 either way.
        name: under which results stand, where the same test runs on another embedding.
    """

    asymptotic: AsymptoticLaw = "chi2"

    def __init__(
        self,
        kernel: KernelWidths,
        n_centers: int | Literal["auto"] = "auto",
        penalty: float = 1e-6,
        newton_steps: int | None = None,
        centers: Literal["shared", "toy"] = "shared",
        solver: str = "batched",
        jitter: float = FALKON_JITTER,
        basis_tolerance: float | None = None,
        precision: Literal["float32", "float64"] = "float32",
        name: str = "nplm",
    ) -> None:
        self.name = name
        if centers not in ("shared", "toy"):
            raise UserError(f"nplm.centers={centers}: choose shared or toy")
        if not (_is_number(penalty) and penalty > 0):
            raise UserError(f"nplm.penalty={penalty} must be a positive number")
        if n_centers != "auto" and not isinstance(n_centers, int):
            raise UserError(f"nplm.n_centers={n_centers}: give a whole number, or auto for sqrt(|R|+|D|)")
        if not (_is_number(jitter) and jitter >= 0):
            raise UserError(f"nplm.jitter={jitter} must be a number of at least 0")
        if basis_tolerance is not None and not (_is_number(basis_tolerance) and 0 <= basis_tolerance < 1):
            raise UserError(f"nplm.basis_tolerance={basis_tolerance}: give null, or a number from 0 to below 1")
        if newton_steps is not None and not (isinstance(newton_steps, int) and newton_steps >= 1):
            raise UserError(f"nplm.newton_steps={newton_steps}: choose at least 1, or null to converge")
        if solver not in ("batched", "newton", "falkon"):
            raise UserError(f"statistic.nplm.solver={solver}: choose batched, newton or falkon")
        if precision not in ("float32", "float64"):
            raise UserError(f"nplm.precision={precision}: choose float32 or float64")
        self.precision = precision
        self.kernel, self.n_centers, self.penalty = kernel, n_centers, float(penalty)
        self.newton_steps, self.centers, self.solver = newton_steps, centers, solver
        self.jitter = float(jitter)
        self.basis_tolerance = None if basis_tolerance is None else float(basis_tolerance)
        self.widths: dict[str, float] = {}
        self.batch_size = 16
        self._definition: dict[str, object] = {}
        self._centers: NDArray[np.int64] | None = None
        self._problem: Problem | None = None
        self._solver: Solver | None = None

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of the widths; known after `prepare`."""
        return tuple(self.widths)

    @property
    def definition(self) -> dict[str, object]:
        """What fixes t, for the key of the toy store; known after `prepare`."""
        return self._definition

    def prepare(self, pools: Pools, n_ref: int, n_data: int, seed: int, resources: Resources | None = None) -> None:
        """Chooses widths and shared centres, and computes the features of the pools.

        Raises:
            UserError: more centres than events.
        """
        n_centers = center_count(self.n_centers, n_ref, n_data)
        available = len(pools.reference) if self.centers == "shared" else n_ref + n_data
        if not 1 <= n_centers <= available:
            raise UserError(f"nplm.n_centers={n_centers}: choose between 1 and the {available} events to draw from")
        self.widths = self.kernel.choose(pools.points[pools.reference], seed)
        shared = shared_centers(pools, n_centers, seed) if self.centers == "shared" else None
        self._centers = shared
        problem = Problem(
            pools=pools,
            points=torch.from_numpy(pools.points),
            n_ref=n_ref,
            n_data=n_data,
            widths=tuple(self.widths.values()),
            centers=shared,
            n_centers=n_centers,
            penalty=self.penalty,
            newton_steps=self.newton_steps,
            jitter=self.jitter,
            basis_tolerance=self.basis_tolerance,
            seed=seed,
        )
        self._definition = {
            "statistic": self.name,
            "widths": self.widths,
            "n_centers": n_centers,
            "centers": self.centers,
            "penalty": self.penalty,
            "newton_steps": self.newton_steps,
            "jitter": self.jitter,
            "basis_tolerance": self.basis_tolerance,
            "solver": self.solver,
            "precision": self.precision,
            "seed": seed,
        }
        self._problem = problem
        self._solver = self._make_solver(problem, resources or Resources())
        self.batch_size = self._solver.plan.batch_size

    def _make_solver(self, problem: Problem, resources: Resources) -> Solver:
        # A fixed number of plain Newton steps is what it says, and has no batched form.
        if self.solver == "falkon":
            return FalkonSolver(problem, resources)
        if self.solver == "newton" or self.newton_steps is not None:
            return NewtonSolver(problem, resources)
        dtype = {"float32": torch.float32, "float64": torch.float64}[self.precision]
        if self.centers == "toy":
            return OwnCentersSolver(problem, resources, dtype)
        return BatchedSolver(problem, resources, dtype)

    def center_rows(self) -> NDArray[np.int64]:
        """Pool rows of the centres that all toys share; known after `prepare`."""
        if self._centers is None:
            raise RuntimeError("NPLM has no shared centres before prepare, or with centers=toy")
        return self._centers

    @property
    def plan(self) -> str:
        """The memory plan, in words; known after `prepare`."""
        return str(self._solver.plan) if self._solver is not None else ""

    def evaluate(self, toys: ToyBatch) -> NDArray[np.float64]:
        """t of shape (toys, widths); NaN where a fit failed."""
        if self._solver is None:
            raise RuntimeError("NPLM.evaluate was called before NPLM.prepare")
        return self._solver.evaluate(toys)

    def log_ratio(self, toys: ToyBatch, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """f_w(x) of the fit to one toy at events of the pools, (widths, n); see `nplm.log_ratio`."""
        if self._problem is None:
            raise RuntimeError("NPLM.log_ratio was called before NPLM.prepare")
        return log_ratio(self._problem, toys, rows)

    def solver_report(self) -> dict[str, int]:
        """How the fits so far ended, for the run's summary."""
        return dict(self._solver.report) if self._solver is not None else {}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
