"""Forecasts, the scoreboard that judges them, intervals, advice and the table to act on."""

from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import personalize as pz
from personalize.report.ranges import Range
from personalize.tables import TableError

NAIVE, OLS = pz.clv.BASELINE, "regression: least squares on window spends"
START = pd.Timestamp("2024-01-01")
NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "05_clv.ipynb"


@pytest.fixture(scope="module")
def groceries():
    return pz.load("complete_journey")


@pytest.fixture(scope="module")
def known(groceries):
    """What two backtests of the groceries share."""
    return pz.clv.Records(groceries)


@pytest.fixture(scope="module")
def holdout(known):
    return pz.clv.backtest(known, cut="2017-09-24", horizon=14)


@pytest.fixture(scope="module")
def cdnow_test(cdnow):
    return pz.clv.backtest(cdnow, cut="1997-09-30", horizon=39)


def shop(orders):
    """Tables from rows (customer_id, day number, amount), one order a row."""
    who, day, amount = zip(*orders, strict=True)
    time = START + pd.to_timedelta(day, unit="D")
    frame = pd.DataFrame(
        {
            "customer_id": who,
            "order_id": range(len(who)),
            "product_id": 1,
            "time": time,
            "quantity": 1,
        }
    )
    return pz.load({"orders": frame.assign(amount=np.asarray(amount, float))})


def clockwork(weeks, customers=80):
    """Customer i spends i every Monday."""
    return shop([(i, 7 * week, i) for i in range(1, customers + 1) for week in range(weeks)])


def day(number):
    return START + pd.Timedelta(days=number)


# Forecasts ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "model", [pz.clv.NaiveRate(13), pz.clv.WindowRegression(), pz.clv.WindowRegression([2])]
)
def test_a_shop_that_runs_like_clockwork_is_forecast_exactly(model):
    tables = clockwork(weeks=40)
    found = model.fit(tables, as_of=day(7 * 29 + 6), horizon=10).predict().set_index("customer_id")
    assert found.expected_spend.to_numpy() == pytest.approx(
        10 * found.index.to_numpy(float), rel=1e-6
    )
    assert found.expected_orders.to_numpy() == pytest.approx(10, rel=1e-6)


def test_the_regression_looks_back_equally_far_when_it_learns_and_when_it_forecasts(holdout):
    result = holdout.models[OLS].result_
    assert (result.trained_on, result.lookback) == (pd.Timestamp("2017-06-18"), 24)
    assert result.table().term.tolist() == ["constant", "spend_4w", "spend_8w", "spend_24w"]
    assert holdout.spend[OLS].sum() / holdout.actual.spend.sum() == pytest.approx(1, abs=0.05)


def test_regression_coefficients_are_those_of_numpy_least_squares(groceries, holdout):
    past = pz.features.window_spend(groceries, as_of="2017-06-18", weeks=(4, 8, 24))
    y = pz.clv.outcome(
        groceries, after="2017-06-18", until="2017-09-24", customers=past.customer_id
    ).spend
    x = np.column_stack([np.ones(len(y)), past[["spend_4w", "spend_8w", "spend_24w"]]])
    expected = np.linalg.lstsq(x, y, rcond=None)[0]
    table = holdout.models[OLS].result_.table()
    assert table.estimate.to_numpy() == pytest.approx(expected, rel=1e-8)
    leverage = np.einsum("ij,jk,ik->i", x, np.linalg.inv(x.T @ x), x)
    weight = ((y - x @ expected) / (1 - leverage)) ** 2
    bread = np.linalg.inv(x.T @ x)
    hc3 = np.sqrt(np.diag(bread @ (x.T * weight.to_numpy()) @ x @ bread))
    assert table.std_error.to_numpy() == pytest.approx(hc3, rel=1e-6)


def test_the_poisson_regression_gets_the_total_of_its_training_days_right(holdout):
    result = holdout.models["regression: Poisson on window spends"].result_
    assert result.residuals.sum() == pytest.approx(0, abs=1e-3 * result.fitted_values.sum())


