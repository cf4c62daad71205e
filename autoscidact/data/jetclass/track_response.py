"""Which particles leave a track, and how well their momentum is measured."""

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.jetclass.tracks import in_tracker

Array = NDArray[np.float64]

CHARGED_HADRON, NEUTRAL_HADRON, PHOTON, ELECTRON, MUON = range(5)

TRACK_PT_MIN, TRACK_ETA_MAX = 0.5, 2.5

_EFFICIENCY = {
    CHARGED_HADRON: ((0.70, 0.95, 0.95), (0.60, 0.85, 0.85)),
    ELECTRON: ((0.73, 0.95, 0.99), (0.50, 0.83, 0.90)),
    MUON: ((0.75, 0.99, 0.99), (0.70, 0.98, 0.98)),
}
"""Below and above |eta| = 1.5; for pt below 1, below 100, above 100 GeV."""

_RESOLUTION = {
    CHARGED_HADRON: ((0.06, 1.3e-3), (0.10, 1.7e-3), (0.25, 3.1e-3)),
    ELECTRON: ((0.03, 1.3e-3), (0.05, 1.7e-3), (0.15, 3.1e-3)),
    MUON: ((0.01, 1.0e-4), (0.015, 1.5e-4), (0.025, 3.5e-4)),
}
"""a, b of the relative standard deviation sqrt(a^2 + (b pt)^2) of a track's pt; |eta| below 0.5, below 1.5, above."""

_MASS = {CHARGED_HADRON: 0.13957, ELECTRON: 0.000511, MUON: 0.105658}
_LEPTONS = {11: ELECTRON, 13: MUON}
_TRACKED = (CHARGED_HADRON, ELECTRON, MUON)


def charges(identity: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) -1, 0 or 1 for PDG numbers of Pythia's final particles: e, mu, pi, K, p and hyperons; 0 for all others."""
    positive = np.isin(identity, (-11, -13, 211, 321, 2212, 3222, -3112, -3312, -3334))
    negative = np.isin(-identity, (-11, -13, 211, 321, 2212, 3222, -3112, -3312, -3334))
    return positive.astype(np.int64) - negative


def kinds(identity: NDArray[np.int64], charge: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) CHARGED_HADRON, NEUTRAL_HADRON, PHOTON, ELECTRON or MUON for PDG numbers and charges."""
    kind = np.where(charge != 0, CHARGED_HADRON, NEUTRAL_HADRON)
    kind[np.abs(identity) == 22] = PHOTON
    for number, lepton in _LEPTONS.items():
        kind[np.abs(identity) == number] = lepton
    return kind


def is_found(
    pt: Array, eta: Array, vertex: Array, kind: NDArray[np.int64], random: np.random.Generator
) -> NDArray[np.bool_]:
    """(n,) whether each particle leaves a track that is found; pt in GeV, (n, 3) vertex in mm."""
    region = (np.abs(eta) > 1.5).astype(np.int64)
    interval = np.searchsorted((1.0, 100.0), pt)
    chance = np.zeros(len(pt))
    for one in _TRACKED:
        chosen = kind == one
        chance[chosen] = np.array(_EFFICIENCY[one])[region[chosen], interval[chosen]]
    accepted = (pt > TRACK_PT_MIN) & (np.abs(eta) < TRACK_ETA_MAX) & in_tracker(vertex)
    return np.asarray(accepted & (random.random(len(pt)) < chance))


def relative_resolution(pt: Array, eta: Array, kind: NDArray[np.int64]) -> Array:
    """(n,) standard deviation of a track's pt in units of pt, which is in GeV; 0 for what leaves no track."""
    region = np.searchsorted((0.5, 1.5), np.abs(eta))
    sigma = np.zeros(len(pt))
    for one in _TRACKED:
        chosen = kind == one
        a, b = np.array(_RESOLUTION[one])[region[chosen]].T
        sigma[chosen] = np.hypot(a, b * pt[chosen])
    return sigma


def masses(kind: NDArray[np.int64]) -> Array:
    """(n,) GeV that a track of this kind is given; 0 for what leaves none."""
    return np.array([_MASS.get(one, 0.0) for one in range(5)])[kind]
