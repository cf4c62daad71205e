"""Whatever form an image has, its pixels come out as documented; what cannot be used is refused by its name."""

import io
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from autoscidact.data.images.decoding import BadImage, decode, fit_array, pixel_id


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pixels(image, size=None, kind="PNG", **options):
    return decode(encoded(image, kind, **options), "a.png", size or image.size[0]).pixels


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM", "WEBP"])
def test_lossless_formats_give_their_pixels(noise, kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    found = pixels(Image.fromarray(noise), kind=kind, **options)
    assert (found.dtype, found.shape) == (np.uint8, (3, 9, 9))
    assert np.array_equal(found, noise.transpose(2, 0, 1))


def test_grey_and_bilevel_are_repeated(noise):
    grey = noise[..., 0]
    assert np.array_equal(pixels(Image.fromarray(grey)), np.stack([grey] * 3))
    bilevel = Image.fromarray(grey > 127)
    assert set(np.unique(pixels(bilevel))) == {0, 255}


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_divided_by_257(kind):
    values = np.array([[0, 128, 129], [257, 1000, 40000], [65406, 65407, 65535]], dtype=np.uint16)
    expected = np.array([[0, 0, 1], [1, 4, 156], [254, 255, 255]])
    assert np.array_equal(pixels(Image.fromarray(values), kind=kind), np.stack([expected] * 3))


def test_transparent_parts_are_laid_on_white():
    rgba = np.array([[[0, 0, 0, 0], [255, 0, 0, 255]], [[0, 0, 255, 128], [9, 9, 9, 0]]], dtype=np.uint8)
    found = pixels(Image.fromarray(rgba)).transpose(1, 2, 0).astype(int)
    expected = np.array([[[255, 255, 255], [255, 0, 0]], [[127, 127, 255], [255, 255, 255]]])
    assert np.abs(found - expected).max() <= 1


def test_palette_with_a_transparent_colour():
    image = Image.new("P", (2, 2))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putdata([0, 1, 1, 0])
    found = pixels(image, transparency=0).transpose(1, 2, 0)
    assert found[0, 0].tolist() == [255, 255, 255]
    assert found[0, 1].tolist() == [200, 100, 50]
    assert pixels(image).transpose(1, 2, 0)[0, 0].tolist() == [10, 20, 30]


def test_cmyk():
    cyan = Image.new("CMYK", (4, 4), (255, 0, 0, 0))
    assert pixels(cyan, kind="TIFF")[:, 0, 0].tolist() == [0, 255, 255]
    assert np.abs(pixels(cyan, kind="JPEG", quality=100)[:, 0, 0].astype(int) - [0, 255, 255]).max() <= 3


def test_turned_as_the_camera_says(noise):
    exif = Image.Exif()
    exif[0x0112] = 6
    found = pixels(Image.fromarray(noise), exif=exif)
    assert np.array_equal(found.transpose(1, 2, 0), np.rot90(noise, -1))


def test_centre_square():
    """Margins beside the middle square are cut off, whatever the size; they reach no further than the kernel does."""
    wide = np.zeros((20, 50, 3), dtype=np.uint8)
    wide[:, 15:35] = [10, 200, 30]
    for size in (20, 7, 33):
        found = pixels(Image.fromarray(wide), size)
        assert found.shape == (3, size, size)
        assert (found[:, :, 2:-2] == np.array([10, 200, 30]).reshape(3, 1, 1)).all()
    assert (pixels(Image.fromarray(wide), 20) > 0).all()


def test_resized_as_a_ramp_should_be():
    """A linear ramp halved is the ramp at the middle of each pair of pixels, away from the edges."""
    ramp = np.broadcast_to(np.arange(0, 256, 4, dtype=np.uint8)[:, None], (64, 64))
    found = pixels(Image.fromarray(ramp), 32)[0].astype(float)
    expected = np.arange(32) * 8 + 2
    assert np.abs(found[2:-2, 5] - expected[2:-2]).max() <= 1
    array = np.broadcast_to(ramp, (2, 3, 64, 64))
    assert np.array_equal(fit_array(array, 32)[1, 0], found)


def test_ids_follow_the_pixels(noise):
    first = pixel_id(decode(encoded(Image.fromarray(noise)), "a", 9).pixels)
    assert first == pixel_id(decode(encoded(Image.fromarray(noise), "BMP"), "b", 9).pixels)
    noise[3, 3, 0] ^= 1
    assert first != pixel_id(noise.transpose(2, 0, 1))
    assert 0 <= first < 2**63


def png_that_claims(width, height):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def animation(kind):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "green", "blue")]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:])


def large_jpeg():
    noise = np.random.default_rng(1).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    return encoded(Image.fromarray(noise), "JPEG")


BAD = {
    "empty": (b"", "the file is empty"),
    "text": (b"not an image, only called so", "damaged, or no image"),
    "truncated JPEG": (large_jpeg()[:9000], "damaged.*truncated"),
    "truncated PNG": (encoded(Image.fromarray(np.eye(90, dtype=np.uint8) * 255))[:90], "damaged, or no image"),
    "bomb": (png_that_claims(60_000, 60_000), "decompression bomb"),
    "bomb that Pillow only warns of": (png_that_claims(10_000, 10_000), "10000 x 10000 pixels.*decompression bomb"),
    "animated GIF": (animation("GIF"), "3 frames"),
    "TIFF of several pages": (animation("TIFF"), "3 frames or pages"),
    "floating point": (encoded(Image.fromarray(np.eye(4, dtype=np.float32)), "TIFF"), "floating-point values"),
    "32 bits": (encoded(Image.fromarray(np.full((4, 4), 70_000, dtype=np.int32)), "TIFF"), "32-bit values"),
    # Pillow would start a program of the system for it.
    "EPS": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n%%EOF\n", "no image that can be read"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_images_are_named(kind):
    content, reason = BAD[kind]
    started = time.monotonic()
    with pytest.raises(BadImage, match=rf"^cats/7\.png: .*{reason}") as error:
        decode(content, "cats/7.png", 8)
    assert "\n" not in str(error.value)
    assert time.monotonic() - started < 1
