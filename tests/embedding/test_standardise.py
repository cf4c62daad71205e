import numpy as np
import pytest

from autoscidact.embedding import standardise
from autoscidact.embedding.standardise import Standardisation


@pytest.mark.parametrize("chunk", [7, 65536])
def test_tables_become_mean_0_and_deviation_1(monkeypatch, chunk):
    monkeypatch.setattr(standardise, "_CHUNK", chunk)
    x = np.random.default_rng(0).normal([3.0, -1e4, 1e-6], [2.0, 5.0, 1e-8], size=(1000, 3)).astype(np.float32)
    z = Standardisation.fit(x, np.ones(1000)).apply(x)
    assert z.dtype == np.float32
    np.testing.assert_allclose(z.mean(axis=0, dtype=np.float64), 0, atol=1e-6)
    np.testing.assert_allclose(z.std(axis=0, dtype=np.float64), 1, rtol=1e-5)


def test_weights_count_as_repetitions():
    rng = np.random.default_rng(1)
    x, repeat = rng.normal(size=(50, 2)), rng.integers(1, 5, 50)
    weighted = Standardisation.fit(x, repeat.astype(float))
    repeated = Standardisation.fit(np.repeat(x, repeat, axis=0), np.ones(repeat.sum()))
    np.testing.assert_allclose(weighted.mean, repeated.mean)
    np.testing.assert_allclose(weighted.scale, repeated.scale)


def test_channels_of_images_and_series():
    x = np.random.default_rng(2).normal(size=(40, 3, 4, 5)) * np.array([1.0, 10.0, 100.0])[:, None, None]
    fit = Standardisation.fit(x, np.ones(40))
    np.testing.assert_allclose(fit.mean, x.mean(axis=(0, 2, 3)))
    np.testing.assert_allclose(fit.scale, x.std(axis=(0, 2, 3)))
    assert fit.apply(x).shape == x.shape


def test_a_constant_feature_is_not_divided_by_zero():
    # Two thirds of 0.1 and one third of 0.1 do not add up to 0.1 exactly.
    x = np.full((3, 2), 0.1, dtype=np.float32)
    x[:, 1] = [1, 2, 3]
    fit = Standardisation.fit(x, np.array([1.0, 1.0, 1.0]))
    assert fit.scale[0] == 1
    np.testing.assert_array_equal(fit.apply(x)[:, 0], 0)
    assert np.isfinite(fit.apply(x + 5)).all()
