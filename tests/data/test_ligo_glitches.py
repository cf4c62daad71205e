"""Glitches: in one detector only, of the SNR asked for, simulated or cut from a file."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from autoscidact.data.ligo.glitch_families import FAMILIES, HALF, draw_glitches
from autoscidact.data.ligo.glitch_files import read_glitches
from autoscidact.data.ligo.glitches import REACH, inject_glitches
from autoscidact.data.ligo.layout import FREQUENCIES, RATE, WINDOW, NoiseWindows
from autoscidact.data.ligo.snr import whitened_snr
from autoscidact.data.ligo.truth import TRUTH_TYPE
from autoscidact.errors import UserError


def _noise(n: int) -> NoiseWindows:
    windows = np.random.default_rng(0).standard_normal((n, 2, WINDOW)).astype(np.float32)
    asd = np.full((1, 2, len(FREQUENCIES)), 1e-23)
    return NoiseWindows(windows, asd, np.zeros(n, dtype=np.int64), 1e9 + np.arange(n) * WINDOW / RATE)


def _cases(peak: int = 5000) -> NDArray[np.float32]:
    """Bursts of 150, 300 and 600 Hz of any scale, in slow drifts that the band does not hold."""
    time = (np.arange(8192) - peak) / RATE
    bursts = [scale * np.exp(-((time / 0.003) ** 2)) * np.cos(2 * np.pi * f * time) for scale, f in _CASES]
    drifts = np.array(_CASES)[:, :1] * np.exp(-(((np.arange(8192) - 4096) / RATE / 0.25) ** 2) / 2)
    return np.asarray(np.array(bursts) + drifts, dtype=np.float32)


_CASES = ((0.02, 150.0), (1.0, 300.0), (700.0, 600.0))


@pytest.mark.parametrize("real", [False, True])
def test_one_detector_has_the_glitch_and_the_other_is_as_it_was(real: bool) -> None:
    noise = _noise(300)
    events, truths = inject_glitches(noise, 1, (10.0, 30.0), _cases() if real else None)
    assert truths.dtype == TRUTH_TYPE
    hit = truths["detector"].astype(int)
    rows = np.arange(300)
    assert events[rows, 1 - hit].tobytes() == noise.windows[rows, 1 - hit].tobytes()
    added = events[rows, hit] - noise.windows[rows, hit]
    assert (np.abs(added).max(axis=1) > 0.1).all()
    # Each detector as often, to four standard deviations.
    assert abs(hit.mean() - 0.5) < 4 * 0.5 / np.sqrt(300)
    np.testing.assert_allclose(whitened_snr(added), truths["snr_window"], rtol=1e-3)
    assert (truths["snr_window"] <= truths["snr"] * 1.12).all()
    assert ((truths["snr"] >= 10) & (truths["snr"] <= 30)).all()
    np.testing.assert_array_equal(np.stack([truths["snr_h1"], truths["snr_l1"]])[hit, rows], truths["snr"])
    np.testing.assert_array_equal(np.stack([truths["snr_h1"], truths["snr_l1"]])[1 - hit, rows], 0.0)


def test_real_glitches_are_whole_with_their_peak_at_the_centre_and_either_sign() -> None:
    noise = _noise(200)
    events, truths = inject_glitches(noise, 2, (20.0, 20.0), _cases())
    added = (events - noise.windows)[np.arange(200), truths["detector"].astype(int)]
    np.testing.assert_allclose(truths["snr_window"], 20.0, rtol=0.02)
    # Half a period of the highest frequency.
    assert np.abs(np.abs(added).argmax(axis=1) - truths["centre"] * RATE).max() <= 4
    signs = np.sign(added[np.arange(200), np.rint(truths["centre"] * RATE).astype(int)])
    assert 60 < (signs > 0).sum() < 140
    spectrum = np.abs(np.fft.rfft(added, 4096))
    for case, (_, frequency) in enumerate(_CASES):
        found = spectrum[truths["case"] == case].mean(axis=0).argmax()
        assert abs(found - frequency) < 15


def test_a_peak_near_the_end_of_a_case_is_used_as_any_other() -> None:
    for peak in (200, 8191 - 200):
        _, truths = inject_glitches(_noise(20), 3, (20.0, 20.0), _cases(peak))
        np.testing.assert_allclose(truths["snr_window"], 20.0, rtol=0.05)
    assert REACH > 200


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, again, other = (inject_glitches(_noise(100), seed) for seed in (4, np.random.default_rng(4), 5))
    assert first[0].tobytes() == again[0].tobytes()
    assert first[1].tobytes() == again[1].tobytes()
    assert not np.array_equal(first[0], other[0])


def test_families_have_their_frequencies_and_durations() -> None:
    series, truths = draw_glitches(1000, np.random.default_rng(6))
    power = np.abs(np.fft.rfft(series)) ** 2
    grid = np.fft.rfftfreq(2 * HALF, 1 / RATE)
    middle = grid[(np.cumsum(power, axis=1) / power.sum(axis=1, keepdims=True) > 0.5).argmax(axis=1)]
    for number, (name, family) in enumerate(FAMILIES.items()):
        chosen = truths["family"] == number
        assert 200 < chosen.sum() < 300, name
        frequency = truths["frequency"][chosen]
        assert frequency.min() >= family.frequency.low
        assert frequency.max() <= family.frequency.high
        cycles = frequency * truths["duration"][chosen]
        assert cycles.min() >= family.cycles.low
        assert cycles.max() <= family.cycles.high
        # The least frequency of a whistle is at its centre; that of the others is not far from their median.
        ratio = np.median(middle[chosen] / frequency)
        assert (1.02 < ratio < 1.1) if name == "whistle" else (0.8 < ratio < 1.2), name
    largest = 4 / min(f.frequency.low / f.cycles.high for f in FAMILIES.values())
    assert largest <= HALF / RATE


@pytest.mark.parametrize(
    ("cases", "reason"),
    [
        (np.zeros((2, 100), dtype=np.float32), "case 0 has nothing"),
        (np.full((2, 100), np.nan, dtype=np.float32), "case 0 has nothing"),
        (np.ones(100, dtype=np.float32), "shape"),
        (np.ones((0, 100), dtype=np.float32), "shape"),
        (np.ones((1, 20000), dtype=np.float32), "shape"),
    ],
)
def test_cases_that_cannot_be_used_are_refused(cases: NDArray[np.float32], reason: str) -> None:
    with pytest.raises(UserError, match=f"glitches.*{reason}"):
        inject_glitches(_noise(2), 0, cases=cases)


def test_a_file_is_read_without_cases_that_are_too_weak_for_their_snr(tmp_path: Path) -> None:
    series = 50.0 * np.concatenate([_cases()[2:]] * 5) / 700
    snr = np.linalg.norm(series, axis=1) / 60
    series[3] /= 8
    np.savez(tmp_path / "glitches.npz", g_reconstructed=series, snr=snr, label=np.array(["Blip"] * 5))
    np.testing.assert_array_equal(read_glitches(tmp_path / "glitches.npz"), series[[0, 1, 2, 4]])
    np.savez(tmp_path / "without.npz", g_reconstructed=series)
    assert read_glitches(tmp_path / "without.npz").shape == (5, 8192)


def test_a_file_that_holds_something_else_is_refused_by_name_and_key(tmp_path: Path) -> None:
    good = np.ones((2, 50), dtype=np.float32)
    bad = {
        "other key.npz": {"h": good},
        "integers.npz": {"g_reconstructed": np.ones((2, 50), dtype=np.int64)},
        "flat.npz": {"g_reconstructed": good[0]},
        "pickled.npz": {"g_reconstructed": np.array([[{}]], dtype=object)},
        "nan.npz": {"g_reconstructed": np.where(np.eye(2, 50) > 0, np.nan, 1.0)},
        "snr.npz": {"g_reconstructed": good, "snr": np.ones(3)},
        "negative.npz": {"g_reconstructed": good, "snr": np.array([1.0, -1.0])},
    }
    for name, arrays in bad.items():
        np.savez(tmp_path / name, **arrays)  # type: ignore[arg-type]
        with pytest.raises(UserError, match=name):
            read_glitches(tmp_path / name)
    (tmp_path / "text.npz").write_text("no archive")
    np.save(tmp_path / "single.npy", good)
    for name in ("text.npz", "single.npy", "missing.npz"):
        with pytest.raises(UserError, match=name):
            read_glitches(tmp_path / name)
