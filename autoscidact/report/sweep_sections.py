"""What a report says of a sweep: sentences, figures, tables of median and spread, and the runs behind them."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from autoscidact.report.document import Block, Figure, Figures, Section, Table, Text
from autoscidact.report.result_tables import percent
from autoscidact.report.spread import FEWEST
from autoscidact.report.style import in_order, save_formats, statistic_style
from autoscidact.report.sweep import F_S, Sweep
from autoscidact.report.sweep_figure import draw_sweep
from autoscidact.report.sweep_table import KINDS
from autoscidact.report.sweep_values import seed_name

MOST_COLUMNS = 3
"""Signal fractions beside each other in one table: each cell holds three numbers."""


def sweep_sections(sweep: Sweep, table: pd.DataFrame, folder: Path, prefix: str) -> list[Section]:
    """The sections of one sweep, or of x=f_s the one section Seeds; draws and saves the figures.

    Args:
        table: as `sweep_table` makes it. folder: of the figures. prefix: of names and anchors, unique to the dataset.
    """
    alone = sweep.key == F_S and len(sweep.seeds) > 1
    title = f"Seeds: {sweep.dataset}" if alone else f"Dataset {sweep.dataset} against {_axis(sweep)}"
    blocks: list[Block] = [*map(Text, _words(sweep))]
    blocks += [Figures(list(_figures(sweep, table, folder, prefix)))]
    blocks += [part for kind in KINDS for part in _tables(sweep, table, kind, prefix)]
    return [Section(title, prefix, 2, blocks), Section("Runs", f"{prefix}-runs", 3, [_runs(sweep, prefix)])]


def _words(sweep: Sweep) -> Iterator[str]:
    first = sweep.cells[0].gathered
    n_runs = sum(len(cell.gathered.runs) for cell in sweep.cells)
    beside = f" and {sweep.key} ({', '.join(map(number, sweep.places))})" if sweep.key != F_S else ""
    over = ", ".join(sweep.over) or "nothing"
    yield (
        f"Signal: {first.signal}. {n_runs} run{'s' * (n_runs > 1)} that differ in {over}{beside} alone. Every Z is the "
        f"median over {len(sweep.seeds)} seed{'s' * (len(sweep.seeds) > 1)} of the median toy's Z; in brackets and as "
        f"bars their range from 16 to 84 % or, where there are fewer than {FEWEST}, from the smallest to the largest. "
        "A median that would be larger if the toys resolved more is a bound, marked >."
    )
    if sweep.key != F_S and len(sweep.places) == 1:
        yield f"All runs have {sweep.key} = {number(sweep.places[0])}: there is nothing to compare it with."
    if missing := list(_missing(sweep)):
        more = f"; and {len(missing) - 5} more" if len(missing) > 5 else ""
        yield f"Not every seed is there everywhere: {'; '.join(missing[:5])}{more}."
    if sweep.left_out:
        names = ", ".join(run.name for run in sweep.left_out[:3]) + " and more" * (len(sweep.left_out) > 3)
        yield f"Left out, as they have no {sweep.key}: {names}."


def _missing(sweep: Sweep) -> Iterator[str]:
    for x in dict.fromkeys(cell.x for cell in sweep.cells):
        there = {cell.seeds for cell in sweep.cells if cell.x == x}
        lacking = [seed_name(sweep.over, seeds) for seeds in sweep.seeds if seeds not in there]
        if lacking:
            yield f"{sweep.key} = {number(x)} lacks {', '.join(lacking[:3])}{' and more' if len(lacking) > 3 else ''}"


def _figures(sweep: Sweep, table: pd.DataFrame, folder: Path, prefix: str) -> Iterator[Figure]:
    for kind in KINDS:
        rows = table[(table.kind == kind) & table.headline]
        if not len(rows):
            continue
        name = f"{prefix}_{kind}"
        save_formats(draw_sweep(sweep, table, kind), folder, name)
        names = in_order([str(name) for name in rows.statistic.unique()])
        tests = ", ".join(statistic_style(one, names).label for one in names)
        how = {
            "empirical": "kernel widths combined by their smallest p. Triangles: bounds. Dotted: what toys resolve.",
            "asymptotic": "at the kernel width that turned out best in each run. Dotted: 3 and 5 sigma.",
        }[kind]
        yield Figure(
            name,
            f"{sweep.dataset}: {kind} Z against {_axis(sweep)}, median and spread over seeds; {how}",
            f"Line chart of {kind} Z against {_axis(sweep)} for {tests}. The numbers are in the table below.",
        )


def summary_tables(sweep: Sweep, table: pd.DataFrame) -> Iterator[Table]:
    """The tables for a terminal: asymptotic Z or, where no test has any, empirical Z."""
    kind = "asymptotic" if (table.kind == "asymptotic").any() else "empirical"
    for part in _tables(sweep, table, kind, ""):
        yield replace(part, caption=f"{sweep.dataset}: {kind} Z, median and spread")


def _tables(sweep: Sweep, table: pd.DataFrame, kind: str, prefix: str) -> Iterator[Table]:
    """Median and spread at the headline variants; statistics and x down, f_S across."""
    rows = table[(table.kind == kind) & table.headline]
    statistics = in_order([str(name) for name in rows.statistic.unique()])
    fractions = sorted({float(f_s) for f_s in rows.f_s})
    heads = ["test", "variant", *([] if sweep.key == F_S else [sweep.key])]
    for turn, start in enumerate(range(0, len(fractions), MOST_COLUMNS)):
        shown = fractions[start : start + MOST_COLUMNS]
        cells = []
        for name in statistics:
            for x in ["all"] if sweep.key == F_S else sweep.places:
                mine = rows[(rows.statistic == name) & rows.f_s.isin(shown)]
                mine = mine if sweep.key == F_S else mine[mine.x == x]
                if not len(mine):
                    continue
                z = {row.f_s: _cell(row) for row in mine.itertuples()}
                variant = " or ".join(str(one) for one in mine.variant.unique() if one != "t")
                place = [] if sweep.key == F_S else [number(x)]
                label = statistic_style(name, statistics).label
                cells.append([label, variant, *place, _range(mine.n_seeds), *(z.get(f_s, "") for f_s in shown)])
        caption = (
            f"{sweep.dataset}: {kind} Z, median and spread over seeds, at each f_S. All variants are in sweep.csv."
        )
        columns = [*heads, "seeds", *map(percent, shown)]
        yield Table(f"{prefix}-{kind}{turn or ''}", caption, columns, cells, heads=len(heads))


def _axis(sweep: Sweep) -> str:
    return "f_S" if sweep.key == F_S else sweep.key


def _cell(row: Any) -> str:
    text = _z(row.z, row.is_bound)
    return (
        text if row.n_seeds == 1 else f"{text} ({_z(row.low, row.low_is_bound)} to {_z(row.high, row.high_is_bound)})"
    )


def _z(value: float, is_bound: bool) -> str:
    return (">" if is_bound else "") + (f"{value:.2f}" if math.isfinite(value) else str(value))


def _range(counts: pd.Series) -> str:
    return str(counts.min()) if counts.min() == counts.max() else f"{counts.min()} to {counts.max()}"


def number(value: Any) -> str:
    """A value of an axis for people."""
    return str(value) if isinstance(value, str) else f"{value:.6g}"


def _runs(sweep: Sweep, prefix: str) -> Table:
    rows = []
    for cell in sweep.cells:
        for run in cell.gathered.runs:
            place = [] if sweep.key == F_S else [number(cell.x)]
            rows.append([*place, *map(str, cell.seeds), f"{run.folder}: {run.record.get('command', '')}"])
    columns = [*([] if sweep.key == F_S else [sweep.key]), *sweep.over, "folder and command"]
    caption = "The runs behind these numbers; the SHA-256 of their files are in run.json, beside this report."
    return Table(f"{prefix}-runs-table", caption, columns, rows, heads=len(columns) - 1, kind="code", folded=True)
