"""Regressions on window spends, and the guard against features that only grow."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

import personalize as pz
from personalize.clv.regression import FAMILIES, regressor
from personalize.tables import TableError
from tests.clv.helpers import OLS


def test_the_regression_looks_back_equally_far_when_it_learns_and_when_it_forecasts(holdout):
    result = holdout.models[OLS].result_
    assert (result.trained_on, result.lookback) == (pd.Timestamp("2017-06-18"), 24)
    assert result.table().term.tolist() == ["constant", "spend_4w", "spend_8w", "spend_24w"]
    assert holdout.spend[OLS].sum() / holdout.actual.spend.sum() == pytest.approx(1, abs=0.05)


def test_regression_coefficients_are_those_of_numpy_least_squares(groceries, holdout):
    past = pz.features.window_spend(groceries, as_of="2017-06-18", weeks=(4, 8, 24))
    later = pz.features.window_spend(groceries, as_of="2017-09-24", weeks=(14,))
    y = later.set_index("customer_id").spend_14w[past.customer_id].reset_index(drop=True)
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


LOG_LINK = ("poisson", "tweedie", "gamma")


def windows(n=4000, seed=0):
    rng = np.random.default_rng(seed)
    x = pd.DataFrame({"a": rng.normal(0, 0.5, n), "b": rng.normal(0, 0.5, n)})
    return x, np.exp(2.0 + 0.8 * x.a - 0.3 * x.b).to_numpy(), rng


@pytest.mark.parametrize("family", LOG_LINK)
def test_a_log_link_family_finds_the_coefficients_it_was_made_of(family):
    x, mean, rng = windows()
    y = rng.poisson(mean) if family == "poisson" else rng.gamma(3.0, mean / 3.0)
    fit = regressor(family).fit(x, y.astype(float))
    table, forecast = fit.coefficients_, fit.predict(x)
    assert table.estimate.to_numpy() == pytest.approx([2.0, 0.8, -0.3], abs=0.06)
    assert ((table.low < [2.0, 0.8, -0.3]) & (table.high > [2.0, 0.8, -0.3])).all()
    assert forecast == pytest.approx(mean, rel=0.15)


def test_a_hurdle_is_the_chance_of_buying_times_what_is_then_spent():
    x, mean, rng = windows(seed=1)
    bought = rng.random(len(mean)) < 1 / (1 + np.exp(-(x.a + 0.5)))
    y = np.where(bought, rng.gamma(3.0, mean / 3.0), 0.0)
    forecast = regressor("hurdle").fit(x, y).predict(x)
    truth = mean / (1 + np.exp(-(x.a.to_numpy() + 0.5)))
    assert np.corrcoef(forecast, truth)[0, 1] > 0.99
    assert forecast.sum() == pytest.approx(y.sum(), rel=0.05)


def test_trees_learn_a_step_that_a_line_cannot():
    rng = np.random.default_rng(2)
    x = pd.DataFrame({"a": rng.uniform(-1, 1, 2000)})
    y = np.where(np.abs(x.a) < 0.3, 10.0, 1.0)
    trees = regressor("boosting").fit(x, y).predict(x)
    line = regressor("ols").fit(x, y).predict(x)
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


def test_diagnostics_name_uneven_spread_overlap_and_influence(groceries):
    model = pz.clv.WindowRegression().fit(groceries, as_of="2017-09-24", horizon=14)
    table = model.result_.diagnostics()
    assert len(table) == 4
    assert len(model.result_.influence) == model.result_.n
    assert table.says[0].startswith("large forecasts err more")
    assert table.value[3] == pytest.approx(model.result_.coefficients.vif.max())
    plain = pz.clv.WindowRegression(family="poisson").fit(groceries, as_of="2017-09-24", horizon=14)
    assert len(plain.result_.diagnostics()) == 3  # Cook's distance belongs to least squares


def test_features_that_can_only_grow_are_refused_by_name(groceries):
    model = pz.clv.WindowRegression(extra=pz.features.rfm)
    with pytest.raises(
        TableError, match="frequency.* never fell for any customer from 2017-06-18 to 2017-09-24"
    ):
        model.fit(groceries, as_of="2017-09-24", horizon=14)


def test_windows_pass_the_guard_and_change_nothing_when_they_are_there_already(groceries):
    plain = pz.clv.WindowRegression().fit(groceries, as_of="2017-09-24", horizon=14).predict()

    def again(tables, as_of):
        windows = pz.features.window_spend(tables, as_of=as_of, weeks=(4,))
        return windows[["customer_id", "spend_4w"]].rename(columns={"spend_4w": "again"})

    extra = pz.clv.WindowRegression(extra=again)
    same = extra.fit(groceries, as_of="2017-09-24", horizon=14).predict()
    assert same.expected_spend.to_numpy() == pytest.approx(
        plain.expected_spend.to_numpy(), rel=1e-6
    )


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=20))
def test_a_feature_is_cumulative_when_it_rose_for_some_and_fell_for_none(steps):
    past = pd.DataFrame({"f": np.zeros(len(steps))})
    found = pz.clv.cumulative(past, past + np.array(steps, float)[:, None])
    assert bool(found) == (min(steps) >= 0 and max(steps) > 0)


def test_any_regressor_of_scikit_learn_takes_the_place_of_a_family(groceries):
    plain, own = pz.clv.WindowRegression(), pz.clv.WindowRegression(family=LinearRegression())
    expected = plain.fit(groceries, as_of="2017-09-24").predict().expected_spend
    found = own.fit(groceries, as_of="2017-09-24").predict().expected_spend
    assert found.to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-8)
    assert own.result_.table().empty
