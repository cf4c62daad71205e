"""The dataset that a configuration names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from autoscidact.commands.trained import RAW
from autoscidact.data.contract import Dataset

TRAINING_KEYS = ("ideal_supervised", "label_noise")
"""Keys of `dataset` that say how a training uses the events, not which events there are."""


def load_dataset(cfg: DictConfig) -> Dataset:
    """Loads the events of `cfg.dataset`."""
    settings: Any = OmegaConf.masked_copy(cfg.dataset, [key for key in cfg.dataset if key not in TRAINING_KEYS])
    settings._set_parent(cfg)  # so that references to keys outside `dataset` still resolve
    dataset: Dataset = instantiate(settings)
    return dataset


def dataset_name(config: Mapping[str, Any]) -> str:
    """What results are filed under: the dataset's name, or that of the user's file of embedded events."""
    if config["embedding"] in (None, RAW):
        return str(config["dataset"]["name"])
    return Path(config["embedding"]).stem
