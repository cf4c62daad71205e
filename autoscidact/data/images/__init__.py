"""Images in class folders of the user's own."""

from autoscidact.data.images.dataset import load
from autoscidact.data.images.observed import observed
from autoscidact.data.images.prepare import prepare

__all__ = ["OBSERVES_FOLDERS", "load", "observed", "prepare"]

OBSERVES_FOLDERS = True
"""`observed` takes folders of images, not only files."""
