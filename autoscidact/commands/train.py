"""Train the contrastive embedding of a dataset, without its signal class.

Examples:
    autoscidact train dataset=digits
"""

from omegaconf import DictConfig

from autoscidact.errors import UserError


def run(cfg: DictConfig) -> None:
    """Train the contrastive embedding of a dataset, without its signal class."""
    raise UserError("train is not built yet")
