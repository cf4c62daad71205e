"""Files of generated jets in JetClass's ROOT format, made in parallel; an interrupted run leaves whole files."""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.jetclass.detector import CHARGED_HADRON, ELECTRON, MUON, NEUTRAL_HADRON, PHOTON, Measured, measure
from autoscidact.data.jetclass.generator import collide, start_pythia
from autoscidact.data.jetclass.jets import FoundJets, directions, find_jets, turn
from autoscidact.data.jetclass.layout import CLASSES, TREE
from autoscidact.data.jetclass.substructure import substructure
from autoscidact.errors import UserError
from autoscidact.files import atomic_path
from autoscidact.progress import progress

FILE_STEMS = {"QCD": "ZJetsToNuNu", "Tbqq": "TTBar", "Wqq": "WToQQ", "Zqq": "ZToQQ", "Hbb": "HToBB"}
"""Class to the beginning of its files' names in JetClass."""

_VERSION = 1
"""Raise it where the same seed gives other jets."""

_COLLISIONS = 100
"""Collisions in memory at once: 200000 particles."""

_MAX_PYTHIA_SEED = 900_000_000
_FLAGS = {
    "part_isChargedHadron": CHARGED_HADRON,
    "part_isNeutralHadron": NEUTRAL_HADRON,
    "part_isPhoton": PHOTON,
    "part_isElectron": ELECTRON,
    "part_isMuon": MUON,
}


@dataclass(frozen=True)
class JetFile:
    """One file to make.

    Attributes:
        jet_class: a key of `FILE_STEMS`.
        number: in the file's name; in JetClass 0 to 99 is training, 100 to 119 test and 120 to 124 validation.
        n_jets: in the file.
        seed: of the run; class and number give each file random numbers of its own.
    """

    jet_class: str
    number: int
    n_jets: int
    seed: int

    def path(self, folder: Path) -> Path:
        return folder / f"{FILE_STEMS[self.jet_class]}_{self.number:03d}.root"

    def recipe(self) -> str:
        return json.dumps({"autoscidact": [_VERSION, self.jet_class, self.number, self.n_jets, self.seed]})


def generate_files(files: Sequence[JetFile], folder: Path, workers: int) -> list[Path]:
    """Generates jets in parallel; files that are there already are kept.

    Args:
        files: what to make.
        folder: of the files.
        workers: processes.

    Returns:
        Their paths. They hold the same jets for the same seed, whatever the number of workers.

    Raises:
        UserError: a file of such a name holds something else, or pythia8mc or fastjet is not installed.
    """
    missing = [file for file in files if not _is_made(file, folder)]
    total = sum(file.n_jets for file in files)
    with progress("generating jets", total, done=total - sum(file.n_jets for file in missing)) as bar:
        for n_jets in _made(missing, folder, workers):
            bar.advance(n_jets)
    return [file.path(folder) for file in files]


def generate_jets(file: JetFile) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]], NDArray[np.int64]]:
    """Jets of one file.

    Returns:
        Branches with one number a jet, branches with one number a particle, jet after jet, and (n,) the particles of
        each jet.
    """
    streams = np.random.SeedSequence([file.seed, CLASSES.index(file.jet_class), file.number]).spawn(2)
    pythia = start_pythia(file.jet_class, 1 + int(streams[0].generate_state(1)[0]) % _MAX_PYTHIA_SEED)
    random = np.random.default_rng(streams[1])
    batches: list[tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]], NDArray[np.int64]]] = []
    while sum(len(counts) for _, _, counts in batches) < file.n_jets:
        collisions = collide(pythia, file.jet_class, _COLLISIONS)
        measured = measure(collisions.event, collisions.p4, collisions.vertex, collisions.identity, random)
        found = find_jets(measured, collisions.decay_event, collisions.decay)
        if len(found.counts):
            batches.append((*_branches(found, measured), found.counts))
    counts = np.concatenate([counts for _, _, counts in batches])[: file.n_jets]
    jets = {name: np.concatenate([b[0][name] for b in batches])[: file.n_jets] for name in batches[0][0]}
    particles = {name: np.concatenate([b[1][name] for b in batches])[: counts.sum()] for name in batches[0][1]}
    labels = {f"label_{name}": np.full(file.n_jets, name == file.jet_class) for name in CLASSES}
    return jets | labels, particles, counts


