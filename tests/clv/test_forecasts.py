"""Forecasts and blends of forecasts."""

import numpy as np
import pandas as pd
import pytest

import personalize as pz
from personalize.tables import TableError
from tests.clv.helpers import START, clockwork, day, shop


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


def test_a_blend_is_refused_where_one_of_its_members_is(cdnow):
    with pytest.raises(TableError, match="at least 2 are needed"):
        pz.clv.Blend([pz.clv.NaiveRate(), pz.clv.WindowRegression()]).fit(
            cdnow, as_of="1997-09-30", horizon=39
        )
