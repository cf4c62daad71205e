"""Gravitational-wave strain of LIGO's two detectors, with injected signals (AutoSciDACT, App. A.2)."""

from autoscidact.data.ligo.dataset import load
from autoscidact.data.ligo.observed import observed
from autoscidact.data.ligo.prepare import prepare

__all__ = ["OBSERVES_FOLDERS", "load", "observed", "prepare"]

OBSERVES_FOLDERS = True
"""`observed` takes folders of strain files, not only files."""
