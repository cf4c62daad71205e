"""The report of one observation: report.html that needs nothing else, report.md, and the figures beside them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from autoscidact.files import make_folder, write_text
from autoscidact.report.document import Document
from autoscidact.report.html import to_html
from autoscidact.report.markdown import to_markdown
from autoscidact.report.observation_content import Observation
from autoscidact.report.observation_sections import observation_sections
from autoscidact.report.observation_words import headline
from autoscidact.report.style import save_formats

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing


def write_observation_page(
    folder: Path,
    observation: Observation,
    overview: "Drawing",
    scores: Mapping[str, "Drawing"] | None = None,
    marginals: Mapping[str, "Drawing"] | None = None,
) -> Path:
    """Writes report.html, report.md and figures/ into a folder, and returns the page's path.

    Args:
        overview: as `draw_observation` draws it.
        scores: observer to what `draw_score_against_observer` draws of it.
        marginals: what is shown ("embedding axes", "observers") to what `draw_marginals` draws of it.

    Raises:
        UserError: the folder cannot be written.
    """
    figures = make_folder(folder / "figures")
    save_formats(overview, figures, "overview")
    for kind, drawings in (("score", scores or {}), ("marginals", marginals or {})):
        for place, drawing in enumerate(drawings.values(), start=1):
            save_formats(drawing, figures, f"{kind}_{place}")
    answer = headline(observation.table, observation.signal)
    sections = observation_sections(observation, list(scores or {}), list(marginals or {}))
    document = Document(f"Observation: {observation.dataset}", answer, sections)
    write_text(folder / "report.md", to_markdown(document))
    write_text(folder / "report.html", to_html(document, figures))
    return folder / "report.html"
