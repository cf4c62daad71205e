"""Systematic uncertainties: what the background could be instead, as other weights of its events."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from autoscidact.files import array_hash, content_hash


@dataclass(frozen=True)
class Variation:
    """One source of uncertainty, declared by what the background is one standard deviation up and down.

    Both kinds of declaration are weights over one table of events: other weights of the same events, or events of
    an alternative sample (nominal weight 0) in the place of the nominal ones (varied weight 0).

    Attributes:
        name: of the source.
        up, down: (n,) weights of all events of the pools at +1 and -1 standard deviation, at least 0.
        rows: events of alternative samples; none where only weights change.
    """

    name: str
    up: NDArray[np.float64]
    down: NDArray[np.float64]
    rows: NDArray[np.int64]

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all of it but the name."""
        return array_hash(self.up, self.down, self.rows)

    def at(self, rows: NDArray[np.int64]) -> "Variation":
        """The weights of these events, in this order."""
        return replace(self, up=self.up[rows], down=self.down[rows])

    def padded(self, n: int) -> "Variation":
        """The same for a table that has grown to `n` events."""
        more = (0, n - len(self.up))
        return replace(self, up=np.pad(self.up, more), down=np.pad(self.down, more))


def varied_weights(
    weights: NDArray[np.float64], variations: Sequence[Variation], pulls: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Event weights where each source is off by so many of its standard deviations.

    w = w_0 + sum_k |pull_k| (w_k - w_0), w_k being the weights up or down by the pull's sign: linear ("vertical")
    morphing of templates, here event by event (Conway 2011, arXiv:1103.0354, Sec. 2). Clipped at 0.

    Args:
        weights: (n,) nominal ones, 0 for events of alternative samples.
        pulls: (variations,) in standard deviations.

    Returns:
        (n,), at least 0.
    """
    shifted = weights.copy()
    for variation, pull in zip(variations, pulls, strict=True):
        shifted += abs(pull) * ((variation.up if pull >= 0 else variation.down) - weights)
    return np.maximum(shifted, 0.0)


def variations_key(variations: Sequence[Variation], points: NDArray[np.float64]) -> str | None:
    """Hash of everything that varied toys depend on beyond the pools; None without variations.

    Args:
        points: (n, d) the pools' events, of which those of alternative samples enter.
    """
    if not variations:
        return None
    parts = [[variation.fingerprint, array_hash(points[variation.rows])] for variation in variations]
    return content_hash({"variations": parts, "drawn": "distinct where nominal weights are equal"}, length=16)
