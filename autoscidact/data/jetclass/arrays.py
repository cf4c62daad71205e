"""JetClass's files as shards of plain arrays, made once, that training reads without unpacking anything."""

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from autoscidact.data.jetclass.array_files import growing_array
from autoscidact.data.jetclass.layout import CLASSES, N_CHANNELS, N_PARTICLES, OBSERVERS
from autoscidact.data.jetclass.root_files import CHUNK, BadFile, iterate_root
from autoscidact.data.jetclass.root_sources import RootSource, folder_of_copies
from autoscidact.data.jetclass.shard_index import write_index
from autoscidact.data.jetclass.shard_recipe import (
    LABELS,
    OBSERVED,
    OBSERVED_TYPE,
    PARTICLES,
    RECORD,
    ShardRecipe,
    known_recipes,
    opened_recipes,
)
from autoscidact.data.known_files import KnownFiles
from autoscidact.errors import UserError
from autoscidact.files import make_folder, write_array, write_text
from autoscidact.progress import progress

SHARD = 25_000
"""Jets in a shard, 141 MB."""


def write_shards(
    files: Sequence[str | Path | RootSource],
    folder: str | Path,
    n_particles: int = N_PARTICLES,
    shard_size: int = SHARD,
    skip_bad: bool = False,
    workers: int = 1,
    chunk: int = CHUNK,
    skipped: Mapping[str, str] | None = None,
) -> Path:
    """Writes the jets of ROOT files as shards, and an index of them; shards already in `folder` are kept.

    A shard is three arrays, (n, 22, n_particles) float32, (n,) int8 labels and (n,) records of observers, and a record
    that is written last: an interrupted run leaves whole shards, and the same call goes on with the next. Checksums
    are remembered there, so that files whose shards are made are not read again. Members of archives are copied into
    `folder` while their shards are made, a few at once.

    Args:
        files: in the format of JetClass; two with the same content are refused.
        folder: of the shards and `index.json`, which names exactly the shards of this call.
        n_particles: particles kept of a jet.
        shard_size: rows of a file in a shard; the last of a file holds fewer.
        skip_bad: leave out bad jets (see `iterate_root`) and files that cannot be read, and count both in the index.
        workers: processes.
        chunk: jets in memory at once, in each process.
        skipped: file to what is wrong with it, for those that the caller has left out already.

    Returns:
        The index. The same bytes for the same files, whatever `workers` and `chunk` are.

    Raises:
        UserError: names the file that is missing, damaged or of another format, or that nothing is left.
    """
    folder = make_folder(folder)
    sources = [file if isinstance(file, RootSource) else RootSource(Path(file)) for file in files]
    known, reasons = KnownFiles(folder), dict(skipped or {})
    recipes: dict[RootSource, list[ShardRecipe]] = {}
    waiting: dict[RootSource, int] = {}
    same: dict[str, RootSource] = {}

    def pattern(source: RootSource) -> ShardRecipe:
        return ShardRecipe(source, source.path, "", (0, 0), n_particles, skip_bad, chunk)

    # What is made already must not count in the rate that the time left follows from.
    made = {source: known_recipes(pattern(source), shard_size, known) for source in sources}
    made = {source: found for source, found in made.items() if found and all(r.is_made(folder) for r in found)}

    def leave_out(source: RootSource, error: BadFile) -> None:
        if not skip_bad:
            raise error
        # Whichever shard of it fails first: the index does not depend on the order of the workers.
        reasons[source.label] = min(str(error), reasons.get(source.label, str(error)))
        recipes.pop(source, None)

    def missing(temporary: Path) -> Iterator[ShardRecipe]:
        """Opens one file after the other, when its shards are asked for."""
        for source in sources:
            try:
                found = made.get(source) or opened_recipes(pattern(source), shard_size, known, temporary)
            except BadFile as error:
                leave_out(source, error)
                bar.advance()
                continue
            twin = same.setdefault(found[0].sha256, source)
            if twin is not source:
                raise UserError(f"{source.label} and {twin.label} are the same file; leave one of them out")
            recipes[source] = found
            left = [recipe for recipe in found if not recipe.is_made(folder)]
            waiting[source] = len(left)
            if not left:
                source.put_away(found[0].path)
                bar.advance(source not in made)
            yield from left

    with (
        folder_of_copies(folder) as temporary,
        progress("ROOT files prepared", len(sources), done=len(made)) as bar,
        closing(_made(missing(temporary), folder, workers)) as results,
    ):
        for recipe, error in results:
            if error is not None:
                leave_out(recipe.source, recipe.source.named(error, recipe.path))
            waiting[recipe.source] -= 1
            if waiting[recipe.source] == 0:
                recipe.source.put_away(recipe.path)
                bar.advance()
    if not recipes:
        raise UserError(f"{folder}: no jets to prepare; {'; '.join(reasons.values()) or 'no files were given'}")
    return write_index(folder, (recipe for found in recipes.values() for recipe in found), n_particles, reasons)


def _made(
    recipes: Iterator[ShardRecipe], folder: Path, workers: int
) -> Generator[tuple[ShardRecipe, BadFile | None], None, None]:
    """Makes shards, in this process if one worker is enough; with what was wrong with the file."""
    if workers == 1:
        for recipe in recipes:
            yield recipe, _make(recipe, folder)
        return
    # Spawned, not forked: threads that the parent holds do not survive a fork.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        pending: dict[Future[BadFile | None], ShardRecipe] = {}
        try:
            while True:
                # Not all at once: each file that waits may be a copy on the disk.
                while len(pending) < 2 * workers and (coming := next(recipes, None)) is not None:
                    pending[pool.submit(_make, coming, folder)] = coming
                if not pending:
                    return
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    yield pending.pop(future), future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _make(recipe: ShardRecipe, folder: Path) -> BadFile | None:
    labels, observed, n_bad = [], [], 0
    base = folder / recipe.name
    particles = base.with_name(base.name + PARTICLES)
    jets = iterate_root(recipe.path, recipe.n_particles, recipe.entries, recipe.skip_bad, recipe.chunk)
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
