"""The reference solver against other ways to the same minimum, and the properties of t."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

import autoscidact
from autoscidact.errors import UserError
from autoscidact.nplm import fit
from autoscidact.statistics.nplm.basis import nystrom_basis
from autoscidact.statistics.nplm.kernel import gaussian_kernel


def samples(seed: int = 0, n_ref: int = 600, n_data: int = 150, d: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_ref, d)), np.concatenate([rng.normal(size=(n_data, d)), rng.normal(2, 0.3, (10, d))])


def test_kernel_is_falkons_convention() -> None:
    x, y = np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 0.0]])
    k = gaussian_kernel(torch.from_numpy(x), torch.from_numpy(y), 2.0).numpy()
    np.testing.assert_allclose(k[:, 0], [1.0, np.exp(-25 / 8)], rtol=1e-14)


def test_whitened_penalty_is_falkons_penalty() -> None:
    """|beta|^2 = alpha^T (K + jitter M I) alpha for the kernel coefficients alpha = P beta."""
    centers = torch.from_numpy(np.random.default_rng(1).normal(size=(30, 3)))
    basis = nystrom_basis(centers, 1.5, jitter=1e-6)
    beta = torch.from_numpy(np.random.default_rng(2).normal(size=basis.n_directions))
    alpha = basis.projection @ beta
    gram = gaussian_kernel(centers, centers, 1.5) + 1e-6 * 30 * torch.eye(30, dtype=torch.float64)
    assert float(alpha @ gram @ alpha) == pytest.approx(float(beta @ beta), rel=1e-9)


def test_minimum_against_scipy_on_kernel_coefficients() -> None:
    """Eq. 7 minimised over alpha itself by a general optimiser gives the same t."""
    reference, data = samples()
    centers, width, penalty, jitter = reference[:12], 1.0, 1e-3, 1e-9
    result = fit(reference, data, width=width, centers=centers, penalty=penalty, expected=150, jitter=jitter)
    weight, n = 150 / len(reference), len(reference) + len(data)

    def kernel(x: np.ndarray) -> np.ndarray:
        return np.exp(-((x[:, None, :] - centers[None]) ** 2).sum(-1) / (2 * width**2))

    k_r, k_d, gram = kernel(reference), kernel(data), kernel(centers) + jitter * 12 * np.eye(12)

    def objective(alpha: np.ndarray) -> float:
        loss = weight * np.logaddexp(0, k_r @ alpha).sum() + np.logaddexp(0, -(k_d @ alpha)).sum()
        return float(loss / n + 0.5 * penalty * alpha @ gram @ alpha)

    alpha = minimize(objective, np.zeros(12), method="BFGS", options={"gtol": 1e-10, "maxiter": 5000}).x
    t = -2 * (weight * np.expm1(k_r @ alpha).sum() - (k_d @ alpha).sum())
    assert result.t == pytest.approx(t, rel=1e-4)
    np.testing.assert_allclose(result.log_ratio(data), k_d @ alpha, atol=1e-3)


def test_minimum_against_scikit_learn() -> None:
    """Weighted logistic regression on the whitened features: C = 1 / (n lambda), no intercept."""
    reference, data = samples(3)
    result = fit(reference, data, width=1.5, centers=25, penalty=1e-5, seed=4)
    phi = result.basis.features(torch.from_numpy(np.concatenate([reference, data]))).numpy()
    y = np.r_[np.zeros(len(reference)), np.ones(len(data))]
    weights = np.where(y == 0, len(data) / len(reference), 1.0)
    model = LogisticRegression(C=1 / (1e-5 * len(y)), fit_intercept=False, tol=1e-12, solver="newton-cholesky")
    model.fit(phi, y, sample_weight=weights)
    np.testing.assert_allclose(result.beta, model.coef_[0], rtol=1e-4, atol=1e-5)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.3, 3.0))
def test_t_is_invariant_under_order_rotation_and_scale(seed: int, width: float) -> None:
    rng = np.random.default_rng(seed)
    reference, data = samples(seed % 100, 300, 80)
    centers = reference[:15]
    t = fit(reference, data, width=width, centers=centers, expected=80).t
    rotation = np.linalg.qr(rng.normal(size=(2, 2)))[0]
    moved = [3.0 * (x @ rotation) + 5.0 for x in (rng.permutation(reference), rng.permutation(data), centers)]
    assert fit(moved[0], moved[1], width=3 * width, centers=moved[2], expected=80).t == pytest.approx(t, abs=1e-4)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6))
def test_t_is_positive_and_grows_with_signal(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference, background = rng.normal(size=(500, 2)), rng.normal(size=(100, 2))
    centers = np.concatenate([reference[:20], [[4.0, 4.0]]])
    t = []
    for n in (0, 30, 80):
        data = np.concatenate([background, np.full((n, 2), 4.0)])
        t.append(fit(reference, data, width=1.0, centers=centers, expected=100).t)
    assert 0 < t[0] < t[1] < t[2]


def test_normalisation_is_seen() -> None:
    """Twice the expected events of the same shape: t approaches the Poisson likelihood ratio, f = log 2."""
    rng = np.random.default_rng(5)
    reference, data = rng.normal(size=(20000, 1)), rng.normal(size=(2000, 1))
    result = fit(reference, data, width=10.0, centers=20, expected=1000)
    poisson = 2 * (2000 * np.log(2.0) - 1000)
    assert result.t == pytest.approx(poisson, rel=0.02)
    assert result.log_ratio(np.zeros((1, 1)))[0] == pytest.approx(np.log(2), abs=0.15)


def test_one_step_differs_from_converged_with_signal() -> None:
    rng = np.random.default_rng(7)
    reference, background = samples(7)
    data = np.concatenate([background, rng.normal(3.0, 0.2, (40, 2))])
    centers = np.concatenate([reference[:20], [[3.0, 3.0]]])
    one = fit(reference, data, width=1.0, centers=centers, newton_steps=1, expected=150)
    full = fit(reference, data, width=1.0, centers=centers, expected=150)
    assert (one.n_steps, one.converged) == (1, False)
    assert full.converged
    assert full.t > 1.2 * one.t


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reference": np.full((10, 2), np.nan)}, "reference has NaN or infinite values in 10 of 10"),
        ({"data": np.zeros((5, 3))}, "reference has 2 dimensions, data 3"),
        ({"centers": 10**6}, "choose between 1 and the"),
        ({"centers": np.zeros((4, 5))}, "centers have 5 dimensions"),
        ({"newton_steps": 0}, "at least 1"),
        ({"penalty": 0.0}, "must be positive"),
        ({"data": np.zeros((0, 2))}, r"must have shape \(events, dimensions\)"),
    ],
)
def test_bad_input(change: dict, message: str) -> None:
    reference, data = samples()
    arguments = {"reference": reference, "data": data, "width": 1.0, "centers": 10} | change
    with pytest.raises(UserError, match=message):
        fit(arguments.pop("reference"), arguments.pop("data"), **arguments)


def test_public_name() -> None:
    assert autoscidact.nplm.fit is fit
