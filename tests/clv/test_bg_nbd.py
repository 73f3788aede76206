"""NBD, BG/NBD and MBG/NBD: exact against thirty digits, finite at the extremes."""

import mpmath
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import personalize as pz
from tests.clv.helpers import MODELS, POSITIVE


def exact_future(model, t, x, age):
    """E[(1 - (1 + p z)^-c) / p], p ~ Beta(a, b + x), by 30-digit integration over u = log(p / (1 -
    p)).
    """
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


@pytest.mark.parametrize("model", [pz.clv.BetaGeo, pz.clv.ModifiedBetaGeo, pz.clv.ParetoNBD])
def test_drawn_futures_have_the_expected_mean(calibration, model):
    fit, part = model().fit(calibration), calibration.head(300)
    draws = fit.simulate(39.0, part, n=1000, rng=np.random.default_rng(3))
    assert draws.sum(axis=0).mean() == pytest.approx(
        fit.expected_purchases(39.0, part).sum(), rel=0.02
    )
    money = pz.clv.GammaGamma().fit(calibration)
    spent = money.simulate(draws, part, rng=np.random.default_rng(4))
    expected = (fit.expected_purchases(39.0, part) * money.expected_spend(part)).sum()
    assert spent.sum(axis=0).mean() == pytest.approx(expected, rel=0.03)
    assert ((spent > 0) == (draws > 0)).all()
