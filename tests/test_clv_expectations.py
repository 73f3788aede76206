"""Expectations, P(alive) and discounting: exact against thirty digits, finite at the extremes."""

import mpmath
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import personalize as pz
from personalize.clv.quadrature import beta_mean, is_gentle, survival_integral
from tests.test_clv import MODELS, POSITIVE, customer


# Expectations ---------------------------------------------------------------------------------------------------------
def exact_future(model, t, x, age):
    """E[(1 - (1 + p z)^-c) / p], p ~ Beta(a, b + x), by 30-digit integration over u = log(p / (1 - p))."""
    r, alpha, a, b = (mpmath.mpf(float(v)) for v in model.params_)
    z, c, shape = t / (alpha + age), r + x, b + x

    def log_density(u):
        return -a * mpmath.log1p(mpmath.exp(-u)) - shape * mpmath.log1p(mpmath.exp(u))

    with mpmath.workdps(30):
        peak, width = mpmath.log(a / shape), mpmath.sqrt(1 / a + 1 / shape)
        top = log_density(peak)
        ends = [peak + width * k * (abs(k) / 4 + 1) for k in range(-24, 25, 2)]

        def density(u):
            return mpmath.exp(log_density(u) - top)

        def future(u):
            p = 1 / (1 + mpmath.exp(-u))
            return -mpmath.expm1(-c * mpmath.log1p(p * z)) / p

        both = mpmath.quad(lambda u: density(u) * mpmath.mpc(1, future(u)), ends)
        return float(both.imag / both.real)


@pytest.mark.parametrize(
    ("params", "t", "x", "age"),
    [
        ((0.243, 4.414, 0.793, 2.426), 39, 2, 38.86),
        ((0.11, 2.24, 0.31, 0.5), 20, 0, 30),  # a + b < 1: the archived library gives NaN
        ((0.5, 3.0, 1.0, 2.0), 52, 3, 20),  # a = 1: the closed form divides by 0
        ((0.5, 3.0, 0.9999999, 2.0), 52, 3, 20),
        ((1.4, 1.3, 0.017, 12.7), 14, 200, 38),
        ((0.6, 8.0, 1.4, 3.1), 3650, 1000, 501),  # hyp2f1 gives NaN
        ((0.6, 8.0, 1.4, 3.1), 365, 5000, 501),
        ((0.3, 0.05, 2.5, 0.4), 500, 0, 1),
        ((0.8, 6.0, 900.0, 40000.0), 26, 4, 26),
    ],
)
def test_the_expectation_equals_thirty_digit_integration(params, t, x, age):
    model = pz.clv.BetaGeo.at(**dict(zip(("r", "alpha", "a", "b"), params, strict=True)))
    found = model._if_alive(t, np.array([float(x)]), np.array([float(age)]))[0]
    assert found == pytest.approx(exact_future(model, t, x, age), rel=1e-10)


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
    falls = (np.atleast_1d(n).reshape(-1, 1) * np.log1p((u - start[:, None]) / (scale + start[:, None]))
             for n, scale in zip(shapes, scales, strict=True))  # fmt: skip
    return np.exp(log_weight - sum(falls)).sum(axis=1) / (end - start)


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


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(MODELS[1:]),
    st.lists(POSITIVE, min_size=4, max_size=4),
    st.integers(1, 60),
    st.floats(0.1, 1),
)
def test_p_alive_falls_while_a_customer_stays_away(model, theta, x, share):
    fit = model.at(**dict(zip(model.names, theta, strict=True)))
    recency = 10 * share
    ages = np.array([10.0, 20, 40, 80])
    rows = pd.DataFrame({"customer_id": range(4), "frequency": x, "recency": recency, "T": ages})
    alive = fit.p_alive(rows).to_numpy()
    assert ((alive >= 0) & (alive <= 1)).all()
    assert (np.diff(alive) <= 1e-12).all()
    assert (fit.expected_purchases(5, rows) <= fit.expected_purchases(10, rows) + 1e-12).all()


