"""From embedded events and settings to the pools and the definition of toys that a run is about."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.commands.configuration import as_list, switch, whole_number
from autoscidact.embedding.table import EmbeddedEvents
from autoscidact.errors import UserError
from autoscidact.toys.labelled import LabelledPoints
from autoscidact.toys.pools import Pools, build_pools, with_points
from autoscidact.toys.sampler import ToyDefinition, check_signal_fraction
from autoscidact.toys.sizes import check_disjoint, fitting_sizes


def pools_of(
    events: EmbeddedEvents, toys: Mapping[str, Any], seed: int, draws_toys: bool = True
) -> tuple[Pools, ToyDefinition]:
    """Pools of the test split, and what defines the toys drawn from them.

    Args:
        events: with a signal class and all their splits. toys: as `checked_toys` gives them.
        draws_toys: null toys will be drawn, for which R must leave background events.

    Raises:
        UserError: splits that share events, or too few events.
    """
    known = {split: events.ids[events.splits == split] for split in ("train", "val", "test")}
    check_disjoint(training=known["train"], validation=known["val"], toys=known["test"])
    pool = events.take(events.splits == "test")
    is_signal = pool.labels == events.signal
    fit_ref, fit_data = fitting_sizes(int((~is_signal).sum()))
    n_ref = fit_ref if toys["n_ref"] == "auto" else toys["n_ref"]
    expected = expected_size(pool, toys["n_data"], fit_data)
    n_data = max(1, round(expected))
    resample = toys["resample_reference"]
    pools = build_pools(
        pool.points,
        pool.ids,
        pool.weights,
        is_signal,
        n_ref,
        n_data if draws_toys else 0,
        resample,
        seed,
        labels=pool.labels,
        training=labelled_points(events),
        observers=numeric(pool.observers),
    )
    exact = None if expected == n_data else expected
    return pools, ToyDefinition(pools.fingerprint, n_ref, n_data, resample, toys["poisson"], seed, exact)


def expected_size(pool: EmbeddedEvents, n_data: int | float | str, fitting: int) -> float:
    """Expected |D|: a number as it is, what fits the pool for "auto", for "weights" their sum over the background."""
    if n_data == "auto":
        return fitting
    if n_data != "weights":
        return float(n_data)
    total = float(pool.weights[pool.labels != pool.signal].sum())
    if total < 0.5:
        raise UserError(
            f"toys.n_data=weights: the weights of the background add up to {total:.3g}, so no event is expected; "
            "weights must be expected numbers of events for that, or give toys.n_data a number"
        )
    return total


def numeric(observers: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.float64]]:
    """The observers that are numbers, as float64."""
    return {name: values.astype(np.float64) for name, values in observers.items() if values.dtype.kind in "biuf"}


def same_pools(pools: Pools, events: EmbeddedEvents) -> Pools:
    """The pools' events as another embedding of the same dataset sees them."""
    test = events.take(events.splits == "test")
    order = np.argsort(test.ids)
    place = order[np.searchsorted(test.ids[order], pools.ids)]
    if not np.array_equal(test.ids[place], pools.ids):
        raise UserError("the embedding with the signal in the training is of other events; train it again")
    return with_points(pools, test.points[place], labelled_points(events))


def labelled_points(events: EmbeddedEvents) -> LabelledPoints | None:
    """The events outside the test split; None if there are none."""
    rest = events.take(events.splits != "test")
    if not len(rest):
        return None
    return LabelledPoints(rest.points.astype(np.float64), rest.labels == events.signal, rest.weights)


def checked_toys(toys: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the toys, with numbers and switches that are some. Raises UserError naming the key."""
    checked = dict(toys)
    for name, least in (
        ("n_ref", 1),
        ("n_data", 1),
        ("n_null", 2),
        ("n_signal", 1),
        ("n_permutations", 0),
        ("n_pseudo", 1),
        ("shards", 1),
    ):
        automatic = {"n_ref": ("auto",), "n_data": ("auto", "weights")}.get(name, ())
        if toys[name] not in automatic:
            checked[name] = whole_number(f"toys.{name}", toys[name], least)
    if toys["shard"] is not None:
        checked["shard"] = whole_number("toys.shard", toys["shard"], 0)
        if checked["shard"] >= checked["shards"]:
            raise UserError(f"toys.shard={toys['shard']}: there are toys.shards={toys['shards']}, counted from 0")
    for name in ("resample_reference", "poisson"):
        checked[name] = switch(f"toys.{name}", toys[name])
    return checked


def signal_fractions(value: Any) -> list[float]:
    """f_s as a sorted list of different fractions. Raises UserError for what is none."""
    try:
        fractions = sorted({float(f_s) for f_s in as_list(value)})
    except (TypeError, ValueError) as error:
        raise UserError(f"f_s={value}: give a number or a list of numbers, as f_s=[0.005,0.01]") from error
    if not fractions:
        raise UserError("f_s is an empty list; give at least one signal fraction")
    for f_s in fractions:
        if not (0.0 <= f_s <= 1.0 and np.isfinite(f_s)):
            raise UserError(f"f_s={f_s:g} is not a fraction: choose values from 0 to 1")
    return fractions


def check_fractions(pools: Pools, fractions: list[float], n_data: int, poisson: bool) -> None:
    """Raises UserError where the pool holds too little signal; warns of fractions that round to none."""
    for f_s in fractions:
        check_signal_fraction(pools, n_data, f_s)
        if f_s > 0 and round(f_s * n_data) == 0 and not poisson:
            warnings.warn(
                f"f_s={f_s:g} of |D|={n_data} rounds to no signal event at all; raise f_s or toys.n_data, "
                "or use toys.poisson=true",
                UserWarning,
                stacklevel=3,
            )
