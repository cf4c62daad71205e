"""Injected signals are the true ones: a matched filter with independent templates finds the SNR that was asked for."""

import os
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import hilbert

from autoscidact.data.ligo.fourier import CIRCLE
from autoscidact.data.ligo.injection import inject, normalise
from autoscidact.data.ligo.layout import BAND, FFT_SECONDS, FREQUENCIES, RATE, SKY_CLASSES, WINDOW, NoiseWindows
from autoscidact.data.ligo.signals import draw_signals
from autoscidact.data.ligo.snr import network_snr, whitened_snr
from autoscidact.data.ligo.truth import TRUTH_TYPE
from autoscidact.errors import UserError

pytest.importorskip("lalsimulation")

Array = NDArray[np.float64]

FULL = os.environ.get("AUTOSCIDACT_FULL_CHECKS") == "1"
N_RECOVERED = 1000 if FULL else 96

FALSE_ALARM_SIGMAS = 4.0
"""Of each of two checks a class: 1e-3 that one of 16 fails, were the seeds not fixed."""

IN_BAND = np.abs(FREQUENCIES - (BAND[0] + BAND[1]) / 2) <= (BAND[1] - BAND[0]) / 2


BANDWIDTH = BAND[1] - BAND[0] + 4.0
"""Hz, of the noise that has standard deviation 1: edges of 4 Hz, a quarter of a cosine in amplitude, count half."""


MORE_THAN_THE_BAND = 1.12


@cache
def _turns() -> tuple[Array, NDArray[np.complex128]]:
    """Times up to 1 ms, and the factors of the frequencies in the band that move by them."""
    seconds = np.linspace(-1e-3, 1e-3, 101)
    return seconds, np.exp(2j * np.pi * seconds[:, None] * FREQUENCIES[IN_BAND])


def _noise(n: int, seed: int = 0) -> NoiseWindows:
    """White windows, and two pairs of smooth spectra, none like another."""
    f = np.maximum(FREQUENCIES, 1.0)
    asd = [1e-23 * scale * np.sqrt((low / f) ** 8 + 1 + (f / 400) ** 2) for scale, low in _SPECTRA]
    random = np.random.default_rng(seed)
    return NoiseWindows(
        windows=random.standard_normal((n, 2, WINDOW)).astype(np.float32),
        asd=np.reshape(asd, (2, 2, len(FREQUENCIES))),
        asd_index=np.arange(n) % 2,
        gps=1126259462.0 + 1000.0 * np.arange(n, dtype=np.float64),
    )


_SPECTRA = ((1.0, 40.0), (0.7, 60.0), (1.5, 30.0), (1.2, 50.0))


def _polarisations(class_name: str, truth: Any) -> Array:
    """(2, 16384) of a signal whose centre is the middle sample, by lalsimulation from what the record says.

    Amplitudes are those of the record's `distance` or `hrss`.
    """
    import lal
    import lalsimulation as sim

    ellipse = (truth["eccentricity"], truth["phase"])
    if class_name == "bbh":
        made = sim.SimInspiralChooseTDWaveform(
            *(truth[m] * lal.MSUN_SI for m in ("mass_1", "mass_2")),
            *(truth[f"spin_{k}{axis}"] for k in (1, 2) for axis in "xyz"),
            truth["distance"] * 1e6 * lal.PC_SI,
            *(truth["inclination"], truth["phase"], 0.0, 0.0, 0.0, 1 / RATE, 20.0, 20.0),
            None,
            sim.IMRPhenomPv2,
        )
    elif class_name == "white_noise_burst":
        shape = (truth[name] for name in ("duration", "frequency", "bandwidth"))
        generator = lal.gsl_rng("ranlux", int(truth["seed"]))
        made = sim.GenerateBandAndTimeLimitedWhiteNoiseBurst(*shape, *ellipse, 1.0, 1 / RATE, generator)
    elif class_name == "gaussian":
        made = sim.SimBurstGaussian(truth["duration"], 1.0, 1 / RATE)
    elif class_name == "kink_kink":
        made = sim.GenerateStringKinkKink(1.0, 1 / RATE)
    elif class_name in ("cusp", "kink"):
        make = sim.GenerateStringCusp if class_name == "cusp" else sim.GenerateStringKink
        made = make(1.0, truth["f_high"], 1 / RATE)
    else:
        made = sim.SimBurstSineGaussian(truth["quality"], truth["frequency"], 1.0, *ellipse, 1 / RATE)
    series = np.stack([one.data.data for one in made])
    centre = -round(float(made[0].epoch) * RATE)
    if class_name == "bbh":
        spectrum = np.fft.rfft(series, 16 * RATE)
        spectrum[:, np.arange(spectrum.shape[1]) < 16 * 25] = 0
        series = np.fft.irfft(spectrum)
        centre = int(np.square(np.abs(hilbert(np.gradient(series, axis=1)))).sum(axis=0).argmax())
    middle = CIRCLE // 2
    padded = np.pad(series, ((0, 0), (middle, middle)))
    return np.asarray(padded[:, centre : centre + CIRCLE])


