"""Soft-drop mass and N-subjettiness of jets, by FastJet and its contributed packages."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.errors import UserError

JET_RADIUS = 0.8

SOFT_DROP_Z = 0.1
"""The softer of two branches stays if it has at least this part of their sum of pt; beta is 0."""


@dataclass(frozen=True)
class Substructure:
    """Of n jets.

    Attributes:
        soft_drop_mass: (n,) GeV.
        tau: (n, 4) N-subjettiness for N from 1 to 4.
    """

    soft_drop_mass: NDArray[np.float64]
    tau: NDArray[np.float64]


def substructure(p4: NDArray[np.float64], counts: NDArray[np.int64]) -> Substructure:
    """Substructure of jets, with the settings of JetClass's Delphes card.

    The mass is that of the jet reclustered with Cambridge/Aachen and groomed by soft drop with beta = 0, z > 0.1.
    tau_N is the sum over particles of pt times the distance to the nearest of N axes, divided by that of pt times the
    jet's radius (beta = 1); axes are those of N exclusive kt jets, improved by one minimisation ("one-pass kt").

    Args:
        p4: (particles, 4) px, py, pz, E in GeV, jet after jet.
        counts: (n,) particles of each jet, at least 1.

    References:
        A. J. Larkoski et al., Soft Drop, JHEP 05 (2014) 146, arXiv:1402.2657.
        J. Thaler, K. Van Tilburg, JHEP 03 (2011) 015, arXiv:1011.2268; JHEP 02 (2012) 093, arXiv:1108.2701.
    """
    fastjet = load_fastjet()
    # Wide enough that all of a jet is one branch, whatever its shape.
    everything = fastjet.JetDefinition(fastjet.cambridge_algorithm, 10 * JET_RADIUS)
    clusters = fastjet.ClusterSequence(jagged(p4, counts), everything)
    groomed = clusters.exclusive_jets_softdrop_grooming(
        njets=1, beta=0.0, symmetry_cut=SOFT_DROP_Z, symmetry_measure="scalar_z", R0=JET_RADIUS
    )
    tau = clusters.njettiness(
        measure_definition="NormalizedMeasure",
        axes_definition="OnePass_KT_Axes",
        njets=[1, 2, 3, 4],
        beta=1.0,
        R0=JET_RADIUS,
    )
    mass = np.asarray(groomed.msoftdrop, dtype=np.float64)
    # A single massless particle may come out a little below 0.
    return Substructure(np.maximum(mass, 0.0), np.asarray(tau, dtype=np.float64).reshape(len(counts), 4))


def jagged(p4: NDArray[np.float64], counts: NDArray[np.int64]) -> Any:
    """Four-vectors in the form that FastJet takes: an awkward array with one list for each count."""
    import awkward as ak

    return ak.unflatten(ak.zip({name: p4[:, k] for k, name in enumerate(("px", "py", "pz", "E"))}), counts)


def load_fastjet() -> Any:
    """The package FastJet, without its banner; the generation report names the papers that it asks to cite.

    Raises:
        UserError: it is not installed.
    """
    try:
        import fastjet
    except ImportError as error:
        raise UserError("finding jets needs the package fastjet: install autoscidact with the extra 'hep'") from error
    # The name ClusterSequence stands for a class of Python without this method.
    fastjet.ClusterSequenceArea.set_fastjet_banner_stream(None)
    return fastjet
