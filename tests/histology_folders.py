"""Tissue tiles in the layout of OSF gqutd, drawn from random textures with a known rare alteration."""

import numpy as np
from PIL import Image

TISSUES = [
    "mouse_brain",
    "mouse_heart",
    "mouse_kidney",
    "mouse_liver",
    "mouse_lung",
    "mouse_pancreas",
    "mouse_spleen",
    "rat_liver",
]


def tile(random, tissue, edge, droplets=0):
    """(edge, edge, 3) uint8: stripes whose colour, width and direction belong to the tissue, with white droplets."""
    kind = np.random.default_rng(TISSUES.index(tissue))
    colour, pitch, angle = kind.integers(90, 200, 3), kind.uniform(3, 9), kind.uniform(0, np.pi)
    y, x = np.mgrid[:edge, :edge]
    phase = random.uniform(0, 2 * np.pi)
    stripes = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / pitch + phase)
    pixels = colour + 25 * stripes[..., None] + random.normal(0, 8, (edge, edge, 3))
    for centre in random.uniform(0, edge, (droplets, 2)):
        pixels[(y - centre[0]) ** 2 + (x - centre[1]) ** 2 < (edge / 16) ** 2] = 240
    return pixels.clip(0, 255).astype(np.uint8)


def write_tissues(folder, n_train=20, n_test=8, edge=32, stain="mt", seed=0):
    """data/train/mt_TISSUE/*.png and data/test/{normal,NAFLD_anomaly}_mt_mouse_liver/*.png.

    A diseased tile is healthy mouse liver with 6 fat droplets, a healthy one has at most 1.
    """
    random = np.random.default_rng(seed)

    def write(name, tissue, n, droplets):
        place = folder / "data" / name
        place.mkdir(parents=True, exist_ok=True)
        for k in range(n):
            image = Image.fromarray(tile(random, tissue, edge, droplets or random.integers(0, 2)))
            image.save(place / f"{tissue}_{k:04d}.png")

    for tissue in TISSUES:
        write(f"train/{stain}_{tissue}", tissue, n_train, 0)
    write(f"test/normal_{stain}_mouse_liver", "mouse_liver", n_test, 0)
    write(f"test/NAFLD_anomaly_{stain}_mouse_liver", "mouse_liver", n_test, 6)
    return folder
