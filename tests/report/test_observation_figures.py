"""Figures of an observation: what is drawn is what naive loops count, and odd input does not break them."""

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_observation import made_events, observer_score, panels
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.patches import Polygon

from autoscidact.report.observation_figures import draw_observation
from autoscidact.report.observation_panels import EXPECTED, OBSERVED, TestPanel, panel_bins
from autoscidact.report.observer_score import draw_score_against_observer
from autoscidact.report.style import save_formats

HOSTILE = r"50% $x_1 & \y{z} <b> ^"


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def naive_counts(values: np.ndarray, edges: list[float]) -> list[int]:
    """As numpy: bins hold their lower edge, the last both."""
    counts = [0] * (len(edges) - 1)
    for value in values:
        for i in range(len(counts)):
            last = i == len(counts) - 1 and value == edges[-1]
            counts[i] += edges[i] <= value < edges[i + 1] or last
    return counts


def bars(axes: Axes) -> list[float]:
    return [patch.get_height() for patch in axes.containers[0]]  # type: ignore[attr-defined]


def outline(axes: Axes, color: str) -> list[float]:
    (polygon,) = (patch for patch in axes.patches if isinstance(patch, Polygon) and _edge(patch) == color.lower())
    return [float(y) for y in polygon.get_xy()[1:-1:2, 1]]


def _edge(patch: Polygon) -> str:
    from matplotlib.colors import to_hex

    return str(to_hex(patch.get_edgecolor()))


