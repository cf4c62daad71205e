"""JetClass's files against a loop over jets, and against the loader of Particle Transformer's authors."""

import itertools
import zlib
from functools import partial

import numpy as np
import pytest
from jetclass_files import CLASSES, JET, random_table, write_table

from autoscidact.data.jetclass import basket_file, baskets, layout
from autoscidact.data.jetclass.root_files import count_entries, iterate_root, read_root
from autoscidact.errors import UserError

uproot = pytest.importorskip("uproot")

WEAVER = """
treename: tree
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
preprocess: {method: manual}
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
   pf_mask:
      length: 64
      pad_mode: constant
      vars: [[part_mask, null]]
labels: {type: simple, value: [LABELS]}
observers: [jet_pt]
weights:
""".replace("LABELS", ", ".join(f"label_{name}" for name in CLASSES))


def naive_jet(table, jet, n_particles):
    """One jet by the features' definition, particle by particle, in double precision."""
    part = {name: np.float64(values[jet]) for name, values in table.items() if name.startswith("part_")}
    out = np.zeros((22, n_particles))
    pt = np.hypot(part["part_px"], part["part_py"])
    for place, i in enumerate(sorted(range(len(pt)), key=lambda i: -pt[i])[:n_particles]):
        p = {name.removeprefix("part_"): values[i] for name, values in part.items()}
        features = [
            (np.log(pt[i]) - 1.7) * 0.7,
            (np.log(p["energy"]) - 2.0) * 0.7,
            (np.log(pt[i] / table["jet_pt"][jet]) + 4.7) * 0.7,
            (np.log(p["energy"] / table["jet_energy"][jet]) + 4.7) * 0.7,
            (np.hypot(p["deta"], p["dphi"]) - 0.2) * 4.0,
            p["charge"],
            *(p[name] for name in ("isChargedHadron", "isNeutralHadron", "isPhoton", "isElectron", "isMuon")),
            np.tanh(p["d0val"]),
            min(max(p["d0err"], 0), 1),
            np.tanh(p["dzval"]),
            min(max(p["dzerr"], 0), 1),
            p["deta"],
            p["dphi"],
        ]
        out[:17, place] = np.clip(features, -5, 5)
        out[17:, place] = p["px"], p["py"], p["pz"], p["energy"], 1
    return out


@pytest.mark.parametrize("n_particles", [64, 8, 128])
@pytest.mark.parametrize("ordered", [True, False])
def test_particles_are_those_of_a_loop_over_jets(tmp_path, n_particles, ordered):
    table = random_table(60, seed=n_particles, ordered=ordered)
    jets = read_root(write_table(tmp_path / "a.root", table), n_particles)
    expected = np.stack([naive_jet(table, jet, n_particles) for jet in range(60)])
    assert jets.particles.shape == (60, 22, n_particles)
    assert jets.particles.dtype == np.float32
    assert jets.particles == pytest.approx(expected, abs=3e-6, rel=1e-6)


def test_labels_observers_and_rows(tmp_path):
    table = random_table(50, seed=3)
    jets = read_root(write_table(tmp_path / "a.root", table))
    for k, name in enumerate(CLASSES):
        assert np.array_equal(jets.labels == k, table[f"label_{name}"] == 1)
    assert layout.CLASSES == CLASSES
    assert set(jets.observers) == {f"jet_{name}" for name in JET}
    for name, values in jets.observers.items():
        assert np.array_equal(values, table[name])
    assert np.array_equal(jets.entries, np.arange(50))


def test_layout_of_the_particles(tmp_path):
    jets = read_root(write_table(tmp_path / "a.root", random_table(200, seed=4)))
    mask = jets.particles[:, layout.MASK]
    assert np.array_equal(mask.sum(axis=1), np.minimum(jets.observers["jet_nparticles"], 64))
    assert not jets.particles[np.broadcast_to(mask[:, None] == 0, jets.particles.shape)].any()
    pt = np.hypot(jets.particles[:, layout.P4.start], jets.particles[:, layout.P4.start + 1])
    assert (np.diff(pt, axis=1) <= 0).all()


