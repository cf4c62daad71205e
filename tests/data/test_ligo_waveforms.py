"""Waveforms against closed forms and against lalsimulation in the time domain."""

import os
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import hilbert

from autoscidact.data.ligo.binaries import binary_spectra, draw_binaries
from autoscidact.data.ligo.bursts import burst_spectra, draw_bursts
from autoscidact.data.ligo.fourier import shifts, spectra_around_zero
from autoscidact.data.ligo.layout import FREQUENCIES, RATE, SKY_CLASSES
from autoscidact.data.ligo.priors import PRIORS
from autoscidact.data.ligo.truth import Truths
from autoscidact.data.ligo.waveforms import draw_waveforms
from autoscidact.errors import UserError

pytest.importorskip("lalsimulation")

FULL = os.environ.get("AUTOSCIDACT_FULL_CHECKS") == "1"
IN_BAND = (FREQUENCIES >= 30) & (FREQUENCIES <= 1500)


def _overlap(a: NDArray[Any], b: NDArray[Any]) -> complex:
    return complex(np.vdot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize("class_name", SKY_CLASSES)
def test_parameters_are_within_their_priors_and_others_are_not_given(class_name: str) -> None:
    spectra, truths = draw_waveforms(class_name, 20, np.random.default_rng(0))
    assert spectra.shape == (20, 2, 8193)
    assert np.isfinite(spectra).all()
    own = {"spin_1x": (-0.99, 0.99), "distance": (100.0, 100.0), "inclination": (0.0, np.pi)}
    ranges = own if class_name == "bbh" else {}
    ranges |= {n: (r.low, r.high) for n, r in PRIORS[class_name].items() if n in (truths.dtype.names or ())}
    for name, (low, high) in ranges.items():
        assert ((truths[name] >= low) & (truths[name] <= high)).all(), name
    assert np.isnan(truths["quality"]).all() == ("sine_gaussian" not in class_name)
    assert np.isnan(truths["mass_1"]).all() == (class_name != "bbh")
    power = np.abs(spectra[..., IN_BAND]) ** 2
    np.testing.assert_allclose(truths["hrss"] ** 2, 2 * power.sum(axis=(1, 2)) / 4, rtol=1e-9)


@pytest.mark.parametrize(("class_name", "slope"), [("cusp", -4 / 3), ("kink", -5 / 3), ("kink_kink", -2.0)])
def test_bursts_of_cosmic_strings_fall_with_the_power_of_frequency_that_is_theirs(
    class_name: str, slope: float
) -> None:
    spectra, truths = draw_waveforms(class_name, 5, np.random.default_rng(1))
    for (plus, cross), f_high in zip(spectra, truths["f_high"], strict=True):
        below = IN_BAND & (np.isnan(f_high) | np.less(FREQUENCIES, f_high))
        fitted = np.polyfit(np.log(FREQUENCIES[below]), np.log(np.abs(plus[below])), 1)[0]
        assert fitted == pytest.approx(slope, abs=1e-9)
        assert not cross.any()


@pytest.mark.parametrize("class_name", ["cusp", "kink", "kink_kink"])
def test_bursts_of_cosmic_strings_are_lalsimulation_s(class_name: str) -> None:
    import lalsimulation

    spectra, truths = draw_waveforms(class_name, 3, np.random.default_rng(2))
    for strain, f_high in zip(spectra[:, 0], truths["f_high"], strict=True):
        if class_name == "kink_kink":
            made, _ = lalsimulation.GenerateStringKinkKink(1e-21, 1 / RATE)
        else:
            make = lalsimulation.GenerateStringCusp if class_name == "cusp" else lalsimulation.GenerateStringKink
            made, _ = make(1e-21, f_high, 1 / RATE)
        series = np.roll(made.data.data, round(float(made.epoch) * RATE))
        spectrum = np.fft.rfft(series) / RATE
        grid = np.arange(len(spectrum)) * RATE / len(series)
        expected = np.interp(FREQUENCIES[IN_BAND], grid, spectrum.real)
        # lalsimulation takes away some of the lowest frequencies, 0.4 % of the amplitude at 30 Hz.
        np.testing.assert_allclose(strain[IN_BAND], expected, rtol=6e-3, atol=3e-6 * np.abs(expected).max())


@pytest.mark.parametrize("class_name", ["sine_gaussian_low", "sine_gaussian_high"])
def test_sine_gaussians_have_their_frequency_and_quality(class_name: str) -> None:
    spectra, truths = draw_waveforms(class_name, 20, np.random.default_rng(3))
    power = (np.abs(spectra) ** 2).sum(axis=1)
    total = power.sum(axis=1)
    mean = power @ FREQUENCIES / total
    width = np.sqrt(power @ FREQUENCIES**2 / total - mean**2)
    np.testing.assert_allclose(mean, truths["frequency"], rtol=1e-3)
    # exp(-t^2 / 2 tau^2), tau = Q / (2 pi f), has power of standard deviation f / Q / sqrt(2).
    np.testing.assert_allclose(width, truths["frequency"] / truths["quality"] / np.sqrt(2), rtol=2e-2)
    # Circular to linear: the minor axis of the ellipse is sqrt(1 - e^2) of the major.
    plus, cross = np.moveaxis(spectra, 1, 0)
    share = 2 * np.abs((plus * cross.conj()).imag.sum(axis=1)) / total
    axes = np.sqrt(1 - truths["eccentricity"] ** 2)
    np.testing.assert_allclose(share, 2 * axes / (1 + axes**2), atol=1e-3)


def test_gaussians_are_the_closed_form() -> None:
    spectra, truths = draw_waveforms("gaussian", 20, np.random.default_rng(4))
    for (plus, cross), sigma in zip(spectra, truths["duration"], strict=True):
        # hrss^2 is the integral of h^2, sqrt(pi) sigma times the largest squared.
        expected = 1e-21 / np.sqrt(np.sqrt(np.pi) * sigma) * sigma * np.sqrt(2 * np.pi)
        expected = expected * np.exp(-((2 * np.pi * FREQUENCIES * sigma) ** 2) / 2)
        # Of the shortest a sixth is above the Nyquist frequency, and folds back.
        folded = expected[IN_BAND] + np.interp(RATE - FREQUENCIES[IN_BAND], FREQUENCIES, expected, right=0.0)
        tolerance = 0.2 if sigma < 2.5e-4 else 1e-6
        np.testing.assert_allclose(plus[IN_BAND], folded, atol=tolerance * expected[0])
        assert not cross.any()


def test_binaries_are_lalsimulation_s_in_the_time_domain_with_the_peak_at_time_0() -> None:
    import lal
    import lalsimulation

    truths = draw_binaries(6, np.random.default_rng(5))
    spectra = binary_spectra(truths)
    for both, truth in zip(spectra, truths, strict=True):
        made = lalsimulation.SimInspiralChooseTDWaveform(
            *(truth[m] * lal.MSUN_SI for m in ("mass_1", "mass_2")),
            *(truth[f"spin_{k}{axis}"] for k in (1, 2) for axis in "xyz"),
            100e6 * lal.PC_SI,
            *(truth["inclination"], truth["phase"], 0.0, 0.0, 0.0, 1 / RATE, 20.0, 20.0),
            None,
            lalsimulation.IMRPhenomPv2,
        )
        length = 16 * RATE
        series = np.stack([np.pad(one.data.data, (0, length - one.data.length)) for one in made])
        expected = np.fft.rfft(series)[:, ::4][:, : len(FREQUENCIES)] / RATE
        delay = float(made[0].epoch)
        expected = expected * shifts(np.array(delay))
        product = np.where(IN_BAND, both.conj() * expected, 0).sum(axis=0)
        # The merger is where the envelope is largest: here only that all is moved by one time, less than 30 ms.
        lags = np.fft.ifft(product, 16 * RATE).real
        lag = (lags.argmax() + 8 * RATE) % (16 * RATE) - 8 * RATE
        seconds = lag * 4 / (16 * RATE)
        assert abs(seconds) < 0.03
        assert _overlap(both[:, IN_BAND], (expected * shifts(np.array(-seconds)))[:, IN_BAND]).real > 0.999
        ratio = np.linalg.norm(both[:, IN_BAND]) / np.linalg.norm(expected[:, IN_BAND])
        assert ratio == pytest.approx(1.0, abs=2e-3)
        envelope = np.square(np.abs(hilbert(np.gradient(np.fft.irfft(both), axis=1)))).sum(axis=0)
        assert (envelope.argmax() + 2) % (4 * RATE) <= 4


def test_binaries_end_soon_after_their_peak() -> None:
    spectra, _ = draw_waveforms("bbh", 30, np.random.default_rng(6))
    power = np.square(np.fft.irfft(spectra * IN_BAND)).sum(axis=1)
    # The second that begins 0.2 s later has only what a sharp cut at 30 Hz leaves; the one before it is most of all.
    assert (power[:, RATE // 5 : 6 * RATE // 5].sum(axis=1) / power.sum(axis=1)).max() < 0.02
    assert (power[:, -RATE:].sum(axis=1) / power.sum(axis=1)).min() > 0.3


@pytest.mark.statistical
def test_white_noise_bursts_stay_in_their_band_and_duration() -> None:
    n = 800 if FULL else 200
    for frequency, bandwidth, duration in ((700.0, 300.0, 0.02), (600.0, 200.0, 0.005)):
        truths = _same_bursts(n, frequency, bandwidth, duration)
        spectra = burst_spectra("white_noise_burst", truths)
        power = (np.abs(spectra) ** 2).sum(axis=(0, 1))
        centre = power @ FREQUENCIES / power.sum()
        width = np.sqrt(power @ FREQUENCIES**2 / power.sum() - centre**2)
        series = np.roll(np.fft.irfft(spectra), 2 * RATE, axis=-1)
        in_time = np.square(series).sum(axis=(0, 1))
        time = np.arange(4 * RATE) / RATE - 2
        length = np.sqrt(in_time @ time**2 / in_time.sum())
        # Amplitudes have half of the parameter as standard deviation, power 1/sqrt(2) of that.
        relative = 4 / np.sqrt(n * duration * bandwidth)
        assert centre == pytest.approx(frequency, abs=relative * bandwidth)
        assert width == pytest.approx(bandwidth / np.sqrt(8), rel=relative)
        assert length == pytest.approx(duration / np.sqrt(8), rel=relative)
        inside = np.abs(FREQUENCIES - frequency) < bandwidth
        assert power[inside].sum() / power.sum() > 0.98


def test_white_noise_bursts_have_their_bandwidth_in_the_band_and_enough_of_it() -> None:
    truths = draw_bursts("white_noise_burst", 5000, np.random.default_rng(7))
    half = truths["bandwidth"] / 2
    assert (truths["frequency"] - half >= 30).all()
    assert (truths["frequency"] + half <= 1500).all()
    assert (truths["bandwidth"] * truths["duration"] >= 1 - 1e-12).all()


def test_a_burst_is_made_again_from_its_record() -> None:
    for class_name in ("white_noise_burst", "sine_gaussian_high"):
        spectra, truths = draw_waveforms(class_name, 3, np.random.default_rng(8))
        np.testing.assert_array_equal(burst_spectra(class_name, truths), spectra)


def test_shifts_move_a_series_along_the_circle() -> None:
    series = np.random.default_rng(9).standard_normal((2, 301))
    spectra = spectra_around_zero(series, 100)
    moved = np.fft.irfft(spectra * shifts(np.array([350.0, 100.0]) / RATE)[:, :]) * RATE
    np.testing.assert_allclose(moved[0, 250:551], series[0], atol=1e-10)
    np.testing.assert_allclose(moved[1, :301], series[1], atol=1e-10)
    exact = np.exp(-2j * np.pi * FREQUENCIES * 0.0123)
    np.testing.assert_allclose(shifts(np.array(0.0123)), exact, atol=1e-11)


def test_an_unknown_class_is_refused_by_name() -> None:
    with pytest.raises(UserError, match=r"'glitch'.*choose from bbh"):
        draw_waveforms("glitch", 1, np.random.default_rng(0))


def _same_bursts(n: int, frequency: float, bandwidth: float, duration: float) -> Truths:
    truths = draw_bursts("white_noise_burst", n, np.random.default_rng(10))
    truths["frequency"], truths["bandwidth"], truths["duration"] = frequency, bandwidth, duration
    return truths
