"""Figures of the report: what is in them, odd input without a warning, and colours that everybody tells apart."""

import itertools
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from finished_run import finished_run
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from autoscidact.embedding.table import EmbeddedEvents
from autoscidact.errors import UserError
from autoscidact.report.corner import COOL, draw_corner
from autoscidact.report.curves import draw_curves, quantities, read_metrics
from autoscidact.report.distributions import draw_distributions, fractions_to_show, histogram_bins, panels
from autoscidact.report.gather import Gathered, gather
from autoscidact.report.runs import read_run
from autoscidact.report.scan import draw_asymptotic, draw_empirical
from autoscidact.report.style import SIGNAL, STATISTICS, save, save_formats, statistic_style


@pytest.fixture(autouse=True)
def _no_warnings() -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def gathered(folder: Path, *arguments: object, **options: object) -> Gathered:
    (found,) = gather([read_run(finished_run(folder, *arguments, **options))])  # type: ignore[arg-type]
    return found


def pixels(figure: object, folder: Path) -> np.ndarray:
    save(figure, folder / "figure.png")  # type: ignore[arg-type]
    return np.asarray(Image.open(folder / "figure.png").convert("RGB")).reshape(-1, 3)


def ink(image: np.ndarray, color: str) -> int:
    """How many pixels have exactly this colour."""
    return int((image == [int(color[i : i + 2], 16) for i in (1, 3, 5)]).all(axis=1).sum())


@pytest.mark.parametrize("draw", [draw_empirical, draw_asymptotic])
@pytest.mark.parametrize(
    "fractions", [(0.05,), (0.0,), (0.0, 0.05), tuple(np.linspace(0.001, 0.2, 25).round(3).tolist())]
)
def test_scans_of_all_kinds(tmp_path: Path, draw: object, fractions: tuple[float, ...]) -> None:
    figure = draw(gathered(tmp_path / "run", ("nplm", "home_made"), fractions))  # type: ignore[operator]
    image = pixels(figure, tmp_path)
    assert ink(image, STATISTICS["nplm"].color) > 50


def test_scan_names_every_test_and_the_resolution(tmp_path: Path) -> None:
    found = gathered(tmp_path / "run", ("nplm", "supervised", "home_made"))
    empirical, asymptotic = draw_empirical(found), draw_asymptotic(found)
    names = [text.get_text() for text in empirical.legends[0].get_texts()]
    assert names == ["NPLM: min p", "supervised", "home made"]
    assert asymptotic.legends[0].get_texts()[0].get_text() == "NPLM: best width"
    assert [text.get_text() for text in empirical.axes[0].texts] == ["120 null toys: only lower bounds"]


def test_bounds_are_triangles_and_nothing_else(tmp_path: Path) -> None:
    found = gathered(tmp_path / "run", ("supervised",))
    bounds = int(found.table.z_empirical_is_bound.sum())
    assert bounds > 1
    line, triangles = (line for line in draw_empirical(found).axes[0].lines if line.get_marker() in ("s", "^"))
    assert len(triangles.get_xdata()) == bounds
    assert len(line.get_markevery()) == len(found.table) - bounds


def test_large_z_leave_room_for_small_ones(tmp_path: Path) -> None:
    figure = draw_asymptotic(gathered(tmp_path / "run", ("supervised",), (0.005, 0.02, 0.1, 0.5)))
    axes = figure.axes[0]
    figure.draw_without_rendering()
    low, five, high = (axes.transData.transform((1, z))[1] for z in (0, 5, axes.get_ylim()[1]))
    assert axes.get_ylim()[1] > 50
    assert five - low > 0.5 * (high - low)


def test_no_two_tests_look_alike() -> None:
    names = [*STATISTICS, *(f"home_made_{i}" for i in range(20))]
    styles = [statistic_style(name, names) for name in names]
    looks = [(style.color, style.marker, style.line) for style in styles]
    assert len(set(looks)) == len(looks)
    assert len({style.label for style in styles}) == len(styles)
    assert "^" not in {style.marker for style in styles}


# Machado, Oliveira and Fernandes (2009), severity 1: what is seen without red and without green cones.
BLIND = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "all cones": np.eye(3).tolist(),
}


@pytest.mark.parametrize("sight", BLIND)
def test_signal_is_darker_than_any_background_with_every_kind_of_sight(sight: str) -> None:
    def lightness(color: str) -> float:
        srgb = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        seen = np.clip(
            np.array(BLIND[sight]) @ np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4), 0, 1
        )
        return float(116 * np.cbrt(seen @ [0.2126, 0.7152, 0.0722]) - 16)

    assert all(lightness(color) - lightness(SIGNAL) > 5 for color in COOL)


def test_panels_by_statistic(tmp_path: Path) -> None:
    found = gathered(tmp_path / "run", ("nplm", "supervised", "home_made"))
    assert panels(found) == {
        "nplm": [("nplm", "q25"), ("nplm", "q50"), ("nplm", "q75")],
        "other_tests": [("supervised", "t"), ("home_made", "t")],
    }
    assert set(fractions_to_show(found)) <= {0.01, 0.02, 0.05, 0.1}
    assert len(fractions_to_show(found)) == 3


@pytest.mark.parametrize("fractions", [(0.05,), (0.0,), (0.01, 0.9)])
def test_distributions_of_all_kinds(tmp_path: Path, fractions: tuple[float, ...]) -> None:
    found = gathered(tmp_path / "run", ("nplm", "supervised"), fractions)
    for shown in panels(found).values():
        figure = draw_distributions(found, shown, fractions_to_show(found))
        names = [text.get_text() for text in figure.legends[0].get_texts()]
        assert names[:2] == ["no signal", "law fitted to it"]
        assert len(names) == 2 + sum(f_s > 0 for f_s in fractions)


