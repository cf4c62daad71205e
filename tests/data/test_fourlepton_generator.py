"""Generated events: what the detector model promises, and Pythia's events against known masses and cross sections."""

import numpy as np
import pytest

from autoscidact.data.fourlepton import response, shards
from autoscidact.data.fourlepton.generator import generate
from autoscidact.data.fourlepton.leptons import ELECTRON, MUON, ordered
from autoscidact.data.fourlepton.shards import _Recipe, read_sample, write_sample


def leptons_of(kind, n=20_000, pt=40.0, eta=0.5):
    random = np.random.default_rng(0)
    phi = random.uniform(-np.pi, np.pi, (n, 4))
    p = np.stack([pt * np.cos(phi), pt * np.sin(phi), np.full((n, 4), pt * np.sinh(eta))], -1)
    return np.concatenate([p, np.full((n, 4, 1), pt * np.cosh(eta))], -1), np.full((n, 4), kind)


@pytest.mark.statistical
def test_resolution_is_the_stated_one():
    # 80000 leptons give each width to 0.25 %; 1.5 % is six of these errors.
    a, b = response.MUON_RESOLUTION
    p4, kind = leptons_of(MUON)
    p = np.linalg.norm(response.measured(p4, kind, np.random.default_rng(1))[..., :3], axis=-1)
    assert p.std() / p.mean() == pytest.approx(a + b * 0.25, rel=0.015)
    (a, b, c), (part, factor) = response.ELECTRON_RESOLUTION, response.ELECTRON_TAIL
    p4, kind = leptons_of(ELECTRON)
    p = np.linalg.norm(response.measured(p4, kind, np.random.default_rng(1))[..., :3], axis=-1)
    core = np.hypot(a + b * 0.25, c / (40 * np.cosh(0.5)))
    assert p.std() / p.mean() == pytest.approx(core * np.sqrt(1 - part + part * factor**2), rel=0.02)


@pytest.mark.statistical
def test_efficiency_is_the_stated_one():
    # 20000 events: the error of the share found is at most 0.0035; five of them.
    for kind, efficiency in ((MUON, response.MUON_EFFICIENCY), (ELECTRON, response.ELECTRON_EFFICIENCY)):
        found = response.detected(np.full((20_000, 4), kind), np.random.default_rng(2))
        assert found.mean() == pytest.approx(efficiency**4, abs=0.018)


def test_measured_leptons_are_on_their_mass_shell():
    p4, kind = leptons_of(MUON, 100)
    found = response.measured(p4, kind, np.random.default_rng(0))
    np.testing.assert_allclose(found[..., 3] ** 2 - (found[..., :3] ** 2).sum(-1), 0.105658**2, atol=1e-8)


def test_sample_on_disk_comes_back(tmp_path, fourlepton_folder):
    sample = read_sample(fourlepton_folder / "generated_zz.parquet")
    write_sample(tmp_path / "a.parquet", sample)
    again = read_sample(tmp_path / "a.parquet")
    assert (again.n_generated, again.cross_section, again.masses) == (12_000, 0.0125, (110.0, 180.0))
    assert np.array_equal(again.leptons.p4, sample.leptons.p4)
    assert (tmp_path / "a.parquet").read_bytes() == (fourlepton_folder / "generated_zz.parquet").read_bytes()


def test_shards_of_other_settings_have_other_names(tmp_path):
    first = _Recipe("zz", (110.0, 180.0), 0, 0).path(tmp_path)
    others = [
        _Recipe("zz", (100.0, 180.0), 0, 0),
        _Recipe("zz", (110.0, 180.0), 1, 0),
        _Recipe("zz", (110.0, 180.0), 0, 1),
    ]
    assert len({first, *(other.path(tmp_path) for other in others)}) == 4


@pytest.fixture
def pythia():
    return pytest.importorskip("pythia8mc")


def test_higgs_boson_weighs_125_gev(pythia):
    events = generate("higgs", 300, (0.0, 0.0), 1)
    mass = ordered(events.p4, events.kind, events.charge, events.number, events.number).m4l
    assert np.median(mass) == pytest.approx(125.0, abs=0.1)
    assert mass.max() < 126
    assert (events.charge.sum(axis=1) == 0).all()
    assert set(np.unique(events.kind)) == {ELECTRON, MUON}


def test_pairs_of_zz_are_above_12_gev(pythia):
    events = generate("zz", 300, (110.0, 180.0), 1)
    leptons = ordered(events.p4, events.kind, events.charge, events.number, events.number)
    assert (leptons.m4l < 180.001).all()
    # Photon radiation leaves a few below.
    assert (leptons.m4l > 109).mean() > 0.97
    # Measured once with 50000 events; 300 give it to 3 %.
    assert events.cross_section == pytest.approx(0.00643, rel=0.15)


def test_interrupted_generation_goes_on(pythia, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "SHARD", 150)
    folder = tmp_path / "shards"
    whole = shards.generate_sample("zz", 400, (110.0, 180.0), 0, folder, 1)
    assert whole.n_generated == 450
    first, second, third = sorted(folder.iterdir())
    kept = first.stat().st_mtime_ns
    content = second.read_bytes()
    second.unlink()
    again = shards.generate_sample("zz", 400, (110.0, 180.0), 0, folder, 1)
    assert np.array_equal(again.leptons.p4, whole.leptons.p4)
    assert len(np.unique(again.leptons.event)) == len(again.leptons)
    assert second.read_bytes() == content
    assert first.stat().st_mtime_ns == kept
    assert third.is_file()


def test_same_seed_same_events(pythia):
    first, again, other = (generate("zz", 20, (110.0, 180.0), seed) for seed in (5, 5, 6))
    assert np.array_equal(first.p4, again.p4)
    assert not np.array_equal(first.p4[:5], other.p4[:5])
