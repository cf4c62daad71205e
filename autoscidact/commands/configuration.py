"""Reading a composed configuration: plain values, missing ones, run folders, the nearest existing name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoscidact.errors import UserError
from autoscidact.files import content_hash

if TYPE_CHECKING:
    from omegaconf import DictConfig

# The keys other programs may rely on, with what --help and "... is missing" say of them.
PUBLIC_KEYS: dict[str, str] = {
    "seed": "a whole number; the same seed gives the same numbers",
    "f_s": "signal fraction or list of them: 0.01 or [0.005,0.01,0.02]",
    "dataset.path": "the file that holds your events: CSV, TSV, Parquet, HDF5, NPZ or NPY",
    "dataset.label": "the name of the column that holds each event's class",
    "dataset.signal": "the class held out as the signal",
    "encoder.dim": "number of embedding dimensions",
    "loss.temperature": "contrastive temperature tau",
    "loss.lambda_ce": "weight of the cross-entropy term",
    "toys.n_ref": "|R|, events in the reference",
    "toys.n_data": "|D|, background events in the data",
    "toys.n_null": "toys without signal, which calibrate p",
    "toys.n_signal": "toys at each f_s",
    "nplm.n_centers": "Nystroem centres M, or auto",
    "nplm.penalty": "regularisation lambda",
    "nplm.newton_steps": "null converges; 1 stops after one Newton step",
    "kernel.widths": "kernel widths: [0.5,1,2]",
    "checkpoint": "the file of a finished training",
    "observed": "the file of observed events, in the form of the dataset's own; labels are not needed",
    "expected": "expected |D|: auto, weights, observed, or a number",
    "calibration": "observe: toys, permutation or both; discover: also coverage",
    "control": "ranges of observers where no signal is expected: control={mass: [80,90]}",
    "select": "ranges of observers that all events must lie in: select={mass: [80,150]}",
    "systematics": "how far off the reference may be: systematics={rate: {scale: 0.1}}",
    "candidates": "files of known events to look for among the highest-ranked",
    "toys.n_pseudo": "calibration=coverage: toys that stand for observations",
    "toys.shards": "discover: divide the toys among so many jobs of hydra/launcher",
    "embedding": "a file of embedded events with labels, or raw for the events' own features",
    "dataset.ideal_supervised": "train: true puts the signal into the training, for that comparison only",
    "dataset.label_noise": "train: part of the training events that get a wrong label",
    "toys.n_permutations": "permutations of each toy, for tests that offer that calibration; 0 for none",
    "smoke": "true: a few toys and epochs, to see that everything runs",
    "workers": "points of a study at once, or auto",
    "runs": "folders of finished discoveries, or folders above some: [outputs/discover/digits]",
    "mirror": "prepare: a folder or archive that holds the open files; without it they are downloaded",
    "source": "prepare: where simulated events come from, for datasets that offer a choice: files or pythia",
    "n_events": "prepare: about how many simulated events to have after the selection",
    "n_per_class": "prepare: with source=pythia, how many jets of each class to generate",
    "data.skip_bad_files": "prepare: true leaves out what is damaged, and counts it, instead of refusing",
    "embed.splits": "train, embed: which events to embed; discover needs test",
    "embed.n_train": "train, embed: at most so many of the training split, for the supervised tests",
    "datasets": "only these datasets: digits or [digits,synthetic]",
    "last": "status: only so many of the latest sweeps",
    "x": "report: the key of a sweep that is the x axis: encoder.dim, toys.n_ref, kernel, f_s",
    "over": "report: keys of which median and spread are shown: seed or [seed,dataset.seed]",
    "only": "report: only runs with these values: only={encoder.dim: 4, f_s: [0.01,0.02]}",
    "to": "the folder to write the report to",
    "outputs": "the folder that runs write under",
    "device": "auto, cpu, cuda or mps",
    "threads": "CPU threads",
}


def plain(cfg: DictConfig) -> dict[str, Any]:
    """The configuration as plain dicts, lists and values, every reference resolved.

    Raises:
        UserError: a mandatory value is missing, or a reference (an environment variable, say) has no value.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        require_values(cfg)
        container = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=False)
    except OmegaConfBaseException as error:
        raise UserError(f"configuration: {str(error).splitlines()[0]}") from error
    assert isinstance(container, dict)
    config = {str(key): _without_marks(value) for key, value in container.items()}
    if "outputs" in config and config["outputs"] in (None, ""):
        raise UserError("outputs is empty; give the folder that runs write under, outputs=DIR")
    return config | ({"outputs": str(config["outputs"])} if "outputs" in config else {})


