"""Pareto/NBD against thirty digits."""

import mpmath
import numpy as np
import pytest

import personalize as pz


@pytest.mark.parametrize("s", [0.02, 0.6, 0.9999999, 1.0, 3.0, 2e4])
@pytest.mark.parametrize("beta", [0.5, 11.7, 1e7])
@pytest.mark.parametrize("t", [0.01, 39.0, 3650.0])
def test_the_pareto_expectation_equals_thirty_digits(s, beta, t):
    model = pz.clv.ParetoNBD.at(r=0.55, alpha=10.6, s=s, beta=beta)
    found = model._if_alive(t, np.array([1000.0]), np.array([501.0]))[0]
    with mpmath.workdps(40):
        r, alpha, s, scale, t = (mpmath.mpf(v) for v in (0.55, 10.6, s, beta + 501.0, t))
        share = (
            mpmath.log1p(t / scale) if s == 1 else (1 - (scale / (scale + t)) ** (s - 1)) / (s - 1)
        )
        exact = (r + 1000) / (alpha + 501) * scale * share
    assert found == pytest.approx(float(exact), rel=1e-10)


@pytest.mark.parametrize(
    "params", [(0.55, 10.6, 0.61, 11.7), (0.55, 10.6, 0.61, 1e7), (0.02, 200.0, 3.0, 0.5)]
)
@pytest.mark.parametrize("row", [(0, 0, 39), (2, 30.4, 38.9), (1000, 300, 501), (3, 39, 39)])
def test_the_pareto_likelihood_equals_thirty_digit_integration(params, row):
    value = pz.clv.ParetoNBD()._terms(np.array(params), np.array([row], float))[0][0]
    with mpmath.workdps(30):
        (r, alpha, s, beta), (x, recency, age) = map(mpmath.mpf, params), map(mpmath.mpf, row)

        def log_part(u, more):
            return -(r + x) * mpmath.log(alpha + u) - (s + more) * mpmath.log(beta + u)

        top = log_part(recency, 1)
        integral = mpmath.quad(
            lambda u: mpmath.exp(log_part(u, 1) - top), mpmath.linspace(recency, age, 80)
        )
        exact = mpmath.log(mpmath.exp(log_part(age, 0) - top) + s * integral) + top
        exact += (
            mpmath.loggamma(r + x)
            - mpmath.loggamma(r)
            + r * mpmath.log(alpha)
            + s * mpmath.log(beta)
        )
    assert value == pytest.approx(float(exact), rel=1e-11, abs=1e-11)
