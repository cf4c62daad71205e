"""Bins of a classifier's score that are fine where signal is and never empty of background."""

import numpy as np
from numpy.typing import NDArray


def score_edges(
    background: NDArray[np.float64],
    signal: NDArray[np.float64],
    signal_weights: NDArray[np.float64],
    n_bins: int,
    reference: NDArray[np.float64],
    expected: NDArray[np.float64],
    min_expected: float,
) -> NDArray[np.float64]:
    """Inner edges at quantiles of the equal mixture of background and signal, merged until R fills every bin.

    Bins are merged from the highest score down, because that end decides: each is closed as soon as it expects
    `min_expected` events of R. What is left over at the lowest scores joins the last bin closed. Event x is in bin
    `np.searchsorted(edges, score(x), side="right")`.

    Args:
        background: (n,) scores of labelled background, all of the same weight.
        signal: (m,) scores of labelled signal; `signal_weights`: (m,) their weights.
        n_bins: before merging.
        reference: (r,) scores of the events that R holds or is drawn from.
        expected: (r,) how often a toy's R holds each of them.
        min_expected: events of R in each bin.

    Returns:
        (k,) increasing; k + 1 bins, at most `n_bins`; empty where R cannot fill two.
    """
    scores = np.concatenate([background, signal])
    weights = np.concatenate([np.full(len(background), 1 / len(background)), signal_weights / signal_weights.sum()])
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(weights[order])
    levels = np.arange(1, n_bins) / n_bins * reached[-1]
    candidates = np.unique(scores[order][np.searchsorted(reached, levels)])

    filled = np.bincount(
        np.searchsorted(candidates, reference, side="right"), weights=expected, minlength=len(candidates) + 1
    )
    kept: list[float] = []
    inside = 0.0
    for place in range(len(candidates), 0, -1):
        inside += filled[place]
        if inside >= min_expected:
            kept.append(candidates[place - 1])
            inside = 0.0
    if kept and inside + filled[0] < min_expected:
        kept.pop()
    return np.array(kept[::-1])
