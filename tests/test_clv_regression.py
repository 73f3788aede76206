"""Regressions on window spends, the guard against features that only grow, blends, and intervals for totals."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import personalize as pz
from personalize.clv.families import FAMILIES, fit_family
from personalize.clv.records import Records
from personalize.tables import TableError
from tests.test_clv_forecasts import START, shop

LOG_LINK = ("poisson", "tweedie", "gamma")


@pytest.fixture(scope="module")
def groceries():
    return pz.load("complete_journey")


# Families -------------------------------------------------------------------------------------------------------------
def windows(n=4000, seed=0):
    rng = np.random.default_rng(seed)
    x = pd.DataFrame({"a": rng.normal(0, 0.5, n), "b": rng.normal(0, 0.5, n)})
    return x, np.exp(2.0 + 0.8 * x.a - 0.3 * x.b).to_numpy(), rng


@pytest.mark.parametrize("family", LOG_LINK)
def test_a_log_link_family_finds_the_coefficients_it_was_made_of(family):
    x, mean, rng = windows()
    y = rng.poisson(mean) if family == "poisson" else rng.gamma(3.0, mean / 3.0)
    facts, forecast = fit_family(family, y.astype(float), x, x)
    table = facts["coefficients"]
    assert table.estimate.to_numpy() == pytest.approx([2.0, 0.8, -0.3], abs=0.06)
    assert ((table.low < [2.0, 0.8, -0.3]) & (table.high > [2.0, 0.8, -0.3])).all()
    assert forecast == pytest.approx(mean, rel=0.15)


def test_a_hurdle_is_the_chance_of_buying_times_what_is_then_spent():
    x, mean, rng = windows(seed=1)
    bought = rng.random(len(mean)) < 1 / (1 + np.exp(-(x.a + 0.5)))
    y = np.where(bought, rng.gamma(3.0, mean / 3.0), 0.0)
    facts, forecast = fit_family("hurdle", y, x, x)
    truth = mean / (1 + np.exp(-(x.a.to_numpy() + 0.5)))
    assert np.corrcoef(forecast, truth)[0, 1] > 0.99
    assert forecast.sum() == pytest.approx(y.sum(), rel=0.05)
    assert facts["residuals"] == pytest.approx(y - facts["fitted_values"])


def test_trees_learn_a_step_that_a_line_cannot():
    rng = np.random.default_rng(2)
    x = pd.DataFrame({"a": rng.uniform(-1, 1, 2000)})
    y = np.where(np.abs(x.a) < 0.3, 10.0, 1.0)
    _, trees = fit_family("boosting", y, x, x)
    _, line = fit_family("ols", y, x, x)
    assert ((trees - y) ** 2).mean() < 0.1 * ((line - y) ** 2).mean()


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_forecasts_money_of_zero_or_more_for_every_customer(groceries, family):
    model = pz.clv.WindowRegression(family=family).fit(groceries, as_of="2017-09-24", horizon=14)
    found = model.predict()
    assert (
        len(found) == 2444 and np.isfinite(found[["expected_orders", "expected_spend"]]).all().all()
    )
    assert (found[["expected_orders", "expected_spend"]] >= 0).all().all()
    assert model.result_.r_squared > 0.5


def test_records_count_windows_and_the_days_after_as_the_features_do(groceries):
    found = Records(groceries).windows(
        pd.Timestamp("2017-06-18"), [4, 8], until=pd.Timestamp("2017-09-24")
    )
    spend = pz.features.window_spend(groceries, as_of="2017-06-18", weeks=(4, 8))
    later = pz.clv.outcome(
        groceries, after="2017-06-18", until="2017-09-24", customers=spend.customer_id
    )
    assert found.customer_id.tolist() == spend.customer_id.tolist()
    assert found[["spend_4w", "spend_8w"]].to_numpy() == pytest.approx(
        spend[["spend_4w", "spend_8w"]].to_numpy()
    )
    assert found.spend_later.to_numpy() == pytest.approx(later.spend.to_numpy())
    assert found.orders_later.tolist() == later.orders.tolist()


def test_records_count_a_day_once_and_give_later_questions_the_same_numbers(groceries):
    shared, day, end = Records(groceries), pd.Timestamp("2017-06-18"), pd.Timestamp("2017-09-24")
    first = shared.windows(day, [4, 8, 10], until=end)
    for weeks, until in (([13], None), ([8], end), ([], end)):
        again, alone = (
            shared.windows(day, weeks, until=until),
            Records(groceries).windows(day, weeks, until=until),
        )
        assert again is first
        names = ["customer_id", *(f"{what}_{n}w" for n in weeks for what in ("spend", "orders"))]
        names += ["spend_later", "orders_later"] if until else []
        pd.testing.assert_frame_equal(again[names], alone[names])
    assert shared.windows(day, [5], until=end) is not first
    assert shared.windows(day, [4], until=end - pd.Timedelta(days=7)) is not first


def test_diagnostics_name_uneven_spread_overlap_and_influence(groceries):
    model = pz.clv.WindowRegression().fit(groceries, as_of="2017-09-24", horizon=14)
    table = model.result_.diagnostics()
    assert len(table) == 4
    assert len(model.result_.influence) == model.result_.n
    assert table.says[0].startswith("large forecasts err more")
    assert table.value[3] == pytest.approx(model.result_.coefficients.vif.max())
    plain = pz.clv.WindowRegression(family="poisson").fit(groceries, as_of="2017-09-24", horizon=14)
    assert len(plain.result_.diagnostics()) == 3  # Cook's distance belongs to least squares


# The guard ------------------------------------------------------------------------------------------------------------
def test_features_that_can_only_grow_are_refused_by_name(groceries):
    model = pz.clv.WindowRegression(extra=pz.features.rfm)
    with pytest.raises(
        TableError, match="frequency.* never fell for any customer from 2017-06-18 to 2017-09-24"
    ):
        model.fit(groceries, as_of="2017-09-24", horizon=14)


def test_windows_pass_the_guard_and_change_nothing_when_they_are_there_already(groceries):
    plain = pz.clv.WindowRegression().fit(groceries, as_of="2017-09-24", horizon=14).predict()
    extra = pz.clv.WindowRegression(extra=lambda t, as_of: pz.features.window_spend(t, as_of=as_of, weeks=(4,)).rename(
        columns={"spend_4w": "again", "orders_4w": "trips"})[["customer_id", "again"]])  # fmt: skip
    same = extra.fit(groceries, as_of="2017-09-24", horizon=14).predict()
    assert same.expected_spend.to_numpy() == pytest.approx(
        plain.expected_spend.to_numpy(), rel=1e-6
    )


def test_attributes_of_customers_join_the_regression_and_add_little_here(groceries):
    known = pz.clv.attributes(groceries, as_of="2017-09-24")
    assert len(known) == 801 and set(np.unique(known.iloc[:, 1:])) == {0.0, 1.0}
    models = {
        pz.clv.BASELINE: pz.clv.NaiveRate(),
        "plain": pz.clv.WindowRegression(),
        "described": pz.clv.WindowRegression(extra=pz.clv.attributes),
    }
    board = (
        pz.clv.backtest(groceries, cut="2017-09-24", horizon=14, models=models)
        .table(n_boot=50)
        .set_index("model")
    )
    assert board.rmse["described"] == pytest.approx(board.rmse["plain"], rel=0.02)
    assert board.rmse["described"] != board.rmse["plain"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=20))
def test_a_feature_is_cumulative_when_it_rose_for_some_and_fell_for_none(steps):
    past = pd.DataFrame({"f": np.zeros(len(steps))})
    found = pz.clv.cumulative(past, past + np.array(steps, float)[:, None])
    assert bool(found) == (min(steps) >= 0 and max(steps) > 0)


# Blends ---------------------------------------------------------------------------------------------------------------
def test_a_blend_of_one_exact_forecast_is_that_forecast():
    tables = shop([(i, 7 * week, i) for i in range(1, 81) for week in range(40)])
    for blend in (pz.clv.Blend([pz.clv.NaiveRate(4)]), pz.clv.Recalibrated(pz.clv.NaiveRate(4))):
        found = blend.fit(tables, as_of=START + pd.Timedelta(days=7 * 29 + 6), horizon=10).predict()
        assert found.expected_spend.to_numpy() == pytest.approx(10.0 * np.arange(1, 81), rel=1e-6)
    assert (blend.level_, blend.slope_) == (pytest.approx(0, abs=1e-7), pytest.approx(1, abs=1e-7))


def test_the_weights_of_a_blend_are_those_of_least_squares_without_negative_weights(cdnow):
    members = [
        pz.clv.BuyTillYouDie(pz.clv.BetaGeo()),
        pz.clv.BuyTillYouDie(pz.clv.ModifiedBetaGeo()),
    ]
    blend = pz.clv.Blend(members).fit(cdnow, as_of="1997-09-30", horizon=39)
    parts = [m.fit(cdnow, as_of="1997-09-30", horizon=39).predict().expected_spend for m in members]
    assert (blend.weights_ >= 0).all()
    mixed = sum(w * part for w, part in zip(blend.weights_, parts, strict=True))
    assert blend.predict().expected_spend.to_numpy() == pytest.approx(mixed.to_numpy(), rel=1e-9)


def test_recalibration_keeps_the_order_and_mends_the_forecast_of_cdnow(cdnow):
    member = pz.clv.BuyTillYouDie(pz.clv.ParetoNBD(), pz.clv.GammaGamma(purchases="all"))
    models = {
        pz.clv.BASELINE: pz.clv.NaiveRate(),
        "as it is": member,
        "set right": pz.clv.Recalibrated(member),
    }
    test = pz.clv.backtest(cdnow, cut="1997-09-30", horizon=39, models=models)
    board = test.table(n_boot=50).set_index("model")
    assert test.spend["as it is"].rank().equals(test.spend["set right"].rank())
    assert board.rmse["set right"] < 72 < board.rmse["as it is"]
    assert abs(board.bias["set right"]) < 0.15 < abs(board.bias["as it is"])
    assert board.gini["set right"] >= 0.69 and board.mae["as it is"] < 29.21


def test_customers_without_money_are_left_out_since_a_cent_in_its_place_would_decide_the_fit(
    calibration,
):
    fit = pz.clv.GammaGamma(purchases="all").fit(calibration)
    assert (fit.left_out_, round(fit.params_["p"], 1)) == (8, 9.9)
    cent = calibration.assign(first_value=calibration.first_value.clip(lower=0.01))
    assert pz.clv.GammaGamma(purchases="all").fit(cent).params_["p"] == pytest.approx(3.0, abs=0.1)


def test_a_blend_is_refused_where_one_of_its_members_is(cdnow):
    with pytest.raises(TableError, match="at least 2 are needed"):
        pz.clv.Blend([pz.clv.NaiveRate(), pz.clv.WindowRegression()]).fit(
            cdnow, as_of="1997-09-30", horizon=39
        )


def test_the_model_for_cdnow_is_chosen_inside_the_calibration(cdnow):
    trial = pz.clv.backtest(cdnow, cut="1997-05-20", horizon=19)
    assert trial.best == "Pareto/NBD x gamma-gamma, all purchases"


# Totals ---------------------------------------------------------------------------------------------------------------
def test_the_interval_of_a_total_holds_it_when_errors_repeat_and_widens_with_a_common_error():
    rng = np.random.default_rng(5)
    mean = rng.gamma(1, 100, 4000)
    held = []
    for _ in range(60):
        past, later = rng.gamma(2, mean / 2), rng.gamma(2, mean / 2)
        total = pz.clv.bands(mean, past, level=0.8).total(mean)
        held.append(total.low <= later.sum() <= total.high)
    assert np.mean(held) >= 0.7
    fair, off = (pz.clv.bands(mean, actual).total(mean) for actual in (mean * 1.001, mean * 1.2))
    assert off.high - off.low > 10 * (fair.high - fair.low)
    assert fair.estimate == pytest.approx(mean.sum())


def test_simulated_intervals_say_what_they_hold(cdnow):
    name = "Pareto/NBD x gamma-gamma"
    models = {name: pz.clv.BuyTillYouDie(pz.clv.ParetoNBD())}
    test = pz.clv.backtest(cdnow, cut="1997-09-30", horizon=39, models=models)
    table = pz.clv.simulated_coverage(test, name, n=200, seed=1)
    assert table.held.is_monotonic_increasing and table.held[1] == pytest.approx(0.89, abs=0.03)
    assert (
        (table.total_low < test.spend[name].sum()) & (test.spend[name].sum() < table.total_high)
    ).all()
    pd.testing.assert_frame_equal(table, pz.clv.simulated_coverage(test, name, n=200, seed=1))
    with pytest.raises(TableError, match="no probability model"):
        pz.clv.simulated_coverage(test, "x")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=60))
def test_concentration_is_the_fewest_customers_who_bring_half(numbers):
    values = np.array([*numbers, 7], float)
    found = pz.clv.concentration(values, n_boot=20)
    size = round(found.estimate * len(values))
    ordered = np.sort(values)[::-1]
    assert ordered[:size].sum() >= 0.5 * values.sum() - 1e-9
    assert ordered[: size - 1].sum() < 0.5 * values.sum()
    assert found.low <= found.high


def test_p_alive_falls_in_silence_and_jumps_at_a_purchase():
    model = pz.clv.BetaGeo.at(r=0.243, alpha=4.414, a=0.793, b=2.426)
    path = pz.clv.alive_history(model, [0, 3, 5, 20], until=40)
    change = path.p_alive.diff()
    bought = path.purchases.diff() > 0
    assert bought.sum() == 3
    assert (change[bought & (path.purchases > 1)] > 0).all()
    assert (change[~bought].dropna() <= 1e-12).all()
    for wrong in ([0, 3, 3], [0, 50]):
        with pytest.raises(TableError, match="ascending times"):
            pz.clv.alive_history(model, wrong, until=40)
