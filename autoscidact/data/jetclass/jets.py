"""Jets among measured particles, chosen as JetClass chooses them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.jetclass.detector import Measured
from autoscidact.data.jetclass.substructure import JET_RADIUS, jagged, load_fastjet

Array = NDArray[np.float64]

PT_RANGE = (500.0, 1000.0)
"""GeV."""

ETA_MAX = 2.0


@dataclass(frozen=True)
class FoundJets:
    """Jets and what they hold.

    Attributes:
        event: (n,) number of the collision; never twice.
        p4: (n, 4) px, py, pz, E in GeV.
        counts: (n,) particles of each.
        rows: (sum of counts,) of the particles, jet after jet, in falling order of pt.
    """

    event: NDArray[np.int64]
    p4: Array
    counts: NDArray[np.int64]
    rows: NDArray[np.int64]


def find_jets(measured: Measured, decay_event: NDArray[np.int64], decay: Array) -> FoundJets:
    """The hardest jet of each collision that is in the range of pt and eta and holds a whole decay.

    Jets are anti-kt with radius 0.8 and E-scheme. A jet holds a decay if the decaying particle and all of its quarks
    are within 0.8 of its axis, JetClass's condition. One jet a collision keeps jets independent.

    Args:
        measured: particles.
        decay_event, decay: as in `Collisions`; no decay is asked for if `decay` has no directions (m, 0, 2).

    References:
        M. Cacciari, G. P. Salam, G. Soyez, JHEP 04 (2008) 063, arXiv:0802.1189; EPJC 72 (2012) 1896, arXiv:1111.6097.
        H. Qu, C. Li, S. Qian, Particle Transformer, ICML 2022, arXiv:2202.03772, Sec. 2.
    """
    import awkward as ak

    fastjet = load_fastjet()
    event, first, n_particles = np.unique(measured.event, return_index=True, return_counts=True)
    anti_kt = fastjet.JetDefinition(fastjet.antikt_algorithm, JET_RADIUS)
    clusters = fastjet.ClusterSequence(jagged(measured.p4, n_particles), anti_kt)
    inclusive, members = clusters.inclusive_jets(min_pt=PT_RANGE[0]), clusters.constituent_index(min_pt=PT_RANGE[0])
    n_jets = ak.to_numpy(ak.num(inclusive))
    jets = ak.flatten(inclusive)
    p4 = np.stack([ak.to_numpy(jets[name]) for name in ("px", "py", "pz", "E")], axis=-1)
    where = np.repeat(np.arange(len(event)), n_jets)
    counts = ak.to_numpy(ak.flatten(ak.num(members, axis=2))).astype(np.int64)
    rows = ak.to_numpy(ak.flatten(members, axis=None)).astype(np.int64) + np.repeat(first[where], counts)
    pt, eta, phi = directions(p4)
    good = (pt > PT_RANGE[0]) & (pt < PT_RANGE[1]) & (np.abs(eta) < ETA_MAX)
    if decay.shape[1]:
        good &= _holds_decay(event[where], eta, phi, decay_event, decay)
    kept = _hardest(where, pt, good)
    of_jet = np.repeat(np.arange(len(pt)), counts)
    momentum = np.hypot(measured.p4[rows, 0], measured.p4[rows, 1])
    rows = rows[np.lexsort((-momentum, of_jet))]
    return FoundJets(event[where[kept]], p4[kept], counts[kept], rows[np.isin(of_jet, kept)])


def directions(p4: Array) -> tuple[Array, Array, Array]:
    """pt, eta and phi of (n, 4) px, py, pz, E; pt must not be 0."""
    pt = np.hypot(p4[:, 0], p4[:, 1])
    return pt, np.arcsinh(p4[:, 2] / pt), np.arctan2(p4[:, 1], p4[:, 0])


def turn(phi: Array) -> Array:
    """Angles between -pi and pi."""
    return np.mod(phi + np.pi, 2 * np.pi) - np.pi


def _holds_decay(
    event: NDArray[np.int64], eta: Array, phi: Array, decay_event: NDArray[np.int64], decay: Array
) -> NDArray[np.bool_]:
    jet, other = np.nonzero(event[:, None] == decay_event[None, :])
    distance = np.hypot(eta[jet, None] - decay[other, :, 0], turn(phi[jet, None] - decay[other, :, 1]))
    holds = np.zeros(len(event), dtype=np.bool_)
    holds[jet[(distance < JET_RADIUS).all(axis=1)]] = True
    return holds


def _hardest(where: NDArray[np.int64], pt: Array, good: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Rows of the good jet of largest pt in each place, in order of the place."""
    rows = np.flatnonzero(good)
    rows = rows[np.lexsort((-pt[rows], where[rows]))]
    _, first = np.unique(where[rows], return_index=True)
    return rows[first]
