"""Observed events, and alternative samples, as the test sees them: read, checked, embedded."""

import importlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig

from autoscidact.commands.dataset import TRAINING_KEYS, load_dataset
from autoscidact.commands.sight import sight
from autoscidact.commands.trained import CHECKPOINT, RAW, training_folder
from autoscidact.data.contract import SPLITS, Dataset, Events
from autoscidact.data.observed import check_new_ids, check_observed, observed_array, observed_table
from autoscidact.embedding.embed import embed
from autoscidact.embedding.table import EmbeddedEvents
from autoscidact.errors import UserError


@dataclass(frozen=True)
class Sample:
    """Unlabelled events, read and checked.

    Attributes:
        events: as the file gives them. source: the file.
        embedded_already: the features are coordinates of the embedding.
    """

    events: Events
    source: Path
    embedded_already: bool

    def take(self, index: NDArray[np.generic]) -> "Sample":
        """The events at `index` (integers or a mask)."""
        return Sample(self.events.take(index), self.source, self.embedded_already)


def read_sample(cfg: DictConfig, config: Mapping[str, Any], embedded: EmbeddedEvents, path: str, key: str) -> Sample:
    """Reads a file of unlabelled events in the form that the dataset's own have.

    The dataset's module reads it where it defines `observed(path, **settings)`; else the file is a table with the
    columns of the dataset's features (for events without named features an NPY array).

    Args:
        embedded: the events that it will be compared with.
        key: where the configuration names the file: "observed" for the data, which must be new and no simulation.

    Raises:
        UserError: no file, or events that cannot be tested (see `check_observed`); observed ones also by their ids.
    """
    file = Path(str(path)).expanduser()
    if not file.exists():
        raise UserError(f"{file}: no such file; give an existing one with {key}=FILE")
    own = config["embedding"] not in (None, RAW)
    if file.is_dir() and (own or not getattr(_module(config), "OBSERVES_FOLDERS", False)):
        raise UserError(f"{file}: is a folder; give a file with {key}=FILE")
    with warnings.catch_warnings():
        if key != "observed":
            warnings.filterwarnings("ignore", ".* events are simulated")
        events = read_events(cfg, config, embedded, file)
    known = _as_dataset(embedded) if own else load_dataset(cfg)
    check_observed(events, known, str(file))
    # An alternative sample may be the dataset's own events, otherwise calibrated.
    if key == "observed" and not numbers_events(config) and not (own and _numbers_rows(embedded.ids)):
        check_new_ids(events, known, str(file))
    return Sample(events, file, config["embedding"] is not None)


def read_events(cfg: DictConfig, config: Mapping[str, Any], embedded: EmbeddedEvents, file: Path) -> Events:
    """The events of a file as the dataset's module reads observed ones, or the user's own embedded ones; unchecked.

    Raises:
        UserError: the file cannot be read.
    """
    dataset = config["dataset"]
    if config["embedding"] not in (None, RAW):
        return observed_table(file, embedded.axes, tuple(embedded.observers), dataset.get("id"))
    module = _module(config)
    if hasattr(module, "observed"):
        settings = {name: value for name, value in dataset.items() if name not in ("_target_", "path", *TRAINING_KEYS)}
        events: Events = module.observed(file, **settings)
        return events
    known = load_dataset(cfg).events
    if known.feature_names:
        return observed_table(file, known.feature_names, tuple(known.observers), dataset.get("id"))
    return observed_array(file, known.features.shape[1:])


def numbers_events(config: Mapping[str, Any]) -> bool:
    """Whether an observed event's id is its place in the file, which says nothing of it in another file."""
    reads_ids = config["embedding"] in (None, RAW) and hasattr(_module(config), "observed")
    return not reads_ids and config["dataset"].get("id") is None


def _numbers_rows(ids: NDArray[np.int64]) -> bool:
    """Whether these are the ids of a user's embedding without any."""
    return np.array_equal(ids, np.arange(len(ids)))


def embed_sample(config: Mapping[str, Any], sample: Sample, device: str) -> NDArray[np.float32]:
    """(n, d): the events where the training of this configuration puts them."""
    if sample.embedded_already:
        return sample.events.features[:].reshape(len(sample.events), -1)
    path = Path(config["checkpoint"]) if config["checkpoint"] else training_folder(config) / CHECKPOINT
    seen = sight(config, device)
    return embed(seen.load(path), seen.of_events(sample.events).features, device=device)


def _module(config: Mapping[str, Any]) -> ModuleType:
    return importlib.import_module(str(config["dataset"]["_target_"]).rpartition(".")[0])


def _as_dataset(embedded: EmbeddedEvents) -> Dataset:
    classes, labels = np.unique(embedded.labels, return_inverse=True)
    events = Events(
        features=embedded.points,
        labels=labels.astype(np.int64),
        classes=tuple(classes.tolist()),
        ids=embedded.ids,
        weights=embedded.weights,
        feature_names=embedded.axes,
    )
    split = np.array([SPLITS.index(name) for name in embedded.splits], dtype=np.int8)
    return Dataset(str(embedded.provenance.get("file", "embedding")), events, str(embedded.signal), split)
