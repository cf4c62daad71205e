"""A report as Markdown."""

import re

from autoscidact.report.document import Block, Document, Figures, Table, Text


def to_markdown(document: Document) -> str:
    """The document in GitHub's Markdown; figures are linked as PNG."""
    parts = [f"# {escape(document.title)}", escape(document.lead)]
    for section in document.sections:
        parts.append(f"{'#' * section.level} {escape(section.title)}")
        parts += [_block(block) for block in section.blocks]
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Text in which nothing is markup."""
    return re.sub(r"([\\`*<>\[\]|~])", r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """A code span that may stand in a table and hold backticks."""
    text = " ".join(text.split()).replace("|", "\\|")
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}" if text else ""


def _block(block: Block) -> str:
    if isinstance(block, Text):
        return escape(block.text)
    if isinstance(block, Figures):
        return "\n\n".join(
            f"![{escape(figure.alt)}](figures/{figure.name}.png)\n\n{escape(figure.caption)}"
            for figure in block.figures
        )
    return f"{_table(block)}\n\n{escape(block.caption)}"


def _table(table: Table) -> str:
    lines = [[escape(title) for title in table.columns]]
    lines.append(["---:" if table.kind == "numbers" and i >= table.heads else "---" for i in range(len(table.columns))])
    for row in table.rows:
        cells = [escape(cell) for cell in row]
        lines.append([*cells[:-1], code(row[-1])] if table.kind == "code" else cells)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
