"""The four-lepton dataset: weights that add up to what is expected, no leak of masses, what it refuses."""

import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autoscidact.data.contract import SPLITS
from autoscidact.data.fourlepton import load, observed, published
from autoscidact.data.fourlepton.csv_files import read_csv
from autoscidact.data.fourlepton.leptons import ordered
from autoscidact.data.fourlepton.samples import LUMINOSITY, REDUCIBLE, higgs_weight, zz_weight
from autoscidact.data.fourlepton.simulated import turned
from autoscidact.errors import UserError

DATA = Path(os.environ.get("AUTOSCIDACT_TEST_DATA", Path(__file__).parents[2] / "../shared/data")) / "fourlepton"
SPLIT = {"train": 0.5, "val": 0.1, "test": 0.4}


@pytest.fixture
def settings(fourlepton_folder):
    return {"name": "fourlepton", "signal": "higgs", "split": SPLIT, "seed": 0, "path": str(fourlepton_folder)}


def yields(events):
    return dict(zip(events.classes, np.bincount(events.labels, events.weights, len(events.classes)), strict=True))


def test_weights_of_every_split_add_up_to_the_expected_events(settings):
    dataset = load(**settings)
    for split in SPLITS:
        found = yields(dataset.subset(split))
        zz = found["zz_4mu"] + found["zz_4e"] + found["zz_2e2mu"]
        assert zz == pytest.approx(900 * zz_weight(0.0125, 12_000, [2012]))
        # Two thirds of the decays are to tau leptons in part, and none of those is generated.
        assert found["higgs"] == pytest.approx(300 * 11_580 * 0.0065 * 0.452 / 2_000)
    # Four events of each file, over the luminosity that both years' samples stand for.
    expected = sum(8 * process.weight([2012], [2011, 2012]) for process in REDUCIBLE)
    assert yields(dataset.subset("test"))["reducible"] == pytest.approx(expected)


def test_drell_yan_and_top_never_train(settings):
    dataset = load(**settings)
    label = dataset.events.classes.index("reducible")
    assert {SPLITS[k] for k in np.unique(dataset.split[dataset.events.labels == label])} == {"test"}
    assert (dataset.events.labels == label).sum() == 24 * 100
    without = load(**settings, other_background=False)
    assert without.events.classes == ("zz_4mu", "zz_4e", "zz_2e2mu", "higgs")
    assert np.array_equal(without.subset("train").features, dataset.subset("train").features)


def test_weight_of_a_process_by_hand():
    dy50 = REDUCIBLE[0]
    lumi11, lumi12 = 36_408_225 / 2475, 29_426_492 / 2955
    assert dy50.weight([2011], [2011]) == pytest.approx(2330 / lumi11)
    assert dy50.weight([2012], [2012]) == pytest.approx(11_580 / lumi12)
    ratio = 2955 / 2475
    assert dy50.weight([2012], [2011, 2012]) == pytest.approx(11_580 * ratio / (lumi11 + ratio * lumi12))
    both = dy50.weight([2011], [2011, 2012]) + dy50.weight([2012], [2011, 2012])
    assert dy50.weight([2011, 2012], [2011, 2012]) == pytest.approx(both)


def test_years_add_up():
    for weight in (lambda years: zz_weight(0.01, 100, years), lambda years: higgs_weight(100, years)):
        assert weight([2011, 2012]) == pytest.approx(weight([2011]) + weight([2012]))
        assert weight([2011]) < weight([2012]) * LUMINOSITY[2011] / LUMINOSITY[2012]


def test_copies_keep_what_does_not_depend_on_direction(fourlepton_folder):
    leptons = read_csv(fourlepton_folder / "observed.csv")
    copies = turned(leptons, 7, np.random.default_rng(0))
    again = ordered(copies.p4, copies.kind, copies.charge, copies.run, copies.event)
    for name in ("m4l", "m_z1", "m_z2", "pt", "channel"):
        first = getattr(leptons, name)
        found = getattr(again, name).reshape(7, *first.shape)
        for copy in found:
            if name == "channel":
                assert np.array_equal(copy, first)
            else:
                np.testing.assert_allclose(copy, first, rtol=1e-9)
    sign = np.sign(copies.p4[:, 0, 2].reshape(7, -1) / leptons.p4[:, 0, 2])
    assert 0.4 < (sign > 0).mean() < 0.6
    assert len(np.unique(copies.p4[:, 0, 0].round(6))) == 7 * len(leptons)


def test_features_are_momenta_and_kinds_only(settings, fourlepton_folder):
    events = observed(fourlepton_folder / "observed.csv", **settings)
    leptons = read_csv(fourlepton_folder / "observed.csv")
    assert events.features.shape == (60, 20)
    assert events.feature_names[:6] == ("px1", "py1", "pz1", "E1", "kind1", "px2")
    table = events.features.reshape(-1, 4, 5)
    np.testing.assert_allclose(table[..., :4], leptons.p4, rtol=1e-6)
    assert np.array_equal(table[..., 4], np.where(leptons.kind == 13, 1, -1))
    assert set(events.observers) == {"m4l", "mZ1", "mZ2", "channel", "run", "event"}
    assert events.classes == ("observed",)
    assert (events.weights == 1).all()


