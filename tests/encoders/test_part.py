from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from random_jets import random_jets

from autoscidact.data.contract import Events
from autoscidact.embedding.checkpoint import load
from autoscidact.embedding.embed import embed
from autoscidact.embedding.jet_views import JetViews
from autoscidact.embedding.settings import LossSettings, TrainerSettings
from autoscidact.embedding.training import train
from autoscidact.encoders import part
from autoscidact.encoders.contract import EncoderSpec
from autoscidact.encoders.part import ParticleTransformer
from autoscidact.errors import UserError

CONFIGS = Path(__file__).parents[2] / "configs" / "encoder"
# Float32 and an embedding of order 1, after some ten layers.
TOLERANCE = {"rtol": 1e-4, "atol": 2e-5}


def spec(name):
    return EncoderSpec.from_config(OmegaConf.to_container(OmegaConf.load(CONFIGS / f"{name}.yaml")))


@pytest.fixture(scope="module", params=["part", "part_tiny"])
def encoder(request):
    """With the batch statistics of some jets, without which the embedding hardly depends on anything."""
    encoder = spec(request.param).build((22, 64))
    with torch.no_grad():
        for seed in range(3):
            encoder(random_jets(32, seed))
    return encoder.eval()


@pytest.fixture(scope="module")
def jets():
    return random_jets(16, seed=7)


def test_parameters_of_the_papers_configuration():
    # The original with its head of 10 classes has 2,143,486.
    heads = {dim: sum(p.numel() for p in ParticleTransformer((22, 64), dim).parameters()) for dim in (4, 10)}
    assert heads == {4: 2_143_486 - 6 * (128 + 1), 10: 2_143_486}
    assert spec("part").arguments == {
        "embed_dims": [128, 512, 128],
        "pair_embed_dims": [64, 64, 64],
        "n_heads": 8,
        "n_layers": 8,
        "n_class_layers": 2,
        "dropout": 0.1,
        "activation": "gelu",
    }


def test_parameters_of_the_tiny_one():
    assert sum(p.numel() for p in spec("part_tiny").build((22, 64)).parameters()) == 44_632


def test_jets_are_told_apart(encoder, jets):
    with torch.no_grad():
        assert float(encoder(jets).std(dim=0).min()) > 0.05


