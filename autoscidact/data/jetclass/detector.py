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
from autoscidact.data.jetclass.track_response import (
    CHARGED_HADRON,
    ELECTRON,
    NEUTRAL_HADRON,
    PHOTON,
    charges,
    is_found,
    kinds,
    masses,
    relative_resolution,
)

Array = NDArray[np.float64]


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
    charge = charges(identity)
    kind = kinds(identity, charge)
    pt, eta = np.hypot(p4[:, 0], p4[:, 1]), _eta(p4)
    found = is_found(pt, eta, vertex, kind, random)
    measured_pt = np.where(found, log_normal(pt, relative_resolution(pt, eta, kind) * pt, random), 0.0)
    # Delphes counts a track's energy, not its momentum, beside the calorimeter's.
    energy = np.hypot(measured_pt * np.cosh(eta), masses(kind))
    hit_eta, hit_phi = tracks.calorimeter_positions(p4, charge)
    reaches = np.abs(hit_eta) < ETA_MAX
    neutral: list[tuple[NDArray[np.int64], Array, int]] = []
    for calorimeter, its_kinds, made in (
        (ECAL, (PHOTON, ELECTRON), PHOTON),
        (HCAL, (CHARGED_HADRON, NEUTRAL_HADRON), NEUTRAL_HADRON),
    ):
        hits = np.flatnonzero(reaches & np.isin(kind, its_kinds))
        its = towers(calorimeter, event[hits], hit_eta[hits], hit_phi[hits], random)
        track = np.where(found[hits], energy[hits], 0.0)
        sigma2 = (relative_resolution(measured_pt[hits], eta[hits], kind[hits]) * track) ** 2
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
    measured_energy = np.hypot(pt * np.cosh(eta), masses(kind))
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
    made_kinds = [np.full(len(events), made) for events, _, made in neutral]
    return Measured(
        event=event[order],
        p4=np.concatenate([charged.p4, *(p4 for _, p4, _ in neutral)])[order],
        charge=np.concatenate([charged.charge, np.zeros(n_neutral, dtype=np.int64)])[order],
        kind=np.concatenate([charged.kind, *made_kinds])[order],
        d0=np.concatenate([charged.d0, nothing])[order],
        d0_error=np.concatenate([charged.d0_error, nothing])[order],
        dz=np.concatenate([charged.dz, nothing])[order],
        dz_error=np.concatenate([charged.dz_error, nothing])[order],
    )


def _sums(values: Array, of: NDArray[np.int64], n: int) -> Array:
    """(n,) sum of the values of each of n towers."""
    return np.asarray(np.bincount(of, values, n), dtype=np.float64)


def _eta(p4: Array) -> Array:
    return np.asarray(np.arcsinh(p4[:, 2] / np.hypot(p4[:, 0], p4[:, 1])))


def _massless(energy: Array, eta: Array, phi: Array) -> Array:
    pt = energy / np.cosh(eta)
    return np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), energy], axis=-1)