def test_the_order_of_particles_in_the_file_changes_nothing(tmp_path):
    table = random_table(30, seed=5)
    order = [np.random.default_rng(6).permutation(len(jet)) for jet in table["part_px"]]
    shuffled = {
        name: [v[o] for v, o in zip(values, order, strict=True)] if isinstance(values, list) else values
        for name, values in table.items()
    }
    a = read_root(write_table(tmp_path / "a.root", table))
    b = read_root(write_table(tmp_path / "b.root", shuffled))
    assert np.array_equal(a.particles, b.particles)


@pytest.mark.parametrize("chunk", [1, 7, 30, 1000])
def test_chunks_do_not_change_the_jets(tmp_path, chunk):
    path = write_table(tmp_path / "a.root", random_table(100, seed=7), baskets=6)
    whole = read_root(path, entries=(11, 93))
    chunks = list(iterate_root(path, entries=(11, 93), chunk=chunk))
    assert max(len(jets) for jets in chunks) <= chunk
    assert np.array_equal(np.concatenate([jets.particles for jets in chunks]), whole.particles)
    assert np.array_equal(np.concatenate([jets.entries for jets in chunks]), np.arange(11, 93))
    assert count_entries(path) == 100


def test_other_number_types(tmp_path):
    table = random_table(20, seed=8)
    whole = read_root(write_table(tmp_path / "a.root", table))
    for name in table:
        if "_is" in name or name == "part_charge":
            table[name] = [values.astype(np.int32) for values in table[name]]
        elif isinstance(table[name], list):
            table[name] = [values.astype(np.float64) for values in table[name]]
        elif name.startswith("label"):
            table[name] = table[name].astype(bool)
    assert np.array_equal(read_root(write_table(tmp_path / "b.root", table)).particles, whole.particles)


def test_same_arrays_as_weaver(tmp_path):
    dataset = pytest.importorskip("weaver.utils.dataset")
    (tmp_path / "jetclass.yaml").write_text(WEAVER)
    path = write_table(tmp_path / "a.root", random_table(150, seed=9, ordered=True), baskets=3)
    loader = dataset.SimpleIterDataset(
        {"jets": [str(path)]}, str(tmp_path / "jetclass.yaml"), for_training=False, fetch_step=0.3, name="test"
    )
    batches = [jet for jet, _, _ in loader]
    theirs = np.stack([np.concatenate([b["pf_features"], b["pf_vectors"], b["pf_mask"]]) for b in batches])
    assert np.abs(read_root(path).particles - theirs).max() <= 1e-6


def test_any_number_of_threads(tmp_path):
    path = write_table(tmp_path / "a.root", random_table(300, seed=20), baskets=4)
    one, more = (list(iterate_root(path, chunk=70, threads=threads)) for threads in (1, 3))
    assert [len(jets) for jets in one] == [len(jets) for jets in more]
    for a, b in zip(one, more, strict=True):
        assert np.array_equal(a.particles, b.particles)
        assert np.array_equal(a.labels, b.labels)


def test_particles_in_order_but_for_rounding_stay(tmp_path):
    table = random_table(3, seed=21, ordered=True)
    for name in ("part_px", "part_py"):
        table[name][1][1] = np.nextafter(table[name][1][0], np.float32(np.inf) * np.sign(table[name][1][0]))
    jets = read_root(write_table(tmp_path / "a.root", table))
    assert np.hypot(table["part_px"][1][1], table["part_py"][1][1]) > np.hypot(
        table["part_px"][1][0], table["part_py"][1][0]
    )
    assert np.array_equal(jets.particles[1, layout.P4.start, :2], table["part_px"][1][:2])


@pytest.mark.parametrize("libdeflate", [True, False])
@pytest.mark.parametrize("compression", ["ZLIB", "LZ4", "ZSTD", "LZMA", None])
def test_any_compression(tmp_path, monkeypatch, compression, libdeflate):
    """`deflate` is optional: its place is taken by Python's zlib, called the same way."""
    monkeypatch.setattr(
        basket_file, "_libdeflate", lambda: (lambda data, n: zlib.decompress(data)) if libdeflate else None
    )
    table = random_table(200, seed=22)
    whole = read_root(write_table(tmp_path / "a.root", table))
    monkeypatch.setattr(
        uproot, "recreate", partial(uproot.recreate, compression=compression and getattr(uproot, compression)(1))
    )
    other = read_root(write_table(tmp_path / "b.root", table))
    assert np.array_equal(whole.particles, other.particles)
    assert all(np.array_equal(whole.observers[name], other.observers[name]) for name in whole.observers)


