"""Tables, figure and toys: their columns, what people read in them, and the same bytes twice."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from autoscidact.errors import UserError
from autoscidact.inference.significance import COMBINED, significances
from autoscidact.report.figures import draw_z_against_fraction
from autoscidact.report.tables import overview, readable, write_csv, write_markdown, z_score_table
from autoscidact.report.toys import write_toys

PROMISED = [
    "dataset",
    "statistic",
    "variant",
    "f_s",
    "n_ref",
    "n_data",
    "n_null",
    "n_toys",
    "t_median",
    "p_empirical",
    "z_empirical",
    "z_empirical_is_bound",
    "z_empirical_q16",
    "z_empirical_q84",
    "p_asymptotic",
    "z_asymptotic",
    "asymptotic_law",
    "chi2_df",
    "asymptotic_ks_p",
]
VARIANTS = {"q1": 0.1, "q50": 1.5, "q99": 4.0}


def values(shift: float, n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).chisquare(10, (n, len(VARIANTS))) + shift * np.array([0.0, 1.0, 0.5])


def table(fractions: dict[float, float] | None = None, n_null: int = 100) -> pd.DataFrame:
    """f_s to shift of t; the largest is past every null toy."""
    shifts = {0.01: 2.0, 0.05: 8.0, 0.2: 200.0} if fractions is None else fractions
    toys = {f_s: values(shift, 20, 1) for f_s, shift in shifts.items()}
    rows = significances("nplm", VARIANTS, values(0.0, n_null, 0), toys)
    return z_score_table(rows, "digits", 400, 80)


def test_columns_and_rows() -> None:
    found = table()
    assert set(PROMISED) <= set(found.columns)
    assert len(found) == 3 * (3 + len(COMBINED))
    assert not found.duplicated(["statistic", "variant", "f_s"]).any()
    assert (found.dataset == "digits").all()
    assert (found.n_ref == 400).all()
    assert (found.n_data == 80).all()
    assert set(found.n_null) == {100}
    assert set(found.n_toys) == {20}


def test_csv_reads_back_to_the_last_digit(tmp_path: Path) -> None:
    found = table()
    write_csv(tmp_path / "z_scores.csv", found)
    again = pd.read_csv(tmp_path / "z_scores.csv")
    assert again.z_empirical_is_bound.dtype == bool
    pd.testing.assert_frame_equal(again, found, check_exact=True)
    assert b"\r" not in (tmp_path / "z_scores.csv").read_bytes()


def test_csv_is_not_replaced_by_half_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "z_scores.csv"
    write_csv(path, table())
    before = path.read_bytes()

    def fail(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", fail)
    with pytest.raises(UserError, match="No space left"):
        write_csv(path, table({0.1: 1.0}))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_readable_marks_bounds_and_leaves_blank_what_is_not_defined() -> None:
    found = table()
    titles, rows = readable(found)
    assert all(len(row) == len(titles) for row in rows)
    at = {title: i for i, title in enumerate(titles)}
    for row, (_, source) in zip(rows, found.iterrows(), strict=True):
        assert row[at["Z empirical"]].startswith(">") == source.z_empirical_is_bound
        assert row[at["p"]].startswith("<=") == source.z_empirical_is_bound
        assert (row[at["Z asymptotic"]] == "") == np.isnan(source.z_asymptotic)
    assert any(row[at["Z empirical"]].startswith(">") for row in rows)
    assert "nan" not in str(rows).lower()


def test_markdown_is_one_table(tmp_path: Path) -> None:
    write_markdown(tmp_path / "z.md", table(), "# digits: 100 null toys")
    header, blank, *lines = (tmp_path / "z.md").read_text().splitlines()
    assert (header, blank) == ("# digits: 100 null toys", "")
    assert len(lines) == 2 + 3 * (3 + len(COMBINED))
    assert len({line.count("|") for line in lines}) == 1


def test_overview_has_a_row_for_each_variant_and_a_column_for_each_fraction() -> None:
    titles, rows = overview(table())
    assert titles[-3:] == ["f_S=1%", "f_S=5%", "f_S=20%"]
    assert [row[1] for row in rows] == [*VARIANTS, *COMBINED]
    assert rows[1][-1].startswith(">")
    assert "/" not in rows[3][-1]


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_figure_is_the_same_bytes_twice(tmp_path: Path, suffix: str) -> None:
    for name in ("one", "two"):
        draw_z_against_fraction(tmp_path / f"{name}.{suffix}", table(), "digits")
    one = (tmp_path / f"one.{suffix}").read_bytes()
    assert len(one) > 5000
    assert one == (tmp_path / f"two.{suffix}").read_bytes()


def test_figure_is_an_image_with_ink_in_the_promised_colours(tmp_path: Path) -> None:
    draw_z_against_fraction(tmp_path / "z.png", table(), "digits")
    pixels = np.asarray(Image.open(tmp_path / "z.png").convert("RGB")).reshape(-1, 3)
    for colour in ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00), (0, 0, 0)):
        assert (pixels == colour).all(axis=1).sum() > 50


@pytest.mark.parametrize(
    "fractions",
    [
        {0.05: 3.0},
        {0.0: 0.0},
        {0.0: 0.0, 0.05: 3.0},
        {0.01: -1e3, 0.05: 3.0},  # every toy below every null toy: p = 1, Z = -inf
        {0.01: 1e5, 0.05: 1e7},
    ],
)
def test_figure_of_odd_scans(tmp_path: Path, fractions: dict[float, float]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_z_against_fraction(tmp_path / "z.png", table(fractions), "odd")
    assert Image.open(tmp_path / "z.png").size[0] > 500


def test_figure_where_no_chi_square_fits(tmp_path: Path) -> None:
    """Negative t at every width: asymptotic Z is NaN everywhere."""
    toys = {f_s: values(5.0, 20, 1) - 30 for f_s in (0.01, 0.1)}
    rows = significances("nplm", VARIANTS, values(0.0, 100, 0) - 30, toys)
    found = z_score_table(rows, "digits", 400, 80)
    assert found.z_asymptotic.isna().all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_z_against_fraction(tmp_path / "z.png", found, "no chi-square")


def test_figure_of_a_single_variant(tmp_path: Path) -> None:
    rows = significances("one", {"t": float("nan")}, values(0, 50, 0)[:, :1], {0.1: values(3, 9, 1)[:, :1]})
    draw_z_against_fraction(tmp_path / "z.png", z_score_table(rows, "digits", 400, 80), "one variant")
    assert (tmp_path / "z.png").is_file()


def test_toys_parquet(tmp_path: Path) -> None:
    null, signal = values(0, 7, 0), values(3, 4, 1)
    signal[2, 1] = np.nan
    write_toys(tmp_path / "toys.parquet", {"nplm": (tuple(VARIANTS), {"null": null, "0.05": signal, "0.0": null[:2]})})
    schema = pq.read_schema(tmp_path / "toys.parquet")
    assert schema.names == ["statistic", "variant", "f_s", "role", "toy", "t"]
    assert [schema.field(name).type for name in ("f_s", "toy", "t")] == [pa.float64(), pa.int64(), pa.float64()]
    found = pd.read_parquet(tmp_path / "toys.parquet")
    assert len(found) == (7 + 4 + 2) * 3
    for role, f_s, t in (("null", 0.0, null), ("signal", 0.05, signal), ("signal", 0.0, null[:2])):
        part = found[(found.role == role) & (found.f_s == f_s)]
        wide = part.pivot(index="toy", columns="variant", values="t")[list(VARIANTS)]
        np.testing.assert_array_equal(wide.to_numpy(), t)


def test_toys_parquet_is_the_same_bytes_twice(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_toys(tmp_path / name, {"nplm": (tuple(VARIANTS), {"null": values(0, 7, 0)})})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
