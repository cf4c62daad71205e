"""Calibrations that discover adds to its null toys: permutations of each toy, and coverage."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from hydra.utils import instantiate
from numpy.typing import NDArray
from omegaconf import DictConfig

from autoscidact.commands.configuration import as_list
from autoscidact.errors import UserError
from autoscidact.inference.combine import RULES, combined_p
from autoscidact.inference.permutation import Permuted, Permutes
from autoscidact.inference.pvalues import empirical_p
from autoscidact.inference.relabelled import Relabelled
from autoscidact.statistics.contract import Statistic

CALIBRATIONS = ("toys", "permutation", "coverage")
DEFAULT_PERMUTATIONS = 500


def calibrations_of(value: Any) -> set[str]:
    """The calibrations asked for. Raises UserError for what is none."""
    wanted = {str(name) for name in as_list(value)}
    if not wanted or not wanted <= set(CALIBRATIONS):
        raise UserError(f"calibration={value}: choose toys, permutation, coverage, or a list of them")
    return wanted


def permuted(
    cfg: DictConfig, name: str, statistic: Statistic, wanted: set[str], n_permutations: int
) -> Permuted | None:
    """The statistic calibrated by permuting each toy; None where that was not asked for.

    Statistics with a quick way of their own permute wherever `toys.n_permutations` is above 0, others only on
    request, because it costs as many fits as there are permutations.
    """
    if "permutation" in wanted:
        if isinstance(statistic, Permutes):
            return Permuted(statistic, n_permutations or DEFAULT_PERMUTATIONS)
        anew = Relabelled(lambda: instantiate(cfg.statistic[name], _convert_="all"))
        return Permuted(anew, n_permutations or DEFAULT_PERMUTATIONS)
    if n_permutations and isinstance(statistic, Permutes):
        return Permuted(statistic, n_permutations)
    return None


def p_by_toys(
    variants: Mapping[str, float], null: NDArray[np.float64], t: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Empirical p, (m,), of toys for each variant and, if these are kernel widths, each combination.

    Args:
        variants: name to kernel width (NaN for none). null: (n, variants) t of null toys. t: (m, variants).
    """
    calibrating, seen = np.where(np.isnan(null), np.inf, null), np.where(np.isnan(t), -np.inf, t)
    found = {name: empirical_p(seen[:, i], calibrating[:, i]) for i, name in enumerate(variants)}
    if len(variants) > 1 and not np.isnan(list(variants.values())).any():
        found |= {name: combined_p(seen, calibrating, rule) for name, rule in RULES.items()}
    return found
