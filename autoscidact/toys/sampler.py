"""Toys: which events a pseudo-experiment holds, as a pure function of what defines it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoscidact.errors import UserError
from autoscidact.files import content_hash
from autoscidact.toys.pools import Pools


@dataclass(frozen=True)
class ToyDefinition:
    """Everything but the signal fraction and the index that a toy depends on.

    Attributes:
        n_ref: |R|. n_data: expected number of background events in D.
        poisson: the size of D fluctuates, as in a counting experiment; otherwise it is fixed.
        seed: of the toys.
    """

    pools: str
    n_ref: int
    n_data: int
    resample_reference: bool
    poisson: bool
    seed: int

    @property
    def key(self) -> str:
        """Hash that names these toys."""
        return content_hash(vars(self), length=32)


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
    and in proportion to weight.

    Raises:
        UserError: f_s out of range, or more signal than the pool holds.
    """
    check_signal_fraction(pools, definition.n_data, f_s)
    reference, data, n_signal = [], [], []
    for index in indices:
        rng = np.random.default_rng(toy_seed(definition, f_s, index))
        n_background = int(rng.poisson(definition.n_data)) if definition.poisson else definition.n_data
        n_s = int(rng.poisson(f_s * definition.n_data)) if definition.poisson else round(f_s * definition.n_data)
        if definition.resample_reference:
            r, d = _draw_disjoint(rng, pools, definition.n_ref, n_background)
            reference.append(r)
        else:
            d = _draw(rng, pools, pools.background, n_background)
        n_signal.append(n_s)
        data.append(np.concatenate([d, _draw(rng, pools, pools.signal, n_s)]))
    return ToyBatch(
        reference=np.stack(reference) if reference else pools.reference[None, :],
        data=tuple(data),
        n_signal=np.asarray(n_signal, dtype=np.int64),
        index=np.asarray(indices, dtype=np.int64),
        expected=float(definition.n_data),
        f_s=f_s,
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


def _draw(rng: np.random.Generator, pools: Pools, rows: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    if size == 0:
        return np.empty(0, dtype=np.int64)
    weights = pools.weights[rows]
    if np.all(weights == weights[0]):
        _check_enough(size, len(rows))
        return rng.choice(rows, size, replace=False)
    return rng.choice(rows, size, replace=True, p=weights / weights.sum())


def _draw_disjoint(
    rng: np.random.Generator, pools: Pools, n_ref: int, n_background: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    weights = pools.weights[pools.background]
    if np.all(weights == weights[0]):
        _check_enough(n_ref + n_background, len(pools.background))
        rows = rng.choice(pools.background, n_ref + n_background, replace=False)
        return rows[:n_ref], rows[n_ref:]
    # Drawn with replacement, R and D must not meet: each gets its own random part of the pool.
    shuffled = rng.permutation(pools.background)
    cut = round(len(shuffled) * n_ref / (n_ref + n_background))
    return _draw(rng, pools, shuffled[:cut], n_ref), _draw(rng, pools, shuffled[cut:], n_background)


def _check_enough(wanted: int, there: int) -> None:
    if wanted > there:
        raise UserError(
            f"a toy whose size fluctuates asks for {wanted} events of a pool of {there}; "
            "lower toys.n_data or f_s, or set toys.poisson=false"
        )
