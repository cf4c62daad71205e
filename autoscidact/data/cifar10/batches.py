"""CIFAR-10's pickled batches, read by an unpickler that can make arrays and nothing else."""

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.cifar10.layout import CLASSES, SIZE
from autoscidact.errors import UserError

TRAINING = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST = "test_batch"

# The function that numpy names in a pickled array, whatever its module is called in this version.
_RECONSTRUCT: Any = np.empty(0).__reduce__()[0]


def _latin1(text: str, encoding: str) -> bytes:
    """Bytes as Python 3 writes them for Python 2: as text with the name of its encoding."""
    if encoding != "latin1":
        raise _Refused(f"the encoding {encoding}")
    return text.encode("latin1")


_ALLOWED: dict[tuple[str, str], Any] = {
    ("_codecs", "encode"): _latin1,
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


@dataclass(frozen=True)
class Batch:
    """Images of one file.

    Attributes:
        pixels: (n, 3, 32, 32) uint8.
        labels: names of the classes.
        names: of the images, with that of the file.
    """

    pixels: NDArray[np.uint8]
    labels: list[str]
    names: list[str]


def find_batches(folder: Path) -> Path | None:
    """The folder, anywhere below, with the six batches; None where there is none of them.

    Raises:
        UserError: names the batch that is missing.
    """
    found = sorted(path.parent for path in folder.rglob("*") if path.name in (*TRAINING, TEST) and path.is_file())
    if not found:
        return None
    missing = [name for name in (*TRAINING, TEST) if not (found[0] / name).is_file()]
    if missing:
        raise UserError(f"{found[0]}: {', '.join(missing)} missing; get all six batches of CIFAR-10")
    return found[0]


def read_batch(path: Path) -> Batch:
    """Reads a batch; what it holds beside arrays, numbers and text is refused, not run.

    Raises:
        UserError: names the file: damaged, another format, or what it asks to be run.
    """
    content = _unpickled(path)
    try:
        plain = {_text(key): value for key, value in content.items()}
        pixels, labels = plain["data"], np.asarray(plain["labels"])
        whole = (
            isinstance(pixels, np.ndarray)
            and pixels.dtype == np.uint8
            and pixels.shape == (len(labels), 3 * SIZE * SIZE)
            and labels.dtype.kind in "iu"
            and 0 <= labels.min() <= labels.max() < len(CLASSES)
        )
        files = [_text(name) for name in plain.get("filenames", [])]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: no batch of CIFAR-10 ({_reason(error)})") from error
    if not whole:
        raise UserError(f"{path}: no batch of CIFAR-10 (images are uint8 of shape (n, 3072), labels 0 to 9)")
    files = files if len(files) == len(labels) else [f"{row:05d}" for row in range(len(labels))]
    return Batch(
        pixels.reshape(-1, 3, SIZE, SIZE),
        [CLASSES[label] for label in labels],
        [f"{path.name}/{name}" for name in files],
    )


class _Arrays(pickle.Unpickler):
    """Finds nothing but what makes arrays."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise _Refused(f"{module}.{name}")
        return _ALLOWED[module, name]


class _Refused(Exception):
    """Holds the name of what a file asked for."""


def _unpickled(path: Path) -> dict[Any, Any]:
    try:
        with path.open("rb") as file:
            content = _Arrays(file, encoding="bytes").load()
    except _Refused as error:
        raise UserError(
            f"{path}: asks for {error}, which no batch of CIFAR-10 does; nothing was run. Delete it and get the "
            "published file"
        ) from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error
    # A damaged pickle raises whatever its last instruction stumbled on.
    except Exception as error:
        raise UserError(f"{path}: damaged or no batch of CIFAR-10 ({_reason(error)}); get it again") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: no batch of CIFAR-10 (holds a {type(content).__name__}, not a dictionary)")
    return content


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _reason(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
