"""The 17 inputs of Particle Transformer, for each particle of a jet."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.jetclass.layout import N_FEATURES

Array = NDArray[np.float32]

# (name, subtract, multiply), then clipped to +-5, except the errors of the track parameters.
SCALING = (
    ("log_pt", 1.7, 0.7),
    ("log_energy", 2.0, 0.7),
    ("log_relative_pt", -4.7, 0.7),
    ("log_relative_energy", -4.7, 0.7),
    ("delta_r", 0.2, 4.0),
    ("charge", 0.0, 1.0),
    ("is_charged_hadron", 0.0, 1.0),
    ("is_neutral_hadron", 0.0, 1.0),
    ("is_photon", 0.0, 1.0),
    ("is_electron", 0.0, 1.0),
    ("is_muon", 0.0, 1.0),
    ("tanh_d0", 0.0, 1.0),
    ("d0_error", 0.0, 1.0),
    ("tanh_dz", 0.0, 1.0),
    ("dz_error", 0.0, 1.0),
    ("delta_eta", 0.0, 1.0),
    ("delta_phi", 0.0, 1.0),
)
FEATURE_NAMES = tuple(name for name, _, _ in SCALING)
LIMIT = 5.0

_AS_THEY_ARE = {
    "charge": "part_charge",
    "is_charged_hadron": "part_isChargedHadron",
    "is_neutral_hadron": "part_isNeutralHadron",
    "is_photon": "part_isPhoton",
    "is_electron": "part_isElectron",
    "is_muon": "part_isMuon",
    "d0_error": "part_d0err",
    "dz_error": "part_dzerr",
    "delta_eta": "part_deta",
    "delta_phi": "part_dphi",
}


def particle_features(branches: Mapping[str, Array], jet_pt: Array, jet_energy: Array) -> Array:
    """Computes the features from a file's branches, elementwise.

    Args:
        branches: `PARTICLE_BRANCHES` by name, (...) each; momenta in GeV, track parameters in mm.
        jet_pt: (...), GeV, of the jet that each particle belongs to.
        jet_energy: (...), GeV.

    Returns:
        (17, ...) float32 in the order of `FEATURE_NAMES`. NaN where a branch is NaN or an energy negative; a pT or an
        energy of 0 gives the lower limit.

    References:
        H. Qu, C. Li, S. Qian, Particle Transformer for Jet Tagging (arXiv:2202.03772), Table 2, and the scaling in
        the authors' JetClass_full.yaml.
    """
    features = np.empty((N_FEATURES, *jet_pt.shape), dtype=np.float32)
    row = dict(zip(FEATURE_NAMES, features, strict=True))
    energy = branches["part_energy"]
    # What these refuse ends as NaN or at the limit, and the reader says so.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        pt = np.hypot(branches["part_px"], branches["part_py"])
        np.log(pt, out=row["log_pt"])
        np.log(energy, out=row["log_energy"])
        np.log(np.divide(pt, jet_pt, out=pt), out=row["log_relative_pt"])
        np.log(energy / jet_energy, out=row["log_relative_energy"])
        np.hypot(branches["part_deta"], branches["part_dphi"], out=row["delta_r"])
        np.tanh(branches["part_d0val"], out=row["tanh_d0"])
        np.tanh(branches["part_dzval"], out=row["tanh_dz"])
        for name, branch in _AS_THEY_ARE.items():
            row[name][...] = branches[branch]
        for name, subtract, multiply in SCALING:
            if (subtract, multiply) != (0.0, 1.0):
                row[name] -= np.float32(subtract)
                row[name] *= np.float32(multiply)
            low, high = (0.0, 1.0) if name.endswith("_error") else (-LIMIT, LIMIT)
            np.clip(row[name], low, high, out=row[name])
    return features
