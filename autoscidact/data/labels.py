"""Class names as everybody writes them, whatever type the file or the command line gave."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def class_name(value: Any) -> str:
    """The name of a class: text without surrounding blanks; whole numbers without a decimal point (3.0 is "3")."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def encode_labels(values: Any) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Class names and the index of each event's class.

    Args:
        values: (n,) column of any type; None, NaN and blank text are missing.

    Returns:
        (n,) indices into the names, -1 where the label is missing; and the names, whole numbers first in their order,
        then text in alphabetical order.
    """
    codes, distinct = pd.factorize(np.asarray(values, dtype=object))
    names = [class_name(value) for value in distinct]
    classes = tuple(sorted({name for name in names if name}, key=_order))
    # The extra last entry answers for code -1, with which pandas marks a missing value.
    index = np.array([classes.index(name) if name else -1 for name in names] + [-1], dtype=np.int64)
    return index[codes], classes


def _order(name: str) -> tuple[int, int, str]:
    return (0, int(name), name) if name.removeprefix("-").isdecimal() else (1, 0, name)
