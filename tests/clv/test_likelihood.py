"""The fit that all models share: gradients, starts, extremes, and clear refusals."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import personalize as pz
from personalize.tables import TableError
from tests.clv.helpers import MODELS, POSITIVE


@settings(max_examples=25, deadline=None)
@given(
    st.lists(POSITIVE, min_size=4, max_size=4), st.sampled_from([*MODELS, pz.clv.GammaGamma, "bb"])
)
def test_the_gradient_is_the_slope_of_the_likelihood(theta, model):
    if model == "bb":
        model, data = (
            pz.clv.BetaGeoBetaBinom,
            np.array([[0.0, 0, 6], [2, 5, 6], [6, 6, 6], [1, 1, 9], [0, 0, 0]]),
        )
    elif model is pz.clv.GammaGamma:
        data = np.array([[1.0, 20.0], [3, 5.5], [40, 100.0]])
    else:
        data = np.array([[0.0, 0, 30], [2, 12, 30], [5, 30, 30], [1, 3, 3.5], [200, 50, 51]])
    theta, terms = np.array(theta[: len(model.names)]), model()._terms
    steps = 1e-6 * np.diag(theta)
    numeric = [
        (terms(theta + h, data)[0] - terms(theta - h, data)[0]) / (2 * h.sum()) for h in steps
    ]
    assert terms(theta, data)[1] == pytest.approx(np.array(numeric).T, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("model", MODELS)
def test_identical_customers_weigh_as_often_as_they_occur(calibration, model):
    part = calibration.head(400)
    once, twice = model().fit(part), model().fit(pd.concat([part, part]))
    assert twice.log_likelihood_ == pytest.approx(2 * once.log_likelihood_, rel=1e-10)
    assert twice.params_.to_numpy() == pytest.approx(once.params_.to_numpy(), rel=1e-5)
    assert twice.n_groups_ == once.n_groups_


def test_the_log_likelihood_is_in_the_units_of_the_summary(cdnow, calibration):
    days = pz.clv.BetaGeo().fit(pz.clv.summary(cdnow, as_of="1997-09-30", unit="D"))
    weeks = pz.clv.BetaGeo().fit(calibration)
    assert days.params_["alpha"] == pytest.approx(7 * weeks.params_["alpha"], rel=1e-6)
    assert days.log_likelihood_ == pytest.approx(weeks.log_likelihood_ - 2457 * np.log(7), rel=1e-9)
    assert weeks.aic_ == pytest.approx(8 + 2 * 9582.4292, abs=1e-3)


@pytest.mark.parametrize(
    ("model", "best"), [(pz.clv.BetaGeo, -9582.4292), (pz.clv.ModifiedBetaGeo, -9582.1357)]
)
def test_a_hundred_random_starts_reach_the_same_maximum(calibration, model, best):
    assert np.allclose(likelihoods_from(model, calibration, n=100), best, atol=1e-4)


def test_a_hundred_random_starts_of_pareto_nbd_and_gamma_gamma_reach_the_same_maximum(calibration):
    for model, part in (
        (pz.clv.ParetoNBD, calibration.head(120)),
        (pz.clv.GammaGamma, calibration.head(800)),
    ):
        found = likelihoods_from(model, part, n=100)
        assert np.allclose(found, model().fit(part).log_likelihood_, atol=1e-4)
    assert np.allclose(likelihoods_from(pz.clv.ParetoNBD, calibration, n=8), -9594.9762, atol=1e-4)


def likelihoods_from(model, table, *, n):
    starts = np.exp(np.random.default_rng(3).normal(0, 2, (n, len(model.names))))
    return [
        model(start=dict(zip(model.names, s, strict=True))).fit(table).log_likelihood_
        for s in starts
    ]


@pytest.mark.parametrize("model", [*MODELS, pz.clv.ModifiedBetaGeoCNBD])
def test_near_daily_buyers_with_a_thousand_purchases_are_fitted_without_nan(model):
    rng, n = np.random.default_rng(8), 300
    x = rng.poisson(rng.gamma(2.0, 300.0, n))
    recency = np.where(x > 0, np.minimum(501 * rng.beta(30, 1, n), 501), 0.0)
    rows = {
        "customer_id": range(n),
        "frequency": x,
        "recency": recency,
        "T": 501.0,
        "log_gaps": -x * 0.5,
    }
    fit = model().fit(pd.DataFrame(rows))
    assert x.max() > 1000 and np.isfinite(fit.log_likelihood_)
    assert np.isfinite(fit.expected_purchases(100)).all() and fit.p_alive().between(0, 1).all()


def test_bg_nbd_recovers_the_parameters_it_was_simulated_from():
    rng, n, age = np.random.default_rng(5), 6000, 60.0
    rate, p = rng.gamma(0.8, 1 / 6.0, n), rng.beta(1.2, 3.0, n)
    alive_for = rng.geometric(p)  # the purchase after which the customer leaves
    gaps = rng.exponential(1, (n, 300)) / rate[:, None]
    times = np.cumsum(gaps, axis=1)
    x = np.minimum((times < age).sum(axis=1), alive_for)
    recency = np.where(x > 0, times[np.arange(n), np.maximum(x - 1, 0)], 0.0)
    fit = pz.clv.BetaGeo().fit(
        pd.DataFrame({"customer_id": range(n), "frequency": x, "recency": recency, "T": age})
    )
    table = fit.table(level=0.999).set_index("parameter")
    truth = pd.Series({"r": 0.8, "alpha": 6.0, "a": 1.2, "b": 3.0})
    assert ((table.low < truth) & (truth < table.high)).all()
    assert (table.high / table.low < 4).all()


def test_flat_likelihoods_have_no_standard_error_rather_than_a_wrong_one():
    regular = pd.DataFrame(
        {
            "customer_id": range(200),
            "frequency": np.arange(200) % 20 + 15,
            "recency": 39.5,
            "T": 40.0,
        }
    )
    fit = pz.clv.ParetoNBD().fit(regular)
    assert fit.standard_errors_[["s", "beta"]].isna().all()
    assert np.isfinite(fit.expected_purchases(20)).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda s: pz.clv.BetaGeo().fit(s.head(1)),
            "1 customer.s., 1 with a repeat purchase: at least 3 are needed",
        ),
        (lambda s: pz.clv.BetaGeo().fit(s[s.frequency == 0]), "0 with a repeat purchase"),
        (
            lambda s: pz.clv.GammaGamma().fit(s.drop(columns="monetary_value")),
            "lacks .'monetary_value'.",
        ),
        (
            lambda s: pz.clv.GammaGamma().fit(s.assign(monetary_value=-s.monetary_value)),
            "missing or negative",
        ),
        (
            lambda s: pz.clv.GammaGamma().fit(s.assign(monetary_value=0.0)),
            "0 with a repeat purchase and money",
        ),
        (lambda s: pz.clv.GammaGamma(purchases="al").fit(s), "use 'repeat' or 'all'"),
        (lambda s: pz.clv.BetaGeo().p_alive(s), "BetaGeo is not fitted yet"),
        (lambda s: pz.clv.BetaGeo.at(r=1.0), "takes r, alpha, a, b, each above 0"),
        (lambda s: pz.clv.BetaGeo(start={"r": -1}).fit(s), "start takes r, alpha, a, b"),
        (lambda s: pz.clv.BetaGeo().fit(s).expected_purchases(-1), "length of time of 0 or more"),
        (lambda s: pz.clv.BetaGeoBetaBinom().fit(s), "pz.clv.periods"),
        (
            lambda s: pz.clv.discounted_purchases(pz.clv.NBD().fit(s), 0),
            "horizon = 0: give a whole number",
        ),
        (
            lambda s: pz.clv.discounted_purchases(pz.clv.NBD().fit(s), None, rate=0),
            "must be above 0",
        ),
        (lambda s: pz.clv.period_rate(-1), "rate = -1: a discount rate is above -1"),
        (lambda s: pz.clv.period_rate(0.1, unit="F"), "unit = 'F' is not known"),
    ],
)
def test_wrong_input_is_refused_in_words(calibration, call, words):
    with pytest.raises(TableError, match=words):
        call(calibration)
