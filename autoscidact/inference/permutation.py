"""Permutation p: every toy calibrates itself, by permuting which of its events are data."""

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from autoscidact.errors import UserError
from autoscidact.inference.combine import RULES, combined_p
from autoscidact.inference.pvalues import empirical_p
from autoscidact.statistics.contract import AsymptoticLaw, Statistic
from autoscidact.statistics.resources import Resources
from autoscidact.toys.pools import Pools
from autoscidact.toys.sampler import ToyBatch

SUFFIX = "_permutation"
"""Of the name under which a statistic's permutation p stand in z_scores.csv."""


@runtime_checkable
class Permutes(Statistic, Protocol):
    """A statistic that can evaluate a toy under permuted labels R and D, at less than the cost of as many toys."""

    def permuted(self, toys: ToyBatch, n_permutations: int) -> NDArray[np.float64]:
        """t of shape (toys, 1 + n_permutations, variants), labels as drawn first.

        The permutations are a pure function of (seed, signal fraction, index of the toy), see
        `autoscidact.toys.selection.permuted_labels`. Events that play a part of their own in the statistic
        keep their label, such as Nystrom centres that always are in R.
        """
        ...


class Permuted:
    """A statistic's permutation p-values, evaluated and stored as if they were its t.

    p = (1 + k) / (1 + B), k of B permutations of the labels R and D within the toy's own events
    having t at or above the toy's. No null toys are needed, only events.

    Where R is drawn anew for each toy, all events equally likely, the labels of a null toy are
    exchangeable and p is exact: P(p <= a) <= a for every a and any sizes. Where all toys share one R, p
    is valid over the draw of R, not given R: toys that share an R which is unusual by chance have
    p that are too small, or too large, together. Null toys with that R calibrate given R; permutations do not.

    Args:
        statistic: prepared, or to be prepared by `prepare`.
        n_permutations: B; the smallest p is 1 / (1 + B).

    Raises:
        UserError: B below 1.
    """

    def __init__(self, statistic: Permutes, n_permutations: int) -> None:
        if n_permutations < 1:
            raise UserError(f"toys.n_permutations={n_permutations}: a permutation p needs at least 1")
        self._statistic, self.n_permutations = statistic, n_permutations
        self.name = f"{statistic.name}{SUFFIX}"
        self.batch_size = statistic.batch_size
        self.asymptotic: AsymptoticLaw = statistic.asymptotic

    @property
    def variants(self) -> tuple[str, ...]:
        """Those of the statistic and, if these are kernel widths, every combination of them."""
        return (*self._statistic.variants, *self._rules)

    @property
    def definition(self) -> dict[str, object]:
        """That of the statistic, and B."""
        combined = {"combined": list(self._rules)} if self._rules else {}
        return {**self._statistic.definition, "permutations": self.n_permutations, **combined}

    @property
    def _rules(self) -> tuple[str, ...]:
        return tuple(RULES) if self._statistic.definition.get("widths") and len(self._statistic.variants) > 1 else ()

    def prepare(self, pools: Pools, n_ref: int, n_data: int, seed: int, resources: Resources) -> None:
        """Prepares the statistic."""
        self._statistic.prepare(pools, n_ref, n_data, seed, resources)
        self.batch_size = self._statistic.batch_size

    @property
    def plan(self) -> str:
        """That of the statistic."""
        return f"{self._statistic.plan}; {self.n_permutations} permutations of each toy"

    def evaluate(self, toys: ToyBatch) -> NDArray[np.float64]:
        """p of shape (toys, variants), SMALLER being more anomalous; NaN where the toy's own fit failed.

        A permutation whose fit failed counts against a discovery, as if it lay above the toy.
        """
        t = self._statistic.permuted(toys, self.n_permutations)
        own, permuted = t[:, 0], np.where(np.isnan(t[:, 1:]), np.inf, t[:, 1:])
        p = np.empty((len(own), len(self.variants)))
        for place in np.ndindex(*own.shape):
            p[place] = empirical_p(own[place], permuted[place[0], :, place[1]])
        for i, rule in enumerate(self._rules, start=own.shape[1]):
            for toy, null in enumerate(permuted):
                p[toy, i] = combined_p(own[toy : toy + 1], null, RULES[rule])[0]
        failed = np.zeros(p.shape, dtype=bool)
        failed[:, : own.shape[1]] = np.isnan(own)
        failed[:, own.shape[1] :] = np.isnan(own).any(axis=1, keepdims=True)
        return np.where(failed, np.nan, p)

    def solver_report(self) -> dict[str, int]:
        """That of the statistic, of the toys as drawn."""
        return self._statistic.solver_report()
