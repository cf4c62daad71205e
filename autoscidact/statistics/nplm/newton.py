"""Full Newton steps in float64 on the weighted logistic objective: the reference solver."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

MAX_NEWTON_STEPS = 60
ROWS_AT_ONCE = 65536
"""Rows whose weighted copy is held while the Hessian is summed."""


@dataclass(frozen=True)
class NewtonResult:
    """A minimum of the objective.

    Attributes:
        beta: (k,) float64 coefficients in the whitened basis.
        t: likelihood-ratio statistic there.
        hessian: (k, k) of the objective times n, at the last point it was computed.
        n_steps: Newton steps taken.
        converged: the last step moved t by no more than 1e-7 of the objective's scale.
    """

    beta: Tensor
    t: float
    hessian: Tensor
    n_steps: int
    converged: bool


def likelihood_ratio(logits: Tensor, reference: Tensor, data: Tensor) -> float:
    """t = -2 [sum_R w (e^f - 1) - sum_D f] (Eq. 8 of AutoSciDACT), summed in float64.

    Args:
        logits: (n,) f. reference, data: (n,) how much each event counts in R (w_R where it
            belongs to R, else 0) and in D.
    """
    f = logits.double()
    return float(-2.0 * (reference.double() @ torch.expm1(f) - data.double() @ f))


def newton(phi: Tensor, reference: Tensor, data: Tensor, ridge: float, max_steps: int | None = None) -> NewtonResult:
    """Minimises sum_i [r_i log(1+e^f_i) + d_i log(1+e^-f_i)] + (ridge/2) |beta|^2 with f = phi beta.

    This is n times Eq. 7 of AutoSciDACT on Falkon's scale when r = w_R on R, d = 1 on D and
    ridge = n lambda, n = |R| + |D|. It starts at beta = 0, so that `max_steps=1` is what
    public kernel-NPLM codes compute with one penalty in LogisticFalkon.

    Args:
        phi: (n, k) float64 features.
        reference, data: (n,) float64 weights r and d, not negative.
        max_steps: exactly this many plain Newton steps; None: to convergence, damped where needed.

    Raises:
        FloatingPointError: the Hessian or the solution is not finite or not positive definite.
    """
    n, k = phi.shape
    weight = reference + data
    beta, logits = phi.new_zeros(k), phi.new_zeros(n)
    identity = torch.eye(k, dtype=phi.dtype, device=phi.device)

    def objective(beta: Tensor, logits: Tensor) -> float:
        return float(reference @ softplus(logits) + data @ softplus(-logits) + 0.5 * ridge * beta @ beta)

    value, n_steps, converged = objective(beta, logits), 0, False
    hessian = identity
    while n_steps < (max_steps or MAX_NEWTON_STEPS) and not converged:
        n_steps += 1
        sigmoid = torch.sigmoid(logits)
        gradient = phi.T @ (weight * sigmoid - data) + ridge * beta
        hessian = weighted_gram(phi, weight * sigmoid * (1.0 - sigmoid)) + ridge * identity
        factor, info = torch.linalg.cholesky_ex(hessian)
        if int(info) != 0:
            raise FloatingPointError("NPLM's Hessian is not positive definite: raise nplm.penalty")
        step = -torch.cholesky_solve(gradient[:, None], factor)[:, 0]
        move = phi @ step
        if max_steps is not None:
            beta, logits = beta + step, logits + move
            continue
        slope, scale = float(gradient @ step), 1.0
        while True:
            trial = objective(beta + scale * step, logits + scale * move)
            if trial <= value + 1e-4 * scale * slope + 1e-13 * abs(value) or scale < 1e-6:
                break
            scale /= 2.0
        before = likelihood_ratio(logits, reference, data)
        beta, logits, value = beta + scale * step, logits + scale * move, trial
        change = abs(likelihood_ratio(logits, reference, data) - before)
        converged = scale == 1.0 and change <= 1e-7 * (1.0 + abs(before))
    if not torch.isfinite(beta).all():
        raise FloatingPointError("NPLM's fit is not finite: the features or the penalty are out of range")
    return NewtonResult(beta, likelihood_ratio(logits, reference, data), hessian, n_steps, converged)


def weighted_gram(phi: Tensor, weight: Tensor) -> Tensor:
    """phi^T diag(weight) phi, (n, k) and (n,) to (k, k), a block of rows at a time."""
    gram = phi.new_zeros(phi.shape[1], phi.shape[1])
    for start in range(0, len(phi), ROWS_AT_ONCE):
        rows = phi[start : start + ROWS_AT_ONCE]
        gram.addmm_(rows.T, weight[start : start + ROWS_AT_ONCE, None] * rows)
    return gram
