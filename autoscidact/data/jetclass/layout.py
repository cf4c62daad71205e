"""What a jet is to this code: the branches of JetClass's files, and the one array an encoder reads."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TREE = "tree"

CLASSES = ("QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl")
"""Classes in JetClass's order; a jet of class X has 1 in branch label_X and 0 in the others."""

MOMENTUM = ("part_px", "part_py", "part_pz", "part_energy")

PARTICLE_BRANCHES = (
    *MOMENTUM,
    "part_deta",
    "part_dphi",
    "part_d0val",
    "part_d0err",
    "part_dzval",
    "part_dzerr",
    "part_charge",
    "part_isChargedHadron",
    "part_isNeutralHadron",
    "part_isPhoton",
    "part_isElectron",
    "part_isMuon",
)
"""One number a particle: GeV, units of rapidity, radians, mm."""

OBSERVERS = (
    "jet_pt",
    "jet_eta",
    "jet_phi",
    "jet_energy",
    "jet_nparticles",
    "jet_sdmass",
    "jet_tau1",
    "jet_tau2",
    "jet_tau3",
    "jet_tau4",
)
"""One number a jet."""

N_PARTICLES = 64
"""Particles kept of a jet, those of largest pT (AutoSciDACT, App. A.3)."""

N_FEATURES = 17
FEATURES = slice(0, N_FEATURES)
P4 = slice(N_FEATURES, N_FEATURES + 4)
MASK = N_FEATURES + 4
N_CHANNELS = N_FEATURES + 5


@dataclass(frozen=True)
class Jets:
    """Jets of one file, padded.

    Attributes:
        particles: (n, 22, n_particles) float32: the 17 features (`FEATURES`), px, py, pz, E in GeV (`P4`), and 1 for
            a particle or 0 for padding (`MASK`). Particles stand in falling order of pT; padding is 0 everywhere.
        labels: (n,) int64, index into `CLASSES`.
        observers: name to (n,) float32, what `OBSERVERS` lists.
        entries: (n,) int64, row of the file's tree.
        n_bad: jets that were left out.
    """

    particles: NDArray[np.float32]
    labels: NDArray[np.int64]
    observers: Mapping[str, NDArray[np.float32]]
    entries: NDArray[np.int64]
    n_bad: int = 0

    def __len__(self) -> int:
        return len(self.labels)
