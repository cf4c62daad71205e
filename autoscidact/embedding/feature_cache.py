"""Features that a frozen backbone makes of images: once for each image, kept on disk."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autoscidact.data.contract import Features
from autoscidact.data.sharded_array import ShardedArray
from autoscidact.embedding.allocator import keep_freed_memory, release_freed_memory
from autoscidact.embedding.image_blocks import ImageBlock, image_blocks
from autoscidact.encoders.pretrained.contract import Backbone
from autoscidact.errors import UserError
from autoscidact.files import content_hash, make_folder, write_array, write_text
from autoscidact.progress import Progress, progress

BATCH = 16
"""Images in every pass, which is always full: features of one image alone differ from these by 1e-5, say."""

# Changes whenever the same images and weights give other features.
_FORMAT = 1

# Convolutions on CPUs: EfficientNet-Lite0 takes a third of the time.
_LAYOUT = torch.channels_last

Views = Callable[[Tensor], Tensor]


def cached_features(features: Features, backbone: Backbone, folder: str | Path, device: str = "cpu") -> ShardedArray:
    """Features of images, out of `folder` where they are, and made and kept there where they are not.

    They are found by the images' content, the weights and the preprocessing: a changed image or weight has its own, and
    datasets that share files of images share features. Blocks of 256 images are written one by one, each when it is
    whole, so that an interrupted run loses one block. The bytes depend on no order, batch or interruption: each image
    is computed in the same company every time. They may depend, in their last digits, on the kind of device that
    computed them first.

    Args:
        features: (n, 3, height, width) from 0 to 255, in memory or on disk.
        backbone: with its weights.
        folder: for features of all datasets and backbones; each backbone has a folder of its own there, with
            `backbone.json`, which says what it is.
        device: where to compute what is missing.

    Returns:
        (n, F) float32.

    Raises:
        UserError: images that cannot be read, features that are not finite, or a folder that cannot be written.
    """
    blocks, place = image_blocks(features, Path(folder)), _place(backbone, Path(folder))
    files = [place / f"{block.name}.npy" for block in blocks]
    shape = (backbone.n_features,)

    def make(block: ImageBlock) -> NDArray[np.float32]:
        return _through(backbone, lambda rows: torch.from_numpy(block.read(rows)), len(block), device)

    _fill(blocks, files, shape, make, backbone, device, "images")
    return _joined(blocks, files, shape)


def cached_variants(
    features: Features, backbone: Backbone, views: Views, n_views: int, folder: str | Path, device: str = "cpu"
) -> ShardedArray:
    """Features of images, and behind them those of augmented variants of each, made and kept as `cached_features` does.

    A variant depends on the image, its number and the settings of `views`, and on no seed of a training.

    Args:
        features, backbone, folder, device: see `cached_features`.
        views: makes a random variant of images, (n, 3, height, width) -> the same, from torch's global generator. Its
            `repr` stands for its settings.
        n_views: variants of each image, at least 1.

    Returns:
        (n, F, 1 + n_views) float32; [:, :, 0] is of the images themselves.

    Raises:
        UserError: see `cached_features`.
    """
    cached_features(features, backbone, folder, device)
    blocks, plain = image_blocks(features, Path(folder)), _place(backbone, Path(folder))
    place = make_folder(plain / f"{n_views}_views_{content_hash([repr(views)])}")
    files = [place / f"{block.name}.npy" for block in blocks]
    shape = (backbone.n_features, 1 + n_views)

    def make(block: ImageBlock) -> NDArray[np.float32]:
        every = [np.load(plain / f"{block.name}.npy", allow_pickle=False)]
        for number in range(1, n_views + 1):

            def variants(rows: slice, number: int = number) -> Tensor:
                return torch.stack([_variant(image, views, number) for image in block.read(rows)])

            every.append(_through(backbone, variants, len(block), device))
        return np.stack(every, axis=2)

    _fill(blocks, files, shape, make, backbone, device, f"images in {n_views} variants")
    return _joined(blocks, files, shape)


def _variant(image: NDArray[np.float32], views: Views, number: int) -> Tensor:
    digest = hashlib.sha256(np.ascontiguousarray(image).data)
    digest.update(f"{number} {views!r}".encode())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int.from_bytes(digest.digest()[:7], "big"))
        return views(torch.from_numpy(image)[None])[0]


def _through(backbone: Backbone, images: Callable[[slice], Tensor], n: int, device: str) -> NDArray[np.float32]:
    """(n, F): images through the backbone, in batches that are always full."""
    out = np.empty((n, backbone.n_features), dtype=np.float32)
    # Ampere's shortened mantissa would be kept for good, for users of other devices too.
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        for start in range(0, n, BATCH):
            some = images(slice(start, start + BATCH))
            full = torch.cat([some, some.new_zeros(BATCH - len(some), *some.shape[1:])])
            found = backbone(full.to(device).contiguous(memory_format=_LAYOUT))[: len(some)]
            out[start : start + BATCH] = found.float().cpu().numpy()
    return out


def _fill(
    blocks: list[ImageBlock],
    files: list[Path],
    shape: tuple[int, ...],
    make: Callable[[ImageBlock], NDArray[np.float32]],
    backbone: Backbone,
    device: str,
    what: str,
) -> None:
    there = [_is_whole(file, (len(block), *shape)) for block, file in zip(blocks, files, strict=True)]
    if all(there):
        return
    n_there = sum(len(block) for block, is_there in zip(blocks, there, strict=True) if is_there)
    was_training = backbone.training
    backbone.to(device).to(memory_format=_LAYOUT).eval()
    keep_freed_memory()
    try:
        with progress(f"{what} through {backbone.name}", sum(map(len, blocks)), done=n_there) as bar:
            for block, file, is_there in zip(blocks, files, there, strict=True):
                # Another process may have come first meanwhile.
                if not is_there:
                    _write(block, file, shape, make, bar)
    finally:
        backbone.to("cpu").to(memory_format=torch.contiguous_format).train(was_training)
        release_freed_memory()


def _write(
    block: ImageBlock,
    file: Path,
    shape: tuple[int, ...],
    make: Callable[[ImageBlock], NDArray[np.float32]],
    bar: Progress,
) -> None:
    if not _is_whole(file, (len(block), *shape)):
        values = make(block)
        bad = int((~np.isfinite(values.reshape(len(values), -1))).any(axis=1).sum())
        if bad:
            raise UserError(f"{bad} of {len(values)} images have no finite features; check encoder.weights")
        write_array(file, values)
    bar.advance(len(block))


def _is_whole(file: Path, shape: tuple[int, ...]) -> bool:
    if not file.is_file():
        return False
    try:
        found = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return False
    return bool(found.shape == shape and found.dtype == np.float32)


def _joined(blocks: list[ImageBlock], files: list[Path], shape: tuple[int, ...]) -> ShardedArray:
    sizes = [len(block) if block.wanted is None else len(block.wanted) for block in blocks]
    bounds = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return ShardedArray(tuple(files), bounds, tuple(block.wanted for block in blocks), shape, np.dtype("<f4"))


def _place(backbone: Backbone, folder: Path) -> Path:
    identity = backbone.identity()
    key = content_hash([_FORMAT, BATCH, identity], 16)
    place = make_folder(folder / f"{backbone.name.replace('/', '_').replace(':', '_')}_{key}")
    described = place / "backbone.json"
    if not described.is_file():
        write_text(described, json.dumps(identity, indent=1, sort_keys=True) + "\n")
    return place
