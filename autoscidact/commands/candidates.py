"""Known events among those that a test ranks highest."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from autoscidact.commands.configuration import as_list
from autoscidact.commands.observed_sample import numbers_events, read_events
from autoscidact.commands.regions import in_region, in_words, region
from autoscidact.embedding.table import EmbeddedEvents
from autoscidact.errors import UserError

DEPTHS = (5, 10, 20)
MOST_RANKS = 30


@dataclass(frozen=True)
class Candidates:
    """Known events, to be looked for among the observed ones.

    Attributes:
        ids: theirs. where: the ranges they were chosen by, in words.
    """

    ids: frozenset[int]
    where: str


def read_candidates(cfg: DictConfig, config: Mapping[str, Any], embedded: EmbeddedEvents) -> Candidates | None:
    """The events of `candidates=FILES` that lie in `candidates_in`; None where no files are given.

    Args:
        embedded: the events that the observed ones are compared with.

    Raises:
        UserError: a file that cannot be read, or events without ids, which nothing tells from each other.
    """
    ranges = region("candidates_in", config["candidates_in"])
    if config["candidates"] is None:
        return None
    if numbers_events(config):
        raise UserError(f"candidates={config['candidates']}: events are known by their ids; give dataset.id=COLUMN")
    ids: set[int] = set()
    for name in as_list(config["candidates"]):
        file = Path(str(name)).expanduser()
        if not file.exists():
            raise UserError(f"{file}: no such file; give existing ones with candidates=[FILE,...]")
        events = read_events(cfg, config, embedded, file)
        inside = in_region(ranges, events.observers, len(events), str(file))
        ids |= set(events.ids[inside].tolist())
    return Candidates(frozenset(ids), in_words(ranges))


def found_among_ranked(candidates: Candidates, ranked: pd.DataFrame) -> list[str]:
    """A sentence: how many of the known events were observed, and how many of them stand on top.

    Args:
        ranked: as `ranked_events` gives it; events are the same where their ids are.
    """
    is_known = ranked["id"].isin(candidates.ids).to_numpy()
    n, k = len(ranked), int(is_known.sum())
    tops = [depth for depth in DEPTHS if depth < n]
    counts = ", ".join(f"{int(is_known[:depth].sum())} of the first {depth} ({k * depth / n:.1f})" for depth in tops)
    where = f" with {candidates.where}" if candidates.where else ""
    found = [str(rank + 1) for rank in np.flatnonzero(is_known)]
    ranks = ", ".join(found[:MOST_RANKS]) + (f" and {k - MOST_RANKS} more" if k > MOST_RANKS else "")
    return [
        f"Of {len(candidates.ids)} known candidates{where}, {k} are among the {n} observed events; they "
        f"make up {counts} (in brackets: expected of a random order). Their ranks: {ranks or 'none'}."
    ]
