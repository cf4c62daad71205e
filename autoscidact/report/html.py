"""A report as one HTML file that needs nothing else: no network, no script, figures inside."""

import base64
import re
from pathlib import Path

from autoscidact.report.document import Document, Figures, Table, Text


def to_html(document: Document, figures: Path) -> str:
    """The document as a page for screens from a telephone's width up, and for print.

    Args:
        figures: the folder that holds NAME.png and NAME.svg of every figure; the smaller file is embedded.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("autoscidact.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["formula"] = formula
    environment.filters["breakable"] = breakable
    environment.filters["cell_width"] = cell_width
    environment.tests["text"] = lambda block: isinstance(block, Text)
    environment.tests["table"] = lambda block: isinstance(block, Table)
    environment.tests["figures"] = lambda block: isinstance(block, Figures)
    return environment.get_template("report.html").render(
        document=document, source=lambda name: data_uri(figures, name), size=lambda name: screen_size(figures, name)
    )


def formula(text: str) -> str:
    """Escaped text with f_S set as a formula."""
    from markupsafe import Markup, escape

    return Markup(str(escape(text)).replace("f_S", "<i>f</i><sub>S</sub>"))


def breakable(text: str) -> str:
    """Escaped text that may break after the signs that paths and commands are made of."""
    from markupsafe import Markup, escape

    parts = [str(escape(part)) for part in re.split(r"(?<=[/=,_])", text)]
    return Markup("<wbr>".join(parts))


def cell_width(table: Table) -> int:
    """Characters of the widest cell below its title, heads apart: what a telephone sets the cells' places by."""
    return max(len(row[i]) for row in [table.columns, *table.rows] for i in range(table.heads, len(row)))


def data_uri(figures: Path, name: str) -> str:
    """The figure as text: its PNG or its SVG, whichever is smaller."""
    files = {"image/svg+xml": figures / f"{name}.svg", "image/png": figures / f"{name}.png"}
    kind = min(files, key=lambda kind: files[kind].stat().st_size)
    return f"data:{kind};base64,{base64.b64encode(files[kind].read_bytes()).decode()}"


def screen_size(figures: Path, name: str) -> tuple[int, int]:
    """Width and height in CSS pixels: half of the PNG's, which is saved at twice a screen's resolution."""
    with (figures / f"{name}.png").open("rb") as file:
        header = file.read(24)
    return int.from_bytes(header[16:20], "big") // 2, int.from_bytes(header[20:24], "big") // 2
