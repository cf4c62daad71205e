"""CMS events of four leptons: generated and simulated background, the Higgs boson as signal, and the observed data."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.checks import check_dataset, whole_setting
from autoscidact.data.contract import SPLITS, Dataset, Events, Split
from autoscidact.data.fourlepton.background import Weighted, reducible, selected, turned
from autoscidact.data.fourlepton.csv_files import check_duplicates, read_csv
from autoscidact.data.fourlepton.ids import event_ids
from autoscidact.data.fourlepton.leptons import MUON, Leptons, concatenate
from autoscidact.data.fourlepton.root_files import read_root
from autoscidact.data.fourlepton.samples import (
    FINAL_SELECTION,
    HIGGS_FILE,
    HIGGS_GENERATED,
    HIGGS_LIGHT_SHARE,
    RUNS,
    check_years,
    higgs_weight,
    zz_weight,
)
from autoscidact.data.fourlepton.shards import Sample, read_sample
from autoscidact.data.labels import class_name
from autoscidact.data.splits import check_seed, stratified_split
from autoscidact.errors import UserError

# `reducible` stands last, so that the splits of the others do not depend on whether it is there.
CLASSES = ("zz_4mu", "zz_4e", "zz_2e2mu", "higgs", "reducible")
FEATURES = tuple(f"{name}{i}" for i in range(1, 5) for name in ("px", "py", "pz", "E", "kind"))
ZZ_SAMPLE, HIGGS_SAMPLE = "generated_zz.parquet", "generated_higgs.parquet"

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
    other_background: bool = True,
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
        other_background: False leaves Drell-Yan and top out, where their files are not at hand.
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
    if other_background:
        files = reducible(folder, years, simulated_years, selection).values()
        originals = concatenate([file.leptons for file in files])
        random = np.random.default_rng(np.random.SeedSequence([check_seed(seed), _COPIES]))
        parts.append(turned(originals, copies, random))
        weights.append(np.tile(np.concatenate([np.full(len(f.leptons), f.weight / copies) for f in files]), copies))
    classes = CLASSES[: len(parts)]
    labels = np.repeat(np.arange(len(classes)), [len(part) for part in parts])
    events = _events(concatenate(parts), labels, classes, np.concatenate(weights))
    splits = stratified_split(labels, split, seed)
    splits[labels == CLASSES.index("reducible")] = SPLITS.index("test")
    events.weights[:] = _shared(events.weights, labels, splits)
    return check_dataset(Dataset(name, events, class_name(signal), splits), f"dataset {name} in {folder}")


def observed(
    file: str | Path,
    *,
    years: Sequence[int] = (2012,),
    m4l: Sequence[float] = (110.0, 180.0),
    z1: Sequence[float] = (60.0, 120.0),
    z2: Sequence[float] = (12.0, 120.0),
    leading_pt: Sequence[float] = (20.0, 10.0),
    **others: object,
) -> Events:
    """The observed events of a CSV or ROOT file, selected and written as those of `load`.

    Args:
        file: CSV with the columns `COLUMNS` of `csv_files`, or ROOT as in `read_root`. Masses in it are not read.
        years, m4l, z1, z2, leading_pt: as in `load`.
        others: the other settings of `load`, which do not concern observed data.

    Returns:
        One class, "observed", every weight 1, in the order of the file.

    Raises:
        UserError: the file cannot be read, holds an event twice, events of another year, or none that is selected.
    """
    file = Path(file).expanduser()
    leptons = read_root(file) if file.suffix == ".root" else read_csv(file)
    check_duplicates(leptons, file)
    _check_runs(leptons, check_years("years", years), file)
    chosen = selected(leptons, 1.0, {"m4l": m4l, "z1": z1, "z2": z2, "leading_pt": leading_pt}).leptons
    if len(chosen) == 0:
        raise UserError(f"{file}: none of its {len(leptons)} events passes the selection; widen dataset.m4l")
    n = len(chosen)
    return _events(chosen, np.zeros(n, dtype=np.int64), ("observed",), np.ones(n))


def published(folder: str | Path, years: Sequence[int] = (2012,)) -> Leptons:
    """CMS's own candidates (record 5200) of these years, without any selection of ours.

    Raises:
        UserError: a file is missing or cannot be read.
    """
    wanted = [file.name for file in FINAL_SELECTION if any(str(year) in file.name for year in years)]
    return concatenate([read_csv(Path(folder).expanduser() / name) for name in wanted])


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
    sample: Sample = read_sample(folder / HIGGS_SAMPLE)
    weight = higgs_weight(sample.n_generated / HIGGS_LIGHT_SHARE, years)
    return selected(sample.leptons, weight, selection)


def _events(
    leptons: Leptons, labels: NDArray[np.int64], classes: tuple[str, ...], weights: NDArray[np.float64]
) -> Events:
    kind = np.where(leptons.kind == MUON, 1.0, -1.0)[..., None]
    return Events(
        features=np.concatenate([leptons.p4, kind], axis=-1).reshape(-1, len(FEATURES)).astype(np.float32),
        labels=labels.astype(np.int64),
        classes=classes,
        ids=event_ids(leptons),
        weights=weights,
        feature_names=FEATURES,
        observers={
            "m4l": leptons.m4l,
            "mZ1": leptons.m_z1,
            "mZ2": leptons.m_z2,
            "channel": leptons.channel,
            "run": leptons.run,
            "event": leptons.event,
        },
    )


def _shared(weights: NDArray[np.float64], labels: NDArray[np.int64], splits: NDArray[np.int8]) -> NDArray[np.float64]:
    """Weights that add up in each split to what the class adds up to over all splits."""
    whole = np.bincount(labels, weights)
    group = labels * len(SPLITS) + splits
    part = np.bincount(group, weights, minlength=len(whole) * len(SPLITS))
    return np.asarray(weights * whole[labels] / part[group])


def _check_runs(leptons: Leptons, years: Sequence[int], file: Path) -> None:
    for year in set(RUNS) - set(years):
        first, last = RUNS[year]
        other = int(((leptons.run >= first) & (leptons.run <= last)).sum())
        if other:
            raise UserError(
                f"{file}: {other} of {len(leptons)} events are of {year}, but dataset.years={list(years)} sets the "
                f"expected background; give dataset.years=[{year}], or both years with the files of both"
            )