def test_forecasts_know_nothing_after_the_cut(groceries):
    cut = "2017-09-24"
    blind = groceries.until(cut)
    for model in (pz.clv.NaiveRate(), pz.clv.WindowRegression(), pz.clv.BuyTillYouDie()):
        there = model.fit(groceries, as_of=cut, horizon=14).predict()
        pd.testing.assert_frame_equal(there, model.fit(blind, as_of=cut, horizon=14).predict())


def test_a_model_given_to_a_forecast_is_not_changed_by_it(groceries):
    given = pz.clv.BetaGeo()
    pz.clv.BuyTillYouDie(given).fit(groceries, as_of="2017-09-24", horizon=2)
    assert not hasattr(given, "params_")


# Bars -----------------------------------------------------------------------------------------------------------------
def test_the_model_chosen_before_the_holdout_meets_the_bars_on_complete_journey(known, holdout):
    inner = pz.clv.backtest(known, cut="2017-06-18", horizon=14)
    row = holdout.table(n_boot=200).set_index("model").loc[inner.best]
    assert inner.best == OLS
    assert (row.mae <= 183, row.rmse <= 277, row.gini >= 0.867, abs(row.bias) <= 0.05) == (
        True,
        True,
        True,
        True,
    )
    assert row.verdict == "better"
    assert row.mae_high < 0
    band = pz.clv.bands(inner.spend[inner.best], inner.actual.spend, level=0.8)
    assert 0.75 <= band.coverage(holdout.spend[inner.best], holdout.actual.spend) <= 0.85


def test_cdnow_holdout_is_where_probability_models_earn_their_place(cdnow_test):
    table = cdnow_test.table(n_boot=200).set_index("model")
    pareto = table.loc["Pareto/NBD x gamma-gamma"]
    assert (pareto.mae < 29.5, pareto.rmse < 72.3, abs(pareto.bias) < 0.15, pareto.verdict) == (
        True,
        True,
        True,
        "better",
    )
    assert table.loc["Pareto/NBD x gamma-gamma, all purchases", "gini"] > 0.69
    assert cdnow_test.refused.model.str.contains("regression").all()
    assert cdnow_test.refused.reason.str.contains(
        "weeks earlier and finds [01] weeks of history there"
    ).all()


def test_predicting_nothing_wins_the_mae_on_cdnow_and_is_called_out(cdnow_test):
    row = cdnow_test.table(n_boot=200).set_index("model").loc["naive: 0 for everybody"]
    assert row.mae == pytest.approx(30.11, abs=0.005)
    assert row.verdict == "no difference; MAE misleads"
    assert (row.gini, row.bias) == (pytest.approx(0, abs=1e-9), -1)


# The scoreboard -------------------------------------------------------------------------------------------------------
def test_gini_of_seven_customers_is_the_area_worked_out_by_hand():
    actual, forecast = [0, 0, 4, 0, 1, 0, 5], [3, 1, 7, 2, 5, 4, 6]
    # Shares in order of the forecast: .4 .9 1 1 1 1 1 (sum 6.3); of the truth: .5 .9 1 1 1 1 1 (6.4); by chance: 4.
    assert pz.clv.gini(actual, forecast) == pytest.approx((6.3 - 4) / (6.4 - 4))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 6)), min_size=3, max_size=40))
def test_ties_in_the_forecast_do_not_depend_on_the_order_of_rows(rows):
    rows = [*rows, (5, 3), (0, 1)]
    actual, forecast = np.array(rows, float).T
    turned = np.arange(len(rows))[::-1]
    assert pz.clv.gini(actual, forecast) == pytest.approx(
        pz.clv.gini(actual[turned], forecast[turned]), abs=1e-12
    )
    assert pz.clv.top_share(actual, forecast) == pytest.approx(
        pz.clv.top_share(actual[turned], forecast[turned])
    )
    assert pz.clv.gini(actual, actual) == pytest.approx(1)
    assert pz.clv.gini(actual, forecast) <= 1 + 1e-12
    assert pz.clv.top_mask(forecast).sum() == pytest.approx(max(1, round(0.1 * len(rows))))


