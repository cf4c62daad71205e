"""Known events among those that a test ranks highest."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from autoscidact.commands.configuration import as_list
from autoscidact.commands.observed_sample import read_events
from autoscidact.commands.regions import in_region, region
from autoscidact.errors import UserError

DEPTHS = (5, 10, 20)


def found_among_ranked(cfg: DictConfig, config: Mapping[str, Any], ranked: pd.DataFrame) -> list[str]:
    """A sentence for `candidates=FILES`: how many of these events were observed, and how many stand on top.

    Args:
        ranked: as `ranked_events` gives it; events are the same where their ids are.

    Raises:
        UserError: a file that cannot be read.
    """
    if config["candidates"] is None:
        return []
    ranges = region("candidates_in", config["candidates_in"])
    wanted: set[int] = set()
    for name in as_list(config["candidates"]):
        file = Path(str(name)).expanduser()
        if not file.exists():
            raise UserError(f"{file}: no such file; give existing ones with candidates=[FILE,...]")
        events = read_events(cfg, config, file)
        inside = in_region(ranges, events.observers, len(events), str(file))
        wanted |= set(events.ids[inside].tolist())
    is_known = ranked["id"].isin(wanted).to_numpy()
    n, k = len(ranked), int(is_known.sum())
    tops = [depth for depth in DEPTHS if depth < n]
    counts = ", ".join(f"{int(is_known[:depth].sum())} of the first {depth} ({k * depth / n:.1f})" for depth in tops)
    where = " and ".join(f"{key} in {ranges[key]}" for key in ranges)
    ranks = ", ".join(str(rank + 1) for rank in np.flatnonzero(is_known))
    return [
        f"Of {len(wanted)} known candidates{f' with {where}' if where else ''}, {k} are among the {n} observed events; "
        f"they make up {counts} (in brackets: expected of a random order). Their ranks: {ranks or 'none'}."
    ]
