"""Gravitational-wave strain of LIGO's two detectors, with injected signals (AutoSciDACT, App. A.2)."""

from autoscidact.data.ligo.dataset import load
from autoscidact.data.ligo.prepare import prepare

__all__ = ["load", "prepare"]
