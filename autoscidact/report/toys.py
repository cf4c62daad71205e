"""The toys' raw statistics as one tidy Parquet file."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoscidact.files import atomic_path

WITHOUT_SIGNAL = ("null", "varied", "observed")


def write_toys(
    path: str | Path,
    values: Mapping[str, tuple[tuple[str, ...], Mapping[str, NDArray[np.float64]]]],
) -> None:
    """Writes columns statistic, variant, f_s, role (null, varied, observed or signal), toy, t.

    Args:
        values: statistic to (variants, {role, or for signal f_s as text: (toys, variants)}). "varied" are null toys
            that hold systematic variations.
    """
    parts = []
    for statistic, (variants, by_fraction) in values.items():
        for fraction, t in by_fraction.items():
            n_toys, n_variants = t.shape
            without_signal = fraction in WITHOUT_SIGNAL
            parts.append(
                pd.DataFrame(
                    {
                        "statistic": statistic,
                        "variant": np.tile(np.array(variants, dtype=object), n_toys),
                        "f_s": 0.0 if without_signal else float(fraction),
                        "role": fraction if without_signal else "signal",
                        "toy": np.repeat(np.arange(n_toys), n_variants),
                        "t": t.ravel(),
                    }
                )
            )
    with atomic_path(path) as temporary:
        pd.concat(parts).to_parquet(temporary, index=False)
