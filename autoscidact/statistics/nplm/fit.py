"""One NPLM fit, for anyone with two arrays: the public functional interface."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from autoscidact.errors import UserError
from autoscidact.statistics.nplm.basis import FALKON_JITTER, NystromBasis, nystrom_basis
from autoscidact.statistics.nplm.newton import newton


@dataclass(frozen=True)
class NPLMFit:
    """A fitted log density ratio.

    Attributes:
        t: the likelihood-ratio statistic (Eq. 8); larger is more anomalous.
        n_steps: Newton steps taken.
        converged: whether the fit has converged (always False when `newton_steps` was given).
        basis: the whitened Nystrom basis.
        beta: (k,) coefficients in it.
    """

    t: float
    n_steps: int
    converged: bool
    basis: NystromBasis
    beta: NDArray[np.float64]

    def log_ratio(self, x: ArrayLike) -> NDArray[np.float64]:
        """f_w(x) = log of data density over reference density (Eq. 5), (n, d) to (n,)."""
        points = _points("x", x)
        return (self.basis.features(points) @ torch.as_tensor(self.beta)).numpy()


def fit(
    reference: ArrayLike,
    data: ArrayLike,
    *,
    width: float,
    centers: int | ArrayLike,
    penalty: float = 1e-6,
    expected: float | None = None,
    newton_steps: int | None = None,
    seed: int = 0,
    jitter: float = FALKON_JITTER,
    basis_tolerance: float | None = None,
) -> NPLMFit:
    """Fits NPLM (Sec. 3.2 of AutoSciDACT; Letizia et al. 2022) in float64 on the CPU.

    Args:
        reference: (|R|, d) events of the reference, usually standardised.
        data: (|D|, d) observed events, in the same units.
        width: kernel width sigma of exp(-d^2 / 2 sigma^2).
        centers: how many Nystrom centres to draw from reference and data together
            (about sqrt(|R| + |D|)), or the centres themselves, (M, d).
        penalty: ridge penalty lambda on Falkon's scale.
        expected: expected number of data events without novelty; |D| when None.
        newton_steps: None converges; 1 is what other public codes do.
        seed: for drawing centres.
        jitter, basis_tolerance: definition of the basis, see `nystrom_basis`.

    Raises:
        UserError: arrays of the wrong shape, not finite, or more centres than events.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> result = fit(rng.normal(size=(1000, 2)), rng.normal(size=(200, 2)), width=1.0, centers=30)
        >>> result.converged
        True
    """
    r, d = _points("reference", reference), _points("data", data)
    if r.shape[1] != d.shape[1]:
        raise UserError(f"nplm.fit: reference has {r.shape[1]} dimensions, data {d.shape[1]}; they must agree")
    if newton_steps is not None and newton_steps < 1:
        raise UserError(f"nplm.fit: newton_steps must be at least 1, not {newton_steps}; None converges")
    if not penalty > 0:
        raise UserError(f"nplm.fit: penalty must be positive, not {penalty}")
    if isinstance(centers, int | np.integer):
        c = draw_centers(torch.cat([r, d]), int(centers), seed)
    else:
        c = _points("centers", centers)
        if c.shape[1] != r.shape[1]:
            raise UserError(f"nplm.fit: centers have {c.shape[1]} dimensions, the events {r.shape[1]}")
    weight = (len(d) if expected is None else float(expected)) / len(r)
    basis = nystrom_basis(c, width, jitter, basis_tolerance)
    is_data = torch.cat([torch.zeros(len(r)), torch.ones(len(d))]).double()
    phi = basis.features(torch.cat([r, d]))
    result = newton(phi, weight * (1.0 - is_data), is_data, penalty * len(phi), newton_steps)
    return NPLMFit(result.t, result.n_steps, result.converged, basis, result.beta.numpy())


def draw_centers(points: torch.Tensor, n_centers: int, seed: int | np.random.SeedSequence) -> torch.Tensor:
    """Draws Nystrom centres uniformly from the points, without replacement.

    Raises:
        UserError: fewer points than centres.
    """
    if not 1 <= n_centers <= len(points):
        raise UserError(f"nplm.n_centers={n_centers}: choose between 1 and the {len(points)} events there are")
    index = np.random.default_rng(seed).choice(len(points), n_centers, replace=False)
    return points[torch.as_tensor(index)]


def _points(name: str, values: ArrayLike) -> torch.Tensor:
    array = np.array(values, dtype=np.float64)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or not len(array):
        raise UserError(f"nplm.fit: {name} must have shape (events, dimensions), not {array.shape}")
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).any(axis=1).sum())
        raise UserError(f"nplm.fit: {name} has NaN or infinite values in {bad} of {len(array)} events; remove them")
    return torch.from_numpy(array)
