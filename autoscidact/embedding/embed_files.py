"""Embeddings of more events than fit in memory: part after part to disk, which an interruption leaves whole."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from autoscidact.data.contract import Dataset
from autoscidact.embedding.checkpoint import Checkpoint
from autoscidact.embedding.embed import embed_dataset
from autoscidact.embedding.table import write_embedding
from autoscidact.files import array_hash, atomic_path, content_hash, make_folder
from autoscidact.progress import progress

PART = 50_000
"""Events of a part: what an interruption may cost, and what is in memory at once but for one batch of features."""


def embed_to_file(
    checkpoint: Checkpoint,
    dataset: Dataset,
    path: str | Path,
    rows: NDArray[np.int64] | None = None,
    device: str | torch.device = "cpu",
    batch_size: int = 4096,
    part: int = PART,
) -> Path:
    """Embeds events of a dataset and writes them as one table, see `write_embedding`.

    Parts lie in `PATH.parts/` until the table is whole; the same call goes on after the last of them.

    Args:
        rows: of the dataset, rising; by default all.
        part: events of a part.

    Returns:
        `path`; the same bytes with and without interruptions.

    Raises:
        UserError: see `embed`, or the folder cannot be written.
    """
    path = Path(path)
    rows = np.arange(len(dataset.events)) if rows is None else rows
    pieces = [rows[start : start + part] for start in range(0, len(rows), part)]
    folder = path.with_name(path.name + ".parts")
    key = content_hash([checkpoint.metadata.get("key"), dataset.fingerprint, array_hash(rows), part])
    files = [make_folder(folder) / f"{key}_{k:06d}.parquet" for k in range(len(pieces))]
    done = sum(len(piece) for piece, file in zip(pieces, files, strict=True) if file.is_file())
    with progress("embedding events", len(rows), done=done) as bar:
        for piece, file in zip(pieces, files, strict=True):
            if not file.is_file():
                write_embedding(file, embed_dataset(checkpoint, dataset, batch_size, device, piece))
                bar.advance(len(piece))
    with atomic_path(path) as temporary, pq.ParquetWriter(temporary, pq.read_schema(files[0])) as writer:
        for file in files:
            writer.write_table(pq.read_table(file))
    shutil.rmtree(folder)
    return path
