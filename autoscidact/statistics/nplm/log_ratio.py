"""Which events make up a toy's t: the log density ratio that its fit gives to any events of the pools."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autoscidact.statistics.nplm.asimov import STORED_NUMBERS
from autoscidact.statistics.nplm.basis import NystromBasis, nystrom_basis
from autoscidact.statistics.nplm.newton import newton
from autoscidact.statistics.nplm.problem import Problem, rows_of, toy_weights
from autoscidact.statistics.nplm.rows import KernelRows
from autoscidact.toys.sampler import ToyBatch

CHUNK = 4096
"""Events whose features are held at once, where they are not stored."""


def log_ratio(problem: Problem, toys: ToyBatch, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """f_w(x) of one toy (Eq. 5 of AutoSciDACT): log of the density of its data over that of its R.

    Fitted anew by full Newton steps in float64, whichever solver gives t: for one toy that costs little, and they
    find the same minimum (t of the batched one agrees within 0.02 + 1e-4 t, that of Falkon within 0.05 %). The
    t that is recomputed from these f by Eq. 8 is that of `NPLM.evaluate` as closely.

    Args:
        toys: a batch of one toy.
        rows: (n,) events of the pools, in R, in the data or in neither.

    Returns:
        (widths, n); NaN at a width whose fit failed.

    Raises:
        ValueError: not exactly one toy, or its R has not |R| events.
    """
    if len(toys) != 1:
        raise ValueError(f"the log density ratio is that of one toy, not of {len(toys)}")
    if len(toys.reference_of(0)) != problem.n_ref:
        raise ValueError(f"the toy's R holds {len(toys.reference_of(0))} events, not |R|={problem.n_ref}")
    centers = problem.points[torch.from_numpy(problem.center_rows(toys, 0))]
    bases = [nystrom_basis(centers, width, problem.jitter, problem.basis_tolerance) for width in problem.widths]
    return np.stack([_values(problem, basis, _coefficients(problem, basis, toys), rows) for basis in bases])


def _coefficients(problem: Problem, basis: NystromBasis, toys: ToyBatch) -> Tensor:
    """(k,) beta; NaN where the fit failed."""
    points, n_data = problem.points[rows_of(toys, 0)], len(toys.data[0])
    # Stored while they are small: each Newton step needs them.
    stored = len(points) * basis.n_directions <= STORED_NUMBERS
    phi = basis.features(points) if stored else KernelRows(points, basis, CHUNK)
    reference, data = toy_weights(problem.n_ref, n_data, problem.reference_weight)
    failed = torch.full((basis.n_directions,), torch.nan, dtype=torch.float64)
    try:
        result = newton(phi, reference, data, problem.ridge(n_data), problem.newton_steps)
    except FloatingPointError:
        return failed
    return result.beta if result.converged or problem.newton_steps is not None else failed


def _values(problem: Problem, basis: NystromBasis, beta: Tensor, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    values = torch.empty(len(rows), dtype=torch.float64)
    for start in range(0, len(rows), CHUNK):
        part = slice(start, start + CHUNK)
        values[part] = basis.features(problem.points[torch.from_numpy(rows[part])]) @ beta
    return values.numpy()
