"""Image files as shards of pixels: hashed, decoded once, in parallel, and kept."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from autoscidact.data.images.class_folders import ImageFile
from autoscidact.data.images.decoding import BadImage, decode_file, pillow
from autoscidact.data.images.shard_files import ShardRecipe, images_in_a_shard
from autoscidact.files import make_folder, sha256_of
from autoscidact.progress import Progress, progress


def write_shards(
    images: Sequence[ImageFile],
    folder: str | Path,
    size: int,
    skip_bad: bool = False,
    workers: int = 1,
) -> tuple[list[ShardRecipe], dict[str, str]]:
    """Decodes images into shards; those that are in `folder` already, of the same content, are kept.

    Args:
        images: to decode; images of one class and pool stand together.
        folder: of the shards.
        size: edge in pixels, see `decoding.fit`.
        skip_bad: leave out images that cannot be used, instead of refusing.
        workers: processes.

    Returns:
        The recipes of the shards, in the order of the images and the same for any number of workers; and name to
        reason for files that could not even be read.

    Raises:
        BadImage: names the file that cannot be used.
        UserError: a shard cannot be written.
    """
    pillow()
    folder = make_folder(folder)
    contents: list[str | BadImage] = []
    with ThreadPoolExecutor(workers) as pool, progress("images checked", len(images)) as bar:
        for content in pool.map(_content, images):
            if isinstance(content, BadImage) and not skip_bad:
                raise content
            contents.append(content)
            bar.advance()
    unread = {i.name: str(c) for i, c in zip(images, contents, strict=True) if isinstance(c, BadImage)}
    named = [(i, c) for i, c in zip(images, contents, strict=True) if not isinstance(c, BadImage)]
    recipes, paths = [], []
    for (pool_name, label), group in groupby(named, key=lambda pair: (pair[0].pool, pair[0].label)):
        members, length = list(group), images_in_a_shard(size)
        for part in (members[start : start + length] for start in range(0, len(members), length)):
            names = tuple(image.name for image, _ in part)
            recipes.append(ShardRecipe(pool_name, label, names, tuple(content for _, content in part), size))
            paths.append(tuple(image.path for image, _ in part))
    made = [recipe.is_made(folder, skip_bad) for recipe in recipes]
    missing = [pair for pair, is_made in zip(zip(recipes, paths, strict=True), made, strict=True) if not is_made]
    there = sum(len(recipe.names) for recipe, is_made in zip(recipes, made, strict=True) if is_made)
    with progress("images decoded", len(named), done=there) as bar:
        _make_all(missing, folder, skip_bad, workers, bar)
    return recipes, unread


def _make_all(
    missing: Sequence[tuple[ShardRecipe, tuple[Path, ...]]], folder: Path, skip_bad: bool, workers: int, bar: Progress
) -> None:
    if workers == 1 or len(missing) < 2:
        for recipe, paths in missing:
            _make(recipe, paths, folder, skip_bad)
            bar.advance(len(paths))
        return
    # Spawned, not forked: threads that the parent holds do not survive a fork.
    with ProcessPoolExecutor(min(workers, len(missing)), mp_context=get_context("spawn")) as pool:
        try:
            for n in _finished(pool, missing, folder, skip_bad):
                bar.advance(n)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _finished(
    pool: ProcessPoolExecutor,
    missing: Iterable[tuple[ShardRecipe, tuple[Path, ...]]],
    folder: Path,
    skip_bad: bool,
) -> Iterator[int]:
    """The number of images of each shard, when it is made."""
    pending: dict[Future[None], int] = {
        pool.submit(_make, recipe, paths, folder, skip_bad): len(paths) for recipe, paths in missing
    }
    while pending:
        for future in wait(pending, return_when=FIRST_COMPLETED).done:
            future.result()
            yield pending.pop(future)


def _make(recipe: ShardRecipe, paths: Sequence[Path], folder: Path, skip_bad: bool) -> None:
    pixels, edges, bad = [], [], {}
    for name, path in zip(recipe.names, paths, strict=True):
        try:
            image = decode_file(path, name, recipe.size)
        except BadImage as error:
            if not skip_bad:
                raise
            bad[name] = str(error)
        else:
            pixels.append(image.pixels)
            edges.append((image.width, image.height))
    stack = np.stack(pixels) if pixels else np.zeros((0, 3, recipe.size, recipe.size), dtype=np.uint8)
    recipe.save(folder, stack, edges, bad)


def _content(image: ImageFile) -> str | BadImage:
    try:
        return sha256_of(image.path)
    except OSError as error:
        return BadImage(f"{image.name}: cannot be read ({error.strerror})")
