"""The probability models: published tables from the raw log, exact expectations, and clear refusals."""

from importlib.util import find_spec
from pathlib import Path

import mpmath
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import personalize as pz
from personalize.clv.quadrature import beta_mean
from personalize.tables import TableError

POSITIVE = st.floats(0.05, 20.0)
DATASETS = Path(find_spec("lifetimes").origin).parent / "datasets"


@pytest.fixture(scope="module")
def cdnow():
    return pz.load("cdnow")


@pytest.fixture(scope="module")
def calibration(cdnow):
    return pz.clv.summary(cdnow, as_of="1997-09-30")


@pytest.fixture(scope="module")
def master():
    """The whole CDNOW cohort, 23,570 customers, from its raw log."""
    names = ["customer_id", "day", "quantity", "amount"]
    log = pd.read_csv(DATASETS / "CDNOW_master.txt", sep=r"\s+", names=names, dtype=str, skiprows=1)
    log["time"] = pd.to_datetime(log.pop("day"), format="%Y%m%d")
    log = log.astype({"quantity": float, "amount": float}).assign(order_id=np.arange(len(log)))
    return pz.clv.summary(pz.load({"orders": log.assign(product_id=1)}), as_of="1997-09-30")


@pytest.fixture(scope="module")
def donations():
    """The donors of Fader, Hardie and Shang (2010), one row a donor."""
    cells = pd.read_csv(DATASETS / "donations.csv").rename(columns={"periods": "T"})
    rows = cells.loc[cells.index.repeat(cells.weights)].reset_index(drop=True)
    return rows.assign(customer_id=rows.index)


def customer(x, recency, age, **more):
    return pd.DataFrame({"customer_id": [1], "frequency": [x], "recency": [recency], "T": [age], **more})


# Published tables -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("model", "printed", "log_likelihood"),
    [
        pytest.param(pz.clv.BetaGeo, [0.243, 4.414, 0.793, 2.426], -9582.4, id="BG/NBD, Fader Hardie Lee 2005 table 2"),
        pytest.param(
            pz.clv.ParetoNBD, [0.553, 10.578, 0.606, 11.669], -9595.0, id="Pareto/NBD, Fader Hardie Lee 2005 table 2"
        ),
    ],
)
def test_cdnow_table_2_of_fader_hardie_lee_2005_to_the_printed_digit(calibration, model, printed, log_likelihood):
    fit = model().fit(calibration)
    assert fit.params_.round(3).tolist() == printed
    assert round(fit.log_likelihood_, 1) == log_likelihood


def test_gamma_gamma_matches_note_025_to_the_printed_digit(calibration):
    fit = pz.clv.GammaGamma().fit(calibration)
    assert fit.params_.round(2).tolist() == [6.25, 3.74, 15.44]
    assert round(fit.log_likelihood_, 4) == -4055.9177
    assert (fit.n_customers_, fit.left_out_) == (946, 0)


def test_gamma_gamma_expected_spend_matches_note_025(calibration):
    model = pz.clv.GammaGamma.at(p=6.25, q=3.74, gamma=15.44)
    printed = [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17]
    assert model.expected_spend(calibration.head(10)).to_numpy() == pytest.approx(printed, abs=0.06)


def test_pareto_nbd_standard_errors_match_clvtools(calibration):
    errors = pz.clv.ParetoNBD().fit(calibration).standard_errors_
    assert errors.to_numpy() == pytest.approx([0.0476264, 0.8427222, 0.1872594, 6.2105448], rel=5e-4)


def test_btyd_78_week_pareto_nbd(cdnow):
    fit = pz.clv.ParetoNBD().fit(pz.clv.summary(cdnow, as_of="1998-06-30"))
    assert fit.params_.to_numpy() == pytest.approx([0.5629966, 12.5590370, 0.4081095, 10.5148048], rel=1e-4)


def test_bg_bb_donations_match_fader_hardie_shang_2010(donations):
    fit = pz.clv.BetaGeoBetaBinom().fit(donations)
    assert fit.params_.to_numpy() == pytest.approx([1.204, 0.750, 0.657, 2.783], abs=6e-4)
    assert round(fit.log_likelihood_, 1) == -33225.6
    printed = pz.clv.BetaGeoBetaBinom.at(alpha=1.20352083, beta=0.74971616, gamma=0.65667178, delta=2.78341801)
    assert printed.expected_purchases(5, donations).sum() == pytest.approx(12884.2, abs=0.5)


