"""Reads a table from any of the usual file formats, executing nothing that the file contains."""

import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from autoscidact.errors import UserError

_COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst")
# Everything the libraries below raise on files that are cut short, corrupt, or something else than their name says.
_READ_ERRORS = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    pa.ArrowException,
)


def read_table(path: str | Path) -> pd.DataFrame:
    """Reads a table; the suffix says the format.

    .csv, .tsv (also with .gz, .bz2, .xz, .zst): one header line.
    .parquet, .pq: every column.
    .h5, .hdf5: datasets of the root group; .npz: its arrays. One-dimensional ones are columns; a two-dimensional one
        called `name` becomes the columns name_0, name_1, ...
    .npy: a structured array, or a two-dimensional one whose columns are called 0, 1, ...

    Returns:
        One row an event, in the file's order, columns named by text.

    Raises:
        UserError: no such file, unknown suffix, a file that cannot be read, Python objects in it, or no rows.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise UserError(f"{path}: no such file")
    if path.is_dir():
        raise UserError(f"{path}: is a folder; give a file")
    read = _reader(path)
    try:
        table = read(path)
    except _READ_ERRORS as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path}: cannot be read, it may be cut short or of another format ({reason[:200]})") from error
    table.columns = table.columns.map(str)
    if len(table) == 0:
        raise UserError(f"{path}: there are no rows")
    return table


def _reader(path: Path) -> Callable[[Path], pd.DataFrame]:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if len(suffixes) > 1 and suffixes[-1] in _COMPRESSIONS and suffixes[-2] in (".csv", ".tsv"):
        suffixes.pop()
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".csv": lambda file: _read_text(file, ","),
        ".tsv": lambda file: _read_text(file, "\t"),
        ".parquet": _read_parquet,
        ".pq": _read_parquet,
        ".h5": _read_hdf5,
        ".hdf5": _read_hdf5,
        ".npz": _read_npz,
        ".npy": _read_npy,
    }
    suffix = suffixes[-1] if suffixes else ""
    if suffix not in readers:
        known = ", ".join(readers)
        raise UserError(f"{path}: unknown suffix {suffix!r}; known are {known}, and .csv and .tsv compressed as .gz")
    return readers[suffix]


def _read_text(path: Path, separator: str) -> pd.DataFrame:
    try:
        # One dtype a column over the whole file, however long.
        table = pd.read_csv(path, sep=separator, low_memory=False)
    except pd.errors.EmptyDataError as error:
        raise UserError(f"{path}: is empty") from error
    header = str(table.columns[0])
    others = [other for other in (",", ";", "\t") if other != separator and other in header]
    if len(table.columns) == 1 and others:
        raise UserError(f"{path}: its columns are separated by {others[0]!r}, not {separator!r}; rename or convert it")
    return table


def _read_parquet(path: Path) -> pd.DataFrame:
    # The file's pandas metadata would turn a column into an index, where nobody finds it.
    table: pd.DataFrame = pq.ParquetFile(path).read().to_pandas(ignore_metadata=True)
    return table


def _read_hdf5(path: Path) -> pd.DataFrame:
    with h5py.File(path, "r") as file:
        arrays: dict[str, NDArray[Any]] = {}
        for name, item in file.items():
            if not isinstance(item, h5py.Dataset) or item.ndim == 0:
                continue
            if h5py.check_string_dtype(item.dtype) is not None:
                arrays[name] = item.asstr()[()]
            elif item.dtype.hasobject:
                raise UserError(f"{path}: dataset {name!r} has entries of varying length; store plain numbers or text")
            else:
                arrays[name] = item[()]
        if not arrays:
            groups = ", ".join(file) or "nothing"
            raise UserError(f"{path}: no datasets in the root group (it holds {groups}); put the columns there")
    return _from_arrays(path, arrays)


def _read_npz(path: Path) -> pd.DataFrame:
    with np.load(path, allow_pickle=False) as file:
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise UserError(f"{path}: is not an NPZ archive")
        arrays = {}
        for name in file.files:
            try:
                arrays[name] = file[name]
            except ValueError as error:
                raise _object_error(path, error) from error
    return _from_arrays(path, {name: array for name, array in arrays.items() if array.ndim > 0})


def _read_npy(path: Path) -> pd.DataFrame:
    try:
        array = np.load(path, allow_pickle=False)
    except ValueError as error:
        raise _object_error(path, error) from error
    if not isinstance(array, np.ndarray) or array.ndim == 0:
        raise UserError(f"{path}: is not an array of events")
    if array.dtype.names is not None:
        return _from_arrays(path, {name: array[name] for name in array.dtype.names})
    if array.ndim != 2:
        raise UserError(f"{path}: has shape {array.shape}; give a structured or a two-dimensional array")
    return pd.DataFrame(_native(array))


def _object_error(path: Path, error: ValueError) -> Exception:
    # numpy says so in words only; other ValueErrors (a short or corrupt file) keep their own message.
    if "pickle" not in str(error).lower():
        return error
    return UserError(
        f"{path}: holds Python objects, which are never unpickled; save plain numbers, and text as fixed-width strings"
    )


def _from_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> pd.DataFrame:
    columns: dict[str, NDArray[Any]] = {}
    for name, array in arrays.items():
        if array.ndim > 2 or array.dtype.names is not None:
            raise UserError(f"{path}: array {name!r} has shape {array.shape}; a table needs one or two dimensions")
        array = _native(array)
        columns.update(
            {name: array} if array.ndim == 1 else {f"{name}_{k}": array[:, k] for k in range(array.shape[1])}
        )
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} ({length})" for name, length in lengths.items())
        raise UserError(f"{path}: its arrays differ in length: {shown}; one entry an event is needed")
    return pd.DataFrame(columns)


def _native(array: NDArray[Any]) -> NDArray[Any]:
    # pandas computes only in the machine's own byte order; bytes are text written by C programs.
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8", "replace").astype(object)
    if array.dtype.kind == "U":
        return array.astype(object)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def check_columns(path: str | Path, table: pd.DataFrame, names: Iterable[str]) -> None:
    """Raises UserError naming the columns that the table lacks, and those it has."""
    missing = [name for name in names if name not in table.columns]
    if missing:
        columns = [str(name) for name in table.columns]
        there = ", ".join(columns[:20]) + (f" and {len(columns) - 20} more" if len(columns) > 20 else "")
        raise UserError(f"{path}: there are no columns {', '.join(missing)}; there are {there}")


def plain_column(column: pd.Series) -> NDArray[Any]:  # type: ignore[type-arg]
    """A column as an array of numbers, or else of text."""
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_complex_dtype(column.dtype):
        return column.to_numpy()
    return column.astype(object).map(str).to_numpy(dtype=np.str_)
