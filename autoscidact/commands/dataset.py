"""The dataset that a configuration names."""

from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from autoscidact.data.contract import Dataset

TRAINING_KEYS = ("ideal_supervised", "label_noise")
"""Keys of `dataset` that say how a training uses the events, not which events there are."""


def load_dataset(cfg: DictConfig) -> Dataset:
    """Loads the events of `cfg.dataset`."""
    settings: Any = OmegaConf.masked_copy(cfg.dataset, [key for key in cfg.dataset if key not in TRAINING_KEYS])
    settings._set_parent(cfg)  # so that references to keys outside `dataset` still resolve
    dataset: Dataset = instantiate(settings)
    return dataset
