"""Generated jets as the branches of JetClass's tree."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.jetclass.detector import Measured, measure
from autoscidact.data.jetclass.generator import collide, start_pythia
from autoscidact.data.jetclass.jets import FoundJets, directions, find_jets, turn
from autoscidact.data.jetclass.layout import CLASSES
from autoscidact.data.jetclass.substructure import substructure
from autoscidact.data.jetclass.track_response import CHARGED_HADRON, ELECTRON, MUON, NEUTRAL_HADRON, PHOTON

Branches = dict[str, NDArray[Any]]

_COLLISIONS = 100
"""Collisions in memory at once: 200000 particles."""

_MAX_PYTHIA_SEED = 900_000_000

_FLAGS = {
    "part_isChargedHadron": CHARGED_HADRON,
    "part_isNeutralHadron": NEUTRAL_HADRON,
    "part_isPhoton": PHOTON,
    "part_isElectron": ELECTRON,
    "part_isMuon": MUON,
}


def generate_jets(
    jet_class: str, n_jets: int, seed: int, number: int = 0
) -> tuple[Branches, Branches, NDArray[np.int64]]:
    """Generates, measures and finds jets of one class.

    Args:
        jet_class: a key of `generator.QUARKS_OF`.
        n_jets: how many; fewer are the first of more.
        seed, number: two numbers that, with the class, make the random numbers.

    Returns:
        Branches with one number a jet, branches with one number a particle, jet after jet, and (n,) the particles of
        each jet.
    """
    streams = np.random.SeedSequence([seed, CLASSES.index(jet_class), number]).spawn(2)
    pythia = start_pythia(jet_class, 1 + int(streams[0].generate_state(1)[0]) % _MAX_PYTHIA_SEED)
    random = np.random.default_rng(streams[1])
    batches: list[tuple[Branches, Branches, NDArray[np.int64]]] = []
    while sum(len(counts) for _, _, counts in batches) < n_jets:
        collisions = collide(pythia, jet_class, _COLLISIONS)
        measured = measure(collisions.event, collisions.p4, collisions.vertex, collisions.identity, random)
        found = find_jets(measured, collisions.decay_event, collisions.decay)
        if len(found.counts):
            batches.append((*_branches(found, measured), found.counts))
    counts = np.concatenate([counts for _, _, counts in batches])[:n_jets]
    jets = {name: np.concatenate([b[0][name] for b in batches])[:n_jets] for name in batches[0][0]}
    particles = {name: np.concatenate([b[1][name] for b in batches])[: counts.sum()] for name in batches[0][1]}
    labels = {f"label_{name}": np.full(n_jets, name == jet_class) for name in CLASSES}
    return jets | labels, particles, counts


def _branches(found: FoundJets, measured: Measured) -> tuple[Branches, Branches]:
    pt, eta, phi = directions(found.p4)
    p4 = measured.p4[found.rows]
    shape = substructure(p4, found.counts)
    _, its_eta, its_phi = directions(p4)
    jet = np.repeat(np.arange(len(pt)), found.counts)
    jets = {
        "jet_pt": pt,
        "jet_eta": eta,
        "jet_phi": phi,
        "jet_energy": found.p4[:, 3],
        "jet_nparticles": found.counts,
        "jet_sdmass": shape.soft_drop_mass,
        **{f"jet_tau{n + 1}": shape.tau[:, n] for n in range(4)},
    }
    particles = {
        **{name: p4[:, k] for k, name in enumerate(("part_px", "part_py", "part_pz", "part_energy"))},
        # JetClass mirrors jets of negative eta.
        "part_deta": (its_eta - eta[jet]) * np.where(eta[jet] > 0, 1, -1),
        "part_dphi": turn(its_phi - phi[jet]),
        "part_d0val": measured.d0[found.rows],
        "part_d0err": measured.d0_error[found.rows],
        "part_dzval": measured.dz[found.rows],
        "part_dzerr": measured.dz_error[found.rows],
        "part_charge": measured.charge[found.rows],
        **{name: measured.kind[found.rows] == kind for name, kind in _FLAGS.items()},
    }
    as_float = {name: values.astype(np.float32) for name, values in jets.items()}
    return as_float, {
        name: values if values.dtype == np.bool_ else values.astype(np.float32) for name, values in particles.items()
    }
