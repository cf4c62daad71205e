"""Do the classes lie apart in the embedding? What a linear classifier makes of them."""

import warnings

import numpy as np

from autoscidact.embedding.table import EmbeddedEvents

MOST = 20_000
"""Events that the probe learns from, and as many that it is asked about."""


def linear_probe(events: EmbeddedEvents, seed: int = 0) -> tuple[float, float] | None:
    """Accuracy of logistic regression on the points, among background classes, and that of always saying the largest.

    It learns from training and validation events, the encoder's own, and is asked about those of the test split.

    Args:
        seed: of the choice of events, where there are more than `MOST`.

    Returns:
        None where one of both has fewer than two background classes.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(np.random.SeedSequence([seed, 0x960BE]))
    known = np.flatnonzero((events.splits != "test") & (events.labels != events.signal))
    asked = np.flatnonzero((events.splits == "test") & np.isin(events.labels, events.labels[known]))
    known, asked = (np.sort(rng.permutation(rows)[:MOST]) for rows in (known, asked))
    if min(len(set(events.labels[rows].tolist())) for rows in (known, asked)) < 2:
        return None
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(events.points[known].astype(np.float64), events.labels[known])
    right = model.predict(events.points[asked].astype(np.float64)) == events.labels[asked]
    _, counts = np.unique(events.labels[asked], return_counts=True)
    return float(right.mean()), float(counts.max() / counts.sum())


def probe_sentence(probe: tuple[float, float]) -> str:
    """What a probe found, for people."""
    accuracy, largest = probe
    return (
        f"Linear probe: {100 * accuracy:.1f} % of the test split's background events in the right class "
        f"({100 * largest:.1f} % by always naming the largest)."
    )
