"""Jets per second of our reader of ROOT files and of weaver-core's own loader, in one process, interleaved.

    ./scripts/benchmark reader [--files FILE ...] [--jets 40000] [--rounds 7] [--json FILE]

Both make the same arrays of the same files: the 17 features, four-momenta and mask of 64 particles, labels and ten
observers. Weaver's is what its SimpleIterDataset does for a file as a whole, `_load_next`, up to the arrays, without
what it does for each jet after that; it works in one thread, and a second figure gives it two, each with half of the
rows, which it does not do by itself. Without --files, random jets are written as LZ4 and as ZLIB, in baskets of
10 000 jets. Beside them: the same jets prepared as shards, in random order and in blocks, 512 at a time.
"""

import argparse
import json
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from autoscidact.data.jetclass.arrays import write_shards
from autoscidact.data.jetclass.layout import CLASSES, OBSERVERS, TREE
from autoscidact.data.jetclass.root_files import iterate_root, read_root
from autoscidact.data.jetclass.shard_view import open_shards
from autoscidact.provenance import versions

BATCH, BASKET = 512, 10_000

# Inputs of JetClass_full.yaml in github.com/jet-universe/particle_transformer, at 64 particles, padded with zeros.
WEAVER = f"""
treename: {TREE}
selection:
new_variables:
   part_mask: ak.ones_like(part_energy)
   part_pt: np.hypot(part_px, part_py)
   part_pt_log: np.log(part_pt)
   part_e_log: np.log(part_energy)
   part_logptrel: np.log(part_pt/jet_pt)
   part_logerel: np.log(part_energy/jet_energy)
   part_deltaR: np.hypot(part_deta, part_dphi)
   part_d0: np.tanh(part_d0val)
   part_dz: np.tanh(part_dzval)
preprocess: {{method: manual}}
inputs:
   pf_features:
      length: 64
      pad_mode: constant
      vars: [[part_pt_log, 1.7, 0.7], [part_e_log, 2.0, 0.7], [part_logptrel, -4.7, 0.7], [part_logerel, -4.7, 0.7],
             [part_deltaR, 0.2, 4.0], [part_charge, null], [part_isChargedHadron, null], [part_isNeutralHadron, null],
             [part_isPhoton, null], [part_isElectron, null], [part_isMuon, null], [part_d0, null],
             [part_d0err, 0, 1, 0, 1], [part_dz, null], [part_dzerr, 0, 1, 0, 1], [part_deta, null], [part_dphi, null]]
   pf_vectors:
      length: 64
      pad_mode: constant
      vars: [[part_px, null], [part_py, null], [part_pz, null], [part_energy, null]]
   pf_mask: {{length: 64, pad_mode: constant, vars: [[part_mask, null]]}}
labels: {{type: simple, value: [{", ".join(f"label_{name}" for name in CLASSES)}]}}
observers: [{", ".join(OBSERVERS)}]
weights:
"""


def write_random_jets(path: Path, n_jets: int, compression: Any) -> Path:
    """Jets of 20 to 90 particles that share the jet's pT unevenly, in falling order; all as JetClass has it."""
    import awkward as ak
    import uproot

    random = np.random.default_rng(0)
    counts = np.clip(random.normal(58, 14, n_jets), 20, 90).astype(int)
    jet, n = np.repeat(np.arange(n_jets), counts), counts.sum()
    share = random.exponential(1, n) ** 2 + 1e-3
    jet_pt, jet_eta, jet_phi = (random.uniform(*r, n_jets) for r in ((500, 1000), (-2, 2), (-np.pi, np.pi)))
    pt = share / np.bincount(jet, share)[jet] * jet_pt[jet]
    pt = pt[np.lexsort((-pt, jet))]
    deta, dphi = random.normal(0, 0.2, (2, n))
    eta, phi = jet_eta[jet] + deta, jet_phi[jet] + dphi
    kind = random.choice(5, n, p=[0.55, 0.12, 0.31, 0.01, 0.01])
    charged = np.isin(kind, (0, 3, 4))
    part = {"px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta), "energy": pt * np.cosh(eta)}
    part |= {"deta": deta, "dphi": dphi, "charge": charged * random.choice([-1, 1], n)}
    part |= {f"{name}val": charged * random.standard_t(2, n) * 0.1 for name in ("d0", "dz")}
    part |= {f"{name}err": charged * random.exponential(0.05, n) for name in ("d0", "dz")}
    names = ("isChargedHadron", "isNeutralHadron", "isPhoton", "isElectron", "isMuon")
    part |= {name: kind == k for k, name in enumerate(names)}
    flat = {name: random.uniform(0, 1, n_jets) for name in OBSERVERS}
    flat |= {"jet_pt": jet_pt, "jet_energy": np.bincount(jet, part["energy"]), "jet_nparticles": counts}
    label = random.integers(0, len(CLASSES), n_jets)
    flat |= {f"label_{name}": label == k for k, name in enumerate(CLASSES)}
    lists = ak.zip({name: ak.unflatten(values.astype(np.float32), counts) for name, values in part.items()})
    branches = {"part": lists, **{name: values.astype(np.float32) for name, values in flat.items()}}
    with uproot.recreate(path, compression=compression) as file:
        tree = file.mktree(TREE, {name: ak.type(values).content for name, values in branches.items()})
        for first in range(0, n_jets, BASKET):
            tree.extend({name: values[first : first + BASKET] for name, values in branches.items()})
    return path


class Weaver:
    """Its loader, with our features."""

    def __init__(self, folder: Path) -> None:
        from weaver.utils import dataset

        logging.getLogger("weaver").setLevel(logging.WARNING)
        config = folder / "jetclass.yaml"
        config.write_text(WEAVER)
        self._load = dataset._load_next
        self._data = dataset.SimpleIterDataset({"jets": ["none"]}, str(config), for_training=False, name="test")

    def arrays(self, path: Path, rows: tuple[float, float] = (0, 1)) -> dict[str, np.ndarray]:
        table, _ = self._load(self._data.config, [str(path)], [rows], self._data._sampler_options)
        return table

    def in_two_threads(self, path: Path) -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda rows: self.arrays(path, rows), [(0, 0.5), (0.5, 1)]))


