"""What an observation's report is made of: plain values and tables, without figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd


@dataclass(frozen=True)
class ControlRegion:
    """The same test where no signal is expected.

    Attributes:
        selection: which events, in words. n_observed: how many. n_expected: how many R predicts there.
        table: as observation.csv.
    """

    selection: str
    n_observed: int
    n_expected: float
    table: pd.DataFrame


@dataclass(frozen=True)
class Observation:
    """What was measured, as the report tells it.

    Attributes:
        dataset: its name. observed: the file or sample the data come from. selection: of events, in words.
        n_observed: |D|. n_expected: expected |D|. n_ref: |R|. seed: of toys and fits.
        table: observation.csv, one row or more.
        signal: what injected toys hold, such as "a standard-model Higgs boson"; "" for none.
        ranked: as `ranked_events` gives it, ranked by kernel width `best`; None without scores.
        excess: as `excess_table` gives it, or None.
        titles: observer to its title with unit, where that is not its name.
        control: of a control region, or None.
        notes, warnings, limits: sentences on the ranked events, the calibration, and what the result can mean.
        provenance: what a reader needs to make it again.
    """

    dataset: str
    observed: str
    selection: str
    n_observed: int
    n_expected: float
    n_ref: int
    seed: int
    table: pd.DataFrame
    signal: str = ""
    ranked: pd.DataFrame | None = None
    best: str = ""
    excess: pd.DataFrame | None = None
    titles: Mapping[str, str] = field(default_factory=dict)
    control: ControlRegion | None = None
    notes: Sequence[str] = ()
    warnings: Sequence[str] = ()
    limits: Sequence[str] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
