"""The background of four leptons: two Z bosons, and the few events of other processes that look like it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autoscidact.data.fourlepton.csv_files import read_csv
from autoscidact.data.fourlepton.leptons import Leptons, concatenate
from autoscidact.data.fourlepton.samples import REDUCIBLE
from autoscidact.data.fourlepton.selection import CutFlowRow, cuts, select


@dataclass(frozen=True)
class Weighted:
    """Selected events of one sample.

    Attributes:
        leptons: the events.
        weight: expected events for each of them.
        flow: the cut flow.
    """

    leptons: Leptons
    weight: float
    flow: list[CutFlowRow]


def selected(leptons: Leptons, weight: float, selection: Mapping[str, Any]) -> Weighted:
    """The events that pass `cuts(**selection)`, with what each cut leaves."""
    mask, flow = select(leptons, np.full(len(leptons), weight), cuts(leptons, **selection))
    return Weighted(leptons.take(mask), weight, flow)


def reducible(
    folder: Path, years: Sequence[int], simulated_years: Sequence[int], selection: Mapping[str, Any]
) -> dict[str, Weighted]:
    """Selected Drell-Yan and top events, by file.

    Raises:
        UserError: a file is missing or cannot be read.
    """
    return {
        process.file(year): selected(
            read_csv(folder / process.file(year)), process.weight(years, simulated_years), selection
        )
        for process in REDUCIBLE
        for year in simulated_years
    }


def turned(leptons: Leptons, copies: int, random: np.random.Generator) -> Leptons:
    """`copies` of each event, each turned by a random angle about the beam and half of them mirrored along it.

    Proton-proton collisions know no direction around the beam and no difference between its ends, so every copy is as
    likely as the event itself. What the events have in common with each other (masses, angles between leptons) is
    that of the originals, however many copies there are.
    """
    originals = concatenate([leptons] * copies)
    angle = random.uniform(0, 2 * np.pi, len(originals))[:, None]
    end = np.where(random.random(len(originals)) < 0.5, 1.0, -1.0)[:, None]
    px, py, pz, energy = np.moveaxis(originals.p4, -1, 0)
    cos, sin = np.cos(angle), np.sin(angle)
    p4 = np.stack([cos * px - sin * py, sin * px + cos * py, end * pz, energy], axis=-1)
    return Leptons(p4, originals.kind, originals.charge, originals.run, originals.event)