def test_libdeflate_reads_several_blocks_as_zlib_does():
    deflate = pytest.importorskip("deflate")
    content, file = np.arange(30_000, dtype=np.uint8), b""
    for block in (content[:20_000].tobytes(), content[20_000:].tobytes()):
        packed = zlib.compress(block)
        file += b"ZL\x08" + len(packed).to_bytes(3, "little") + len(block).to_bytes(3, "little") + packed
    found = basket_file._inflated(np.frombuffer(file, np.uint8), len(content), deflate.zlib_decompress)
    assert np.array_equal(found, content)
    with pytest.raises(ValueError, match="do not fill"):
        basket_file._inflated(np.frombuffer(file, np.uint8), len(content) + 1, deflate.zlib_decompress)


class StoredBaskets:
    """A branch and its file in one, of rows of numbers with so many bytes before each row's."""

    name, num_baskets, embedded_baskets = "part_px", 3, ()

    def __init__(self, rows, dtype, header):
        self.interpretation = uproot.AsJagged(uproot.AsDtype(dtype), header_bytes=header)
        self.entry_offsets = [0, 4, 5, len(rows)]
        self.parts = []
        for first, last in itertools.pairwise(self.entry_offsets):
            data = [b"\xff" * header + np.asarray(row, dtype).tobytes() for row in rows[first:last]]
            offsets = np.cumsum([0, *map(len, data)])
            self.parts.append(basket_file.Basket(last - first, np.frombuffer(b"".join(data), np.uint8), offsets))

    def basket(self, branch, number):
        return self.parts[number]


@pytest.mark.parametrize("header", [0, 10])
@pytest.mark.parametrize("dtype", [">f4", ">f8", ">i2", ">i4", "bool"])
def test_vectors_and_arrays_of_any_number_type(dtype, header):
    """ROOT writes 10 bytes before the numbers of a vector, so that few of them lie on a multiple of their size."""
    random = np.random.default_rng(23)
    rows = [random.integers(0, 2, n).astype(dtype) for n in (3, 0, 7, 1, 5, 2, 9, 4)]
    stored = StoredBaskets(rows, dtype, header)
    branch = baskets.JaggedBranch(stored, stored)
    for start, stop in ((0, 8), (1, 3), (3, 6), (5, 8), (4, 5)):
        found = branch.rows(start, stop)
        wanted = rows[start:stop]
        assert np.array_equal(found.counts, [len(row) for row in wanted])
        assert np.array_equal(found.flat(), np.concatenate(wanted))
        assert np.array_equal(found.flat(skip=3), np.concatenate([row[3:] for row in wanted]))
        for length in (1, 4, 12):
            for padded, row in zip(found.padded(length), wanted, strict=True):
                assert np.array_equal(padded[: len(row)], row[:length])


def test_arrays_whose_baskets_leave_their_offsets_to_the_count(tmp_path, monkeypatch):
    path = write_table(tmp_path / "a.root", random_table(90, seed=24), baskets=3)
    whole, basket = read_root(path), basket_file.BasketFile.basket
    monkeypatch.setattr(basket_file.BasketFile, "basket", lambda *which: basket(*which)._replace(offsets=None))
    assert np.array_equal(read_root(path).particles, whole.particles)


def test_no_such_file(tmp_path):
    with pytest.raises(UserError, match=r"a\.root: no such file"):
        read_root(tmp_path / "a.root")


@pytest.mark.parametrize("keep", [0, 50, 0.6, 0.99])
def test_truncated_file(tmp_path, keep):
    path = write_table(tmp_path / "a.root", random_table(500, seed=10), baskets=4)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep if keep >= 1 else keep * len(content))])
    with pytest.raises(UserError, match=r"a\.root: cut short, damaged, or no ROOT file"):
        read_root(path)


def test_flipped_bytes_are_named(tmp_path):
    path = write_table(tmp_path / "a.root", random_table(500, seed=10))
    content = bytearray(path.read_bytes())
    at = len(content) // 2
    content[at : at + 4000] = bytes(255 - value for value in content[at : at + 4000])
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.root: .*(damaged|row)"):
        read_root(path)


