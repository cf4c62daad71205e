"""CIFAR-10, and the images that others made to resemble it (AutoSciDACT, App. A.5 and D)."""

from autoscidact.data.cifar10.dataset import load
from autoscidact.data.cifar10.observed import observed
from autoscidact.data.cifar10.prepare import prepare

__all__ = ["OBSERVES_FOLDERS", "load", "observed", "prepare"]

OBSERVES_FOLDERS = True
"""`observed` takes folders of images, not only files."""
