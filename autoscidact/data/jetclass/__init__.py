"""Jets: the public simulation JetClass, and jets of our own in its format (AutoSciDACT, App. A.3)."""

from autoscidact.data.jetclass.dataset import load
from autoscidact.data.jetclass.prepare import prepare

__all__ = ["load", "prepare"]
