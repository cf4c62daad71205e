"""Binned maximum-likelihood fit of a signal fraction, for many toys at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlog1py

MAX_ITERATIONS = 100
"""Halving a bracket this often exhausts float64, whatever Newton's steps do."""

GRADIENT_TOLERANCE = 1e-13
"""Of the gradient, relative to the sum of its terms' sizes: delta chi2 is then exact to about its square."""


@dataclass(frozen=True)
class TemplateFit:
    """The fitted signal fractions and how much better they fit than none.

    Attributes:
        fraction: (T,) phi, negative where the data hold less signal-like events than R.
        delta_chi2: (T,) 2 (ln L1 - ln L0), at least 0.
    """

    fraction: NDArray[np.float64]
    delta_chi2: NDArray[np.float64]

    @property
    def signed(self) -> NDArray[np.float64]:
        """sign(phi) delta chi2: a deficit of signal is no discovery, and t does not pile up at 0."""
        return np.asarray(np.sign(self.fraction) * self.delta_chi2)


def fit_signal_fraction(
    counts: NDArray[np.float64], background: NDArray[np.float64], signal: NDArray[np.float64]
) -> TemplateFit:
    """Fits H0: a1 p_R and H1: a1 p_R + a2 p_S to binned counts (Sec. 5 of AutoSciDACT, "Supervised baselines").

    Both are extended Poisson fits, ln L = sum_b n_b ln mu_b - mu_b. As the templates add up to one, a1 + a2 = A is
    the expected total; with phi = a2 / A and d = p_S / p_R - 1 it is mu = A p_R (1 + phi d), and

        ln L = [N ln A - A] + sum_b n_b ln p_R,b + sum_b n_b ln(1 + phi d_b).

    A = N is best under both hypotheses and cancels, which leaves delta chi2 = 2 max_phi sum_b n_b ln(1 + phi d_b).
    The sum is concave on the interval where all 1 + phi d_b are positive, phi = 0 within, so the sign of its gradient
    g there tells on which side the maximum lies, and g falls from there on: the maximum is where Newton's
    iteration, phi + g / sum_b n_b (d_b / (1 + phi d_b))^2, kept within a shrinking bracket, finds g = 0, or the end
    of the interval where g has not changed its sign (some mu_b is 0 there, with no data in that bin).

    Args:
        counts: (T, B) events of D in each bin.
        background: (T, B), or (1, B) for all toys: p_R, positive, each row adding up to 1.
        signal: (B,) p_S, adding up to 1.

    Raises:
        ValueError: a bin has no background, so that events in it would rule out H0 for certain.
    """
    if not (background > 0).all():
        raise ValueError("the background template must be positive in every bin")
    counts = np.asarray(counts, dtype=np.float64)
    ratio = np.broadcast_to(signal / background - 1.0, counts.shape)
    start = _gradient(np.zeros(len(counts)), counts, ratio)
    with np.errstate(divide="ignore"):
        lowest, highest = -1.0 / ratio.max(axis=1), -1.0 / ratio.min(axis=1)
    end = np.where(start > 0, highest, lowest)
    # Where the gradient vanishes already, phi = 0; equal templates have an infinite interval and end here as well.
    end = np.where(start == 0, 0.0, end)
    at_end = start * _gradient(end, counts, ratio) >= 0
    fraction = np.where(at_end, end, _root(counts, ratio, np.minimum(end, 0.0), np.maximum(end, 0.0), at_end))
    gain = 2.0 * xlog1py(counts, np.maximum(fraction[:, None] * ratio, -1.0)).sum(axis=1)
    return TemplateFit(fraction, np.maximum(gain, 0.0))


def _root(
    counts: NDArray[np.float64],
    ratio: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    done: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Where the gradient vanishes between `low` and `high`, in each row that is not `done`."""
    phi, done = np.zeros(len(counts)), done.copy()
    for _ in range(MAX_ITERATIONS):
        slope = ratio / np.where(done[:, None], 1.0, 1.0 + phi[:, None] * ratio)
        terms = counts * slope
        gradient, curvature = terms.sum(axis=1), (terms * slope).sum(axis=1)
        done |= np.abs(gradient) <= GRADIENT_TOLERANCE * np.abs(terms).sum(axis=1)
        if done.all():
            break
        low, high = np.where(gradient > 0, phi, low), np.where(gradient < 0, phi, high)
        newton = phi + gradient / np.where(curvature > 0, curvature, 1.0)
        inside = (low < newton) & (newton < high)
        phi = np.where(done, phi, np.where(inside, newton, (low + high) / 2))
    return phi


def _gradient(phi: NDArray[np.float64], counts: NDArray[np.float64], ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    # At an end of the interval rounding may put 1 + phi d on the wrong side of zero.
    positive = np.maximum(1.0 + phi[:, None] * ratio, 1e-100)
    # Empty bins say nothing, also where their expectation is zero.
    return np.asarray(np.where(counts > 0, counts * (ratio / positive), 0.0).sum(axis=1))