def test_the_baseline_differs_from_itself_by_nothing_and_the_truth_beats_it():
    actual = np.arange(50.0)
    table = pz.clv.scoreboard(
        actual, pd.DataFrame({"truth": actual, "mean": actual.mean()}), baseline="mean"
    )
    truth, mean = table.set_index("model").loc["truth"], table.set_index("model").loc["mean"]
    assert (truth.mae, truth.rmse, truth.bias, truth.verdict) == (0, 0, 0, "better")
    assert (truth.gini, truth.spearman) == (pytest.approx(1), pytest.approx(1))
    assert (mean.mae_less, mean.mae_low, mean.mae_high, mean.verdict) == (0, 0, 0, "baseline")
    assert table.attrs["ceiling"] == pytest.approx(actual[-5:].sum() / actual.sum())


def test_deciles_of_a_perfect_forecast_lie_on_the_diagonal():
    values = np.random.default_rng(0).gamma(1, 50, 200)
    table = pz.clv.deciles(values, values)
    assert table.actual.to_numpy() == pytest.approx(table.forecast.to_numpy())
    assert (table.customers == 20).all()
    assert table.forecast.is_monotonic_decreasing


def test_top_gain_is_zero_against_itself_and_positive_against_chance():
    money, chance = np.arange(1000.0), np.random.default_rng(1).permutation(1000)
    assert pz.clv.top_gain(money, money, money).difference == 0
    gain = pz.clv.top_gain(money, money, chance)
    assert gain.mean_a * gain.n == pytest.approx(money[-100:].sum())
    assert gain.low > 0


# Intervals ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_intervals_hold_their_level_when_errors_repeat(level):
    rng = np.random.default_rng(2)
    mean = rng.gamma(1, 100, 8000)
    actual = rng.gamma(2, mean / 2)
    band = pz.clv.bands(mean[:4000], actual[:4000], level=level)
    assert band.coverage(mean[4000:], actual[4000:]) == pytest.approx(level, abs=0.03)
    around = band.around(mean)
    assert (around.low >= 0).all()
    assert (around.low <= around.high).all()


# Advice ---------------------------------------------------------------------------------------------------------------
def test_dropout_is_identified_on_cdnow_and_not_on_complete_journey(known, cdnow):
    music = pz.clv.dropout(cdnow, as_of="1997-09-30")
    grocery = pz.clv.dropout(known, as_of="2017-09-24")
    assert (music.identified, grocery.identified) == (True, False)
    assert grocery.sentence.startswith(
        "Dropout is not identified: leaving after a purchase has a chance of 0.1"
    )


@pytest.mark.parametrize(("shape", "tolerance"), [(1, 0.25), (4, 0.8)])
def test_regularity_finds_the_shape_of_the_gaps(shape, tolerance):
    rng = np.random.default_rng(4)
    gaps = np.ceil(rng.gamma(shape, 40 / shape, (1500, 3)) * rng.gamma(3, 1 / 3, (1500, 1)) + 0.001)
    days = np.cumsum(np.column_stack([np.zeros(1500), gaps]), axis=1)
    tables = shop([(i, d, 1) for i, row in enumerate(days) for d in row])
    assert pz.clv.regularity(tables, as_of=tables.end) == pytest.approx(shape, abs=tolerance)


def test_shape_says_that_cdnow_has_no_training_window_for_39_weeks(cdnow):
    table = pz.clv.shape(cdnow, as_of="1997-09-30", horizon=39).set_index("fact")
    assert "too short for a regression" in table.says["weeks to look back from the training day"]
    assert table.value["bought on one day only, share"] == pytest.approx(1411 / 2357)


# The table to act on --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("model", [pz.clv.NaiveRate(), pz.clv.BuyTillYouDie()])
def test_clv_is_the_discounted_sum_of_the_forecast(known, model):
    model.fit(known, as_of="2017-09-24", horizon=14)
    band = pz.clv.bands(np.arange(100.0), np.arange(100.0))
    args = {"model": model, "bands": band}
    free = pz.clv.value_table(known, rate=0.0, **args)
    assert free.clv.to_numpy() == pytest.approx(free.expected_spend.to_numpy(), rel=1e-9)
    year = pz.clv.value_table(known, rate=0.10, margin=0.5, **args)
    weekly = 1.1 ** (7 / 365.25)
    even = np.mean(weekly ** -np.arange(1.0, 15))
    assert year.clv.sum() / free.clv.sum() == pytest.approx(0.5 * even, rel=1e-3)
    names = [
        "customer_id",
        "as_of",
        "p_alive",
        "expected_orders",
        "expected_spend",
        "clv",
        "low",
        "high",
    ]
    assert list(year) == names
    assert (year.low <= year.clv + 1e-9).all()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=60))