def _template(class_name: str, truth: Any, first: float) -> NDArray[np.complex128]:
    """(2, 8193) strain per Hz that reaches H1 and L1, from what the record says; `first` is GPS of the first sample."""
    import lal

    both = np.fft.rfft(_polarisations(class_name, truth)) / RATE
    if class_name != "bbh":
        both *= truth["hrss"] / np.sqrt(2 / FFT_SECONDS * (np.abs(both[:, IN_BAND]) ** 2).sum())
    now = lal.LIGOTimeGPS(float(truth["gps"]))
    strain = np.empty_like(both)
    for k, name in enumerate(("H1", "L1")):
        detector = lal.cached_detector_by_prefix[name]
        sidereal = lal.GreenwichMeanSiderealTime(now)
        plus, cross = lal.ComputeDetAMResponse(detector.response, *(truth[n] for n in ("ra", "dec", "psi")), sidereal)
        arrival = truth["gps"] - first + lal.TimeDelayFromEarthCenter(detector.location, truth["ra"], truth["dec"], now)
        turn = np.exp(-2j * np.pi * FREQUENCIES * (arrival - FFT_SECONDS / 2))
        strain[k] = (plus * both[0] + cross * both[1]) * turn
    return strain


def _whitened(strain: NDArray[np.complex128], asd: Array) -> NDArray[np.complex128]:
    """Spectrum in units of noise of standard deviation 1 in the band."""
    return np.where(IN_BAND, strain / asd / np.sqrt(BANDWIDTH), 0)


def _product(a: NDArray[np.complex128], b: NDArray[np.complex128]) -> float:
    """4 Re integral of a* b / S, of whitened spectra."""
    return 4 * BANDWIDTH / FFT_SECONDS * float(np.vdot(a[:, IN_BAND], b[:, IN_BAND]).real)


