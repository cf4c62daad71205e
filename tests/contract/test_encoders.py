"""What every encoder must hold to. A new one adds a row."""

from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from random_jets import random_jets

from autoscidact.embedding import checkpoint
from autoscidact.embedding.standardise import Standardisation
from autoscidact.encoders.contract import EncoderSpec

CONFIGS = Path(__file__).parents[2] / "configs" / "encoder"

JET = (22, 64)
ENCODERS = [
    ("mlp", (15,)),
    ("mlp", (1, 8, 8)),
    ("part", JET),
    ("part_tiny", JET),
    ("particlenet", JET),
    ("resnet1d", (2, 200)),
    ("resnet1d_small", (2, 200)),
    ("efficientnet_lite0", (3, 40, 40)),
    # Features of a frozen backbone, which is needed for images only; and with those of augmented variants.
    ("efficientnet_lite0", (1280, 3)),
    ("resnet50", (2048,)),
    ("efficientnet_b0", (1280,)),
    ("timm", (512,)),
    ("bioclip", (512,)),
]


@pytest.fixture(params=ENCODERS, ids=[f"{name}-{'x'.join(map(str, shape))}" for name, shape in ENCODERS])
def case(request: pytest.FixtureRequest) -> tuple[EncoderSpec, tuple[int, ...]]:
    name, shape = request.param
    config = OmegaConf.to_container(OmegaConf.load(CONFIGS / f"{name}.yaml"))
    return EncoderSpec.from_config(config), shape


def batch(shape: tuple[int, ...], n: int) -> torch.Tensor:
    if shape == JET:  # not any numbers make a jet
        return random_jets(n)
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(0))


def test_every_configured_encoder_has_a_row():
    assert {path.stem for path in CONFIGS.glob("*.yaml")} == {name for name, _ in ENCODERS}


@pytest.mark.parametrize("n", [1, 7])
def test_shape_and_type(case, n):
    spec, shape = case
    h = spec.build(shape).eval()(batch(shape, n))
    assert h.shape == (n, spec.dim)
    assert h.dtype == torch.float32
    assert torch.isfinite(h).all()


def test_seed_fixes_the_weights_and_spares_the_global_generator(case):
    spec, shape = case
    before = torch.get_rng_state()
    first, same, other = (spec.build(shape, seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_every_parameter_learns(case):
    spec, shape = case
    encoder = spec.build(shape)
    encoder(batch(shape, 64)).square().sum().backward()
    silent = [
        name for name, p in encoder.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())
    ]
    assert not silent


def test_an_event_is_embedded_by_itself(case):
    spec, shape = case
    encoder, x = spec.build(shape).eval(), batch(shape, 9)
    with torch.no_grad():
        torch.testing.assert_close(encoder(x)[3:5], encoder(x[3:5]), rtol=1e-5, atol=1e-6)


def test_survives_a_checkpoint(case, tmp_path):
    spec, shape = case
    encoder = spec.build(shape, seed=5).eval()
    plain = Standardisation(np.zeros(shape[0]), np.ones(shape[0]))
    metadata = {"encoder": spec.to_config(), "input_shape": shape, "classes": ["a", "b"], "signal": None}
    path = checkpoint.save(tmp_path / "c.safetensors", encoder.state_dict(), plain, metadata)
    again = checkpoint.load(path).encoder
    with torch.no_grad():
        assert torch.equal(encoder(batch(shape, 5)), again(batch(shape, 5)))
