"""Get a dataset's open files, generate its simulated events, and write its cut flow.

Files that are there already are kept and checked; an interrupted generation goes on where it
stopped. Datasets that make their own events (synthetic, digits, ...) need no preparation.

Examples:
    autoscidact prepare dataset=fourlepton
    autoscidact prepare dataset=fourlepton mirror=/data/opendata
    autoscidact prepare dataset=fourlepton mirror=files.tar.gz n_events=5000
"""

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from autoscidact.commands.compute import worker_count
from autoscidact.commands.configuration import plain, random_seed
from autoscidact.errors import UserError

OPTIONS = ("mirror", "source", "n_events")
"""Keys of this command that a dataset may or may not know."""


def run(cfg: DictConfig) -> Path:
    """Prepares the dataset's folder and returns it."""
    config = plain(cfg)
    settings: dict[str, Any] = dict(config["dataset"])
    name = str(settings["name"])
    prepare = preparation(str(settings.pop("_target_")), name)
    given = {key: config[key] for key in OPTIONS if config[key] is not None}
    unknown = [key for key in given if key not in inspect.signature(prepare).parameters]
    if unknown:
        raise UserError(f"dataset={name} has no {', '.join(unknown)} to choose in its preparation; leave it out")
    workers = worker_count(config["threads"], "cpu")
    # The seed of `dataset` belongs to the split; events come from the run's.
    prepare(**{**settings, **given, "seed": random_seed(config), "workers": workers})
    return Path(str(settings["path"]))


def preparation(target: str, name: str) -> Callable[..., None]:
    """The function `prepare` beside a dataset's `load`.

    Args:
        target: the loader, such as autoscidact.data.fourlepton.load.

    Raises:
        UserError: this dataset needs none.
    """
    found = getattr(importlib.import_module(target.rpartition(".")[0]), "prepare", None)
    if found is None:
        raise UserError(f"dataset={name} needs no preparation; next: autoscidact train dataset={name}")
    function: Callable[..., None] = found
    return function
