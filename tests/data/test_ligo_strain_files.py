"""Strain files: what is read, what is refused, which are pairs, which seconds are good."""

import h5py
import numpy as np
import pytest
from ligo_strain_file import START, write_pair, write_strain

from autoscidact.data.ligo.known_events import EVENTS, gps_of_name
from autoscidact.data.ligo.science_time import runs, science_seconds
from autoscidact.data.ligo.strain_files import read_header, read_strain
from autoscidact.data.ligo.strain_search import find_strain
from autoscidact.errors import UserError


def test_part_of_a_file(tmp_path):
    strain = np.arange(8 * 4096, dtype=np.float64)
    path = write_strain(tmp_path, seconds=8, strain=strain, quality=np.array([127, 126, 125] + [127] * 5, np.uint32))
    part = read_strain(read_header(path), START + 1, START + 3)
    assert part.start == START + 1
    np.testing.assert_array_equal(part.strain, strain[4096 : 3 * 4096])
    np.testing.assert_array_equal(part.flags["DATA"], [False, True])
    np.testing.assert_array_equal(part.flags["CBC_CAT1"], [True, False])
    np.testing.assert_array_equal(part.flags["NO_CW_HW_INJ"], [False, False])


def _truncated(folder):
    path = write_strain(folder)
    path.write_bytes(path.read_bytes()[:-100_000])


def _without(name):
    def make(folder):
        with h5py.File(write_strain(folder), "a") as file:
            del file[name]

    return make


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_truncated, "cut short"),
        (lambda folder: (folder / "notes.hdf5").write_text("no HDF5"), "no HDF5 file"),
        (lambda folder: write_strain(folder, rate=16384), "16384 samples a second; get GWOSC's 4 kHz file"),
        (lambda folder: write_strain(folder, "V1"), "detector 'V1'; only H1 and L1"),
        (lambda folder: write_strain(folder, strain=np.zeros(5)), r"shape \(5,\)"),
        (lambda folder: write_strain(folder, quality=np.zeros(31, np.uint32)), "quality/simple/DQmask"),
        *((_without(name), f"no dataset {name}") for name in ("strain/Strain", "meta/GPSstart", "meta/Detector")),
        *((_without(name), f"no dataset {name}") for name in ("quality/simple/DQmask", "quality/simple/DQShortnames")),
        (lambda folder: None, "no strain files"),
        (lambda folder: write_strain(folder, "L1"), f"no file of H1 covers GPS {START} to {START + 32}"),
    ],
)
def test_bad_files_are_named(tmp_path, make, message):
    make(tmp_path)
    with pytest.raises(UserError, match=message) as raised:
        find_strain(tmp_path)
    assert str(tmp_path) in str(raised.value)


def test_files_that_adjoin_or_overlap_are_one(tmp_path):
    whole = {name: np.random.default_rng(k).standard_normal(24 * 4096) for k, name in enumerate(("H1", "L1"))}
    for name, pieces in (("H1", ((0, 8), (8, 24))), ("L1", ((0, 16), (10, 24)))):
        for first, last in pieces:
            piece = whole[name][first * 4096 : last * 4096]
            write_strain(tmp_path / "below", name, START + first, last - first, strain=piece)
    found = find_strain(tmp_path)
    assert found.spans == ((START, START + 24),)
    for name, strain in whole.items():
        np.testing.assert_array_equal(found.read(name, START + 2, START + 20).strain, strain[2 * 4096 : 20 * 4096])


def test_a_file_without_a_partner_is_left_out_and_named(tmp_path, capsys):
    write_pair(tmp_path)
    alone = write_strain(tmp_path, "L1", START + 100)
    assert find_strain(tmp_path).spans == ((START, START + 32),)
    assert alone.name in capsys.readouterr().out


def _good(folder, **arguments):
    found = find_strain(folder)
    (span,) = found.spans
    return science_seconds([found.read(name, *span) for name in ("H1", "L1")], **arguments)


def test_gaps_flags_injections_and_events_are_left_out(tmp_path):
    strain = np.ones(32 * 4096)
    strain[10 * 4096 + 7 : 11 * 4096 + 9] = np.nan
    quality, injections = np.full(32, 127, np.uint32), np.full(32, 23, np.uint32)
    quality[3] -= 2
    injections[29] -= 1
    write_strain(tmp_path, "H1", strain=strain, injections=injections)
    write_strain(tmp_path, "L1", quality=quality)
    assert runs(_good(tmp_path)) == [(0, 3), (4, 10), (12, 29), (30, 32)]
    assert runs(_good(tmp_path, quality=["DATA"], extra=[START + 20.5], margin=2.0)) == [
        (0, 10),
        (12, 18),
        (23, 29),
        (30, 32),
    ]
    with pytest.raises(UserError, match="quality flag CBC_CAT9: not in the files of H1; they have DATA"):
        _good(tmp_path, quality=["CBC_CAT9"])


@pytest.mark.parametrize(
    ("name", "gps"),
    [
        # GWOSC's event list.
        ("GW190425_081805", 1240215503.0),
        ("GW190521_030229", 1242442967.4),
        ("GW200105_162426", 1262276684.0),
        ("GW200115_042309", 1263097407.7),
        ("GW200322_091133", 1268903511.3),
    ],
)
def test_names_tell_when_events_were(name, gps):
    assert 0 <= gps - EVENTS[name] <= 1


def test_events_lie_in_the_observing_runs():
    assert len(EVENTS) == 95
    # GWTC-1's names have dates alone: noon of that day is at most half a day off.
    for name, gps in EVENTS.items():
        if "_" not in name:
            assert abs(gps_of_name(f"{name}_120000") - gps) <= 43202
