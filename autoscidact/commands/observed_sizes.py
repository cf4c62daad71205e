"""How many events an observation's toys hold: as observed, or as expected; and an R that leaves enough for them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.commands.configuration import as_list
from autoscidact.commands.pseudo_experiments import expected_size
from autoscidact.embedding.table import EmbeddedEvents
from autoscidact.errors import UserError
from autoscidact.toys.sizes import equal_weights, fitting_sizes


def observed_sizes(
    config: Mapping[str, Any],
    toys: Mapping[str, Any],
    events: EmbeddedEvents,
    n_observed: int,
    any_reference: bool,
    draws_toys: bool = True,
) -> tuple[dict[str, Any], float | None]:
    """Settings of toys whose size is that of the observation or fluctuates about the expected one; f_s to expect.

    Args:
        config: of which `expected` and `f_s` count. toys: as `checked_toys` gives them. events: of the region tested.
        any_reference: |R| may be smaller than `toys.n_ref` says, as in a region that holds a part of the events.
        draws_toys: null toys will be drawn, for which R must leave events; permutations let R have them all.

    Raises:
        UserError: an expectation or fraction that is none, or too few events for R and D.
    """
    pool = events.take(events.splits == "test")
    wanted = config["expected"]
    by_weight = wanted == "weights" or (wanted == "auto" and toys["n_data"] == "weights")
    if by_weight:
        expected, poisson = expected_size(pool, "weights", 0), True
    elif wanted in ("auto", "observed"):
        expected, poisson = float(n_observed), False
    elif _is_number(wanted) and 0 < wanted < np.inf:
        expected, poisson = float(wanted), True
    else:
        raise UserError(f"expected={wanted}: give auto, weights, observed, or a number of events above 0")
    weights = pool.weights[pool.labels != events.signal]
    n_spared = max(1, round(expected)) if draws_toys else 0
    n_ref = _reference_size(toys["n_ref"], weights, n_spared, any_reference)
    return {**toys, "n_ref": n_ref, "n_data": expected, "poisson": poisson}, _fraction(
        config["f_s"], pool, expected if by_weight else None
    )


def _reference_size(wanted: int | str, weights: NDArray[np.float64], n_data: int, any_reference: bool) -> int | str:
    # Drawn with replacement, R and D may hold more events than there are.
    if len(weights) == 0 or not equal_weights(weights):
        return wanted
    there = len(weights)
    # Toys that hold more than a third of what R leaves are warned of.
    fitting = max(min(fitting_sizes(there)[0], there - 3 * n_data), n_data) if n_data else there
    n_ref = fitting if wanted == "auto" else min(int(wanted), fitting) if any_reference else int(wanted)
    if n_ref + n_data > there:
        more = f"toys.n_ref={fitting} would fit" if fitting + n_data <= there else "add background events"
        raise UserError(
            f"a reference of toys.n_ref={n_ref} beside {n_data} expected events needs {n_ref + n_data} background "
            f"events, but the test split has {there} here; {more}"
        )
    return n_ref


def _fraction(f_s: Any, pool: EmbeddedEvents, expected: float | None) -> float | None:
    """The signal fraction to expect; for "auto" from the weights, where `expected` comes from them."""
    is_signal = pool.labels == pool.signal
    if f_s == "auto":
        signal = float(pool.weights[is_signal].sum())
        return signal / expected if expected is not None and signal > 0 else None
    if f_s is None:
        return None
    fractions = as_list(f_s)
    if len(fractions) != 1 or not _is_number(fractions[0]) or not 0 < fractions[0] <= 1:
        raise UserError(f"f_s={f_s}: give auto, null, or one signal fraction to expect, above 0 and up to 1")
    if not is_signal.any():
        raise UserError(f"f_s={f_s}: there is no signal sample to expect it from; give f_s=null")
    return float(fractions[0])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