def test_tiers_split_value_in_order_and_never_part_equals(numbers):
    values = pd.Series([*numbers, 7], dtype=float)
    tier = pz.clv.tiers(values)
    assert set(tier) <= set("ABC")
    for upper, lower in (("A", "B"), ("B", "C"), ("A", "C")):
        if (tier == upper).any() and (tier == lower).any():
            assert values[tier == upper].min() > values[tier == lower].max()
    assert values[tier == "A"].sum() >= 0.5 * values.sum() - 1e-9


def test_a_tier_table_adds_up():
    table = pd.DataFrame(
        {"clv": [6.0, 3.0, 1.0], "expected_orders": [3.0, 2, 1], "p_alive": [1.0, 0.5, 0.1]}
    )
    found = pz.clv.tier_table(table, pz.clv.tiers(table.clv))
    assert found.tier.tolist() == ["A", "B", "C"]
    assert found.share_of_value.tolist() == pytest.approx([0.6, 0.3, 0.1])


def test_every_margin_and_rate_that_the_notebook_lets_one_set_gives_a_value(known):
    model = pz.clv.NaiveRate().fit(known, as_of="2017-09-24", horizon=4)
    band = pz.clv.bands(np.arange(100.0), np.arange(100.0))
    cell = nbformat.read(NOTEBOOK, 4).cells[1].source.splitlines()
    ends = {
        line.split(":")[0]: Range.of(line) for line in cell if line.startswith(("margin", "rate"))
    }
    for rate, margin in zip(
        *([ends[name].low, ends[name].high] for name in ("rate", "margin")), strict=True
    ):
        assert (
            pz.clv.value_table(known, model=model, bands=band, rate=rate, margin=margin).clv >= 0
        ).all()


# Refusals -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda t: pz.clv.NaiveRate().fit(t, as_of="2017-09-24", horizon=0),
            "horizon = 0: give a whole number of weeks",
        ),
        (
            lambda t: pz.clv.WindowRegression(family="x").fit(t, as_of="2017-09-24", horizon=2),
            "use one of 'ols', 'poisson'",
        ),
        (
            lambda t: pz.clv.WindowRegression().fit(t, as_of="2017-04-01", horizon=13),
            "finds 0 weeks of history there",
        ),
        (
            lambda t: pz.clv.backtest(t, cut="2017-12-01", horizon=14),
            "after the last day of the data, 2017-12-31",
        ),
        (
            lambda t: pz.clv.scoreboard([1], pd.DataFrame({"a": [1.0]}), baseline="b"),
            "'b' is no column",
        ),
        (
            lambda t: pz.clv.scoreboard([0, 0], pd.DataFrame({"a": [1.0, np.nan]}), baseline="a"),
            "nobody spent",
        ),
        (lambda t: pz.clv.bands([1.0] * 30, [1.0] * 30, level=1), "intervals need 0 < level < 1"),
        (lambda t: pz.clv.tiers(pd.Series([1.0, -1])), "values of 0 or more"),
        (lambda t: pz.clv.tiers(pd.Series([1.0]), shares=(0.8, 0.5)), "ascending shares"),
        (
            lambda t: pz.clv.value_table(t, model=pz.clv.NaiveRate(), bands=None),
            "is not fitted. Next step: model.fit",
        ),
        (
            lambda t: pz.clv.value_table(t, model=pz.clv.NaiveRate(), bands=None, margin=2),
            "margin = 2: give the share",
        ),
        (
            lambda t: pz.clv.value_table(t, model=pz.clv.NaiveRate(), bands=None, margin=0),
            "margin = 0: give the share",
        ),
        (
            lambda t: pz.clv.outcome(t, after="2017-09-24", until="2017-09-24", customers=[1]),
            "is not after",
        ),
    ],
)
def test_wrong_input_is_refused_in_words(groceries, call, words):
    with pytest.raises(TableError, match=words):
        call(groceries)


