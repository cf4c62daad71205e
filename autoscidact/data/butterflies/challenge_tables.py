"""The challenge's tables: which image is of which subspecies, and which are hybrids."""

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from autoscidact.data.images.class_folders import NO_POOL, ImageFile
from autoscidact.data.labels import class_name
from autoscidact.data.tables import check_columns, read_table
from autoscidact.errors import UserError

TRAINING_TABLE = "butterfly_anomaly_train.csv"
HIDDEN_TABLES = ("ref_test.csv", "ref_val.csv")

HYBRID = "hybrid"
UNNUMBERED = "unnumbered"
MIMIC, MIMIC_HYBRID = "mimic", "mimic_hybrid"
"""Classes that are not numbered subspecies: hybrids of two of them; hidden images of the same species, whose tables
name subspecies that the training table only numbers; and those of the other species that looks like it."""

HIDDEN = "hidden"
"""Pool of the challenge's hidden test images; those of its training table are in none."""

_PREFIX = re.compile(r"^(train|val|test)_")


@dataclass(frozen=True)
class Matched:
    """Images and the rows of the tables.

    Attributes:
        images: those that a table lists, in the order of their pools, classes and names.
        missing: file names of rows without an image.
        unlisted: number of images without a row.
    """

    images: list[ImageFile]
    missing: list[str]
    unlisted: int


def read_challenge(folder: Path) -> dict[str, tuple[str, str]]:
    """File name in lower case to pool and class, of the tables anywhere below a folder; those of hidden images may
    be absent.

    Raises:
        UserError: no training table, a column is missing, or a value in it is none of the challenge's.
    """
    tables = {name: sorted(folder.rglob(name)) for name in (TRAINING_TABLE, *HIDDEN_TABLES)}
    if not tables[TRAINING_TABLE]:
        raise UserError(
            f"{folder}: no {TRAINING_TABLE}; get it from the Butterfly Hybrid Detection challenge "
            "(https://www.codabench.org/competitions/3764/)"
        )
    # The validation's hidden images are among the test's.
    rows: dict[str, tuple[str, str]] = {}
    for name in HIDDEN_TABLES:
        for path in tables[name][:1]:
            rows |= _hidden_rows(path)
    return rows | _training_rows(tables[TRAINING_TABLE][0])


def matched(images: list[ImageFile], rows: dict[str, tuple[str, str]]) -> Matched:
    """Finds the row of each image by its file name, in lower case and without train_, val_ or test_ before it.

    Raises:
        UserError: two images are of one row, or none is of any.
    """
    found: dict[str, ImageFile] = {}
    unlisted = 0
    for image in images:
        key = _PREFIX.sub("", Path(image.name).name.lower())
        if key not in rows:
            unlisted += 1
        elif key in found:
            raise UserError(f"{image.name} and {found[key].name} are both {key}; leave one of them out")
        else:
            found[key] = ImageFile(image.path, image.name, *rows[key])
    if not found:
        raise UserError(f"none of {len(images)} images has a name that the challenge's tables list")
    ordered = sorted(found.values(), key=lambda image: (image.pool, len(image.label), image.label, image.name))
    return Matched(ordered, sorted(rows.keys() - found.keys()), unlisted)


def _training_rows(path: Path) -> dict[str, tuple[str, str]]:
    table = read_table(path)
    check_columns(path, table, ["filename", "hybrid_stat", "subspecies"])
    labels = []
    for row, (kind, subspecies) in enumerate(zip(table["hybrid_stat"], table["subspecies"], strict=True)):
        if kind not in (HYBRID, "non-hybrid") or (kind != HYBRID and pd.isna(subspecies)):
            raise UserError(f"{path}: row {row + 1} is neither a hybrid nor of a subspecies (hybrid_stat={kind})")
        labels.append(HYBRID if kind == HYBRID else class_name(subspecies))
    return _by_name(path, table, [(NO_POOL, label) for label in labels])


def _hidden_rows(path: Path) -> dict[str, tuple[str, str]]:
    table = read_table(path)
    check_columns(path, table, ["filename", "hybrid_stat", "ssp_indicator"])
    names = {("mimic", 0): MIMIC, ("mimic", 1): MIMIC_HYBRID}
    for kind in ("major", "minor"):
        names |= {(kind, 0): UNNUMBERED, (kind, 1): HYBRID}
    pairs = list(zip(table["ssp_indicator"], table["hybrid_stat"], strict=True))
    unknown = [row for row, pair in enumerate(pairs) if pair not in names]
    if unknown:
        raise UserError(
            f"{path}: row {unknown[0] + 1}: ssp_indicator is major, minor or mimic, and hybrid_stat 0 or 1, not "
            f"{pairs[unknown[0]]}"
        )
    return _by_name(path, table, [(HIDDEN, names[pair]) for pair in pairs])


def _by_name(path: Path, table: pd.DataFrame, values: list[tuple[str, str]]) -> dict[str, tuple[str, str]]:
    names = [str(name).strip().lower() for name in table["filename"]]
    repeated = pd.Series(names)[pd.Series(names).duplicated()]
    if len(repeated):
        raise UserError(f"{path}: {repeated.iloc[0]!r} is listed twice; keep one of the rows")
    return dict(zip(names, values, strict=True))
