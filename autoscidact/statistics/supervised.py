"""The supervised yardsticks: a classifier that knows the signal, and a template fit to its score."""

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from autoscidact.errors import UserError
from autoscidact.files import array_hash
from autoscidact.statistics.contract import AsymptoticLaw
from autoscidact.statistics.resources import Resources
from autoscidact.statistics.score_bins import score_edges
from autoscidact.statistics.tally import Tally
from autoscidact.statistics.template_fit import fit_signal_fraction
from autoscidact.toys.labelled import LabelledPoints
from autoscidact.toys.pools import Pools
from autoscidact.toys.sampler import ToyBatch
from autoscidact.toys.selection import data_matrix, reference_matrix

MIN_LABELLED = 20
"""Labelled events of either kind below which there is nothing to learn from, or to make a template of."""

MIN_EXPECTED = 2.0
"""Events of R that every bin expects. Ten would make a better template and a worse limit: of a signal far outside the
background (synthetic, f_S = 0.5 %) the median Z was 3.0 with ten, 5.7 with two, 6.0 with one, where the null of the
emptiest bin is hardly continuous."""

BACKGROUND_PER_SIGNAL, MAX_TRAIN_SIGNAL = 5, 20_000
"""Training events: more background would drown the signal, and more signal would only take longer."""

_CHUNK = 100_000


