"""The one-dimensional yardstick: a fit of background and signal templates to a histogram of one observer."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import xlog1py

from autoscidact.errors import UserError
from autoscidact.files import array_hash
from autoscidact.statistics.contract import AsymptoticLaw
from autoscidact.statistics.resources import Resources
from autoscidact.statistics.tally import Tally
from autoscidact.statistics.template_fit import fit_signal_fraction
from autoscidact.toys.pools import Pools
from autoscidact.toys.sampler import ToyBatch
from autoscidact.toys.selection import data_matrix, reference_matrix

MIN_EXPECTED = 5.0
"""Events of R that every bin expects. For 5 events of a peak on |D| = 37, |R| from 200 to 8000, the median Z with two,
five or ten showed no difference beyond its error of about 0.2."""

MAX_ITERATIONS = 100


class ObserverFit:
    """Fit of a signal to the histogram of an observer, such as a mass (App. E of AutoSciDACT, "Baseline Discovery").

    t = sign(signal) 2 (ln L_{S+B} - ln L_B). The background template is R of each toy. The signal template is the
    pools' signal, by weight: as in the paper, the simulated events of the template are those that toys draw, so that
    it fits them a little better than it would others. Under- and overflow count in the end bins, and events without
    a value of the observer in none.

    Variants: "shape" leaves the background's normalisation free (`fit_signal_fraction`), so t does not know how many
    events there are; "rate" fixes it at what is expected (`fit_signal_rate`). Where |D| does not fluctuate, signal
    added to it shows in "rate" as events too many, which no experiment would know.

    Args:
        observer: its name.
        n_bins: of equal width, before those that R does not fill are merged.
        range: lowest and highest inner value of the bins; None: the 0.5 % and 99.5 % quantiles of R.
    """

    name = "observer_fit"
    asymptotic: AsymptoticLaw = "signed_root"
    batch_size = 64
    variants: tuple[str, ...] = ("shape", "rate")

    def __init__(self, observer: str, n_bins: int = 30, range: Sequence[float] | None = None) -> None:
        if not (isinstance(n_bins, int) and n_bins >= 2):
            raise UserError(f"observer_fit.n_bins={n_bins}: give a whole number of at least 2")
        if range is not None and not (len(range) == 2 and all(map(math.isfinite, range)) and range[0] < range[1]):
            raise UserError(f"observer_fit.range={list(range)}: give [lowest,highest], or null for what R covers")
        self.observer, self.n_bins = observer, n_bins
        self.range = None if range is None else (float(range[0]), float(range[1]))
        self.plan = ""
        self._definition: dict[str, object] = {}
        self._bins: csr_matrix | None = None
        self._signal_template = np.empty(0)
        self._tally = Tally()

    @property
    def definition(self) -> dict[str, object]:
        """What fixes t, for the key of the toy store; known after `prepare`."""
        return self._definition

    def prepare(self, pools: Pools, n_ref: int, n_data: int, seed: int, resources: Resources | None = None) -> None:
        """Makes the bins and the signal template.

        Raises:
            UserError: no such observer, no signal sample, no values of either, or an R that cannot fill two bins.
        """
        values = self._values(pools)
        in_reference = values[pools.reference]
        weights = pools.weights[pools.reference] if pools.resampled else np.ones(len(pools.reference))
        known = np.isfinite(in_reference)
        low, high = self.range or np.quantile(in_reference[known], [0.005, 0.995])
        edges = _merged(
            np.linspace(low, high, self.n_bins + 1)[1:-1], in_reference[known], (n_ref * weights / weights.sum())[known]
        )
        if not len(edges):
            raise UserError(
                f"observer_fit: |R|={n_ref} cannot fill two bins of {self.observer} with {MIN_EXPECTED:g} events each; "
                "raise toys.n_ref, or correct observer_fit.range"
            )
        self._bins = _one_hot(values, edges)
        template = pools.weights[pools.signal] @ self._bins[pools.signal]
        self._signal_template = template / template.sum()
        self.plan = (
            f"{self.observer} of {np.isfinite(values[pools.signal]).sum()} signal events in {len(edges) + 1} bins"
        )
        # Not the observed events: the same null toys serve every observation.
        alternatives = [variation.rows for variation in pools.variations]
        drawn = np.concatenate([pools.reference, pools.background, pools.signal, *alternatives])
        self._definition = {
            "statistic": self.name,
            "observer": self.observer,
            "n_bins": self.n_bins,
            "range": self.range,
            "values": array_hash(values[drawn], edges, self._signal_template),
        }

    def evaluate(self, toys: ToyBatch) -> NDArray[np.float64]:
        """t of shape (toys, 2)."""
        if self._bins is None:
            raise RuntimeError("ObserverFit.evaluate was called before ObserverFit.prepare")
        n_events = self._bins.shape[0]
        counts = (data_matrix(toys, n_events) @ self._bins).toarray()
        # A bin that an R drawn anew leaves empty counts as half an event.
        background = np.maximum((reference_matrix(toys, n_events) @ self._bins).toarray(), 0.5)
        share = background / background.sum(axis=1, keepdims=True)
        shape = fit_signal_fraction(counts, share, self._signal_template).signed
        rate = fit_signal_rate(counts, toys.expected / toys.reference.shape[1] * background, self._signal_template)
        return self._tally.add(np.stack([shape, rate], axis=1))

    def solver_report(self) -> dict[str, int]:
        """How many toys were fitted, for the run's summary; none can fail."""
        return self._tally.report()

    def _values(self, pools: Pools) -> NDArray[np.float64]:
        if self.observer not in pools.observers:
            there = ", ".join(pools.observers) or "none"
            raise UserError(
                f"observer_fit.observer={self.observer} is not among the events' observers ({there}); "
                "choose one of them, or leave observer_fit out of statistic"
            )
        if not len(pools.signal):
            raise UserError("observer_fit needs signal events for its template; leave it out of statistic without them")
        values = np.asarray(pools.observers[self.observer], dtype=np.float64)
        for rows, kind in ((pools.reference, "R"), (pools.signal, "signal")):
            if not np.isfinite(values[rows]).any():
                raise UserError(
                    f"observer_fit.observer={self.observer}: no event of {kind} has a value; choose another observer"
                )
        return values


