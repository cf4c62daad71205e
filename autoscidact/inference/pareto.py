"""The generalised Pareto distribution of exceedances: its likelihood, and the parameters that a sample allows."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

Array = NDArray[np.float64]

SHAPES = (-0.5, 1.0)
"""Shapes considered. Below -1/2 maximum likelihood loses its properties (Smith 1985), above 1 there is no mean."""

_STEP = 0.02
_BISECTIONS = 45


class ParetoFit(NamedTuple):
    """Best scale at each shape of a grid, with the logarithm of its likelihood, and the best pair of all."""

    shapes: Array
    log_likelihoods: Array
    shape: float
    scale: float
    log_likelihood: float


class Allowed(NamedTuple):
    """Pairs that fill a likelihood region, up to its edge, and what each leaves of the region's 2 delta lnL."""

    scales: Array
    shapes: Array
    left: Array


def log_survival(excess: Array, scale: Array, shape: Array) -> Array:
    """Logarithm of S(x) = (1 + shape x / scale)^(-1 / shape); -x / scale at shape 0, minus infinity past the end point.

    Pickands (1975). Arguments broadcast.
    """
    exponential = np.abs(shape) < 1e-9
    safe = np.where(exponential, 1.0, shape)
    base = safe * excess / scale
    inside = np.where(base > -1, base, 0.0)
    power = np.where(base > -1, -np.log1p(inside) / safe, -np.inf)
    return np.asarray(np.where(exponential, -excess / scale, power))


def excess_at(log_p: ArrayLike, scale: Array, shape: Array) -> Array:
    """The inverse of `log_survival`: x where log S(x) = log_p."""
    exponential = np.abs(shape) < 1e-9
    safe = np.where(exponential, 1.0, shape)
    ratio = -np.asarray(log_p)
    return np.asarray(scale * np.where(exponential, ratio, np.expm1(safe * ratio) / safe))


def best_scales(excess: Array, shapes: Array) -> Array:
    """The scale of largest likelihood at each shape: the root of (1 + shape) mean(x / (scale + shape x)) = 1.

    The left-hand side falls with the scale for every shape above -1, so there is one root.

    Args:
        excess: (k,) not all 0. shapes: (m,).
    """
    low = np.maximum(0.0, -shapes * excess.max())
    high = np.maximum(excess.max(), (1 + shapes) * excess.mean())
    column = shapes[:, None]
    return bisect(
        lambda scale: (1 + shapes) * np.mean(excess / (scale[:, None] + column * excess), axis=1) - 1, low, high
    )


def log_likelihood(excess: Array, scales: Array, shapes: Array) -> Array:
    """-k log scale + (1 + shape) sum log S(x), for (..) scales and shapes."""
    survival = log_survival(excess, scales[..., None], shapes[..., None])
    return np.asarray(-len(excess) * np.log(scales) + (1 + shapes) * survival.sum(axis=-1))


def fit_pareto(excess: Array) -> ParetoFit:
    """Maximum likelihood over `SHAPES`, and the profile likelihood of the shape on a grid.

    Args:
        excess: (k,) exceedances over a threshold, not negative, not all 0.
    """
    shapes = np.linspace(*SHAPES, round((SHAPES[1] - SHAPES[0]) / _STEP) + 1)
    profile = log_likelihood(excess, best_scales(excess, shapes), shapes)
    best = float(shapes[profile.argmax()])

    def loss(shape: float) -> float:
        one = np.array([shape])
        return -float(log_likelihood(excess, best_scales(excess, one), one)[0])

    bounds = (max(SHAPES[0], best - _STEP), min(SHAPES[1], best + _STEP))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-7})
    shape = float(found.x) if -found.fun >= profile.max() else best
    scale = float(best_scales(excess, np.array([shape]))[0])
    return ParetoFit(shapes, profile, shape, scale, max(float(-found.fun), float(profile.max())))


def allowed_pairs(excess: Array, fit: ParetoFit, budget: float, n_shapes: int = 61, n_scales: int = 31) -> Allowed:
    """Pairs with 2 (lnL_max - lnL) <= budget: a net of shapes, and for each of scales, closest where the edge is.

    An extreme over the net misses the extreme over the region by less than 0.2 % of the region's extent.
    """
    deviance = 2 * (fit.log_likelihood - fit.log_likelihoods)
    first, last = np.flatnonzero(deviance <= budget)[[0, -1]]
    ends = np.array([fit.shapes[first], fit.shapes[last]])
    for i, (inside, outside) in enumerate(((first, first - 1), (last, last + 1))):
        if 0 <= outside < len(fit.shapes):
            ends[i] = np.interp(budget, deviance[[inside, outside]], fit.shapes[[inside, outside]])
    shapes = ends[0] + np.ptp(ends) * _towards_ends(n_shapes)
    centre = best_scales(excess, shapes)

    def over_budget(scales: Array) -> Array:
        return 2 * (fit.log_likelihood - log_likelihood(excess, scales, shapes)) - budget

    end_point = np.maximum(0.0, -shapes * excess.max())
    low = bisect(over_budget, end_point + 1e-12 * centre, centre)
    # As lnL <= -k log(scale), no larger scale can be in the region.
    far = np.maximum(centre, np.exp((budget / 2 - fit.log_likelihood) / len(excess)))
    high = bisect(lambda scales: -over_budget(scales), centre, far)
    scales = low[:, None] * (high / low)[:, None] ** _towards_ends(n_scales)
    table = np.broadcast_to(shapes[:, None], scales.shape)
    left = budget - 2 * (fit.log_likelihood - log_likelihood(excess, scales, table))
    kept = left > -1e-6 * budget
    return Allowed(scales[kept], table[kept], np.maximum(left[kept], 0.0))


def bisect(function: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Where an array of functions goes from positive at `low` to negative at `high`."""
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        positive = function(middle) > 0
        low, high = np.where(positive, middle, low), np.where(positive, high, middle)
    return (low + high) / 2


def _towards_ends(n: int) -> Array:
    return (1 - np.cos(np.linspace(0, np.pi, n))) / 2