def test_missing_branch_other_schema_and_no_jets(tmp_path):
    table = random_table(5)
    path = write_table(tmp_path / "a.root", {k: v for k, v in table.items() if k != "part_dzerr"})
    with pytest.raises(UserError, match=r"a\.root: tree 'tree' has no branch part_dzerr$"):
        read_root(path)
    with pytest.raises(UserError, match=r"b\.root: no tree 'tree', so this is no file of JetClass; there is Events"):
        read_root(write_table(tmp_path / "b.root", table, tree="Events"))
    with pytest.raises(UserError, match=r"c\.root: tree 'tree' holds no jets"):
        read_root(write_table(tmp_path / "c.root", table, baskets=0))
    with pytest.raises(UserError, match=r"a\.root: no jets in rows 5 to 5; the file has 5"):
        read_root(write_table(tmp_path / "a.root", table), entries=(5, 9))


@pytest.mark.parametrize(
    ("branch", "values", "message"),
    [
        ("part_d0val", np.ones(20, np.float32), "part_d0val does not hold a number for each particle"),
        ("jet_sdmass", [np.ones(2, np.float32)] * 20, "jet_sdmass does not hold one number for each jet"),
        ("part_dphi", [np.ones(1, np.float32)] * 20, "row 0: part_dphi and part_px differ in their numbers of"),
    ],
)
def test_branches_of_another_shape(tmp_path, branch, values, message):
    table = random_table(20, seed=11)
    assert len(table["part_px"][0]) > 1
    with pytest.raises(UserError, match=rf"a\.root: .*{message}"):
        read_root(write_table(tmp_path / "a.root", table | {branch: values}))


def spoil(table, branch, jet, value):
    if isinstance(table[branch], list):
        table[branch][jet][0] = value
    else:
        table[branch][jet] = value


@pytest.mark.parametrize(
    ("branch", "value", "message"),
    [
        ("part_deta", np.nan, "has NaN or infinity in delta_r"),
        ("part_d0err", np.nan, "has NaN or infinity in d0_error"),
        ("part_pz", np.inf, "has NaN or infinity in part_pz"),
        ("part_energy", -1.0, "has NaN or infinity in log_energy"),
        ("jet_pt", np.nan, "has jet_pt nan"),
        ("jet_energy", 0.0, r"has jet_energy 0\.0"),
        ("label_QCD", 1.0, "belongs to 2 of the classes"),
        ("label_Hbb", 0.0, "belongs to 0 of the classes"),
    ],
)
def test_bad_jets_are_named_or_left_out_and_counted(tmp_path, branch, value, message):
    table = random_table(30, seed=12, classes=("Hbb",), max_particles=60)
    good = read_root(write_table(tmp_path / "good.root", table))
    for jet in (17, 23):
        spoil(table, branch, jet, value)
    path = write_table(tmp_path / "a.root", table)
    with pytest.raises(UserError, match=rf"a\.root: the jet in row 17 {message}.*skip_bad$"):
        read_root(path)
    jets = read_root(path, skip_bad=True)
    assert jets.n_bad == 2
    rest = np.delete(np.arange(30), [17, 23])
    assert np.array_equal(jets.entries, rest)
    assert np.array_equal(jets.particles, good.particles[rest])
    assert np.array_equal(jets.observers["jet_tau1"], good.observers["jet_tau1"][rest])


def test_jets_without_particles_are_bad(tmp_path):
    table = random_table(6, seed=13)
    for values in table.values():
        if isinstance(values, list):
            values[4] = values[4][:0]
    path = write_table(tmp_path / "a.root", table)
    with pytest.raises(UserError, match="row 4 has no particles"):
        read_root(path)
    assert list(read_root(path, skip_bad=True).entries) == [0, 1, 2, 3, 5]


def test_reading_may_stop_early(tmp_path):
    chunks = iterate_root(write_table(tmp_path / "a.root", random_table(60, seed=14), baskets=6), chunk=10)
    assert len(next(chunks)) == 10
    chunks.close()
    with pytest.raises(StopIteration):
        next(chunks)
