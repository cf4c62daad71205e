"""Many NPLM fits at once: preconditioned limited-memory quasi-Newton in batched matrix products."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

HISTORY = 8
OVERSHOOT = 0.5


@dataclass(frozen=True)
class Block:
    """Events that enter the fits of a batch of T toys, all from R or all from D.

    Attributes:
        features: (n, k), shared by all toys, or (T, n, k), each toy's own.
        weight: what an event counts; a number, or (T, n) with 0 where a toy has fewer events.
        is_data: from D (pulls f up) or from R (pulls f down).
    """

    features: Tensor
    weight: float | Tensor
    is_data: bool

    def logits(self, beta: Tensor) -> Tensor:
        """(T, k) to f of shape (T, n)."""
        if self.features.ndim == 2:
            return beta @ self.features.T
        # A row times a transposed matrix: the form that the BLAS batches without falling to scalar loops.
        return torch.bmm(beta[:, None, :], self.features.transpose(1, 2))[:, 0, :]

    def gradient(self, logits: Tensor) -> Tensor:
        """Sum over events of d loss / d beta, (T, n) to (T, k); overwrites `logits`."""
        coefficient = logits.sigmoid_()
        if self.is_data:
            coefficient.sub_(1.0)
        coefficient.mul_(self.weight)
        if self.features.ndim == 2:
            return coefficient @ self.features
        return torch.bmm(coefficient[:, None, :], self.features)[:, 0, :]

    def likelihood_term(self, logits: Tensor) -> Tensor:
        """This block's part of t, (T, n) to (T,), summed in float64."""
        f = logits.double()
        weight = self.weight.double() if isinstance(self.weight, Tensor) else self.weight
        return 2.0 * (f * weight).sum(1) if self.is_data else -2.0 * (torch.expm1(f) * weight).sum(1)

    def take(self, places: Tensor) -> "Block":
        """The same events for some of the toys."""
        features = self.features if self.features.ndim == 2 else self.features[places]
        weight = self.weight[places] if isinstance(self.weight, Tensor) else self.weight
        return Block(features, weight, self.is_data)


@dataclass(frozen=True)
class BatchResult:
    """Attributes:
    t: (T,) float64. beta: (T, k) float64. converged: (T,). n_iterations: (T,).
    """

    t: Tensor
    beta: Tensor
    converged: Tensor
    n_iterations: Tensor


def fit_batch(
    blocks: Sequence[Block],
    ridge: Tensor,
    factor: Tensor,
    start: Tensor,
    tolerance: float,
    max_iterations: int,
) -> BatchResult:
    """Minimises the same objective as `newton.newton`, for T toys in step.

    Limited-memory BFGS (Nocedal and Wright, Algorithm 7.4) whose initial matrix is the inverse
    of a Hessian close to every toy's own, so that a few products with the features suffice. The
    objective is convex: where its slope along a step says that the step went too far, the step
    is shortened by the secant rule; no value of the objective is ever needed.

    Args:
        blocks: the events of R and D.
        ridge: (T,) float64, n lambda of each toy.
        factor: (k, k) float64 lower Cholesky factor of the approximate Hessian (times n).
        start: (k,) float64 starting point.
        tolerance: a fit has converged when its Newton decrement g H^-1 g falls below this; it
            then takes the step still due. In units of t; the error of t is about
            2 sqrt(t * decrement) before that last step.
    """
    n_toys, k = len(ridge), len(start)
    dtype = blocks[0].features.dtype
    beta = start.repeat(n_toys, 1)
    converged = torch.zeros(n_toys, dtype=torch.bool)
    n_iterations = torch.zeros(n_toys, dtype=torch.int64)
    active = torch.arange(n_toys)
    x, live, weight = beta.clone(), list(blocks), ridge[:, None]

    def gradient(x: Tensor) -> Tensor:
        low = x.to(dtype)
        total = weight * x
        for block in live:
            total += block.gradient(block.logits(low)).double()
        return total

    g = gradient(x)
    steps, changes, inverses = x.new_zeros(0, n_toys, k), x.new_zeros(0, n_toys, k), x.new_zeros(0, n_toys)
    direction, scale = _direction(g, factor, steps, changes, inverses), x.new_ones(n_toys)
    for iteration in range(1, max_iterations + 1):
        slope = (g * direction).sum(1)
        trial = x + scale[:, None] * direction
        g_trial = gradient(trial)
        slope_trial = (g_trial * direction).sum(1)
        accept = slope_trial <= OVERSHOOT * slope.abs()
        shorter = scale * (slope / (slope - slope_trial)).clamp(0.1, 0.9)
        taken = accept[:, None]
        s, y = torch.where(taken, trial - x, 0.0), torch.where(taken, g_trial - g, 0.0)
        curvature = (s * y).sum(1)
        inverse = torch.where(accept & (curvature > 0), 1.0 / curvature.clamp_min(1e-300), 0.0)
        steps = torch.cat([steps, s[None]])[-HISTORY:]
        changes = torch.cat([changes, y[None]])[-HISTORY:]
        inverses = torch.cat([inverses, inverse[None]])[-HISTORY:]
        x, g = torch.where(taken, trial, x), torch.where(taken, g_trial, g)
        fresh = _direction(g, factor, steps, changes, inverses)
        direction = torch.where(taken, fresh, direction)
        scale = torch.where(accept, 1.0, shorter)
        decrement = -(g * direction).sum(1)
        done = accept & (decrement < tolerance) & ~converged[active]
        beta[active[done]] = (x + direction)[done]
        converged[active[done]] = True
        n_iterations[active[done]] = iteration
        finished = converged[active]
        if finished.all():
            break
        # Dropping finished toys copies the features of the others: worth it in larger portions only.
        if finished.sum() * 4 >= len(finished):
            keep = (~finished).nonzero()[:, 0]
            active, x, g, weight = active[keep], x[keep], g[keep], weight[keep]
            direction, scale = direction[keep], scale[keep]
            steps, changes, inverses = steps[:, keep], changes[:, keep], inverses[:, keep]
            live = [block.take(keep) for block in live]
    missing = ~converged[active]
    beta[active[missing]], n_iterations[active[missing]] = x[missing], max_iterations
    t = likelihood_ratios(blocks, beta)
    return BatchResult(t, beta, converged & torch.isfinite(t), n_iterations)


def likelihood_ratios(blocks: Sequence[Block], beta: Tensor) -> Tensor:
    """t of each toy at beta (T, k), as `newton.likelihood_ratio`."""
    low = beta.to(blocks[0].features.dtype)
    return torch.stack([block.likelihood_term(block.logits(low)) for block in blocks]).sum(0)


def _direction(g: Tensor, factor: Tensor, steps: Tensor, changes: Tensor, inverses: Tensor) -> Tensor:
    """-H g by the two-loop recursion; a pair whose inverse is 0 is skipped."""
    q = g.clone()
    alphas = []
    for s, y, inverse in zip(steps.flip(0), changes.flip(0), inverses.flip(0), strict=True):
        alpha = inverse * (s * q).sum(1)
        q -= alpha[:, None] * y
        alphas.append(alpha)
    q = torch.cholesky_solve(q.T, factor).T
    for s, y, inverse, alpha in zip(steps, changes, inverses, reversed(alphas), strict=True):
        q += (alpha - inverse * (y * q).sum(1))[:, None] * s
    return -q
