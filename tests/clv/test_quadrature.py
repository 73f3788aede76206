"""Integrals against closed forms and against more nodes."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.clv.quadrature import beta_mean, is_gentle, survival_integral


def test_sixteen_nodes_are_as_good_as_thirty_two_where_the_integrand_is_gentle():
    rng = np.random.default_rng(0)
    seen = 0
    for _ in range(300):
        scales, s = np.exp(rng.uniform(-3, 16, 2)), np.exp(rng.uniform(-3, 7))
        age, shapes = rng.uniform(0, 500, 20), (rng.uniform(0.1, 300, 20), s + 1)
        recency = age * rng.random(20)
        gentle = is_gentle(recency, age, shapes=shapes, scales=scales)
        seen += gentle.sum()
        rows, c = (recency[gentle], age[gentle]), shapes[0][gentle]
        few, many = (
            total(*rows, shapes=(c, s + 1), scales=scales, points=points) for points in (16, 32)
        )
        assert few == pytest.approx(many, rel=1e-11)
    assert 1000 < seen < 5000


def total(start, end, *, shapes, scales, points):
    """The integral, as a share of its first height times its length."""
    u, log_weight, _ = survival_integral(start, end, shapes=shapes, scales=scales, points=points)
    rise, falls = u - start[:, None], 0.0
    for shape, scale in zip(shapes, scales, strict=True):
        fall = np.log1p(rise / (scale + start[:, None]))
        falls = falls + np.atleast_1d(shape).reshape(-1, 1) * fall
    return np.exp(log_weight - falls).sum(axis=1) / (end - start)


@settings(max_examples=40, deadline=None)
@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e5), st.floats(0, 4))
def test_beta_mean_of_a_power_is_the_ratio_of_beta_functions(a, b, k):
    expected = mpmath.exp(
        mpmath.loggamma(a + k)
        + mpmath.loggamma(a + b)
        - mpmath.loggamma(a)
        - mpmath.loggamma(a + b + k)
    )
    if k == 0 or k >= 1:
        found = beta_mean(lambda p: p**k, np.array([a]), np.array([b]))[0]
        assert found == pytest.approx(float(expected), rel=1e-8, abs=1e-12)
