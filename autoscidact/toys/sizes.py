"""How many events R and D may hold, and which sets of events must not meet."""

import warnings

import numpy as np
from numpy.typing import NDArray

from autoscidact.errors import UserError

SHARED_FRACTION_WARNING = 1 / 3
"""Toys that hold more than this part of the background pool share so many events that
the spread of the null is visibly underestimated for an observation from outside the pool."""


def fitting_sizes(n_background: int) -> tuple[int, int]:
    """|R| and |D| for `toys.n_ref=auto toys.n_data=auto`: 5 to 1, with twice |D| to spare for the toys."""
    n_data = max(1, n_background // 8)
    return 5 * n_data, n_data


def check_disjoint(**ids: NDArray[np.int64]) -> None:
    """Checks that named sets of event ids share none.

    Raises:
        UserError: names the two sets that do, and an example.
    """
    names = list(ids)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            common = np.intersect1d(ids[first], ids[second])
            if len(common):
                raise UserError(
                    f"{first} and {second} share {len(common)} events (id {common[0]}, ...); "
                    "they must be disjoint for the calibration to hold"
                )


def equal_weights(weights: NDArray[np.float64]) -> bool:
    """Whether all events are equally likely. Raises UserError where a weight is not positive."""
    if (weights <= 0).any():
        raise UserError("event weights must be positive; remove events of weight zero or below")
    return bool(np.all(weights == weights[0]))


def check_sizes(n_background: int, n_ref: int, n_data: int, equal: bool) -> None:
    """Raises UserError where R and D do not fit into the background events (says what would)."""
    if n_ref < 1 or n_data < 0:
        raise UserError(f"toys.n_ref={n_ref} and toys.n_data={n_data} must both be at least 1")
    # Drawn with replacement, more events may be asked for than there are.
    if not equal and n_background >= 2:
        return
    if n_ref + n_data > n_background:
        ref, data = fitting_sizes(n_background)
        fit = f"toys.n_ref={ref} toys.n_data={data} would fit" if ref + data < n_background else "add events"
        raise UserError(
            f"|R|+|D| = {n_ref}+{n_data} needs {n_ref + n_data} background events, "
            f"but the pool has {n_background}; {fit}"
        )


def warn_of_shared_events(weights: NDArray[np.float64], n_data: int, n_ref: int, equal: bool) -> None:
    """Warns where toys hold so much of their pool that the null is visibly too narrow.

    Args:
        weights: (n,) of the events that D is drawn from. n_ref: of these that R takes away.
    """
    there = len(weights) - n_ref if equal else weights.sum() ** 2 / (weights**2).sum()
    shared = n_data / there
    if shared > SHARED_FRACTION_WARNING:
        effective = "" if equal else f" (as many as {there:.0f} of equal weight)"
        warnings.warn(
            f"|D|={n_data} is {shared:.0%} of the background events left for it{effective}: toys share many events and "
            f"the null's spread is too small by about {1 - np.sqrt(max(0.0, 1 - shared)):.0%}; lower toys.n_data or "
            "add events",
            UserWarning,
            stacklevel=4,
        )
