"""Which training a configuration means, and where it lies."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autoscidact.commands.configuration import run_folder

CHECKPOINT = "checkpoint.safetensors"
EMBEDDING = "embedding.parquet"
RAW = "raw"
"""`embedding=raw`: the events' own features, and no training at all."""

# Where a training runs and what it prints does not change what comes out of it.
_INCIDENTAL = ("accelerator", "devices", "num_nodes", "strategy")


def training_key(config: Mapping[str, Any]) -> dict[str, Any]:
    """What decides a training: dataset, encoder, loss, trainer and seed."""
    trainer = {name: value for name, value in config["trainer"].items() if name not in _INCIDENTAL}
    return {
        "dataset": config["dataset"],
        "encoder": config["encoder"],
        "loss": config["loss"],
        "trainer": trainer,
        "seed": config["seed"],
    }


def training_folder(config: Mapping[str, Any]) -> Path:
    """Where the training of this configuration lies, finished or not."""
    return run_folder(config["outputs"], "train", config["dataset"]["name"], training_key(config))