def _without_marks(value: Any) -> Any:
    # What was excused from being given (`require_values`) is None, not OmegaConf's mark.
    if isinstance(value, dict):
        return {str(key): _without_marks(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_without_marks(entry) for entry in value]
    return None if value == "???" else value


def record_yaml(cfg: DictConfig) -> str:
    """The resolved configuration as YAML, for the run's folder."""
    from omegaconf import OmegaConf

    return OmegaConf.to_yaml(cfg, resolve=True)


def require_values(cfg: DictConfig) -> None:
    """Raises UserError naming every mandatory key (`???`) that was given no value, and what it takes.

    With `embedding=FILE` events come embedded, so the dataset's own keys are not asked for.
    """
    from omegaconf import OmegaConf

    missing = OmegaConf.missing_keys(cfg)
    if cfg.get("embedding") is not None:
        missing = {key for key in missing if not key.startswith("dataset.")}
    if missing:
        keys = sorted(missing, key=lambda key: (list(PUBLIC_KEYS).index(key) if key in PUBLIC_KEYS else 999, key))
        wanted = "; ".join(f"{key}=... ({PUBLIC_KEYS[key]})" if key in PUBLIC_KEYS else f"{key}=..." for key in keys)
        raise UserError(f"{', '.join(keys)} {'is' if len(keys) == 1 else 'are'} missing: give {wanted}")


def whole_number(key: str, value: Any, least: int) -> int:
    """A whole number, also one written as 1e4.

    Raises:
        UserError: names the key; `value` is none, or below `least`.
    """
    is_whole = isinstance(value, (int, float)) and not isinstance(value, bool) and value == value // 1
    if not is_whole or value < least:
        raise UserError(f"{key}={value} must be a whole number of at least {least}")
    return int(value)


def switch(key: str, value: Any) -> bool:
    """True or false. Raises UserError naming the key for anything else: any other word would count as true."""
    if not isinstance(value, bool):
        raise UserError(f"{key}={value}: choose true or false")
    return value


def random_seed(config: Mapping[str, Any]) -> int:
    """The seed. Raises UserError unless it is a whole number that every generator takes, 0 to 2**63 - 1."""
    if whole_number("seed", config["seed"], 0) >= 2**63:
        raise UserError(f"seed={config['seed']} must be below 2**63")
    return int(config["seed"])


def as_list(value: Any) -> list[Any]:
    """A list as it is, anything else as a list of one: `f_s=0.01` means `f_s=[0.01]`."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def run_folder(outputs: str | Path, command: str, dataset: str, key: Mapping[str, Any]) -> Path:
    """The folder of a run: `outputs/command/dataset/HASH`, where equal `key`s share one and others never do.

    Args:
        outputs: the folder that all runs write under.
        command: the verb, such as "train".
        dataset: the dataset's name.
        key: everything that decides the result, JSON-serialisable; nothing that does not (threads, device, paths).
    """
    if not re.fullmatch(r"[^/\\\0]+", dataset) or dataset in (".", ".."):
        raise UserError(f"dataset.name={dataset!r} names a folder: use a name without slashes")
    return Path(outputs) / command / dataset / content_hash(dict(key))


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like `word`; None only if there are none. `n_ref` finds `toys.n_ref`."""

    def likeness(candidate: str) -> float:
        whole = difflib.SequenceMatcher(None, word.lower(), candidate.lower()).ratio()
        last = difflib.SequenceMatcher(None, word.lower(), candidate.lower().rpartition(".")[2]).ratio()
        return max(whole, 0.98 * last)

    # Sorted first, so that a tie does not depend on the order of a set.
    return max(sorted(candidates), key=likeness, default=None)
