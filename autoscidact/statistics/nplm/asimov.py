"""The Asimov data set: toys replaced by their expectation, where the batched solver starts from."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from autoscidact.errors import UserError
from autoscidact.statistics.nplm.basis import NystromBasis
from autoscidact.statistics.nplm.newton import newton
from autoscidact.statistics.nplm.problem import Problem
from autoscidact.statistics.nplm.rows import KernelRows

STORED_NUMBERS = 20_000_000
SAMPLE = 20000
"""Pool events that stand for the expectation: the start need only be close to each toy's solution."""


@dataclass(frozen=True)
class Asimov:
    """Attributes:
    beta: (k,) float64 solution for the expected data (Cowan et al. 2011, Sec. 3.2, for the name).
    factor: (k, k) lower Cholesky factor of the Hessian there, times n.
    """

    beta: Tensor
    factor: Tensor


def asimov(problem: Problem, basis: NystromBasis, f_s: float) -> Asimov:
    """Solves NPLM for the expected content of the toys at this signal fraction.

    Every toy's own minimum is unique and is iterated to, so that this choice decides how
    fast a fit is and not what it gives. It depends on the pools and f_s alone.

    Raises:
        UserError: the problem has no finite solution in float64.
    """
    pools, rng = problem.pools, np.random.default_rng(0)
    n_signal = f_s * problem.n_data
    reference_rows = _sample(rng, pools.reference)
    parts = [
        (reference_rows, problem.n_data / len(reference_rows), 0.0),
        *_data_part(_sample(rng, pools.background), float(problem.n_data)),
        *_data_part(_sample(rng, pools.signal), n_signal),
    ]
    rows = np.concatenate([rows for rows, _, _ in parts])
    reference = np.concatenate([np.full(len(rows), r) for rows, r, _ in parts])
    data = np.concatenate([np.full(len(rows), d) for rows, _, d in parts])
    points = problem.points[torch.from_numpy(rows)]
    # Stored while they are small: each Newton step needs them.
    stored = len(rows) * basis.n_directions <= STORED_NUMBERS
    phi = basis.features(points) if stored else KernelRows(points, basis, 4096)
    ridge = problem.penalty * (problem.n_ref + problem.n_data + n_signal)
    try:
        result = newton(phi, torch.from_numpy(reference), torch.from_numpy(data), ridge)
    except FloatingPointError as error:
        raise UserError(
            f"nplm: kernel width {basis.width:g} cannot be fitted at f_s={f_s:g} ({error}); raise nplm.penalty, "
            "or leave this width out"
        ) from error
    return Asimov(result.beta, torch.linalg.cholesky(result.hessian))


def _sample(rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
    return rows if len(rows) <= SAMPLE else rng.choice(rows, SAMPLE, replace=False)


def _data_part(rows: np.ndarray, total: float) -> list[tuple[np.ndarray, float, float]]:
    return [(rows, 0.0, total / len(rows))] if len(rows) and total > 0 else []
