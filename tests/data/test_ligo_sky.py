"""Antenna responses, travel times and signal-to-noise ratios against closed forms."""

import numpy as np
import pytest
from numpy.typing import NDArray

from autoscidact.data.ligo.layout import FFT_SECONDS, FREQUENCIES, RATE
from autoscidact.data.ligo.sky import Skies, antenna_responses, draw_skies, travel_times
from autoscidact.data.ligo.snr import network_snr, optimal_snr, whitened_snr
from autoscidact.data.ligo.waveforms import draw_waveforms
from autoscidact.data.ligo.whitening import whitening_response

pytest.importorskip("lalsimulation")

Array = NDArray[np.float64]

N = 100
GPS: Array = 1126259462.0 + 977.0 * np.arange(N, dtype=np.float64)
C = 299792458.0

# Anderson et al., Phys. Rev. D 63 (2001) 042003, Table I, and LIGO-T980044: latitude and longitude of the vertex in
# degrees, height in m, azimuth of the arms from North over East in degrees and their tilt upwards in rad.
SITES = {
    "H1": (46 + 27 / 60 + 18.528 / 3600, -(119 + 24 / 60 + 27.5657 / 3600), 142.554, (324.0006, 234.0006)),
    "L1": (30 + 33 / 60 + 46.4196 / 3600, -(90 + 46 / 60 + 27.2654 / 3600), -6.574, (252.2835, 162.2835)),
}
TILTS = {"H1": (-6.195e-4, 1.25e-5), "L1": (-3.121e-4, -6.107e-4)}


def _site(name: str) -> tuple[Array, Array]:
    """Place of the vertex on the ellipsoid WGS 84 in m, and the detector's tensor."""
    latitude, longitude = np.radians(SITES[name][:2])
    height, azimuths = SITES[name][2:]
    equatorial, flattening = 6378137.0, 1 / 298.257223563
    eccentricity2 = flattening * (2 - flattening)
    curvature = equatorial / np.sqrt(1 - eccentricity2 * np.sin(latitude) ** 2)
    outward = np.array([np.cos(latitude), np.cos(latitude), np.sin(latitude)])
    around = np.array([np.cos(longitude), np.sin(longitude), 1.0])
    place = (np.array([curvature, curvature, (1 - eccentricity2) * curvature]) + height) * outward * around
    east = np.array([-np.sin(longitude), np.cos(longitude), 0.0])
    up = outward * around
    north = np.cross(up, east)
    arms = [
        np.cos(tilt) * (np.cos(azimuth) * north + np.sin(azimuth) * east) + np.sin(tilt) * up
        for azimuth, tilt in zip(np.radians(azimuths), TILTS[name], strict=True)
    ]
    return place, (np.outer(arms[0], arms[0]) - np.outer(arms[1], arms[1])) / 2


def _earth_fixed(skies: Skies) -> tuple[Array, Array, Array]:
    """(N, 3) directions to the sources, and West and North there, in the axes of the Earth."""
    # Mean sidereal time of 1982; UTC was 17 s behind GPS then.
    days = 2444244.5 + (GPS - 17) / 86400 - 2451545.0
    phi = skies.ra - np.radians((280.46061837 + 360.98564736629 * days) % 360)
    flat = np.zeros(N)
    to_source = np.stack([np.cos(skies.dec) * np.cos(phi), np.cos(skies.dec) * np.sin(phi), np.sin(skies.dec)], -1)
    west = np.stack([np.sin(phi), -np.cos(phi), flat], -1)
    north = np.stack([-np.sin(skies.dec) * np.cos(phi), -np.sin(skies.dec) * np.sin(phi), np.cos(skies.dec)], -1)
    return to_source, west, north