def test_one_customer_leaves_the_naive_rate_and_says_why_of_the_others():
    tables = shop([(1, 7 * week, 5) for week in range(40)])
    test = pz.clv.backtest(tables, cut=day(7 * 25), horizon=10)
    assert list(test.models) == ["naive: 0 for everybody", NAIVE]
    assert test.refused.reason.str.contains(
        "at least 3 are needed|ten customers a coefficient"
    ).all()


# The plan and the exhibits --------------------------------------------------------------------------------------------
def test_the_plan_leaves_a_horizon_between_choosing_checking_and_valuing(groceries):
    plan = pz.clv.plan(groceries)
    days = plan.table().last_known_day
    assert (plan.horizon, str(plan.check.date()), str(plan.choose.date())) == (
        14,
        "2017-09-24",
        "2017-06-18",
    )
    assert (days.diff().dropna() == pd.Timedelta(weeks=14)).all()
    assert pz.clv.plan(groceries, as_of="2017-06-30", horizon=14).horizon == 25 * 2 // 7


@pytest.mark.parametrize(
    ("orders", "words"),
    [
        ([(i, d, 1) for i in range(40) for d in (0, 20)], "3 whole week.s. of orders"),
        (
            [(i, d, 1) for i in range(4) for d in range(90)],
            "4 customer.s. with a purchase up to .*: at least 20",
        ),
    ],
)
def test_too_short_or_too_small_a_shop_is_refused_in_one_line(orders, words):
    with pytest.raises(TableError, match=words) as caught:
        pz.clv.plan(shop(orders))
    assert "\n" not in str(caught.value)


def test_every_printed_number_of_cdnow_agrees_and_a_wrong_table_does_not(cdnow):
    check = pz.clv.cdnow_check(cdnow)
    assert len(check) == 15
    assert check.agrees.all()
    assert not pz.clv.cdnow_check(cdnow, as_of="1997-09-23").agrees[:14].any()


def test_tracking_counts_what_the_log_holds_and_expects_a_like_number(cdnow, calibration):
    path = pz.clv.tracking(cdnow, pz.clv.BetaGeo().fit(calibration), as_of="1997-09-30")
    table = path.pivot(index="week", columns="kind", values="purchases")
    assert table.counted[39] == calibration.frequency.sum() == 2457
    assert table.counted[78] == 2457 + 1882
    assert table.expected[39] == pytest.approx(2457, rel=0.03)
    assert (table.diff().dropna() >= 0).all().all()


def test_means_by_frequency_leave_small_groups_out():
    customers = pd.DataFrame({"frequency": [0] * 12 + [1] * 3 + [8] * 10 + [9] * 10})
    table = pz.clv.by_frequency(customers, np.arange(35.0), np.ones(35))
    assert table.before.tolist() == [0, 7, 0, 7]
    assert table.query("kind == 'forecast'").purchases.tolist() == [5.5, 24.5]
    assert table.customers.tolist() == [12, 20, 12, 20]


def test_a_silent_frequent_buyer_is_worth_less_than_a_silent_rare_one():
    grid = pz.clv.frequency_recency(
        pz.clv.BetaGeo.at(r=0.243, alpha=4.414, a=0.793, b=2.426), t=39, T=39
    )
    assert grid.shape == (10, 10)
    assert grid.iloc[9, 0] < grid.iloc[0, 0]
    assert (np.diff(grid.to_numpy(), axis=1) > 0).all()
    assert (np.diff(grid.iloc[:, -1]) > 0).all()


def test_coverage_is_learned_on_the_first_stretch_and_checked_on_the_second(known, holdout):
    inner = pz.clv.backtest(
        known, cut="2017-06-18", horizon=14, models={OLS: pz.clv.WindowRegression()}
    )
    table = pz.clv.coverage(inner, holdout, OLS)
    assert table.promised.tolist() == [0.5, 0.8, 0.9, 0.95]
    assert table.held.to_numpy() == pytest.approx(table.promised.to_numpy(), abs=0.05)
    assert table.held.is_monotonic_increasing
