"""What a detector like CMS measures of collisions: tracks, photons and neutral hadrons.

The model is Delphes's energy flow with the numbers of the card that JetClass was made with
(github.com/jet-universe/jetclass_generation, delphes_card.tcl), arXiv:1307.6346. What differs from it:

- tracks need pt > 0.5 GeV (Delphes: 0.1 GeV), and nothing is seen beyond |eta| = 3, which no selected jet reaches;
- the resolution of d0 and dz is a smooth function fitted to the card's tables (`tracks.D0_RESOLUTION`);
- particles reach the calorimeter as if they started at the collision, so those of late decays hit it a little aside;
- charged hadrons carry the mass of a pion and neutral ones none;
- muons above 1 TeV are found as often as those below;
- tracks are not lowered by a calorimeter that saw too little to count.

As in Delphes there are no other collisions of the same crossing, no showers across towers, no wrong tracks, no
conversions of photons, and particle types are known.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.jetclass import tracks
from autoscidact.data.jetclass.calorimeter import ECAL, ETA_MAX, HCAL, energy_flow, log_normal, towers

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
_CHARGED_LEPTONS = {11: ELECTRON, 13: MUON}
_TRACKED = (CHARGED_HADRON, ELECTRON, MUON)


@dataclass(frozen=True)
class Measured:
    """Particles as measured, each a track, a photon or a neutral hadron.

    Attributes:
        event: (n,) number of the collision.
        p4: (n, 4) px, py, pz, E in GeV.
        charge: (n,) -1, 0 or 1.
        kind: (n,) CHARGED_HADRON, NEUTRAL_HADRON, PHOTON, ELECTRON or MUON.
        d0, d0_error, dz, dz_error: (n,) mm; 0 for what is no track.
    """

    event: NDArray[np.int64]
    p4: Array
    charge: NDArray[np.int64]
    kind: NDArray[np.int64]
    d0: Array
    d0_error: Array
    dz: Array
    dz_error: Array


def measure(
    event: NDArray[np.int64], p4: Array, vertex: Array, identity: NDArray[np.int64], random: np.random.Generator
) -> Measured:
    """Measures final particles.

    Args:
        event: (n,) number of each particle's collision.
        p4: (n, 4) px, py, pz, E in GeV.
        vertex: (n, 3) mm, where it was produced.
        identity: (n,) PDG number; no neutrinos.
    """
    charge = _charges(identity)
    kind = _kinds(identity, charge)
    pt, eta = np.hypot(p4[:, 0], p4[:, 1]), _eta(p4)
    found = _found(pt, eta, vertex, kind, random)
    measured_pt = np.where(found, log_normal(pt, _track_sigma(pt, eta, kind) * pt, random), 0.0)
    # Delphes counts a track's energy, not its momentum, beside the calorimeter's.
    energy = np.hypot(measured_pt * np.cosh(eta), _masses(kind))
    hit_eta, hit_phi = tracks.calorimeter_positions(p4, charge)
    reaches = np.abs(hit_eta) < ETA_MAX
    neutral: list[tuple[NDArray[np.int64], Array, int]] = []
    for calorimeter, kinds, made in (
        (ECAL, (PHOTON, ELECTRON), PHOTON),
        (HCAL, (CHARGED_HADRON, NEUTRAL_HADRON), NEUTRAL_HADRON),
    ):
        hits = np.flatnonzero(reaches & np.isin(kind, kinds))
        its = towers(calorimeter, event[hits], hit_eta[hits], hit_phi[hits], random)
        track = np.where(found[hits], energy[hits], 0.0)
        sigma2 = (_track_sigma(measured_pt[hits], eta[hits], kind[hits]) * track) ** 2
        n = len(its.event)
        new, factor = energy_flow(
            calorimeter,
            its.eta,
            _sums(p4[hits, 3], its.of, n),
            _sums(track, its.of, n),
            np.sqrt(_sums(sigma2, its.of, n)),
            random,
        )
        measured_pt[hits] *= factor[its.of]
        there = new > 0
        neutral.append((its.event[there], _massless(new[there], its.eta[there], its.phi[there]), made))
    return _joined(_tracks(event, p4, vertex, charge, kind, measured_pt, found, random), neutral)


def _tracks(
    event: NDArray[np.int64],
    p4: Array,
    vertex: Array,
    charge: NDArray[np.int64],
    kind: NDArray[np.int64],
    measured_pt: Array,
    found: NDArray[np.bool_],
    random: np.random.Generator,
) -> Measured:
    true, kind, charge, pt = p4[found], kind[found], charge[found], measured_pt[found]
    true_pt, eta = np.hypot(true[:, 0], true[:, 1]), _eta(true)
    d0, dz = tracks.impact_parameters(true, vertex[found], charge)
    d0_error = tracks.resolution(true_pt, eta, tracks.D0_RESOLUTION)
    dz_error = tracks.resolution(true_pt, eta, tracks.DZ_RESOLUTION)
    momentum = true[:, :3] * (pt / true_pt)[:, None]
    measured_energy = np.hypot(pt * np.cosh(eta), _masses(kind))
    return Measured(
        event=event[found],
        p4=np.concatenate([momentum, measured_energy[:, None]], axis=1),
        charge=charge,
        kind=kind,
        d0=d0 + d0_error * random.standard_normal(len(d0)),
        d0_error=d0_error,
        dz=dz + dz_error * random.standard_normal(len(dz)),
        dz_error=dz_error,
    )


def _joined(charged: Measured, neutral: list[tuple[NDArray[np.int64], Array, int]]) -> Measured:
    """Tracks and neutral particles, collision by collision."""
    event = np.concatenate([charged.event, *(events for events, _, _ in neutral)])
    order = np.argsort(event, kind="stable")
    n_neutral = len(event) - len(charged.event)
    nothing = np.zeros(n_neutral)
    kinds = [np.full(len(events), made) for events, _, made in neutral]
    return Measured(
        event=event[order],
        p4=np.concatenate([charged.p4, *(p4 for _, p4, _ in neutral)])[order],
        charge=np.concatenate([charged.charge, np.zeros(n_neutral, dtype=np.int64)])[order],
        kind=np.concatenate([charged.kind, *kinds])[order],
        d0=np.concatenate([charged.d0, nothing])[order],
        d0_error=np.concatenate([charged.d0_error, nothing])[order],
        dz=np.concatenate([charged.dz, nothing])[order],
        dz_error=np.concatenate([charged.dz_error, nothing])[order],
    )


def _charges(identity: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of the final particles of Pythia: e, mu, pi, K, p and the hyperons that live long enough; 0 for all others."""
    positive = np.isin(identity, (-11, -13, 211, 321, 2212, 3222, -3112, -3312, -3334))
    negative = np.isin(-identity, (-11, -13, 211, 321, 2212, 3222, -3112, -3312, -3334))
    return positive.astype(np.int64) - negative


