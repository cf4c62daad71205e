"""Toys: which events a pseudo-experiment holds, as a pure function of what defines it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoscidact.errors import UserError
from autoscidact.files import content_hash
from autoscidact.toys.drawing import background_source, draw, draw_disjoint
from autoscidact.toys.pools import Pools

OBSERVED = 2**62
"""The index that stands for the observed data, where toys have theirs."""


@dataclass(frozen=True)
class ToyDefinition:
    """Everything but the signal fraction and the index that a toy depends on.

    Attributes:
        n_ref: |R|. n_data: expected number of background events in D.
        poisson: the size of D fluctuates, as in a counting experiment; otherwise it is fixed.
        seed: of the toys.
        expected: the expectation that the size fluctuates about, where it is no whole number.
        variations: `variations_key` of the systematic uncertainties that enter; None leaves the background as it is.
    """

    pools: str
    n_ref: int
    n_data: int
    resample_reference: bool
    poisson: bool
    seed: int
    expected: float | None = None
    variations: str | None = None

    @property
    def mean_size(self) -> float:
        """Expected number of background events in D."""
        return float(self.n_data if self.expected is None else self.expected)

    @property
    def key(self) -> str:
        """Hash that names these toys."""
        return content_hash({name: value for name, value in vars(self).items() if value is not None}, length=32)


@dataclass(frozen=True)
class ToyBatch:
    """Toys as rows into `Pools.points`.

    Attributes:
        reference: (1, |R|) when all toys share R, else (T, |R|).
        data: T arrays of rows, background first, then the injected signal.
        n_signal: (T,) how many of them are signal.
        index: (T,) the toys' numbers.
        expected: expected |D| without novelty.
        f_s: signal fraction.
    """

    reference: NDArray[np.int64]
    data: tuple[NDArray[np.int64], ...]
    n_signal: NDArray[np.int64]
    index: NDArray[np.int64]
    expected: float
    f_s: float

    def __len__(self) -> int:
        return len(self.data)

    def reference_of(self, toy: int) -> NDArray[np.int64]:
        """Rows of R for the toy at this place in the batch."""
        row: NDArray[np.int64] = self.reference[0 if len(self.reference) == 1 else toy]
        return row

    def take(self, places: Sequence[int]) -> "ToyBatch":
        """The toys at these places of the batch."""
        rows = list(places)
        return ToyBatch(
            self.reference if len(self.reference) == 1 else self.reference[rows],
            tuple(self.data[i] for i in rows),
            self.n_signal[rows],
            self.index[rows],
            self.expected,
            self.f_s,
        )


def toy_seed(definition: ToyDefinition, f_s: float, index: int) -> np.random.SeedSequence:
    """The seed of one toy: of (definition, signal fraction, index) and of nothing else."""
    return np.random.SeedSequence(entropy=int(definition.key, 16), spawn_key=(round(f_s * 1e12), index))


def draw_toys(pools: Pools, definition: ToyDefinition, f_s: float, indices: Sequence[int]) -> ToyBatch:
    """Draws the toys with these indices.

    N_S = f_s |D| signal events are added to the |D| background events (Sec. 5 of AutoSciDACT).
    Events are drawn without replacement; from pools with unequal weights, with replacement
    and in proportion to weight. With variations every toy is drawn from a background of its own: each source of
    uncertainty is off by a standard normal number of its standard deviations (the prior-predictive null of
    Cousins and Highland 1992), so that a shift within what was declared is no discovery; R stays nominal.

    Raises:
        UserError: f_s out of range, or more signal than the pool holds.
    """
    check_signal_fraction(pools, definition.n_data, f_s)
    reference, data, n_signal = [], [], []
    for index in indices:
        rng = np.random.default_rng(toy_seed(definition, f_s, index))
        source = background_source(rng, pools, definition.variations is not None)
        mean = definition.mean_size * source.growth
        n_background = int(rng.poisson(mean)) if definition.poisson else definition.n_data
        wanted = f_s * definition.mean_size
        n_s = int(rng.poisson(wanted)) if definition.poisson else round(wanted)
        if definition.resample_reference:
            r, d = draw_disjoint(rng, pools, source, definition.n_ref, n_background)
            reference.append(r)
        else:
            d = source.draw(rng, n_background)
        n_signal.append(n_s)
        data.append(np.concatenate([d, draw(rng, pools.signal, pools.weights[pools.signal], n_s)]))
    return ToyBatch(
        reference=np.stack(reference) if reference else pools.reference[None, :],
        data=tuple(data),
        n_signal=np.asarray(n_signal, dtype=np.int64),
        index=np.asarray(indices, dtype=np.int64),
        expected=definition.mean_size,
        f_s=f_s,
    )


def observed_toy(pools: Pools, definition: ToyDefinition) -> ToyBatch:
    """The observed data as a batch of one toy, compared with R as every toy is: the fixed one, or one more draw."""
    reference = pools.reference
    if definition.resample_reference:
        rng = np.random.default_rng(toy_seed(definition, 0.0, OBSERVED))
        source = background_source(rng, pools, False)
        reference, _ = draw_disjoint(rng, pools, source, definition.n_ref, 0)
    return ToyBatch(
        reference=reference[None, :],
        data=(pools.observed,),
        n_signal=np.zeros(1, dtype=np.int64),
        index=np.array([OBSERVED], dtype=np.int64),
        expected=definition.mean_size,
        f_s=0.0,
    )


def check_signal_fraction(pools: Pools, n_data: int, f_s: float) -> None:
    """Raises UserError where f_s is no fraction or asks for more signal than the pool holds."""
    if not 0.0 <= f_s <= 1.0:
        raise UserError(f"f_s={f_s:g} is not a fraction: choose values from 0 to 1")
    wanted, there = round(f_s * n_data), len(pools.signal)
    if wanted > there:
        raise UserError(
            f"f_s={f_s:g} asks for {wanted} signal events a toy, but the pool has {there}; "
            f"with toys.n_data={n_data} f_s can be at most {there / n_data:.3g}"
        )
