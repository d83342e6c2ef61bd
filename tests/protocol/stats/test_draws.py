import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import chi2, norm

from protocol.stats.draws import NEAREST, chi_square, logarithm, normal, uniforms


def test_uniforms_of_the_two_ends_lie_inside() -> None:
    low, high = uniforms(bytes(8) + b"\xff" * 8)
    assert (low, high) == (2.0**-53, 1 - 2.0**-53)
    assert uniforms(b"\x80" + bytes(7))[0] == pytest.approx(0.5)
    assert len(uniforms(bytes(23))) == 2


@settings(max_examples=200, deadline=None)
@given(st.floats(NEAREST, 1 - NEAREST))
def test_normal_numbers_are_quantiles(u: float) -> None:
    assert normal(u) == pytest.approx(float(ndtri(u)), rel=1e-12, abs=1e-14)


@settings(max_examples=200, deadline=None)
@given(st.floats(1e-300, 1e300))
def test_logarithm(x: float) -> None:
    assert logarithm(x) == pytest.approx(math.log(x), rel=1e-13, abs=1e-15)


def test_the_far_tail_is_cut_off() -> None:
    assert normal(0.0) == normal(1e-300) == pytest.approx(-6.1, abs=0.1)
    assert normal(1.0) == -normal(0.0)


@pytest.mark.parametrize(("df", "within"), [(10, 0.03), (50, 0.002), (400, 2e-4)])
def test_chi_square_is_near_its_quantile(df: int, within: float) -> None:
    for z in np.linspace(-2.5, 2.5, 11):
        assert chi_square(float(z), df) == pytest.approx(chi2.ppf(norm.cdf(z), df), rel=within)


def test_chi_square_is_never_below_zero() -> None:
    assert chi_square(-6.0, 1.0) > 0
