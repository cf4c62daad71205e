"""Jets and their substructure: FastJet's results against clustering by hand, and closed forms."""

import numpy as np
import pytest
from scipy.optimize import minimize

from autoscidact.data.jetclass.detector import Measured
from autoscidact.data.jetclass.jets import directions, find_jets, turn
from autoscidact.data.jetclass.track_response import PHOTON

pytest.importorskip("fastjet")
from autoscidact.data.jetclass.substructure import substructure

NO_DECAY = (np.zeros(0, dtype=np.int64), np.zeros((0, 0, 2)))


def massless(pt, eta, phi):
    return np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta)], -1)


def measured(p4, event):
    n = len(event)
    zero, nothing = np.zeros(n), np.zeros(n, dtype=np.int64)
    return Measured(np.asarray(event), p4, nothing, np.full(n, PHOTON), zero, zero, zero, zero)


def spray(random, n, pt, eta, phi, width=0.25):
    """n particles around an axis with about pt GeV in all."""
    parts = random.dirichlet(np.full(n, 0.5)) * pt
    return massless(parts, eta + random.normal(0, width, n), phi + random.normal(0, width, n))


def rapidity_phi(p4):
    return 0.5 * np.log((p4[3] + p4[2]) / (p4[3] - p4[2])), np.arctan2(p4[1], p4[0])


def cluster_by_hand(p4, power, radius, stop_at=0):
    """Sequential recombination: beam jets, and the tree of (p4, first, second) or (p4, row)."""
    objects = [(p, (i,), None) for i, p in enumerate(p4)]
    jets = []
    while len(objects) > stop_at:
        best = (np.inf, None, None)
        for i, (p, _, _) in enumerate(objects):
            yi, phi_i = rapidity_phi(p)
            weight = np.hypot(p[0], p[1]) ** (2 * power)
            if not stop_at:
                best = min(best, (weight, i, None), key=lambda b: b[0])
            for j in range(i):
                yj, phi_j = rapidity_phi(objects[j][0])
                distance2 = (yi - yj) ** 2 + turn(phi_i - phi_j) ** 2
                other = np.hypot(*objects[j][0][:2]) ** (2 * power)
                best = min(best, (min(weight, other) * distance2 / radius**2, i, j), key=lambda b: b[0])
        _, i, j = best
        if j is None:
            jets.append(objects.pop(i))
        else:
            first, second = objects[i], objects[j]
            merged = (first[0] + second[0], first[1] + second[1], (first, second))
            objects = [o for k, o in enumerate(objects) if k not in (i, j)] + [merged]
    return jets or objects


def soft_drop_by_hand(node, z_cut):
    while node[2] is not None:
        harder, softer = sorted(node[2], key=lambda part: -np.hypot(*part[0][:2]))
        high, low = np.hypot(*harder[0][:2]), np.hypot(*softer[0][:2])
        if low / (high + low) > z_cut:
            break
        node = harder
    p = node[0]
    return np.sqrt(max(p[3] ** 2 - p[0] ** 2 - p[1] ** 2 - p[2] ** 2, 0))


def sample_of_jets(n=12, seed=0):
    random = np.random.default_rng(seed)
    counts = random.integers(5, 15, n)
    p4 = [spray(random, c, 600, random.normal(), random.uniform(-3, 3)) for c in counts]
    return np.concatenate(p4), counts


def test_soft_drop_mass_is_that_of_declustering_by_hand():
    p4, counts = sample_of_jets()
    found = substructure(p4, counts).soft_drop_mass
    for jet, part in enumerate(np.split(p4, np.cumsum(counts)[:-1])):
        (tree,) = cluster_by_hand(part, 0, 8.0)
        assert found[jet] == pytest.approx(soft_drop_by_hand(tree, 0.1), rel=1e-6, abs=1e-4)


def tau_about(axes, part):
    pt, eta, phi = directions(part)
    axes = np.reshape(axes, (-1, 2))
    distance = np.hypot(eta[:, None] - axes[:, 0], turn(phi[:, None] - axes[:, 1])).min(axis=1)
    return (pt * distance).sum() / (pt.sum() * 0.8)


