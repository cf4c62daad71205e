"""Whitening: closed forms, lalsimulation's noise, and the real strain around four events."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
from ligo_strain_file import START, write_pair, write_strain

from autoscidact.data.ligo.event_strain import event_strain
from autoscidact.data.ligo.known_events import EVENTS
from autoscidact.data.ligo.layout import FREQUENCIES, RATE
from autoscidact.data.ligo.noise_windows import simulated_noise
from autoscidact.data.ligo.real_noise import real_noise
from autoscidact.data.ligo.spectrum_estimate import estimated_asd, median_bias, periodograms
from autoscidact.data.ligo.whitening import band_pass, filtered_asd, whiten, whitening_response
from autoscidact.errors import UserError
from autoscidact.report import strain_event

DATA = Path(os.environ.get("AUTOSCIDACT_TEST_DATA", Path(__file__).parents[2] / "../shared/data")).resolve() / "ligo"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real strain in {DATA} (AUTOSCIDACT_TEST_DATA)")

IN_BAND = (FREQUENCIES >= 30) & (FREQUENCIES <= 1500)
FLAT = 1 / np.mean(band_pass()[1:] ** 2) * 2 / RATE
"""One-sided density of noise of variance 1 in the band."""


@pytest.fixture(scope="module")
def lal_asd():
    pytest.importorskip("lalsimulation")
    from autoscidact.data.ligo.psd import simulated_asd

    return simulated_asd()


@pytest.fixture(scope="module")
def lal_noise(lal_asd):
    """256 s of lalsimulation's coloured noise of both detectors, joined as its own generator joins segments."""
    import lal
    import lalsimulation

    # Twice as fine: the generator's series are periodic.
    length, stride = 16 * RATE, 8 * RATE
    psd = lal.CreateREAL8FrequencySeries("", lal.LIGOTimeGPS(0), 0, 1 / 16, lal.StrainUnit, length // 2 + 1)
    lalsimulation.SimNoisePSDaLIGOO3LowT1800545(psd, 15.0)
    values = psd.data.data
    values[:] = np.where(values > 0, values, 0)
    found = []
    for seed in (1, 2):
        series = lal.CreateREAL8TimeSeries("", lal.LIGOTimeGPS(0), 0, 1 / RATE, lal.StrainUnit, length)
        random = lal.gsl_rng("ranlux", seed)
        lalsimulation.SimNoise(series, 0, psd, random)
        parts = []
        for _ in range(32):
            lalsimulation.SimNoise(series, stride, psd, random)
            parts.append(series.data.data[:stride].copy())
        found.append(np.concatenate(parts))
    return np.stack(found)


def _bands(series, width=32):
    """Density of whitened series relative to the flat one, in bands of `width` Hz from 32 to 1472 Hz."""
    _, density = scipy.signal.welch(series, RATE, nperseg=RATE, axis=-1)
    return density[..., 32 : 32 + (1472 - 32) // width * width].reshape(*density.shape[:-1], -1, width) / FLAT


def test_a_median_of_segments_is_unbiased():
    assert median_bias(1) == 1
    assert median_bias(3) == pytest.approx(1 - 1 / 2 + 1 / 3)
    assert median_bias(100_001) == pytest.approx(np.log(2), rel=1e-4)


def test_one_periodogram_is_scipys():
    noise = np.random.default_rng(0).standard_normal(6 * RATE)
    expected = scipy.signal.welch(noise, RATE, nperseg=2 * RATE, noverlap=RATE)[1]
    ours = periodograms(noise, np.arange(5), 2)
    np.testing.assert_allclose(ours.mean(axis=0)[1:-1], expected[1:-1], rtol=1e-9)


@pytest.mark.parametrize(("m", "seconds"), [(9, 2), (15, 2), (63, 4)])
def test_noise_whitened_by_an_estimate_from_few_segments_has_power_one(m, seconds):
    random = np.random.default_rng(m)
    powers = []
    for _ in range(8 if m < 20 else 1):
        noise = random.standard_normal((2, (m + 1) * seconds * RATE // 2)) * np.sqrt(RATE / 2)
        asd = estimated_asd(periodograms(noise, np.arange(m) * seconds // 2, seconds))
        powers.append(np.mean(1 / asd[:, IN_BAND] ** 2))
    assert np.mean(powers) == pytest.approx(1, abs=0.02)


def test_what_a_line_has_is_kept_sharp():
    t = np.arange(64 * RATE) / RATE
    noise = np.random.default_rng(5).standard_normal(len(t)) + 10 * np.sin(2 * np.pi * 500 * t)
    asd = estimated_asd(periodograms(noise, np.arange(0, 61, 2), 4)) / np.sqrt(2 / RATE)
    # A Hann window spreads a line over 1.5 bins: its power A^2/2 makes a density of A^2/2 / 1.5 * 4 there. It is the
    # same in each segment, where a median of noise would be too low: the correction makes lines 1.2 times too high.
    too_high = 1 / np.sqrt(median_bias(31) * (1 - 1 / (0.49 * 31)))
    assert asd[2000] == pytest.approx(np.sqrt(50 / 1.5 * 4 * RATE / 2) * too_high, rel=0.02)
    assert np.abs(asd[(FREQUENCIES > 490) & (FREQUENCIES < 498)] - 1).max() < 0.2


def test_the_filter_does_what_its_spectrum_says():
    random = np.random.default_rng(1)
    asd = np.exp(random.normal(0, 0.5, 8193)) * 1e-23 * (1 + (60 / np.maximum(FREQUENCIES, 1)) ** 4)
    impulse = np.zeros(8 * RATE)
    impulse[4 * RATE] = 1.0
    answer = whiten(impulse, asd)
    assert len(answer) == 4 * RATE
    # Centred at 2 s in 4 s, as a circle.
    spectrum = np.fft.rfft(np.roll(answer, -2 * RATE))
    np.testing.assert_allclose(spectrum.imag, 0, atol=1e-9 * np.abs(spectrum).max())
    response = whitening_response(filtered_asd(asd))
    inside = band_pass() > 0
    np.testing.assert_allclose(spectrum.real[inside], response[inside], rtol=1e-7)
    assert np.isinf(filtered_asd(asd)[~inside]).all()


def test_lal_noise_through_the_whitening_agrees_with_simulated_windows(lal_asd, lal_noise):
    theirs = whiten(lal_noise, lal_asd)
    ours = simulated_noise(5000, 3)
    # Windows leave out 96 samples of a second: as a series they have jumps, so spectra come from windows themselves.
    cut = theirs[:, : 250 * RATE].reshape(2, 250, RATE)[..., :4000].reshape(2, -1, 200).transpose(1, 0, 2)
    assert theirs.std() == pytest.approx(1, abs=0.005)
    assert ours.windows.std() == pytest.approx(1, abs=0.005)
    spectra = [np.mean(np.abs(np.fft.rfft(w * np.hanning(200))) ** 2, axis=(0, 1)) for w in (cut, ours.windows)]
    np.testing.assert_allclose(spectra[0][:75], spectra[1][:75], rtol=0.05)
    np.testing.assert_allclose(_bands(theirs).mean(axis=-1), 1, atol=0.05)


def test_simulated_windows_are_fast_and_the_same_for_a_seed(lal_asd):
    start = time.perf_counter()
    noise = simulated_noise(20_000, 4)
    assert time.perf_counter() - start < 3
    np.testing.assert_array_equal(noise.windows, simulated_noise(20_000, np.random.SeedSequence(4)).windows)
    assert not np.array_equal(noise.windows, simulated_noise(20_000, 5).windows)
    assert np.isfinite(whitening_response(noise.asd)).all()
    assert abs(np.corrcoef(noise.windows[:, 0].ravel(), noise.windows[:, 1].ravel())[0, 1]) < 0.003


def test_windows_are_the_whitened_strain_of_their_time(tmp_path, lal_noise):
    write_pair(tmp_path, seconds=32, strain=lal_noise[0, : 32 * RATE])
    noise = real_noise(tmp_path)
    np.testing.assert_array_equal(noise.windows[:, 0], noise.windows[:, 1])
    assert len(noise) == 28 * 20
    assert len(np.unique(noise.gps)) == len(noise)
    second, place = np.divmod(noise.gps, 1)
    assert second.min() == START + 2
    assert second.max() == START + 29
    assert place.max() <= 1 - 200 / RATE
    # The spectra that come with the windows whiten a signal as the strain was whitened: 4 s around one window.
    k = 300
    first = round((noise.gps[k] - START) * RATE) - 2 * RATE + 100
    around = lal_noise[0, first : first + 4 * RATE] * scipy.signal.windows.tukey(4 * RATE, 0.5)
    again = np.fft.irfft(np.fft.rfft(around) * whitening_response(noise.asd[noise.asd_index[k], 0]))
    assert np.corrcoef(again[2 * RATE - 100 : 2 * RATE + 100], noise.windows[k, 0])[0, 1] > 0.999


def test_spectra_never_contain_what_they_whiten(tmp_path):
    strain = 1e-23 * np.random.default_rng(2).standard_normal(32 * RATE)
    write_pair(tmp_path / "plain", strain=strain)
    louder = strain.copy()
    second = 14
    louder[second * RATE : (second + 1) * RATE] *= 30
    write_pair(tmp_path / "loud", strain=louder)
    plain, loud = real_noise(tmp_path / "plain"), real_noise(tmp_path / "loud")
    inside = np.flatnonzero(np.floor(plain.gps) == START + second)
    (block,) = np.unique(plain.asd_index[inside])
    np.testing.assert_array_equal(loud.asd[block], plain.asd[block])
    assert not np.array_equal(loud.asd[block - 1], plain.asd[block - 1])


def test_nothing_near_a_gap_or_a_bad_second(tmp_path):
    strain = 1e-23 * np.random.default_rng(6).standard_normal(96 * RATE)
    strain[40 * RATE : 41 * RATE] = np.nan
    quality = np.full(96, 127, np.uint32)
    quality[70] = 0
    write_strain(tmp_path, "H1", seconds=96, strain=strain)
    write_strain(tmp_path, "L1", seconds=96, quality=quality)
    noise = real_noise(tmp_path)
    assert np.isfinite(noise.windows).all()
    kept = np.unique(np.floor(noise.gps)).astype(int) - START
    assert kept.tolist() == [*range(2, 38), *range(43, 68), *range(73, 94)]


def test_long_files_come_in_pieces_without_a_seam(tmp_path):
    for k in range(2):
        write_pair(tmp_path, START + 600 * k, 600)
    noise = real_noise(tmp_path)
    seconds = np.unique(np.floor(noise.gps)).astype(int) - START
    assert seconds.tolist() == list(range(2, 1198))
    assert noise.windows.std() == pytest.approx(1, abs=0.01)


def test_too_little_strain_says_how_much_it_takes(tmp_path):
    write_pair(tmp_path, seconds=12)
    with pytest.raises(UserError, match=r"at most 12 s of good strain.*at least 16 s are needed"):
        real_noise(tmp_path)


@pytest.fixture(scope="module")
def real():
    if not DATA.is_dir():
        pytest.skip(f"no real strain in {DATA} (AUTOSCIDACT_TEST_DATA)")
    return real_noise(DATA)


def test_real_events_are_not_in_the_background(real):
    for name in ("GW150914", "GW151012", "GW151226", "GW170104"):
        assert np.abs(real.gps - EVENTS[name]).min() > 4
    assert len(real) == 20 * 60


def test_real_noise_has_standard_deviation_one(real):
    np.testing.assert_allclose(real.windows.std(axis=(0, 2)), 1, atol=0.03)


def test_real_noise_is_flat_away_from_lines(real):
    # 4000 samples of a second follow one another. A line is what stands out of 16 Hz around by 1.3 in amplitude, in the
    # spectrum that the strain was whitened by; 2.5 Hz on either side go with it, a tenth of the band.
    series = real.windows.reshape(-1, 20, 2, 200).transpose(2, 0, 1, 3).reshape(2, -1, 4000)
    frequencies, density = scipy.signal.periodogram(series, RATE, axis=-1)
    density = density.mean(axis=1) / FLAT
    own = np.exp(np.mean(np.log(real.asd), axis=0))
    for of_detector, asd in zip(density, own, strict=True):
        around = scipy.ndimage.median_filter(asd[IN_BAND], 65)
        lines = FREQUENCIES[IN_BAND][asd[IN_BAND] > 1.3 * around]
        near = np.abs(frequencies[:, None] - lines).min(axis=1) < 2.5
        levels = []
        for low in range(30, 1500, 32):
            inside = (frequencies >= low) & (frequencies < min(low + 32, 1500)) & ~near
            if inside.sum() >= 8:
                levels.append(of_detector[inside].mean())
        assert len(levels) >= 40
        # White noise of as many seconds scatters by 0.022 in this way.
        np.testing.assert_allclose(levels, 1, atol=0.1)
        assert np.std(levels) < 0.035


@needs_data
def test_gw150914_comes_to_livingston_first_and_upside_down_to_hanford():
    """Published: 6.9 +0.5 -0.4 ms (Phys. Rev. Lett. 116 (2016) 061102), strongest 0.42 s after GPS 1126259462."""
    event = event_strain(DATA, EVENTS["GW150914"], half=1.0)
    # The wave sweeps from 35 to 250 Hz.
    chirp = scipy.signal.sosfiltfilt(scipy.signal.butter(4, (35, 350), "bandpass", fs=RATE, output="sos"), event.strain)
    peaks = event.gps + event.time[np.abs(chirp).argmax(axis=1)]
    np.testing.assert_allclose(peaks - 1126259462, [0.423, 0.416], atol=0.01)
    assert (np.abs(chirp).max(axis=1) > 5.5 * chirp[:, np.abs(event.time) > 0.3].std(axis=1)).all()
    merger = np.flatnonzero((event.time > -0.1) & (event.time < 0.06))
    lags = np.arange(-50, 51)
    correlation = np.array([np.corrcoef(chirp[0, merger], chirp[1, merger - lag])[0, 1] for lag in lags])
    best = correlation.argmin()
    assert correlation[best] < -0.7
    assert correlation[best] < -correlation.max()
    assert 6.5 <= lags[best] / RATE * 1000 <= 7.4


@needs_data
def test_a_time_without_files_is_refused():
    with pytest.raises(UserError, match="no files of both detectors"):
        event_strain(DATA, 1126259447.0)


def test_the_figure_moves_livingston_onto_hanford(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(strain_event, "save", lambda figure, path: figures.append(figure))
    time = np.arange(-RATE, RATE) / RATE
    wave = 5 * np.sin(2 * np.pi * 100 * time) * np.exp(-((time / 0.02) ** 2))
    strain = np.stack([wave, -np.roll(wave, -28)])
    strain_event.draw_event(
        tmp_path / "wave.png", time, strain, shown=(-0.1, 0.1), delay=28 / RATE, inverted=True, title="a wave at 0"
    )
    h1, l1 = (line.get_xydata() for line in figures[0].axes[2].lines)
    np.testing.assert_allclose(
        np.interp(h1[RATE - 300 : RATE + 300, 0], *l1.T), h1[RATE - 300 : RATE + 300, 1], atol=1e-6
    )
