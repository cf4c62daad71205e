"""How many events of each sample every cut leaves, as a table for people and as CSV."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from autoscidact.data.fourlepton.candidates import published
from autoscidact.data.fourlepton.csv_files import read_csv
from autoscidact.data.fourlepton.samples import FINAL_SELECTION
from autoscidact.data.fourlepton.selection import CutFlowRow
from autoscidact.data.fourlepton.simulated import generated_zz, reducible, selected, simulated_higgs
from autoscidact.files import atomic_path, write_text


def write_cutflow(
    folder: Path,
    years: Sequence[int],
    simulated_years: Sequence[int],
    selection: Mapping[str, Sequence[float]],
) -> str:
    """Writes cutflow.csv and cutflow.md into `folder`, and returns the latter's table.

    Args:
        folder: that `prepare` filled.
        years: of the observed data.
        simulated_years: Drell-Yan and top samples to use; none leaves them out.
        selection: settings of `cuts`.
    """
    flows: dict[str, list[CutFlowRow]] = {"generated ZZ": generated_zz(folder, years, selection).flow}
    if simulated_years:
        flows |= {name: part.flow for name, part in reducible(folder, years, simulated_years, selection).items()}
    flows["Higgs boson"] = simulated_higgs(folder, years, selection).flow
    for year in years:
        file = folder / f"preselected_data_{year}.csv"
        if file.is_file():
            flows[file.name] = selected(read_csv(file), 1.0, selection).flow
        if all((folder / candidates.name).is_file() for candidates in FINAL_SELECTION if str(year) in candidates.name):
            flows[f"published candidates {year}"] = selected(published(folder, [year]), 1.0, selection).flow
    rows = [(name, row.cut, row.events, row.weighted) for name, flow in flows.items() for row in flow]
    table = pd.DataFrame(rows, columns=["sample", "cut", "events", "weighted"])
    with atomic_path(folder / "cutflow.csv") as temporary:
        table.to_csv(temporary, index=False)
    text = _markdown(flows, years, selection)
    write_text(folder / "cutflow.md", text + "\n")
    return text


def _markdown(
    flows: Mapping[str, list[CutFlowRow]], years: Sequence[int], selection: Mapping[str, Sequence[float]]
) -> str:
    cuts = [row.cut for row in next(iter(flows.values()))]
    heads = ["sample", *cuts, f"expected in {', '.join(map(str, years))}"]
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1)]
    for name, flow in flows.items():
        is_data = name.startswith(("preselected", "published"))
        expected = "" if is_data else f"{flow[-1].weighted:.2f}"
        lines.append([name, *(str(row.events) for row in flow), expected])
    ranges = ", ".join(f"{name} {list(values)}" for name, values in selection.items())
    return "\n".join(
        [
            f"Events left after each cut (GeV: {ranges}). Generated events start as found and selected.",
            "",
            *(f"| {' | '.join(line)} |" for line in lines),
        ]
    )
