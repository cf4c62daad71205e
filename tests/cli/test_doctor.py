"""The doctor finds an installation well, and can find it ill."""

import dataclasses

import numpy as np

from autoscidact import nplm
from autoscidact.commands import selftest


def test_doctor_finds_this_installation_well(cli) -> None:
    outcome = cli("doctor")
    assert outcome.status == 0, outcome.out
    for name in ("torch", "CPU", "memory", "falkon", "device", "outputs", "NPLM fit", "NPLM backends"):
        assert f"\n{name}" in outcome.out


def test_wrong_arithmetic_is_noticed(cli, monkeypatch) -> None:
    right = nplm.fit
    monkeypatch.setattr(selftest.nplm, "fit", lambda *a, **k: dataclasses.replace(right(*a, **k), t=15.0))
    outcome = cli("doctor")
    assert outcome.status == 1
    assert outcome.err == "error: doctor: NPLM fit failed; see above\n"
    assert "instead of 15.07" in outcome.out


def test_missing_device_and_unwritable_outputs_are_named(cli) -> None:
    outcome = cli("doctor", "device=quantum", "outputs=/proc/nowhere")
    assert outcome.err == "error: doctor: device, outputs failed; see above\n"
    assert "device=quantum" in outcome.out


def test_a_backend_that_disagrees_is_named(cli, monkeypatch) -> None:
    from autoscidact.statistics.nplm.batched_solver import BatchedSolver

    monkeypatch.setattr(BatchedSolver, "evaluate", lambda self, toys: np.full((1, 1), 99.0))
    outcome = cli("doctor")
    assert outcome.err == "error: doctor: NPLM backends failed; see above\n"
    assert "solver batched on cpu gives t = 99.0000 instead of" in outcome.out
