"""Finished discoveries as they lie on disk: found, read, and checked to be whole."""

import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from autoscidact.errors import UserError
from autoscidact.inference.permutation import SUFFIX
from autoscidact.inference.significance import COMBINED
from autoscidact.inference.threshold import Measured
from autoscidact.report.tables import COLUMNS

TABLE, TOYS, RECORD = "z_scores.csv", "toys.parquet", "run.json"
TOY_COLUMNS = ("statistic", "variant", "f_s", "role", "toy", "t")


@dataclass(frozen=True)
class Run:
    """One discovery.

    Attributes:
        folder: where it lies, as given.
        dataset: as in the table.
        table: z_scores.csv. toys: toys.parquet.
        record: run.json: command, config, seed, versions and what the run stands on.
        label: what tells it from others whose folders have the same name; empty where none has.
    """

    folder: Path
    dataset: str
    table: pd.DataFrame
    toys: pd.DataFrame
    record: dict[str, Any]
    label: str = ""

    @property
    def name(self) -> str:
        """The label, or the folder's name, a hash of what decides the run."""
        return self.label or self.folder.absolute().name

    @property
    def statistics(self) -> list[str]:
        """Those in the table, in its order."""
        return [str(name) for name in self.table.statistic.unique()]

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Every key of the configuration, dotted, with its value; sizes as they came out where it says auto."""
        flat = dict(_flat(self.record["config"]))
        # `auto` is settled in the table; n_null and n_toys count what was evaluated.
        for key, column in (("n_ref", "n_ref"), ("n_data", "n_data"), ("n_null", "n_null"), ("n_signal", "n_toys")):
            flat[f"toys.{key}"] = int(self.table[column].iloc[0])
        return {"seed": self.record.get("seed")} | flat

    @cached_property
    def checksums(self) -> dict[str, str]:
        """File to the first 16 hex digits of its SHA-256."""
        return {
            name: hashlib.sha256((self.folder / name).read_bytes()).hexdigest()[:16] for name in (TABLE, TOYS, RECORD)
        }


def find_runs(folders: Sequence[Path]) -> list[Path]:
    """Folders of discoveries: each of `folders` that is one, and those below the others, sorted.

    A run that was named itself must be finished; one that was only found is passed over with a warning.

    Raises:
        UserError: a folder is not there, or holds no discovery.
    """
    found: dict[Path, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"runs: {folder} is not a folder; give finished discoveries, or a folder above some")
        if any((folder / name).exists() for name in (TABLE, TOYS)):
            found.setdefault(folder.resolve(), folder)
            continue
        below = sorted({path.parent for name in (TABLE, TOYS) for path in folder.rglob(name)})
        for path in below:
            if (path / RECORD).is_file():
                found.setdefault(path.resolve(), path)
            else:
                warnings.warn(f"{path} has no {RECORD}: not finished, passed over", UserWarning, stacklevel=2)
        if not below:
            raise UserError(f"runs: there is no finished discovery in {folder}; make one with `autoscidact discover`")
    return list(found.values())


def read_run(folder: Path) -> Run:
    """Reads one discovery, but for its permutation p.

    Raises:
        UserError: names the file that is missing, damaged, or of another version.
    """
    for name in (TABLE, TOYS, RECORD):
        if not (folder / name).is_file():
            raise UserError(f"{folder / name} is missing; the same discover command makes it again")
    table = _table(folder / TABLE)
    # A toy's permutation p comes without null toys, and so without what a report is about.
    table = table[~table.statistic.str.endswith(SUFFIX)].reset_index(drop=True)
    toys = _toys(folder / TOYS)
    record = _record(folder / RECORD)
    alone = table.loc[~table.variant.isin(COMBINED), ["statistic", "variant"]].drop_duplicates()
    null = toys[toys.role == "null"]
    known = set(zip(null.statistic, null.variant, strict=True))
    for statistic, variant in alone.itertuples(index=False):
        if (statistic, variant) not in known:
            raise UserError(_damaged(folder / TOYS, f"there are no null toys of {statistic} {variant}"))
    return Run(folder, str(table.dataset.iloc[0]), table, toys, record)


def measured(toys: pd.DataFrame, statistic: str, variant: str) -> Measured:
    """t of the null toys and of the toys at each signal fraction above 0, in the order of their numbers.

    Args:
        toys: rows of toys.parquet.
    """
    own = toys[(toys.statistic == statistic) & (toys.variant == variant)].sort_values("toy", kind="stable")
    signal = own[(own.role == "signal") & (own.f_s > 0)]
    null = own[own.role == "null"].t.to_numpy(dtype=float)
    return null, {
        f_s: signal[signal.f_s == f_s].t.to_numpy(dtype=float) for f_s in sorted(signal.f_s.unique().tolist())
    }


def _flat(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _flat(value, f"{prefix}{key}.")
    else:
        yield prefix.removesuffix("."), node


def _table(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype={"dataset": str, "statistic": str, "variant": str}, keep_default_na=True)
    except (OSError, ValueError) as error:  # pandas' own errors and UnicodeDecodeError are ValueErrors
        raise UserError(_damaged(path, str(error))) from error
    if missing := [name for name in COLUMNS if name not in table]:
        raise UserError(
            f"{path} lacks {', '.join(missing[:3])}{' and more' if len(missing) > 3 else ''}: damaged, or of another "
            "version; the same discover command makes it again from the toys that are stored"
        )
    if not len(table) or table[["dataset", "statistic", "variant", "f_s", "n_null"]].isna().any(axis=None):
        raise UserError(_damaged(path, "rows are empty"))
    if table.dataset.nunique() != 1:
        raise UserError(_damaged(path, f"it holds several datasets, {', '.join(table.dataset.unique()[:3])}"))
    for name in ("width", "f_s", "z_empirical", "z_asymptotic", "n_null", "n_ref", "n_data"):
        if not pd.api.types.is_numeric_dtype(table[name]):
            raise UserError(_damaged(path, f"column {name} holds other things than numbers"))
    if not pd.api.types.is_bool_dtype(table.z_empirical_is_bound):
        raise UserError(_damaged(path, "column z_empirical_is_bound holds other things than True and False"))
    table["asymptotic_law"] = table.asymptotic_law.fillna("-").replace("", "-").astype(str)
    return table


def _toys(path: Path) -> pd.DataFrame:
    try:
        toys = pd.read_parquet(path)
    except Exception as error:  # pyarrow raises many kinds for a file that is none of its own
        raise UserError(_damaged(path, str(error))) from error
    if missing := [name for name in TOY_COLUMNS if name not in toys]:
        raise UserError(_damaged(path, f"there is no column {', '.join(missing)}"))
    return toys


def _record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(_damaged(path, str(error))) from error
    if not isinstance(record, dict) or not isinstance(record.get("config"), dict):
        raise UserError(_damaged(path, "it holds no configuration"))
    return record


def _damaged(path: Path, why: str) -> str:
    return f"{path} is damaged ({' '.join(why.split())[:120]}); the same discover command makes it again"
