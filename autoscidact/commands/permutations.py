"""Calibration by permutations: the observed R and D themselves, their labels drawn anew."""

from typing import Any

import numpy as np
from hydra.utils import instantiate
from numpy.typing import NDArray
from omegaconf import DictConfig

from autoscidact.commands.evaluation import run_fractions
from autoscidact.errors import UserError
from autoscidact.inference.engine import one_thread_each
from autoscidact.inference.observation import ObservedSignificance, observed_significances
from autoscidact.statistics.contract import Statistic
from autoscidact.statistics.resources import Resources
from autoscidact.toys.exchange import as_labelled, exchangeable_pools, exchangeable_reference, permutations_of
from autoscidact.toys.pools import Pools
from autoscidact.toys.sampler import ToyDefinition

PERMUTATION = "permutation"


def permuted_significances(
    cfg: DictConfig,
    name: str,
    pools: Pools,
    definition: ToyDefinition,
    n_permutations: int,
    seed: int,
    resources: Resources,
    outputs: str,
    workers: int,
) -> tuple[list[ObservedSignificance], NDArray[np.float64], NDArray[np.float64]]:
    """Rows of the statistic of this name for the pools' observed events, calibrated by permutations.

    The statistic is made anew: kernel widths and centres come from R and D together, so that no labelling is preferred.

    Returns:
        The rows, t of the permutations (n, variants), and t of the labels as they are (variants,).

    Raises:
        UserError: events of very unequal weight, of which no R without repetitions can be drawn.
    """
    reference = exchangeable_reference(pools, definition.n_ref, seed)
    together = exchangeable_pools(pools, reference, pools.observed)
    permuted = permutations_of(together, seed)
    statistic: Statistic = instantiate(cfg.statistic[name], _convert_="all")
    with one_thread_each():
        try:
            statistic.prepare(together, permuted.n_ref, permuted.n_data, seed, resources)
        except UserError as error:
            raise UserError(
                f"calibration=permutation cannot calibrate {name}: under it no event has a class ({error})"
            ) from error
        t = statistic.evaluate(as_labelled(together))[0]
    print(f"{name}: {n_permutations} permutations of |R|={permuted.n_ref} and |D|={permuted.n_data}")
    null, _ = run_fractions(statistic, together, permuted, [], n_permutations, 0, outputs, workers)
    widths: Any = statistic.definition.get("widths") or dict.fromkeys(statistic.variants, np.nan)
    return observed_significances(name, widths, null, t, statistic.asymptotic, PERMUTATION), null, t
