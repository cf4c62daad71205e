"""ParticleNet: neither the order of the particles nor the padding matters, and what it refuses."""

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from random_jets import random_jets

from autoscidact.encoders.contract import EncoderSpec
from autoscidact.encoders.particlenet import ParticleNet
from autoscidact.errors import UserError

pytest.importorskip("weaver")

CONFIG = Path(__file__).parents[2] / "configs" / "encoder" / "particlenet.yaml"
TOLERANCE = {"rtol": 1e-4, "atol": 2e-5}


@pytest.fixture(scope="module")
def encoder():
    """With the batch statistics of some jets, without which the embedding hardly depends on anything."""
    spec = EncoderSpec.from_config(OmegaConf.to_container(OmegaConf.load(CONFIG)))
    encoder = spec.build((22, 64))
    with torch.no_grad():
        for seed in range(3):
            encoder(random_jets(32, seed))
    return encoder.eval()


def test_parameters():
    assert sum(p.numel() for p in ParticleNet((22, 64), 4).parameters()) == 574_182


def test_order_of_the_particles_does_not_matter(encoder):
    jets = random_jets(16, seed=7)
    order = torch.randperm(64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        h = encoder(jets)
        assert float(h.std(dim=0).min()) > 50 * TOLERANCE["atol"]
        torch.testing.assert_close(encoder(jets[:, :, order]), h, **TOLERANCE)


def test_padding_does_not_matter(encoder):
    """Not its length, of jets that have more particles than neighbours, nor what stands in it."""
    jets = random_jets(24, seed=8, most=40)
    jets = jets[jets[:, 21].sum(dim=1) > 17]
    longer = torch.cat([jets, torch.zeros(len(jets), 22, 30)], dim=2)
    rubbish = torch.where(jets[:, 21:] > 0, jets, torch.nan)
    rubbish[:, 21] = jets[:, 21]
    with torch.no_grad():
        for same in (jets[:, :, :40], longer, rubbish):
            torch.testing.assert_close(encoder(same), encoder(jets), **TOLERANCE)


def test_few_particles(encoder):
    jets = random_jets(8, seed=9)
    jets[:, :, 1:] = 0
    with torch.no_grad():
        assert torch.isfinite(encoder(jets)).all()


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((15,), {}, "encoder particlenet takes jets"),
        ((22, 16), {}, "encoder.neighbours=16 must lie between 1 and 15"),
        ((22, 64), {"dropout": 1.0}, "encoder.dropout"),
    ],
)
def test_what_it_refuses(shape, options, message):
    with pytest.raises(UserError, match=message):
        ParticleNet(shape, 4, **options)


def test_a_jet_without_particles_is_named(encoder):
    jets = random_jets(4)
    jets[2] = 0
    with pytest.raises(UserError, match="1 of 4 jets hold no particle"):
        encoder(jets)
