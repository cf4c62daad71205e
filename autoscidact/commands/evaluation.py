"""From statistics and pools to the t of toys: what `discover` and `observe` share."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from numpy.typing import NDArray
from omegaconf import DictConfig

from autoscidact.errors import UserError
from autoscidact.inference.engine import evaluate_missing, missing_of_part, one_thread_each, run_toys
from autoscidact.inference.store import ToyStore
from autoscidact.progress import progress
from autoscidact.statistics.contract import Statistic
from autoscidact.statistics.resources import Resources
from autoscidact.toys.pools import Pools
from autoscidact.toys.sampler import ToyDefinition

IDEAL = ("ideal_supervised", "ideal_nplm")
"""Statistics that work on an embedding with the signal in its training."""


def prepared(
    cfg: DictConfig,
    config: Mapping[str, Any],
    seen_by: Callable[[str], Pools],
    definition: ToyDefinition,
    resources: Resources,
) -> Iterator[tuple[str, Statistic, Pools]]:
    """Every chosen statistic, ready to evaluate, with the pools as it sees them.

    Args:
        seen_by: the pools in the embedding that the statistic of this name works on.

    Raises:
        UserError: the events do not allow a statistic, and it is none of `optional_statistics`.
    """
    for name in config["statistic"]:
        statistic: Statistic = instantiate(cfg.statistic[name], _convert_="all")
        try:
            seen = seen_by(name)
            with one_thread_each():
                statistic.prepare(seen, definition.n_ref, definition.n_data, config["seed"], resources)
        except UserError as error:
            if name not in config["optional_statistics"]:
                raise
            print(f"{name}: left out; {error}")
            continue
        print(f"{name}: {statistic.plan}")
        yield name, statistic, seen


def run_fractions(
    statistic: Statistic,
    pools: Pools,
    definition: ToyDefinition,
    fractions: list[float],
    n_null: int,
    n_signal: int,
    outputs: str,
    workers: int,
) -> tuple[NDArray[Any], dict[float, NDArray[Any]]]:
    """t of the null toys and of the toys at each fraction; resumes what an earlier run has done."""
    counts = toy_counts(fractions, n_null, n_signal)
    with _store(statistic, pools, definition, outputs) as store:
        done = {f_s: n - len(store.missing(f_s, range(n))) for f_s, n in counts.items()}
        if sum(done.values()):
            print(f"{statistic.name}: {sum(done.values())} of {sum(counts.values())} toys are done already")
        values = {}
        with progress(f"{statistic.name} toys", sum(counts.values()), done=sum(done.values())) as bar:
            for f_s in sorted(counts):
                values[f_s] = run_toys(
                    statistic,
                    pools,
                    definition,
                    f_s,
                    counts[f_s],
                    store,
                    batch_size=statistic.batch_size,
                    workers=workers,
                    advance=bar.advance,
                )
    null = values[0.0][:n_null]
    return null, {f_s: values[f_s] if f_s > 0 else values[0.0][n_null:] for f_s in fractions}


def run_part(
    statistic: Statistic,
    pools: Pools,
    definition: ToyDefinition,
    counts: Mapping[float, int],
    outputs: str,
    workers: int,
    part: tuple[int, int],
) -> None:
    """Evaluates every n-th batch of the toys, for `run_fractions` to find in the store; resumes.

    Args:
        counts: toys at each fraction, see `toy_counts`.
        part: (i, n).
    """
    with _store(statistic, pools, definition, outputs, part) as store:
        left = {f_s: missing_of_part(store, f_s, n, statistic.batch_size, part) for f_s, n in counts.items()}
        with progress(f"{statistic.name} toys, part {part[0] + 1} of {part[1]}", sum(left.values())) as bar:
            for f_s in sorted(counts):
                evaluate_missing(
                    statistic,
                    pools,
                    definition,
                    f_s,
                    counts[f_s],
                    store,
                    batch_size=statistic.batch_size,
                    workers=workers,
                    part=part,
                    advance=bar.advance,
                )


def toy_counts(fractions: list[float], n_null: int, n_signal: int) -> dict[float, int]:
    """Toys at each fraction. Those at f_s = 0 that are a point of the scan come after those that calibrate it."""
    return {f_s: n_signal for f_s in fractions if f_s > 0} | {0.0: n_null + n_signal * (0.0 in fractions)}


def _store(
    statistic: Statistic, pools: Pools, definition: ToyDefinition, outputs: str, part: tuple[int, int] = (0, 1)
) -> ToyStore:
    key = {"toys": definition.key, **statistic.definition}
    if pools.fingerprint != definition.pools:
        key["seen"] = pools.fingerprint
    return ToyStore(Path(outputs) / "toys", key, statistic.variants, part)
