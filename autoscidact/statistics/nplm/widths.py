"""Which kernel widths a run uses, and what they are called in its tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from autoscidact.errors import UserError
from autoscidact.statistics.nplm.kernel import quantile_widths


class KernelWidths(Protocol):
    """A rule that gives widths for the events at hand."""

    def choose(self, points: NDArray[np.float64], seed: int) -> dict[str, float]:
        """Name to width, for standardised points (n, d) of the reference."""
        ...


@dataclass(frozen=True)
class FixedWidths:
    """The same widths whatever the data, in units of the reference's standard deviation (App. A of AutoSciDACT)."""

    widths: Sequence[float]

    def __post_init__(self) -> None:
        values = [float(value) for value in self.widths]
        if not values or min(values) <= 0 or len(set(values)) != len(values):
            raise UserError(f"kernel.widths={values}: give one or more different positive widths")

    def choose(self, points: NDArray[np.float64], seed: int) -> dict[str, float]:
        """The fixed widths, called sigma=1.5 and so on."""
        return {f"sigma={float(value):g}": float(value) for value in self.widths}


@dataclass(frozen=True)
class QuantileWidths:
    """Quantiles of the pairwise distances, {q1, q25, q50, q75, q99, 2 q99} in Sec. 3.2 of AutoSciDACT."""

    quantiles: Sequence[float]
    largest_times: float | None = None

    def __post_init__(self) -> None:
        if not self.quantiles or not all(0 < q <= 1 for q in self.quantiles):
            raise UserError(f"kernel.quantiles={list(self.quantiles)}: give one or more numbers above 0, at most 1")

    def choose(self, points: NDArray[np.float64], seed: int) -> dict[str, float]:
        """The quantiles, called q25 and so on; the largest times a factor is called 2q99."""
        names = [f"q{100 * float(q):g}" for q in self.quantiles]
        if self.largest_times is not None:
            names.append(f"{float(self.largest_times):g}q{100 * max(map(float, self.quantiles)):g}")
        try:
            values = quantile_widths(points, self.quantiles, self.largest_times, seed)
        except ValueError as error:
            raise UserError(f"kernel=quantiles: {error}; use kernel=fixed kernel.widths=[...]") from error
        return dict(zip(names, map(float, values), strict=True))
