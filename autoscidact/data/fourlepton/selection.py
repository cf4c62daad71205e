"""The selection of four-lepton events, cut by cut."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.fourlepton.leptons import MUON, Leptons
from autoscidact.errors import UserError

MUON_PT, MUON_ETA = 5.0, 2.4
ELECTRON_PT, ELECTRON_ETA = 7.0, 2.5
"""Least transverse momenta (GeV) and largest |eta| at which CMS identifies leptons in this search."""


@dataclass(frozen=True)
class CutFlowRow:
    """What is left after one cut and all before it.

    Attributes:
        cut: its name.
        events: how many events are left.
        weighted: the sum of their weights.
    """

    cut: str
    events: int
    weighted: float


def in_acceptance(leptons: Leptons) -> NDArray[np.bool_]:
    """(n, 4) whether a lepton is where CMS identifies it: muons pT > 5 GeV, |eta| < 2.4; electrons 7 GeV, 2.5."""
    muon = leptons.kind == MUON
    pt, eta = leptons.pt, np.abs(leptons.eta)
    return np.where(muon, (pt > MUON_PT) & (eta < MUON_ETA), (pt > ELECTRON_PT) & (eta < ELECTRON_ETA))


def cuts(
    leptons: Leptons,
    m4l: Sequence[float] = (110.0, 180.0),
    z1: Sequence[float] = (60.0, 120.0),
    z2: Sequence[float] = (12.0, 120.0),
    leading_pt: Sequence[float] = (20.0, 10.0),
) -> dict[str, NDArray[np.bool_]]:
    """Each cut on its own, in the order in which they are reported.

    Args:
        m4l: open interval of the four-lepton mass in GeV. Below about 110 GeV the real data have Z -> 4l decays,
            which a background of two Z bosons lacks.
        z1, z2: open intervals in GeV of the pair closest to the Z mass and of the other one.
        leading_pt: transverse momenta in GeV that the hardest and the next lepton must exceed.

    Returns:
        Name of the cut to (n,) whether an event passes it.

    Raises:
        UserError: an interval that is none.

    References:
        CMS, Phys. Lett. B 716 (2012) 30, arXiv:1207.7235, Sec. 5.1; AutoSciDACT, App. E.
    """
    for key, interval in (("m4l", m4l), ("z1", z1), ("z2", z2)):
        if len(interval) != 2 or not 0 <= interval[0] < interval[1]:
            raise UserError(f"dataset.{key}={list(interval)}: give two rising masses in GeV")
    mass, m_z1, m_z2, pt = leptons.m4l, leptons.m_z1, leptons.m_z2, leptons.pt
    return {
        "four leptons": np.ones(len(leptons), dtype=bool),
        "charge 0": leptons.charge.sum(axis=1) == 0,
        "two pairs": ~np.isnan(m_z1),
        "acceptance": in_acceptance(leptons).all(axis=1),
        "leading pT": (pt[:, 0] > leading_pt[0]) & (pt[:, 1] > leading_pt[1]),
        "mZ1": (m_z1 > z1[0]) & (m_z1 < z1[1]),
        "mZ2": (m_z2 > z2[0]) & (m_z2 < z2[1]),
        "m4l": (mass > m4l[0]) & (mass < m4l[1]),
    }


def select(
    leptons: Leptons, weights: NDArray[np.float64], cuts: dict[str, NDArray[np.bool_]]
) -> tuple[NDArray[np.bool_], list[CutFlowRow]]:
    """The events that pass all of `cuts`, and what is left after each."""
    mask = np.ones(len(leptons), dtype=bool)
    flow = []
    for name, passed in cuts.items():
        mask = mask & passed
        flow.append(CutFlowRow(name, int(mask.sum()), float(weights[mask].sum())))
    return mask, flow
