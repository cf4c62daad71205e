"""Leptons, their readers and the selection: against naive loops, and by what bad files say."""

import itertools
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscidact.data.fourlepton.csv_files import COLUMNS, check_duplicates, read_csv
from autoscidact.data.fourlepton.ids import event_ids
from autoscidact.data.fourlepton.leptons import ELECTRON, MUON, Z_MASS, Leptons, concatenate, ordered
from autoscidact.data.fourlepton.root_files import read_root
from autoscidact.data.fourlepton.selection import cuts, select
from autoscidact.errors import UserError

DATA = Path(os.environ.get("AUTOSCIDACT_TEST_DATA", Path(__file__).parents[2] / "../shared/data")) / "fourlepton"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real events in {DATA} (AUTOSCIDACT_TEST_DATA)")


def random_leptons(n=200, seed=0):
    random = np.random.default_rng(seed)
    pt, eta, phi = random.exponential(30, (n, 4)) + 2, random.normal(0, 1.3, (n, 4)), random.uniform(-3, 3, (n, 4))
    kind = random.choice([ELECTRON, MUON], (n, 4))
    p = pt * np.cosh(eta)
    energy = np.hypot(p, np.where(kind == MUON, 0.10566, 0.000511))
    p4 = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), energy], -1)
    return ordered(p4, kind, random.choice([-1, 1], (n, 4)), np.full(n, 200_000), np.arange(n) + 1)


def table(leptons: Leptons) -> pd.DataFrame:
    columns = {"Run": leptons.run, "Event": leptons.event}
    for i in range(4):
        columns |= {f"PID{i + 1}": -leptons.charge[:, i] * leptons.kind[:, i], f"Q{i + 1}": leptons.charge[:, i]}
        columns |= {f"{name}{i + 1}": leptons.p4[:, i, k] for k, name in enumerate(("px", "py", "pz", "E"))}
    return pd.DataFrame(columns)


def in_mev(frame, rows):
    columns = [f"{name}{i}" for name in ("px", "py", "pz", "E") for i in range(1, 5)]
    return frame.assign(**{name: np.where(rows, 1000, 1) * frame[name] for name in columns})


@pytest.fixture
def write(tmp_path):
    def to_file(frame, name="events.csv"):
        frame.to_csv(tmp_path / name, index=False)
        return tmp_path / name

    return to_file


def naive_pairs(p4, kind, charge):
    """Z masses of one event, by every choice of two pairs."""
    best = None
    for first in itertools.combinations(range(4), 2):
        second = tuple(set(range(4)) - set(first))
        if any(kind[i] != kind[j] or charge[i] != -charge[j] for i, j in (first, second)):
            continue
        masses = []
        for i, j in (first, second):
            total = p4[i] + p4[j]
            masses.append(np.sqrt(max(total[3] ** 2 - total[0] ** 2 - total[1] ** 2 - total[2] ** 2, 0)))
        if best is None or abs(masses[0] - Z_MASS) < abs(best[0] - Z_MASS):
            best = masses
    return best


def test_z_candidates_against_every_choice():
    leptons = random_leptons()
    found = 0
    for k in range(len(leptons)):
        expected = naive_pairs(leptons.p4[k], leptons.kind[k], leptons.charge[k])
        if expected is None:
            assert np.isnan(leptons.m_z1[k])
            assert np.isnan(leptons.m_z2[k])
        else:
            found += 1
            assert [leptons.m_z1[k], leptons.m_z2[k]] == pytest.approx(expected, rel=1e-9)
    assert found > 20


def test_masses_of_known_events():
    # Two muons back to back at rest together weigh 2 E; so do two electrons.
    p4 = [[[30, 0, 0, 30], [-30, 0, 0, 30], [0, 10, 0, 10], [0, -10, 0, 10]]]
    leptons = ordered(np.array(p4), np.array([[13, 13, 11, 11]]), np.array([[1, -1, 1, -1]]), np.ones(1), np.ones(1))
    assert leptons.m4l == pytest.approx([80])
    assert leptons.m_z1 == pytest.approx([60])
    assert leptons.m_z2 == pytest.approx([20])
    assert leptons.channel.tolist() == ["2e2mu"]


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(4)), st.floats(-3, 3), st.booleans())
def test_order_turn_and_mirror_change_nothing(order, angle, mirror):
    leptons = random_leptons(50)
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, sin, 0, 0], [-sin, cos, 0, 0], [0, 0, -1 if mirror else 1, 0], [0, 0, 0, 1]])
    order = list(order)
    again = ordered(
        (leptons.p4 @ turn)[:, order], leptons.kind[:, order], leptons.charge[:, order], leptons.run, leptons.event
    )
    np.testing.assert_allclose(again.m4l, leptons.m4l)
    np.testing.assert_allclose(again.m_z1, leptons.m_z1)
    np.testing.assert_allclose(again.m_z2, leptons.m_z2)
    np.testing.assert_allclose(again.pt, leptons.pt)
    assert (np.diff(again.pt, axis=1) <= 0).all()
    assert np.array_equal(again.kind, leptons.kind)


