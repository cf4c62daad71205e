"""Fills a feature cache from a stored array, saying each block that it writes: to be killed by its parent.

    python feature_cache_child.py IMAGES FOLDER SECONDS

Waits SECONDS after each block.
"""

import sys
import time
from pathlib import Path

import numpy as np
from test_feature_cache import small_backbone

from autoscidact.embedding import feature_cache

if __name__ == "__main__":
    images, folder, seconds = np.load(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    through = feature_cache._through

    def slow(*arguments):
        print("block", flush=True)
        time.sleep(seconds)
        return through(*arguments)

    feature_cache._through = slow
    feature_cache.cached_features(images, small_backbone(), folder)
    print("done", flush=True)
