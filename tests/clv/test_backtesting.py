"""The plan, the backtest, the scoreboard and its bars."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import personalize as pz
from personalize.tables import TableError, Unavailable
from tests.clv.helpers import NAIVE, OLS, day, shop


@pytest.fixture(scope="module")
def cdnow_test(cdnow):
    return pz.clv.backtest(cdnow, cut="1997-09-30", horizon=39)


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


def test_gini_of_seven_customers_is_the_area_worked_out_by_hand():
    actual, forecast = [0, 0, 4, 0, 1, 0, 5], [3, 1, 7, 2, 5, 4, 6]
    # Shares in order of the forecast: .4 .9 1 1 1 1 1 (sum 6.3); of the truth: .5 .9 1 1 1 1 1
    # (6.4); by chance: 4.
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
            "not fitted yet",
        ),
        (
            lambda t: pz.clv.value_table(t, model=pz.clv.NaiveRate(), bands=None, margin=2),
            "margin = 2: give the share",
        ),
        (
            lambda t: pz.clv.value_table(t, model=pz.clv.NaiveRate(), bands=None, margin=0),
            "margin = 0: give the share",
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


def test_the_model_for_cdnow_is_chosen_inside_the_calibration(cdnow):
    trial = pz.clv.backtest(cdnow, cut="1997-05-20", horizon=19)
    assert trial.best == "Pareto/NBD x gamma-gamma, all purchases"


def test_the_choice_says_use_it_only_where_it_is_better_than_the_naive_rate():
    actual = np.arange(60.0)
    forecasts = pd.DataFrame({NAIVE: 30.0, "truth": actual, "shuffled": actual[::-1]})
    board = pz.clv.scoreboard(actual, forecasts, baseline=NAIVE)
    said = {name: pz.clv.Choice(board, name, "USD").caption for name in forecasts}
    assert "better than the naive rate: use it" in said["truth"]
    assert "not better than the naive rate" in said["shuffled"]
    assert "the naive rate itself" in said[NAIVE]


def test_a_refused_forecast_is_asked_for_in_vain_with_its_reason():
    tables = shop([(1, 7 * week, 5) for week in range(40)])
    test = pz.clv.backtest(tables, cut=day(7 * 25), horizon=10)
    with pytest.raises(Unavailable, match="no regression: .*ten customers a coefficient"):
        test.model(OLS)
    assert test.model(NAIVE) is test.models[NAIVE]
