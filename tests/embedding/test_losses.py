import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autoscidact.embedding.losses import simclr, supcon


def cosine(a, b):
    return (a * b).sum() / (a.norm() * b.norm())


def naive_supcon(z, labels, tau):
    """Eq. 2 letter by letter, averaged over the anchors that have positives."""
    n, terms = len(z), []
    for i in range(n):
        positives = [p for p in range(n) if p != i and labels[p] == labels[i]]
        if not positives:
            continue
        denominator = sum(torch.exp(cosine(z[i], z[j]) / tau) for j in range(n) if j != i)
        logs = [torch.log(torch.exp(cosine(z[i], z[p]) / tau) / denominator) for p in positives]
        terms.append(-sum(logs) / len(positives))
    return sum(terms) / len(terms)


def naive_simclr(z, z_view, tau):
    """Eq. 1 letter by letter; the batch holds both views of every event."""
    both, n = torch.cat([z, z_view]), len(z)
    terms = []
    for i in range(2 * n):
        twin = (i + n) % (2 * n)
        denominator = sum(torch.exp(cosine(both[i], both[j]) / tau) for j in range(2 * n) if j != i)
        terms.append(-torch.log(torch.exp(cosine(both[i], both[twin]) / tau) / denominator))
    return sum(terms) / len(terms)


def random_points(n, k=4, seed=0):
    return torch.randn(n, k, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


LABELS = [[0, 0, 1, 1, 1, 2, 2], [0, 0, 0, 0, 0, 0, 0], [5, 0, 0, -3, 9, 9, 9], [0, 1, 2, 3, 4, 5, 5]]


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("tau", [0.02, 0.1, 1.0, 20.0])
def test_supcon_is_eq_2(labels, tau):
    labels = torch.tensor(labels)
    ours, theirs = (random_points(7).requires_grad_() for _ in range(2))
    loss, n_anchors = supcon(ours, labels, tau)
    oracle = naive_supcon(theirs, labels, tau)
    torch.testing.assert_close(loss, oracle, rtol=1e-10, atol=1e-12)
    assert int(n_anchors) == sum(int((labels == one).sum()) > 1 for one in labels)
    loss.backward()
    oracle.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("tau", [0.02, 0.5])
def test_simclr_is_eq_1(tau):
    ours = [random_points(5, seed=s).requires_grad_() for s in (0, 1)]
    theirs = [random_points(5, seed=s).requires_grad_() for s in (0, 1)]
    loss, n_anchors = simclr(*ours, tau)
    oracle = naive_simclr(*theirs, tau)
    torch.testing.assert_close(loss, oracle, rtol=1e-10, atol=1e-12)
    assert int(n_anchors) == 10
    loss.backward()
    oracle.backward()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-8, atol=1e-12)


def test_gradient_by_finite_differences():
    labels = torch.tensor([0, 0, 1, 1, 2])
    assert torch.autograd.gradcheck(lambda z: supcon(z, labels, 0.1)[0], random_points(5).requires_grad_())


def test_the_mean_over_positives_stands_outside_the_logarithm():
    # The other reading, log of the mean, is smaller (Jensen), here by far more than rounding.
    z, labels, tau = random_points(6), torch.tensor([0, 0, 0, 1, 1, 1]), 0.1
    s = torch.nn.functional.normalize(z) @ torch.nn.functional.normalize(z).T / tau
    other = torch.eye(6, dtype=torch.bool)
    denominators = s.masked_fill(other, -math.inf).logsumexp(1)
    positive = (labels[:, None] == labels) & ~other
    inside = (denominators - (s.masked_fill(~positive, -math.inf).logsumexp(1) - math.log(2))).mean()
    assert supcon(z, labels, tau)[0] > inside + 0.1


