"""The simulated samples, each selected and weighted to the events expected in the years of the data."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autoscidact.data.fourlepton.csv_files import read_csv
from autoscidact.data.fourlepton.leptons import Leptons, concatenate
from autoscidact.data.fourlepton.root_files import read_root
from autoscidact.data.fourlepton.samples import (
    HIGGS_FILE,
    HIGGS_GENERATED,
    HIGGS_LIGHT_SHARE,
    REDUCIBLE,
    higgs_weight,
    zz_weight,
)
from autoscidact.data.fourlepton.selection import CutFlowRow, cuts, select
from autoscidact.data.fourlepton.shards import read_sample
from autoscidact.errors import UserError

ZZ_SAMPLE, HIGGS_SAMPLE = "generated_zz.parquet", "generated_higgs.parquet"
"""Files of generated events in the folder that `prepare` fills."""


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


def uses_other_background(folder: Path, wanted: bool | str, simulated_years: Sequence[int]) -> bool:
    """Whether Drell-Yan and top events take part, from the setting `other_background` and the files there are.

    Raises:
        UserError: they are wanted and missing, or the setting is neither true, false nor auto.
    """
    if wanted not in (True, False, "auto"):
        raise UserError(f"dataset.other_background={wanted}: choose true, false or auto")
    names = [process.file(year) for process in REDUCIBLE for year in simulated_years]
    missing = [name for name in names if not (folder / name).is_file()]
    if not missing or wanted is False:
        return bool(wanted)
    message = f"{folder}: Drell-Yan and top events are missing ({', '.join(missing)})"
    if wanted is True:
        raise UserError(
            f"{message}: run autoscidact prepare dataset=fourlepton mirror=FOLDER with a folder that has them, or set "
            "dataset.other_background=false"
        )
    # About 2 of 30 expected background events in 2012.
    warnings.warn(f"{message}; the background is two Z bosons alone, 7 % less", UserWarning, stacklevel=3)
    return False


def generated_zz(folder: Path, years: Sequence[int], selection: Mapping[str, Sequence[float]]) -> Weighted:
    """Selected events of two Z bosons. Raises UserError where `prepare` has not made them, or for another m4l."""
    sample = read_sample(folder / ZZ_SAMPLE)
    low, high = selection["m4l"]
    if low < sample.masses[0] or high > sample.masses[1]:
        raise UserError(
            f"dataset.m4l=[{low:g},{high:g}] reaches beyond the generated [{sample.masses[0]:g},{sample.masses[1]:g}]; "
            f"run autoscidact prepare dataset=fourlepton dataset.m4l=[{low:g},{high:g}]"
        )
    return selected(sample.leptons, zz_weight(sample.cross_section, sample.n_generated, years), selection)


def simulated_higgs(folder: Path, years: Sequence[int], selection: Mapping[str, Sequence[float]]) -> Weighted:
    """Selected Higgs bosons, CMS's where its file is in the folder, else generated ones."""
    if (folder / HIGGS_FILE).is_file():
        return selected(read_root(folder / HIGGS_FILE), higgs_weight(HIGGS_GENERATED, years), selection)
    sample = read_sample(folder / HIGGS_SAMPLE)
    weight = higgs_weight(sample.n_generated / HIGGS_LIGHT_SHARE, years)
    return selected(sample.leptons, weight, selection)


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