def test_expectation_and_p_alive_match_hardies_spreadsheet():
    model, one = pz.clv.BetaGeo.at(r=0.243, alpha=4.414, a=0.793, b=2.426), customer(2, 30.43, 38.86)
    assert model.expected_purchases(39, one).iloc[0] == pytest.approx(1.22602817, abs=5e-8)
    assert model.p_alive(one).iloc[0] == pytest.approx(0.72657857, abs=5e-9)


def test_pareto_nbd_expectation_matches_r_btyd():
    model, one = pz.clv.ParetoNBD.at(r=0.5534, alpha=10.5802, s=0.6061, beta=11.6562), customer(26, 30.86, 31)
    assert model.expected_purchases(52, one).iloc[0] == pytest.approx(25.4549, abs=5e-5)
    assert model.p_alive(one).iloc[0] == pytest.approx(0.997918, abs=5e-7)


@pytest.mark.parametrize(
    ("model", "golden", "log_likelihood"),
    [
        (pz.clv.BetaGeo, [0.251624, 4.788940, 0.723435, 2.161090], -95368.4439),
        (pz.clv.ParetoNBD, [0.597420, 11.585658, 0.522186, 8.827759], -95415.1186),
        (pz.clv.GammaGamma, [6.275359, 3.624450, 14.983687], -40763.4763),
    ],
)
def test_the_whole_cdnow_cohort_has_its_golden_fit(master, model, golden, log_likelihood):
    fit = model().fit(master)
    assert fit.params_.to_numpy() == pytest.approx(golden, rel=2e-6)
    assert fit.log_likelihood_ == pytest.approx(log_likelihood, abs=1e-4)


def test_modified_bg_nbd_has_its_golden_fit(calibration):
    fit = pz.clv.ModifiedBetaGeo().fit(calibration)
    assert fit.params_.to_numpy() == pytest.approx([0.524843, 6.183085, 0.891359, 1.614002], abs=1e-5)
    assert round(fit.log_likelihood_, 4) == -9582.1357


def test_derts_of_the_78_week_pareto_nbd_rise_and_fall_with_frequency():
    model = pz.clv.ParetoNBD.at(r=0.5629966, alpha=12.5590370, s=0.4081095, beta=10.5148048)
    x = [7, *range(1, 11)]
    rows = pd.DataFrame({"customer_id": range(11), "frequency": x, "recency": [35.0, *[30.0] * 10], "T": 77.86})
    found = pz.clv.discounted_purchases(model, None, rate=np.expm1(0.0027), rate_period="W", summary=rows).to_numpy()
    assert found[0] == pytest.approx(1.864183, abs=5e-7)
    expected = [2.199, 2.844, 2.867, 2.445, 1.841, 1.262, 0.810, 0.495, 0.292, 0.168]
    assert found[1:].round(3).tolist() == expected


# The summary ----------------------------------------------------------------------------------------------------------
def test_cdnow_summary_has_the_published_facts(cdnow, calibration):
    assert len(calibration) == 2357
    assert (calibration.frequency > 0).sum() == 946
    assert calibration.frequency.sum() == 2457
    assert calibration.monetary_value[calibration.frequency > 0].mean() == pytest.approx(35.0778, abs=5e-5)
    assert calibration["T"].iloc[0] * 7 == pytest.approx(272)
    later = pz.clv.outcome(cdnow, after="1997-09-30", until="1998-06-30", customers=calibration.customer_id)
    assert later.orders.sum() == 1882


def shop(days, amounts, *, customers=None, quantity=None):
    """A shop with one order a row."""
    n = len(days)
    return pz.load(
        {
            "orders": pd.DataFrame(
                {
                    "customer_id": customers if customers is not None else [1] * n,
                    "order_id": range(n),
                    "product_id": 1,
                    "time": pd.Timestamp("2024-01-01") + pd.to_timedelta(days, unit="D"),
                    "quantity": quantity if quantity is not None else [1.0] * n,
                    "amount": np.asarray(amounts, float),
                }
            )
        }
    )


def test_a_refund_is_taken_off_the_purchase_it_follows_and_is_no_visit():
    tables = shop([0, 7, 10, 14], [5, 20, -4, 30], quantity=[1, 1, -1, 1])
    row = pz.clv.summary(tables, as_of="2024-01-15", unit="D").iloc[0]
    assert (row.frequency, row.recency, row["T"]) == (2, 14, 14)
    assert (row.monetary_value, row.first_value) == ((20 - 4 + 30) / 2, 5)


def test_two_orders_on_one_day_are_one_purchase():
    row = pz.clv.summary(shop([0, 0.5, 7], [5, 6, 8]), as_of="2024-01-08").iloc[0]
    assert (row.frequency, row.recency, row.monetary_value, row.first_value) == (1, 1, 8, 11)


