"""Events of four leptons, and the masses and Z candidates that follow from their momenta alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Z_MASS = 91.1876
"""GeV; the mass by which the first Z candidate is chosen (PDG)."""

ELECTRON, MUON = 11, 13
"""Particle Data Group numbers, without sign, by which the open files name lepton kinds."""

# The three ways to make two pairs of four leptons, each with either pair first.
_PAIRINGS = (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2)))
_CANDIDATES = _PAIRINGS + tuple((second, first) for first, second in _PAIRINGS)


@dataclass(frozen=True)
class Leptons:
    """Four leptons an event, in falling order of transverse momentum; make them with `ordered`.

    Attributes:
        p4: (n, 4, 4) float64 px, py, pz, E in GeV; axis 1 is the lepton.
        kind: (n, 4) int64, ELECTRON or MUON.
        charge: (n, 4) int64, -1 or 1.
        run, event: (n,) int64; together they name an observed event.
    """

    p4: NDArray[np.float64]
    kind: NDArray[np.int64]
    charge: NDArray[np.int64]
    run: NDArray[np.int64]
    event: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.event)

    def take(self, index: NDArray[np.generic]) -> "Leptons":
        """The events at `index` (integers or a mask)."""
        return Leptons(self.p4[index], self.kind[index], self.charge[index], self.run[index], self.event[index])

    @property
    def pt(self) -> NDArray[np.float64]:
        """(n, 4) transverse momenta in GeV."""
        return np.hypot(self.p4[..., 0], self.p4[..., 1])

    @property
    def eta(self) -> NDArray[np.float64]:
        """(n, 4) pseudorapidities."""
        return np.arcsinh(self.p4[..., 2] / np.maximum(self.pt, np.finfo(float).tiny))

    @property
    def m4l(self) -> NDArray[np.float64]:
        """(n,) invariant mass of the four leptons in GeV."""
        return _mass(self.p4.sum(axis=1))

    @property
    def m_z1(self) -> NDArray[np.float64]:
        """(n,) mass in GeV of the pair that is closest to the Z boson's; NaN where there are no two pairs."""
        return self._z_masses[0]

    @property
    def m_z2(self) -> NDArray[np.float64]:
        """(n,) mass in GeV of the other pair; NaN where there are no two pairs."""
        return self._z_masses[1]

    @property
    def channel(self) -> NDArray[np.str_]:
        """(n,) "4mu", "4e", "2e2mu", or "other" for three of a kind."""
        muons = (self.kind == MUON).sum(axis=1)
        return np.asarray(np.array(["4e", "other", "2e2mu", "other", "4mu"])[muons])

    @cached_property
    def _z_masses(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        first = np.stack([self._pair_mass(pair) for pair, _ in _CANDIDATES])
        second = np.stack([self._pair_mass(pair) for _, pair in _CANDIDATES])
        distance = np.where(np.isnan(first + second), np.inf, np.abs(first - Z_MASS))
        best = distance.argmin(axis=0)
        found = np.isfinite(distance.min(axis=0))
        rows = np.arange(len(self))
        return np.where(found, first[best, rows], np.nan), np.where(found, second[best, rows], np.nan)

    def _pair_mass(self, pair: tuple[int, int]) -> NDArray[np.float64]:
        """Masses of leptons i and j; NaN unless they are of one flavour and opposite charge."""
        i, j = pair
        fits = (self.kind[:, i] == self.kind[:, j]) & (self.charge[:, i] == -self.charge[:, j])
        return np.where(fits, _mass(self.p4[:, i] + self.p4[:, j]), np.nan)


def ordered(
    p4: NDArray[np.floating],
    kind: NDArray[np.integer],
    charge: NDArray[np.integer],
    run: NDArray[np.integer],
    event: NDArray[np.integer],
) -> Leptons:
    """Leptons sorted by falling transverse momentum; arrays as in `Leptons`, in any order of the four."""
    p4 = np.asarray(p4, dtype=np.float64).reshape(-1, 4, 4)
    order = np.argsort(-np.hypot(p4[..., 0], p4[..., 1]), axis=1, kind="stable")
    return Leptons(
        p4=np.take_along_axis(p4, order[:, :, None], axis=1),
        kind=np.take_along_axis(np.asarray(kind, dtype=np.int64).reshape(-1, 4), order, axis=1),
        charge=np.take_along_axis(np.asarray(charge, dtype=np.int64).reshape(-1, 4), order, axis=1),
        run=np.asarray(run, dtype=np.int64),
        event=np.asarray(event, dtype=np.int64),
    )


def concatenate(parts: Sequence[Leptons]) -> Leptons:
    """All events of several samples, in their order."""
    return Leptons(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("p4", "kind", "charge", "run", "event"))
    )


def _mass(p4: NDArray[np.float64]) -> NDArray[np.float64]:
    squared = p4[..., 3] ** 2 - (p4[..., :3] ** 2).sum(axis=-1)
    # Rounding can leave collinear massless particles with a slightly negative square.
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))
