"""How well a fitted generalised Pareto distribution describes the exceedances that it was fitted to."""

import numpy as np
from numpy.typing import NDArray

from autoscidact.inference.pareto import log_survival

_SHAPES = np.array([0.9, 0.5, 0.2, 0.1, 0.0, -0.1, -0.2, -0.3, -0.4, -0.5])
_P = np.array([0.5, 0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001])
_A2 = np.array(
    [
        [0.339, 0.471, 0.641, 0.771, 0.905, 1.086, 1.226, 1.559],
        [0.356, 0.499, 0.685, 0.830, 0.978, 1.180, 1.336, 1.707],
        [0.376, 0.534, 0.741, 0.903, 1.069, 1.296, 1.471, 1.893],
        [0.386, 0.550, 0.766, 0.935, 1.110, 1.348, 1.532, 1.966],
        [0.397, 0.569, 0.796, 0.974, 1.158, 1.409, 1.603, 2.064],
        [0.410, 0.591, 0.831, 1.020, 1.215, 1.481, 1.687, 2.176],
        [0.426, 0.617, 0.873, 1.074, 1.283, 1.567, 1.788, 2.314],
        [0.445, 0.649, 0.924, 1.140, 1.365, 1.672, 1.909, 2.475],
        [0.468, 0.688, 0.985, 1.221, 1.465, 1.799, 2.058, 2.674],
        [0.496, 0.735, 1.061, 1.321, 1.590, 1.958, 2.243, 2.922],
    ]
)
"""Choulakian and Stephens (2001), Table 2, scale and shape unknown: A^2 at these p, one row a shape.

Some list its rows by minus the shape. Simulated A^2 agree with the sign used here, and not with the other."""


def anderson_darling(excess: NDArray[np.float64], scale: float, shape: float) -> float:
    """A^2 = -k - (1/k) sum_j (2j - 1) [log F(x_j) + log S(x_(k+1-j))], x in ascending order."""
    log_s = log_survival(np.sort(excess), np.array(scale), np.array(shape))
    # Finite also where an event lies on the threshold, or at the end point.
    log_s = np.clip(log_s, -700.0, -1e-300)
    log_f = np.log(-np.expm1(log_s))
    k = len(excess)
    return float(-k - np.mean((2 * np.arange(1, k + 1) - 1) * (log_f + log_s[::-1])))


def pareto_fit_p(excess: NDArray[np.float64], scale: float, shape: float) -> float:
    """p of A^2, from the published table for parameters fitted to the same exceedances by maximum likelihood.

    Between rows linear in the shape, between columns linear in log p and on with the last slope past them: above 0.5
    and below 0.001 p only says so. From 25 exceedances on the table needs no correction for their number.

    Args:
        excess: (k,). scale, shape: the best fit.
    """
    order = np.argsort(_SHAPES)
    critical = np.array([np.interp(shape, _SHAPES[order], column[order]) for column in _A2.T])
    a2 = anderson_darling(excess, scale, shape)
    log_p = np.log(_P)
    if a2 > critical[-1]:
        slope = (log_p[-1] - log_p[-2]) / (critical[-1] - critical[-2])
        return float(np.exp(log_p[-1] + slope * (a2 - critical[-1])))
    return float(np.exp(np.interp(a2, np.append(0.0, critical), np.append(0.0, log_p))))