def fit_signal_rate(
    counts: NDArray[np.float64], background: NDArray[np.float64], signal: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Signed 2 (ln L_{S+B} - ln L_B) of s signal events beside a background that is known: mu_b = B_b + s p_b.

    With r = p / B it is 2 max_s [sum_b n_b ln(1 + s r_b) - s], where no mu_b is negative. The gradient
    g = sum_b n_b r_b / (1 + s r_b) - 1 falls and is convex, so Newton's iteration rises to its root from any start
    below; max_b (n_b - 1 / r_b), where one bin alone makes g = 0, is such a start. A root at which some bin without
    data would expect less than nothing is moved up to where it expects nothing.

    Args:
        counts: (T, B) events of D in each bin.
        background: (T, B) or (1, B), expected events B_b, positive.
        signal: (B,) p_b, adding up to 1.

    Returns:
        (T,) the sign is that of s: a deficit of signal is no discovery.

    Raises:
        ValueError: a bin expects no background, so that events in it would rule out L_B for certain.
    """
    if not (background > 0).all():
        raise ValueError("the background must be positive in every bin")
    ratio = np.broadcast_to(signal / background, counts.shape)
    with np.errstate(divide="ignore"):
        poles = -1.0 / ratio
    s = np.maximum(poles.max(axis=1), np.where(counts > 0, counts + poles, -np.inf).max(axis=1))
    for _ in range(MAX_ITERATIONS):
        # At the lowest s allowed a bin without data may expect nothing, and says nothing.
        slope = np.where(counts > 0, ratio / np.maximum(1.0 + s[:, None] * ratio, 1e-100), 0.0)
        gradient, curvature = (counts * slope).sum(axis=1) - 1.0, (counts * slope**2).sum(axis=1)
        step = np.maximum(gradient, 0.0) / np.where(curvature > 0, curvature, 1.0)
        s = s + step
        if (step <= 1e-13 * (1.0 + np.abs(s))).all():
            break
    gain = xlog1py(counts, np.maximum(s[:, None] * ratio, -1.0)).sum(axis=1) - s
    return np.asarray(np.sign(s) * 2.0 * np.maximum(gain, 0.0))


def _merged(
    edges: NDArray[np.float64], values: NDArray[np.float64], expected: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The edges, from the lowest, that close a bin with enough of R; the last bin takes what is left over."""
    filled = np.bincount(np.searchsorted(edges, values, side="right"), expected, len(edges) + 1)
    kept, inside = [], 0.0
    for edge, more in zip(edges, filled, strict=False):
        inside += more
        if inside >= MIN_EXPECTED:
            kept.append(edge)
            inside = 0.0
    if kept and inside + filled[-1] < MIN_EXPECTED:
        kept.pop()
    return np.array(kept)


def _one_hot(values: NDArray[np.float64], edges: NDArray[np.float64]) -> csr_matrix:
    """(n, bins), 1 at the bin of each event; nothing where the value is unknown."""
    known = np.isfinite(values)
    bins = np.searchsorted(edges, values[known], side="right")
    starts = np.concatenate([[0], np.cumsum(known)])
    return csr_matrix((np.ones(len(bins)), bins, starts), shape=(len(values), len(edges) + 1))
