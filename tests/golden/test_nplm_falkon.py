"""Parity with Falkon 0.9.0: one-step and converged t and log ratios on fixed samples."""

import json
from pathlib import Path

import numpy as np
import pytest

from autoscidact.nplm import fit

FOLDER = Path(__file__).parent / "nplm_falkon"
CASES = [
    (path.stem, width["width"])
    for path in sorted(FOLDER.glob("*.json"))
    for width in json.loads(path.read_text())["widths"]
]


@pytest.mark.parametrize(("kind", "newton_steps"), [("one_step", 1), ("converged", None)])
@pytest.mark.parametrize(("name", "width"), CASES)
def test_agrees_with_falkon(name: str, width: float, kind: str, newton_steps: int | None) -> None:
    arrays = np.load(FOLDER / f"{name}.npz", allow_pickle=False)
    numbers = json.loads((FOLDER / f"{name}.json").read_text())
    expected_t = next(w for w in numbers["widths"] if w["width"] == width)[f"t_{kind}"]
    events = np.concatenate([arrays["reference"], arrays["data"]])
    result = fit(
        arrays["reference"],
        arrays["data"],
        width=width,
        centers=events[arrays[f"center_index_width{width}"]],
        penalty=numbers["penalty"],
        expected=numbers["expected_data"],
        newton_steps=newton_steps,
    )
    assert abs(result.t - expected_t) <= max(0.05, 1e-3 * abs(expected_t))
    difference = result.log_ratio(events[::20]) - arrays[f"log_ratio_{kind}_width{width}"].ravel()
    assert np.abs(difference).max() <= 1e-2
    assert result.converged is (newton_steps is None)


def test_every_golden_file_is_used() -> None:
    assert {name for name, _ in CASES} == {"null_paper", "null_small", "signal_paper", "signal_small"}
    assert len(CASES) == 20
