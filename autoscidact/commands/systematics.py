"""Systematic uncertainties from the configuration: rates, event weights, alternative samples."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.commands.configuration import as_list
from autoscidact.errors import UserError
from autoscidact.toys.pools import Pools
from autoscidact.toys.variations import Variation

NO_ROWS = np.empty(0, dtype=np.int64)

_KEYS = {"scale": ("scale", "classes"), "up": ("up", "down"), "up_file": ("up_file", "down_file")}

_LARGEST_RATIO = 10.0
"""An average weight relative to the nominal one beyond this is no relative weight."""


def sample_files(systematics: Mapping[str, Any]) -> dict[str, str]:
    """Files of alternative samples: "name up" or "name down" to the path."""
    return {
        f"{name} {side}": str(declared[f"{side}_file"])
        for name, declared in systematics.items()
        for side in ("up", "down")
        if isinstance(declared, Mapping) and declared.get(f"{side}_file")
    }


def variations_of(
    systematics: Mapping[str, Any], pools: Pools, samples: Mapping[str, NDArray[np.int64]]
) -> tuple[Variation, ...]:
    """What is declared under `systematics`, for these pools.

    Each entry is NAME: {scale: 0.1, classes: [...]} for a rate known to 10 % (of some classes, by default all),
    NAME: {up: OBSERVER, down: OBSERVER} for observers that hold each event's weight relative to the nominal one, or
    NAME: {up_file: FILE, down_file: FILE} for samples of alternative events. Without a side down, weights mirror up and
    an alternative sample stands for both sides. Events of an alternative sample count alike.

    Args:
        samples: pool rows of each of `sample_files`.

    Raises:
        UserError: names the entry that cannot be understood, or is not there.
    """
    return tuple(_variation(name, declared, pools, samples) for name, declared in systematics.items())


def warn_of_idle_rates(systematics: Mapping[str, Any], poisson: bool) -> None:
    """Warns of rates common to all classes where toys have the size of the observed data and know nothing of rates."""
    for name, declared in systematics.items():
        common = isinstance(declared, Mapping) and declared.get("scale") is not None and not declared.get("classes")
        if common and not poisson:
            warnings.warn(
                f"systematics.{name}: toys have the size of the observed data, so a rate common to all classes changes "
                "nothing; give expected=weights or a number, or classes=[...]",
                UserWarning,
                stacklevel=2,
            )


def _variation(name: str, declared: Any, pools: Pools, samples: Mapping[str, NDArray[np.int64]]) -> Variation:
    key = f"systematics.{name}"
    forms: dict[str, Callable[..., Variation]] = {"scale": _rate, "up": _weights, "up_file": _samples}
    known = [form for form in forms if isinstance(declared, Mapping) and declared.get(form) is not None]
    if len(known) != 1:
        raise UserError(
            f"{key}={declared}: give one of {{scale: 0.1}}, {{up: OBSERVER, down: OBSERVER}} or "
            "{up_file: FILE, down_file: FILE}"
        )
    unknown = sorted(str(word) for word in declared if word not in _KEYS[known[0]])
    if unknown:
        raise UserError(
            f"{key}: {', '.join(unknown)} is not known beside {known[0]}; it takes {', '.join(_KEYS[known[0]])}"
        )
    return forms[known[0]](name, key, declared, pools, samples)


def _nominal(pools: Pools) -> NDArray[np.float64]:
    nominal = pools.weights.copy()
    nominal[len(nominal) - pools.n_appended :] = 0.0
    return nominal


def _rate(name: str, key: str, declared: Mapping[str, Any], pools: Pools, samples: object) -> Variation:
    scale = declared["scale"]
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 < scale < np.inf:
        raise UserError(f"{key}.scale={scale}: give the relative uncertainty of a rate, as 0.1")
    nominal, affected = _nominal(pools), np.ones(len(pools.weights), dtype=bool)
    if declared.get("classes") is not None:
        wanted = [str(label) for label in as_list(declared["classes"])]
        there = set() if pools.labels is None else set(pools.labels[pools.background].tolist())
        if unknown := sorted(set(wanted) - there):
            raise UserError(f"{key}.classes: no background events of {', '.join(unknown)}; there are {sorted(there)}")
        affected = np.isin(pools.labels if pools.labels is not None else [], wanted)
    shift = np.where(affected, float(scale), 0.0)
    return Variation(name, nominal * (1 + shift), nominal * np.maximum(1 - shift, 0.0), NO_ROWS)


def _weights(name: str, key: str, declared: Mapping[str, Any], pools: Pools, samples: object) -> Variation:
    nominal = _nominal(pools)
    up = nominal * _ratio(f"{key}.up", declared["up"], pools)
    if declared.get("down") is None:
        return Variation(name, up, np.maximum(2 * nominal - up, 0.0), NO_ROWS)
    return Variation(name, up, nominal * _ratio(f"{key}.down", declared["down"], pools), NO_ROWS)


def _ratio(key: str, observer: str, pools: Pools) -> NDArray[np.float64]:
    if observer not in pools.observers:
        raise UserError(f"{key}: there is no numeric observer {observer!r}; there are {', '.join(pools.observers)}")
    ratio = pools.observers[observer]
    needed = ratio[pools.background]
    if not (np.isfinite(needed) & (needed >= 0)).all():
        raise UserError(f"{key}: observer {observer!r} must be a weight relative to the nominal one, 0 or more")
    mean = float(np.average(needed, weights=pools.weights[pools.background]))
    if not 1 / _LARGEST_RATIO <= mean <= _LARGEST_RATIO:
        raise UserError(
            f"{key}: observer {observer!r} is {mean:.3g} on average; it must be a weight relative to the nominal one, "
            "1 where nothing changes"
        )
    return np.nan_to_num(ratio, nan=1.0)


def _samples(
    name: str, key: str, declared: Mapping[str, Any], pools: Pools, samples: Mapping[str, NDArray[np.int64]]
) -> Variation:
    total = pools.weights[pools.background].sum()
    up_rows, down_rows = samples[f"{name} up"], samples.get(f"{name} down", samples[f"{name} up"])
    up, down = (_alone(rows, total, len(pools.weights)) for rows in (up_rows, down_rows))
    return Variation(name, up, down, np.union1d(up_rows, down_rows))


def _alone(rows: NDArray[np.int64], total: float, n: int) -> NDArray[np.float64]:
    weights = np.zeros(n)
    weights[rows] = total / len(rows)
    return weights
