"""Cached features are those of the backbone, to the last bit, whatever was interrupted, divided or asked before."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from stored_features import stored
from torch import nn

from autoscidact.embedding import feature_cache, image_blocks
from autoscidact.embedding.feature_cache import BATCH, cached_features, cached_variants
from autoscidact.embedding.image_views import ImageViews
from autoscidact.encoders.pretrained.contract import Backbone, Preprocessing
from autoscidact.errors import UserError

N, F = 100, 8


def small_backbone(seed=0):
    """A little network whose sums are long enough to depend on their order."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Conv2d(3, 16, 5, 3), nn.ReLU(), nn.BatchNorm2d(16), nn.Flatten(), nn.Linear(16 * 49, F)
        )
    return Backbone(network, "made/small", F, Preprocessing(24, 24))


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (N, 3, 24, 24)).astype(np.uint8)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(image_blocks, "BLOCK", 20)


@pytest.fixture
def passes(monkeypatch):
    """The number of images in each block that went through the backbone."""
    made, through = [], feature_cache._through

    def counted(backbone, rows, n, device):
        made.append(n)
        return through(backbone, rows, n, device)

    monkeypatch.setattr(feature_cache, "_through", counted)
    return made


def uncached(backbone, images, block=20):
    """Images in full batches, counted anew in each block, without any of the cache's code."""
    backbone = backbone.eval().to(memory_format=torch.channels_last)
    parts = []
    for start in range(0, len(images), block):
        for x in torch.from_numpy(images[start : start + block].astype(np.float32)).split(BATCH):
            full = torch.zeros(BATCH, *x.shape[1:])
            full[: len(x)] = x
            with torch.inference_mode():
                parts.append(backbone(full.contiguous(memory_format=torch.channels_last))[: len(x)].numpy())
    return np.concatenate(parts)


def test_bits_of_an_uncached_pass_and_of_a_second_call(images, tmp_path, passes):
    backbone = small_backbone().train()
    found = cached_features(images, backbone, tmp_path)
    assert (found.shape, found.dtype) == ((N, F), np.float32)
    assert np.array_equal(found[:], uncached(small_backbone(), images))
    assert passes == [20] * 5
    assert backbone.training
    again = cached_features(images, small_backbone(), tmp_path)
    assert np.array_equal(again[:], found[:])
    assert passes == [20] * 5
    assert again.fingerprint == found.fingerprint


