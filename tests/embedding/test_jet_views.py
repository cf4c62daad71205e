import math

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from random_jets import jet_array, random_jets, random_particles

from autoscidact.embedding.jet_kinematics import whole_jet, with_momenta
from autoscidact.embedding.jet_views import JetViews, boost, rotate, smear, split
from autoscidact.errors import UserError

N = 40


@pytest.fixture(params=[True, False], ids=["flipped", "unflipped"])
def jets(request):
    """In double precision, and with both of the conventions for delta eta."""
    return random_jets(N, seed=1, flipped=request.param, dtype=torch.float64)


def mass2(x):
    total = x[:, 17:21].sum(dim=2)
    return total[:, 3] ** 2 - total[:, :3].square().sum(dim=1)


def pair_masses2(x):
    pair = x[:, 17:21, :, None] + x[:, 17:21, None, :]
    return (pair[:, 3] ** 2 - pair[:, :3].square().sum(dim=1)).flatten(1).sort(dim=1).values


def pt(x):
    return torch.hypot(x[:, 17], x[:, 18])


def uniform(low, high, *shape):
    return torch.from_numpy(np.random.default_rng(5).uniform(low, high, shape))


CHANGES = {
    "rotation": lambda x: rotate(x, uniform(-3, 3, N)),
    "boost": lambda x: boost(x, uniform(-0.3, 0.3, N)),
    "splitting": lambda x: split(x, uniform(0, 1, N, 64) < 0.2, uniform(0.02, 0.5, N, 64)),
    "smearing": lambda x: smear(x, uniform(0.8, 1.2, N, 64)),
    "all": JetViews(),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_view_is_a_valid_jet(jets, name):
    torch.manual_seed(0)
    x = CHANGES[name](jets)
    assert x.shape == jets.shape
    mask = x[:, 21]
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert (mask.diff(dim=1) <= 0).all(), "particles come first"
    assert (x * (1 - mask[:, None]) == 0).all(), "padding is 0"
    assert (pt(x).diff(dim=1) <= 0).all(), "pT falls"
    assert (x[:, :17].abs() <= 5).all()
    assert torch.isfinite(x).all()


@pytest.mark.parametrize("name", CHANGES)
def test_features_are_those_of_the_new_momenta(jets, name):
    torch.manual_seed(0)
    x = CHANGES[name](jets)
    whole = whole_jet(x)
    sign = whole.orientation.numpy()
    for i in range(N):
        particles = []
        for column in x[i].T[x[i, 21] > 0].numpy():
            track = [np.arctanh(column[11]), column[12], np.arctanh(column[13]), column[14]]
            particles.append([*column[17:21], *column[5:11], *track])
        naive = jet_array(particles, whole.momentum[i].numpy(), flipped=False)
        naive[15] *= sign[i]
        np.testing.assert_allclose(x[i].numpy(), naive, rtol=1e-9, atol=1e-9)


def test_the_whole_jet_counts_the_particles_that_were_cut_off():
    random = np.random.default_rng(3)
    for eta in (-1.3, 0.02, 0.9):
        particles = random_particles(100, random, eta)
        total = np.sum([p[:4] for p in particles], axis=0)
        found = whole_jet(torch.from_numpy(jet_array(particles, total))[None])
        np.testing.assert_allclose(found.momentum[0].numpy(), total, rtol=1e-10, atol=1e-9)
        assert found.orientation.item() == np.sign(total[2])


def test_a_jet_of_one_particle():
    particles = random_particles(1, np.random.default_rng(4), -0.7)
    x = torch.from_numpy(jet_array(particles, particles[0][:4]))[None]
    np.testing.assert_allclose(whole_jet(x).momentum[0].numpy(), particles[0][:4], rtol=1e-10)
    for change in (lambda x: rotate(x, uniform(1, 2, 1)), lambda x: boost(x, uniform(1, 2, 1))):
        assert torch.isfinite(change(x)).all()
        torch.testing.assert_close(mass2(change(x)), mass2(x), atol=1e-9, rtol=0)


def test_unchanged_momenta_change_nothing(jets):
    same = with_momenta(jets, jets[:, 17:21], whole_jet(jets), 64)
    torch.testing.assert_close(same, jets, rtol=1e-9, atol=1e-9)
    single = random_jets(N, seed=1)
    torch.testing.assert_close(with_momenta(single, single[:, 17:21], whole_jet(single), 64), single, rtol=0, atol=2e-5)


@pytest.mark.parametrize("name", ["rotation", "boost"])
def test_rotation_and_boost_keep_every_invariant_mass(jets, name):
    x = CHANGES[name](jets)
    torch.testing.assert_close(mass2(x), mass2(jets), rtol=1e-9, atol=1e-6)
    torch.testing.assert_close(pair_masses2(x), pair_masses2(jets), rtol=1e-9, atol=1e-8)
    assert not torch.allclose(x[:, 15], jets[:, 15], atol=1e-3)


def test_jet_masses_in_single_precision():
    # GeV^2 out of differences of 1e5 to 1e7 GeV^2, of which float32 keeps 7 digits.
    jets = random_jets(N, seed=1)
    for change in (rotate(jets, uniform(-3, 3, N).float()), boost(jets, uniform(-0.3, 0.3, N).float())):
        scale = jets[:, 20].sum(dim=1).double() ** 2
        assert float(((mass2(change.double()) - mass2(jets.double())).abs() / scale).max()) < 2e-6


def test_rotation_keeps_energies_and_the_jet_and_turns_by_its_angle():
    particles = random_particles(30, np.random.default_rng(6), 0.0)
    # At small angles about a jet at eta 0, the plane of (delta eta, delta phi) is the one that turns.
    axis = np.sum([p[:3] for p in particles], axis=0)
    axis /= np.linalg.norm(axis)
    for p in particles:
        momentum = np.array(p[:3])
        along = momentum @ axis
        p[:3] = along * axis + 1e-3 * (momentum - along * axis)
    x = torch.from_numpy(jet_array(particles, np.sum([p[:4] for p in particles], axis=0), 30, flipped=False))[None]
    # Without a longitudinal tilt: turned to eta 0 by the boost that does so.
    whole = whole_jet(x).momentum[0]
    x = boost(x, -torch.atanh(whole[2:3] / whole[3:4]))
    turned = rotate(x, torch.tensor([0.7], dtype=torch.float64))
    torch.testing.assert_close(turned[:, 20].sort().values, x[:, 20].sort().values, rtol=1e-12, atol=0)
    torch.testing.assert_close(whole_jet(turned).momentum, whole_jet(x).momentum, rtol=1e-9, atol=1e-7)
    before, after = (np.angle(v[0, 16].numpy() + 1j * v[0, 15].numpy()) for v in (x, turned))
    difference = np.sort(np.abs(np.angle(np.exp(1j * (after - before)))))
    np.testing.assert_allclose(difference, 0.7, atol=1e-2)


def test_boost_keeps_pt_and_azimuth_and_adds_rapidity(jets):
    y = uniform(-0.3, 0.3, N)
    x = boost(jets, y)
    torch.testing.assert_close(x[:, 17:19], jets[:, 17:19], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(x[:, 16], jets[:, 16], rtol=1e-9, atol=1e-9)
    before, after = (torch.atanh(v[:, 19, 0] / v[:, 20, 0]) for v in (jets, x))
    torch.testing.assert_close(after - before, y, rtol=0, atol=1e-6)


def test_splitting_keeps_momentum_and_charge_and_adds_photons():
    jets = random_jets(N, seed=2, most=30, dtype=torch.float64)
    chosen, fraction = uniform(0, 1, N, 64) < 0.5, uniform(0.02, 0.5, N, 64)
    x = split(jets, chosen, fraction)
    torch.testing.assert_close(x[:, 17:21].sum(dim=2), jets[:, 17:21].sum(dim=2), rtol=1e-12, atol=1e-10)
    assert torch.equal(x[:, 5].sum(dim=1), jets[:, 5].sum(dim=1))
    emitters = (chosen & (jets[:, 21] > 0)).sum(dim=1)
    assert torch.equal((x[:, 21] - jets[:, 21]).sum(dim=1), emitters.double())
    assert torch.equal((x[:, 8] - jets[:, 8]).sum(dim=1), emitters.double())
    torch.testing.assert_close(x[:, 11:15].sum(dim=2), jets[:, 11:15].sum(dim=2))
    torch.testing.assert_close(whole_jet(x).momentum, whole_jet(jets).momentum, rtol=1e-9, atol=1e-7)


def test_a_full_jet_that_splits_keeps_its_hardest_particles():
    jets = random_jets(N, seed=2, most=90, dtype=torch.float64)[:, :, :40]
    jets = jets[jets[:, 21].all(dim=1)]
    chosen, half = torch.zeros(len(jets), 40, dtype=torch.bool), torch.full((len(jets), 40), 0.5, dtype=torch.float64)
    chosen[:, 0] = True
    x = split(jets, chosen, half)
    expected = torch.cat([pt(jets)[:, :1] / 2] * 2 + [pt(jets)[:, 1:]], dim=1).sort(dim=1, descending=True).values
    torch.testing.assert_close(pt(x), expected[:, :40], rtol=1e-12, atol=0)


def test_smearing_scales_momenta_and_moves_the_jet_along():
    particles = random_particles(50, np.random.default_rng(8), 0.4)
    x = torch.from_numpy(jet_array(particles, np.sum([p[:4] for p in particles], axis=0)))[None]
    factor = uniform(0.9, 1.1, 1, 64)
    smeared = smear(x, factor)
    torch.testing.assert_close(smeared[:, 17:21].sum(dim=2), (x[:, 17:21] * factor[:, None]).sum(dim=2))
    torch.testing.assert_close(whole_jet(smeared).momentum, smeared[:, 17:21].sum(dim=2), rtol=1e-9, atol=1e-8)


def test_strength_of_the_smearing_and_rate_of_splittings():
    jets = random_jets(300, seed=9, most=20, dtype=torch.float64)
    n = float(jets[:, 21].sum())
    torch.manual_seed(0)
    view = JetViews(rotation=0, boost=0, split=0, smear=0.001)(jets)
    real = jets[:, 21] > 0
    change = (pt(view)[real] / pt(jets)[real]).log()
    # Five standard deviations of the estimates: a false alarm in 1.7 million. The smearing is too small to reorder
    # more than a few particles.
    assert float(change[change.abs() < 0.01].std()) == pytest.approx(0.001, rel=5 / math.sqrt(2 * n) + 0.02)
    view = JetViews(rotation=0, boost=0, split=0.1, smear=0)(jets)
    added = float(view[:, 21].sum()) - n
    assert added == pytest.approx(0.1 * n, abs=5 * math.sqrt(0.09 * n))


def test_same_seed_same_views_and_jets_differ():
    jets = random_jets(8, seed=10)
    jets[1] = jets[0]
    views = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        views.append(JetViews()(jets))
    assert torch.equal(views[0], views[1])
    assert not torch.equal(views[0], views[2])
    assert not torch.equal(views[0][0], views[0][1])
    assert views[0].dtype == jets.dtype


def test_no_strength_no_change():
    jets = random_jets(3)
    assert torch.equal(JetViews(0, 0, 0, 0)(jets), jets)


@pytest.mark.parametrize("name", ["rotation", "boost", "split", "smear"])
@pytest.mark.parametrize("value", [-0.1, 10.0, float("nan")])
def test_bad_strengths(name, value):
    with pytest.raises(UserError, match=rf"loss\.views\.{name}"):
        JetViews(**{name: value})


def test_standardised_jets_and_tables_are_refused():
    jets = random_jets(4)
    for x in ((jets - jets.mean()) / jets.std(), torch.zeros(4, 5)):
        with pytest.raises(UserError, match="encoder=part"):
            JetViews()(x)


@pytest.mark.parametrize("name", ["simclr_jets", "supcon_jets"])
def test_configurations_are_the_defaults(name, pytestconfig):
    config = OmegaConf.load(pytestconfig.rootpath / "configs" / "loss" / f"{name}.yaml")
    views = instantiate(config.views)
    assert views.rotation == pytest.approx(math.pi)
    assert (views.boost, views.split, views.smear) == (0.5, 0.05, 0.05)
