"""JetClass's files as shards of plain arrays, made once, that training reads without unpacking anything."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from autoscidact.data.jetclass.array_files import file_sha256, growing_array, write_array
from autoscidact.data.jetclass.layout import CLASSES, N_CHANNELS, N_PARTICLES, OBSERVERS
from autoscidact.data.jetclass.root_files import CHUNK, BadFile, count_entries, iterate_root
from autoscidact.errors import UserError
from autoscidact.files import content_hash, write_text
from autoscidact.progress import progress

SHARD = 25_000
"""Jets in a shard, 141 MB."""

INDEX = "index.json"
PARTICLES, LABELS, OBSERVED, RECORD = ".particles.npy", ".labels.npy", ".observers.npy", ".json"
OBSERVED_TYPE = np.dtype([("entry", "<i8"), *((name, "<f4") for name in OBSERVERS)])

ENTRY_BITS = 25
"""An event's id holds the row of its file in the lower bits and the file's checksum in the upper ones."""

# Changes whenever what stands in a shard does, so that shards made before are made again.
FORMAT = 1


@dataclass(frozen=True)
class _Recipe:
    source: Path
    sha256: str
    entries: tuple[int, int]
    n_particles: int
    skip_bad: bool
    chunk: int

    @property
    def name(self) -> str:
        key = content_hash([FORMAT, self.sha256, self.entries, self.n_particles, self.skip_bad], 10)
        return f"{self.source.stem}_{self.entries[0]:07d}_{key}"


def write_shards(
    files: Sequence[str | Path],
    folder: str | Path,
    n_particles: int = N_PARTICLES,
    shard_size: int = SHARD,
    skip_bad: bool = False,
    workers: int = 1,
    chunk: int = CHUNK,
) -> Path:
    """Writes the jets of ROOT files as shards, and an index of them; shards already in `folder` are kept.

    A shard is three arrays, (n, 22, n_particles) float32, (n,) int8 labels and (n,) records of observers, and a record
    that is written last: an interrupted run leaves whole shards, and the same call goes on with the next.

    Args:
        files: in the format of JetClass; two with the same content are refused.
        folder: of the shards and `index.json`, which names exactly the shards of this call.
        n_particles: particles kept of a jet.
        shard_size: rows of a file in a shard; the last of a file holds fewer.
        skip_bad: leave out bad jets (see `iterate_root`) and files that cannot be read, and count both in the index.
        workers: processes.
        chunk: jets in memory at once, in each process.

    Returns:
        The index. The same bytes for the same files, whatever `workers` and `chunk` are.

    Raises:
        UserError: names the file that is missing, damaged or of another format, or that nothing is left.
    """
    folder = Path(folder)
    recipes: dict[Path, list[_Recipe]] = {}
    skipped: dict[str, str] = {}
    sources = _checksums([Path(file) for file in files], skipped, skip_bad)
    for path, (sha256, n) in sources.items():
        ranges = [(start, min(start + shard_size, n)) for start in range(0, n, shard_size)]
        recipes[path] = [_Recipe(path, sha256, entries, n_particles, skip_bad, chunk) for entries in ranges]
    missing = [r for each in recipes.values() for r in each if not (folder / f"{r.name}{RECORD}").is_file()]
    total, left = sum(n for _, n in sources.values()), sum(r.entries[1] - r.entries[0] for r in missing)
    with progress("preparing jets", total, done=total - left) as bar:
        for recipe, error in _made(missing, folder, workers):
            bar.advance(recipe.entries[1] - recipe.entries[0])
            if error is not None and not skip_bad:
                raise error
            if error is not None:
                key = str(recipe.source)
                # Whichever shard of it fails first: the index does not depend on the order of the workers.
                skipped[key] = min(str(error), skipped.get(key, str(error)))
                recipes.pop(recipe.source, None)
    if not recipes:
        raise UserError(f"{folder}: no jets to prepare; {'; '.join(skipped.values()) or 'no files were given'}")
    shards = [json.loads((folder / f"{r.name}{RECORD}").read_text()) for each in recipes.values() for r in each]
    index = {
        "format": FORMAT,
        "n_particles": n_particles,
        "classes": CLASSES,
        "counts": {name: sum(shard["counts"][k] for shard in shards) for k, name in enumerate(CLASSES)},
        "bad_jets": sum(shard["bad_jets"] for shard in shards),
        "skipped_files": dict(sorted(skipped.items())),
        "shards": shards,
    }
    write_text(folder / INDEX, json.dumps(index, indent=1) + "\n")
    return folder / INDEX


def _checksums(files: list[Path], skipped: dict[str, str], skip_bad: bool) -> dict[Path, tuple[str, int]]:
    """Checksum and number of rows of each file that can be opened."""
    found: dict[Path, tuple[str, int]] = {}
    known: dict[str, Path] = {}
    with progress("checksums of files", len(files)) as bar:
        for path in files:
            bar.advance()
            try:
                n = count_entries(path)
                if n >= 1 << ENTRY_BITS:
                    raise BadFile(f"{path}: {n} jets in one file; more than {(1 << ENTRY_BITS) - 1} must be split")
            except BadFile as error:
                if not skip_bad:
                    raise
                skipped[str(path)] = str(error)
                continue
            sha256 = file_sha256(path)
            if sha256 in known:
                raise UserError(f"{path} and {known[sha256]} are the same file; leave one of them out")
            known[sha256] = path
            found[path] = (sha256, n)
    return found


def _made(recipes: list[_Recipe], folder: Path, workers: int) -> Iterator[tuple[_Recipe, BadFile | None]]:
    """Makes shards, in this process if one worker is enough; with what was wrong with the file."""
    if workers == 1 or len(recipes) <= 1:
        for recipe in recipes:
            yield recipe, _make(recipe, folder)
        return
    # Spawned, not forked: threads that the parent holds do not survive a fork.
    with ProcessPoolExecutor(min(workers, len(recipes)), mp_context=get_context("spawn")) as pool:
        futures: dict[Future[BadFile | None], _Recipe] = {pool.submit(_make, r, folder): r for r in recipes}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _make(recipe: _Recipe, folder: Path) -> BadFile | None:
    labels, observed, n_bad = [], [], 0
    base = folder / recipe.name
    particles = base.with_name(base.name + PARTICLES)
    jets = iterate_root(recipe.source, recipe.n_particles, recipe.entries, recipe.skip_bad, recipe.chunk)
    try:
        with growing_array(particles, (N_CHANNELS, recipe.n_particles), np.dtype("<f4")) as append:
            for part in jets:
                append(part.particles)
                records = np.zeros(len(part), dtype=OBSERVED_TYPE)
                records["entry"] = part.entries
                for name in OBSERVERS:
                    records[name] = part.observers[name]
                labels.append(part.labels.astype(np.int8))
                observed.append(records)
                n_bad += part.n_bad
    except BadFile as error:
        return error
    label = np.concatenate(labels)
    write_array(base.with_name(base.name + LABELS), label)
    write_array(base.with_name(base.name + OBSERVED), np.concatenate(observed))
    record: dict[str, Any] = {
        "name": recipe.name,
        "file": recipe.source.name,
        "sha256": recipe.sha256,
        "rows": recipe.entries,
        "n": len(label),
        "counts": np.bincount(label, minlength=len(CLASSES)).tolist(),
        "bad_jets": n_bad,
        "bytes": particles.stat().st_size,
    }
    write_text(base.with_name(base.name + RECORD), json.dumps(record))
    return None
