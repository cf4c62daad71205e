"""How many events of the data a one-class SVM tags as unlike the background."""

import math
import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import OneClassSVM as OneClassSVMClassifier

from autoscidact.errors import UserError
from autoscidact.files import array_hash
from autoscidact.statistics.contract import AsymptoticLaw
from autoscidact.statistics.resources import Resources
from autoscidact.statistics.tally import Tally
from autoscidact.toys.pools import Pools
from autoscidact.toys.sampler import ToyBatch
from autoscidact.toys.selection import data_matrix

TIE_BREAKER = 1e-6
"""Times the bounded mean score: less than one event in a million, so that it orders only what the tags leave equal."""

_CHUNK = 10_000


class OneClassSVM:
    """t = the fraction of D that a one-class SVM tags as anomalous (App. C of AutoSciDACT; Zingman et al. 2024).

    The SVM (RBF kernel, gamma = 1 / (d variance), nu as in the paper) learns the support of background from one random
    half of a sample, and the other half says at which anomaly score a given part of background is tagged, once for each
    false-positive rate: a variant. The sample is R where R is fixed. Where R is drawn anew for each toy, it is
    |R| labelled background events that no toy draws, and where there are none, |R| events drawn once from the pool
    that the toys draw from, too: their tags are then slightly rarer than in events from outside the pool.

    Tagged events are counted, so t would come in steps of 1 / |D| and null toys would tie; added to it is 1e-6 times
    z / (1 + |z|), z being the mean anomaly score of D in standard deviations of background from background's mean.

    Args:
        nu: bound on the part of the training events outside the learnt support, in (0, 1].
        false_positive_rates: in (0, 1), one variant each: "fpr=1%".
        max_train: most training events; the time to train grows with their square, to tag with their number.

    References:
        Zingman, Stierstorfer, Lempp, Heinemann (2024), "Learning image representations for anomaly detection:
        application to discovery of histological alterations in drug development", Medical Image Analysis 92.
        Schoelkopf et al. (2001), "Estimating the support of a high-dimensional distribution".
    """

    name = "one_class_svm"
    asymptotic: AsymptoticLaw = "normal"
    batch_size = 64

    def __init__(
        self, nu: float = 0.1, false_positive_rates: Sequence[float] = (0.01, 0.1), max_train: int = 10_000
    ) -> None:
        if not (_is_number(nu) and 0 < nu <= 1):
            raise UserError(f"one_class_svm.nu={nu}: give a number above 0, at most 1")
        rates = list(false_positive_rates)
        if not rates or not all(_is_number(rate) and 0 < rate < 1 for rate in rates) or len(set(rates)) < len(rates):
            raise UserError(
                f"one_class_svm.false_positive_rates={rates}: give one or more different numbers between 0 and 1"
            )
        if not (isinstance(max_train, int) and max_train >= 2):
            raise UserError(f"one_class_svm.max_train={max_train}: give a whole number of at least 2")
        self.nu, self.max_train = float(nu), max_train
        self.false_positive_rates = tuple(float(rate) for rate in rates)
        self.variants = tuple(f"fpr={100 * rate:g}%" for rate in self.false_positive_rates)
        self.plan = ""
        self._definition: dict[str, object] = {}
        self._features: NDArray[np.float64] | None = None
        self._tally = Tally()

    @property
    def definition(self) -> dict[str, object]:
        """What fixes t, for the key of the toy store; known after `prepare`."""
        return self._definition

    def prepare(self, pools: Pools, n_ref: int, n_data: int, seed: int, resources: Resources | None = None) -> None:
        """Trains the SVM, scores the pools and tags their events.

        Warns where the events are too few for a false-positive rate.

        Raises:
            UserError: fewer than four events to train on and to set thresholds with.
        """
        rng = np.random.default_rng(np.random.SeedSequence([seed, 0x5F]))
        background = rng.permutation(_background(pools, n_ref, rng))
        if len(background) < 4:
            raise UserError(f"one_class_svm: {len(background)} background events cannot train it; raise toys.n_ref")
        train, held_out = np.array_split(background, 2)
        train = train[: self.max_train]
        model = OneClassSVMClassifier(kernel="rbf", nu=self.nu, gamma="scale").fit(train)
        ordinary, scores = _anomaly_scores(model, held_out), _anomaly_scores(model, pools.points)
        tagged = np.column_stack([scores > tagging_threshold(ordinary, rate) for rate in self.false_positive_rates])
        z = (scores - ordinary.mean()) / (ordinary.std() or 1.0)
        self._features = np.column_stack([tagged, z])
        self.plan = f"tags of {len(scores)} events"
        self._definition = {
            "statistic": self.name,
            "seed": seed,
            "nu": self.nu,
            "false_positive_rates": list(self.false_positive_rates),
            "max_train": self.max_train,
            # Neither need follow from the pools: labelled events may train, and another library round differently.
            "trained_on": array_hash(train),
            "tags": array_hash(tagged),
        }

    def evaluate(self, toys: ToyBatch) -> NDArray[np.float64]:
        """t of shape (toys, false-positive rates)."""
        if self._features is None:
            raise RuntimeError("OneClassSVM.evaluate was called before OneClassSVM.prepare")
        # An empty D has no tagged event.
        sizes = np.maximum([len(rows) for rows in toys.data], 1)[:, None]
        means = data_matrix(toys, len(self._features)) @ self._features / sizes
        z = means[:, -1:]
        return self._tally.add(np.asarray(means[:, :-1] + TIE_BREAKER * z / (1 + np.abs(z))))

    def solver_report(self) -> dict[str, int]:
        """How many toys were tagged, for the run's summary; none can fail."""
        return self._tally.report()


def tagging_threshold(scores: NDArray[np.float64], rate: float) -> float:
    """The score of n held-out background events that a new one exceeds with the given probability.

    A new event is equally likely to fall in any of the n + 1 places between the ordered scores, so the m-th
    largest is exceeded with probability m / (n + 1), whatever the distribution. Warns where that is too coarse.
    """
    places = len(scores) + 1
    if rate * places < 1:
        warnings.warn(
            f"one_class_svm: {len(scores)} events do not resolve a false-positive rate of {rate:g}, it will be "
            f"{1 / places:.2g}; raise toys.n_ref or one_class_svm.false_positive_rates",
            UserWarning,
            stacklevel=3,
        )
    return float(np.sort(scores)[-min(max(1, round(rate * places)), len(scores))])


def _background(pools: Pools, n_ref: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(n, d) background events to learn from."""
    if not pools.resampled:
        return pools.points[pools.reference]
    training = pools.training
    if training is None or training.is_signal.all():
        points, weights = pools.points[pools.reference], pools.weights[pools.reference]
    else:
        points, weights = training.points[~training.is_signal], training.weights[~training.is_signal]
    chosen = rng.choice(len(points), min(n_ref, len(points)), replace=False, p=weights / weights.sum())
    return points[chosen]


def _anomaly_scores(model: OneClassSVMClassifier, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,), larger is more anomalous."""
    return np.concatenate([-model.score_samples(points[i : i + _CHUNK]) for i in range(0, len(points), _CHUNK)])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
