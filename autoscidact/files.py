"""Files that are either whole or absent, and hashes that name what they hold."""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoscidact.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`, renamed to it only if the block succeeds.

    Raises:
        UserError: the folder cannot be made or written, or the disk is full.
    """
    path = Path(path)
    make_folder(path.parent)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}; choose another folder with outputs=DIR") from error
    temporary = Path(name)
    try:
        # mkstemp makes files private; results are as readable as the user's umask says.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}; nothing was overwritten") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Writes UTF-8 text atomically. Raises UserError where it cannot."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def make_folder(path: str | Path) -> Path:
    """Makes a folder and its parents. Raises UserError naming the one that cannot be made."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make folder {path}: {error.strerror}; choose another with outputs=DIR") from error
    return path


def content_hash(value: Any, length: int = 12) -> str:
    """Hex digest of a JSON-serialisable value; equal values give equal digests."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def array_hash(*arrays: "NDArray[Any]") -> str:
    """16 hex digits that change whenever the shape or a value of one of these arrays does."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(str(array.shape).encode() + array.tobytes())
    return digest.hexdigest()[:16]


def sha256_of(path: Path) -> str:
    """Hex digest of a file's content. Raises OSError where it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_array(path: str | Path, array: "NDArray[Any]") -> None:
    """Writes an .npy file atomically; never pickled. Raises UserError where it cannot."""
    import numpy as np  # not needed by what only asks for --help

    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)
