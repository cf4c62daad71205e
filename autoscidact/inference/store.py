"""The toy store: append-only shards of t, resumable, extendable, mergeable, locked while it is written."""

import fcntl
import json
import os
import socket
import sys
import time
from collections import defaultdict
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from autoscidact.errors import UserError
from autoscidact.files import content_hash, make_folder, write_text
from autoscidact.inference.shard import Shard, read_shard, write_shard
from autoscidact.provenance import code_version


class StoreInUse(UserError):
    """Another run writes the store: the same command works once that has ended."""


class ToyStore:
    """All toys that one statistic has been evaluated on, for one definition of toys.

    A store is a folder of Parquet shards. Its key hashes the definition of the toys and of
    the statistic, not how many toys there are nor which signal fractions: those extend it.
    Copying the shards of one store into another of the same key merges them.

    Runs that each do a part of their own (`part`) may write one store at the same time; any other run has it alone.

    Args:
        folder: where stores lie; this one is `folder/KEY`.
        definition: JSON-serialisable; everything that t depends on but f_s and the toy's index.
        variants: names of the values that the statistic gives for a toy.
        part: (i, n) for a run that evaluates the i-th of n parts, see `engine.evaluate_missing`.

    Raises:
        UserError: the folder cannot be written, or a shard in it is damaged, edited or foreign.
    """

    def __init__(
        self,
        folder: str | Path,
        definition: dict[str, object],
        variants: tuple[str, ...],
        part: tuple[int, int] = (0, 1),
    ) -> None:
        self.part = part
        self.key = content_hash({**definition, "variants": variants}, length=24)
        self.folder = make_folder(Path(folder) / self.key)
        self.variants = variants
        self._values: dict[float, dict[int, NDArray[np.float64]]] = defaultdict(dict)
        self._locks: list[int] = []
        description = self.folder / "definition.json"
        if not description.exists():
            write_text(description, json.dumps(definition, indent=1, default=str) + "\n")
        for path in sorted(self.folder.glob("*.parquet")):
            self._remember(read_shard(path, self.key))

    def __enter__(self) -> "ToyStore":
        """Takes the lock. Raises UserError naming who holds it."""
        alone = self.part[1] == 1
        try:
            self._lock("lock", fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            if not alone:
                self._lock(f"lock.{self.part[0]}of{self.part[1]}", fcntl.LOCK_EX)
        except BaseException:
            self._release()
            raise
        if alone:
            # Writes that a kill cut short; beside other runs they may be theirs.
            for leftover in self.folder.glob(".*.part"):
                leftover.unlink(missing_ok=True)
        # What another run wrote between our reading and our locking.
        for shard_path in sorted(self.folder.glob("*.parquet")):
            self._remember(read_shard(shard_path, self.key))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The kernel drops the lock of a killed process as well: nothing is left to clean up by hand.
        self._release()

    def _lock(self, name: str, kind: int) -> None:
        try:
            handle = os.open(self.folder / name, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise UserError(f"cannot write the toy store {self.folder}: {error.strerror}") from error
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise StoreInUse(
                f"the toy store {self.folder} is in use by {self._holder()}; wait for it to end, or stop it"
            ) from error
        self._locks.append(handle)
        # Who shares a lock says so in the one of its own part.
        os.ftruncate(handle, 0)
        if kind == fcntl.LOCK_EX:
            who = f"process {os.getpid()} on {socket.gethostname()} since {time.strftime('%Y-%m-%d %H:%M:%S')}"
            os.pwrite(handle, f"{who} ({Path(sys.argv[0]).name} {' '.join(sys.argv[1:])})".encode(), 0)

    def _holder(self) -> str:
        for path in [self.folder / "lock", *sorted(self.folder.glob("lock.*"))]:
            with path.open("rb") as file:
                text = file.read(4096).decode(errors="replace").strip()
            if text:
                return text
        return "another run"

    def _release(self) -> None:
        while self._locks:
            handle = self._locks.pop()
            os.ftruncate(handle, 0)
            os.close(handle)

    def add(self, f_s: float, index: NDArray[np.int64], t: NDArray[np.float64]) -> None:
        """Appends toys as one shard, which is on disk when this returns.

        Raises:
            UserError: the disk is full or read-only; what was there before is untouched.
        """
        shard = Shard(self.key, float(f_s), self.variants, index, t, code_version())
        write_shard(self.folder, shard)
        self._remember(shard)

    def missing(self, f_s: float, indices: range) -> list[int]:
        """Which of these toys the store does not hold."""
        known = self._values[f_s]
        return [index for index in indices if index not in known]

    def values(self, f_s: float, n_toys: int) -> NDArray[np.float64]:
        """t of toys 0 .. n_toys - 1, (n_toys, variants); NaN where a fit failed.

        Raises:
            KeyError: one of them is not there.
        """
        known = self._values[f_s]
        return np.array([known[index] for index in range(n_toys)]).reshape(n_toys, len(self.variants))

    def _remember(self, shard: Shard) -> None:
        if shard.variants != self.variants:
            raise UserError(f"toy store {self.folder}: a shard has variants {shard.variants}, not {self.variants}")
        if shard.version not in ("", code_version()):
            raise UserError(
                f"toy store {self.folder} holds toys of autoscidact {shard.version}, and this is {code_version()}: two "
                "versions may give other numbers; use that one, another outputs=DIR, or delete the store"
            )
        known = self._values[shard.f_s]
        for index, row in zip(shard.index.tolist(), shard.t, strict=True):
            known.setdefault(index, row)
