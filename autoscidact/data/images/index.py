"""The index of a folder of image shards: which belong together, and which images are there twice."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autoscidact.data.images.shard_files import FORMAT, ShardRecipe
from autoscidact.errors import UserError
from autoscidact.files import write_text

INDEX = "index.json"


def write_index(
    folder: Path,
    size: int,
    recipes: Sequence[ShardRecipe],
    unread: Mapping[str, str] | None = None,
    ignored: int = 0,
    skip_bad: bool = False,
) -> dict[str, Any]:
    """Writes `index.json` for shards that are made, in the order given, and returns it.

    Of images with the same pixels the first one stays: in two splits they would let the encoder see what the test
    holds, and in one they look like an excess. Training images come first.

    Args:
        folder: of the shards; others may lie beside them, and the index does not name these.
        size: edge in pixels.
        recipes: their recipes.
        unread: name of a file to why it could not be read.
        ignored: number of files that are no images.
        skip_bad: leave out the second of two equal images of different classes too, instead of refusing.

    Raises:
        UserError: names two equal images of different classes, or says that no image is left.
    """
    records = [recipe.record(folder) for recipe in recipes]
    first: dict[int, tuple[str, str]] = {}
    bad, repeats = dict(unread or {}), {}
    for record in records:
        rows = []
        for row, (number, name) in enumerate(zip(record["ids"], record["files"], strict=True)):
            known = first.setdefault(number, (name, record["label"]))
            if known[0] == name:
                continue
            if known[1] != record["label"] and not skip_bad:
                raise UserError(
                    f"{name} ({record['label']}) and {known[0]} ({known[1]}) are the same image in two classes; leave "
                    "one of them out, or the second of all such pairs with data.skip_bad_files=true"
                )
            repeats[name] = known[0]
            rows.append(row)
        record["repeated_rows"] = rows
        bad |= record.pop("bad")
    if not first:
        raise UserError(f"{folder}: no image that can be used; {'; '.join(list(bad.values())[:3]) or 'none was found'}")
    index = {
        "format": FORMAT,
        "size": size,
        "ignored": ignored,
        "bad": bad,
        "repeats": repeats,
        "shards": [record for record in records if record["n"]],
    }
    write_text(folder / INDEX, json.dumps(index) + "\n")
    return index
