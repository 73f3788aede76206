"""Intervals for customers and totals keep their promise."""

import numpy as np
import pandas as pd
import pytest

import personalize as pz
from personalize.tables import TableError
from tests.clv.helpers import OLS


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


def test_coverage_is_learned_on_the_first_stretch_and_checked_on_the_second(known, holdout):
    inner = pz.clv.backtest(
        known, cut="2017-06-18", horizon=14, models={OLS: pz.clv.WindowRegression()}
    )
    table = pz.clv.coverage(inner, holdout, OLS)
    assert table.promised.tolist() == [0.5, 0.8, 0.9, 0.95]
    assert table.held.to_numpy() == pytest.approx(table.promised.to_numpy(), abs=0.05)
    assert table.held.is_monotonic_increasing


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


@pytest.mark.parametrize(
    ("held", "words"), [(0.8, "keep their promise"), (0.95, "wider"), (0.6, "too narrow")]
)
def test_the_reading_of_intervals_says_whether_they_keep_their_promise(held, words):
    row = {"promised": 0.8, "held": held, "held_low": held - 0.02, "held_high": held + 0.02}
    row |= {"total_low": 1.0, "total_high": 3.0, "total_actual": 4.0, "total_inside": False}
    table = pd.DataFrame([row])
    said = pz.clv.coverage_reading(table, table, currency="EUR")
    assert words in said and "4 EUR, outside its 80 % interval (1 to 3)" in said
