"""A report as LaTeX: tables with booktabs, figures as PDF; pdflatex report.tex makes a paper of it."""

import re

from autoscidact.report.document import Block, Document, Figure, Figures, Table, Text

PREAMBLE = r"""\documentclass[a4paper,10pt]{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{lmodern}
\usepackage[margin=17mm]{geometry}
\usepackage{graphicx}
\usepackage{float}
\usepackage{booktabs}
\usepackage{longtable}
\usepackage{array}
\usepackage[hidelinks]{hyperref}
\graphicspath{{figures/}}
\setlength{\parindent}{0pt}
\setlength{\parskip}{6pt}
\setlength{\tabcolsep}{4pt}
\setlength{\LTcapwidth}{0.95\linewidth}
\begin{document}
"""

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "|": r"\textbar{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    "-": "-{}",  # neighbours would join to a dash
}


def to_latex(document: Document) -> str:
    """The document for pdflatex, to stand beside the folder `figures`."""
    parts = [PREAMBLE + rf"\section*{{{escape(document.title)}}}", escape(document.lead)]
    for section in document.sections:
        command = {2: "section", 3: "subsection"}[section.level]
        # Bookmarks hold no formulas.
        title = escape(section.title).replace("$f_S$", r"\texorpdfstring{$f_S$}{f\_S}")
        parts.append(rf"\{command}{{{title}}}")
        parts += [_block(block) for block in section.blocks]
    return "\n\n".join([*parts, r"\end{document}"]) + "\n"


def escape(text: str) -> str:
    """Text in which nothing is a command; characters that pdflatex's fonts lack are given by number."""
    return "".join(_escaped(char) for char in " ".join(text.split())).replace(r"f\_S", "$f_S$")


def _escaped(char: str) -> str:
    if char in _SPECIAL:
        return _SPECIAL[char]
    if char.isprintable() and (char.isascii() or (char.isalpha() and ord(char) < 0x180)):
        return char
    return f"[U+{ord(char):04X}]"


def code(text: str) -> str:
    """Typewriter text that may break after any sign that is no letter or digit."""
    return (
        r"\texttt{"
        + "".join(
            _escaped(char) + ("" if char.isalnum() or char == " " else r"\allowbreak{}")
            for char in " ".join(text.split())
        )
        + "}"
    )


def _block(block: Block) -> str:
    if isinstance(block, Text):
        return escape(block.text)
    if isinstance(block, Figures):
        pairs = [block.figures[i : i + 2] for i in range(0, len(block.figures), 2)]
        return "\n\n".join(_figures(list(pair)) for pair in pairs)
    return _table(block)


def _figures(pair: list[Figure]) -> str:
    boxes = [
        "\\begin{minipage}[t]{0.48\\linewidth}\n"
        f"\\includegraphics[width=\\linewidth]{{{figure.name}.pdf}}\n"
        f"\\caption{{{escape(figure.caption)}}}\n"
        "\\end{minipage}"
        for figure in pair
    ]
    body = "\\hfill\n".join(boxes)
    return f"\\begin{{figure}}[H]\n\\centering\n{body}\n\\end{{figure}}"


def _table(table: Table) -> str:
    last = r">{\raggedright\arraybackslash}p{0.72\linewidth}"
    kinds = ["r" if table.kind == "numbers" and i >= table.heads else "l" for i in range(len(table.columns))]
    layout = "".join([*kinds[:-1], last] if table.kind == "code" else kinds)
    rows = []
    for row in table.rows:
        cells = [escape(cell) for cell in row]
        rows.append(" & ".join([*cells[:-1], code(row[-1])] if table.kind == "code" else cells) + r" \\")
    size = r"\footnotesize" if len(table.columns) > 5 or table.kind == "code" else r"\small"
    if len(table.columns) > 8:
        size = r"\scriptsize\setlength{\tabcolsep}{2.2pt}"
    # A row that begins with a bracket would be read as the option of the line break before it.
    body = "\n".join(re.sub(r"^\[", "{[}", row) for row in rows)
    head = " & ".join(escape(title) for title in table.columns) + r" \\"
    return (
        f"{{{size}\n\\begin{{longtable}}{{{layout}}}\n\\caption{{{escape(table.caption)}}}\\\\\n"
        f"\\toprule\n{head}\n\\midrule\n\\endfirsthead\n\\toprule\n{head}\n\\midrule\n\\endhead\n"
        f"{body}\n\\bottomrule\n\\end{{longtable}}}}"
    )
