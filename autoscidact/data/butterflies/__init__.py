"""Butterflies of one species; hybrids of two subspecies are the signal (AutoSciDACT, App. A.6)."""

from autoscidact.data.butterflies.dataset import load
from autoscidact.data.butterflies.prepare import prepare
from autoscidact.data.images.observed import observed

__all__ = ["OBSERVES_FOLDERS", "load", "observed", "prepare"]

OBSERVES_FOLDERS = True
"""`observed` takes folders of images, not only files."""