def test_limits():
    pair = random_points(2)
    assert float(supcon(pair, torch.tensor([1, 1]), 0.01)[0]) == pytest.approx(0, abs=1e-12)
    many, labels = random_points(20), torch.arange(20) % 4
    collapsed = torch.ones(20, 3, dtype=torch.float64)
    assert float(supcon(collapsed, labels, 0.01)[0]) == pytest.approx(math.log(19))
    assert float(supcon(many, labels, 1e9)[0]) == pytest.approx(math.log(19))
    poles = torch.eye(4, dtype=torch.float64)[labels]
    assert float(supcon(poles, labels, 0.01)[0]) == pytest.approx(math.log(4))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 12), st.sampled_from([0.01, 0.1, 1.0]))
def test_invariances(seed, n, tau):
    rng = np.random.default_rng(seed)
    z = torch.from_numpy(rng.normal(size=(n, 3)))
    labels = torch.from_numpy(rng.integers(0, 4, n))
    loss, n_anchors = supcon(z, labels, tau)
    order = torch.from_numpy(rng.permutation(n))
    rotation = torch.from_numpy(np.linalg.qr(rng.normal(size=(3, 3)))[0])
    lengths = torch.from_numpy(rng.uniform(0.1, 10, (n, 1)))
    for again in (
        supcon(z[order], labels[order], tau),
        supcon(z @ rotation, labels, tau),
        supcon(z * lengths, labels, tau),
        supcon(z, 17 - 3 * labels, tau),
    ):
        torch.testing.assert_close(again[0], loss, rtol=1e-8, atol=1e-9)
        assert int(again[1]) == int(n_anchors)
    assert float(loss) >= -1e-9


EXTREMES = {
    "collapsed": torch.ones(200, 4),
    "zero": torch.zeros(200, 4),
    "nearly collapsed": torch.ones(200, 4) + 1e-6 * torch.randn(200, 4, generator=torch.Generator().manual_seed(1)),
    "opposite poles": torch.eye(4)[torch.arange(200) % 2] * torch.tensor([1.0, -1.0]).repeat(100)[:, None],
    "huge": 1e18 * torch.randn(200, 4, generator=torch.Generator().manual_seed(2)),
    "tiny": 1e-7 * torch.randn(200, 4, generator=torch.Generator().manual_seed(3)),
    "ordinary": torch.randn(200, 4, generator=torch.Generator().manual_seed(4)),
}


@pytest.mark.parametrize("name", EXTREMES)
@pytest.mark.parametrize("n_classes", [1, 3, 199])
def test_float32_at_the_paper_s_temperature(name, n_classes):
    labels = torch.arange(200) % n_classes
    single, double = EXTREMES[name].clone().requires_grad_(), EXTREMES[name].double().requires_grad_()
    loss, _ = supcon(single, labels, 0.01)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(single.grad).all()
    exact, _ = supcon(double, labels, 0.01)
    assert float(loss.detach()) == pytest.approx(float(exact.detach()), rel=1e-4, abs=1e-4)


def test_singletons_are_no_anchors_but_still_repel():
    z = random_points(5)
    with_singletons = torch.tensor([0, 0, 0, 1, 2])
    loss, n_anchors = supcon(z, with_singletons, 0.5)
    assert int(n_anchors) == 3
    torch.testing.assert_close(loss, naive_supcon(z, with_singletons, 0.5))
    assert loss > supcon(z[:3], with_singletons[:3], 0.5)[0]


@pytest.mark.parametrize("n", [1, 6])
def test_no_positive_at_all_is_counted(n):
    z = random_points(n).requires_grad_()
    loss, n_anchors = supcon(z, torch.arange(n), 0.01)
    assert int(n_anchors) == 0
    loss.backward()
    assert float(loss.detach()) == 0
    assert not z.grad.any()


def test_half_precision_is_raised():
    z, labels = random_points(8).float(), torch.arange(8) % 2
    exact = supcon(z.bfloat16().float(), labels, 0.01)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert float(supcon(z.bfloat16(), labels, 0.01)[0]) == float(exact)
