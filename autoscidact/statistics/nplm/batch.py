"""Many NPLM fits at once: preconditioned limited-memory quasi-Newton in batched matrix products."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from autoscidact.statistics.nplm.rows import Chunk, OwnRows, Rows

HISTORY = 8
OVERSHOOT = 0.5


@dataclass(frozen=True)
class Block:
    """Events that enter the fits of T toys, with what each counts in R and in D.

    Attributes:
        rows: their features.
        total: weight in R plus weight in D; a number, or (T, n).
        data: weight in D; a number, or (T, n).
    """

    rows: Rows
    total: float | Tensor
    data: float | Tensor

    def gradient(self, beta: Tensor) -> Tensor:
        """Sum over events of d loss / d beta, (T, k) to (T, k) float64."""
        result = torch.zeros_like(beta)
        low = self._low(beta)
        for chunk in self.rows.chunks():
            coefficient = chunk.logits(low[chunk.toys]).sigmoid_()
            coefficient.mul_(_part(self.total, chunk)).sub_(_part(self.data, chunk))
            result[chunk.toys] += chunk.adjoint(coefficient)
        return result

    def start_gradient(self, start: Tensor, n_toys: int) -> Tensor:
        """`gradient` where all toys are at the same point, (k,) to (T, k)."""
        alike = not isinstance(self.total, Tensor) and not isinstance(self.rows, OwnRows)
        return self.gradient(start[None] if alike else start.repeat(n_toys, 1)).expand(n_toys, -1)

    def likelihood(self, beta: Tensor) -> Tensor:
        """These events' part of t at beta, (T, k) to (T,), summed in float64."""
        result = beta.new_zeros(len(beta))
        low = self._low(beta)
        for chunk in self.rows.chunks():
            f = chunk.logits(low[chunk.toys]).to(beta.dtype)
            total, data = _part(self.total, chunk), _part(self.data, chunk)
            result[chunk.toys] -= 2.0 * ((total - data) * torch.expm1(f) - data * f).sum(1)
        return result

    def take(self, toys: Tensor) -> "Block":
        """The same events for some of the toys."""
        total = self.total[toys] if isinstance(self.total, Tensor) else self.total
        data = self.data[toys] if isinstance(self.data, Tensor) else self.data
        return Block(self.rows.take(toys), total, data)

    def _low(self, beta: Tensor) -> Tensor:
        features = getattr(self.rows, "features", None)
        return beta if features is None else beta.to(features.dtype)


@dataclass(frozen=True)
class BatchResult:
    """Fits of T toys.

    Attributes:
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

    Limited-memory BFGS (Nocedal and Wright 2006, Algorithm 7.4) whose initial matrix is the
    inverse of a Hessian close to every toy's own, so that a few products with the features
    suffice. The objective is convex: where its slope along a step says that the step went too
    far, the step is shortened by the secant rule; no value of the objective is ever needed.

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
    beta = start.repeat(n_toys, 1)
    converged = torch.zeros(n_toys, dtype=torch.bool, device=start.device)
    n_iterations = torch.full((n_toys,), max_iterations, device=start.device)
    active = torch.arange(n_toys, device=start.device)
    x, live, weight = beta.clone(), list(blocks), ridge[:, None]

    def gradient(x: Tensor) -> Tensor:
        total = weight * x
        for block in live:
            total += block.gradient(x)
        return total

    g = weight * x
    for block in live:
        g += block.start_gradient(start, n_toys)
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
        inverse = torch.where(accept & (curvature > 0), 1.0 / curvature.clamp_min(1e-30), 0.0)
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
        if finished.sum() * 8 >= len(finished):
            keep = (~finished).nonzero()[:, 0]
            active, x, g, weight = active[keep], x[keep], g[keep], weight[keep]
            direction, scale = direction[keep], scale[keep]
            steps, changes, inverses = steps[:, keep], changes[:, keep], inverses[:, keep]
            live = [block.take(keep) for block in live]
    missing = ~converged[active]
    beta[active[missing]] = x[missing]
    t = torch.stack([block.likelihood(beta) for block in blocks]).sum(0)
    return BatchResult(t, beta, converged & torch.isfinite(t), n_iterations)


def _part(weight: float | Tensor, chunk: Chunk) -> float | Tensor:
    return weight[chunk.toys, chunk.rows] if isinstance(weight, Tensor) else weight


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
