"""`observe subsamples=N`: parts of a whole data set, one that follows the background and one that does not."""

from pathlib import Path

import pandas as pd
import pytest

PARTS = ("subsamples=60", "toys.n_data=150")


def table_of(outcome) -> pd.DataFrame:
    path = next(line.strip() for line in outcome.out.splitlines() if line.strip().endswith("shift.csv"))
    return pd.read_csv(path)


def test_parts_of_the_background_and_of_something_else(search, collisions, succeed, tmp_path):
    words = (*search.words, *PARTS, f"outputs={tmp_path}", "statistic=[nplm,mahalanobis]")
    same = table_of(succeed(*words, search.write("same.csv", collisions(600, 21))))
    assert set(same.statistic) == {"nplm", "mahalanobis"}
    assert (same.n_subsamples == 60).all()
    assert same.z_median.abs().max() < 1.5
    # One sample of 600 is off by itself, and its parts with it: these are no 60 independent tests.
    assert same.rejected.max() < 0.5
    other = succeed(*words, search.write("other.csv", collisions(500, 22, 100)))
    moved = table_of(other)
    nplm = moved[(moved.statistic == "nplm") & moved.rejected.notna()]
    assert nplm.rejected.max() > 0.9
    assert nplm.z_is_bound.any()
    assert "| nplm | min_p |" in other.out
    folder = Path(next(line.strip() for line in other.out.splitlines() if line.strip().endswith("shift.csv"))).parent
    assert {path.name for path in folder.iterdir()} == {
        *("shift.csv", "shift.md", "shift_nplm.png", "shift_mahalanobis.png", "toys.parquet", "config.yaml", "run.json")
    }
    again = succeed(*words, search.write("other.csv", collisions(500, 22, 100)))
    assert again.out.count("toys are done already") == 4  # null toys and parts, of both tests


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("toys.n_data=5000",), "subsamples: give their size, toys.n_data, from 1 to the 600 observed events"),
        (("toys.resample_reference=true",), "subsamples are compared with one R"),
        (("calibration=[toys,permutation]",), "leave out calibration"),
        (("systematics={rate: {scale: 0.2}}",), "without systematics"),
        (("select={mass: [50,150]}",), "without select"),
        (("statistic=[nplm,ideal_nplm]",), "ideal_nplm knows the signal"),
        (("subsamples=1",), "subsamples=1 must be a whole number of at least 2"),
    ],
)
def test_what_does_not_go_with_parts(search, collisions, run, tmp_path, words, message):
    observed = search.write("same.csv", collisions(600, 21))
    outcome = run(*search.words, *PARTS, f"outputs={tmp_path}", observed, *words)
    assert outcome.status == 1
    assert message in outcome.err.splitlines()[-1]
