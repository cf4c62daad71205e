"""CMS events of four leptons: generated and simulated background, the Higgs boson as signal, and the observed data."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.checks import check_dataset, whole_setting
from autoscidact.data.contract import SPLITS, Dataset, Split
from autoscidact.data.fourlepton.events import as_events
from autoscidact.data.fourlepton.leptons import concatenate
from autoscidact.data.fourlepton.samples import check_years
from autoscidact.data.fourlepton.simulated import (
    generated_zz,
    reducible,
    simulated_higgs,
    turned,
    uses_other_background,
)
from autoscidact.data.labels import class_name
from autoscidact.data.splits import check_seed, stratified_split
from autoscidact.errors import UserError

# `reducible` stands last, so that the splits of the others do not depend on whether it is there.
CLASSES = ("zz_4mu", "zz_4e", "zz_2e2mu", "higgs", "reducible")

# Keeps the copies' random stream apart from the split's.
_COPIES = 0xC091E5


def load(
    *,
    name: str,
    signal: str,
    split: Mapping[Split, float],
    seed: int,
    path: str,
    label: str | None = None,
    years: Sequence[int] = (2012,),
    m4l: Sequence[float] = (110.0, 180.0),
    z1: Sequence[float] = (60.0, 120.0),
    z2: Sequence[float] = (12.0, 120.0),
    leading_pt: Sequence[float] = (20.0, 10.0),
    other_background: bool | str = "auto",
    simulated_years: Sequence[int] = (2011, 2012),
    copies: int = 100,
) -> Dataset:
    """The simulated events of a folder that `prepare` filled.

    Classes: two Z bosons to 4mu, 4e or 2e2mu; `reducible`, Drell-Yan and top events, which the encoder is not trained
    on and which are therefore all in the test split; and `higgs`. Features: px, py, pz, E in GeV and kind (-1
    electron, 1 muon) of the four leptons in falling order of transverse momentum. Observers: m4l, mZ1, mZ2 (GeV),
    channel, run, event.

    Weights: in each split the events of a class add up to the events expected of it in `years`, so the background of
    the test split adds up to the expected number of observed background events. So few Drell-Yan and top events pass
    that each enters as `copies` turned about the beam with a share of its weight (see `turned`); their statistics
    remain that of the originals, which the cut flow of `prepare` reports.

    Args:
        signal: the class held out.
        split, seed: see `stratified_split`; the seed also turns the copies.
        path: the folder.
        label: not used by this dataset; refused if given.
        years: of the observed data; they choose the luminosity.
        m4l, z1, z2, leading_pt: see `cuts`.
        other_background: True, False leaves Drell-Yan and top out, "auto" does so with a warning where their files
            are missing.
        simulated_years: the Drell-Yan and top samples used; each stands for all of `years` (see `Simulated.weight`).

    Raises:
        UserError: a file is missing or damaged, m4l reaches beyond what was generated, or a bad setting.

    References:
        AutoSciDACT, App. E.
    """
    if label is not None:
        raise UserError("dataset=fourlepton brings its own labels; for a table use dataset=custom dataset.path=FILE")
    folder = Path(path).expanduser()
    years, simulated_years = check_years("years", years), check_years("simulated_years", simulated_years)
    copies = whole_setting("copies", copies, 1)
    selection = {"m4l": m4l, "z1": z1, "z2": z2, "leading_pt": leading_pt}
    zz, higgs = generated_zz(folder, years, selection), simulated_higgs(folder, years, selection)
    parts = [zz.leptons.take(zz.leptons.channel == label[3:]) for label in CLASSES[:3]]
    weights = [np.full(len(part), zz.weight) for part in parts]
    parts.append(higgs.leptons)
    weights.append(np.full(len(higgs.leptons), higgs.weight))
    if uses_other_background(folder, other_background, simulated_years):
        files = reducible(folder, years, simulated_years, selection).values()
        originals = concatenate([file.leptons for file in files])
        random = np.random.default_rng(np.random.SeedSequence([check_seed(seed), _COPIES]))
        parts.append(turned(originals, copies, random))
        weights.append(np.tile(np.concatenate([np.full(len(f.leptons), f.weight / copies) for f in files]), copies))
    classes = CLASSES[: len(parts)]
    labels = np.repeat(np.arange(len(classes)), [len(part) for part in parts])
    events = as_events(concatenate(parts), labels, classes, np.concatenate(weights))
    splits = stratified_split(labels, split, seed)
    splits[labels == CLASSES.index("reducible")] = SPLITS.index("test")
    events.weights[:] = _shared(events.weights, labels, splits)
    return check_dataset(Dataset(name, events, class_name(signal), splits), f"dataset {name} in {folder}")


def _shared(weights: NDArray[np.float64], labels: NDArray[np.int64], splits: NDArray[np.int8]) -> NDArray[np.float64]:
    """Weights that add up in each split to what the class adds up to over all splits."""
    whole = np.bincount(labels, weights)
    group = labels * len(SPLITS) + splits
    part = np.bincount(group, weights, minlength=len(whole) * len(SPLITS))
    return np.asarray(weights * whole[labels] / part[group])