def test_masses_in_a_file_change_nothing(settings, fourlepton_folder, tmp_path):
    frame = pd.read_csv(fourlepton_folder / "observed.csv")
    plain = observed(fourlepton_folder / "observed.csv", **settings)
    shuffled = np.random.default_rng(0).permutation(np.linspace(100, 200, len(frame)))
    frame.assign(M=shuffled, mZ1=91.2, mZ2="no").to_csv(tmp_path / "with.csv", index=False)
    other = observed(tmp_path / "with.csv", **settings)
    assert np.array_equal(plain.features, other.features)
    assert np.array_equal(plain.ids, other.ids)
    assert np.array_equal(plain.observers["m4l"], other.observers["m4l"])


def test_ids_tell_collisions_and_simulated_events_apart(settings, fourlepton_folder, tmp_path):
    dataset, data = load(**settings), observed(fourlepton_folder / "observed.csv", **settings)
    assert len(np.unique(dataset.events.ids)) == len(dataset.events)
    assert not np.intersect1d(dataset.events.ids, data.ids).size
    assert data.ids[0] == (195_000 << 40) | data.observers["event"][0]
    # An event of the background that comes back as an observation is recognised.
    from autoscidact.data.fourlepton.leptons import Leptons
    from autoscidact.data.fourlepton.shards import read_sample

    leptons: Leptons = read_sample(fourlepton_folder / "generated_zz.parquet").leptons.take(np.arange(5))
    columns = {"Run": leptons.run, "Event": leptons.event}
    for i in range(4):
        columns |= {f"PID{i + 1}": -leptons.charge[:, i] * leptons.kind[:, i], f"Q{i + 1}": leptons.charge[:, i]}
        columns |= {f"{name}{i + 1}": leptons.p4[:, i, k] for k, name in enumerate(("px", "py", "pz", "E"))}
    pd.DataFrame(columns).to_csv(tmp_path / "again.csv", index=False)
    with pytest.warns(UserWarning, match=r"again\.csv: 5 of 5 events are simulated \(Run 1\)"):
        again = observed(tmp_path / "again.csv", **settings)
    assert np.isin(again.ids, dataset.events.ids).all()


def test_some_simulated_events_among_the_observed(settings, fourlepton_folder, tmp_path):
    frame = pd.read_csv(fourlepton_folder / "observed.csv")
    frame.assign(Run=np.where(frame.index < 7, 1, frame.Run)).to_csv(tmp_path / "mixed.csv", index=False)
    with pytest.warns(UserWarning, match="7 of 60 events are simulated"):
        observed(tmp_path / "mixed.csv", **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        observed(fourlepton_folder / "observed.csv", **settings)


def test_bad_settings(settings, fourlepton_folder, tmp_path):
    with pytest.raises(UserError, match=r"dataset\.m4l=\[70,180\].*autoscidact prepare"):
        load(**settings, m4l=[70, 180])
    with pytest.raises(UserError, match="autoscidact prepare dataset=fourlepton"):
        load(**{**settings, "path": str(tmp_path)})
    with pytest.raises(UserError, match=r"dataset\.years=\[2010\]"):
        load(**settings, years=[2010])
    with pytest.raises(UserError, match=r"dataset\.other_background=maybe"):
        load(**settings, other_background="maybe")
    with pytest.raises(UserError, match="brings its own labels"):
        load(**settings, label="kind")
    with pytest.raises(UserError, match=r"dataset\.copies"):
        load(**settings, copies=0)
    with pytest.raises(UserError, match=r"are of 2012, but dataset\.years=\[2011\]"):
        observed(fourlepton_folder / "observed.csv", years=[2011])
    with pytest.raises(UserError, match="none of its 60 events passes"):
        observed(fourlepton_folder / "observed.csv", m4l=[300, 301])


def test_missing_drell_yan_and_top(settings, fourlepton_folder, tmp_path):
    for name in ("generated_zz.parquet", "generated_higgs.parquet"):
        (tmp_path / name).write_bytes((fourlepton_folder / name).read_bytes())
    settings["path"] = str(tmp_path)
    with pytest.warns(UserWarning, match=r"simulated_dy50_2011\.csv"):
        assert "reducible" not in load(**settings).events.classes
    with pytest.raises(UserError, match=r"mirror=FOLDER.*dataset\.other_background=false"):
        load(**settings, other_background=True)
    load(**settings, other_background=False)


def test_damaged_sample(settings, fourlepton_folder, tmp_path):
    content = (fourlepton_folder / "generated_zz.parquet").read_bytes()
    (tmp_path / "generated_zz.parquet").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="damaged"):
        load(**{**settings, "path": str(tmp_path)})


def test_narrower_window_is_a_subset(settings):
    # Copies are turned anew for another selection.
    settings["other_background"] = False
    wide, narrow = load(**settings), load(**settings, m4l=[124, 180])
    assert np.isin(narrow.events.ids, wide.events.ids).all()
    assert (narrow.events.observers["m4l"] > 124).all()


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no real events in {DATA} (AUTOSCIDACT_TEST_DATA)")
def test_real_data():
    events = observed(DATA / "preselected_data_2012.csv")
    assert len(events) == 38
    final = published(DATA)
    assert len(final) == 240
    assert len(published(DATA, [2011, 2012])) == 278
    names = set(zip(final.run.tolist(), final.event.tolist(), strict=True))
    ours = zip(events.observers["run"].tolist(), events.observers["event"].tolist(), strict=True)
    assert len(names & set(ours)) == 37
    mass = published(DATA, [2011, 2012]).m4l
    assert ((mass > 118) & (mass < 130)).sum() == 15
