"""Four-lepton events of one process from Pythia 8, before the detector."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.fourlepton.leptons import ELECTRON, MUON
from autoscidact.errors import UserError

Process = Literal["zz", "higgs"]

_COMMON = (
    "Print:quiet = on",
    "Beams:eCM = 8000.",
    "PartonLevel:MPI = off",
    "HadronLevel:all = off",
    "23:onMode = off",
    "23:onIfAny = 11 13",
    "Random:setSeed = on",
)
_SETTINGS: dict[Process, tuple[str, ...]] = {
    # Pairs below 12 GeV are not selected, and photons would make most of them.
    "zz": ("WeakDoubleBoson:ffbar2gmZgmZ = on", "23:mMin = 12."),
    "higgs": ("HiggsSM:gg2H = on", "25:m0 = 125.", "25:onMode = off", "25:onIfMatch = 23 23"),
}

DRESSING_RADIUS = 0.1
"""Photons within this distance in (eta, phi) count to an electron: the calorimeter does not separate them."""


@dataclass(frozen=True)
class Generated:
    """Particles of generated events.

    Attributes:
        p4: (n, 4, 4) px, py, pz, E in GeV of four final leptons, electrons with the photons close to them.
        kind: (n, 4) ELECTRON or MUON.
        charge: (n, 4) -1 or 1.
        number: (n,) number of the event among all that were generated, from 0.
        n_generated: events that were generated; the others had not exactly four leptons.
        cross_section: of the process with these decays and in this range of masses, in pb, at leading order.
    """

    p4: NDArray[np.float64]
    kind: NDArray[np.int64]
    charge: NDArray[np.int64]
    number: NDArray[np.int64]
    n_generated: int
    cross_section: float


def generate(process: Process, n: int, masses: tuple[float, float], seed: int) -> Generated:
    """Generates `n` proton-proton collisions at 8 TeV with four electrons or muons.

    Photon showers off leptons and gluon showers off the incoming quarks are on, other collisions and hadrons off:
    leptons from Z bosons do not feel them.

    Args:
        process: "zz", two Z bosons or photons above 12 GeV from quarks; "higgs", a Higgs boson of 125 GeV.
        masses: range in GeV of the mass of the four leptons before radiation; not used for the Higgs boson.
        seed: of Pythia, 1 to 900000000.

    Raises:
        UserError: pythia8mc is not installed.

    References:
        C. Bierlich et al., SciPost Phys. Codebases 8 (2022), arXiv:2203.11601.
    """
    pythia = _pythia()
    limits = (f"PhaseSpace:mHatMin = {masses[0]:g}", f"PhaseSpace:mHatMax = {masses[1]:g}") if process == "zz" else ()
    for setting in (*_COMMON, *_SETTINGS[process], *limits, f"Random:seed = {seed}"):
        if not pythia.readString(setting):
            raise RuntimeError(f"Pythia refused {setting!r}")
    if not pythia.init():
        raise RuntimeError(f"Pythia could not start process {process!r} between {masses[0]} and {masses[1]} GeV")
    rows: list[list[tuple[float, float, float, float, int]]] = []
    numbers: list[int] = []
    for number in range(n):
        if pythia.next() and (leptons := _final_leptons(pythia.event)) is not None:
            rows.append(leptons)
            numbers.append(number)
    table = np.array(rows, dtype=np.float64).reshape(-1, 4, 5)
    identity = table[..., 4].astype(np.int64)
    millibarn_in_pb = 1e9
    return Generated(
        p4=table[..., :4],
        kind=np.abs(identity),
        charge=-np.sign(identity),
        number=np.array(numbers, dtype=np.int64),
        n_generated=n,
        cross_section=float(pythia.infoPython().sigmaGen()) * millibarn_in_pb,
    )


def _pythia() -> Any:
    try:
        import pythia8mc
    except ImportError as error:
        raise UserError(
            "generating events needs the package pythia8mc: install autoscidact with the extra 'hep'"
        ) from error
    return pythia8mc.Pythia("", False)


def _final_leptons(event: Any) -> list[tuple[float, float, float, float, int]] | None:
    """px, py, pz, E and identity of the four leptons; None where radiation made more of them."""
    leptons, photons = [], []
    for index in range(event.size()):
        particle = event[index]
        identity = particle.id()
        if abs(identity) in (ELECTRON, MUON) and particle.isFinal():
            leptons.append((particle, identity))
        elif identity == 22 and particle.isFinal():
            photons.append(particle)
    if len(leptons) != 4:
        return None
    dressed = []
    for lepton, identity in leptons:
        momentum = [lepton.px(), lepton.py(), lepton.pz(), lepton.e()]
        if abs(identity) == ELECTRON:
            close = [p for p in photons if p.pT() > 0 and _distance(p, lepton) < DRESSING_RADIUS]
            photons = [p for p in photons if p not in close]
            for p in close:
                momentum = [a + b for a, b in zip(momentum, (p.px(), p.py(), p.pz(), p.e()), strict=True)]
        dressed.append((*momentum, identity))
    return dressed


def _distance(first: Any, second: Any) -> float:
    turn = abs(first.phi() - second.phi())
    return float(np.hypot(first.eta() - second.eta(), min(turn, 2 * np.pi - turn)))
