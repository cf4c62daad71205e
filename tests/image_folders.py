"""Small image datasets in the layouts that users have: class folders, CIFAR-10's batches, the butterfly challenge."""

import pickle

import numpy as np
import pandas as pd
from PIL import Image

CIFAR_CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def picture(random, kind, height, width=None):
    """(height, width, 3) uint8: the colour of a kind, with noise, so that no two are the same."""
    colour = np.random.default_rng(kind).integers(40, 216, 3)
    return (colour + random.integers(-30, 31, (height, width or height, 3))).astype(np.uint8)


def write_class_folders(folder, classes, n, edge=16, seed=0, suffix=".png"):
    """FOLDER/CLASS/000.png, ...; images a little wider than high."""
    random = np.random.default_rng(seed)
    for kind, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for k in range(n):
            Image.fromarray(picture(random, kind, edge, edge + 4)).save(folder / name / f"{k:03d}{suffix}")
    return folder


def write_batches(folder, n_each, seed=0):
    """Six pickled batches with `n_each` images of each class, as CIFAR-10's authors wrote them."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"):
        labels = random.permutation(np.repeat(np.arange(10), n_each)).tolist()
        data = np.stack([picture(random, kind, 32).transpose(2, 0, 1).reshape(-1) for kind in labels])
        names = [f"{CIFAR_CLASSES[kind]}_s_{k:06d}.png".encode() for k, kind in enumerate(labels)]
        batch = {b"batch_label": name.encode(), b"labels": labels, b"data": data, b"filenames": names}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    return folder


def write_challenge(folder, n=20, n_hybrids=6, n_hidden=5, edge=16, seed=0):
    """The challenge's tables, and images under the names that its resized copies have.

    Subspecies 0, 1 and 2 with `n` images each, hybrids of the last two, `n_hidden` of each hidden kind. The last row of
    the training table has no image, and one image has no row.
    """
    random = np.random.default_rng(seed)
    images = folder / "final_dataset" / "train"
    images.mkdir(parents=True, exist_ok=True)

    def save(prefix, filename, kind):
        stem, suffix = filename.rsplit(".", 1)
        Image.fromarray(picture(random, kind, edge)).save(images / f"{prefix}_{stem}.{suffix.upper()}", "JPEG")

    rows = []
    for kind in (0, 1, 2, "hybrid"):
        for k in range(n_hybrids if kind == "hybrid" else n):
            filename = f"CAM{kind}{k:03d}.jpg"
            rows.append(
                {
                    "CAMID": filename[:-4],
                    "hybrid_stat": "hybrid" if kind == "hybrid" else "non-hybrid",
                    "subspecies": np.nan if kind == "hybrid" else float(kind),
                    "filename": filename,
                }
            )
            save(("train", "val", "test")[k % 3], filename, 9 if kind == "hybrid" else kind)
    missing = {"CAMID": "CAM9", "hybrid_stat": "non-hybrid", "subspecies": 0.0, "filename": "CAM9.jpg"}
    pd.DataFrame([*rows, missing]).to_csv(folder / "butterfly_anomaly_train.csv", index=False)
    hidden = []
    for kind, (indicator, hybrid) in enumerate([("major", 0), ("minor", 1), ("mimic", 0), ("mimic", 1)]):
        for k in range(n_hidden):
            filename = f"{k}_F{kind}{k:02d}_d.JPG"
            hidden.append({"hybrid_stat": hybrid, "filename": filename, "ssp_indicator": indicator})
            save("test", filename, 10 + kind)
    pd.DataFrame(hidden).to_csv(folder / "ref_test.csv", index=False)
    pd.DataFrame(hidden[::2]).to_csv(folder / "ref_val.csv", index=False)
    save("train", "stranger.jpg", 5)
    return folder
