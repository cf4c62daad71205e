"""Markdown, LaTeX and HTML say the same, hold hostile names, and the page needs nothing but itself."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscidact.report import html, latex, markdown
from autoscidact.report.document import Document, Figure, Figures, Section, Table, Text
from autoscidact.report.style import FORMATS, new_figure, save_formats

HOSTILE = r"50% of $x_1 & \y{z} #1 ~^ <b>|'\"`*[a](b)` -- f_S > 2 é 数 </script>"


def document(text: str = HOSTILE) -> Document:
    numbers = Table("numbers", text, ["test", "1 %", "f_S"], [["nplm", ">2.7", ""], [text, "0.10", text]])
    words = Table("words", text, ["test", "needs"], [["nplm", text]], kind="words", folded=True)
    paths = Table("paths", text, ["what", "value"], [["command", text], ["folder", "a/b_c"]], kind="code")
    figures = Figures([Figure("one", text, text), Figure("two", text, text), Figure("one", "again", "again")])
    sections = [
        Section(text, "first", 2, [Text(text), numbers]),
        Section("f_S needed", "second", 3, [words, paths, figures]),
    ]
    return Document(f"Report: {text}", text, sections)


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("figures")
    for name in ("one", "two"):
        figure = new_figure(2.0)
        figure.subplots().plot([0, 1], [0, 1])
        save_formats(figure, folder, name)
    return folder


class Page(HTMLParser):
    """What a page holds: tags with their attributes, its text, and whether its tags close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, name: str) -> list[str]:
        return [value for _, attributes in self.tags if (value := attributes.get(name)) is not None]


def test_page_is_well_formed_and_needs_nothing_else(figures: Path) -> None:
    text = html.to_html(document(), figures)
    page = Page(text)
    assert page.open == []
    assert {"script", "link", "iframe", "object"}.isdisjoint(tag for tag, _ in page.tags)
    assert all(source.startswith("data:image/") for source in page.values("src"))
    assert all(target.startswith("#") for target in page.values("href"))
    assert "url(" not in text
    assert "@import" not in text
    assert [tag for tag, _ in page.tags].count("title") == 1
    assert dict(page.tags)["html"] == {"lang": "en"}


def test_links_lead_to_headings(figures: Path) -> None:
    page = Page(html.to_html(document(), figures))
    ids = page.values("id")
    assert [target.removeprefix("#") for target in page.values("href")] == ["first", "second"]
    assert {"first", "second", "numbers", "words", "paths"} <= set(ids)


def test_page_shows_hostile_text_as_it_is(figures: Path) -> None:
    page = Page(html.to_html(document(), figures))
    plain = " ".join(page.text.split())
    assert HOSTILE.split("--")[0] in plain
    assert "</script>" in plain
    # f_S is set as a formula, outside of attributes.
    assert "fS" in page.text.replace("\n", "")
    assert set(page.values("alt")) == {HOSTILE, "again"}


def test_page_gives_each_figure_its_size_and_smaller_file(figures: Path) -> None:
    page = Page(html.to_html(document(), figures))
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert [(image["width"], image["height"]) for image in images] == [("422", "192")] * 3
    smaller = min((figures / "one.png", figures / "one.svg"), key=lambda path: path.stat().st_size)
    kind = {".png": "image/png", ".svg": "image/svg+xml"}[smaller.suffix]
    assert str(images[0]["src"]).startswith(f"data:{kind};base64,")


def test_cells_are_marked_with_their_column_for_narrow_screens(figures: Path) -> None:
    text = html.to_html(document(), figures)
    assert '<span class="title">1 %</span><span>&gt;2.7</span>' in text
    assert "class=empty" in text


def test_markdown_tables_keep_their_columns() -> None:
    lines = markdown.to_markdown(document()).splitlines()
    tables = [line for line in lines if line.startswith("| ")]
    assert len(tables) == 4 + 3 + 4
    for line in tables:
        bars = len(re.findall(r"(?<!\\)\|", line))
        assert bars == (4 if len(tables) and line in tables[:4] else 3)


@given(st.text(max_size=40))
def test_markdown_code_spans_close(text: str) -> None:
    found = markdown.code(text)
    if found:
        fence = re.match("`+", found)
        assert fence
        inner = found[len(fence.group()) : -len(fence.group())]
        assert fence.group() not in re.findall("`+", inner)
        assert found.endswith(fence.group())
    assert "\n" not in found


COMMANDS = r"textbackslash|text(?:ascii)?(?:tilde|circum|bar|less|greater|quotedbl|quotesingle|grave)|texttt|allowbreak"


@given(st.text(max_size=60))
def test_latex_escapes_leave_no_command(text: str) -> None:
    for escaped in (latex.escape(text), latex.code(text)):
        rest = escaped.replace("$f_S$", "")
        rest = re.sub(r"\\[{}$&%#_]", "", rest)
        rest = re.sub(rf"\\({COMMANDS})(?=\{{)", "", rest)
        assert not re.search(r"[\\$&%#_~^\n]", rest)
        assert rest.count("{") == rest.count("}")
        assert all(ord(char) < 0x180 for char in escaped)


def test_latex_is_balanced() -> None:
    text = latex.to_latex(document())
    assert text.isprintable() or set(re.findall(r"[^\x20-\x7e]", text)) <= {"\n", "é"}
    begun, ended = (re.findall(rf"\\{word}\{{(\w+)\}}", text) for word in ("begin", "end"))
    assert sorted(begun) == sorted(ended)
    assert {"document", "longtable", "figure", "minipage"} == set(begun)
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")
    assert text.count(r"\toprule") == 2 * 3
    assert text.count(r"\bottomrule") == 3
    assert text.count(r"\includegraphics") == 3


def test_latex_rows_keep_their_columns() -> None:
    rows = [line for line in latex.to_latex(document()).splitlines() if line.endswith(r" \\")]
    counts = [len(re.findall(r"(?<!\\)&", row)) for row in rows]
    assert counts == [2] * 4 + [1] * 3 + [1] * 4


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(tmp_path: Path, figures: Path) -> None:
    shutil.copytree(figures, tmp_path / "figures")
    (tmp_path / "report.tex").write_text(latex.to_latex(document()), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "report.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    assert (tmp_path / "report.pdf").stat().st_size > 5000


def test_figures_are_saved_in_every_format_with_the_same_bytes(tmp_path: Path, figures: Path) -> None:
    figure = new_figure(2.0)
    figure.subplots().plot([0, 1], [0, 1])
    save_formats(figure, tmp_path, "one")
    assert sorted(path.suffix for path in tmp_path.iterdir()) == sorted(f".{name}" for name in FORMATS)
    for name in FORMATS:
        assert (tmp_path / f"one.{name}").read_bytes() == (figures / f"one.{name}").read_bytes()