def words(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_bars_and_outlines_are_shares_of_all_toys() -> None:
    panel = panels()[1]
    axes = draw_observation([panel]).axes[0]
    edges = panel_bins(panel)
    assert panel.signal is not None
    assert panel.varied_null is not None
    assert np.allclose(bars(axes), np.array(naive_counts(panel.null, edges)) / len(panel.null))
    assert np.allclose(outline(axes, EXPECTED), np.array(naive_counts(panel.signal, edges)) / len(panel.signal))
    varied = np.array(naive_counts(panel.varied_null, edges)) / len(panel.varied_null)
    assert np.allclose(outline(axes, "#000000"), varied)


def test_failed_toys_count_in_the_whole() -> None:
    panel = panels()[1]
    assert panel.signal is not None
    failed = replace(panel, null=np.append(panel.null, [np.inf] * 1000), signal=np.append(panel.signal, np.nan))
    axes = draw_observation([failed]).axes[0]
    assert sum(bars(axes)) == pytest.approx(0.5)


def test_observed_value_is_a_line_where_it_is_and_an_arrow_where_it_is_not() -> None:
    axes = draw_observation(panels()).axes
    for place, panel in enumerate(panels()):
        lines = [line.get_xdata()[0] for line in axes[place].lines if line.get_color() == OBSERVED]  # type: ignore[index]
        arrows = [text for text in words(axes[place]) if "rightarrow" in text and "observed" in text]
        assert (lines, len(arrows)) == (([], 1) if panel.observed == 600 else ([panel.observed], 0))
    assert "observed: infinite" in str(words(draw_observation([replace(panels()[0], observed=np.inf)]).axes[0]))


def test_panel_says_what_was_expected_and_measured() -> None:
    figure = draw_observation(panels())
    assert words(figure.axes[0]) == ["observed p = 0.31, Z = 0.5", "expected p = 0.24, Z = 0.7", "m4l fit"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "null toys",
        "toys with signal",
        "null toys with variations",
        "observed",
    ]
    assert figure.axes[0].get_xlabel() == "t"
    assert figure.axes[1].get_xlabel() == "t (max_z)"


@pytest.mark.parametrize(
    "null", [np.zeros(100), np.arange(2.0), np.repeat([0.0, 3.0], 50), np.array([np.inf, 1.0, 2.0]), np.full(3, np.nan)]
)
@pytest.mark.parametrize("observed", [np.nan, 0.0, -1e6, 1e6])
def test_panels_of_odd_toys(tmp_path: Path, null: np.ndarray, observed: float) -> None:
    panel = TestPanel(HOSTILE, null, np.array([np.nan]), observed, HOSTILE, HOSTILE, HOSTILE, np.array([1.0]))
    draw_observation([panel]).savefig(tmp_path / "panel.png")


def test_density_of_the_reference_is_its_counts() -> None:
    shown = observer_score(made_events())
    axes = draw_score_against_observer(shown).axes[0]
    (mesh,) = (artist for artist in axes.collections if isinstance(artist, QuadMesh))
    corners = mesh.get_coordinates()
    x_edges, y_edges = corners[0, :, 0], corners[:, 0, 1]
    counts = np.zeros((len(y_edges) - 1, len(x_edges) - 1))
    for x, y in zip(*shown.reference, strict=True):
        i, j = np.searchsorted(x_edges, x, "right") - 1, np.searchsorted(y_edges, y, "right") - 1
        if 0 <= i < counts.shape[1] and 0 <= j < counts.shape[0]:
            counts[j, i] += 1
    drawn = mesh.get_array()
    assert drawn is not None
    assert np.array_equal(np.ma.filled(drawn, 0).reshape(counts.shape), counts)
    assert counts.sum() > 0.99 * len(shown.reference[0])


def test_every_observed_event_and_threshold_is_drawn_and_the_highest_are_numbered() -> None:
    shown = observer_score(made_events())
    axes = draw_score_against_observer(shown, ranks=4).axes[0]
    points = next(line for line in axes.lines if line.get_label() == "observed events")
    assert np.array_equal(points.get_xydata(), np.column_stack(shown.observed))  # type: ignore[arg-type]
    for x, y in zip(*shown.observed, strict=True):
        assert axes.get_xlim()[0] < x < axes.get_xlim()[1]
        assert axes.get_ylim()[0] < y < axes.get_ylim()[1]
    lines = {str(line.get_label()): line.get_ydata()[0] for line in axes.lines if line.get_color() == OBSERVED}  # type: ignore[index]
    assert list(lines.values()) == list(shown.thresholds)
    for label, threshold in lines.items():
        assert f": {sum(score >= threshold for score in shown.observed[1])} of 40" in label
    order = sorted(range(40), key=lambda i: -shown.observed[1][i])
    numbered = {text.get_text(): text.xy for text in axes.texts if text.get_text().isdigit()}  # type: ignore[attr-defined]
    assert numbered == {str(k + 1): (shown.observed[0][i], shown.observed[1][i]) for k, i in enumerate(order[:4])}


def test_contours_hold_the_share_of_signal_they_promise() -> None:
    shown = observer_score(made_events())
    axes = draw_score_against_observer(shown).axes[0]
    contours = next(artist for artist in axes.collections if not isinstance(artist, QuadMesh))
    assert shown.signal is not None
    events = np.column_stack(shown.signal)
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    events = events[(x0 < events[:, 0]) & (events[:, 0] < x1) & (y0 < events[:, 1]) & (events[:, 1] < y1)]
    held = [path.contains_points(events).mean() for path in contours.get_paths()]
    assert held == pytest.approx([0.95, 0.68], abs=0.02)


def test_events_without_an_observer_keep_their_rank() -> None:
    shown = observer_score(made_events())
    mass = shown.observed[0].copy()
    mass[np.argmax(shown.observed[1])] = np.nan
    axes = draw_score_against_observer(replace(shown, observed=(mass, shown.observed[1])), ranks=3).axes[0]
    assert [text for text in words(axes) if text.isdigit()] == ["2", "3"]


@pytest.mark.parametrize("n", [0, 1, 3])
def test_score_of_few_events(tmp_path: Path, n: int) -> None:
    few = (np.zeros(n), np.zeros(n))
    shown = replace(observer_score(made_events()), observed=few, signal=few, label=HOSTILE)
    draw_score_against_observer(shown).savefig(tmp_path / "score.png")
    alone = replace(shown, reference=few, thresholds=())
    draw_score_against_observer(alone).savefig(tmp_path / "score.png")


def test_numbers_do_not_cover_points_or_each_other() -> None:
    rng = np.random.default_rng(3)
    tight = (rng.normal(125, 1.0, 6), rng.normal(1.0, 0.02, 6))
    shown = replace(observer_score(made_events()), observed=tight)
    figure = draw_score_against_observer(shown, ranks=6)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    places = [axes.transAxes.transform(text.xyann) for text in axes.texts if text.get_text().isdigit()]  # type: ignore[attr-defined]
    points = axes.transData.transform(np.column_stack(tight))
    assert len(places) == 6
    everything = [*places, *points]
    for i, place in enumerate(places):
        nearest = min(np.hypot(*(place - other)) for j, other in enumerate(everything) if j != i)
        assert nearest > 0.08 * figure.dpi


@pytest.mark.parametrize("tests", [1, 2, 3])
@pytest.mark.parametrize("with_score", [False, True])
def test_overview_has_its_panels_and_one_legend_entry_for_each_kind(tests: int, with_score: bool) -> None:
    score = observer_score(made_events()) if with_score else None
    figure = draw_observation(panels()[:tests], score)
    assert sum(axes.axison for axes in figure.axes) == tests + with_score
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(names) == len(set(names))
    assert ("observed events" in names) == with_score


def test_words_of_the_overview_lie_inside_the_figure() -> None:
    figure = draw_observation(panels(), observer_score(made_events()))
    figure.draw_without_rendering()
    for axes in figure.axes:
        for text in axes.texts:
            box = text.get_window_extent()
            assert 0 <= box.x0 < box.x1 <= figure.bbox.x1, text.get_text()
            assert 0 <= box.y0 < box.y1 <= figure.bbox.y1, text.get_text()


def test_overview_is_the_same_bytes_twice(tmp_path: Path) -> None:
    for turn in ("one", "two"):
        save_formats(draw_observation(panels(), observer_score(made_events())), tmp_path / turn, "overview")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
