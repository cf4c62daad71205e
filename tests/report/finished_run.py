"""Finished discoveries made by hand, for tests of what is read from them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoscidact.inference.significance import Significance, significances
from autoscidact.report.tables import write_csv, z_score_table
from autoscidact.report.toys import write_toys

WIDTHS = {"q25": 0.5, "q50": 1.5, "q75": 4.0}
ALONE = {"t": float("nan")}
FRACTIONS = (0.01, 0.02, 0.05, 0.1)
CONFIG: dict[str, Any] = {
    "dataset": {"name": "made", "signal": "new", "path": None},
    "encoder": {"dim": 2},
    "loss": {"temperature": 0.1},
    "trainer": {"max_epochs": 5, "devices": 1},
    "logger": {"csv": True},
    "embedding": None,
    "checkpoint": None,
    "kernel": {"widths": [0.5, 1.5, 4.0]},
    "nplm": {"n_centers": "auto", "penalty": 1e-6},
    "seed": 0,
    "outputs": "outputs",
    "device": "auto",
    "threads": None,
    "toys": {"n_ref": 1000, "n_data": 200, "n_null": 120, "n_signal": 100, "memory": "auto"},
}


def chi_square(shift: float, n: int, seed: int) -> NDArray[np.float64]:
    """t of a test with three widths, the middle one the most sensitive."""
    rng = np.random.default_rng(seed)
    return rng.chisquare(10, (n, 3)) + 400 * shift * np.array([0.3, 1.0, 0.6])


def normal(shift: float, n: int, seed: int) -> NDArray[np.float64]:
    """t of a test with one variant: 1 sigma a percent of signal."""
    return np.random.default_rng(seed).normal(100 * shift, 1.0, (n, 1))


def signed(shift: float, n: int, seed: int) -> NDArray[np.float64]:
    """t of a template fit: twice as sensitive as `normal`."""
    root = np.random.default_rng(seed).normal(200 * shift, 1.0, (n, 1))
    return np.asarray(np.sign(root) * root**2)


TESTS = {
    "nplm": (WIDTHS, "chi2", chi_square),
    "mahalanobis": (ALONE, "normal", normal),
    "supervised": (ALONE, "signed_root", signed),
    "home_made": (ALONE, "normal", normal),
}


def finished_run(
    folder: Path,
    tests: tuple[str, ...] = ("nplm", "supervised"),
    fractions: tuple[float, ...] = FRACTIONS,
    n_null: int = 120,
    dataset: str = "made",
    changes: Mapping[str, Any] | None = None,
    pools: str = "same events",
) -> Path:
    """Writes z_scores.csv, toys.parquet and run.json as `discover` does.

    Args:
        changes: dotted keys of the configuration, with their values.
    """
    rows: list[Significance] = []
    values: dict[str, tuple[tuple[str, ...], dict[str, NDArray[np.float64]]]] = {}
    for name in tests:
        variants, law, draw = TESTS[name]
        null = draw(0.0, n_null, 1)
        toys = {f_s: draw(f_s, 100, 2 + round(1e6 * f_s)) for f_s in fractions}
        rows += significances(name, variants, null, toys, law)  # type: ignore[arg-type]
        values[name] = (tuple(variants), {"null": null} | {str(f_s): t for f_s, t in toys.items()})
    config = json.loads(json.dumps({**CONFIG, "f_s": fractions, "statistic": {}}))
    config["toys"]["n_null"] = n_null
    for key, value in (changes or {}).items():
        *path, last = key.split(".")
        place = config
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    for name in tests:
        settings = {"kernel": config["kernel"], **config["nplm"]} if name == "nplm" else {}
        config["statistic"][name] = {"_target_": f"made.{name}", **settings, **config["statistic"].get(name, {})}
    table = z_score_table(rows, dataset, config["toys"]["n_ref"], config["toys"]["n_data"])
    folder.mkdir(parents=True)
    write_csv(folder / "z_scores.csv", table)
    write_toys(folder / "toys.parquet", values)
    record = {
        "command": f"autoscidact discover dataset={dataset}",
        "seed": config["seed"],
        "versions": {"autoscidact": "0.1.0", "python": "3.11"},
        "config": config,
        "pools": pools,
        "embedding": {"signal": "new", "command": "autoscidact train"},
    }
    (folder / "run.json").write_text(json.dumps(record))
    return folder
