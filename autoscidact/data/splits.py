"""Which events train the encoder, which stop the training, and which the test may see."""

import math
import numbers
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from autoscidact.data.contract import SPLITS, Split
from autoscidact.errors import UserError

# Keeps the split's random stream apart from every other use of the same seed.
_STREAM = 0x5B117


def stratified_split(labels: NDArray[np.integer], fractions: Mapping[Split, float], seed: int) -> NDArray[np.int8]:
    """Puts every event in one split, each class divided in the same proportions.

    Within a class the counts are the quotas rounded by largest remainder, then no split is left empty while another
    has more than one event of that class. Which events go where depends on the labels, the fractions and the seed.

    Args:
        labels: (n,) class indices.
        fractions: share of train, val and test; divided by their sum; a split left out has none.
        seed: of the permutation inside each class.

    Returns:
        (n,) index into SPLITS.

    Raises:
        UserError: an unknown split, a share that is negative or not finite, or no share above zero.
    """
    shares = _normalised(fractions)
    random = np.random.default_rng(np.random.SeedSequence([check_seed(seed), _STREAM]))
    split = np.empty(len(labels), dtype=np.int8)
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        split[members] = np.repeat(np.arange(len(SPLITS), dtype=np.int8), _counts(len(members), shares))
    return split


def check_seed(seed: int) -> int:
    """The seed as an int. Raises UserError if it is not a whole number of at least 0."""
    if isinstance(seed, bool) or not isinstance(seed, numbers.Integral) or seed < 0:
        raise UserError(f"dataset.seed={seed}: give a whole number of at least 0")
    return int(seed)


def _normalised(fractions: Mapping[Split, float]) -> list[float]:
    if not isinstance(fractions, Mapping):
        raise UserError(
            f"dataset.split={fractions}: give shares, in quotes so that the shell leaves the braces: "
            "'dataset.split={train: 0.5, val: 0.1, test: 0.4}'"
        )
    for name, share in fractions.items():
        if name not in SPLITS:
            raise UserError(f"dataset.split.{name}: there is no such split; the splits are {', '.join(SPLITS)}")
        if isinstance(share, bool) or not isinstance(share, numbers.Real) or not 0 <= float(share) < math.inf:
            raise UserError(f"dataset.split.{name}={share}: give a share between 0 and 1")
    shares = [float(fractions.get(name, 0.0)) for name in SPLITS]
    if sum(shares) <= 0:
        raise UserError("dataset.split: every share is 0; give for example dataset.split='{train: 0.5, test: 0.5}'")
    return [share / sum(shares) for share in shares]


def _counts(n: int, shares: list[float]) -> list[int]:
    # Rounded to 9 digits, so that 0.1 * 10 is a whole number on every machine.
    quotas = [round(n * share, 9) for share in shares]
    counts = [math.floor(quota) for quota in quotas]
    by_remainder = sorted(range(len(shares)), key=lambda k: (counts[k] - quotas[k], -shares[k], k))
    for k in by_remainder[: n - sum(counts)]:
        counts[k] += 1
    for k in sorted(range(len(shares)), key=lambda k: -shares[k]):
        largest = counts.index(max(counts))
        if shares[k] > 0 and counts[k] == 0 and counts[largest] > 1:
            counts[k] += 1
            counts[largest] -= 1
    return counts