def test_files_of_images_in_any_selection(images, tmp_path, passes):
    whole = stored(tmp_path / "images", images)
    lengths = np.diff(whole.bounds)
    expected = np.concatenate([uncached(small_backbone(), part) for part in np.split(images, whole.bounds[1:-1])])
    rows = np.isin(np.arange(N), [3, 4, whole.bounds[1] + 1, N - 1])
    few = cached_features(whole.select(rows), small_backbone(), tmp_path / "cache")
    assert np.array_equal(few[:], expected[rows])
    before = sum(passes)
    assert before < N
    every = cached_features(whole, small_backbone(), tmp_path / "cache")
    assert np.array_equal(every[:], expected)
    assert sum(passes) == N, "no image twice"
    assert len(passes) == sum(-(-lengths // 20))


def test_the_same_file_elsewhere_is_known(images, tmp_path, passes):
    first = cached_features(stored(tmp_path / "a", images), small_backbone(), tmp_path / "cache")
    before = len(passes)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    second = cached_features(stored(tmp_path / "b", images), small_backbone(), tmp_path / "cache")
    assert len(passes) == before
    assert np.array_equal(first[:], second[:])


def test_a_changed_image_or_weight_is_noticed(images, tmp_path, passes):
    source = stored(tmp_path / "images", images)
    first = cached_features(source, small_backbone(), tmp_path / "cache")
    n_first = sum(passes)
    file = np.load(source.paths[1], mmap_mode="r+")
    file[-1, 0, 0, 0] ^= 1
    file.flush()
    os.utime(source.paths[1])
    second = cached_features(source, small_backbone(), tmp_path / "cache")
    changed = (first[:] != second[:]).any(axis=1)
    assert np.flatnonzero(changed).tolist() == [source.bounds[2] - 1]
    assert 0 < sum(passes) - n_first <= np.diff(source.bounds)[1]
    backbone = small_backbone()
    with torch.no_grad():
        backbone.network[0].weight[0, 0, 0, 0] += 1e-3
    third = cached_features(source, backbone, tmp_path / "cache")
    assert (third[:] != second[:]).any(axis=1).all()
    assert sum(passes[-5:]) >= 20


def test_an_interrupted_run_loses_one_block(images, tmp_path):
    """Killed with SIGKILL in its third block: finished ones are kept, and the bytes are those of an undisturbed run."""
    np.save(tmp_path / "images.npy", np.concatenate([images] * 8))
    command = [sys.executable, str(Path(__file__).with_name("feature_cache_child.py")), str(tmp_path / "images.npy")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    places = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    environment["PYTHONPATH"] = os.pathsep.join(places)

    def child(folder, seconds):
        arguments = [*command, str(tmp_path / folder), seconds]
        return subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )

    killed = child("killed", "0.2")
    for _ in range(3):
        assert killed.stdout.readline() == "block\n"
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "killed").rglob("*.npy")}
    assert len(kept) == 2
    lines = child("killed", "0").communicate()[0].splitlines()
    assert lines == ["block", "block", "done"], "800 images are 4 blocks, of which 2 were done"
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
    assert child("whole", "0").communicate()[0].splitlines() == ["block"] * 4 + ["done"]
    names = sorted(path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").rglob("*.npy"))
    assert len(names) == 4
    for name in names:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()


def test_a_damaged_block_is_made_again(images, tmp_path, passes):
    first = cached_features(images, small_backbone(), tmp_path)
    values = first[:]
    first.paths[2].write_bytes(first.paths[2].read_bytes()[:200])
    assert np.array_equal(cached_features(images, small_backbone(), tmp_path)[:], values)
    assert passes == [20] * 6


def test_threads_do_not_matter(images, tmp_path):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = cached_features(images, small_backbone(), tmp_path / "1")[:]
        torch.set_num_threads(2)
        assert np.array_equal(cached_features(images, small_backbone(), tmp_path / "2")[:], one)
    finally:
        torch.set_num_threads(before)


def test_variants_are_fixed_by_the_image(images, tmp_path, passes):
    views, backbone = ImageViews(), small_backbone()
    torch.manual_seed(1)
    state = torch.get_rng_state()
    found = cached_variants(images, backbone, views, 2, tmp_path)
    assert torch.equal(torch.get_rng_state(), state)
    assert found.shape == (N, F, 3)
    values = found[:]
    assert np.array_equal(values[:, :, 0], cached_features(images, backbone, tmp_path)[:])
    assert passes == [20] * 15, "each variant once, and the images themselves once"
    assert (values[:, :, 1:] != values[:, :, :1]).any(axis=1).all()
    assert (values[:, :, 1] != values[:, :, 2]).any(axis=1).all()
    # In other company and another order, up to rounding.
    backwards = cached_variants(images[::-1].copy(), backbone, views, 2, tmp_path)[:]
    np.testing.assert_allclose(backwards[::-1], values, rtol=1e-4, atol=1e-3)
    other = cached_variants(images, backbone, ImageViews(jitter=0.1), 2, tmp_path)
    assert not np.array_equal(other[:][:, :, 1], values[:, :, 1])


def test_errors(images, tmp_path):
    source = stored(tmp_path / "images", images)
    source.paths[0].unlink()
    with pytest.raises(UserError, match=r"0\.npy: cannot be read"):
        cached_features(source, small_backbone(), tmp_path / "cache")
    backbone = small_backbone()
    with torch.no_grad():
        backbone.network[0].bias[0] = torch.nan
    with pytest.raises(UserError, match="20 of 20 images have no finite features"):
        cached_features(images, backbone, tmp_path / "cache")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot make folder"):
        cached_features(images, small_backbone(), tmp_path / "file" / "cache")
