"""ROOT files, written here with uproot in both layouts and read back."""

import numpy as np
import pytest

from autoscidact.data.fourlepton.leptons import ELECTRON, MUON, ordered
from autoscidact.data.fourlepton.root_files import read_root
from autoscidact.errors import UserError

uproot = pytest.importorskip("uproot")
ak = pytest.importorskip("awkward")

TREES = {
    "tree4mu": (("mu1", "mu2", "mu3", "mu4"), (MUON,) * 4),
    "tree4e": (("e1", "e2", "e3", "e4"), (ELECTRON,) * 4),
    "tree2mu2e": (("2mu1", "2mu2", "2e1", "2e2"), (MUON, MUON, ELECTRON, ELECTRON)),
}


def momenta(n, seed):
    random = np.random.default_rng(seed)
    pt, eta, phi = random.uniform(12, 60, (n, 4)), random.uniform(-2, 2, (n, 4)), random.uniform(-3, 3, (n, 4))
    return pt, eta, phi


def cartesian(pt, eta, phi, mass):
    p4 = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], -1)
    return np.concatenate([p4, np.sqrt((p4**2).sum(-1) + mass**2)[..., None]], -1)


def write_trees(path, n=30, drop=(), skip=()):
    """The Higgs example's layout, and the leptons in it."""
    charge = np.tile([1, -1, 1, -1], (n, 1))
    parts = []
    with uproot.recreate(path) as file:
        for k, (name, (suffixes, kinds)) in enumerate(TREES.items()):
            p4 = cartesian(*momenta(n, k), 0.1)
            number = np.arange(n) + 1000 * k
            branches = {"nRun": np.ones(n, np.int32), "nEvt": number.astype(np.int32)}
            for i, suffix in enumerate(suffixes):
                branches |= {f"{c}_{suffix}": p4[:, i, j] for j, c in enumerate(("px", "py", "pz", "E"))}
                branches[f"charge_{suffix}"] = charge[:, i].astype(np.int32)
            if name not in skip:
                kept = {key: value for key, value in branches.items() if key not in drop}
                file.mktree(f"demo/{name}", {key: value.dtype for key, value in kept.items()}).extend(kept)
            parts.append(ordered(p4, np.tile(kinds, (n, 1)), charge, np.ones(n), number))
    return parts


def test_trees_come_back(tmp_path):
    parts = write_trees(tmp_path / "a.root")
    leptons = read_root(tmp_path / "a.root")
    for name in ("p4", "kind", "charge", "event"):
        assert np.array_equal(getattr(leptons, name), np.concatenate([getattr(part, name) for part in parts]))


def test_missing_tree_and_branch_are_named(tmp_path):
    write_trees(tmp_path / "a.root", skip=("tree4e",))
    with pytest.raises(UserError, match=r"a\.root: no tree demo/tree4e"):
        read_root(tmp_path / "a.root")
    write_trees(tmp_path / "b.root", drop=("px_mu3",))
    with pytest.raises(UserError, match=r"b\.root: demo/tree4mu has no branch px_mu3"):
        read_root(tmp_path / "b.root")


@pytest.mark.parametrize("keep", [0, 50, 0.5, 0.9])
def test_truncated_file(tmp_path, keep):
    write_trees(tmp_path / "a.root", n=2000)
    content = (tmp_path / "a.root").read_bytes()
    (tmp_path / "a.root").write_bytes(content[: int(keep if keep >= 1 else keep * len(content))])
    with pytest.raises(UserError, match=r"a\.root: damaged or no ROOT file"):
        read_root(tmp_path / "a.root")