def write_jets(
    path: Path,
    jets: Mapping[str, NDArray[Any]],
    particles: Mapping[str, NDArray[Any]],
    counts: NDArray[np.int64],
    recipe: str,
) -> None:
    """Writes branches as a ROOT file with JetClass's tree and, beside it, what the jets were made from; atomically."""
    import awkward as ak
    import uproot

    lists = {name.removeprefix("part_"): ak.unflatten(values, counts) for name, values in particles.items()}
    with atomic_path(path) as temporary, uproot.recreate(temporary) as file:
        data = {"part": ak.zip(lists), **jets}
        # Assignment would write an RNTuple, which JetClass's readers do not know.
        tree = file.mktree(TREE, {name: ak.type(values).content for name, values in data.items()})
        tree.extend(data)
        file["recipe"] = recipe


def _branches(found: FoundJets, measured: Measured) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    pt, eta, phi = directions(found.p4)
    p4 = measured.p4[found.rows]
    shape = substructure(p4, found.counts)
    _, its_eta, its_phi = directions(p4)
    jet = np.repeat(np.arange(len(pt)), found.counts)
    jets = {
        "jet_pt": pt,
        "jet_eta": eta,
        "jet_phi": phi,
        "jet_energy": found.p4[:, 3],
        "jet_nparticles": found.counts,
        "jet_sdmass": shape.soft_drop_mass,
        **{f"jet_tau{n + 1}": shape.tau[:, n] for n in range(4)},
    }
    particles = {
        **{name: p4[:, k] for k, name in enumerate(("part_px", "part_py", "part_pz", "part_energy"))},
        # JetClass mirrors jets of negative eta.
        "part_deta": (its_eta - eta[jet]) * np.where(eta[jet] > 0, 1, -1),
        "part_dphi": turn(its_phi - phi[jet]),
        "part_d0val": measured.d0[found.rows],
        "part_d0err": measured.d0_error[found.rows],
        "part_dzval": measured.dz[found.rows],
        "part_dzerr": measured.dz_error[found.rows],
        "part_charge": measured.charge[found.rows],
        **{name: measured.kind[found.rows] == kind for name, kind in _FLAGS.items()},
    }
    as_float = {name: values.astype(np.float32) for name, values in jets.items()}
    return as_float, {
        name: values if values.dtype == np.bool_ else values.astype(np.float32) for name, values in particles.items()
    }


def _is_made(file: JetFile, folder: Path) -> bool:
    import uproot

    path = file.path(folder)
    if not path.exists():
        return False
    try:
        with uproot.open(path) as opened:
            recipe = str(opened["recipe"])
    except Exception as error:  # a damaged file fails anywhere in the reader
        raise UserError(f"{path}: is no file of jets generated here; choose another folder, or move it") from error
    if recipe != file.recipe():
        raise UserError(
            f"{path}: was generated with another seed or number of jets; delete it, or choose another folder"
        )
    return True


def _made(files: list[JetFile], folder: Path, workers: int) -> Iterator[int]:
    """Makes files, in this process if one worker is enough; yields how many jets each holds."""
    if workers == 1 or len(files) <= 1:
        for file in files:
            _make(file, folder)
            yield file.n_jets
        return
    # Spawned, not forked: threads that the parent holds do not survive a fork.
    with ProcessPoolExecutor(min(workers, len(files)), mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(_make, file, folder): file.n_jets for file in files}
        try:
            for future in as_completed(futures):
                future.result()
                yield futures[future]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _make(file: JetFile, folder: Path) -> None:
    write_jets(file.path(folder), *generate_jets(file), file.recipe())
