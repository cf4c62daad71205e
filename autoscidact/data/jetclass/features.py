"""The 17 inputs of Particle Transformer, for each particle of a jet."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

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
_SCALES = {name: (subtract, multiply) for name, subtract, multiply in SCALING}
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
}


def write_features(
    take: Callable[[str], Array], pt: Array, energy: Array, jet_pt: Array, jet_energy: Array, out: Mapping[str, Array]
) -> None:
    """Computes the features from a file's branches, elementwise.

    Args:
        take: gives the branch of a name in `PARTICLE_BRANCHES`, (...), track parameters in mm, to be written over. Each
            is asked for just before it is used, so that few arrays at a time have to stay in a processor's cache.
        pt: (...), GeV, of each particle.
        energy: (...), GeV.
        jet_pt: (...) or to be broadcast to it, GeV, of the jet that each particle belongs to.
        jet_energy: as `jet_pt`, GeV.
        out: (...) each, by the names of `FEATURE_NAMES`; written. NaN where a branch is NaN or an energy negative; a
            pT or an energy of 0 gives the lower limit.

    References:
        H. Qu, C. Li, S. Qian, Particle Transformer for Jet Tagging (arXiv:2202.03772), Table 2, and the scaling in
        the authors' JetClass_full.yaml.
    """
    work = np.empty_like(pt)
    # What these refuse ends as NaN or at the limit, and the reader says so.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        _write("log_pt", np.log(pt, out=work), out)
        _write("log_relative_pt", np.log(np.divide(pt, jet_pt, out=work), out=work), out)
        _write("log_energy", np.log(energy, out=work), out)
        _write("log_relative_energy", np.log(np.divide(energy, jet_energy, out=work), out=work), out)
        for name, branch in (("tanh_d0", "part_d0val"), ("tanh_dz", "part_dzval")):
            _write(name, np.tanh(take(branch), out=work), out)
        eta, phi = take("part_deta"), take("part_dphi")
        _write("delta_r", length_of(eta, phi), out)
        _write("delta_eta", eta, out)
        _write("delta_phi", phi, out)
        for name, branch in _AS_THEY_ARE.items():
            _write(name, take(branch), out)


def length_of(x: Array, y: Array) -> Array:
    """Of vectors: what numpy's hypot gives, to the last bit but where its squares leave float64, in half the time."""
    with np.errstate(invalid="ignore", over="ignore"):
        squares, more = x.astype(np.float64), y.astype(np.float64)
        squares *= squares
        more *= more
        squares += more
        return np.sqrt(squares, out=squares).astype(np.float32)


def _write(name: str, values: Array, out: Mapping[str, Array]) -> None:
    """Scales `values`, in place where that changes them, and clips them on the way."""
    subtract, multiply = _SCALES[name]
    if (subtract, multiply) != (0.0, 1.0):
        values -= np.float32(subtract)
        values *= np.float32(multiply)
    low, high = (0.0, 1.0) if name.endswith("_error") else (-LIMIT, LIMIT)
    np.clip(values, low, high, out=out[name])
