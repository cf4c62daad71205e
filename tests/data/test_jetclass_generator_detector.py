"""The detector of generated jets: tracks against stepped trajectories, towers and their energies against loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscidact.data.jetclass import tracks
from autoscidact.data.jetclass.calorimeter import ECAL, HCAL, energy_flow, log_normal, towers
from autoscidact.data.jetclass.detector import measure
from autoscidact.data.jetclass.track_response import CHARGED_HADRON, ELECTRON, MUON, NEUTRAL_HADRON, PHOTON

CURVATURE = 2.99792458e-4 * tracks.FIELD


def stepped(p4, vertex, charge, lengths):
    """Points of a trajectory at transverse path lengths (mm), by the Lorentz force's closed solution."""
    pt = np.hypot(p4[0], p4[1])
    start = np.arctan2(p4[1], p4[0])
    phi = start - charge * CURVATURE / pt * lengths
    radius = pt / (charge * CURVATURE)
    x = vertex[0] - radius * (np.sin(phi) - np.sin(start))
    y = vertex[1] + radius * (np.cos(phi) - np.cos(start))
    return x, y, vertex[2] + lengths * p4[2] / pt, phi


def random_tracks(n, seed=0):
    random = np.random.default_rng(seed)
    pt, eta, phi = random.uniform(0.5, 20, n), random.uniform(-2.4, 2.4, n), random.uniform(-np.pi, np.pi, n)
    p3 = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], -1)
    p4 = np.concatenate([p3, np.linalg.norm(p3, axis=1)[:, None]], axis=1)
    return p4, random.normal(0, 5, (n, 3)), random.choice([-1, 1], n)


def test_impact_parameters_are_those_of_the_stepped_trajectory():
    p4, vertex, charge = random_tracks(20)
    d0, dz = tracks.impact_parameters(p4, vertex, charge)
    for i in range(len(p4)):
        lengths = np.linspace(-60, 60, 600_001)
        x, y, z, phi = stepped(p4[i], vertex[i], charge[i], lengths)
        nearest = np.hypot(x, y).argmin()
        assert abs(d0[i]) == pytest.approx(np.hypot(x, y)[nearest], abs=1e-4)
        sign = x[nearest] * np.sin(phi[nearest]) - y[nearest] * np.cos(phi[nearest])
        assert d0[i] == pytest.approx(sign, abs=1e-4)
        assert dz[i] == pytest.approx(z[nearest], abs=1e-3 * abs(np.sinh(3)))


def test_a_stiff_track_is_a_straight_line():
    p4, vertex, charge = random_tracks(50)
    p4 = 1e7 * p4
    d0, dz = tracks.impact_parameters(p4, vertex, charge)
    pt = np.hypot(p4[:, 0], p4[:, 1])
    np.testing.assert_allclose(d0, (vertex[:, 0] * p4[:, 1] - vertex[:, 1] * p4[:, 0]) / pt, atol=1e-5)
    along = (vertex[:, 0] * p4[:, 0] + vertex[:, 1] * p4[:, 1]) / pt
    np.testing.assert_allclose(dz, vertex[:, 2] - along * p4[:, 2] / pt, atol=1e-4)


@given(st.floats(-30, 30), st.floats(-np.pi, np.pi))
def test_impact_parameters_belong_to_the_track_not_to_a_point_of_it(length, angle):
    p4, vertex, charge = random_tracks(5)
    expected = tracks.impact_parameters(p4, vertex, charge)
    pt = np.hypot(p4[:, 0], p4[:, 1])
    x, y, z, phi = np.array([stepped(*t, length) for t in zip(p4, vertex, charge, strict=True)]).T
    turned = np.stack([x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle), z], -1)
    moved = np.stack([pt * np.cos(phi + angle), pt * np.sin(phi + angle), p4[:, 2], p4[:, 3]], -1)
    np.testing.assert_allclose(tracks.impact_parameters(moved, turned, charge), expected, atol=1e-8)


