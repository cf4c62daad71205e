"""What a report says, before it is written as Markdown, LaTeX or HTML: plain text, tables, figures.

In all text `f_S` stands for the signal fraction and is set as a formula by the formats that can.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Table:
    """Rows of ready-made cells.

    Attributes:
        name: unique in the document; a label for links.
        caption: what the rows are, and what their numbers come from.
        columns: titles. rows: cells, as many as titles.
        heads: how many columns, from the left, say what a row is about.
        kind: of the other columns: numbers, words, or (the last column) paths, commands and the like.
        folded: shown only when asked for, where the format can.
    """

    name: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    heads: int = 1
    kind: Literal["numbers", "words", "code"] = "numbers"
    folded: bool = False


@dataclass(frozen=True)
class Figure:
    """A figure saved as figures/NAME.png, .pdf and .svg.

    Attributes:
        caption: below the figure. alt: what it shows, in words, for those who cannot see it.
    """

    name: str
    caption: str
    alt: str


@dataclass(frozen=True)
class Figures:
    """Figures that may stand side by side."""

    figures: Sequence[Figure]


Block = Text | Table | Figures


@dataclass(frozen=True)
class Section:
    """A heading and what follows it. anchor: unique in the document."""

    title: str
    anchor: str
    level: Literal[2, 3]
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Document:
    """A report."""

    title: str
    lead: str
    sections: Sequence[Section]