def test_selection_against_a_loop():
    leptons = random_leptons(3000, seed=1)
    passed = []
    for k in range(len(leptons)):
        pairs = naive_pairs(leptons.p4[k], leptons.kind[k], leptons.charge[k])
        momentum = leptons.p4[k].sum(axis=0)
        m4l = np.sqrt(max(momentum[3] ** 2 - (momentum[:3] ** 2).sum(), 0))
        inside = all(
            np.hypot(*p[:2]) > (5 if kind == MUON else 7)
            and abs(np.arctanh(p[2] / np.linalg.norm(p[:3]))) < (2.4 if kind == MUON else 2.5)
            for p, kind in zip(leptons.p4[k], leptons.kind[k], strict=True)
        )
        pt = sorted((np.hypot(*p[:2]) for p in leptons.p4[k]), reverse=True)
        passed.append(
            pairs is not None
            and inside
            and pt[0] > 20
            and pt[1] > 10
            and 60 < pairs[0] < 120
            and 12 < pairs[1] < 120
            and 110 < m4l < 180
        )
    mask, flow = select(leptons, np.full(3000, 0.5), cuts(leptons))
    assert mask.tolist() == passed
    assert sum(passed) > 3
    assert [row.events for row in flow] == sorted((row.events for row in flow), reverse=True)
    assert flow[-1].events == sum(passed)
    assert flow[-1].weighted == sum(passed) / 2


def test_bad_interval():
    with pytest.raises(UserError, match=r"dataset\.m4l=\[180, 110\]"):
        cuts(random_leptons(3), m4l=[180, 110])


def test_csv_round_trip_and_masses_are_not_read(write):
    leptons = random_leptons()
    frame = table(leptons)
    again = read_csv(write(frame))
    np.testing.assert_allclose(again.p4, leptons.p4, rtol=1e-12)
    assert np.array_equal(again.charge, leptons.charge)
    assert np.array_equal(again.event, leptons.event)
    # Columns in another order, and wrong or missing masses, change no bit.
    other = read_csv(write(frame.assign(M=-1.0, mZ1="?", mZ2=np.nan)[["M", "mZ1", "mZ2", *frame.columns[::-1]]]))
    assert np.array_equal(other.p4, again.p4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns=["px2", "E4"]), "columns missing: px2, E4"),
        (lambda f: f.rename(columns={"px2": "PX2"}), "'PX2' may be 'px2'"),
        (lambda f: f.iloc[:0], "no events"),
        (lambda f: f.assign(pz3=np.where(f.index == 4, np.nan, f.pz3)), "pz3 in row 5"),
        (lambda f: f.assign(E1=np.where(f.index == 1, np.inf, f.E1)), "E1 in row 2"),
        (lambda f: f.assign(px1=f.px1.astype(str).where(f.index != 2, "x")), "px1='x' in row 3"),
        (
            lambda f: f.assign(**{c: 1000 * f[c] for c in f if c[:2] in ("px", "py", "pz", "E1", "E2", "E3", "E4")}),
            "MeV",
        ),
        (lambda f: f.assign(E2=f.E2 / 1000), "lepton .*below"),
        (lambda f: f.assign(PID1=15), "PID1=15 in row 1"),
        (lambda f: f.assign(Q3=2), "Q3=2"),
        (lambda f: f.assign(PID2=np.where(f.index == 3, 11.9, f.PID2)), r"PID2=11\.9 in row 4"),
        (lambda f: f.assign(Q4=np.where(f.index == 1, 1.5, f.Q4)), r"Q4=1\.5 in row 2"),
        (lambda f: f.assign(PID1=1e30), r"PID1=1e\+30"),
        (lambda f: f.assign(Event=f.Event + 0.5), r"Event=1\.5 in row 1 \(20 such\).*whole number"),
        (lambda f: f.assign(Event=2**40), "Event=1099511627776 in row 1"),
        (lambda f: f.assign(Event=-(2**31) - 1), "Event=-2147483649 in row 1"),
        (lambda f: f.assign(Run=f.Run + 0.25), r"Run=200000\.25 in row 1"),
        (lambda f: f.assign(Run=0), "Run=0 in row 1"),
        (lambda f: f.assign(Run=-1), "Run=-1 in row 1"),
        (lambda f: f.assign(Run=2**22), "Run=4194304 in row 1"),
        (lambda f: in_mev(f, f.index >= 17), "3 of 20 events, the first in row 18, .*MeV"),
        (lambda f: in_mev(f, f.index == 0), "1 of 20 events, the first in row 1, .*MeV"),
    ],
)
def test_bad_csv(write, change, message):
    path = write(change(table(random_leptons(20))))
    with pytest.raises(UserError, match=message) as error:
        read_csv(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_event_numbers_beyond_a_signed_32_bit_number(write):
    """The published files hold 2^31 and above as negative numbers, which a run number cannot be joined with."""
    true = random_leptons(4)
    true = Leptons(true.p4, true.kind, true.charge, np.array([7, 8, 8, 8]), np.array([3e9, 3e9, 5, 2**40 - 1], int))
    frame = table(true)
    frame["Event"] = np.where(frame.Event == 3_000_000_000, 3_000_000_000 - 2**32, frame.Event)
    assert (frame.Event[:2] < 0).all()
    again = read_csv(write(frame))
    assert np.array_equal(again.event, true.event)
    assert event_ids(again).tolist() == [run * 2**40 + event for run, event in zip(true.run, true.event, strict=True)]


@needs_data
def test_ids_of_the_real_files_are_run_and_event():
    leptons = concatenate([read_csv(DATA / f"preselected_data_{year}.csv") for year in (2011, 2012)])
    ids = event_ids(leptons)
    assert len(np.unique(ids)) == len(leptons) == 2724
    assert np.array_equal(ids >> 40, leptons.run)
    assert np.array_equal(ids & (2**40 - 1), leptons.event)


def test_file_that_is_no_table(tmp_path):
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "picture.csv").write_bytes(bytes(range(256)) * 10)
    for name, message in (("empty.csv", "is empty"), ("picture.csv", "picture"), ("absent.csv", "no such file")):
        with pytest.raises(UserError, match=message):
            read_csv(tmp_path / name)


