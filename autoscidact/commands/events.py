"""Where `discover` gets its embedded events: a finished training, a checkpoint, the user's own file, or raw events."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from autoscidact.commands.dataset import load_dataset
from autoscidact.commands.embed import chosen_rows
from autoscidact.commands.sight import sight
from autoscidact.commands.trained import CHECKPOINT, EMBEDDING, RAW, training_folder
from autoscidact.embedding.checkpoint import check_matches
from autoscidact.embedding.embed import embed_dataset, unembedded
from autoscidact.embedding.table import EmbeddedEvents, read_embedding
from autoscidact.errors import UserError


def embedded_events(
    cfg: DictConfig, config: Mapping[str, Any], device: str, needs_signal: bool = True
) -> EmbeddedEvents:
    """The embedded events that the configuration asks for.

    Args:
        needs_signal: there must be signal events among those to test with.

    Raises:
        UserError: no training of this configuration yet (says the command that makes one), a checkpoint
            that is damaged or does not fit, no signal class in the file, or nothing in it to test on.
    """
    if config["dataset"].get("ideal_supervised"):
        raise UserError(
            "dataset.ideal_supervised is for train: statistic=ideal_supervised finds that embedding by itself, and no "
            "other statistic may use it"
        )
    events = _read_or_embed(cfg, config, device)
    if events.provenance.get("ideal_supervised"):
        raise UserError(
            f"{config['embedding'] or config['checkpoint']} was trained with the signal in; only "
            "statistic=ideal_supervised may use it, and it finds it by itself"
        )
    source = config["embedding"] or config["checkpoint"] or training_folder(config)
    test = events.labels[events.splits == "test"]
    for kind, count in (("background", (test != events.signal).sum()), ("signal", (test == events.signal).sum())):
        if count == 0 and (kind == "background" or needs_signal):
            raise UserError(f"{source}: there are no {kind} events (signal {events.signal!r}) in the test split")
    return events


def _read_or_embed(cfg: DictConfig, config: Mapping[str, Any], device: str) -> EmbeddedEvents:
    if config["embedding"] == RAW:
        return unembedded(load_dataset(cfg))
    if config["embedding"] is not None:
        dataset = config["dataset"]
        events = read_embedding(
            config["embedding"],
            label=dataset.get("label"),
            signal=dataset.get("signal"),
            observers=dataset.get("observers") or (),
        )
        if events.signal is None:
            known = ", ".join(sorted(set(events.labels.tolist()))[:30])
            raise UserError(
                f"embedding {config['embedding']} does not say which class is the signal; "
                f"give dataset.signal=CLASS, one of {known}"
            )
        return events
    if config["checkpoint"] is not None:
        return _from_checkpoint(cfg, config, Path(config["checkpoint"]), device)
    folder = training_folder(config)
    if (folder / EMBEDDING).is_file():
        return _unless_changed(cfg, config, read_embedding(folder / EMBEDDING))
    if (folder / CHECKPOINT).is_file():
        return _from_checkpoint(cfg, config, folder / CHECKPOINT, device)
    raise UserError(
        f"no finished training of this configuration in {folder}; make one with `{train_command()}`, "
        "or give checkpoint=FILE or embedding=FILE"
    )


def _unless_changed(cfg: DictConfig, config: Mapping[str, Any], events: EmbeddedEvents) -> EmbeddedEvents:
    # A file whose content was replaced has the same path, so the same folder: only the events tell.
    path = config["dataset"].get("path")
    if path is not None and Path(path).expanduser().exists():
        dataset = load_dataset(cfg)
        if events.provenance["dataset"]["fingerprint"] != dataset.fingerprint:
            raise UserError(
                f"{path} has changed since the training in {training_folder(config)}, which is of other events; "
                "restore the file, or delete that folder and train again"
            )
    return events


def _from_checkpoint(cfg: DictConfig, config: Mapping[str, Any], path: Path, device: str) -> EmbeddedEvents:
    seen = sight(config, device)
    checkpoint = seen.load(path)
    dataset = load_dataset(cfg)
    check_matches(checkpoint, dataset, config["encoder"]["dim"])
    return embed_dataset(checkpoint, seen.of_dataset(dataset), device=device, rows=chosen_rows(dataset, config))


def ideal_events(cfg: DictConfig, config: Mapping[str, Any], device: str) -> EmbeddedEvents:
    """The same events as `embedded_events`, embedded with the signal in the training.

    Raises:
        UserError: there is no such training (says the command that makes one).
    """
    if config["embedding"] is not None:
        raise UserError(f"ideal_supervised needs events it can embed anew, not embedding={config['embedding']}")
    ideal = {**config, "checkpoint": None, "dataset": {**config["dataset"], "ideal_supervised": True}}
    folder = training_folder(ideal)
    if not (folder / CHECKPOINT).is_file():
        raise UserError(
            f"no finished training with the signal in; make one with `{train_command()} dataset.ideal_supervised=true`"
        )
    return _read_or_embed(cfg, ideal, device)


def train_command() -> str:
    """The train command that matches the discover command being run."""
    groups = ("dataset", "encoder", "loss", "trainer", "logger", "seed", "outputs", "experiment", "debug")
    words = [word for word in sys.argv[2:] if word.lstrip("+~").partition("=")[0].partition(".")[0] in groups]
    if "--config-dir" in sys.argv:
        words = ["--config-dir", sys.argv[sys.argv.index("--config-dir") + 1], *words]
    return shlex.join(["autoscidact", "train", *words])