class Supervised:
    """Template fit to the score of a classifier that was shown the signal (Sec. 5 of AutoSciDACT).

    An MLP learns to tell labelled signal from labelled background, in the embedding, on events that no toy draws. One
    half of the labelled signal trains it, the other half is the signal template p_S, so that a score fitted too well
    does not make the template too sharp. The background template p_R is R itself: once where R is fixed, anew for
    each toy where it is drawn anew (a bin that such an R leaves empty counts as half an event). t is the signed
    delta chi2 of `fit_signal_fraction`.

    Training runs for up to 100 passes with an L2 penalty and without early stopping: with one signal event in five,
    validation accuracy stays at that of calling everything background for so long that training stopped before the
    signal was learnt. Part of the true likelihood ratio's Z that was reached for three signals on mixed Gaussians
    in 4-D, by the number of signal events that trained:

        ==================================  ============  ============  ============
        training                            50            300           2500
        ==================================  ============  ============  ============
        early stopping, batches of 1000     0.17 to 0.48  0.17 to 0.49  0.89 to 0.99
        early stopping, batches as here     0.30 to 0.71  0.74 to 0.94  0.88 to 0.98
        none, as here                       0.61 to 0.90  0.79 to 0.96  0.88 to 1.00
        ==================================  ============  ============  ============

    Args:
        name: "ideal_supervised" for the same test where the encoder, too, was trained with the signal.
        hidden: units of the hidden layers.
        n_bins: of the score, before bins that R does not fill are merged (`score_edges`).

    References:
        Cowan, Cranmer, Gross, Vitells (2011), arXiv:1007.1727, for the distribution of delta chi2.
    """

    asymptotic: AsymptoticLaw = "signed_root"
    batch_size = 64
    variants: tuple[str, ...] = ("t",)

    def __init__(self, name: str = "supervised", hidden: Sequence[int] = (64, 64), n_bins: int = 25) -> None:
        layers = tuple(hidden)
        if not layers or not all(isinstance(units, int) and units >= 1 for units in layers):
            raise UserError(f"{name}.hidden={list(layers)}: give one or more whole numbers of at least 1")
        if not (isinstance(n_bins, int) and n_bins >= 2):
            raise UserError(f"{name}.n_bins={n_bins}: give a whole number of at least 2")
        self.name, self.hidden, self.n_bins = name, layers, n_bins
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
        """Trains the classifier, scores the pools and makes the bins and the signal template.

        Raises:
            UserError: no labelled training events, too few of them, or an R that cannot fill two bins.
        """
        training = self._labelled(pools)
        rng = np.random.default_rng(np.random.SeedSequence([seed, 0x50]))
        background, signal = np.flatnonzero(~training.is_signal), np.flatnonzero(training.is_signal)
        trained, held_out = np.array_split(rng.permutation(signal), 2)
        model = self._train(training, background, trained, rng)

        weights = pools.weights[pools.reference] if pools.resampled else np.ones(len(pools.reference))
        scores = _scores(model, pools.points)
        template_scores = _scores(model, training.points[held_out])
        edges = score_edges(
            _scores(model, training.points[background]),
            template_scores,
            training.weights[held_out],
            self.n_bins,
            scores[pools.reference],
            n_ref * weights / weights.sum(),
            MIN_EXPECTED,
        )
        if not len(edges):
            raise UserError(
                f"{self.name}: |R|={n_ref} cannot fill two bins of the score with {MIN_EXPECTED:g} events each; "
                "raise toys.n_ref"
            )
        bins = np.searchsorted(edges, scores, side="right")
        self._bins = csr_matrix((np.ones(len(bins)), bins, np.arange(len(bins) + 1)), shape=(len(bins), len(edges) + 1))
        template = np.bincount(
            np.searchsorted(edges, template_scores, side="right"), training.weights[held_out], len(edges) + 1
        )
        self._signal_template = template / template.sum()
        self.plan = f"scores of {len(bins)} events in {len(edges) + 1} bins"
        # Not the observed events: the same null toys serve every observation.
        drawn = np.concatenate([pools.reference, pools.background, pools.signal, *(v.rows for v in pools.variations)])
        self._definition = {
            "statistic": self.name,
            "seed": seed,
            "hidden": list(self.hidden),
            "n_bins": self.n_bins,
            "training": training.fingerprint,
            # Another processor may train to other last digits, and so to another t.
            "scores": array_hash(bins[drawn], self._signal_template),
        }

    def evaluate(self, toys: ToyBatch) -> NDArray[np.float64]:
        """t of shape (toys, 1)."""
        if self._bins is None:
            raise RuntimeError("Supervised.evaluate was called before Supervised.prepare")
        n_events = self._bins.shape[0]
        counts = (data_matrix(toys, n_events) @ self._bins).toarray()
        reference = np.maximum((reference_matrix(toys, n_events) @ self._bins).toarray(), 0.5)
        fit = fit_signal_fraction(counts, reference / reference.sum(axis=1, keepdims=True), self._signal_template)
        return self._tally.add(fit.signed[:, None])

    def solver_report(self) -> dict[str, int]:
        """How many toys were fitted, for the run's summary; none can fail."""
        return self._tally.report()

    def _labelled(self, pools: Pools) -> LabelledPoints:
        training = pools.training
        if training is None or not training.is_signal.any() or training.is_signal.all():
            raise UserError(
                f"{self.name} needs labelled signal and background events outside the test split; "
                "give the events a split column with train, val and test"
            )
        n_signal = int(training.is_signal.sum())
        for kind, there in (("signal", n_signal), ("background", len(training.is_signal) - n_signal)):
            if there < MIN_LABELLED:
                raise UserError(
                    f"{self.name} needs at least {MIN_LABELLED} labelled {kind} events outside the test split, "
                    f"but there are {there}; add some, or leave {self.name} out of statistic"
                )
        return training

    def _train(
        self,
        training: LabelledPoints,
        background: NDArray[np.int64],
        signal: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> MLPClassifier:
        signal = _draw(rng, signal, training.weights, MAX_TRAIN_SIGNAL)
        background = _draw(rng, background, training.weights, BACKGROUND_PER_SIGNAL * len(signal))
        rows = np.concatenate([background, signal])
        model = MLPClassifier(
            self.hidden,
            alpha=0.03,
            # Few events need small batches, or a pass would be a single step.
            batch_size=min(len(rows), int(np.clip(len(rows) // 20, 32, 1000))),
            max_iter=100,
            random_state=int(rng.integers(2**31)),
        )
        with warnings.catch_warnings():
            # The number of passes is a bound chosen for its power, not a failure to converge.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return model.fit(training.points[rows].astype(np.float32), training.is_signal[rows])


def _draw(
    rng: np.random.Generator, rows: NDArray[np.int64], weights: NDArray[np.float64], most: int
) -> NDArray[np.int64]:
    """At most `most` of these rows; with replacement, in proportion to weight, where weights differ."""
    size, weights = min(most, len(rows)), weights[rows]
    if np.all(weights == weights[0]):
        return rng.permutation(rows)[:size]
    return rng.choice(rows, size, replace=True, p=weights / weights.sum())


def _scores(model: MLPClassifier, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(signal), (n,) in [0, 1]."""
    parts = (points[i : i + _CHUNK].astype(np.float32) for i in range(0, len(points), _CHUNK))
    chunks = [model.predict_proba(part)[:, 1].astype(np.float64) for part in parts]
    return np.concatenate(chunks) if chunks else np.empty(0)
