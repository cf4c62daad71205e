"""Stained tissue under the microscope; fatty liver disease is the signal (AutoSciDACT, App. A.4)."""

from autoscidact.data.histology.dataset import load
from autoscidact.data.histology.prepare import prepare
from autoscidact.data.images.observed import observed

__all__ = ["OBSERVES_FOLDERS", "load", "observed", "prepare"]

OBSERVES_FOLDERS = True
"""`observed` takes folders of images, not only files."""
