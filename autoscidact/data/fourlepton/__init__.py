"""Four leptons in CMS open data: the search for the Higgs boson (AutoSciDACT, App. E)."""

from autoscidact.data.fourlepton.candidates import known, published, published_files
from autoscidact.data.fourlepton.dataset import load
from autoscidact.data.fourlepton.observed import observed
from autoscidact.data.fourlepton.prepare import prepare

__all__ = ["known", "load", "observed", "prepare", "published", "published_files"]
