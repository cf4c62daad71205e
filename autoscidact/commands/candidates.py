"""Known events among those that a test ranks highest."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from autoscidact.commands.configuration import as_list
from autoscidact.commands.dataset import TRAINING_KEYS
from autoscidact.commands.observed_sample import numbers_events, read_events
from autoscidact.commands.regions import in_region, in_words, region
from autoscidact.commands.trained import RAW
from autoscidact.embedding.table import EmbeddedEvents
from autoscidact.errors import UserError

PUBLISHED = "published"
"""The value of `candidates` that means those which the dataset's module knows of."""

DEPTHS = (5, 10, 20)
MOST_RANKS = 30


@dataclass(frozen=True)
class Candidates:
    """Known events, to be looked for among the observed ones.

    Attributes:
        ids: of those that lie in the ranges and pass the dataset's selection.
        n_given: events in the files. n_inside: those of them that lie in the ranges.
        where: the ranges in words; empty for none.
        selects: whether the dataset has a selection that may leave some out.
        missing: names of published files that are not at hand.
    """

    ids: frozenset[int]
    n_given: int
    n_inside: int
    where: str = ""
    selects: bool = False
    missing: tuple[str, ...] = ()


def read_candidates(cfg: DictConfig, config: Mapping[str, Any], embedded: EmbeddedEvents) -> Candidates | None:
    """The events of `candidates=FILES` that lie in `candidates_in`; None where no files are given, or are there.

    `candidates=published` stands for what the dataset's module names with `published_files(path, **settings)`; of these
    the missing ones are left out with a notice. Where the module defines `known(file, **settings)`, that says which
    events the dataset's selection keeps.

    Args:
        embedded: the events that the observed ones are compared with.

    Raises:
        UserError: a file that is named and not there or cannot be read, or events without ids, which nothing tells
            from each other.
    """
    ranges = region("candidates_in", config["candidates_in"])
    if config["candidates"] is None:
        return None
    if config["candidates"] == PUBLISHED:
        files, missing = _published(config)
    else:
        files, missing = _named(config), ()
    if not files:
        return None
    given: set[int] = set()
    inside: set[int] = set()
    kept: set[int] = set()
    known = _of_module(config, "known")
    for file in files:
        if known is None:
            events = read_events(cfg, config, embedded, file)
            passed = np.ones(len(events), dtype=bool)
        else:
            events, passed = known(file)
        lies = in_region(ranges, events.observers, len(events), str(file))
        given |= set(events.ids.tolist())
        inside |= set(events.ids[lies].tolist())
        kept |= set(events.ids[lies & passed].tolist())
    return Candidates(frozenset(kept), len(given), len(inside), in_words(ranges), known is not None, missing)


def found_among_ranked(candidates: Candidates, ranked: pd.DataFrame) -> list[str]:
    """Sentences: how many of the known events could be found, were observed, and stand on top.

    Args:
        ranked: as `ranked_events` gives it; events are the same where their ids are.
    """
    is_known = ranked["id"].isin(candidates.ids).to_numpy()
    n, k = len(ranked), int(is_known.sum())
    tops = [depth for depth in DEPTHS if depth < n]
    counts = ", ".join(f"{int(is_known[:depth].sum())} of the first {depth} ({k * depth / n:.1f})" for depth in tops)
    steps = [f"Known candidates: {candidates.n_given} in the files"]
    steps += [f"{candidates.n_inside} of them with {candidates.where}"] if candidates.where else []
    steps += [f"{len(candidates.ids)} of these in the selection"] if candidates.selects else []
    steps += [f"{k} among the {n} observed events"]
    found = [str(rank + 1) for rank in np.flatnonzero(is_known)]
    ranks = ", ".join(found[:MOST_RANKS]) + (f" and {k - MOST_RANKS} more" if k > MOST_RANKS else "")
    sentence = ", ".join(steps)
    if k and counts:
        sentence += f": {counts} (in brackets: expected of a random order)"
    sentence += f". Their ranks: {ranks}." if k else "."
    return [sentence + (f" Not at hand: {', '.join(candidates.missing)}." if candidates.missing else "")]


def _named(config: Mapping[str, Any]) -> list[Path]:
    if numbers_events(config):
        raise UserError(f"candidates={config['candidates']}: events are known by their ids; give dataset.id=COLUMN")
    files = [Path(str(name)).expanduser() for name in as_list(config["candidates"])]
    for file in files:
        if not file.is_file():
            raise UserError(f"{file}: no such file; give existing ones with candidates=[FILE,...]")
    return files


def _published(config: Mapping[str, Any]) -> tuple[list[Path], tuple[str, ...]]:
    """Files that are there, and the names of those that are not, after a notice."""
    name = config["dataset"]["name"]
    if config["embedding"] not in (None, RAW):
        print(f"candidates: those of dataset={name} left out; embedding={config['embedding']} has ids of its own")
        return [], ()
    published_files = _of_module(config, "published_files")
    if published_files is None:
        raise UserError(f"candidates={PUBLISHED}: dataset={name} has none; give candidates=[FILE,...] or null")
    files: list[Path] = published_files(config["dataset"]["path"])
    there = [file for file in files if file.is_file()]
    missing = tuple(file.name for file in files if file not in there)
    if missing:
        print(
            f"candidates: {', '.join(missing)} left out, not in {files[0].parent} "
            f"(autoscidact prepare dataset={name} fetches what can be downloaded)"
        )
    return there, missing


def _of_module(config: Mapping[str, Any], function: str) -> Callable[..., Any] | None:
    """A function of the dataset's module with the dataset's settings; None where it has none or gives no events."""
    dataset = config["dataset"]
    module = importlib.import_module(str(dataset["_target_"]).rpartition(".")[0])
    if config["embedding"] not in (None, RAW) or not hasattr(module, function):
        return None
    settings = {name: value for name, value in dataset.items() if name not in ("_target_", "path", *TRAINING_KEYS)}
    return partial(getattr(module, function), **settings)
