import pytest
import torch
from torch import nn

from autoscidact.embedding.module import ContrastiveModule
from autoscidact.embedding.settings import LossSettings, TrainerSettings
from autoscidact.encoders.contract import EncoderSpec
from autoscidact.encoders.mlp import MLP
from autoscidact.errors import UserError


def test_the_paper_s_network_has_12k_parameters():
    encoder = MLP((15,), dim=4, hidden=[64, 64, 64, 32])
    module = ContrastiveModule(encoder, 4, 5, LossSettings(), TrainerSettings(), seed=0)
    assert sum(p.numel() for p in module.parameters()) == pytest.approx(12_000, rel=0.05)


def test_config_round_trip():
    config = {"_target_": "autoscidact.encoders.mlp.MLP", "dim": 3, "hidden": [5]}
    spec = EncoderSpec.from_config(config)
    assert spec.to_config() == config
    assert spec.build((2,))(torch.zeros(1, 2)).shape == (1, 3)


@pytest.mark.parametrize("config", [{"dim": 4}, {"_target_": "x.Y"}, {"_target_": "x.Y", "dim": 0}])
def test_incomplete_config(config):
    with pytest.raises(UserError, match="encoder"):
        EncoderSpec.from_config(config)


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "torch.nn.Linear",
        "autoscidact.encodersx.Y",
        "autoscidact.encoders.mlp.math.prod",
        "autoscidact.encoders.mlp.nn",
        "autoscidact.encoders.mlp.Sequence",
        "autoscidact.encoders.nothing.There",
        "autoscidact.encoders..mlp.MLP",
        "autoscidact.encoders.contract.EncoderSpec",
        "builtins.exec",
        "",
    ],
)
def test_a_file_cannot_name_arbitrary_code(target):
    with pytest.raises(UserError, match="encoder"):
        EncoderSpec(target, 4).build((3,), trusted=())


class Own(nn.Linear):
    def __init__(self, input_shape, dim):
        super().__init__(input_shape[0], dim)


def test_a_class_of_the_user_s_own_needs_their_word():
    spec = EncoderSpec(f"{__name__}.Own", 4)
    assert isinstance(spec.build((3,)), Own)
    assert isinstance(spec.build((3,), trusted=[f"{__name__}.Own"]), Own)
    with pytest.raises(UserError, match=r"encoder\._target_"):
        spec.build((3,), trusted=[])


def test_wrong_arguments():
    with pytest.raises(UserError, match="depth"):
        EncoderSpec("autoscidact.encoders.mlp.MLP", 4, {"depth": 3}).build((3,))