def test_failed_and_far_toys(tmp_path: Path) -> None:
    found = gathered(tmp_path / "run", ("nplm",))
    found.toys.loc[found.toys.index[5], "t"] = np.nan
    found.toys.loc[(found.toys.f_s == 0.1), "t"] = 1e6
    figure = draw_distributions(found, panels(found)["nplm"], [0.05, 0.1])
    assert all("10 %: 100 % beyond" in axes.texts[0].get_text() for axes in figure.axes[:3])


@example(13, "tied")
@given(st.integers(0, 2**32 - 1), st.sampled_from(["normal", "counts", "two", "tied"]))
def test_bins_hold_the_null(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    null = {
        "normal": lambda: rng.normal(size=200),
        "counts": lambda: rng.poisson(5, 200) / 80,
        "two": lambda: rng.permutation([1.0, 2.0] * 20),
        "tied": lambda: rng.poisson(5, 200) + 1e-7 * rng.normal(size=200),
    }[kind]()
    bins = np.array(histogram_bins(null, [rng.normal(3, 1, 30)]))
    assert len(bins) % 2 == 1
    assert 2 < len(bins) < 80
    assert bins[0] <= null.min() < null.max() <= bins[-1]
    if kind in ("counts", "tied"):
        # As many of the counts fall into each bin that lies between occupied ones: no comb.
        values = np.unique(np.round(null, 5))
        inside = np.histogram(np.arange(values[0], values[-1], np.diff(values).min()), bins)[0]
        inner = inside[(inside > 0).argmax() : len(inside) - (inside[::-1] > 0).argmax()][1:-1]
        assert np.ptp(inner, initial=None) <= 0 if len(inner) == 0 else np.ptp(inner) == 0


def events(n: int = 500, d: int = 4, classes: int = 5, seed: int = 0) -> EmbeddedEvents:
    rng = np.random.default_rng(seed)
    label = rng.integers(0, classes, n)
    points = rng.normal(size=(n, d)) + 3 * label[:, None] * (np.arange(d) % 2)
    return EmbeddedEvents(
        points=points.astype(np.float32),
        labels=np.array([f"class {i}" for i in range(classes)])[label],
        ids=np.arange(n),
        weights=np.ones(n),
        splits=np.where(rng.random(n) < 0.3, "train", "test"),
        signal="class 0",
        axes=tuple(f"h{i}" for i in range(d)),
    )


@pytest.mark.parametrize(("d", "classes"), [(1, 2), (2, 3), (4, 5), (8, 30)])
def test_corner_of_all_kinds(tmp_path: Path, d: int, classes: int) -> None:
    figure = draw_corner(events(d=d, classes=classes))
    assert len(figure.axes) == min(d, 6) ** 2
    assert ink(pixels(figure, tmp_path), SIGNAL) > 30
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names[0] == "class 0 (signal)"
    assert len(names) == (classes if classes < 10 else 2)


def test_corner_files_stay_small_however_many_events_there_are(tmp_path: Path) -> None:
    save_formats(draw_corner(events(60_000)), tmp_path, "corner")
    assert all(path.stat().st_size < 1_000_000 for path in tmp_path.iterdir())


def test_corner_shows_the_test_split_alone_standardised_by_its_background() -> None:
    found = events()
    test = found.take((found.splits == "test") & (found.labels != "class 0"))
    figure = draw_corner(found)
    background = np.concatenate(
        [line.get_xdata() for line in figure.axes[4].lines if line.get_color() != SIGNAL]  # type: ignore[misc]
    )
    assert len(background) == len(test)
    assert (background.mean(), background.std()) == (pytest.approx(0, abs=1e-6), pytest.approx(1, abs=1e-6))


METRICS = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "lr": 0.1,
        "train_anchors": 100.0,
        "val_anchors": 10.0,
        "train_loss": [3.0, 2.0, 1.0],
        "val_loss": [3.0, 2.5, 2.0],
        "train_contrastive": [3.0, 2.0, 1.0],
        "val_contrastive": [3.0, 2.5, 2.0],
        "train_cross_entropy": 0.0,
        "val_cross_entropy": 0.0,
    }
)


def test_curves() -> None:
    assert quantities(METRICS) == ["loss", "contrastive"]
    figure = draw_curves(METRICS, best_epoch=2)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["total loss", "contrastive loss"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["training", "validation", "kept: epoch 2"]
    draw_curves(METRICS.iloc[:1])


@pytest.mark.parametrize("content", ["", "epoch\n", "epoch,train_loss\n1,2\n", "rubbish"])
def test_damaged_metrics_are_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "metrics.csv").write_text(content)
    with pytest.raises(UserError, match=r"metrics\.csv is damaged"):
        read_metrics(tmp_path / "metrics.csv")


def test_every_figure_is_the_same_bytes_twice(tmp_path: Path) -> None:
    found = gathered(tmp_path / "run")
    for turn in ("one", "two"):
        save_formats(draw_empirical(found), tmp_path / turn, "empirical")
        save_formats(draw_distributions(found, panels(found)["nplm"], [0.01]), tmp_path / turn, "distributions")
        save_formats(draw_corner(events()), tmp_path / turn, "corner")
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(files) == 9
    for name, (one, two) in itertools.product(files, [("one", "two")]):
        assert (tmp_path / one / name).read_bytes() == (tmp_path / two / name).read_bytes(), name
