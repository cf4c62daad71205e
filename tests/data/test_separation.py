import numpy as np
import pytest
from scipy.stats import ncx2, norm, poisson

from autoscidact.data.separation import MIN_BACKGROUND, asimov_significance, pair_separation

CUTS = np.linspace(0.005, 0.995, 199)


def best(background_kept):
    """Best significance of 100 on 10000 over the cuts, from the exact share of background kept by each."""
    b = np.maximum(10_000 * background_kept, MIN_BACKGROUND)
    return np.max(np.sqrt(2 * ((100 * CUTS + b) * np.log(1 + 100 * CUTS / b) - 100 * CUTS)))


def test_asimov_is_the_median_poisson_significance():
    s, b = 30.0, 100.0
    p = poisson.sf(s + b - 1, b)
    assert asimov_significance(s, b) == pytest.approx(norm.isf(p), abs=0.1)


def test_asimov_tends_to_s_over_root_b_from_below():
    assert asimov_significance(1.0, 1e6) == pytest.approx(1e-3, rel=1e-4)
    assert (asimov_significance(10.0, [1, 10, 100]) < 10 / np.sqrt([1, 10, 100])).all()


def test_identical_clusters_leave_only_the_whole_sample():
    normals = np.random.default_rng(0).standard_normal((1000, 3))
    one = np.full(3, 0.5), np.full(3, 0.1)
    expected = float(asimov_significance(99.5, 9950))
    # The two halves of the mixture hold the same points here, so only the counting error of 1000 points is left.
    assert pair_separation(*one, *one, normals) == pytest.approx((expected, expected), rel=0.3)


@pytest.mark.parametrize(("shift", "width_j"), [(0.2, 0.3), (0.05, 0.02), (0.5, 0.2), (0.1, 0.5)])
def test_one_dimension_against_normal_integrals(shift, width_j):
    width_i = 0.1
    radius = norm.isf((1 - CUTS) / 2)

    def kept(signal_width, background_width):
        high, low = (
            (shift + radius * signal_width) / background_width,
            (shift - radius * signal_width) / background_width,
        )
        return norm.cdf(high) - norm.cdf(low)

    normals = np.random.default_rng(1).standard_normal((100_000, 1))
    got = pair_separation(np.zeros(1), np.array([width_i]), np.array([shift]), np.array([width_j]), normals)
    assert got == pytest.approx((best(kept(width_i, width_j)), best(kept(width_j, width_i))), rel=0.03, abs=0.1)


@pytest.mark.parametrize("d", [2, 5, 8])
def test_balls_against_noncentral_chi_square(d):
    """Round clusters: the distance of one to the other's centre is a scaled noncentral chi-square."""
    from scipy.stats import chi2

    mean_j, width_i, width_j = np.full(d, 0.3), 0.15, 0.3
    radius2 = chi2.ppf(CUTS, d)

    def kept(signal_width, background_width):
        ratio2 = (signal_width / background_width) ** 2
        return ncx2.cdf(radius2 * ratio2, d, (mean_j**2).sum() / background_width**2)

    normals = np.random.default_rng(2).standard_normal((100_000, d))
    got = pair_separation(np.zeros(d), np.full(d, width_i), mean_j, np.full(d, width_j), normals)
    assert got == pytest.approx((best(kept(width_i, width_j)), best(kept(width_j, width_i))), rel=0.03, abs=0.1)


def test_order_is_signal_then_background():
    """A narrow signal on a wide background shows better than the reverse."""
    normals = np.random.default_rng(3).standard_normal((20_000, 2))
    narrow, wide = (np.full(2, 0.5), np.full(2, 0.05)), (np.full(2, 0.5), np.full(2, 0.4))
    on_wide, on_narrow = pair_separation(*narrow, *wide, normals)
    assert on_wide > 2 * on_narrow
    assert pair_separation(*wide, *narrow, normals) == pytest.approx((on_narrow, on_wide), rel=0.05)
