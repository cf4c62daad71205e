"""Generated and selected events on disk, in shards that an interrupted run leaves whole."""

import json
import math
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from autoscidact.data.fourlepton import response
from autoscidact.data.fourlepton.generator import Process, generate
from autoscidact.data.fourlepton.leptons import Leptons, concatenate, ordered
from autoscidact.data.fourlepton.selection import cuts
from autoscidact.errors import UserError
from autoscidact.files import atomic_path, content_hash
from autoscidact.progress import progress

SHARD = 10_000
"""Generated events in a shard."""

_MAX_PYTHIA_SEED = 900_000_000


@dataclass(frozen=True)
class Sample:
    """Measured events of a generated process.

    Attributes:
        leptons: those with all four leptons found and selected, whatever their mass of four.
        n_generated: events generated for them.
        cross_section: pb, leading order, of the generated process in the generated range of masses.
        masses: range in GeV of m4l within which nothing is missing.
    """

    leptons: Leptons
    n_generated: int
    cross_section: float
    masses: tuple[float, float]


@dataclass(frozen=True)
class _Recipe:
    process: Process
    masses: tuple[float, float]
    seed: int
    number: int

    def path(self, folder: Path) -> Path:
        resolution = [response.MUON_RESOLUTION, response.ELECTRON_RESOLUTION, response.ELECTRON_TAIL]
        efficiency = [response.MUON_EFFICIENCY, response.ELECTRON_EFFICIENCY]
        key = content_hash([self.process, self.masses, self.seed, SHARD, resolution, efficiency], 8)
        return folder / f"{self.process}_{key}_{self.number:04d}.parquet"


def generate_sample(
    process: Process, n_generated: int, masses: tuple[float, float], seed: int, folder: Path, workers: int
) -> Sample:
    """Generates, measures and selects events in parallel; shards already in `folder` are kept.

    Args:
        n_generated: rounded up to whole shards.
        masses: range in GeV of m4l that must be complete; events are generated in a wider one, so that radiation and
            resolution bring in as many as they take out.
        folder: of the shards.
        workers: processes.

    Returns:
        The same events for the same seed, whatever the number of workers.
    """
    recipes = [_Recipe(process, masses, seed, k) for k in range(math.ceil(n_generated / SHARD))]
    missing = [recipe for recipe in recipes if not recipe.path(folder).is_file()]
    with progress(f"generating {process}", len(recipes) * SHARD, done=(len(recipes) - len(missing)) * SHARD) as bar:
        for _ in _made(missing, folder, workers):
            bar.advance(SHARD)
    shards = [read_sample(recipe.path(folder)) for recipe in recipes]
    return Sample(
        leptons=concatenate([shard.leptons for shard in shards]),
        n_generated=sum(shard.n_generated for shard in shards),
        cross_section=float(np.mean([shard.cross_section for shard in shards])),
        masses=masses,
    )


def write_sample(path: Path, sample: Sample) -> None:
    """Writes a sample as Parquet with what its weights need in the metadata; atomically."""
    leptons = sample.leptons
    columns: dict[str, NDArray[np.generic]] = {"event": leptons.event}
    for i in range(4):
        columns |= {f"{name}{i + 1}": leptons.p4[:, i, k] for k, name in enumerate(("px", "py", "pz", "E"))}
        columns |= {f"PID{i + 1}": -leptons.charge[:, i] * leptons.kind[:, i], f"Q{i + 1}": leptons.charge[:, i]}
    facts = {name: getattr(sample, name) for name in ("n_generated", "cross_section", "masses")}
    table = pa.table(columns).replace_schema_metadata({"autoscidact": json.dumps(facts)})
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary)


def read_sample(path: Path) -> Sample:
    """Reads what `write_sample` wrote. Raises UserError if it is missing or damaged."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; make it with autoscidact prepare dataset=fourlepton")
    try:
        table = pq.read_table(path)
        facts = json.loads(table.schema.metadata[b"autoscidact"])
        column = {name: table[name].to_numpy() for name in table.column_names}
        p4 = np.stack([np.stack([column[f"{n}{i}"] for n in ("px", "py", "pz", "E")], -1) for i in range(1, 5)], 1)
        kind = np.abs(np.stack([column[f"PID{i}"] for i in range(1, 5)], axis=1))
        charge = np.stack([column[f"Q{i}"] for i in range(1, 5)], axis=1)
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: damaged; delete it and run autoscidact prepare dataset=fourlepton") from error
    run = np.ones(len(table), dtype=np.int64)
    leptons = ordered(p4, kind, charge, run, column["event"])
    return Sample(leptons, facts["n_generated"], facts["cross_section"], (facts["masses"][0], facts["masses"][1]))


def _made(recipes: list[_Recipe], folder: Path, workers: int) -> Iterator[None]:
    """Makes shards, in this process if one worker is enough."""
    if workers == 1 or len(recipes) <= 1:
        for recipe in recipes:
            _make(recipe, folder)
            yield
        return
    # Spawned, not forked: threads that the parent holds do not survive a fork.
    with ProcessPoolExecutor(min(workers, len(recipes)), mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_make, recipe, folder) for recipe in recipes]
        try:
            for future in as_completed(futures):
                future.result()
                yield
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _make(recipe: _Recipe, folder: Path) -> None:
    streams = np.random.SeedSequence([recipe.seed, recipe.process == "higgs", recipe.number]).spawn(2)
    pythia_seed = 1 + int(streams[0].generate_state(1)[0]) % _MAX_PYTHIA_SEED
    random = np.random.default_rng(streams[1])
    low, high = recipe.masses
    # 8 % is four times the resolution at 180 GeV; radiation moves events down only, hence the wider upper margin.
    generated = generate(recipe.process, SHARD, (0.92 * low, 1.15 * high), pythia_seed)
    found = response.detected(generated.kind, random)
    p4 = response.measured(generated.p4, generated.kind, random)
    event = recipe.number * SHARD + generated.number + 1
    leptons = ordered(p4, generated.kind, generated.charge, np.ones(len(event), dtype=np.int64), event).take(found)
    passed = np.all(list(cuts(leptons, m4l=(0.92 * low, 1.15 * high)).values()), axis=0)
    sample = Sample(leptons.take(passed), SHARD, generated.cross_section, recipe.masses)
    write_sample(recipe.path(folder), sample)
