"""Proton-proton collisions of one of JetClass's processes from Pythia 8, before the detector."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.errors import UserError

QUARKS_OF = {"QCD": 0, "Tbqq": 6, "Wqq": 24, "Zqq": 23, "Hbb": 25}
"""Class to the PDG number of the particle whose quarks a jet must hold; 0 where there is none."""

PT_HAT = (450.0, 1100.0)
"""Range in GeV of the hard process's transverse momentum: little of 500 to 1000 GeV in the jet comes from outside."""

_COMMON = (
    "Print:quiet = on",
    "Beams:eCM = 13000.",
    f"PhaseSpace:pTHatMin = {PT_HAT[0]:g}",
    f"PhaseSpace:pTHatMax = {PT_HAT[1]:g}",
    "Random:setSeed = on",
)
_QUARKS_ONLY = "onIfAny = 1 2 3 4 5"
_PROCESSES: dict[str, tuple[str, ...]] = {
    "QCD": ("HardQCD:all = on",),
    "Tbqq": ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on", "24:onMode = off", f"24:{_QUARKS_ONLY}"),
    "Wqq": (
        "WeakBosonAndParton:qqbar2Wg = on",
        "WeakBosonAndParton:qg2Wq = on",
        "24:onMode = off",
        f"24:{_QUARKS_ONLY}",
    ),
    "Zqq": (
        "WeakBosonAndParton:qqbar2gmZg = on",
        "WeakBosonAndParton:qg2gmZq = on",
        "WeakZ0:gmZmode = 2",
        "23:onMode = off",
        f"23:{_QUARKS_ONLY}",
    ),
    "Hbb": (
        "HiggsSM:ffbar2HZ = on",
        "HiggsSM:ffbar2HW = on",
        "25:m0 = 125.",
        "25:onMode = off",
        "25:onIfMatch = 5 -5",
        "23:onMode = off",
        "23:onIfAny = 11 12 13 14 15 16",
        "24:onMode = off",
        "24:onIfAny = 11 13 15",
    ),
}
_NEUTRINOS = (12, 14, 16)
_BOTTOM = 5


@dataclass(frozen=True)
class Collisions:
    """Visible final particles of some collisions, and where the decays are that jets are to be matched to.

    Attributes:
        event: (n,) number of each particle's collision, from 0, never falling.
        p4: (n, 4) px, py, pz, E in GeV.
        vertex: (n, 3) x, y, z in mm of its production; the collision is at 0.
        identity: (n,) PDG number.
        decay_event: (m,) number of each decay's collision.
        decay: (m, k, 2) eta and phi of the decaying particle and of its quarks: k is 3 for bosons, 4 for a top quark
            (top, bottom, two of the W boson), 0 for QCD.
    """

    event: NDArray[np.int64]
    p4: NDArray[np.float64]
    vertex: NDArray[np.float64]
    identity: NDArray[np.int64]
    decay_event: NDArray[np.int64]
    decay: NDArray[np.float64]


def start_pythia(jet_class: str, seed: int) -> Any:
    """Pythia, ready to collide protons at 13 TeV in the process of `jet_class`.

    Showers, multiple parton interactions and hadrons are on, with Pythia's default tune (Monash). W, Z and top decay
    to quarks, H to bottom quarks beside a W or Z that decays to leptons.

    Args:
        jet_class: a key of `QUARKS_OF`.
        seed: 1 to 900000000.

    Raises:
        UserError: pythia8mc is not installed.

    References:
        C. Bierlich et al., SciPost Phys. Codebases 8 (2022), arXiv:2203.11601.
    """
    try:
        import pythia8mc
    except ImportError as error:
        raise UserError(
            "generating jets needs the package pythia8mc: install autoscidact with the extra 'hep'"
        ) from error
    pythia = pythia8mc.Pythia("", False)
    for setting in (*_COMMON, *_PROCESSES[jet_class], f"Random:seed = {seed}"):
        if not pythia.readString(setting):
            raise RuntimeError(f"Pythia refused {setting!r}")
    if not pythia.init():
        raise RuntimeError(f"Pythia could not start the process of {jet_class}")
    return pythia


def collide(pythia: Any, jet_class: str, n: int) -> Collisions:
    """The next `n` collisions of a Pythia started for `jet_class`; those that fail in Pythia are left out."""
    import awkward as ak

    particles = pythia.nextBatch(n).prt
    counts = ak.to_numpy(ak.num(particles)).astype(np.int64)
    flat = ak.flatten(particles)
    event = np.repeat(np.arange(len(counts)), counts)
    identity = ak.to_numpy(flat.id).astype(np.int64)
    mother = ak.to_numpy(flat.mother1).astype(np.int64) + (np.cumsum(counts) - counts)[event]
    p4 = np.stack([ak.to_numpy(flat.p[name]) for name in ("px", "py", "pz", "e")], axis=-1)
    # Pythia gives no vertex to what comes from the collision itself.
    vertex = np.stack([ak.to_numpy(ak.fill_none(flat.vProd[name], 0.0)) for name in ("px", "py", "pz")], axis=-1)
    final = (ak.to_numpy(flat.status) > 0) & ~np.isin(np.abs(identity), _NEUTRINOS)
    final &= np.hypot(p4[:, 0], p4[:, 1]) > 0
    rows = _decays(jet_class, identity, mother)
    return Collisions(
        event=event[final],
        p4=p4[final],
        vertex=vertex[final],
        identity=identity[final],
        decay_event=event[rows[:, 0]] if rows.size else np.zeros(0, dtype=np.int64),
        decay=_directions(p4[rows]),
    )


def _decays(jet_class: str, identity: NDArray[np.int64], mother: NDArray[np.int64]) -> NDArray[np.int64]:
    """(m, k) rows of each decaying particle and its quarks."""
    if jet_class == "QCD":
        return np.zeros((0, 0), dtype=np.int64)
    if jet_class != "Tbqq":
        return _with_quarks(QUARKS_OF[jet_class], 2, identity, mother)
    w = _with_quarks(QUARKS_OF["Wqq"], 2, identity, mother)
    top = _with_quarks(QUARKS_OF["Tbqq"], 1, identity, mother)
    first = w[:, 0]
    while (same := identity[mother[first]] == identity[first]).any():
        first = np.where(same, mother[first], first)
    order = np.argsort(mother[first])
    parent = mother[first][order]
    _, in_top, in_w = np.intersect1d(top[:, 0], parent, assume_unique=True, return_indices=True)
    return np.concatenate([top[in_top], w[order][in_w][:, 1:]], axis=1)


def _with_quarks(
    particle: int, n_quarks: int, identity: NDArray[np.int64], mother: NDArray[np.int64]
) -> NDArray[np.int64]:
    """(m, 1 + n_quarks) rows of particles that decay to so many quarks, and of these."""
    quark = np.flatnonzero((np.abs(identity) <= _BOTTOM) & (np.abs(identity[mother]) == particle))
    quark = quark[np.argsort(mother[quark], kind="stable")]
    parent, counts = np.unique(mother[quark], return_counts=True)
    whole = counts == n_quarks
    return np.concatenate([parent[whole, None], quark[np.repeat(whole, counts)].reshape(-1, n_quarks)], axis=1)


def _directions(p4: NDArray[np.float64]) -> NDArray[np.float64]:
    pt = np.hypot(p4[..., 0], p4[..., 1])
    return np.stack([np.arcsinh(p4[..., 2] / np.maximum(pt, 1e-12)), np.arctan2(p4[..., 1], p4[..., 0])], axis=-1)
