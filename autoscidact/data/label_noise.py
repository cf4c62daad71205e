"""Mislabelled training events, for studies of what wrong labels cost (App. B.4 of AutoSciDACT)."""

from dataclasses import replace

import numpy as np

from autoscidact.data.contract import Events
from autoscidact.errors import UserError

# Keeps this random stream apart from every other use of the same seed.
_STREAM = 0x0157


def mislabel(events: Events, fraction: float, seed: int) -> Events:
    """Gives a random part of the events the label of another class that occurs among them, each equally likely.

    Args:
        fraction: part of the events, in [0, 1]; exactly round(fraction * n) are mislabelled.
        seed: of the choice. A larger fraction mislabels the same events and more.

    Raises:
        UserError: a fraction out of range, or a single class.
    """
    if isinstance(fraction, bool) or not isinstance(fraction, int | float) or not 0 <= fraction <= 1:
        raise UserError(f"dataset.label_noise={fraction}: give a fraction from 0 to 1")
    wrong = round(fraction * len(events))
    if wrong == 0:
        return events
    classes = np.unique(events.labels)
    if len(classes) < 2:
        raise UserError("dataset.label_noise needs at least two background classes to confuse")
    rng = np.random.default_rng(np.random.SeedSequence([seed, _STREAM]))
    order, steps = rng.permutation(len(events)), rng.integers(1, len(classes), len(events))
    chosen = order[:wrong]
    labels = events.labels.copy()
    # A step of 1 .. K-1 around the ring of K classes never comes back to the true one.
    labels[chosen] = classes[(np.searchsorted(classes, labels[chosen]) + steps[chosen]) % len(classes)]
    return replace(events, labels=labels)
