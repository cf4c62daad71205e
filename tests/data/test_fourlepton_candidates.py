"""Candidates known beforehand: where CMS's are, and what the selection makes of them."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autoscidact.data.fourlepton import known, observed, published, published_files
from autoscidact.errors import UserError

REAL = (
    Path(os.environ.get("AUTOSCIDACT_TEST_DATA", Path(__file__).parents[2] / "../shared/data")).resolve() / "fourlepton"
)
needs_data = pytest.mark.skipif(not REAL.is_dir(), reason=f"no real events in {REAL} (AUTOSCIDACT_TEST_DATA)")


def test_files_are_those_of_the_years(tmp_path):
    both = published_files(tmp_path, years=[2012, 2011], m4l=[110, 180])
    assert len(both) == 6
    assert {file.parent for file in both} == {tmp_path}
    of_2011 = published_files(tmp_path, years=[2011])
    assert {file.name for file in of_2011} == {"4mu_2011.csv", "4e_2011.csv", "2e2mu_2011.csv"}
    assert set(published_files(tmp_path)) == set(both) - set(of_2011)
    with pytest.raises(UserError, match=r"dataset\.years"):
        published_files(tmp_path, years=[2013])


@pytest.mark.parametrize("settings", [{}, {"m4l": [120, 130]}, {"z1": [80, 100], "z2": [20, 60]}])
def test_those_that_pass_are_those_that_observed_keeps(fourlepton_folder, tmp_path, settings):
    """Of events some of which have the wrong charge."""
    table = pd.read_csv(fourlepton_folder / "observed.csv")
    table.loc[::5, "Q2"] = 1
    table.to_csv(tmp_path / "some.csv", index=False)
    events, passed = known(tmp_path / "some.csv", **settings, name="fourlepton")
    kept = observed(tmp_path / "some.csv", **settings, name="fourlepton")
    assert len(events) == len(table)
    assert 0 < passed.sum() < len(events)
    np.testing.assert_array_equal(events.ids[passed], kept.ids)
    np.testing.assert_array_equal(events.features[passed], kept.features)
    np.testing.assert_array_equal(events.observers["m4l"][passed], kept.observers["m4l"])


def test_of_another_year_or_mass_none_passes(fourlepton_folder):
    """Which is no error, as it is for observed data."""
    for settings in ({"years": [2011]}, {"m4l": [200, 300]}):
        events, passed = known(fourlepton_folder / "observed.csv", **settings)
        assert len(events) == 60
        assert not passed.any()


@needs_data
@pytest.mark.parametrize(
    ("years", "counts"), [([2011], (38, 3, 3)), ([2012], (240, 12, 11)), ([2011, 2012], (278, 15, 14))]
)
def test_published_numbers(years, counts):
    """278 candidates, of which 15 have 118 < M < 130 by CMS's own masses, which are not read."""
    files = published_files(REAL, years=years)
    parts = [known(file, years=years) for file in files]
    inside = np.concatenate([(events.observers["m4l"] > 118) & (events.observers["m4l"] < 130) for events, _ in parts])
    passed = np.concatenate([passed for _, passed in parts])
    assert (len(inside), inside.sum(), (inside & passed).sum()) == counts
    by_cms = pd.concat([pd.read_csv(file) for file in files]).M.between(118, 130, inclusive="neither")
    np.testing.assert_array_equal(inside, by_cms)
    assert len(published(REAL, years)) == counts[0]
