"""The report of an observation: complete with everything and with next to nothing, safe, and the same bytes twice."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_observation import (
    N_DATA,
    bare_observation,
    full_observation,
    made_events,
    marginal_figure,
    observer_score,
    panels,
    row,
)

from autoscidact.report.observation_figures import draw_observation
from autoscidact.report.observation_page import write_observation_page
from autoscidact.report.observation_sections import observation_sections
from autoscidact.report.observer_score import draw_score_against_observer
from autoscidact.report.ranked_events import ranked_events

HOSTILE = r"<script>alert(1)</script> | `a` [x](javascript:1) & $x_"


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, name: str) -> list[str]:
        return [value for _, attributes in self.tags if (value := attributes.get(name)) is not None]


def write_full(folder: Path) -> Path:
    made = made_events()
    shown = observer_score(made)
    return write_observation_page(
        folder,
        full_observation(made),
        draw_observation(panels(), shown),
        {"m4l": draw_score_against_observer(shown)},
        {
            "embedding axes": marginal_figure(made, ("h0",)),
            "observers": marginal_figure(made, ("m4l", "channel", "jets")),
        },
    )


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_full(tmp_path_factory.mktemp("full"))


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_observation_page(tmp_path_factory.mktemp("bare"), bare_observation(), draw_observation(panels()[2:]))


def titles(text: str) -> list[str]:
    return [line.lstrip("# ") for line in text.splitlines() if line.startswith("##")]


def test_page_needs_nothing_else_and_its_links_lead_somewhere(full: Path) -> None:
    page = Page(full.read_text())
    assert {"script", "link", "iframe"}.isdisjoint(tag for tag, _ in page.tags)
    assert len(page.values("src")) == 4
    assert all(source.startswith("data:image/") for source in page.values("src"))
    assert {target.removeprefix("#") for target in page.values("href")} <= set(page.values("id"))
    assert len(page.values("id")) == len(set(page.values("id")))
    assert all(page.values("alt"))


def test_markdown_images_are_there_in_every_format(full: Path, bare: Path) -> None:
    for page, number in ((full, 4), (bare, 1)):
        images = re.findall(r"\]\((figures/[^)]+\.png)\)", page.with_name("report.md").read_text())
        assert len(images) == number
        for image in images:
            for suffix in (".png", ".pdf", ".svg"):
                assert (page.parent / image).with_suffix(suffix).stat().st_size > 5000


def test_page_says_what_was_found_and_compared(full: Path) -> None:
    text = " ".join(full.with_name("report.md").read_text().split())
    for words in (
        "No significant deviation: combined p = 0.31 (Z = 0.50;",
        "a standard-model Higgs boson would be expected to give Z = 0.70",
        "= 40 observed events of preselected_data_2012.csv, where 37.2 are expected",
        "Selection: two lepton pairs, 110 \\< m4l \\< 180 GeV. Seed 0.",
        "The same test where no signal is expected: 150 \\< m4l \\< 180 GeV; 12 observed events, 11.3 expected. "
        "The reference describes it: p = 0.31",
        "1. R is not much larger than D: raise toys.n_ref. 2. The pool makes 7 disjoint toys only.",
        "no Z -\\> 4l peak",
        "`autoscidact observe dataset=fourlepton`",
        "test nothing",
    ):
        assert words in text, words
    page = " ".join(Page(full.read_text()).text.split())
    assert "No significant deviation: combined p = 0.31" in page
    assert "preselected_data_2012.csv" in page


def test_a_section_for_everything_there_is_and_none_for_what_is_missing(full: Path, bare: Path) -> None:
    assert titles(full.with_name("report.md").read_text()) == [
        "Result", "Warnings", "Significance", "Which events", "Data and reference", "Control region", "Limits",
        "Provenance",
    ]  # fmt: skip
    assert titles(bare.with_name("report.md").read_text()) == ["Result", "Significance"]
    assert "expected to give" not in bare.read_text()
    assert "nan" not in Page(bare.read_text()).text


@pytest.mark.parametrize("missing", ["signal", "ranked", "excess", "control", "warnings", "limits", "provenance"])
def test_each_part_may_be_missing_alone(missing: str) -> None:
    whole = full_observation(made_events())
    empty = {"signal": "", "ranked": None, "excess": None, "control": None, "provenance": {}}.get(missing, ())
    sections = observation_sections(replace(whole, **{missing: empty}))
    lost = {"warnings", "control", "limits", "provenance"} & {missing}
    assert len(sections) == 7 - len(lost)


def test_a_control_region_that_is_not_described_is_called_the_reference_s_fault() -> None:
    whole = full_observation(made_events())
    assert whole.control is not None
    shifted = replace(whole.control, table=pd.DataFrame([row(p_empirical=0.01, z_empirical=2.33)]))
    section = next(s for s in observation_sections(replace(whole, control=shifted)) if s.anchor == "control")
    assert "may lie behind the result above: p = 0.01" in str(section.blocks)


def test_names_are_escaped(tmp_path: Path) -> None:
    made = made_events()
    observers, score = {"m4l": made.data["m4l"], HOSTILE: made.data["channel"]}, {HOSTILE: made.score_data}
    whole = replace(
        full_observation(made),
        dataset=HOSTILE, observed=HOSTILE, selection=HOSTILE, signal=HOSTILE, warnings=[HOSTILE], limits=[HOSTILE],
        provenance={HOSTILE: HOSTILE}, titles={"m4l": HOSTILE}, best=HOSTILE,
        ranked=ranked_events(np.array([HOSTILE] * N_DATA), observers, score, HOSTILE),
    )  # fmt: skip
    path = write_observation_page(
        tmp_path, whole, draw_observation(panels()[:1]), {HOSTILE: draw_observation(panels()[:1])}
    )
    page = Page(path.read_text())
    assert "script" not in {tag for tag, _ in page.tags}
    assert page.text.count("<script>alert(1)</script>") >= 20
    spans = re.compile(r"(?<![\\`])(`+)(?!`).*?(?<!`)\1(?!`)")
    markdown = spans.sub("", path.with_name("report.md").read_text())
    assert not re.search(r"(?<!\\)<", markdown)
    assert not re.search(r"(?<!\\)\]\((?!figures/)", markdown)


def test_report_is_the_same_bytes_twice(full: Path, tmp_path: Path) -> None:
    write_full(tmp_path)
    files = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 2 + 4 * 3
    for path in files:
        assert (tmp_path / path).read_bytes() == (full.parent / path).read_bytes(), path