@pytest.mark.parametrize("seed", range(3))
def test_order_of_the_particles_does_not_matter(encoder, jets, seed):
    order = torch.randperm(64, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        torch.testing.assert_close(encoder(jets[:, :, order]), encoder(jets), **TOLERANCE)


def test_padding_does_not_matter(encoder, jets):
    n = 16
    short = random_jets(n, seed=8, most=40)
    longer = torch.cat([short, torch.zeros(n, 22, 30)], dim=2)
    rubbish = torch.where(short[:, 21:] > 0, short, torch.nan)
    rubbish[:, 21] = short[:, 21]
    with torch.no_grad():
        expected = encoder(short)
        for same in (short[:, :, :40], longer, rubbish):
            torch.testing.assert_close(encoder(same), expected, **TOLERANCE)


def test_full_jets_and_single_particles(encoder):
    random = random_jets(40, seed=9, most=120)
    full = random[random[:, 21].all(dim=1)]
    single = random.clone()
    single[:, :, 1:] = 0
    assert len(full)
    with torch.no_grad():
        for x in (full, single):
            assert torch.isfinite(encoder(x)).all()
        torch.testing.assert_close(encoder(single[:, :, :1]), encoder(single), **TOLERANCE)


def test_every_channel_counts_and_padding_gets_no_gradient(encoder, jets):
    with torch.no_grad():
        few = jets[:4]
        h = encoder(few)
        for channel in range(21):
            changed = few.clone()
            changed[:, channel] *= 1.1 if channel == 20 else 0.9  # an energy stays above the momentum
            assert float((encoder(changed) - h).abs().max()) > 1e-4, channel
    # Of the features alone: the pair features have none where a particle meets itself, at distance 0.
    features = jets[:, :17].clone().requires_grad_()
    encoder(torch.cat([features, jets[:, 17:]], dim=1)).square().sum().backward()
    assert (features.grad.abs().sum(dim=(0, 2)) > 0).all()
    assert not features.grad.masked_select(jets[:, 21:] == 0).any()


def test_portions_do_not_matter(encoder, jets, monkeypatch):
    with torch.no_grad():
        whole = encoder(jets)
        monkeypatch.setattr(part, "_JETS_AT_ONCE", 5)
        torch.testing.assert_close(encoder(jets), whole, **TOLERANCE)


def test_bfloat16_is_close(encoder, jets):
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        low = encoder(jets).float()
    with torch.no_grad():
        high = encoder(jets)
    assert float((low - high).abs().max()) < 0.1


@pytest.mark.parametrize("activation", ["gelu", "relu", "swiglu"])
def test_activations(activation, jets):
    encoder = ParticleTransformer((22, 64), 3, (16, 16), (8,), 2, 1, 1, 0.0, activation)
    encoder(jets).square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in encoder.parameters())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"input_shape": (15,)}, "encoder=mlp"),
        ({"input_shape": (3, 32, 32)}, "encoder=mlp"),
        ({"activation": "tanh"}, "gelu, relu, swiglu"),
        ({"dropout": 1.0}, "encoder.dropout"),
        ({"embed_dims": [30]}, "n_heads=8"),
        ({"embed_dims": []}, "at least 1"),
        ({"n_layers": 0}, "at least 1"),
    ],
)
def test_bad_settings(arguments, words):
    with pytest.raises(UserError, match=words):
        ParticleTransformer(**{"input_shape": (22, 64), "dim": 4, **arguments})


def test_a_jet_without_particles(encoder, jets):
    x = jets.clone()
    x[2] = 0
    with pytest.raises(UserError, match="1 of 16 jets hold no particle"):
        encoder(x)


def two_classes(n, seed):
    """Jets and the same with all momenta ten times as soft, which their features do not tell."""
    x = random_jets(n, seed, most=20, n_slots=20).numpy()
    labels = np.arange(n) % 2
    x[labels == 1, 17:21] *= 0.1
    return Events(x, labels, ("hard", "soft"), np.arange(n) + 1000 * seed, np.ones(n))


def trained_on(events, val, folder, views, max_epochs):
    arguments = {"embed_dims": [16], "pair_embed_dims": [8], "n_heads": 2, "n_layers": 1, "n_class_layers": 1}
    return train(
        events,
        val,
        encoder=EncoderSpec("autoscidact.encoders.part.ParticleTransformer", 2, arguments),
        loss=LossSettings("supcon", 0.1, 0.5, views),
        trainer=TrainerSettings(max_epochs=max_epochs, batch_size=32, lr=3e-3, accelerator="cpu"),
        folder=folder,
        seed=0,
        signal=None,
    )


@pytest.mark.parametrize("views", [None, JetViews()], ids=["no views", "jet views"])
def test_training_leaves_its_inputs_as_they_are(tmp_path, views):
    events, val = two_classes(192, 1), two_classes(96, 2)
    result = trained_on(events, val, tmp_path, views, 3)
    trained = load(result.checkpoint)
    np.testing.assert_array_equal(trained.standardisation.apply(events.features), events.features)
    with torch.no_grad():
        expected = trained.encoder(torch.from_numpy(val.features)).numpy()
    np.testing.assert_allclose(embed(trained, val.features), expected, atol=1e-6)
    assert result.history[-1]["train_loss"] < result.history[0]["train_loss"]


def test_same_seed_same_weights(tmp_path):
    events, val = two_classes(64, 1), two_classes(32, 2)
    first, second = (
        load(trained_on(events, val, tmp_path / name, JetViews(), 1).checkpoint).encoder.state_dict() for name in "ab"
    )
    assert all(torch.equal(first[name], second[name]) for name in first)
