"""What every test statistic offers. It never knows how it will be calibrated."""

from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from autoscidact.statistics.resources import Resources
from autoscidact.toys.pools import Pools
from autoscidact.toys.sampler import ToyBatch

AsymptoticLaw = Literal["chi2", "normal", "signed_root"]
"""What t follows without novelty when samples are large: a chi-square (degrees of freedom fitted), a normal
distribution (mean and spread fitted), or the sign of a normal variable times its square (likewise)."""


@runtime_checkable
class Statistic(Protocol):
    """A test statistic t(R, D), larger being more anomalous.

    Attributes:
        name: as in the `statistic` column of z_scores.csv.
        variants: one name for each value that `evaluate` returns for a toy (NPLM: kernel widths);
            known after `prepare`.
        batch_size: toys that `evaluate` likes to be given at once.
        definition: plain values that fix what is computed, hashed into the key of the toy store.
        asymptotic: the law that asymptotic p are computed with.
    """

    name: str
    batch_size: int
    asymptotic: AsymptoticLaw

    @property
    def variants(self) -> tuple[str, ...]: ...

    @property
    def definition(self) -> dict[str, object]: ...

    def prepare(self, pools: Pools, n_ref: int, n_data: int, seed: int, resources: Resources) -> None:
        """Computes, once, whatever depends on single events of the pools alone."""
        ...

    @property
    def plan(self) -> str:
        """How memory is used, in words; known after `prepare`."""
        ...

    def solver_report(self) -> dict[str, int]:
        """How the evaluations so far went: counts to show, such as failed fits."""
        ...

    def evaluate(self, toys: ToyBatch) -> NDArray[np.float64]:
        """t of shape (toys, variants); NaN where a toy's fit failed. Called from several threads."""
        ...


@runtime_checkable
class Scores(Statistic, Protocol):
    """A statistic that says which events make up its t."""

    def log_ratio(self, toys: ToyBatch, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """f_w(x), the log of the density of the data over that of R, as the fit to one toy has it.

        Args:
            toys: a batch of one toy, whose R and D are fitted.
            rows: (n,) events of the pools, in that toy or not.

        Returns:
            (variants, n), larger being more anomalous; NaN in a variant whose fit failed.

        Raises:
            ValueError: the batch does not hold exactly one toy.
        """
        ...
