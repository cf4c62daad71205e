"""Marginals: counts are those of naive loops, nothing is lost, errors are the published Poisson intervals."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_observation import N_DATA, N_REF, made_events
from matplotlib.patches import StepPatch

from autoscidact.report.marginals import MOST_CATEGORIES, OTHERS, count, draw_marginals, poisson_interval

WEIGHT = 37.2 / N_REF
HOSTILE = r"50% $x_1 & \y{z} <b> ^"


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize(
    ("n", "low", "high"),
    # Garwood's 68.27 % intervals, as in CMS' and PDG's tables.
    [(0, 0.0, 1.841), (1, 0.173, 3.300), (2, 0.708, 4.638), (3, 1.367, 5.918), (10, 6.891, 14.267)],
)
def test_poisson_intervals_are_the_published_ones(n: int, low: float, high: float) -> None:
    found = poisson_interval(np.array([float(n)]))
    assert (found[0][0], found[1][0]) == (pytest.approx(low, abs=6e-4), pytest.approx(high, abs=6e-4))


@pytest.mark.parametrize("name", ["h0", "m4l", "jets"])
def test_numbers_are_counted_as_a_loop_counts_them(name: str) -> None:
    made = made_events()
    found = count(made.reference[name], made.data[name], WEIGHT, made.score_reference)
    bins = len(found.data)
    data, reference, reweighted = np.zeros(bins), np.zeros(bins), np.zeros(bins)

    def bin_of(value: float) -> int:
        inside = [i for i in range(bins) if found.edges[i] <= value < found.edges[i + 1]]
        return inside[0] if inside else (0 if value < found.edges[0] else bins - 1)

    for value in made.data[name]:
        data[bin_of(value)] += 1
    for value, f in zip(made.reference[name], made.score_reference, strict=True):
        reference[bin_of(value)] += WEIGHT
        reweighted[bin_of(value)] += WEIGHT * np.exp(f)
    assert np.array_equal(found.data, data)
    assert np.allclose(found.reference, reference)
    assert np.allclose(found.reweighted, reweighted)


def test_names_are_counted_as_a_loop_counts_them() -> None:
    made = made_events()
    found = count(made.reference["channel"], made.data["channel"], WEIGHT, made.score_reference)
    assert set(found.names) == {"2e2mu", "4e", "4mu"}
    for i, name in enumerate(found.names):
        assert found.data[i] == sum(value == name for value in made.data["channel"])
        ratios = [np.exp(f) for v, f in zip(made.reference["channel"], made.score_reference, strict=True) if v == name]
        assert found.reference[i] == pytest.approx(WEIGHT * len(ratios))
        assert found.reweighted[i] == pytest.approx(WEIGHT * sum(ratios))


def test_rare_names_stand_together() -> None:
    reference = np.repeat([f"c{i:02d}" for i in range(20)], range(1, 21))
    data = np.array(["c19", "c00", "new"])
    found = count(reference, data, 1.0, np.zeros(len(reference)))
    assert len(found.names) == MOST_CATEGORIES
    assert found.names[0] == "c19"
    assert found.names[-1] == OTHERS
    assert found.reference.sum() == len(reference)
    assert (found.data[0], found.data[-1]) == (1, 2)


numbers = st.one_of(st.floats(-1e6, 1e6), st.integers(-3, 3).map(float), st.just(float("nan")))


@given(arrays(float, st.integers(0, 40), elements=numbers), arrays(float, st.integers(0, 20), elements=numbers))
def test_nothing_is_lost_and_order_is_nothing(reference: np.ndarray, data: np.ndarray) -> None:
    f = np.linspace(-1, 1, len(reference))
    found = count(reference, data, 0.5, f)
    known = np.isfinite(reference)
    assert found.data.sum() == np.isfinite(data).sum()
    assert found.reference.sum() == pytest.approx(0.5 * known.sum())
    assert found.reweighted.sum() == pytest.approx(0.5 * np.exp(f[known]).sum())
    assert (np.diff(found.edges) > 0).all()
    again = count(reference[::-1], data[::-1], 0.5, f[::-1])
    assert np.array_equal(again.edges, found.edges)
    assert np.array_equal(again.data, found.data)
    assert np.allclose(again.reweighted, found.reweighted)


def test_a_far_outlier_does_not_squeeze_the_rest() -> None:
    rng = np.random.default_rng(0)
    found = count(rng.normal(size=1000), np.array([0.0, 1e9]), 0.1, np.zeros(1000))
    assert found.edges[-1] < 30
    assert found.data[-1] == 1


def test_markers_and_lines_are_the_counts() -> None:
    made = made_events()
    figure = draw_marginals(["m4l", "channel"], made.reference, made.data, WEIGHT, made.score_reference)
    for place, name in enumerate(("m4l", "channel")):
        found = count(made.reference[name], made.data[name], WEIGHT, made.score_reference)
        above, below = figure.axes[place], figure.axes[2 + place]
        steps = [patch.get_data().values for patch in above.patches if isinstance(patch, StepPatch)]
        assert np.allclose(steps, [found.reference, found.reweighted])
        (points,) = (line for line in above.lines if line.get_marker() == "o")
        assert np.array_equal(points.get_ydata(), found.data)
        markers = [line for line in below.lines if line.get_marker() in ("o", "^")]
        assert sum(len(np.asarray(line.get_xdata())) for line in markers) == (found.reference > 0).sum()
        assert below.get_xlabel() == name
    assert points.get_ydata().sum() == N_DATA  # type: ignore[union-attr]


@pytest.mark.parametrize("names", [("h0",), ("h0", "m4l"), ("h0", "m4l", "channel"), ("h0", "m4l", "channel", "jets")])
def test_figures_of_any_number_of_quantities(names: tuple[str, ...]) -> None:
    made = made_events()
    labels = {"m4l": "m4l (GeV)"}
    figure = draw_marginals(names, made.reference, made.data, WEIGHT, made.score_reference, labels)
    assert sum(axes.axison for axes in figure.axes) == 2 * len(names)
    assert ["m4l (GeV)" in axes.get_xlabel() for axes in figure.axes].count(True) == ("m4l" in names)


def test_hostile_names_and_constants(tmp_path: Path) -> None:
    reference = {HOSTILE: np.array([HOSTILE, "b"] * 5), "one": np.ones(10)}
    data = {HOSTILE: np.array(["b"]), "one": np.ones(1)}
    draw_marginals([HOSTILE, "one"], reference, data, 0.1, np.zeros(10)).savefig(tmp_path / "marginals.png")
    empty = {name: values[:0] for name, values in data.items()}
    draw_marginals([HOSTILE, "one"], reference, empty, 0.1, np.zeros(10)).savefig(tmp_path / "marginals.png")
