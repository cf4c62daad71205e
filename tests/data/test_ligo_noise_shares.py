"""Real noise is divided so that no two events share a window, and no two splits a second."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscidact.data.contract import SPLITS
from autoscidact.data.ligo.layout import WINDOWS_A_SECOND, NoiseWindows
from autoscidact.data.ligo.noise_shares import share_noise
from autoscidact.data.ligo.plan import CHUNK, plan_chunks, split_sizes
from autoscidact.errors import UserError

SPLIT = {"train": 0.5, "val": 0.1, "test": 0.4}
CLASSES = ("background", "bbh", "kink")


def noise_of_seconds(seconds: int, first: float = 1126259446.0) -> NoiseWindows:
    """Windows whose first sample says which they are, whitened by one of three spectra."""
    n = seconds * WINDOWS_A_SECOND
    windows = np.zeros((n, 2, 200), dtype=np.float32)
    windows[:, 0, 0] = np.arange(n)
    gps = (
        first + np.repeat(np.arange(seconds), WINDOWS_A_SECOND) + np.tile(np.arange(WINDOWS_A_SECOND), seconds) / 20.48
    )
    asd = np.arange(3.0)[:, None, None] * np.ones((3, 2, 5))
    return NoiseWindows(windows, asd, (np.arange(n) // WINDOWS_A_SECOND) % 3, gps)


@settings(max_examples=20, deadline=None)
@given(seconds=st.integers(30, 90), seed=st.integers(0, 1000))
def test_no_window_twice_and_no_second_in_two_splits(seconds, seed):
    noise = noise_of_seconds(seconds)
    # Of 35 seconds 3 go to validation, not 3.5: not all windows can be asked for.
    sizes = split_sizes(seconds * WINDOWS_A_SECOND // len(CLASSES) * 8 // 10, SPLIT)
    noise_of = share_noise(noise, sizes, CLASSES, SPLIT, seed)
    windows, seconds_of = [], {split: set() for split in SPLITS}
    for chunk in plan_chunks(sizes, CLASSES, "recipe"):
        given_noise = noise_of(chunk)
        assert len(given_noise) == chunk.n
        rows = given_noise.windows[:, 0, 0].astype(int)
        windows.extend(rows)
        seconds_of[chunk.split] |= set(np.floor(given_noise.gps).astype(int))
        # The spectra that went along are those of the windows.
        np.testing.assert_array_equal(given_noise.asd[given_noise.asd_index, 0, 0], noise.asd_index[rows])
    assert len(set(windows)) == len(windows)
    assert not seconds_of["train"] & seconds_of["test"]
    assert not seconds_of["train"] & seconds_of["val"]
    assert not seconds_of["val"] & seconds_of["test"]


def test_too_little_strain_says_how_much_is_needed():
    with pytest.raises(UserError, match=r"need 451 s of good strain .* there are 60 s; .* n_per_class=(\d+)") as error:
        share_noise(noise_of_seconds(60), split_sizes(3000, SPLIT), CLASSES, SPLIT, 0)
    fits = int(str(error.value).rpartition("=")[2])
    share_noise(noise_of_seconds(60), split_sizes(fits, SPLIT), CLASSES, SPLIT, 0)
    with pytest.raises(UserError, match="n_per_class"):
        share_noise(noise_of_seconds(60), split_sizes(int(1.1 * fits), SPLIT), CLASSES, SPLIT, 0)


def test_chunks_hold_what_was_asked_for():
    sizes = split_sizes(5 * CHUNK, SPLIT)
    chunks = plan_chunks(sizes, CLASSES, "recipe")
    for name in CLASSES:
        found = {split: sum(c.n for c in chunks if (c.class_name, c.split) == (name, split)) for split in SPLITS}
        assert found == sizes == {"train": 2500, "val": 500, "test": 2000}
    assert len({chunk.name for chunk in chunks}) == len(chunks)
    # Chunks that were whole already are the same ones of a larger number of events.
    larger = {chunk.name for chunk in plan_chunks(split_sizes(20 * CHUNK, SPLIT), CLASSES, "recipe")}
    assert {chunk.name for chunk in chunks if chunk.n == CHUNK} <= larger


def test_a_split_without_an_event():
    with pytest.raises(UserError, match="n_per_class=1: too few for events in"):
        split_sizes(1, SPLIT)
