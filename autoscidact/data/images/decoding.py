"""One image file as 8-bit RGB pixels of a fixed size, or what is wrong with it."""

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

SUFFIXES = (".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
"""Files with these endings are images; all others are ignored."""

MAX_PIXELS = 89_478_485
"""Pillow's own limit, 268 MB as RGB: a small file that claims more may fill the memory."""

# Only these: Pillow hands some others to programs of the system.
_FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
# 65535 / 255: the largest of 16 bits becomes the largest of 8.
_SIXTEEN_TO_EIGHT = 257
_WITH_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")


class BadImage(UserError):
    """An image cannot be used; others may be."""


@dataclass(frozen=True)
class Decoded:
    """An image.

    Attributes:
        pixels: (3, size, size) uint8, RGB.
        width, height: of the file's image.
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int


def decode(content: bytes, name: str, size: int) -> Decoded:
    """Decodes an image, turns it as its EXIF tag says, and fits it to `size`, see `fit`.

    All become 8-bit RGB: grey values are repeated, palettes looked up, transparent parts laid on white, CMYK
    converted as Pillow does, 16-bit values divided by 257 and rounded (16-bit RGB: the upper 8 bits).

    Args:
        content: of the file.
        name: of the file, for messages.
        size: edge in pixels.

    Raises:
        BadImage: names the file: empty, damaged, cut short, of more than MAX_PIXELS, of several frames or pages, or
            of values without a fixed range (32-bit or floating point).
    """
    image_module = pillow()
    from PIL.ImageOps import exif_transpose

    if not content:
        raise BadImage(f"{name}: the file is empty; delete it or get it again")
    try:
        with warnings.catch_warnings():
            # Pillow only warns between its limit and twice as much; ours is checked below.
            warnings.simplefilter("ignore")
            with image_module.open(io.BytesIO(content), formats=_FORMATS) as image:
                _check_header(image, name)
                rgb = _as_rgb(exif_transpose(image), name)
                return Decoded(_pixels(fit(rgb, size)), *rgb.size)
    except UserError:
        raise
    except image_module.DecompressionBombError as error:
        raise BadImage(f"{name}: {_too_large(str(error))}") from error
    # Decoders raise whatever their parsing stumbles on: struct.error, KeyError, SyntaxError, ...
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        reason = "no image that can be read" if "cannot identify" in reason else reason
        raise BadImage(f"{name}: damaged, or no image ({reason}); delete it or get it again") from error


def decode_file(path: Path, name: str, size: int) -> Decoded:
    """`decode` of a file; `name` is what messages call it. Raises BadImage, also where the file cannot be read."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadImage(f"{name}: cannot be read ({error.strerror})") from error
    return decode(content, name, size)


def fit(image: "PillowImage", size: int) -> "PillowImage":
    """Resized (bicubic) so that its shorter side is `size`, and cut to the square at the centre."""
    if image.size == (size, size):
        return image
    width, height = image.size
    edge = min(width, height)
    left, top = (width - edge) / 2, (height - edge) / 2
    return image.resize((size, size), pillow().Resampling.BICUBIC, box=(left, top, left + edge, top + edge))


def fit_array(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """(n, 3, height, width) to (n, 3, size, size), each image as `fit` does."""
    if pixels.shape[2:] == (size, size):
        return pixels
    module = pillow()
    images = (module.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))) for image in pixels)
    return np.stack([_pixels(fit(image, size)) for image in images])


def pixel_id(pixels: NDArray[np.uint8]) -> int:
    """63 bits of a hash of an image's pixels: the same image has the same id in any file and folder."""
    return int.from_bytes(hashlib.sha256(np.ascontiguousarray(pixels).data).digest()[:8], "big") >> 1


def pillow() -> Any:
    """The module PIL.Image. Raises UserError where Pillow is not installed."""
    try:
        import PIL.Image
    except ImportError as error:
        raise UserError("images need Pillow: pip install 'autoscidact[images]'") from error
    return PIL.Image


def _check_header(image: "PillowImage", name: str) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise BadImage(f"{name}: {_too_large(f'{width} x {height} pixels')}")
    # A phone's JPEG may carry a second picture (MPO); the first is the photograph.
    frames = int(getattr(image, "n_frames", 1))
    if frames > 1 and image.format != "MPO":
        raise BadImage(f"{name}: holds {frames} frames or pages; save the one that is meant as a file of its own")


def _too_large(found: str) -> str:
    return f"too large an image ({found}; at most {MAX_PIXELS} pixels), or a decompression bomb; make it smaller"


def _as_rgb(image: "PillowImage", name: str) -> "PillowImage":
    mode = image.mode
    if mode in ("I", "F"):
        low, high = (float(value) for value in image.getextrema())  # type: ignore[arg-type]
        if mode == "F" or low < 0 or high > 65535:
            raise BadImage(
                f"{name}: {'floating-point' if mode == 'F' else '32-bit'} values ({low:g} to {high:g}) have no fixed "
                "range; save it with 8 or 16 bits"
            )
    if mode == "I" or mode.startswith("I;16"):
        values = np.asarray(image).astype(np.float64)
        image = pillow().fromarray(np.rint(values / _SIXTEEN_TO_EIGHT).astype(np.uint8))
    elif mode in _WITH_ALPHA or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = pillow().new("RGBA", layer.size, "white")
        image.alpha_composite(layer)
    return image.convert("RGB")


def _pixels(image: "PillowImage") -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.asarray(image, dtype=np.uint8).transpose(2, 0, 1))
