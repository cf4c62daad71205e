import pytest
import torch

from autoscidact.embedding.views import JitterAndDrop
from autoscidact.errors import UserError


def test_jitter_and_drop_rates():
    torch.manual_seed(0)
    x = torch.full((20000, 3), 10.0)
    view = JitterAndDrop(jitter=0.5, drop=0.25)(x)
    kept = view[view != 0]
    assert float((view == 0).float().mean()) == pytest.approx(0.25, abs=0.01)
    assert float(kept.mean()) == pytest.approx(10, abs=0.02)
    assert float(kept.std()) == pytest.approx(0.5, rel=0.03)


def test_nothing_asked_nothing_done():
    x = torch.randn(5, 2, 3)
    assert torch.equal(JitterAndDrop(0, 0)(x), x)


@pytest.mark.parametrize("arguments", [{"jitter": -1}, {"drop": 1.0}, {"drop": -0.1}, {"jitter": float("nan")}])
def test_bad_strengths(arguments):
    with pytest.raises(UserError, match=r"loss\.views"):
        JitterAndDrop(**arguments)
