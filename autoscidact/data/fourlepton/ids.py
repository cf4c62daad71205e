"""Numbers that name an event, the same whichever file it is read from."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from autoscidact.data.fourlepton.leptons import Leptons

EVENT_BITS = 40
"""Event numbers below 2^40 leave the run its own bits."""

SIMULATED_RUN = 1
"""The run of every simulated event."""


def event_ids(leptons: Leptons) -> NDArray[np.int64]:
    """(n,) unique ids: of collisions from run and event number, of simulated events from their momenta.

    Simulated samples all have run 1 and count their events from 1, so numbers do not tell them apart; 62 bits of a hash
    of the momenta do, and a simulated event that comes back as an observation is recognised.
    """
    collisions = (leptons.run << EVENT_BITS) | leptons.event
    hashed = pd.util.hash_pandas_object(pd.DataFrame(leptons.p4.reshape(-1, 16)), index=False).to_numpy()
    simulated = ((hashed >> np.uint64(2)) | np.uint64(1 << 62)).astype(np.int64)
    return np.where(leptons.run == SIMULATED_RUN, simulated, collisions)
