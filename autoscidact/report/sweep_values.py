"""What a key is worth in a run: for choosing runs, for sorting them along an axis, and as text."""

from collections.abc import Mapping, Sequence
from typing import Any

from autoscidact.report.gather import is_under, shown
from autoscidact.report.runs import Run

_WORDS = {None: "null", True: "true", False: "false"}


def has_key(run: Run, key: str) -> bool:
    """Whether a run's configuration has a key, or a section of keys, of this name."""
    return any(is_under(name, (key,)) for name in run.settings)


def value_of(run: Run, key: str) -> Any:
    """The value of a key; of a section its keys, as seen from it, and their values; None where there is none."""
    known = run.settings
    if key in known:
        return known[key]
    return {name.removeprefix(f"{key}."): value for name, value in known.items() if is_under(name, (key,))} or None


def axis_values(runs: Sequence[Run], key: str) -> list[Any]:
    """Where each run stands on the axis `key`: numbers as they are, all else as text.

    A section, such as kernel, is named by its class where that tells the runs apart, else by those of its keys that do.
    """
    values = [value_of(run, key) for run in runs]
    if not any(isinstance(value, Mapping) for value in values):
        return [plain_value(value) for value in values]
    sections: list[Mapping[str, Any]] = [value if isinstance(value, Mapping) else {} for value in values]
    kinds = [str(section.get("name") or section.get("_target_", "null")) for section in sections]
    if len(set(kinds)) == len(distinct(sections)):
        return [kind.rpartition(".")[2] for kind in kinds]
    names = sorted({name for section in sections for name in section})
    apart = [name for name in names if len(distinct([section.get(name) for section in sections])) > 1]
    return [", ".join(f"{name}={shown(section[name])}" for name in apart if name in section) for section in sections]


def plain_value(value: Any) -> Any:
    """A number as it is; anything else as text, in YAML's words."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return _WORDS[value] if value is None or isinstance(value, bool) else str(value)


def distinct(values: Sequence[Any]) -> list[Any]:
    """Each value once, in order; values need not be hashable."""
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def rank(value: Any) -> tuple[int, float, str]:
    """By what values of an axis are sorted: numbers by size, then text."""
    return (1, 0.0, value) if isinstance(value, str) else (0, float(value), "")


def seed_name(over: Sequence[str], seeds: Sequence[Any]) -> str:
    """Seeds in words: "seed 0", or "seed 0 with dataset.seed 1"."""
    return " with ".join(f"{name} {value}" for name, value in zip(over, seeds, strict=True))
