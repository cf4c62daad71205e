"""Regions of phase space: ranges of observers, the same cut for the reference, the toys and the data."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.errors import UserError


def region(key: str, value: Any) -> dict[str, list[tuple[float, float]]]:
    """`{m4l: [110, 180]}` or `{m4l: [[110, 118], [130, 180]]}`: observer to ranges, any one of which will do.

    Raises:
        UserError: names the key; not of that form, or a range that is empty.
    """
    if value in (None, {}):
        return {}
    if not isinstance(value, Mapping):
        raise UserError(f"{key}={value}: give ranges of observers, as {key}={{m4l: [110, 180]}}")
    return {str(name): _ranges(f"{key}.{name}", ranges) for name, ranges in value.items()}


def in_region(
    ranges: Mapping[str, list[tuple[float, float]]], observers: Mapping[str, NDArray[np.generic]], n: int, source: str
) -> NDArray[np.bool_]:
    """(n,) which events lie in a range (ends included) of every observer.

    Raises:
        UserError: an observer that these events do not have as a number.
    """
    inside = np.ones(n, dtype=bool)
    for name, allowed in ranges.items():
        if name not in observers or observers[name].dtype.kind not in "biuf":
            there = ", ".join(key for key, values in observers.items() if values.dtype.kind in "biuf") or "none"
            raise UserError(f"{source}: there is no numeric observer {name!r}; there are {there}")
        values = observers[name].astype(np.float64)
        inside &= np.any([(low <= values) & (values <= high) for low, high in allowed], axis=0)
    return inside


def in_words(ranges: Mapping[str, list[tuple[float, float]]]) -> str:
    """In words, as "m4l in 110 to 118 or 130 to 180"; empty for no ranges."""
    return " and ".join(
        f"{name} in " + " or ".join(f"{low:g} to {high:g}" for low, high in pairs) for name, pairs in ranges.items()
    )


def _ranges(key: str, value: Any) -> list[tuple[float, float]]:
    ranges = [value] if isinstance(value, list) and value and not isinstance(value[0], list) else value
    try:
        pairs = [(float(low), float(high)) for low, high in ranges]
    except (TypeError, ValueError) as error:
        raise UserError(f"{key}={value}: give [low, high] or a list of such ranges") from error
    if not pairs or any(not low < high for low, high in pairs):
        raise UserError(f"{key}={value}: every range needs low below high")
    return pairs
