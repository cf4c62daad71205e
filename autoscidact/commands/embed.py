"""Embed a dataset's events with a finished training: the table that discover and observe start from.

`train` does this at its end. This command does it by itself, part after part and in bounded memory: for a
checkpoint from elsewhere, other splits or more training events. It resumes where it was interrupted.

Examples:
    autoscidact embed dataset=jetclass
    autoscidact embed dataset=jetclass embed.splits=[test]
    autoscidact embed dataset=digits checkpoint=checkpoint.safetensors
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig

from autoscidact.commands.compute import choose_device, use_threads
from autoscidact.commands.configuration import as_list, plain, random_seed, record_yaml, run_folder, whole_number
from autoscidact.commands.dataset import load_dataset
from autoscidact.commands.sight import sight
from autoscidact.commands.trained import CHECKPOINT, EMBEDDING, training_folder
from autoscidact.data.contract import SPLITS, Dataset
from autoscidact.embedding.checkpoint import Checkpoint, check_matches
from autoscidact.embedding.embed import rows_to_embed
from autoscidact.embedding.embed_files import embed_to_file
from autoscidact.errors import UserError
from autoscidact.files import make_folder, write_text
from autoscidact.provenance import record


def run(cfg: DictConfig) -> Path:
    """Writes the table of embedded events and returns its path."""
    config = plain(cfg)
    config["seed"] = random_seed(config)
    device = choose_device(config["device"])
    use_threads(config["threads"])
    checkpoint = Path(config["checkpoint"] or training_folder(config) / CHECKPOINT).expanduser()
    if config["checkpoint"] is None and not checkpoint.is_file():
        raise UserError(f"no finished training of this configuration in {checkpoint.parent}; give checkpoint=FILE")
    seen = sight(config, device)
    trained = seen.load(checkpoint)
    dataset = load_dataset(cfg)
    check_matches(trained, dataset, config["encoder"]["dim"])
    key = {"checkpoint": trained.metadata.get("key"), "dataset": dataset.fingerprint, "embed": config["embed"]}
    folder = make_folder(run_folder(config["outputs"], "embed", dataset.name, {**key, "seed": config["seed"]}))
    path = folder / EMBEDDING
    if path.is_file():
        print(f"these events are embedded already: {path}")
        return path
    rows = chosen_rows(dataset, config)
    embed_to_file(trained, seen.of_dataset(dataset), path, rows, device)
    write_text(folder / "config.yaml", record_yaml(cfg))
    write_text(folder / "run.json", record(config, about(dataset, trained, rows)))
    print(f"  {path}\n  next: autoscidact discover dataset={dataset.name} embedding={path}")
    return path


def chosen_rows(dataset: Dataset, config: Mapping[str, Any]) -> Any:
    """(k,) the dataset's rows that `embed` asks for. Raises UserError for what is no split or number."""
    splits, n_train = tuple(str(name) for name in as_list(config["embed"]["splits"])), config["embed"]["n_train"]
    unknown = [name for name in splits if name not in SPLITS]
    if unknown or not splits:
        raise UserError(f"embed.splits={list(splits)}: choose from {', '.join(SPLITS)}")
    if n_train is not None:
        n_train = whole_number("embed.n_train", n_train, 0)
    rows = rows_to_embed(dataset, splits, n_train, config["seed"])
    if not len(rows):
        raise UserError(f"embed.splits={list(splits)}: dataset={dataset.name} has no events there to embed")
    return rows


def about(dataset: Dataset, trained: Checkpoint, rows: Any) -> dict[str, Any]:
    """What run.json says of an embedding."""
    counts = np.bincount(dataset.split[rows], minlength=len(SPLITS)).tolist()
    return {
        "dataset": {
            "fingerprint": dataset.fingerprint,
            "signal": dataset.signal,
            "events": dict(zip(SPLITS, counts, strict=True)),
        },
        "checkpoint": str(trained.path),
    }
