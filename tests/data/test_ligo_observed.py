"""Observed segments: as they are, or whitened as the background is, and recognised where the dataset holds them."""

import os
from pathlib import Path

import numpy as np
import pytest

from autoscidact.data.ligo import observed
from autoscidact.data.ligo.real_noise import real_noise
from autoscidact.errors import UserError

DATA = Path(os.environ.get("AUTOSCIDACT_TEST_DATA", Path(__file__).parents[2] / "../shared/data")).resolve() / "ligo"


def test_segments_are_taken_as_they_are_and_known_by_their_samples(tmp_path):
    segments = np.random.default_rng(0).normal(size=(40, 2, 200)).astype(np.float32)
    np.save(tmp_path / "a.npy", segments)
    np.savez(tmp_path / "b.npz", data=segments[::-1])
    first, second = observed(tmp_path / "a.npy", signal="bbh"), observed(tmp_path / "b.npz")
    np.testing.assert_array_equal(first.features, segments)
    assert len(set(first.ids)) == 40
    np.testing.assert_array_equal(first.ids, second.ids[::-1])
    np.save(tmp_path / "c.npy", segments[:, 0])
    with pytest.raises(UserError, match=r"c\.npy: holds"):
        observed(tmp_path / "c.npy")


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no real strain in {DATA} (AUTOSCIDACT_TEST_DATA)")
def test_strain_is_whitened_as_the_background_is():
    events = observed(DATA)
    noise = real_noise(DATA)
    np.testing.assert_allclose(events.features.std(axis=2), 1, rtol=1e-5)
    scale = noise.windows.std(axis=2, keepdims=True)
    np.testing.assert_allclose(events.features * scale, noise.windows, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(events.observers["gps"], noise.gps)