def test_particles_reach_the_calorimeter_where_their_trajectory_leaves_the_tracker():
    p4, _, charge = random_tracks(30, seed=1)
    charge[:10] = 0
    eta, phi = tracks.calorimeter_positions(p4, charge)
    np.testing.assert_allclose(eta[:10], np.arcsinh(p4[:10, 2] / np.hypot(p4[:10, 0], p4[:10, 1])))
    np.testing.assert_allclose(phi[:10], np.arctan2(p4[:10, 1], p4[:10, 0]))
    for i in range(10, 30):
        x, y, z, _ = stepped(p4[i], np.zeros(3), charge[i], np.linspace(0, 50_000, 1_000_001))
        r = np.hypot(x, y)
        out = np.flatnonzero((r > tracks.RADIUS) | (np.abs(z) > tracks.HALF_LENGTH))[0]
        assert eta[i] == pytest.approx(np.arcsinh(z[out] / r[out]), abs=2e-3)
        assert np.cos(phi[i] - np.arctan2(y[out], x[out])) == pytest.approx(1, abs=1e-5)


def test_resolution_of_impact_parameters_is_the_published_one():
    # Entries of the card of JetClass, in mm; the fit is stated to be within 17 %.
    pt, eta = np.array([0.55, 4.06, 30.0, 1.49]), np.array([0.5, -0.5, 0.5, 2.0])
    assert tracks.resolution(pt, eta, tracks.D0_RESOLUTION) == pytest.approx([0.1434, 0.0324, 0.0130, 0.1009], rel=0.17)
    assert tracks.resolution(pt, eta, tracks.DZ_RESOLUTION) == pytest.approx([0.1936, 0.0516, 0.0316, 0.4366], rel=0.17)


@pytest.mark.statistical
def test_log_normal_has_its_mean_and_width():
    # 200000 draws: the mean is known to 0.07 % of itself, the width to about 0.5 %; five of these errors.
    drawn = log_normal(np.full(200_000, 10.0), np.full(200_000, 3.0), np.random.default_rng(0))
    assert drawn.min() > 0
    assert drawn.mean() == pytest.approx(10, rel=0.0035)
    assert drawn.std() == pytest.approx(3, rel=0.025)


@pytest.mark.parametrize("calorimeter", [ECAL, HCAL])
def test_particles_share_a_tower_when_its_edges_say_so(calorimeter):
    random = np.random.default_rng(0)
    n = 400
    event, eta, phi = random.integers(0, 2, n), random.uniform(-2.99, 2.99, n), random.uniform(-np.pi, np.pi, n)
    eta[200:], phi[200:], event[200:] = eta[:200] + 1e-3, phi[:200] + 1e-3, event[:200]
    phi = np.mod(phi + np.pi, 2 * np.pi) - np.pi

    def place(i):
        ring = max(k for k, edge in enumerate(calorimeter.eta_edges) if edge <= abs(eta[i]))
        n_phi = calorimeter.n_phi if calorimeter.eta_edges[ring] < calorimeter.coarse_from else calorimeter.n_phi // 2
        return event[i], ring, eta[i] < 0, int((phi[i] + np.pi) / (2 * np.pi / n_phi))

    found = towers(calorimeter, event, eta, phi, random)
    places = [place(i) for i in range(n)]
    for i in range(n):
        for j in range(i):
            assert (found.of[i] == found.of[j]) == (places[i] == places[j])
    again = towers(calorimeter, found.event, found.eta, found.phi, random)
    assert np.array_equal(again.of, np.arange(len(found.event)))


def test_tower_resolutions_are_cms():
    # Numbers worked by hand from the card's formulas.
    at = np.array([0.0])
    assert ECAL.resolution(at, np.array([100.0])) == pytest.approx(np.sqrt(0.64 + 1.21 + 0.16))
    assert HCAL.resolution(at, np.array([100.0])) == pytest.approx(np.sqrt(25 + 225))


