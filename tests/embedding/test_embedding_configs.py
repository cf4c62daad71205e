"""The configuration files hold exactly the settings' keys, with values that the settings accept."""

from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from autoscidact.embedding.settings import LoggerSettings, LossSettings, TrainerSettings

CONFIGS = Path(__file__).parents[2] / "configs"


def content(group, name):
    config = OmegaConf.create({"device": "auto", group: OmegaConf.load(CONFIGS / group / f"{name}.yaml")})
    return OmegaConf.to_container(config, resolve=True)[group]


def test_trainer():
    plain = content("trainer", "default")
    assert TrainerSettings(**plain) == TrainerSettings()
    assert set(plain) == set(TrainerSettings().describe())


@pytest.mark.parametrize("name", ["supcon", "simclr"])
def test_loss(name):
    plain = content("loss", name)
    settings = LossSettings(**{**plain, "views": instantiate(plain["views"])})
    assert settings.name == name
    assert set(plain) == set(settings.describe())
    if settings.views is not None:
        assert settings.views(torch.zeros(3, 2)).shape == (3, 2)


def test_logger():
    assert LoggerSettings(**content("logger", "default")) == LoggerSettings(csv=True, tensorboard=True)
    assert LoggerSettings(**content("logger", "none")) == LoggerSettings(csv=False, tensorboard=False)