def write_nanoaod(path, events, drop=()):
    """Events as lists of (pt, eta, phi, mass, charge, kind), any number of them."""
    branches = {"run": np.ones(len(events), np.int32), "event": np.arange(1, len(events) + 1, dtype=np.uint64)}
    for name, kind in (("Muon", MUON), ("Electron", ELECTRON)):
        chosen = [[lepton for lepton in event if lepton[5] == kind] for event in events]
        fields = {
            column: ak.values_astype(ak.Array([[lepton[i] for lepton in event] for event in chosen]), dtype)
            for i, (column, dtype) in enumerate(
                [("pt", "f4"), ("eta", "f4"), ("phi", "f4"), ("mass", "f4"), ("charge", "i4")]
            )
        }
        branches[name] = ak.zip(fields)
    with uproot.recreate(path) as file:
        kept = {key: value for key, value in branches.items() if key not in drop}
        # A tree as CMS wrote it; assigning would write the newer RNTuple.
        tree = file.mktree(
            "Events",
            {key: value.type.content if isinstance(value, ak.Array) else value.dtype for key, value in kept.items()},
        )
        tree.extend(kept)


def event(random, kinds, charges, pt=None):
    values = random.uniform(12, 60, len(kinds)) if pt is None else pt
    eta, phi = random.uniform(-2, 2, len(kinds)), random.uniform(-3, 3, len(kinds))
    masses = [0.10566 if kind == MUON else 0.000511 for kind in kinds]
    return list(zip(values.tolist(), eta.tolist(), phi.tolist(), masses, charges, kinds, strict=True))


def test_nanoaod_gives_the_same_leptons(tmp_path):
    random = np.random.default_rng(0)
    kinds = [[MUON] * 4, [ELECTRON] * 4, [MUON, MUON, ELECTRON, ELECTRON]] * 10
    events = [event(random, kind, [1, -1, 1, -1]) for kind in kinds]
    write_nanoaod(tmp_path / "a.root", events)
    leptons = read_root(tmp_path / "a.root")
    table = np.array(events)
    p4 = cartesian(table[..., 0], table[..., 1], table[..., 2], table[..., 3])
    expected = ordered(p4, table[..., 5], table[..., 4], np.ones(30), np.arange(1, 31))
    np.testing.assert_allclose(leptons.p4, expected.p4, rtol=1e-5, atol=1e-4)
    assert np.array_equal(leptons.kind, expected.kind)
    assert np.array_equal(leptons.charge, expected.charge)
    assert np.array_equal(leptons.event, expected.event)


def test_nanoaod_chooses_and_leaves_out(tmp_path):
    random = np.random.default_rng(1)
    three = event(random, [MUON] * 3, [1, -1, 1])
    same_sign = event(random, [MUON] * 4, [1, 1, 1, -1])
    z = [(45.6, 0.0, 0.0, 0.10566, 1, MUON), (45.6, 0.0, 3.1415926, 0.10566, -1, MUON)]
    hard = [(30.0, 0.5, 1.0, 0.000511, 1, ELECTRON), (20.0, -0.5, 2.0, 0.000511, -1, ELECTRON)]
    # A muon below 5 GeV, one outside, and electrons whose pairs have a smaller sum of transverse momenta.
    soft = [(4.0, 0.0, 1.5, 0.10566, 1, MUON), (50.0, 2.45, 1.5, 0.10566, -1, MUON)]
    soft += [(8.0, 1.0, -1.0, 0.000511, 1, ELECTRON), (9.0, -1.0, -2.0, 0.000511, -1, ELECTRON)]
    write_nanoaod(tmp_path / "a.root", [three, same_sign, soft + hard + z, []])
    leptons = read_root(tmp_path / "a.root")
    assert leptons.event.tolist() == [3]
    assert leptons.pt[0] == pytest.approx([45.6, 45.6, 30, 20], rel=1e-5)
    assert leptons.kind[0].tolist() == [MUON, MUON, ELECTRON, ELECTRON]
    assert leptons.m_z1 == pytest.approx([91.2], rel=1e-4)


def test_nanoaod_missing_branch(tmp_path):
    random = np.random.default_rng(0)
    write_nanoaod(tmp_path / "a.root", [event(random, [MUON] * 4, [1, -1, 1, -1])] * 3, drop=("Electron",))
    with pytest.raises(UserError, match="Events has no branch Electron_pt"):
        read_root(tmp_path / "a.root")