def test_only_the_modified_model_lets_one_time_buyers_leave(calibration):
    once = calibration[calibration.frequency == 0]
    assert (pz.clv.BetaGeo().fit(calibration).p_alive(once) == 1).all()
    assert (pz.clv.ModifiedBetaGeo().fit(calibration).p_alive(once) < 0.7).all()


@pytest.mark.parametrize("model", MODELS)
def test_purchase_probabilities_sum_to_one_and_have_the_expected_mean(model):
    params = {"r": 0.6, "alpha": 5.0, "a": 0.8, "b": 2.4, "s": 0.7, "beta": 9.0}
    fit, n = model.at(**{name: params[name] for name in model.names}), np.arange(400)
    chance = fit.probability_of(n, 26.0)
    assert chance.sum() == pytest.approx(1, abs=1e-9)
    assert chance @ n == pytest.approx(fit.expected_from_start(26.0)[0], rel=1e-7)


def test_expected_purchases_of_the_cohort_follow_the_totals(calibration):
    fit = pz.clv.BetaGeo().fit(calibration)
    assert fit.expected_from_start(calibration["T"]).sum() == pytest.approx(
        calibration.frequency.sum(), rel=0.03
    )
    assert fit.expected_purchases(0).max() == 0


def test_extremes_are_never_nan():
    rows = pd.DataFrame(
        {
            "customer_id": range(5),
            "frequency": [0, 1, 1500, 3, 0],
            "recency": [0, 0.01, 500.9, 501, 0],
            "T": 501.0,
        }
    )
    for params in (
        (0.1, 2.2, 0.3, 0.5),
        (1, 1, 1, 1),
        (1e-4, 1e5, 1e-3, 1e-3),
        (50, 0.01, 2e4, 1e7),
    ):
        for model in MODELS[1:]:
            fit = model.at(**dict(zip(model.names, map(float, params), strict=True)))
            assert fit.p_alive(rows).between(0, 1).all()
            assert np.isfinite(fit.expected_purchases(3650, rows)).all()


# Discounting ----------------------------------------------------------------------------------------------------------
def test_without_interest_the_discounted_sum_is_the_expectation(calibration):
    fit = pz.clv.BetaGeo().fit(calibration)
    sums = pz.clv.discounted_purchases(fit, 39, rate=0.0)
    assert sums.to_numpy() == pytest.approx(fit.expected_purchases(39).to_numpy(), rel=1e-12)


def test_the_infinite_sum_is_the_limit_of_long_horizons():
    fit, one = pz.clv.BetaGeo.at(r=0.243, alpha=4.414, a=0.793, b=2.426), customer(7, 35, 39)
    forever = pz.clv.discounted_purchases(
        fit, None, rate=np.expm1(0.2), rate_period="W", summary=one
    ).iloc[0]
    steps = pz.clv.discounted_purchases(
        fit, 150, rate=np.expm1(0.2), rate_period="W", summary=one
    ).iloc[0]
    assert steps < forever < steps * np.exp(0.2)


def test_discounted_sum_is_the_formula_written_out(calibration):
    fit, few = pz.clv.ParetoNBD().fit(calibration), calibration.head(3)
    r = 1.10 ** (7 / 365.25) - 1
    steps = [
        fit.expected_purchases(t, few) - fit.expected_purchases(t - 1, few) for t in range(1, 9)
    ]
    by_hand = sum(step / (1 + r) ** t for t, step in enumerate(steps, start=1))
    found = pz.clv.discounted_purchases(fit, 8, rate=0.10, summary=few)
    assert found.to_numpy() == pytest.approx(by_hand.to_numpy(), rel=1e-12)


@given(st.floats(-0.02, 0.05), st.sampled_from("DWMY"), st.sampled_from("DWMY"))
def test_rates_compound_back_to_themselves(rate, period, unit):
    there = pz.clv.period_rate(rate, rate_period=period, unit=unit)
    assert pz.clv.period_rate(there, rate_period=unit, unit=period) == pytest.approx(
        rate, rel=1e-6, abs=1e-9
    )