def test_antenna_responses_are_the_detector_tensors_seen_in_the_frame_of_the_wave() -> None:
    skies = draw_skies(N, np.random.default_rng(0))
    _, west, north = _earth_fixed(skies)
    cosine, sine = np.cos(skies.psi)[:, None], np.sin(skies.psi)[:, None]
    x, y = cosine * west + sine * north, cosine * north - sine * west
    found = antenna_responses(skies, GPS)
    for k, name in enumerate(SITES):
        _, tensor = _site(name)
        plus = np.einsum("ni,ij,nj->n", x, tensor, x) - np.einsum("ni,ij,nj->n", y, tensor, y)
        cross = 2 * np.einsum("ni,ij,nj->n", x, tensor, y)
        np.testing.assert_allclose(found[:, k], np.stack([plus, cross], -1), atol=1e-4)


def test_travel_times_are_those_of_light_from_the_earth_s_centre_to_the_vertices() -> None:
    skies = draw_skies(N, np.random.default_rng(1))
    to_source, _, _ = _earth_fixed(skies)
    places = np.stack([_site(name)[0] for name in SITES])
    found = travel_times(skies, GPS)
    np.testing.assert_allclose(found, -to_source @ places.T / C, atol=3e-6)
    between = np.linalg.norm(places[0] - places[1]) / C
    assert between == pytest.approx(0.0100128, abs=1e-6)
    many = draw_skies(2000, np.random.default_rng(2))
    delays = np.abs(np.diff(travel_times(many, np.full(2000, GPS[0])), axis=1))
    # Isotropic sources give delays uniform up to the longest.
    assert delays.max() <= between
    np.testing.assert_allclose(np.quantile(delays, [0.25, 0.5, 0.75]) / between, [0.25, 0.5, 0.75], atol=0.05)


def test_snr_of_a_flat_spectrum_in_white_noise_is_the_closed_form() -> None:
    strain = np.full((3, 8193), 2e-23 + 1e-23j)
    asd = np.array([1e-23, 2e-23, 4e-23])[:, None] * np.ones(8193)
    # 5881 frequencies, both ends of the band among them, a quarter Hz apart.
    expected = 2 * np.sqrt(5) * np.sqrt(5881 / 4) / np.array([1.0, 2.0, 4.0])
    np.testing.assert_allclose(optimal_snr(strain, asd), expected, rtol=1e-12)
    assert network_snr(np.array([3.0, 4.0])) == pytest.approx(5.0)


def test_snr_is_lalsimulation_s() -> None:
    import lal
    import lalsimulation

    asd = 1e-23 * np.sqrt((40 / np.maximum(FREQUENCIES, 1)) ** 8 + 1 + (FREQUENCIES / 400) ** 2)
    unit = lal.Unit("strain^2 s")
    spectrum = lal.CreateREAL8FrequencySeries("", lal.LIGOTimeGPS(0), 0.0, 1 / FFT_SECONDS, unit, len(asd))
    spectrum.data.data = asd**2
    for class_name in ("bbh", "sine_gaussian_low", "white_noise_burst", "kink"):
        spectra, _ = draw_waveforms(class_name, 2, np.random.default_rng(3))
        for strain in spectra[:, 0]:
            series = lal.CreateCOMPLEX16FrequencySeries(
                "", lal.LIGOTimeGPS(0), 0.0, 1 / FFT_SECONDS, lal.Unit("strain s"), len(strain)
            )
            series.data.data = strain
            expected = lalsimulation.MeasureSNRFD(series, spectrum, 30.0, 1500.0)
            assert optimal_snr(strain, asd) == pytest.approx(expected, rel=1e-9)


def test_snr_of_whitened_samples_is_that_of_the_spectrum() -> None:
    strain, asd = np.zeros(8193, dtype=np.complex128), np.full(8193, 3e-23)
    strain[800:4000] = 1e-23 * np.exp(0.01j * np.arange(3200))
    whitened = np.fft.irfft(strain * whitening_response(asd)) * RATE
    assert whitened_snr(whitened) == pytest.approx(float(optimal_snr(strain, asd)), rel=1e-6)