def test_energy_beyond_the_tracks_is_a_neutral_particle_and_else_the_tracks_take_the_average():
    n = 4000
    eta, deposited = np.zeros(n), np.full(n, 40.0)
    drawn = log_normal(deposited, HCAL.resolution(eta, deposited), np.random.default_rng(5))
    sigma = np.sqrt((0.05 * drawn) ** 2 + 1.5**2 * drawn)
    for track, error in ((0.0, 0.0), (20.0, 2.0), (38.0, 10.0)):
        tracked, errors = np.full(n, track), np.full(n, error)
        neutral, factor = energy_flow(HCAL, eta, deposited, tracked, errors, np.random.default_rng(5))
        for i in range(n):
            excess = drawn[i] - track
            if excess >= 1 and excess >= np.hypot(error, sigma[i]):
                assert neutral[i] == pytest.approx(excess)
                assert factor[i] == 1
            else:
                assert neutral[i] == 0
                if track > 0 and drawn[i] >= 1 and drawn[i] >= sigma[i]:
                    mean = (track / error**2 + drawn[i] / sigma[i] ** 2) / (1 / error**2 + 1 / sigma[i] ** 2)
                    assert factor[i] == pytest.approx(mean / track)


def single_particles(identity, n=20_000, pt=20.0, eta=0.3):
    """One particle a collision, from 0."""
    phi = np.random.default_rng(3).uniform(-np.pi, np.pi, n)
    p4 = np.stack(
        [pt * np.cos(phi), pt * np.sin(phi), np.full(n, pt * np.sinh(eta)), np.full(n, pt * np.cosh(eta))], -1
    )
    return measure(np.arange(n), p4, np.zeros((n, 3)), np.full(n, identity), np.random.default_rng(4))


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("identity", "kind", "efficiency", "width"), [(13, MUON, 0.99, 0.0102), (-13, MUON, 0.99, 0.0102)]
)
def test_muons_are_found_and_measured_as_stated(identity, kind, efficiency, width):
    # 20000 muons: the share found to 0.0007, the width to 0.5 %; five of these errors.
    found = single_particles(identity)
    assert np.all(found.kind == kind)
    assert np.all(found.charge == -np.sign(identity))
    assert len(found.event) / 20_000 == pytest.approx(efficiency, abs=0.0036)
    pt = np.hypot(found.p4[:, 0], found.p4[:, 1])
    assert pt.std() / pt.mean() == pytest.approx(width, rel=0.025)
    for value, error in ((found.d0, found.d0_error), (found.dz, found.dz_error)):
        assert (value / error).std() == pytest.approx(1, abs=0.026)
        assert (value / error).mean() == pytest.approx(0, abs=0.036)


@pytest.mark.statistical
def test_photons_are_measured_as_stated():
    # Only the resolution matters at 20 GeV; 20000 photons give the mean to 0.03 % and the width to 0.5 %.
    found = single_particles(22)
    assert np.all(found.kind == PHOTON)
    assert len(found.event) == 20_000
    energy = 20 * np.cosh(0.3)
    assert found.p4[:, 3].mean() == pytest.approx(energy, rel=0.002)
    sigma = ECAL.resolution(np.array([0.3]), np.array([energy]))[0]
    assert found.p4[:, 3].std() == pytest.approx(sigma, rel=0.03)  # eta varies within the tower
    assert not found.d0.any()
    assert not found.d0_error.any()
    np.testing.assert_allclose(found.p4[:, 3], np.linalg.norm(found.p4[:, :3], axis=1))


def test_each_type_of_particle_is_what_it_is():
    for identity, kind in ((211, CHARGED_HADRON), (-2212, CHARGED_HADRON), (11, ELECTRON), (130, NEUTRAL_HADRON)):
        found = single_particles(identity, n=300)
        made = (
            {NEUTRAL_HADRON} if kind == NEUTRAL_HADRON else {kind, NEUTRAL_HADRON if kind == CHARGED_HADRON else PHOTON}
        )
        assert kind in found.kind
        assert set(found.kind) <= made


def test_nothing_is_seen_beyond_the_detector():
    assert len(single_particles(211, n=200, eta=3.5).event) == 0
    # Past the tracker but inside the calorimeter, a charged hadron is a neutral one.
    assert set(single_particles(211, n=200, eta=2.7).kind) == {NEUTRAL_HADRON}
    assert not (single_particles(13, n=200, eta=2.7).kind == MUON).any()


def test_same_random_numbers_same_particles():
    first, again = single_particles(211, n=500), single_particles(211, n=500)
    assert np.array_equal(first.p4, again.p4)
    assert np.array_equal(first.d0, again.d0)
