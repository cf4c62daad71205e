"""An encoder that declares it gets events as the dataset gives them, in training and when it embeds."""

import numpy as np
import pytest
import torch

from autoscidact.data.contract import Events
from autoscidact.embedding.checkpoint import load
from autoscidact.embedding.embed import embed
from autoscidact.embedding.settings import LossSettings, TrainerSettings
from autoscidact.embedding.standardise import Standardisation
from autoscidact.embedding.training import train
from autoscidact.encoders.contract import EncoderSpec
from autoscidact.encoders.mlp import MLP


class Unstandardised(MLP):
    standardises_itself = True

    def forward(self, x):
        # Masks and units are what standardisation would break.
        assert set(x[:, 2].unique().tolist()) <= {0.0, 1.0}
        return super().forward(x)


def events(n, first_id, seed):
    random = np.random.default_rng(seed)
    x = np.stack([random.normal(0, 1, n), random.normal(0, 1, n), random.integers(0, 2, n)], 1).astype(np.float32)
    labels = np.arange(n) % 2
    x[:, 0] += 3 * labels
    return Events(x, labels, ("a", "b"), np.arange(first_id, first_id + n), np.ones(n))


@pytest.mark.parametrize("shape", [(5, 3), (5, 3, 4)])
def test_no_standardisation_leaves_every_bit(shape):
    x = np.random.default_rng(0).normal(0, 1e3, shape).astype(np.float32)
    np.testing.assert_array_equal(Standardisation.none(3).apply(x), x)


def test_training_and_embedding_pass_events_as_they_are(tmp_path):
    target = f"{__name__}.Unstandardised"
    result = train(
        events(200, 0, 1),
        events(100, 1000, 2),
        encoder=EncoderSpec(target, 2, {"hidden": [8]}),
        loss=LossSettings("supcon", 0.1, 0.5),
        trainer=TrainerSettings(max_epochs=2, batch_size=50, accelerator="cpu"),
        folder=tmp_path,
        seed=0,
        signal=None,
    )
    trained = load(result.checkpoint, trusted=[target])
    assert not trained.standardisation.mean.any()
    assert (trained.standardisation.scale == 1).all()
    x = events(20, 0, 3).features
    with torch.no_grad():
        np.testing.assert_array_equal(embed(trained, x), trained.encoder(torch.from_numpy(x)).numpy())
