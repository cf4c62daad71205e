"""What generated jets look like: a table and plots beside the files, and what differs from JetClass."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.jetclass.jet_files import JetFile
from autoscidact.data.jetclass.layout import TREE
from autoscidact.files import atomic_path, write_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MASSES = {"Wqq": 80.4, "Zqq": 91.2, "Hbb": 125.0, "Tbqq": 173.0}
"""GeV (Particle Data Group; 125 GeV is the setting)."""

_COLORS = {"QCD": "#555555", "Wqq": "#0072b2", "Zqq": "#009e73", "Hbb": "#d55e00", "Tbqq": "#cc79a7"}

_DIFFERENCES = """\
## What differs from JetClass

- QCD jets come from the hardest jets of two-jet events (`HardQCD:all`), with more gluons than those beside a Z boson
  that JetClass holds; its file names (`ZJetsToNuNu`) are kept.
- The hard process is Pythia's leading order, not MadGraph's; Higgs bosons stand beside a W or Z that decays to leptons.
- At most one jet is taken of a collision, the hardest that qualifies.
- The detector is Delphes's energy flow with the numbers of JetClass's card, written anew: the module
  `autoscidact.data.jetclass.detector` lists what it leaves out.
- The files lack `aux_genpart_*`.

## Cite

Pythia 8.3 (arXiv:2203.11601), FastJet (arXiv:1111.6097, hep-ph/0512210) with fjcontrib's soft drop (arXiv:1402.2657)
and N-subjettiness (arXiv:1011.2268, arXiv:1108.2701), Delphes 3 (arXiv:1307.6346), JetClass (arXiv:2202.03772).
"""


def write_generation_report(files: Sequence[JetFile], folder: Path) -> Path:
    """Writes generation.md and generation.png beside generated files, and returns the former's path."""
    jets = {name: _read([f for f in files if f.jet_class == name], folder) for name in _COLORS}
    jets = {name: values for name, values in jets.items() if values}
    _draw(jets, folder / "generation.png")
    lines = [
        "# Generated jets\n",
        "| class | jets | soft-drop mass peak GeV | of the particle | mean particles | mean charged "
        "| median pt GeV | tracks with abs(d0) > 5 of its error |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, values in jets.items():
        peak = f"{mass_peak(values['jet_sdmass']):.1f} | {MASSES[name]:.1f}" if name in MASSES else "- | -"
        track = values["part_charge"] != 0
        far = np.abs(values["part_d0val"][track]) > 5 * values["part_d0err"][track]
        n = len(values["jet_pt"])
        lines.append(
            f"| {name} | {n} | {peak} | {values['jet_nparticles'].mean():.1f} | {track.sum() / n:.1f} "
            f"| {np.median(values['jet_pt']):.0f} | {100 * far.mean():.1f} % |"
        )
    path = folder / "generation.md"
    write_text(path, "\n".join([*lines, "\n![jets](generation.png)\n", _DIFFERENCES]))
    return path


def mass_peak(mass: NDArray[Any], half_window: float = 15.0) -> float:
    """Where masses in GeV above 40 GeV peak: the mean within a window that is centred on it."""
    counts, edges = np.histogram(mass, np.arange(40.0, 305.0, 5.0))
    peak = float(edges[counts.argmax()] + 2.5)
    for _ in range(100):
        previous, peak = peak, float(np.mean(mass[np.abs(mass - peak) < half_window], dtype=np.float64))
        if abs(peak - previous) < 1e-3:
            break
    return peak


def _read(files: list[JetFile], folder: Path) -> dict[str, NDArray[Any]]:
    import awkward as ak
    import uproot

    names = ("jet_sdmass", "jet_nparticles", "jet_pt", "part_d0val", "part_d0err", "part_charge")
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in names}
    for file in files:
        with uproot.open(file.path(folder)) as opened:
            for name in names:
                parts[name].append(ak.to_numpy(ak.flatten(opened[TREE][name].array(), axis=None)))
    return {name: np.concatenate(values) for name, values in parts.items() if values}


def _draw(jets: dict[str, dict[str, NDArray[Any]]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7.5), layout="constrained")
    (mass, number), (pt, d0) = figure.subplots(2, 2)
    for name, values in jets.items():
        track = values["part_charge"] != 0
        _histogram(mass, values["jet_sdmass"], np.linspace(0, 250, 84), name)
        _histogram(number, values["jet_nparticles"], np.linspace(0, 140, 71), name)
        _histogram(pt, values["jet_pt"], np.linspace(500, 1000, 51), name)
        _histogram(d0, values["part_d0val"][track], np.linspace(-2, 2, 101), name)
    for axes, title in (
        (mass, "soft-drop mass (GeV)"),
        (number, "particles of a jet"),
        (pt, "jet pt (GeV)"),
        (d0, "transverse impact parameter of tracks (mm)"),
    ):
        axes.set_xlabel(title)
        axes.set_ylabel("density")
    d0.set_yscale("log")
    mass.legend()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def _histogram(axes: "Axes", values: NDArray[Any], edges: NDArray[np.float64], name: str) -> None:
    axes.hist(values, edges.tolist(), density=True, histtype="step", label=name, color=_COLORS[name])