def test_duplicates_are_counted_and_named(write):
    frame = table(random_leptons(20))
    path = write(pd.concat([frame, frame.iloc[[3, 7]]]))
    with pytest.raises(UserError, match="2 events occur twice, the first is Run 200000 Event 4 in row 21"):
        check_duplicates(read_csv(path), path)
    check_duplicates(random_leptons(), path)


@needs_data
def test_published_events_have_the_published_masses():
    for name in ("4mu_2012", "4e_2012", "2e2mu_2012", "4mu_2011", "4e_2011", "2e2mu_2011"):
        leptons, frame = read_csv(DATA / f"{name}.csv"), pd.read_csv(DATA / f"{name}.csv")
        np.testing.assert_allclose(leptons.m4l, frame.M, rtol=2e-4)
        assert set(leptons.channel) == {name.partition("_")[0]}
        # Theirs may pair four leptons of a kind in another way.
        same = np.abs(leptons.m_z1 - frame.mZ1) < 1e-3 * frame.mZ1
        assert same.mean() > 0.9


@needs_data
def test_counts_of_the_real_files():
    counts = {
        name: int(select(leptons := read_csv(DATA / f"{name}.csv"), np.ones(len(leptons)), cuts(leptons))[0].sum())
        for name in ("preselected_data_2012", "simulated_dy50_2012", "simulated_ttbar_2011")
    }
    assert counts == {"preselected_data_2012": 38, "simulated_dy50_2012": 0, "simulated_ttbar_2011": 13}
    final = concatenate([read_csv(DATA / f"{channel}_2012.csv") for channel in ("4mu", "4e", "2e2mu")])
    assert select(final, np.ones(len(final)), cuts(final))[0].sum() == 37


@needs_data
def test_same_event_in_two_real_files_is_found():
    twice = concatenate([read_csv(DATA / "2e2mu_2012.csv"), read_csv(DATA / "2e2mu_2012.csv")])
    with pytest.raises(UserError, match="104 events occur twice"):
        check_duplicates(twice, "2e2mu and 2mu2e")


@needs_data
def test_higgs_trees():
    leptons = read_root(DATA / "MC_Higgs_2012.root")
    assert len(leptons) == 10_900 + 6_262 + 14_728
    chosen = leptons.take(select(leptons, np.ones(len(leptons)), cuts(leptons))[0])
    assert np.median(chosen.m4l) == pytest.approx(125, abs=0.5)


def test_columns_are_those_of_the_open_files():
    if DATA.is_dir():
        for path in DATA.glob("*.csv"):
            assert set(COLUMNS) <= set(path.open().readline().strip().split(","))
    assert len(COLUMNS) == 26