def test_the_unit_changes_time_and_nothing_else(cdnow, calibration):
    days = pz.clv.summary(cdnow, as_of="1997-09-30", unit="D")
    assert days.frequency.equals(calibration.frequency)
    assert np.allclose(days[["recency", "T"]], 7 * calibration[["recency", "T"]])


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 40), st.integers(1, 50)), min_size=5, max_size=25))
def test_the_summary_does_not_change_when_later_orders_are_added(rows):
    who, days, amounts = (np.array(column) for column in zip(*[(1, 0, 5), (2, 41, 1), *rows], strict=True))
    known = days <= 20
    early = shop(np.append(days[known], 20), np.append(amounts[known], 9), customers=np.append(who[known], 9))
    late = shop(np.append(days, 20), np.append(amounts, 9), customers=np.append(who, 9))
    day = "2024-01-21"
    pd.testing.assert_frame_equal(pz.clv.summary(early, as_of=day), pz.clv.summary(late, as_of=day))


def test_periods_count_whole_weeks_since_the_first_purchase():
    row = pz.clv.periods(shop([0, 3, 8, 20, 22, 29], [1] * 6), as_of="2024-01-30").iloc[0]
    # Day 29 is the second day of week 4, which is not over on day 29; days 20 and 22 lie in weeks 2 and 3.
    assert (row.frequency, row.recency, row["T"]) == (3, 3, 3)


# The fit --------------------------------------------------------------------------------------------------------------
MODELS = [pz.clv.NBD, pz.clv.BetaGeo, pz.clv.ModifiedBetaGeo, pz.clv.ParetoNBD]


@settings(max_examples=25, deadline=None)
@given(st.lists(POSITIVE, min_size=4, max_size=4), st.sampled_from([*MODELS, pz.clv.GammaGamma, "bb"]))
def test_the_gradient_is_the_slope_of_the_likelihood(theta, model):
    if model == "bb":
        model, data = pz.clv.BetaGeoBetaBinom, np.array([[0.0, 0, 6], [2, 5, 6], [6, 6, 6], [1, 1, 9], [0, 0, 0]])
    elif model is pz.clv.GammaGamma:
        data = np.array([[1.0, 20.0], [3, 5.5], [40, 100.0]])
    else:
        data = np.array([[0.0, 0, 30], [2, 12, 30], [5, 30, 30], [1, 3, 3.5], [200, 50, 51]])
    theta, terms = np.array(theta[: len(model.names)]), model()._terms
    steps = 1e-6 * np.diag(theta)
    numeric = [(terms(theta + h, data)[0] - terms(theta - h, data)[0]) / (2 * h.sum()) for h in steps]
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
    ("model", "best", "n"), [(pz.clv.BetaGeo, -9582.4292, 100), (pz.clv.ParetoNBD, -9594.9762, 20)]
)
def test_every_random_start_reaches_the_same_maximum(calibration, model, best, n):
    starts = np.exp(np.random.default_rng(3).normal(0, 2, (n, 4)))
    found = [model(start=dict(zip(model.names, s, strict=True))).fit(calibration).log_likelihood_ for s in starts]
    assert np.allclose(found, best, atol=1e-4)


def test_bg_nbd_recovers_the_parameters_it_was_simulated_from():
    rng, n, age = np.random.default_rng(5), 6000, 60.0
    rate, p = rng.gamma(0.8, 1 / 6.0, n), rng.beta(1.2, 3.0, n)
    alive_for = rng.geometric(p)  # the purchase after which the customer leaves
    gaps = rng.exponential(1, (n, 300)) / rate[:, None]
    times = np.cumsum(gaps, axis=1)
    x = np.minimum((times < age).sum(axis=1), alive_for)
    recency = np.where(x > 0, times[np.arange(n), np.maximum(x - 1, 0)], 0.0)
    fit = pz.clv.BetaGeo().fit(pd.DataFrame({"customer_id": range(n), "frequency": x, "recency": recency, "T": age}))
    table = fit.table(level=0.999).set_index("parameter")
    truth = pd.Series({"r": 0.8, "alpha": 6.0, "a": 1.2, "b": 3.0})
    assert ((table.low < truth) & (truth < table.high)).all()
    assert (table.high / table.low < 4).all()


