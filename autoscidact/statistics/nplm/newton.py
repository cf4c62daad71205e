"""Full Newton steps in float64 on the weighted logistic objective: the reference solver."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from autoscidact.statistics.nplm.rows import Rows, SharedRows

MAX_NEWTON_STEPS = 60


@dataclass(frozen=True)
class NewtonResult:
    """A minimum of the objective.

    Attributes:
        beta: (k,) float64 coefficients in the whitened basis.
        t: likelihood-ratio statistic there.
        hessian: (k, k) of the objective times n, at the last point it was computed.
        n_steps: Newton steps taken.
        converged: the last step moved t by no more than 1e-7 of its scale.
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


def newton(
    phi: Tensor | Rows, reference: Tensor, data: Tensor, ridge: float, max_steps: int | None = None
) -> NewtonResult:
    """Minimises sum_i [r_i log(1+e^f_i) + d_i log(1+e^-f_i)] + (ridge/2) |beta|^2 with f = phi beta.

    This is n times Eq. 7 of AutoSciDACT on Falkon's scale when r = w_R on R, d = 1 on D and
    ridge = n lambda, n = |R| + |D|. It starts at beta = 0, so that `max_steps=1` is what
    public kernel-NPLM codes compute with one penalty in LogisticFalkon.

    Args:
        phi: (n, k) float64 features, or rows that give them.
        reference, data: (n,) float64 weights r and d, not negative.
        max_steps: exactly this many plain Newton steps; None: to convergence, damped where needed.

    Raises:
        FloatingPointError: the Hessian or the solution is not finite or not positive definite.
    """
    rows = SharedRows(phi) if isinstance(phi, Tensor) else phi
    weight = reference + data

    def objective(beta: Tensor, logits: Tensor) -> float:
        return float(reference @ softplus(logits) + data @ softplus(-logits) + 0.5 * ridge * beta @ beta)

    logits = reference.new_zeros(rows.n)
    hessian, gradient = _derivatives(rows, 0.25 * weight, 0.5 * weight - data)
    beta = torch.zeros_like(gradient)
    value, n_steps, converged = objective(beta, logits), 0, False
    while n_steps < (max_steps or MAX_NEWTON_STEPS) and not converged:
        if n_steps:
            sigmoid = torch.sigmoid(logits)
            hessian, gradient = _derivatives(rows, weight * sigmoid * (1.0 - sigmoid), weight * sigmoid - data)
        n_steps += 1
        hessian.diagonal().add_(ridge)
        gradient = gradient + ridge * beta
        factor, info = torch.linalg.cholesky_ex(hessian)
        if int(info) != 0:
            raise FloatingPointError("NPLM's Hessian is not positive definite: raise nplm.penalty")
        step = -torch.cholesky_solve(gradient[:, None], factor)[:, 0]
        move = torch.cat([chunk.logits(step[None])[0] for chunk in rows.chunks()])
        scale = 1.0
        if max_steps is None:
            slope = float(gradient @ step)
            while scale > 1e-6 and not (
                objective(beta + scale * step, logits + scale * move)
                <= value + 1e-4 * scale * slope + 1e-13 * abs(value)
            ):
                scale /= 2.0
        before = likelihood_ratio(logits, reference, data)
        beta, logits = beta + scale * step, logits + scale * move
        value = objective(beta, logits)
        change = abs(likelihood_ratio(logits, reference, data) - before)
        converged = max_steps is None and scale == 1.0 and change <= 1e-7 * (1.0 + abs(before))
    if not torch.isfinite(beta).all():
        raise FloatingPointError("NPLM's fit is not finite: the features or the penalty are out of range")
    return NewtonResult(beta, likelihood_ratio(logits, reference, data), hessian, n_steps, converged)


def _derivatives(rows: Rows, curvature: Tensor, coefficient: Tensor) -> tuple[Tensor, Tensor]:
    """Gram matrix with weights `curvature`, and the gradient with `coefficient`, summed over chunks."""
    grams, gradients = [], []
    for chunk in rows.chunks():
        grams.append(chunk.gram(curvature[chunk.rows]))
        gradients.append(chunk.adjoint(coefficient[None, chunk.rows])[0])
    return torch.stack(grams).sum(0), torch.stack(gradients).sum(0)
