"""Four-lepton events of ROOT files: the trees of CMS's Higgs example, and its reduced NanoAOD."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.fourlepton.csv_files import check_momenta
from autoscidact.data.fourlepton.leptons import ELECTRON, MUON, Leptons, concatenate, ordered
from autoscidact.data.fourlepton.nanoaod import read_events
from autoscidact.errors import UserError

# Suffixes of a tree's branches, and the kinds of its four leptons.
_TREES = {
    "tree4mu": (("mu1", "mu2", "mu3", "mu4"), (MUON,) * 4),
    "tree4e": (("e1", "e2", "e3", "e4"), (ELECTRON,) * 4),
    "tree2mu2e": (("2mu1", "2mu2", "2e1", "2e2"), (MUON, MUON, ELECTRON, ELECTRON)),
}


def read_root(path: str | Path) -> Leptons:
    """Reads a file in one of two layouts, whichever its trees say.

    The Higgs example's: `demo/tree4mu`, `demo/tree4e`, `demo/tree2mu2e` with one branch a number (`px_mu1`, ...,
    `nRun`, `nEvt`). An event with more than four leptons may stand in several trees and is taken from the first.
    Reduced NanoAOD: a tree `Events`, see `read_events`.

    Raises:
        UserError: names the file, and the tree or branch that is missing, or says that it is damaged.
    """
    import uproot

    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        with uproot.open(path) as file:
            trees = {key.partition(";")[0] for key in file.keys(recursive=True)}
            if "Events" in trees:
                return read_events(file["Events"], path)
            missing = [f"demo/{name}" for name in _TREES if f"demo/{name}" not in trees]
            if missing:
                there = ", ".join(sorted(trees)) or "no tree at all"
                raise UserError(
                    f"{path}: no tree {', '.join(missing)}; expected demo/tree4mu, demo/tree4e and demo/tree2mu2e, or "
                    f"Events (reduced NanoAOD); there is {there}"
                )
            leptons = concatenate([_read_tree(file[f"demo/{name}"], name, path) for name in _TREES])
    except UserError:
        raise
    except Exception as error:  # a damaged file fails anywhere in the reader, with whatever its bytes lead to
        raise UserError(
            f"{path}: damaged or no ROOT file ({type(error).__name__}); get it again, for example with "
            "autoscidact prepare dataset=fourlepton"
        ) from error
    if len(leptons) == 0:
        raise UserError(f"{path}: there are no events")
    check_momenta(leptons.p4, path)
    # Runs and event numbers are those of one simulated sample, so the same pair is the same event.
    _, first = np.unique(np.stack([leptons.run, leptons.event], axis=1), axis=0, return_index=True)
    return leptons.take(np.sort(first))


def _read_tree(tree: Any, name: str, path: Path) -> Leptons:
    suffixes, kinds = _TREES[name]
    wanted = ["nRun", "nEvt"] + [f"{column}_{s}" for s in suffixes for column in ("px", "py", "pz", "E", "charge")]
    there = set(tree.keys())
    missing = [branch for branch in wanted if branch not in there]
    if missing:
        raise UserError(f"{path}: demo/{name} has no branch {', '.join(missing[:6])}")
    arrays = tree.arrays(wanted, library="np")
    p4 = np.stack([_stack(arrays, [f"{c}_{s}" for c in ("px", "py", "pz", "E")]) for s in suffixes], axis=1)
    charge = _stack(arrays, [f"charge_{s}" for s in suffixes])
    if not np.isfinite(p4).all():
        raise UserError(f"{path}: demo/{name} holds NaN or infinite momenta")
    kind = np.tile(np.array(kinds, dtype=np.int64), (len(p4), 1))
    return ordered(p4, kind, charge.astype(np.int64), arrays["nRun"], arrays["nEvt"])


def _stack(arrays: Any, names: list[str]) -> NDArray[np.float64]:
    return np.stack([np.asarray(arrays[name], dtype=np.float64) for name in names], axis=-1)
