"""ROOT files in JetClass's format, with random numbers in them, for tests of the reader."""

import numpy as np

CLASSES = ("QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl")
JET = ("pt", "eta", "phi", "energy", "nparticles", "sdmass", "tau1", "tau2", "tau3", "tau4")
KINDS = ("isChargedHadron", "isNeutralHadron", "isPhoton", "isElectron", "isMuon")


def random_table(n=40, seed=0, max_particles=100, classes=CLASSES, ordered=False):
    """Branches by name: jagged ones as a list of float32 arrays, one a jet; the others as arrays."""
    random = np.random.default_rng(seed)
    counts = random.integers(1, max_particles + 1, n)
    table = {f"part_{name}": [] for name in ("px", "py", "pz", "energy", "deta", "dphi", *KINDS)}
    table |= {f"part_{name}": [] for name in ("d0val", "d0err", "dzval", "dzerr", "charge")}
    for count in counts:
        pt = random.exponential(12, count) + 0.5
        pt = np.sort(pt)[::-1] if ordered else pt
        eta, phi = random.normal(0, 0.8, count), random.uniform(-np.pi, np.pi, count)
        jet = {"px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta), "energy": pt * np.cosh(eta)}
        jet |= {name: random.normal(0, 0.3, count) for name in ("deta", "dphi", "d0val", "dzval")}
        # Larger than 1 now and then: the limit of the errors is 1.
        jet |= {name: random.exponential(0.5, count) for name in ("d0err", "dzerr")}
        jet["charge"] = random.integers(-1, 2, count)
        kind = random.integers(0, len(KINDS), count)
        jet |= {name: kind == k for k, name in enumerate(KINDS)}
        for name, values in jet.items():
            table[f"part_{name}"].append(values.astype(np.float32))
    table |= {f"jet_{name}": random.uniform(500, 900, n).astype(np.float32) for name in JET}
    table["jet_nparticles"] = counts.astype(np.float32)
    label = random.integers(0, len(classes), n)
    table |= {f"label_{name}": np.zeros(n, np.float32) for name in CLASSES}
    for k, name in enumerate(classes):
        table[f"label_{name}"] = (label == k).astype(np.float32)
    return table


def write_table(path, table, tree="tree", baskets=1, repeat=1):
    """Writes the branches with uproot, in so many baskets (with none of them, no jets), all of it `repeat` times."""
    import awkward as ak
    import uproot

    branches = {name: ak.Array(v) if isinstance(v, list) else v for name, v in table.items()}
    with uproot.recreate(path) as file:
        types = {name: v.type.content if isinstance(v, ak.Array) else v.dtype for name, v in branches.items()}
        file.mktree(tree, types)
        parts = np.array_split(np.arange(len(table["jet_pt"])), baskets) if baskets else []
        for rows in parts * repeat:
            file[tree].extend({name: v[rows] for name, v in branches.items()})
    return path
