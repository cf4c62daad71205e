"""Four leptons out of events that hold any number of them: CMS's reduced NanoAOD."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.fourlepton.leptons import ELECTRON, MUON, Z_MASS, Leptons, ordered
from autoscidact.data.fourlepton.selection import ELECTRON_ETA, ELECTRON_PT, MUON_ETA, MUON_PT
from autoscidact.errors import UserError

_COLUMNS = ("pt", "eta", "phi", "mass", "charge")
_COLLECTIONS = (("Muon", MUON, MUON_PT, MUON_ETA), ("Electron", ELECTRON, ELECTRON_PT, ELECTRON_ETA))


def read_events(tree: Any, path: Path) -> Leptons:
    """The best four leptons of every event that has two pairs of one flavour and opposite charge.

    Only leptons within CMS's acceptance take part. The first pair is the one closest to the Z mass (of those that
    leave a second pair); the second is the one with the largest scalar sum of transverse momenta.

    Args:
        tree: uproot's tree `Events` with run, event, nMuon, Muon_{pt,eta,phi,mass,charge} and the same of Electron.
        path: what to name in messages.

    Raises:
        UserError: a branch is missing, or there are no events.

    References:
        CERN Open Data records 12361 to 12366 (the layout); CMS, arXiv:1312.5353, Sec. 5.3 (the choice of pairs).
    """
    import awkward as ak

    wanted = ["run", "event"] + [f"{name}_{column}" for name, *_ in _COLLECTIONS for column in _COLUMNS]
    there = set(tree.keys())
    missing = [branch for branch in wanted if branch not in there]
    if missing:
        raise UserError(f"{path}: Events has no branch {', '.join(missing[:6])}")
    arrays = tree.arrays(wanted)
    if len(arrays) == 0:
        raise UserError(f"{path}: there are no events")
    leptons = ak.concatenate([_collection(arrays, *entry) for entry in _COLLECTIONS], axis=1)
    pairs = ak.argcombinations(leptons, 2, fields=["i", "j"])
    i, j = leptons[pairs.i], leptons[pairs.j]
    fits = (i.kind == j.kind) & (i.charge == -j.charge)
    mass, pt = _pair_mass(i, j), i.pt + j.pt
    pairs = ak.zip({"i": pairs.i, "j": pairs.j, "distance": np.abs(mass - Z_MASS), "pt": pt})[fits]
    first, second = ak.unzip(ak.cartesian([pairs, pairs], axis=1))
    apart = (first.i != second.i) & (first.i != second.j) & (first.j != second.i) & (first.j != second.j)
    first, second = first[apart], second[apart]
    closest = first.distance == ak.min(first.distance, axis=1)
    first, second = first[closest], second[closest]
    hardest = ak.argmax(second.pt, axis=1, keepdims=True)
    first, second = first[hardest], second[hardest]
    found = ~ak.is_none(ak.firsts(first))
    chosen = ak.concatenate([first.i, first.j, second.i, second.j], axis=1)[found]
    kept = leptons[found][chosen]
    p4 = np.stack([_matrix(kept[name]) for name in ("px", "py", "pz", "E")], axis=-1)
    run, event = ak.to_numpy(arrays["run"][found]), ak.to_numpy(arrays["event"][found])
    return ordered(p4, _matrix(kept.kind).astype(int), _matrix(kept.charge).astype(int), run, event)


def _collection(arrays: Any, name: str, kind: int, least_pt: float, largest_eta: float) -> Any:
    """Leptons of one kind that are in the acceptance, with momenta in Cartesian coordinates."""
    import awkward as ak

    pt, eta, phi, mass, charge = (ak.values_astype(arrays[f"{name}_{column}"], np.float64) for column in _COLUMNS)
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    energy = np.sqrt(px**2 + py**2 + pz**2 + mass**2)
    kinds = ak.full_like(pt, kind)
    fields = {"px": px, "py": py, "pz": pz, "E": energy, "pt": pt, "kind": kinds, "charge": charge}
    return ak.zip(fields)[(pt > least_pt) & (np.abs(eta) < largest_eta)]


def _pair_mass(first: Any, second: Any) -> Any:
    squared = (first.E + second.E) ** 2 - sum((first[c] + second[c]) ** 2 for c in ("px", "py", "pz"))
    return np.sqrt(np.maximum(squared, 0.0))


def _matrix(column: Any) -> NDArray[np.float64]:
    import awkward as ak

    return np.asarray(ak.to_numpy(ak.to_regular(column, axis=1)), dtype=np.float64)
