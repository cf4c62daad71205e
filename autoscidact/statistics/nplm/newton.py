"""Full Newton steps in float64 on the weighted logistic objective: the reference solver."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

MAX_NEWTON_STEPS = 60


@dataclass(frozen=True)
class NewtonResult:
    """Attributes:
    beta: (k,) float64 coefficients in the whitened basis.
    n_steps: Newton steps taken.
    converged: the last step could move t by no more than 1e-7 (1 + t).
    """

    beta: Tensor
    n_steps: int
    converged: bool


def likelihood_ratio(f_reference: Tensor, f_data: Tensor, reference_weight: float) -> float:
    """t = -2 [w_R sum_R (e^f - 1) - sum_D f] (Eq. 8 of AutoSciDACT), summed in float64."""
    expected_excess = reference_weight * torch.expm1(f_reference.double()).sum()
    return float(-2.0 * (expected_excess - f_data.double().sum()))


def newton(
    reference: Tensor, data: Tensor, reference_weight: float, penalty: float, max_steps: int | None = None
) -> NewtonResult:
    """Minimises (1/n) [sum_R w_R log(1+e^f) + sum_D log(1+e^-f)] + (penalty/2) |beta|^2, f = phi beta.

    Eq. 7 of AutoSciDACT on Falkon's scale, n = |R| + |D|. Starting at beta = 0, so that
    `max_steps=1` is what public kernel-NPLM codes compute with one penalty in LogisticFalkon.

    Args:
        reference, data: (|R|, k) and (|D|, k) float64 features.
        reference_weight: w_R = expected |D| / |R|.
        max_steps: exactly this many plain Newton steps; None: to convergence, damped where needed.

    Raises:
        FloatingPointError: the Hessian or the logits stopped being finite.
    """
    phi = torch.cat([reference, data])
    n, k = phi.shape
    n_reference = len(reference)
    weight = phi.new_ones(n)
    weight[:n_reference] = reference_weight
    ridge = penalty * n * torch.eye(k, dtype=phi.dtype, device=phi.device)
    is_data = phi.new_zeros(n)
    is_data[n_reference:] = 1.0

    def objective(beta: Tensor, logits: Tensor) -> float:
        signs = 1.0 - 2.0 * is_data
        return float(weight @ softplus(signs * logits) + 0.5 * penalty * n * beta @ beta)

    beta = phi.new_zeros(k)
    logits = phi.new_zeros(n)
    steps, converged = 0, False
    value = objective(beta, logits)
    for steps in range(1, (max_steps or MAX_NEWTON_STEPS) + 1):
        sigmoid = torch.sigmoid(logits)
        gradient = phi.T @ (weight * (sigmoid - is_data)) + penalty * n * beta
        curvature = weight * sigmoid * (1.0 - sigmoid)
        hessian = phi.T @ (curvature[:, None] * phi) + ridge
        factor, info = torch.linalg.cholesky_ex(hessian)
        if int(info) != 0:
            raise FloatingPointError("NPLM's Hessian is not positive definite: raise nplm.penalty")
        step = -torch.cholesky_solve(gradient[:, None], factor)[:, 0]
        move = phi @ step
        if max_steps is not None:
            beta, logits = beta + step, logits + move
            continue
        slope, scale = float(gradient @ step), 1.0
        while scale > 1e-6:
            trial = objective(beta + scale * step, logits + scale * move)
            if trial <= value + 1e-4 * scale * slope + 1e-13 * abs(value):
                break
            scale /= 2.0
        change = _change_of_t(logits, scale * move, n_reference, reference_weight)
        beta, logits, value = beta + scale * step, logits + scale * move, trial
        if scale == 1.0 and abs(change) <= 1e-7 * (1.0 + abs(value)):
            converged = True
            break
    if not torch.isfinite(beta).all():
        raise FloatingPointError("NPLM's fit is not finite: the features or the penalty are out of range")
    return NewtonResult(beta, steps, converged)


def _change_of_t(logits: Tensor, move: Tensor, n_reference: int, reference_weight: float) -> float:
    before = likelihood_ratio(logits[:n_reference], logits[n_reference:], reference_weight)
    after = logits + move
    return likelihood_ratio(after[:n_reference], after[n_reference:], reference_weight) - before
