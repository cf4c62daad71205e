"""Calibrate the two-sample test on null toys and measure Z at each signal fraction.

Examples:
    autoscidact discover dataset=digits
"""

from omegaconf import DictConfig

from autoscidact.errors import UserError


def run(cfg: DictConfig) -> None:
    """Calibrate the two-sample test on null toys and measure Z at each signal fraction."""
    raise UserError("discover is not built yet")
