"""Pools: the embedded events that toys draw from, and which of them each role may use."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from autoscidact.errors import UserError
from autoscidact.files import array_hash
from autoscidact.toys.labelled import LabelledPoints

SHARED_FRACTION_WARNING = 1 / 3
"""Toys that hold more than this part of the background pool share so many events that
the spread of the null is visibly underestimated for an observation from outside the pool."""


@dataclass(frozen=True)
class Pools:
    """One table of embedded events and the rows that each role draws from.

    Attributes:
        points: (n, d) float64, standardised by the background events.
        ids: (n,) int64 event ids.
        weights: (n,) float64; sampling follows them where they differ.
        reference: rows that R is drawn from: R itself when it is fixed, `background` when it is re-sampled.
        background: rows that the background part of the data is drawn from.
        signal: rows that injected signal is drawn from.
        mean, scale: (d,) the standardisation that was applied.
        labels: (n,) class names; None where nothing is known of them. No toy depends on them.
        training: labelled events outside these pools; None where there are none. No toy depends on them.
        observed: rows of the observed data, one batch of one toy. No toy depends on them.
        observers: name to (n,) quantities kept for people and for fits in them; NaN where unknown.
    """

    points: NDArray[np.float64]
    ids: NDArray[np.int64]
    weights: NDArray[np.float64]
    reference: NDArray[np.int64]
    background: NDArray[np.int64]
    signal: NDArray[np.int64]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    labels: NDArray[np.str_] | None = None
    training: LabelledPoints | None = None
    observed: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    observers: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def resampled(self) -> bool:
        """Whether R is drawn anew for each toy."""
        return self.reference is self.background or np.array_equal(self.reference, self.background)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything a toy can depend on."""
        return array_hash(self.points, self.ids, self.weights, self.reference, self.background, self.signal)


def build_pools(
    points: NDArray[np.floating],
    ids: NDArray[np.int64],
    weights: NDArray[np.float64],
    is_signal: NDArray[np.bool_],
    n_ref: int,
    n_data: int,
    resample_reference: bool,
    seed: int,
    labels: NDArray[np.str_] | None = None,
    training: LabelledPoints | None = None,
) -> Pools:
    """Standardises by the background and divides its events among the roles.

    With R fixed, `n_ref` background events are set aside as R, once, and the data draw
    from the rest; every toy is then conditional on this R, as the observed data will be.

    Args:
        points: (n, d) embedded events; `is_signal`: (n,) which of them are the held-out class.
        seed: of the draw of a fixed R.
        labels: (n,) class names of the events.
        training: labelled events of other splits, in the units of `points`; standardised along with them.

    Raises:
        UserError: too few background events for |R| + |D| (says what would fit), duplicate
            ids, or an embedding with no spread.
    """
    points = np.asarray(points, dtype=np.float64)
    if len(np.unique(ids)) != len(ids):
        raise UserError("the embedding holds the same event id more than once; ids must be unique")
    if not np.isfinite(points).all():
        raise UserError("the embedding holds NaN or infinite values; train again, or remove those events")
    background, signal = np.flatnonzero(~is_signal), np.flatnonzero(is_signal)
    _check_sizes(len(background), n_ref, n_data)
    mean, scale = _standardisation(points, weights, background)
    if resample_reference:
        reference = background
    else:
        rng = np.random.default_rng(np.random.SeedSequence([seed, 0x5EF]))
        probability = _probability(weights[background])
        reference = np.sort(rng.choice(background, n_ref, replace=False, p=probability))
        background = np.setdiff1d(background, reference, assume_unique=True)
    shared = n_data / (len(background) - (n_ref if resample_reference else 0))
    if shared > SHARED_FRACTION_WARNING:
        warnings.warn(
            f"|D|={n_data} is {shared:.0%} of the background events left for it: toys share many events and the "
            f"null's spread is too small by about {1 - np.sqrt(max(0.0, 1 - shared)):.0%}; lower toys.n_data or "
            "add events",
            UserWarning,
            stacklevel=2,
        )
    standardised = (points - mean) / scale
    moved = None if training is None else training.standardised(mean, scale)
    return Pools(
        standardised, ids, np.asarray(weights, float), reference, background, signal, mean, scale, labels, moved
    )


def with_points(pools: Pools, points: NDArray[np.floating], training: LabelledPoints | None) -> Pools:
    """The same pools of the same events seen by another embedding: toys hold the same events.

    Args:
        points: (n, d') the events of the pools in their order, not standardised.
        training: labelled events outside the pools in the same units, or None.
    """
    known = np.union1d(pools.reference, pools.background)
    is_signal = np.ones(len(points), dtype=bool)
    is_signal[known] = False
    mean, scale = _standardisation(points, pools.weights, np.flatnonzero(~is_signal))
    moved = (np.asarray(points, dtype=np.float64) - mean) / scale
    labelled = None if training is None else training.standardised(mean, scale)
    return replace(pools, points=moved, mean=mean, scale=scale, training=labelled)


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


def _standardisation(
    points: NDArray[np.floating], weights: NDArray[np.float64], background: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    points = np.asarray(points, dtype=np.float64)
    mean = np.average(points[background], axis=0, weights=weights[background])
    scale = np.sqrt(np.average((points[background] - mean) ** 2, axis=0, weights=weights[background]))
    flat = ~(scale > 1e-12 * np.maximum(1.0, np.abs(mean)))
    if flat.all():
        raise UserError("every axis of the embedding is constant over the background; the encoder has collapsed")
    if flat.any():
        axes = ", ".join(map(str, np.flatnonzero(flat)))
        warnings.warn(f"axes {axes} of the embedding are constant over the background", UserWarning, stacklevel=2)
        scale = np.where(flat, 1.0, scale)
    return mean, scale


def _check_sizes(n_background: int, n_ref: int, n_data: int) -> None:
    if n_ref < 1 or n_data < 1:
        raise UserError(f"toys.n_ref={n_ref} and toys.n_data={n_data} must both be at least 1")
    if n_ref + n_data > n_background:
        ref, data = fitting_sizes(n_background)
        fit = f"toys.n_ref={ref} toys.n_data={data} would fit" if ref + data < n_background else "add events"
        raise UserError(
            f"|R|+|D| = {n_ref}+{n_data} needs {n_ref + n_data} background events, "
            f"but the pool has {n_background}; {fit}"
        )


def _probability(weights: NDArray[np.float64]) -> NDArray[np.float64] | None:
    if (weights <= 0).any():
        raise UserError("event weights must be positive; remove events of weight zero or below")
    return None if np.all(weights == weights[0]) else weights / weights.sum()
