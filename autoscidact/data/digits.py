"""Real handwritten digits that every installation has: 1797 images of 8x8 pixels from scikit-learn."""

from collections.abc import Mapping

import numpy as np

from autoscidact.data.checks import check_dataset
from autoscidact.data.contract import Dataset, Events, Split
from autoscidact.data.labels import class_name
from autoscidact.data.splits import stratified_split
from autoscidact.errors import UserError


def load(
    *,
    name: str,
    signal: str | int,
    split: Mapping[Split, float],
    seed: int,
    path: str | None = None,
    label: str | None = None,
) -> Dataset:
    """Images (1797, 1, 8, 8) with pixels in [0, 1], classes "0" to "9", one of them held out as the signal.

    Args:
        signal: the digit held out, 8 or "8".
        split, seed: see `stratified_split`.
        path, label: not used by this dataset; refused if given.

    Raises:
        UserError: the signal is no digit, or a bad split.

    References:
        E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits" (test part), UCI Machine Learning
        Repository, 1998, doi:10.24432/C50P49; `sklearn.datasets.load_digits`.
    """
    # Imported here, so that importing this module costs nothing.
    from sklearn.datasets import load_digits

    if path is not None or label is not None:
        raise UserError("dataset=digits comes with scikit-learn; for a file use dataset=custom dataset.path=FILE")
    bunch = load_digits()
    labels = bunch.target.astype(np.int64)
    events = Events(
        features=(bunch.images / 16.0).astype(np.float32)[:, None],
        labels=labels,
        classes=tuple(str(digit) for digit in range(10)),
        ids=np.arange(len(labels), dtype=np.int64),
        weights=np.ones(len(labels)),
    )
    return check_dataset(Dataset(name, events, class_name(signal), stratified_split(labels, split, seed)))