def test_n_subjettiness_improves_on_kt_axes_and_finds_the_minimum_of_one_axis():
    p4, counts = sample_of_jets(8, seed=1)
    found = substructure(p4, counts).tau
    for jet, part in enumerate(np.split(p4, np.cumsum(counts)[:-1])):
        for n in (1, 2, 3, 4):
            axes = np.array([rapidity_phi(o[0]) for o in cluster_by_hand(part, 1, 0.8, stop_at=n)])
            assert found[jet, n - 1] <= tau_about(axes, part) + 1e-3
        assert (np.diff(found[jet]) <= 1e-9).all()
        # With one axis there is one minimum.
        start = np.average(np.stack(directions(part)[1:], -1), axis=0, weights=directions(part)[0])
        lowest = minimize(lambda x, part=part: tau_about(x, part), start, method="Nelder-Mead").fun
        assert found[jet, 0] == pytest.approx(lowest, rel=0.01)


def test_n_subjettiness_of_few_particles():
    two = massless(np.array([400.0, 200.0]), np.array([0.0, 0.3]), np.array([0.0, 0.0]))
    one = massless(np.array([500.0]), np.array([0.5]), np.array([1.0]))
    found = substructure(np.concatenate([two, one]), np.array([2, 1]))
    # The sum of pt times distance is least with the axis at the harder particle.
    assert found.tau[0, 0] == pytest.approx(200 * 0.3 / (600 * 0.8), rel=0.01)
    assert found.tau[0, 1:] == pytest.approx([0, 0, 0], abs=1e-6)
    assert found.tau[1] == pytest.approx([0, 0, 0, 0], abs=1e-6)
    assert found.soft_drop_mass[0] == pytest.approx(np.sqrt(2 * 400 * 200 * (np.cosh(0.3) - 1)))
    assert found.soft_drop_mass[1] == pytest.approx(0, abs=1e-3)


def test_jets_are_those_of_anti_kt_by_hand():
    random = np.random.default_rng(2)
    events = []
    for _ in range(8):
        axes = [(700, 0.3, 0.5), (620, -1.0, -2.6), (40, 1.5, 2.0)]
        events.append(np.concatenate([spray(random, 10, *axis) for axis in axes]))
    p4 = np.concatenate(events)
    event = np.repeat(np.arange(8) * 3 + 1, 30)  # numbers with gaps
    found = find_jets(measured(p4, event), *NO_DECAY)
    start = np.cumsum(found.counts) - found.counts
    seen = 0
    for number, part in enumerate(events):
        by_hand = sorted(cluster_by_hand(part, -1, 0.8), key=lambda o: -np.hypot(*o[0][:2]))
        kinematics = [directions(o[0][None]) for o in by_hand]
        good = [o for o, (pt, eta, _) in zip(by_hand, kinematics, strict=True) if 500 < pt < 1000 and abs(eta) < 2]
        if not good:
            assert number * 3 + 1 not in found.event
            continue
        jet = list(found.event).index(number * 3 + 1)
        np.testing.assert_allclose(found.p4[jet], good[0][0], rtol=1e-9)
        rows = found.rows[start[jet] : start[jet] + found.counts[jet]]
        assert set(rows - 30 * number) == set(good[0][1])
        pt = directions(p4[rows])[0]
        assert (np.diff(pt) <= 0).all()
        seen += 1
    assert seen >= 5


@pytest.mark.parametrize(("pt", "eta", "n"), [(700, 0.0, 1), (450, 0.0, 0), (1100, 0.0, 0), (700, 2.1, 0)])
def test_jets_have_their_range_of_pt_and_eta(pt, eta, n):
    p4 = massless(np.array([float(pt)]), np.array([eta]), np.array([0.0]))
    assert len(find_jets(measured(p4, [0]), *NO_DECAY).event) == n


def test_a_jet_must_hold_the_whole_decay():
    # Five collisions with one particle of 700 GeV at phi = 3.1 and a softer jet opposite to it.
    p4 = massless(np.tile([700.0, 600.0], 5), np.tile([0.5, 0.0], 5), np.tile([3.1, 0.0], 5))
    event = np.repeat(np.arange(5), 2)
    near, across, far = (0.6, 3.0), (0.5, -3.1), (0.5, 2.2)
    soft = (0.1, 0.1)
    decay = np.array([[near, near, across], [near, near, far], [far, near, near], [soft, soft, soft]])
    found = find_jets(measured(p4, event), np.array([0, 1, 2, 3]), decay)
    assert found.event.tolist() == [0, 3]
    assert found.rows.tolist() == [0, 7]


def test_the_hardest_of_two_good_jets_is_taken():
    p4 = massless(np.array([600.0, 700.0, 650.0]), np.array([0.0, 1.0, 0.0]), np.array([0.0, 2.0, -2.0]))
    found = find_jets(measured(p4, [0, 0, 0]), *NO_DECAY)
    assert found.rows.tolist() == [1]
