"""Permutations for any statistic: each toy's R and D become one pool, from which both are drawn anew."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from autoscidact.errors import UserError
from autoscidact.statistics.contract import AsymptoticLaw, Statistic
from autoscidact.statistics.resources import Resources
from autoscidact.toys.exchange import as_labelled, exchangeable_pools, permutations_of
from autoscidact.toys.pools import Pools
from autoscidact.toys.sampler import ToyBatch, draw_toys
from autoscidact.toys.sizes import equal_weights


class Relabelled:
    """A statistic that is prepared anew for each toy, on the toy's own events, and evaluated under permuted labels.

    This is `Permutes` for statistics that have no quicker way of their own: B permutations cost as much as B toys.
    Kernel widths and centres come from R and D together, so that no labelling is preferred.

    Args:
        make: an unprepared statistic.
    """

    def __init__(self, make: Callable[[], Statistic]) -> None:
        self._make, self._whole = make, make()
        self.name = self._whole.name
        self.asymptotic: AsymptoticLaw = self._whole.asymptotic
        # One toy at a time: its permutations are batches by themselves.
        self.batch_size = 1
        self._pools: Pools | None = None
        self._seed, self._resources = 0, Resources()

    @property
    def variants(self) -> tuple[str, ...]:
        """Those of the statistic."""
        return self._whole.variants

    @property
    def definition(self) -> dict[str, object]:
        """That of the statistic prepared on the whole pools, and that each toy prepares it anew."""
        return {**self._whole.definition, "relabelled": "events in the order of their points"}

    @property
    def plan(self) -> str:
        """What a toy costs, in words."""
        return "prepared anew on the events of each toy"

    def prepare(self, pools: Pools, n_ref: int, n_data: int, seed: int, resources: Resources) -> None:
        """Keeps the pools; the statistic is prepared on them once, to know its variants.

        Raises:
            UserError: events of unequal weight, which toys hold more than once.
        """
        if not equal_weights(pools.weights[pools.background]):
            raise UserError(
                f"{self.name}: permutations of toys need events of equal weight; calibrate with toys, or give events "
                "without weights"
            )
        self._whole.prepare(pools, n_ref, n_data, seed, resources)
        self._pools, self._seed, self._resources = pools, seed, resources

    def evaluate(self, toys: ToyBatch) -> NDArray[np.float64]:
        """t of shape (toys, variants), labels as drawn."""
        return self.permuted(toys, 0)[:, 0]

    def permuted(self, toys: ToyBatch, n_permutations: int) -> NDArray[np.float64]:
        """t of shape (toys, 1 + n_permutations, variants), labels as drawn first."""
        return np.stack([self._one(toys, place, n_permutations) for place in range(len(toys))])

    def solver_report(self) -> dict[str, int]:
        """Nothing: every toy has a solver of its own."""
        return {}

    def _one(self, toys: ToyBatch, place: int, n_permutations: int) -> NDArray[np.float64]:
        if self._pools is None:
            raise RuntimeError("Relabelled.permuted was called before prepare")
        together = exchangeable_pools(self._pools, toys.reference_of(place), toys.data[place])
        permuted = permutations_of(together, self._seed)
        statistic = self._make()
        statistic.prepare(together, permuted.n_ref, permuted.n_data, self._seed, self._resources)
        parts = [statistic.evaluate(as_labelled(together))]
        for start in range(0, n_permutations, statistic.batch_size):
            indices = range(start, min(start + statistic.batch_size, n_permutations))
            parts.append(statistic.evaluate(draw_toys(together, permuted, 0.0, indices)))
        return np.concatenate(parts)
