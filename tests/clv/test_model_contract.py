"""Every model of lifetime value keeps the promises of the wider ecosystem."""

import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline

import personalize as pz
from personalize.tables import TableError
from tests.model_contract import Case, ModelContract

PURCHASES = [
    pz.clv.NBD(),
    pz.clv.BetaGeo(max_iter=300),
    pz.clv.ModifiedBetaGeo(start={"r": 1.0}),
    pz.clv.ParetoNBD(),
    pz.clv.BetaGeoCNBD(k=2),
    pz.clv.ModifiedBetaGeoCNBD(),
]
FORECASTS = [
    pz.clv.ZeroForecast(),
    pz.clv.NaiveRate(weeks=4),
    pz.clv.BuyTillYouDie(pz.clv.ParetoNBD(), pz.clv.GammaGamma(purchases="all")),
    pz.clv.BuyTillYouDie(),
    pz.clv.WindowRegression((2, 4)),
    pz.clv.WindowRegression(family="hurdle"),
    pz.clv.WindowRegression(family=LinearRegression()),
    pz.clv.Blend([pz.clv.NaiveRate(), pz.clv.BuyTillYouDie()]),
    pz.clv.Recalibrated(pz.clv.NaiveRate()),
]
CONTRACTS = pz.clv.contracts([1000, 869, 743, 653, 593, 551, 517, 491])
PERIODS = pd.DataFrame({"frequency": [0, 2, 3, 6] * 10, "recency": [0, 4, 5, 6] * 10, "T": 6})
PERIODS = PERIODS.assign(customer_id=PERIODS.index)


def case(model, calibration, cdnow):
    """How a model of each kind is fitted and asked."""
    if isinstance(model, pz.clv.GammaGamma):
        return Case(model, lambda m: m.fit(calibration), lambda m: m.expected_spend())
    if isinstance(model, pz.clv.ShiftedBetaGeo):
        return Case(model, lambda m: m.fit(CONTRACTS), lambda m: m.survival([1, 5]))
    if isinstance(model, pz.clv.BetaGeoBetaBinom):
        return Case(model, lambda m: m.fit(PERIODS), lambda m: m.expected_purchases(5))
    if model in FORECASTS:
        fit = {"as_of": "1997-09-30", "horizon": 8}
        return Case(model, lambda m: m.fit(cdnow, **fit), lambda m: m.predict())
    return Case(model, lambda m: m.fit(calibration), lambda m: m.expected_purchases(39))


class TestEveryModel(ModelContract):
    @pytest.fixture(
        params=[
            *PURCHASES,
            *FORECASTS,
            pz.clv.BetaGeoBetaBinom(),
            pz.clv.GammaGamma(),
            pz.clv.GammaGamma(purchases="all"),
            pz.clv.ShiftedBetaGeo(),
        ],
        ids=lambda model: type(model).__name__,
    )
    def case(self, request, calibration, cdnow):
        return case(request.param, calibration.head(600), cdnow)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: pz.clv.summary(x, as_of="1997-09-30"),
        lambda x: pz.clv.periods(x, as_of="1997-09-30"),
        lambda x: pz.clv.regularity(x, as_of="1997-09-30"),
        lambda x: pz.clv.dropout(x, as_of="1997-09-30"),
        lambda x: pz.clv.tracking(x, pz.clv.BetaGeo(), as_of="1997-09-30"),
        lambda x: pz.clv.plan(x),
        lambda x: pz.clv.backtest(x, cut="1997-09-30", horizon=4),
        lambda x: pz.clv.cdnow_check(x),
        lambda x: pz.clv.shape(x, as_of="1997-09-30", horizon=4),
    ],
)
def test_a_frame_in_place_of_tables_is_told_the_call_that_works(call, calibration):
    with pytest.raises(TableError, match="pz.load"):
        call(calibration)


def test_a_purchase_model_goes_where_scikit_learn_expects_an_estimator(calibration):
    found = Pipeline([("model", pz.clv.BetaGeo())]).fit(calibration)
    plain = pz.clv.BetaGeo().fit(calibration)
    assert found["model"].params_.equals(plain.params_)
