"""Leptons as the encoder and people see them: 20 features, and observers that no test uses."""

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.contract import Events
from autoscidact.data.fourlepton.ids import event_ids
from autoscidact.data.fourlepton.leptons import MUON, Leptons

FEATURES = tuple(f"{name}{i}" for i in range(1, 5) for name in ("px", "py", "pz", "E", "kind"))
"""Momentum and energy in GeV, and kind (-1 electron, 1 muon), of leptons in falling order of transverse momentum."""


def as_events(
    leptons: Leptons, labels: NDArray[np.int64], classes: tuple[str, ...], weights: NDArray[np.float64]
) -> Events:
    """The table of events with `FEATURES`, and m4l, mZ1, mZ2 (GeV), channel, run and event as observers.

    Args:
        labels: (n,) index into `classes`.
        weights: (n,) positive.
    """
    kind = np.where(leptons.kind == MUON, 1.0, -1.0)[..., None]
    return Events(
        features=np.concatenate([leptons.p4, kind], axis=-1).reshape(-1, len(FEATURES)).astype(np.float32),
        labels=labels.astype(np.int64),
        classes=classes,
        ids=event_ids(leptons),
        weights=weights,
        feature_names=FEATURES,
        observers={
            "m4l": leptons.m4l,
            "mZ1": leptons.m_z1,
            "mZ2": leptons.m_z2,
            "channel": leptons.channel,
            "run": leptons.run,
            "event": leptons.event,
        },
    )
