"""One shard of the toy store: a Parquet file that knows which toys it holds and that nobody has touched it."""

import hashlib
import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from autoscidact.errors import UserError
from autoscidact.files import atomic_path

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Shard:
    """Values of one statistic for some toys at one signal fraction.

    Attributes:
        key: hash of what defines the toys and the statistic.
        f_s: signal fraction. variants: names of the columns of t.
        index: (n,) toy numbers. t: (n, variants) float64, NaN where a fit failed.
        version: of the code that made it; empty for shards from before it was noted.
    """

    key: str
    f_s: float
    variants: tuple[str, ...]
    index: NDArray[np.int64]
    t: NDArray[np.float64]
    version: str = ""

    @property
    def checksum(self) -> str:
        """SHA-256 over everything the shard says."""
        digest = hashlib.sha256(f"{self.key}|{self.f_s!r}|{self.variants}".encode())
        digest.update(np.ascontiguousarray(self.index).tobytes() + np.ascontiguousarray(self.t).tobytes())
        return digest.hexdigest()


def write_shard(folder: Path, shard: Shard) -> Path:
    """Writes a shard under a name no other process can choose; whole or not at all."""
    name = f"{shard.f_s:.12g}_{shard.index[0]:08d}-{shard.index[-1]:08d}_{shard.checksum[:12]}.parquet"
    table = pa.table(
        {
            "f_s": np.full(len(shard.index), shard.f_s),
            "toy": shard.index,
            **{f"t:{variant}": shard.t[:, i] for i, variant in enumerate(shard.variants)},
        }
    ).replace_schema_metadata(
        {
            "autoscidact": f"toys/{SCHEMA_VERSION}",
            "key": shard.key,
            "checksum": shard.checksum,
            "version": shard.version,
            "written_by": f"{socket.gethostname()}:{os.getpid()}",
        }
    )
    path = folder / name
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary)
    return path


def read_shard(path: Path, key: str | None = None) -> Shard:
    """Reads a shard and checks that it is whole, unchanged and of this configuration.

    Raises:
        UserError: names the file and says which of the three it is not.
    """
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"toy shard {path} is truncated or damaged ({_first_line(error)}); delete it and its toys are made again"
        ) from error
    described = (table.schema.metadata or {}).items()
    metadata = {name.decode(errors="replace"): value.decode(errors="replace") for name, value in described}
    if metadata.get("autoscidact") != f"toys/{SCHEMA_VERSION}":
        raise UserError(f"{path} is not a toy shard of this version of autoscidact; move it out of the store")
    if key is not None and metadata.get("key") != key:
        raise UserError(
            f"toy shard {path} belongs to another configuration (key {metadata.get('key')}, here {key}); "
            "move it out of this store"
        )
    try:
        names = [name for name in table.column_names if name.startswith("t:")]
        if any(column.null_count for column in table.columns):
            raise ValueError("a value was taken out")
        shard = Shard(
            key=metadata["key"],
            f_s=float(table["f_s"][0].as_py()),
            variants=tuple(name.removeprefix("t:") for name in names),
            index=table["toy"].to_numpy().astype(np.int64),
            t=np.column_stack([table[name].to_numpy() for name in names]).astype(np.float64),
            version=metadata.get("version", ""),
        )
    except (KeyError, IndexError, TypeError, ValueError, pa.ArrowException) as error:
        raise UserError(f"toy shard {path} was edited: its columns are not those it was written with") from error
    if shard.checksum != metadata.get("checksum"):
        raise UserError(
            f"toy shard {path} was edited: its checksum does not fit; delete it and its toys are made again"
        )
    return shard


def _first_line(error: Exception) -> str:
    return re.split(r"[\n.]", str(error))[0]
