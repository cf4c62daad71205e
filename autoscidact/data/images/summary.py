"""What was prepared, in words and counts."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_SHOWN = 5


def summary(index: Mapping[str, Any], folder: Path, overrides: str) -> str:
    """Images of each class and pool, and what was left out and why.

    Args:
        index: as `write_index` returned it.
        folder: `dataset.path`.
        overrides: what a training of these images is given, as dataset=cifar10.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for shard in index["shards"]:
        counts[shard["label"], shard["pool"]] += shard["n"] - len(shard["repeated_rows"])
    pools = list(dict.fromkeys(shard["pool"] for shard in index["shards"]))
    labels = list(dict.fromkeys(shard["label"] for shard in index["shards"]))
    width = max(map(len, [*labels, "class"])) + 2
    heads = [pool or "images" for pool in pools]
    columns = [max(len(head), 7) + 2 for head in heads]
    lines = ["class".ljust(width) + "".join(head.rjust(w) for head, w in zip(heads, columns, strict=True))]
    for label in labels:
        numbers = [str(counts[label, pool]).rjust(w) for pool, w in zip(pools, columns, strict=True)]
        lines.append(label.ljust(width) + "".join(numbers))
    lines.append(f"{counts.total()} images of {index['size']} x {index['size']} pixels")
    if index["ignored"]:
        lines.append(f"ignored: {_files(index['ignored'])} that are no images of a class")
    repeats = index["repeats"]
    if repeats:
        lines.append(f"left out: {len(repeats)} equal to another image, such as {_some(repeats, ' = ')}")
    if index["bad"]:
        lines.append(f"left out: {len(index['bad'])} that cannot be used: {'; '.join(_first(index['bad'].values()))}")
    lines.append(f"\nthe folder {folder} is ready; next: autoscidact train {overrides}")
    return "\n".join(lines)


def _files(n: int) -> str:
    return "1 file" if n == 1 else f"{n} files"


def _some(pairs: Mapping[str, str], between: str) -> str:
    return ", ".join(_first(f"{first}{between}{second}" for first, second in pairs.items()))


def _first(values: Any) -> list[str]:
    shown = list(values)
    return shown[:_SHOWN] + ([f"and {len(shown) - _SHOWN} more"] if len(shown) > _SHOWN else [])
