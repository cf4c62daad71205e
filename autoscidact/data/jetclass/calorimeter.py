"""Two calorimeters of towers, and what their energy says beside that of tracks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ETA_MAX = 3.0
"""Towers end here: 0.2 past the edge of the outermost jet of |eta| < 2 and radius 0.8."""


@dataclass(frozen=True)
class Calorimeter:
    """Towers and thresholds.

    Attributes:
        eta_edges: of the towers of eta > 0, rising from 0; those of eta < 0 mirror them.
        n_phi: towers around the beam below eta `coarse_from`; half as many beyond.
        coarse_from: an edge.
        energy_min: GeV that a tower or a neutral particle needs.
        significance_min: the same in standard deviations.
        electromagnetic: which resolution is meant.
    """

    eta_edges: tuple[float, ...]
    n_phi: int
    coarse_from: float
    energy_min: float
    significance_min: float
    electromagnetic: bool

    def resolution(self, eta: Array, energy: Array) -> Array:
        """(n,) standard deviation in GeV of an energy in GeV."""
        eta = np.abs(eta)
        if not self.electromagnetic:
            return np.hypot(0.050 * energy, 1.50 * np.sqrt(energy))
        inside = np.sqrt((0.008 * energy) ** 2 + 0.11**2 * energy + 0.40**2)
        shape = np.where(eta <= 1.5, 1 + 0.64 * eta**2, 2.16 + 5.6 * (eta - 2) ** 2)
        return np.where(eta <= 2.5, shape * inside, np.hypot(0.107 * energy, 2.08 * np.sqrt(energy)))


_ECAL_EDGES = (*(0.0174 * k for k in range(173)), ETA_MAX)
_HCAL_EDGES = (
    *(round(0.087 * k, 3) for k in range(20)),
    *(1.74, 1.83, 1.93, 2.043, 2.172, 2.322, 2.5, 2.65, 2.868, ETA_MAX),
)
ECAL = Calorimeter(_ECAL_EDGES, 360, ETA_MAX, 0.5, 2.0, electromagnetic=True)
HCAL = Calorimeter(_HCAL_EDGES, 72, 1.653, 1.0, 1.0, electromagnetic=False)
"""Granularity, resolution (JINST 8 (2013) P09009; JINST 10 (2015) P08010) and thresholds of CMS as the Delphes card of
JetClass states them."""


@dataclass(frozen=True)
class Towers:
    """Towers that something hit.

    Attributes:
        event, eta, phi: (t,) of each tower; eta and phi anywhere in it, evenly.
        of: (n,) which tower each particle hit.
    """

    event: NDArray[np.int64]
    eta: Array
    phi: Array
    of: NDArray[np.int64]


def towers(
    calorimeter: Calorimeter, event: NDArray[np.int64], eta: Array, phi: Array, random: np.random.Generator
) -> Towers:
    """Finds the tower of each particle; |eta| must be below `ETA_MAX`."""
    edges = np.array(calorimeter.eta_edges)
    ring = np.searchsorted(edges, np.abs(eta), side="right") - 1
    n_phi = np.where(edges[ring] < calorimeter.coarse_from, calorimeter.n_phi, calorimeter.n_phi // 2)
    sector = np.minimum(((phi + np.pi) / (2 * np.pi) * n_phi).astype(np.int64), n_phi - 1)
    key = ((event * len(edges) + ring) * 2 + (eta < 0)) * calorimeter.n_phi + sector
    _, first, of = np.unique(key, return_index=True, return_inverse=True)
    within = random.random((2, len(first)))
    low, high = edges[ring[first]], edges[ring[first] + 1]
    return Towers(
        event=event[first],
        eta=(low + within[0] * (high - low)) * np.where(eta[first] < 0, -1, 1),
        phi=-np.pi + 2 * np.pi * (sector[first] + within[1]) / n_phi[first],
        of=of,
    )


def energy_flow(
    calorimeter: Calorimeter,
    eta: Array,
    deposited: Array,
    track_energy: Array,
    track_sigma: Array,
    random: np.random.Generator,
) -> tuple[Array, Array]:
    """Compares each tower's energy with that of the tracks which point to it, as Delphes does.

    A tower's energy is drawn from a log-normal distribution. What it has beyond its tracks is a neutral particle if it
    is significant; otherwise the tracks take the average of both energies, weighted with the inverse variances.

    Args:
        eta: (t,) of the towers.
        deposited: (t,) GeV of the particles that hit each.
        track_energy, track_sigma: (t,) measured GeV of the tracks that point to each, and its standard deviation; 0
            where there are none.

    Returns:
        (t,) energy in GeV of a neutral particle, 0 where there is none, and (t,) factor on the tracks.

    References:
        J. de Favereau et al., Delphes 3, JHEP 02 (2014) 057, arXiv:1307.6346, Sec. 2.3 and 2.4.
    """
    energy = log_normal(deposited, calorimeter.resolution(eta, deposited), random)
    sigma = calorimeter.resolution(eta, energy)
    seen = (energy >= calorimeter.energy_min) & (energy >= calorimeter.significance_min * sigma)
    energy = np.where(seen, energy, 0.0)
    excess = np.maximum(energy - track_energy, 0.0)
    significant = excess >= calorimeter.significance_min * np.hypot(track_sigma, sigma)
    neutral = np.where((excess >= calorimeter.energy_min) & significant, excess, 0.0)
    averaged = seen & (neutral == 0) & (track_energy > 0)
    weight = sigma[averaged] ** 2 / (sigma[averaged] ** 2 + track_sigma[averaged] ** 2)
    factor = np.ones_like(energy)
    factor[averaged] = weight + (1 - weight) * energy[averaged] / track_energy[averaged]
    return neutral, factor


def log_normal(mean: Array, sigma: Array, random: np.random.Generator) -> Array:
    """Positive numbers of this mean and standard deviation."""
    width2 = np.log1p((sigma / np.maximum(mean, 1e-9)) ** 2)
    return np.asarray(mean * np.exp(np.sqrt(width2) * random.standard_normal(mean.shape) - width2 / 2))
