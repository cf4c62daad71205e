"""Get a dataset's open files, generate its simulated events, and write its cut flow.

Files that are there already are kept and checked; an interrupted run goes on where it stopped.
A damaged file is refused by its name, unless data.skip_bad_files=true leaves it out and counts it.
Datasets that make their own events (synthetic, digits, ...) need no preparation.

Examples:
    autoscidact prepare dataset=fourlepton
    autoscidact prepare dataset=fourlepton mirror=/data/opendata
    autoscidact prepare dataset=fourlepton mirror=files.tar.gz n_events=5000
    autoscidact prepare dataset=jetclass mirror=/data/JetClass
    autoscidact prepare dataset=jetclass mirror=/data/JetClass data.skip_bad_files=true
    autoscidact prepare dataset=jetclass source=pythia n_per_class=5000
    autoscidact prepare dataset=ligo source=simulated
    autoscidact prepare dataset=ligo mirror=/data/gwosc dataset.glitches=glitches.npz
"""

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from autoscidact.commands.compute import worker_count
from autoscidact.commands.configuration import plain, random_seed, switch, whole_number
from autoscidact.errors import UserError

OPTIONS = ("mirror", "source", "n_events", "n_per_class", "data.skip_bad_files")
"""Keys of this command that a dataset may or may not know; the last part is the name of its argument."""


def run(cfg: DictConfig) -> Path:
    """Prepares the dataset's folder and returns it."""
    config = plain(cfg)
    settings: dict[str, Any] = dict(config["dataset"])
    name = str(settings["name"])
    target = str(settings.pop("_target_"))
    prepare = preparation(target, name)
    given = _given(config)
    known = inspect.signature(prepare).parameters
    unknown = [key for key in OPTIONS if key in given and _argument(key) not in known]
    if unknown:
        raise UserError(f"dataset={name} has no {', '.join(unknown)} to choose in its preparation; leave it out")
    arguments = {_argument(key): value for key, value in given.items()}
    workers = worker_count(config["threads"], "cpu")
    # The seed of `dataset` belongs to the split; events come from the run's.
    prepare(**{**settings, **arguments, "seed": random_seed(config), "workers": workers})
    folder = Path(str(settings["path"])).expanduser()
    # Of datasets of strain alone; simulated noise has no known events.
    strain_folder = getattr(importlib.import_module(target.rpartition(".")[0]), "strain_folder", None)
    if strain_folder is not None and given.get("source", "files") == "files":
        from autoscidact.commands.strain_events import draw_known_events

        for picture in draw_known_events(strain_folder(folder, given.get("mirror")), folder / "events"):
            print(f"a known gravitational wave, left out of the background: {picture}")
    return folder


def _given(config: dict[str, Any]) -> dict[str, Any]:
    """Those of `OPTIONS` that were given a value."""
    given = {key: config[key] for key in OPTIONS if config.get(key) is not None}
    if "n_per_class" in given:
        given["n_per_class"] = whole_number("n_per_class", given["n_per_class"], 1)
    if switch("data.skip_bad_files", config["data"]["skip_bad_files"]):
        given["data.skip_bad_files"] = True
    return given


def _argument(key: str) -> str:
    return key.rpartition(".")[2]


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