def test_bootstrap_sandwich_and_hessian_errors_are_of_one_size(calibration):
    fit = pz.clv.BetaGeo().fit(calibration)
    draws = fit.bootstrap(n_boot=40, seed=1)
    assert fit.sandwich_errors().to_numpy() == pytest.approx([0.0144, 0.4651, 0.1810, 0.6835], abs=2e-4)
    assert np.all(np.abs(np.log(draws.std() / fit.sandwich_errors())) < np.log(1.8))
    assert draws.equals(fit.bootstrap(n_boot=40, seed=1))


def test_flat_likelihoods_have_no_standard_error_rather_than_a_wrong_one():
    regular = pd.DataFrame(
        {"customer_id": range(200), "frequency": np.arange(200) % 20 + 15, "recency": 39.5, "T": 40.0}
    )
    fit = pz.clv.ParetoNBD().fit(regular)
    assert fit.standard_errors_[["s", "beta"]].isna().all()
    assert np.isfinite(fit.expected_purchases(20)).all()


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
        ends = [peak + width * k * (abs(k) / 4 + 1) for k in range(-24, 25)]

        def density(u):
            return mpmath.exp(log_density(u) - top)

        def future(u):
            p = 1 / (1 + mpmath.exp(-u))
            return -mpmath.expm1(-c * mpmath.log1p(p * z)) / p

        return float(mpmath.quad(lambda u: density(u) * future(u), ends) / mpmath.quad(density, ends))


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


@pytest.mark.parametrize("params", [(0.55, 10.6, 0.61, 11.7), (0.55, 10.6, 0.61, 1e7), (0.02, 200.0, 3.0, 0.5)])
@pytest.mark.parametrize("row", [(0, 0, 39), (2, 30.4, 38.9), (1000, 300, 501), (3, 39, 39)])
def test_the_pareto_likelihood_equals_thirty_digit_integration(params, row):
    value = pz.clv.ParetoNBD()._terms(np.array(params), np.array([row], float))[0][0]
    with mpmath.workdps(30):
        (r, alpha, s, beta), (x, recency, age) = map(mpmath.mpf, params), map(mpmath.mpf, row)

        def log_part(u, more):
            return -(r + x) * mpmath.log(alpha + u) - (s + more) * mpmath.log(beta + u)

        top = log_part(recency, 1)
        integral = mpmath.quad(lambda u: mpmath.exp(log_part(u, 1) - top), mpmath.linspace(recency, age, 80))
        exact = mpmath.log(mpmath.exp(log_part(age, 0) - top) + s * integral) + top
        exact += mpmath.loggamma(r + x) - mpmath.loggamma(r) + r * mpmath.log(alpha) + s * mpmath.log(beta)
    assert value == pytest.approx(float(exact), rel=1e-11, abs=1e-11)


@settings(max_examples=40, deadline=None)
@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e5), st.floats(0, 4))
def test_beta_mean_of_a_power_is_the_ratio_of_beta_functions(a, b, k):
    expected = mpmath.exp(
        mpmath.loggamma(a + k) + mpmath.loggamma(a + b) - mpmath.loggamma(a) - mpmath.loggamma(a + b + k)
    )
    if k == 0 or k >= 1:
        found = beta_mean(lambda p: p**k, np.array([a]), np.array([b]))[0]
        assert found == pytest.approx(float(expected), rel=1e-8, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(MODELS[1:]), st.lists(POSITIVE, min_size=4, max_size=4), st.integers(1, 60), st.floats(0.1, 1))
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


@pytest.mark.parametrize("model", [pz.clv.BetaGeo, pz.clv.ModifiedBetaGeo])
def test_purchase_probabilities_sum_to_one_and_have_the_expected_mean(model):
    fit, n = model.at(r=0.6, alpha=5.0, a=0.8, b=2.4), np.arange(400)
    chance = fit.probability_of(n, 26.0)
    assert chance.sum() == pytest.approx(1, abs=1e-9)
    assert chance @ n == pytest.approx(fit.expected_from_start(26.0)[0], rel=1e-7)


def test_expected_purchases_of_the_cohort_follow_the_totals(calibration):
    fit = pz.clv.BetaGeo().fit(calibration)
    assert fit.expected_from_start(calibration["T"]).sum() == pytest.approx(calibration.frequency.sum(), rel=0.03)
    assert fit.expected_purchases(0).max() == 0