def _kinds(identity: NDArray[np.int64], charge: NDArray[np.int64]) -> NDArray[np.int64]:
    kind = np.where(charge != 0, CHARGED_HADRON, NEUTRAL_HADRON)
    kind[np.abs(identity) == 22] = PHOTON
    for number, lepton in _CHARGED_LEPTONS.items():
        kind[np.abs(identity) == number] = lepton
    return kind


def _found(
    pt: Array, eta: Array, vertex: Array, kind: NDArray[np.int64], random: np.random.Generator
) -> NDArray[np.bool_]:
    region = (np.abs(eta) > 1.5).astype(np.int64)
    interval = np.searchsorted((1.0, 100.0), pt)
    chance = np.zeros(len(pt))
    for one in _TRACKED:
        chosen = kind == one
        chance[chosen] = np.array(_EFFICIENCY[one])[region[chosen], interval[chosen]]
    accepted = (pt > TRACK_PT_MIN) & (np.abs(eta) < TRACK_ETA_MAX) & tracks.in_tracker(vertex)
    return np.asarray(accepted & (random.random(len(pt)) < chance))


def _track_sigma(pt: Array, eta: Array, kind: NDArray[np.int64]) -> Array:
    """Relative; 0 for what leaves no track."""
    region = np.searchsorted((0.5, 1.5), np.abs(eta))
    sigma = np.zeros(len(pt))
    for one in _TRACKED:
        chosen = kind == one
        a, b = np.array(_RESOLUTION[one])[region[chosen]].T
        sigma[chosen] = np.hypot(a, b * pt[chosen])
    return sigma


def _sums(values: Array, of: NDArray[np.int64], n: int) -> Array:
    """(n,) sum of the values of each of n towers."""
    return np.asarray(np.bincount(of, values, n), dtype=np.float64)


def _masses(kind: NDArray[np.int64]) -> Array:
    return np.array([_MASS.get(one, 0.0) for one in range(5)])[kind]


def _eta(p4: Array) -> Array:
    return np.asarray(np.arcsinh(p4[:, 2] / np.hypot(p4[:, 0], p4[:, 1])))


def _massless(energy: Array, eta: Array, phi: Array) -> Array:
    pt = energy / np.cosh(eta)
    return np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), energy], axis=-1)
