"""`solver: falkon`: the same fits by the Falkon library, where its user has installed it."""

import contextlib
import importlib
import io
import threading
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autoscidact.errors import UserError
from autoscidact.statistics.nplm.memory import FLOAT64, MemoryPlan, plan_memory
from autoscidact.statistics.nplm.problem import Problem
from autoscidact.statistics.resources import Resources
from autoscidact.toys.sampler import ToyBatch

INSTRUCTIONS = "https://github.com/FalkonML/falkon"
CONVERGED_STEPS = 12
"""Newton steps that stand for convergence: Falkon has no test of its own and takes as many as it is told."""
CG_TOLERANCE = 1e-7


def import_falkon() -> Any:
    """The falkon module.

    Raises:
        UserError: it is not installed, or does not import beside this torch.
    """
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            return importlib.import_module("falkon")
    except Exception as error:
        raise UserError(
            f"statistic.nplm.solver=falkon needs Falkon, which does not import here ({error}); "
            f"install it as {INSTRUCTIONS} says, or use the default solver"
        ) from error


def falkon_fit(
    events: Tensor,
    is_data: Tensor,
    centers: Tensor,
    center_is_data: Tensor,
    width: float,
    penalty: float,
    reference_weight: float,
    newton_steps: int,
    cg_tolerance: float = CG_TOLERANCE,
) -> NDArray[np.float64]:
    """f at the events, (n,), from LogisticFalkon with one Newton step for each repetition of the penalty.

    Args:
        events: (n, d) float64, R and D. is_data: (n,) which of them are D.
        centers: (M, d). center_is_data: (M,), used by Falkon's preconditioner only.
    """
    falkon = import_falkon()
    options = falkon.FalkonOptions(use_cpu=True, keops_active="no", cg_tolerance=cg_tolerance)
    kernel = falkon.kernels.GaussianKernel(sigma=float(width), opt=options)
    model = falkon.LogisticFalkon(
        kernel=kernel,
        penalty_list=[penalty] * newton_steps,
        iter_list=[1_000_000] * newton_steps,
        loss=falkon.gsc_losses.WeightedCrossEntropyLoss(kernel, neg_weight=float(reference_weight), opt=options),
        M=len(centers),
        center_selection=falkon.center_selection.FixedSelector(
            centers=centers, y_centers=center_is_data.double()[:, None]
        ),
        seed=0,
        options=options,
    )
    # Falkon prints a line for every step and has no switch for it.
    with contextlib.redirect_stdout(io.StringIO()):
        model.fit(events, is_data.double()[:, None])
    return np.asarray(model.predict(events).reshape(-1).numpy(), dtype=np.float64)


class FalkonSolver:
    """Fits each toy and width with LogisticFalkon, one after the other, in float64 on the CPU."""

    def __init__(self, problem: Problem, resources: Resources) -> None:
        import_falkon()
        if problem.basis_tolerance is not None:
            raise UserError("statistic.nplm.solver=falkon keeps the full basis: set nplm.basis_tolerance=null")
        if resources.device != "cpu":
            raise UserError(
                f"statistic.nplm.solver=falkon runs on the CPU here: set device=cpu, not {resources.device}"
            )
        self.problem = problem
        self.report = {"fits": 0, "failed": 0}
        # Falkon's threads and its captured output are of the whole process.
        self._lock = threading.Lock()
        self.plan: MemoryPlan = plan_memory(
            n_pool=0,
            n_reference=0,
            n_own=problem.n_ref + problem.n_data,
            n_centers=problem.n_centers,
            directions=[2 * problem.n_centers],
            itemsize=FLOAT64,
            resources=resources,
            largest_batch=1,
        )

    def evaluate(self, toys: ToyBatch) -> NDArray[np.float64]:
        """t of shape (toys, widths); NaN where a fit failed."""
        widths = range(len(self.problem.widths))
        with self._lock:
            t = np.array([[self._fit(toys, place, width) for width in widths] for place in range(len(toys))])
            self.report["fits"] += t.size
            self.report["failed"] += int(np.isnan(t).sum())
        return t

    def _fit(self, toys: ToyBatch, place: int, width: int) -> float:
        problem = self.problem
        rows = np.concatenate([toys.reference_of(place), toys.data[place]])
        centers = problem.center_rows(toys, place)
        is_data = np.arange(len(rows)) >= problem.n_ref
        try:
            f = falkon_fit(
                problem.points[torch.from_numpy(rows)],
                torch.from_numpy(is_data),
                problem.points[torch.from_numpy(centers)],
                torch.from_numpy(np.isin(centers, toys.data[place])),
                problem.widths[width],
                problem.penalty,
                problem.reference_weight,
                problem.newton_steps or CONVERGED_STEPS,
            )
        except RuntimeError:
            return float("nan")
        t = -2.0 * (problem.reference_weight * np.expm1(f[~is_data]).sum() - f[is_data].sum())
        return float(t) if np.isfinite(t) else float("nan")
