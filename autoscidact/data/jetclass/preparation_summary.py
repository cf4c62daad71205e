"""What a preparation made, for the terminal: jets of each class and split, and what was left out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from autoscidact.data.contract import SPLITS
from autoscidact.data.jetclass.file_names import split_of
from autoscidact.data.jetclass.layout import CLASSES


def preparation_summary(index: Mapping[str, Any], classes: Sequence[str], ranges: Mapping[str, range]) -> str:
    """A table of the jets of each class in each split, and a line for each file that was left out.

    Args:
        index: of the shards (see `write_index`).
        classes: which to show.
        ranges: file numbers of each split.
    """
    jets: Counter[tuple[str, str | None]] = Counter()
    for shard in index["shards"]:
        for name, count in zip(CLASSES, shard["counts"], strict=True):
            jets[name, split_of(shard["file"], ranges)] += count
    splits = [split for split in SPLITS if split in ranges]
    rows = [["class", *splits], *([name, *(str(jets[name, split]) for split in splits)] for name in classes)]
    lines = [f"{row[0]:<8}" + "".join(f"{cell:>12}" for cell in row[1:]) for row in rows]
    skipped = index["skipped_files"]
    lines += ["", f"left out: {index['bad_jets']} bad jets, {len(skipped)} files"]
    lines += [f"  {reason}" for reason in skipped.values()]
    for split in splits:
        empty = [name for name in classes if not jets[name, split]]
        if empty:
            lines.append(f"note: no jets of {', '.join(empty)} in {split}: its files are not among those found")
    return "\n".join(lines)