def test_extremes_are_never_nan():
    rows = pd.DataFrame(
        {"customer_id": range(5), "frequency": [0, 1, 1500, 3, 0], "recency": [0, 0.01, 500.9, 501, 0], "T": 501.0}
    )
    for params in ((0.1, 2.2, 0.3, 0.5), (1, 1, 1, 1), (1e-4, 1e5, 1e-3, 1e-3), (50, 0.01, 2e4, 1e7)):
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
    forever = pz.clv.discounted_purchases(fit, None, rate=np.expm1(0.05), rate_period="W", summary=one).iloc[0]
    steps = pz.clv.discounted_purchases(fit, 700, rate=np.expm1(0.05), rate_period="W", summary=one).iloc[0]
    assert steps < forever < steps * np.exp(0.05)
    published = pz.clv.discounted_purchases(fit, None, rate=np.expm1(0.0027), rate_period="W", summary=one).iloc[0]
    assert published == pytest.approx(16.57, abs=0.01)


def test_discounted_sum_is_the_formula_written_out(calibration):
    fit, few = pz.clv.ParetoNBD().fit(calibration), calibration.head(3)
    r = 1.10 ** (7 / 365.25) - 1
    steps = [fit.expected_purchases(t, few) - fit.expected_purchases(t - 1, few) for t in range(1, 9)]
    by_hand = sum(step / (1 + r) ** t for t, step in enumerate(steps, start=1))
    found = pz.clv.discounted_purchases(fit, 8, rate=0.10, summary=few)
    assert found.to_numpy() == pytest.approx(by_hand.to_numpy(), rel=1e-12)


@given(st.floats(-0.02, 0.05), st.sampled_from("DWMY"), st.sampled_from("DWMY"))
def test_rates_compound_back_to_themselves(rate, period, unit):
    there = pz.clv.period_rate(rate, rate_period=period, unit=unit)
    assert pz.clv.period_rate(there, rate_period=unit, unit=period) == pytest.approx(rate, rel=1e-6, abs=1e-9)


# Refusals -------------------------------------------------------------------------------------------------------------
def test_all_problems_of_a_summary_come_in_one_message():
    bad = pd.DataFrame(
        {
            "customer_id": [1, 2, 3, 4, 5],
            "frequency": [1, 0, -1, 2, 1.5],
            "recency": [9, 3, 0, 0, 1],
            "T": [5, 9, 9, 9, -1],
        }
    )
    with pytest.raises(TableError) as caught:
        pz.clv.BetaGeo().fit(bad)
    for words in ("T that is missing or negative", "no whole number", "above T", "without a repeat", "count days"):
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda s: pz.clv.BetaGeo().fit(s.head(1)), "1 customer.s., 1 with a repeat purchase: at least 3 are needed"),
        (lambda s: pz.clv.BetaGeo().fit(s[s.frequency == 0]), "0 with a repeat purchase"),
        (lambda s: pz.clv.GammaGamma().fit(s.drop(columns="monetary_value")), "lacks .'monetary_value'."),
        (lambda s: pz.clv.GammaGamma().fit(s.assign(monetary_value=-s.monetary_value)), "missing or negative"),
        (lambda s: pz.clv.GammaGamma().fit(s.assign(monetary_value=0.0)), "0 with a repeat purchase and money"),
        (lambda s: pz.clv.GammaGamma(purchases="al").fit(s), "use 'repeat' or 'all'"),
        (lambda s: pz.clv.BetaGeo().p_alive(s), "call BetaGeo...fit.summary. first"),
        (lambda s: pz.clv.BetaGeo.at(r=1.0), "takes r, alpha, a, b, each above 0"),
        (lambda s: pz.clv.BetaGeo(start={"r": -1}).fit(s), "start takes r, alpha, a, b"),
        (lambda s: pz.clv.BetaGeo().fit(s).expected_purchases(-1), "length of time of 0 or more"),
        (lambda s: pz.clv.BetaGeoBetaBinom().fit(s), "pz.clv.periods"),
        (lambda s: pz.clv.discounted_purchases(pz.clv.NBD().fit(s), 0), "horizon = 0: give a whole number"),
        (lambda s: pz.clv.discounted_purchases(pz.clv.NBD().fit(s), None, rate=0), "must be above 0"),
        (lambda s: pz.clv.period_rate(-1), "rate = -1: a discount rate is above -1"),
        (lambda s: pz.clv.period_rate(0.1, unit="F"), "unit = 'F' is not known"),
    ],
)
def test_wrong_input_is_refused_in_words(calibration, call, words):
    with pytest.raises(TableError, match=words):
        call(calibration)


def test_summary_refuses_a_day_outside_the_data_and_an_unknown_unit(cdnow):
    with pytest.raises(TableError, match="outside the data"):
        pz.clv.summary(cdnow, as_of="2001-01-01")
    with pytest.raises(TableError, match="unit = 'weeks' is not known"):
        pz.clv.summary(cdnow, as_of="1997-09-30", unit="weeks")
