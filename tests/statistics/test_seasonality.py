"""Claims of seasonality."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st
from statsmodels.regression.linear_model import OLS
from statsmodels.tools import add_constant

import personalize as pz
from personalize import statistics
from tests.statistics.shops import DAY0, shop

orders = st.lists(
    st.tuples(st.integers(1, 5), st.integers(0, 90), st.integers(0, 2000)), min_size=2, max_size=40
)


def test_hours_weekdays_and_weeks_by_hand(seven: pz.tables.Tables) -> None:
    table = statistics.hours(seven)
    hour = statistics.by_hour(table).set_index("hour")
    assert hour.orders[[8, 9, 17]].tolist() == [1, 1, 2] and hour.share[17] == 0.5
    assert statistics.has_hours(table)
    weeks = statistics.weekly(table)
    assert weeks.week.tolist() == [DAY0 + pd.Timedelta(days=7 * k) for k in range(6)]
    assert weeks.orders.tolist() == [2, 0, 0, 0, 0, 2] and weeks.spend.tolist() == [
        12,
        0,
        0,
        0,
        0,
        63,
    ]
    assert set(statistics.timeline(table).per) == {"day"} and len(statistics.timeline(table)) == 42
    assert statistics.by_weekday(table).set_index("weekday").orders["Sunday"] == 1
    grid = statistics.weekday_hour(table, min_cell=1).table()
    assert grid.loc["Monday", 17] == 1 / 6 and np.isnan(grid.loc["Tuesday", 9])


@pytest.mark.parametrize("log", [True, False])
def test_trend_and_its_interval_equal_statsmodels_newey_west(log: bool) -> None:
    y = pd.Series(np.random.default_rng(4).normal(100, 9, 52).cumsum() / 20 + 50)
    y = y if log else y - y.min()  # a value of 0: no logarithm
    z = np.log(y) if log else y
    found = statistics.trend(y)
    lags = int(4 * (52 / 100) ** (2 / 9))
    fit = OLS(z, add_constant(np.arange(52.0))).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}, use_t=True
    )
    low, high = fit.conf_int().iloc[1]
    ends = np.array([fit.params.iloc[1], low, high]) * 51
    assert (found.change, found.change_low, found.change_high) == pytest.approx(
        np.expm1(ends) if log else ends / y.mean()
    )
    assert bool(found.note) is not log


@pytest.mark.parametrize(
    ("series", "note"), [([], "0 value"), ([5.0] * 7, "7 value"), ([0.0] * 20, "not above 0")]
)
def test_a_trend_that_cannot_be_told_says_why(series: list, note: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = statistics.trend(pd.Series(series, dtype=float))
    assert note in found.note and np.isnan(found.change)


def test_weekday_pattern_and_an_odd_day_are_found() -> None:
    rng = np.random.default_rng(1)
    per_day = 20 + 10 * (np.arange(70) % 7 == 5) + rng.integers(0, 3, 70)
    per_day[33] = 80
    rows = [
        (1 + k % 9, 1000 * d + k, 1, DAY0 + pd.Timedelta(days=d), 1, 1.0)
        for d in range(70)
        for k in range(per_day[d])
    ]
    found = statistics.season(statistics.hours(shop(rows)))
    assert found.weekday_strength > 0.4
    assert found.unusual.day[0] == DAY0 + pd.Timedelta(days=33) and found.unusual.z[0] > 5
    assert "too few for a yearly season" in found.note


def test_a_season_that_cannot_be_told_says_why(seven: pz.tables.Tables) -> None:
    short = statistics.season(statistics.hours(seven.until("2024-01-04")))
    assert short.note == "4 day(s), a weekday pattern needs 28" and short.table().empty
    same = shop([(1, d, 1, DAY0 + pd.Timedelta(days=d), 1, 1.0) for d in range(30)])
    assert statistics.season(statistics.hours(same)).note == "orders never vary"
