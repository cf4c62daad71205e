"""Gravitational-wave strain of LIGO's two detectors, with injected signals (AutoSciDACT, App. A.2)."""

from autoscidact.data.ligo.dataset import load
from autoscidact.data.ligo.observed import observed
from autoscidact.data.ligo.prepare import prepare
from autoscidact.data.ligo.real_background import strain_folder

__all__ = ["OBSERVES_FOLDERS", "load", "observed", "prepare", "strain_folder"]

OBSERVES_FOLDERS = True
"""`observed` takes folders of strain files, not only files."""
