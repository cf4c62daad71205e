"""Views of strain keep what makes a signal: delay between detectors, spectrum, scale."""

import pytest
import torch
from hydra.utils import instantiate
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from autoscidact.data.ligo.layout import BAND, RATE
from autoscidact.embedding.strain_views import StrainViews
from autoscidact.errors import UserError

SHAPE = (2, 200)


def noise(n: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, *SHAPE, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), delay=st.integers(-41, 41))
def test_a_shift_keeps_the_delay(seed, delay):
    x = torch.zeros(20, *SHAPE)
    x[:, 0, 100], x[:, 1, 100 + delay] = 1.0, 1.0
    torch.manual_seed(seed)
    first, second = StrainViews(shift=0.01, flip=0, noise=0)(x).argmax(dim=2).T
    # A mirror image of what is near an end may come before it.
    mirrored = (first < 50) | (second < 50)
    assert torch.equal((second - first)[~mirrored], torch.full((int((~mirrored).sum()),), delay))
    both_the_same = StrainViews(shift=0.01, flip=0, noise=0)(noise(20)[:, :1].expand(20, *SHAPE))
    assert torch.equal(both_the_same[:, 0], both_the_same[:, 1])


def test_shifts_are_of_all_sizes_up_to_the_light_travel_time_and_leave_no_step():
    torch.manual_seed(0)
    x = torch.zeros(4000, *SHAPE)
    x[:, :, 100] = 1.0
    places = StrainViews(shift=0.01, flip=0, noise=0)(x)[:, 0].argmax(dim=1) - 100
    assert set(places.tolist()) == set(range(-41, 42))
    ramp = torch.arange(200.0).expand(50, *SHAPE)
    steps = StrainViews(shift=0.01, flip=0, noise=0)(ramp).diff(dim=2)
    assert steps.abs().max() == 1


def test_a_flip_is_of_both_detectors():
    torch.manual_seed(0)
    x = noise(4000)
    ratio = StrainViews(shift=0, flip=0.3, noise=0)(x) / x
    assert set(ratio.unique().tolist()) == {-1.0, 1.0}
    assert torch.equal(ratio, ratio[:, :1, :1].expand_as(ratio))
    assert float((ratio[:, 0, 0] < 0).float().mean()) == pytest.approx(0.3, abs=0.03)


def test_noise_is_in_the_band_and_of_the_given_strength():
    torch.manual_seed(0)
    x = 3 * noise(3000, seed=1)
    view = StrainViews(shift=0, flip=0, noise=0.5)(x)
    torch.testing.assert_close(view.std(dim=2), x.std(dim=2), rtol=1e-5, atol=0)
    # (x + noise) / sqrt(1 + strength^2): what remains of x, and what is new.
    kept = (view * x).sum(dim=2) / (x * x).sum(dim=2)
    assert float(kept.mean()) == pytest.approx(1 / (1 + 0.5**2) ** 0.5, rel=0.01)
    added = view - kept[:, :, None] * x
    assert float(added.std(dim=2).mean()) == pytest.approx(3 * 0.5 / (1 + 0.5**2) ** 0.5, rel=0.03)
    power = torch.fft.rfft(StrainViews(0, 0, 5.0)(x) - StrainViews(0, 0, 5.0)(x), dim=2).abs().square().mean(dim=(0, 1))
    frequency = torch.fft.rfftfreq(200, 1 / RATE)
    outside = (frequency < BAND[0]) | (frequency > BAND[1])
    assert power[outside].max() < 0.1 * power[~outside].min()


def test_a_silent_detector_stays_silent():
    x = noise(5)
    x[:, 1] = 0
    view = StrainViews()(x)
    assert torch.isfinite(view).all()
    assert not view[:, 1].any()


def test_nothing_asked_nothing_done():
    x = noise(5)
    assert torch.equal(StrainViews(0, 0, 0)(x), x)


@pytest.mark.parametrize("arguments", [{"shift": -0.01}, {"shift": 1.0}, {"flip": 1.5}, {"noise": float("nan")}])
def test_bad_strengths(arguments):
    with pytest.raises(UserError, match=r"loss\.views"):
        StrainViews(**arguments)


@pytest.mark.parametrize("shape", [(5, 15), (5, 3, 8, 8), (5, 2, 60)])
def test_what_is_no_strain(shape):
    with pytest.raises(UserError, match=r"views are of strain"):
        StrainViews()(torch.zeros(shape))


@pytest.mark.parametrize("name", ["simclr", "supcon"])
def test_configurations(name):
    from test_embedding_configs import CONFIGS

    config = OmegaConf.load(CONFIGS / "loss" / f"{name}_strain.yaml")
    assert (config.name, config.temperature) == (name, 0.5)
    assert instantiate(config.views) == StrainViews()