def _in_time(template: NDArray[np.complex128], data: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """The template when it fits best, up to 1 ms from its time: peaks of envelopes are found to half a ms."""
    seconds, turns = _turns()
    fits = (turns @ (template.conj() * data).sum(axis=0)[IN_BAND]).real
    return np.asarray(template * np.exp(-2j * np.pi * FREQUENCIES * seconds[fits.argmax()]))


@pytest.mark.statistical
@pytest.mark.parametrize("class_name", SKY_CLASSES)
def test_a_matched_filter_recovers_the_snr(class_name: str) -> None:
    noise = _noise(N_RECOVERED)
    random = np.random.default_rng(1)
    quiet, recovered, injected = [], [], []
    for rows, signals, truths in draw_signals(class_name, noise, np.random.default_rng(2)):
        for signal, truth, index, gps in zip(signals, truths, noise.asd_index[rows], noise.gps[rows], strict=True):
            template = _whitened(_template(class_name, truth, gps), noise.asd[index])
            # Noise of standard deviation 1 in the band, around the same circle.
            white = random.standard_normal((2, CIRCLE)) * np.sqrt(RATE / 2 / BANDWIDTH)
            data = np.fft.rfft(signal.astype(np.float64)) / RATE
            if class_name == "bbh":
                template = _in_time(template, data)
            size = np.sqrt(_product(template, template))
            assert size == pytest.approx(truth["snr"], rel=0.01)
            quiet.append(_product(template, data) / size)
            recovered.append(quiet[-1] + _product(template, np.fft.rfft(white) / RATE) / size)
            injected.append(truth["snr"])
    ratio = np.array(quiet) / injected
    np.testing.assert_allclose(ratio, 1.0, atol=1e-3)
    assert np.mean(np.array(recovered) / injected) == pytest.approx(1.0, abs=0.05)
    # Matched filtering of white noise with a template of norm 1 is a standard normal.
    difference = np.array(recovered) - injected
    n = len(difference)
    assert abs(difference.mean()) < FALSE_ALARM_SIGMAS / np.sqrt(n) + 1e-3 * np.mean(injected)
    assert abs(difference.std() - 1) < FALSE_ALARM_SIGMAS / np.sqrt(2 * n)


@pytest.mark.parametrize("class_name", SKY_CLASSES)
def test_events_are_the_noise_and_the_part_of_the_signal_in_the_window(class_name: str) -> None:
    noise = _noise(70)
    events, truths = inject(class_name, noise, 3, (10.0, 20.0))
    assert events.dtype == np.float32
    assert truths.dtype == TRUTH_TYPE
    for rows, signals, of_signals in draw_signals(class_name, noise, np.random.default_rng(3), (10.0, 20.0)):
        np.testing.assert_array_equal(events[rows], noise.windows[rows] + signals[..., :WINDOW])
        whole = network_snr(whitened_snr(signals))
        # Beyond the band's ends there is a little more, most of it where a spectrum is still low at 26 Hz.
        assert (whole / of_signals["snr"] > 0.999).all()
        assert (whole / of_signals["snr"] < MORE_THAN_THE_BAND).all()
    added = events - noise.windows
    assert (np.abs(added).max(axis=(1, 2)) > 0.1).all()
    np.testing.assert_allclose(network_snr(whitened_snr(added)), truths["snr_window"], rtol=1e-3)
    assert (truths["snr_window"] <= truths["snr"] * MORE_THAN_THE_BAND).all()
    np.testing.assert_allclose(np.hypot(truths["snr_h1"], truths["snr_l1"]), truths["snr"], rtol=1e-9)
    assert ((truths["snr"] >= 10) & (truths["snr"] <= 20)).all()
    assert (np.abs(truths["centre"] * RATE / WINDOW - 0.5) <= 0.25).all()
    assert (np.abs(truths["delay"]) <= 0.010013).all()


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    noise = _noise(40)
    for class_name in ("bbh", "white_noise_burst"):
        first, again, other = (inject(class_name, noise, seed) for seed in (5, np.random.default_rng(5), 6))
        assert first[0].tobytes() == again[0].tobytes()
        assert first[1].tobytes() == again[1].tobytes()
        assert not np.array_equal(first[0], other[0])


def test_binaries_share_waveforms_but_nothing_else() -> None:
    _, truths = inject("bbh", _noise(130), 7, skies_a_waveform=3)
    np.testing.assert_array_equal(truths["waveform"], np.arange(130) // 3)
    assert len(np.unique(truths["mass_1"])) == 44
    for name in ("ra", "psi", "snr", "centre", "distance", "delay"):
        assert len(np.unique(truths[name])) == 130, name
    _, bursts = inject("cusp", _noise(10), 7, skies_a_waveform=3)
    np.testing.assert_array_equal(bursts["waveform"], np.arange(10))


def test_normalised_events_have_standard_deviation_1_in_each_detector() -> None:
    events = np.random.default_rng(8).normal(3.0, [[[2.0], [5.0]]], (6, 2, WINDOW)).astype(np.float32)
    made = normalise(events)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made.std(axis=-1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(made.mean(axis=-1), events.mean(axis=-1) / events.std(axis=-1), rtol=1e-4)


@pytest.mark.parametrize("snr", [(0.0, 10.0), (20.0, 10.0), (1.0, np.inf), (np.nan, 2.0)])
def test_a_bad_range_of_snr_is_refused(snr: tuple[float, float]) -> None:
    with pytest.raises(UserError, match=r"dataset.snr=\["):
        inject("cusp", _noise(2), 0, snr)


def test_fewer_than_one_sky_a_waveform_are_refused() -> None:
    with pytest.raises(UserError, match="skies_a_waveform=0"):
        inject("bbh", _noise(2), 0, skies_a_waveform=0)


def test_without_lalsuite_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "lalsimulation", None)
    with pytest.raises(UserError, match=r"autoscidact\[gw\]"):
        inject("bbh", _noise(2), 0)