def largest_difference(weaver: Weaver, path: Path) -> float:
    """Of the particles' arrays, the observers and the labels."""
    jets, theirs = read_root(path), weaver.arrays(path)
    particles = np.concatenate([theirs[f"_{name}"] for name in ("pf_features", "pf_vectors", "pf_mask")], axis=1)
    pairs = [(jets.particles, particles), (jets.labels, theirs["_label_"])]
    pairs += [(jets.observers[name], theirs[name]) for name in OBSERVERS]
    return float(max(np.abs(a - b).max() for a, b in pairs))


def readers(weaver: Weaver, files: list[Path], folder: Path) -> dict[str, Callable[[], object]]:
    """By name, what reads all the files once."""
    view = open_shards(write_shards(files, folder, skip_bad=True).parent)
    random = np.random.default_rng(0).permutation(len(view))

    def ours(threads: int) -> Callable[[], object]:
        return lambda: [len(jets) for path in files for jets in iterate_root(path, skip_bad=True, threads=threads)]

    def batches(rows: np.ndarray) -> Callable[[], object]:
        return lambda: [view.particles[rows[i : i + BATCH]].shape for i in range(0, len(rows), BATCH)]

    return {
        "weaver": lambda: [len(weaver.arrays(path)["_label_"]) for path in files],
        "weaver, two threads": lambda: [weaver.in_two_threads(path) for path in files],
        "ours, one thread": ours(1),
        "ours, two threads": ours(2),
        "ours, a file at once": lambda: [len(read_root(path, skip_bad=True)) for path in files],
        "shards, random rows": batches(random),
        "shards, blocks": batches(np.arange(len(view))),
    }


def main() -> None:
    """Runs the rounds, prints the table, writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=Path, nargs="+", help="in JetClass's format")
    parser.add_argument("--jets", type=int, default=40_000, help="in a random file")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    import uproot

    record: dict[str, Any] = {"versions": versions(), "libdeflate": find_spec("deflate") is not None}
    print(f"{os.cpu_count()} cores; libdeflate {'in use' if record['libdeflate'] else 'not installed'}; {versions()}")
    print("| files | reader | jets/s | s (min .. max) | times weaver |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weaver = Weaver(folder)
        sets = {"given": arguments.files}
        if not arguments.files:
            compressions = {"LZ4": uproot.LZ4(4), "ZLIB": uproot.ZLIB(1)}
            sets = {
                key: [write_random_jets(folder / f"{key}.root", arguments.jets, compression)]
                for key, compression in compressions.items()
            }
        contestants = {key: readers(weaver, files, folder / f"{key}_shards") for key, files in sets.items()}
        seconds: dict[str, dict[str, list[float]]] = {key: {r: [] for r in found} for key, found in contestants.items()}
        for turn in range(arguments.rounds + 1):
            for key, found in contestants.items():
                for reader, run in found.items():
                    start = time.perf_counter()
                    run()
                    if turn:  # the first round warms up
                        seconds[key][reader].append(time.perf_counter() - start)
        for key, files in sets.items():
            n_jets = len(open_shards(folder / f"{key}_shards"))
            # What one round takes is compared with weaver in the same round: other load comes and goes.
            for reader, taken in seconds[key].items():
                ratio = statistics.median(w / s for w, s in zip(seconds[key]["weaver"], taken, strict=True))
                median = statistics.median(taken)
                cells = [key, reader, f"{n_jets / median:.0f}", f"{median:.3f} ({min(taken):.3f} .. {max(taken):.3f})"]
                print("| " + " | ".join([*cells, f"{ratio:.2f}"]) + " |")
            difference = max(largest_difference(weaver, path) for path in files)
            print(f"largest difference between our arrays and weaver's, {key}: {difference:.2g}")
            record[key] = {"jets": n_jets, "seconds": seconds[key], "largest_difference": difference}
    if arguments.json:
        arguments.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
