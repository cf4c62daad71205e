"""Pools: the embedded events that toys draw from, and which of them each role may use."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from autoscidact.errors import UserError
from autoscidact.files import array_hash
from autoscidact.toys.labelled import LabelledPoints
from autoscidact.toys.sizes import check_sizes, equal_weights, warn_of_shared_events
from autoscidact.toys.standardise import mean_and_scale
from autoscidact.toys.variations import Variation


@dataclass(frozen=True)
class Pools:
    """One table of embedded events and the rows that each role draws from.

    Attributes:
        points: (n, d) float64, standardised by the background events.
        ids: (n,) int64 event ids.
        weights: (n,) float64; sampling follows them where they differ.
        reference: rows that R is drawn from: R itself when it is fixed, `background` when it is re-sampled. A fixed R
            of events with unequal weights holds some of them more than once.
        background: rows that the background part of the data is drawn from.
        signal: rows that injected signal is drawn from.
        mean, scale: (d,) the standardisation that was applied.
        labels: (n,) class names; None where nothing is known of them. No toy depends on them.
        training: labelled events outside these pools; None where there are none. No toy depends on them.
        observed: rows of the observed data, one batch of one toy. No toy depends on them.
        observers: name to (n,) quantities kept for people and for fits in them; NaN where unknown.
        variations: what the background could be within its systematic uncertainties; only toys whose definition
            says so depend on them.
        n_appended: rows behind all others that belong to none of the roles above: observed events and those of
            alternative samples.
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
    variations: tuple[Variation, ...] = ()
    n_appended: int = 0

    @property
    def resampled(self) -> bool:
        """Whether R is drawn anew for each toy."""
        return self.reference is self.background or np.array_equal(self.reference, self.background)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything that a toy without variations can depend on."""
        own = slice(0, len(self.points) - self.n_appended)
        tables = (self.points[own], self.ids[own], self.weights[own])
        return array_hash(*tables, self.reference, self.background, self.signal)

    def append(self, points: NDArray[np.floating], observers: Mapping[str, NDArray[np.float64]]) -> "Pools":
        """The same pools with further events behind, in the units of the embedding: no toy changes by them.

        Args:
            points: (m, d), not standardised. observers: name to (m,); NaN for those that are not given.
        """
        points = np.asarray(points, dtype=np.float64)
        n, m = len(self.points), len(points)
        first = int(min(0, self.ids.min(initial=0)))
        unknown = np.full(m, np.nan)
        return replace(
            self,
            points=np.concatenate([self.points, (points - self.mean) / self.scale]),
            ids=np.concatenate([self.ids, first - 1 - np.arange(m)]),
            weights=np.concatenate([self.weights, np.ones(m)]),
            labels=None if self.labels is None else np.concatenate([self.labels, np.full(m, "")]),
            observers={
                name: np.concatenate([values, observers.get(name, unknown)]) for name, values in self.observers.items()
            },
            variations=tuple(variation.padded(n + m) for variation in self.variations),
            n_appended=self.n_appended + m,
        )


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
    observers: Mapping[str, NDArray[np.float64]] | None = None,
) -> Pools:
    """Standardises by the background and divides its events among the roles.

    With R fixed, `n_ref` background events are set aside as R, once, and the data draw
    from the rest; every toy is then conditional on this R, as the observed data will be.
    Events of unequal weight are drawn with replacement: there R draws from a random half of the
    background and the data from the other, or the heaviest events would all be used up by R.

    Args:
        points: (n, d) embedded events; `is_signal`: (n,) which of them are the held-out class.
        n_ref: |R|. n_data: expected |D| of toys; 0 where none will be drawn, so that R may take every event.
        seed: of the draw of a fixed R.
        labels: (n,) class names of the events.
        training: labelled events of other splits, in the units of `points`; standardised along with them.
        observers: name to (n,).

    Raises:
        UserError: too few background events for |R| + |D| (says what would fit), duplicate
            ids, or an embedding with no spread.
    """
    points = np.asarray(points, dtype=np.float64)
    if len(np.unique(ids)) != len(ids):
        raise UserError("the embedding holds the same event id more than once; ids must be unique")
    if not np.isfinite(points).all():
        raise UserError("the embedding holds NaN or infinite values; train again, or remove those events")
    weights = np.asarray(weights, float)
    background, signal = np.flatnonzero(~is_signal), np.flatnonzero(is_signal)
    equal = equal_weights(weights[background])
    check_sizes(len(background), n_ref, n_data, equal)
    mean, scale = mean_and_scale(points[background], weights[background])
    if resample_reference:
        reference = background
    else:
        rng = np.random.default_rng(np.random.SeedSequence([seed, 0x5EF]))
        if equal:
            reference = np.sort(rng.choice(background, n_ref, replace=False))
            background = np.setdiff1d(background, reference, assume_unique=True)
        else:
            half, background = np.split(rng.permutation(background), [len(background) // 2])
            reference = np.sort(rng.choice(half, n_ref, p=weights[half] / weights[half].sum()))
            background = np.sort(background)
    if n_data:
        warn_of_shared_events(weights[background], n_data, n_ref if resample_reference else 0, equal)
    return Pools(
        points=(points - mean) / scale,
        ids=ids,
        weights=weights,
        reference=reference,
        background=background,
        signal=signal,
        mean=mean,
        scale=scale,
        labels=labels,
        training=None if training is None else training.standardised(mean, scale),
        observers={name: np.asarray(values, float) for name, values in (observers or {}).items()},
    )


def with_points(pools: Pools, points: NDArray[np.floating], training: LabelledPoints | None) -> Pools:
    """The same pools of the same events seen by another embedding: toys hold the same events.

    Args:
        points: (n, d') the events of the pools in their order, not standardised.
        training: labelled events outside the pools in the same units, or None.
    """
    is_background = np.ones(len(points), dtype=bool)
    is_background[pools.signal] = False
    mean, scale = mean_and_scale(np.asarray(points)[is_background], pools.weights[is_background])
    moved = (np.asarray(points, dtype=np.float64) - mean) / scale
    labelled = None if training is None else training.standardised(mean, scale)
    return replace(pools, points=moved, mean=mean, scale=scale, training=labelled)
